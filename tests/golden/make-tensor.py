#!/usr/bin/env python3
"""make-tensor: the samples of tests/golden/{tensor-torch,pickle,dcp}, by torch and numpy themselves.

	make-tensor.py FOLDER	(tests/golden)

Beside each NAME.pt or NAME.npz lies NAME.txt: a line for each tensor that is to be found, `name type shape at`, ordered by
at; the place in the file is told by Python's zipfile and pickle, not by this project's code.
Written with torch 2.15.0 and numpy 2.4.6.
"""
import io, os, pickle, random, struct, sys, zipfile

import numpy
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict

out = sys.argv[1]
TYPES = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16", torch.int32: "i32", torch.int16: "i16",
         torch.uint16: "i16", torch.uint32: "i32"}


def data_at(raw, info):
    """Where a member's bytes begin."""
    name, extra = struct.unpack("<HH", raw[info.header_offset + 26:info.header_offset + 30])
    return info.header_offset + 30 + name + extra


class T:
    """A tensor, as the pickle says it."""
    def __init__(self, storage, offset, size, stride, *rest):
        self.dtype, self.key, self.size, self.stride, self.offset = *storage, size, stride, offset


class Reader(pickle.Unpickler):
    def persistent_load(self, pid):
        return getattr(pid[1], "dtype", None), pid[2]

    def find_class(self, module, name):
        known = {"_rebuild_tensor_v2": T, "_rebuild_tensor_v3": lambda *a: T((a[6], a[0][1]), *a[1:4]),
                 "_rebuild_parameter": lambda t, *rest: t}
        return known[name] if module == "torch._utils" and name in known else super().find_class(module, name)


def walk(x, path):
    """Every tensor in dicts, lists and tuples, with its name."""
    if isinstance(x, T):
        yield ".".join(path), x
    elif isinstance(x, dict):
        for k, v in x.items():
            yield from walk(v, path + [str(k)])
    elif isinstance(x, (list, tuple)):
        for i, v in enumerate(x):
            yield from walk(v, path + [str(i)])
    elif isinstance(x, torch.nn.Module):
        yield from walk(x.__dict__, path)


def expect(raw):
    """The lines: of tensors that overlap, those at the lowest place, of these the largest, of these the first."""
    with zipfile.ZipFile(io.BytesIO(raw)) as z:
        at = {i.filename.rpartition("/")[2]: data_at(raw, i) for i in z.infolist()}
        pkl = z.read([n for n in z.namelist() if n.endswith("data.pkl")][0])
    found = []
    for order, (name, t) in enumerate(walk(Reader(io.BytesIO(pkl)).load(), [])):
        if t.dtype not in TYPES or 0 in t.size:
            continue
        dims = sorted(zip(t.stride, t.size), key=lambda d: -d[0])
        dense, n = True, 1
        for stride, size in reversed(dims):
            dense &= size == 1 or stride == n
            n *= size
        extent = 1 + sum((size - 1) * stride for stride, size in dims)
        shape = [size for _, size in dims] if dense else [extent]
        found.append((at[t.key] + t.offset * t.dtype.itemsize, -extent * t.dtype.itemsize, order, name, TYPES[t.dtype], shape))
    text, end = "", 0
    for place, size, _, name, kind, shape in sorted(found):
        if place >= end:
            text += "%s %s %s %d\n" % (name, kind, "x".join(map(str, shape)) or "1", place)
            end = place - size
    return text


def keep(name, x, text=None, **how):
    path = os.path.join(out, "tensor-torch", name + ".pt")
    torch.save(x, path, **how)
    raw = open(path, "rb").read()
    if text is None:
        text = expect(raw)
    open(path[:-2] + "txt", "w").write(text)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as z:
            pkl = [n for n in z.namelist() if n.endswith("data.pkl")][0]
            open(os.path.join(out, "pickle", name), "wb").write(z.read(pkl))
    return raw


def rezip(name, raw, **how):
    """The same members, written by Python's zipfile."""
    b = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(b, "w", **how) as new:
        for info in old.infolist():
            if how:
                new.writestr(info.filename, old.read(info))
            else:
                with new.open(info.filename, "w", force_zip64=True) as f:
                    f.write(old.read(info))
    path = os.path.join(out, "tensor-torch", name + ".pt")
    open(path, "wb").write(b.getvalue())
    text = "" if how else expect(b.getvalue())
    open(path[:-2] + "txt", "w").write(text)


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(11, 6)
        self.norm = torch.nn.LayerNorm(6)
        self.fc = torch.nn.Linear(6, 6, bias=False)
        self.head = torch.nn.Linear(6, 11, bias=False)
        self.head.weight = self.emb.weight  # tied

    def forward(self, x):
        return self.head(self.fc(self.norm(self.emb(x))))


torch.manual_seed(1)
random.seed(1)
model = Tiny()
decay = [p for p in model.parameters() if p.dim() > 1]
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1},
                         {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}],
                        lr=3e-4, betas=(0.9, 0.95), eps=1e-8)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: 1 / (1 + s))
for step in range(3):
    loss = torch.nn.functional.cross_entropy(model(torch.arange(11)), torch.arange(11).flip(0))
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
state = {"model": model.state_dict(), "optimizer": opt.state_dict(), "step": 3}
raw = keep("tied-adamw", state)
keep("tied-adamw-p4", state, pickle_protocol=4)
keep("tied-adamw-p5", state, pickle_protocol=5)
rezip("zip64", raw)
rezip("compressed", raw, compression=zipfile.ZIP_DEFLATED)
keep("legacy", state, "", _use_new_zipfile_serialization=False)

every = dict(state, scheduler=sched.state_dict(), scaler={"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 7},
             rng={"torch": torch.get_rng_state(), "python": random.getstate(),
                  "numpy": numpy.random.RandomState(1).get_state()})
keep("everything", every)

a = torch.arange(240, dtype=torch.float32).reshape(8, 30) / 7
big = torch.arange(5000, dtype=torch.float32) / 3
keep("views", {
    "turned": torch.arange(35, dtype=torch.float32).reshape(5, 7).t(),
    "part": a[2:4], "before": a[:2], "column": a[4:, 3], "again": a,
    "channels_last": torch.arange(120, dtype=torch.int32).reshape(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "spread": torch.tensor([2.5]).expand(4, 9),
    "of_big": big[4000:4100],
    "none": torch.zeros(0, 3), "one": torch.tensor(4.25),
    "half": torch.arange(9, dtype=torch.float16) / 3, "bf16": torch.arange(10, dtype=torch.bfloat16) / 3,
    "short": torch.arange(11, dtype=torch.int16), "f64": torch.arange(3, dtype=torch.float64),
    "bool": torch.tensor([True]), "parameter": torch.nn.Parameter(torch.arange(13) / 5),
})
keep("list", [torch.arange(4) / 3, (torch.arange(5) / 3, {7: torch.arange(6) / 3})])
keep("module", torch.nn.Sequential(torch.nn.Linear(3, 2)))  # of a class: its __dict__ is looked into
unsigned = {"u16": torch.arange(8).to(torch.uint16), "u32": torch.arange(8).to(torch.uint32)}
keep("unsigned", unsigned)

arrays = {"w": numpy.arange(12, dtype="<f4").reshape(3, 4), "f": numpy.asfortranarray(numpy.arange(6, dtype="<f2").reshape(2, 3)),
          "d": numpy.arange(3, dtype="<f8"), "be": numpy.arange(4, dtype=">f4")}
numpy.savez(os.path.join(out, "tensor-torch", "arrays.npz"), **arrays)
numpy.savez_compressed(os.path.join(out, "tensor-torch", "deflated.npz"), **arrays)

# torch.distributed.checkpoint: a zip file a tensor, one after another, and their names in .metadata
small = torch.nn.Linear(6, 5)
opt = torch.optim.AdamW(small.parameters(), lr=1e-3)
for step in range(2):
    small(torch.ones(2, 6)).sum().backward()
    opt.step()
names, optim = get_state_dict(small, opt)
folder = os.path.join(out, "dcp")
dcp.save({"model": names, "optim": optim}, checkpoint_id=folder, no_dist=True)
raw = open(os.path.join(folder, "__0_0.distcp"), "rb").read()
lines = []
for index, info in pickle.load(open(os.path.join(folder, ".metadata"), "rb")).storage_data.items():
    for line in expect(raw[info.offset:info.offset + info.length]).splitlines():
        _, kind, shape, at = line.split(" ")
        lines.append((info.offset + int(at), "%s %s %s %d\n" % (index.fqn, kind, shape, info.offset + int(at))))
open(os.path.join(folder, "list.txt"), "w").write("".join(line for _, line in sorted(lines)))
