"""lightcone: what a PyTorch training script tells Lightcone, keeps for it, and takes from it.

One file, Python 3.9 or newer, nothing but the standard library and the torch (1.13 or newer) that is there already.
Copy it beside your script, or put its folder on PYTHONPATH.

    import lightcone as lc

    batches = lc.Batches(loader)                       # a DataLoader whose position can be saved
    at = lc.load(None, model, optimizer, scheduler, loader=batches)
    step = at.step
    while step < total:
        for batch in batches:
            lc.poll(optimizer)                         # what this future does differently
            loss = train_on(batch)                     # forward, backward, clip, optimizer.step(), scheduler.step()
            step += 1
            lc.log(step=step, loss=loss, batch=batch)
            if step % 100 == 0:
                lc.save(None, step, model, optimizer, scheduler, loader=batches)

Under lc-guard(1) and lc-fork(1) the environment says where states are, which actions are in force, and which file to
poll (lc-trainer(7)); without them load() finds nothing, poll() changes nothing, and log() writes to standard output.

What is written is safetensors and JSON: neither writing nor reading unpickles anything.
"""
import base64
import collections
import contextlib
import ctypes
import functools
import hashlib
import itertools
import json
import math
import mmap
import os
import random
import re
import shutil
import struct
import sys
import types
import weakref

__version__ = "1"
__all__ = ["log", "gvar", "watch", "save", "load", "state_dir", "out_dir", "last_step", "actions", "action", "poll", "skips", "lr",
           "Batches", "Mismatch", "HFCallback", "LightningCallback"]

FORMAT = 1  # of state.json


def _torch():
    import torch
    return torch


def _say(text):
    print("lightcone: " + text, file=sys.stderr, flush=True)


def _env(name):
    value = os.environ.get(name, "")
    return None if value in ("", "none") else value


# ---- records: lc-record(5) ----

_metrics = {}  # path -> open file
_watches = []
_setup_told = False


def _number(x):
    """A number as strict JSON has it: what is not finite is the string nan, inf or -inf."""
    if hasattr(x, "detach"):
        x = x.detach()
    x = x.item() if hasattr(x, "item") else x
    if isinstance(x, float) and not math.isfinite(x):
        return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
    return x


def _emit(record):
    path = _env("LC_METRICS")
    if path is None:
        out = sys.stdout
    else:
        if path not in _metrics:
            _metrics[path] = open(path, "a", encoding="utf-8")
        out = _metrics[path]
    out.write(json.dumps(record, allow_nan=False, separators=(",", ":")) + "\n")
    out.flush()


def batch_hash(batch):
    """16 hexadecimal digits of the SHA-256 of the tensors in a batch, which may be a tensor, or lists and dicts of
    them: two branches that print the same learned from the same data."""
    digest = hashlib.sha256()
    for name, tensor in _tensors_in(batch):
        digest.update(("%s %s %s\n" % (name, tensor.dtype, list(tensor.shape))).encode())
        host = tensor.detach().contiguous().cpu()
        digest.update(_bytes_of(host))
    return digest.hexdigest()[:16]


def _tensors_in(tree, name=""):
    if hasattr(tree, "data_ptr"):
        yield name, tree
    elif isinstance(tree, dict) or hasattr(tree, "items"):
        for key in sorted(tree, key=str):
            yield from _tensors_in(tree[key], "%s.%s" % (name, key))
    elif isinstance(tree, (list, tuple)):
        for i, item in enumerate(tree):
            yield from _tensors_in(item, "%s.%d" % (name, i))


def log(step, loss=None, batch=None, **metrics):
    """Write one step record, flushed. step: updates done so far, 1 for the first. Metrics are numbers or tensors of
    one element; common names are grad_norm, val_loss, gvar, reward. lr is filled in when it is not given, from the
    optimizer that poll() was told of: the lr that the last update really had. batch: the batch learned from, which is
    hashed, or a word that names it; it is left out where the step was passed over. Where there are several ranks, only the first one writes."""
    if _rank() != 0:
        return
    _tell_setup(batch)
    record = {"step": int(step)}
    if loss is not None:
        record["loss"] = _number(loss)
    if "lr" not in metrics and lr() is not None:
        metrics["lr"] = lr()
    for watched in _watches:
        metrics.update(watched.take())
    record.update((name, _number(value)) for name, value in metrics.items() if value is not None)
    if batch is not None and ("skip" in _asked or not skips(step)):
        record["batch"] = batch if isinstance(batch, str) else batch_hash(batch)
    if _env("LC_BRANCH"):
        record["branch"] = _env("LC_BRANCH")
    _emit(record)


def _tell_setup(batch):
    """Once, before the first record: what forecasts of clip, reset and noise go by, as far as it is known here."""
    global _setup_told
    if _setup_told or _first is None:
        return
    _setup_told = True
    groups = [group for o in list(_controls) for group in o.param_groups]
    record = {"type": "setup", "v": 1, "params": sum(p.numel() for group in groups for p in group["params"]),
              "optimizer": type(_first.optimizer()).__name__.lower(),
              "weight_decay": max(float(group.get("weight_decay") or 0) for group in groups)}
    first = next(_tensors_in(batch), (None, None))[1] if batch is not None else None
    if first is not None and first.dim() > 0:
        record["batch"] = first.shape[0] * _ranks()
        if first.dim() == 2 and not first.is_floating_point():
            record["tokens"] = first.numel() * _ranks()
    if "betas" in groups[0]:
        record["beta2"] = float(groups[0]["betas"][1])
    if _is_number(_defaults.get("clip")):
        record["clip"] = _defaults["clip"]
    _emit(record)


def gvar(optimizer, grads_a, grads_b, clip=None):
    """Trace of the covariance of the preconditioned gradient (lc-train(1)): sum of (a - b)^2 / (4 P) over the weights,
    P = sqrt(v / (1 - beta2^t)) + eps as Adam has it after the update, 1 for an optimizer without v.

    grads_a, grads_b: the gradients of the mean loss of two micro-batches, each as long as the optimizer's parameters
    in the order of its groups; None where there is none. clip: the largest norm of their mean, as in the update.
    A float; nan when there is nothing to go by yet."""
    params = [(group, p) for group in optimizer.param_groups for p in group["params"]]
    if not (len(params) == len(grads_a) == len(grads_b)):
        raise ValueError("gvar: %d parameters, %d and %d gradients" % (len(params), len(grads_a), len(grads_b)))
    total, square, found = 0.0, 0.0, False
    for (group, p), a, b in zip(params, grads_a, grads_b):
        if a is None or b is None:
            continue
        a, b = a.detach().double(), b.detach().double()
        square += float((a + b).square().sum()) / 4
        state = optimizer.state.get(p, {})
        v = state.get("exp_avg_sq")
        if v is None and "betas" in group:
            continue  # no update yet
        found = True
        scale = 1.0
        if v is not None:
            done = float(state.get("step", 0))
            scale = (v.detach().double() / (1 - group["betas"][1] ** max(done, 1))).sqrt() + group.get("eps", 1e-8)
        total += float(((a - b).square() / (4 * scale)).sum())
    if clip is not None and square > clip * clip:
        total *= clip * clip / square
    return total if found else math.nan


class _Watch:
    """See watch()."""

    def __init__(self, model, every):
        self.every, self.count, self.values, self.undo = every, 0, {}, []
        self.handles = [model.register_forward_pre_hook(self.before), model.register_forward_hook(self.after)]
        self.linear = [weakref.ref(m) for m in model.modules() if type(m).__name__ in ("Linear", "Conv1D")]

    def close(self):
        for handle in self.handles:
            handle.remove()
        self.restore()
        if self in _watches:
            _watches.remove(self)

    def before(self, module, args):
        self.count += 1
        if module.training and (self.count - 1) % self.every == 0 and not self.undo:
            self.found, self.rows = collections.defaultdict(list), collections.defaultdict(list)
            self.patch()

    def after(self, module, args, output):
        if not self.undo:
            return
        self.restore()
        self.values = {}
        for name, xs in self.found.items():
            stacked = _torch().stack(xs).float()
            self.values[name] = stacked.max() if name == "attn_logit_max" else stacked.mean()
        if self.rows:
            self.values["act_kurtosis"] = self.kurtosis()

    def restore(self):
        while self.undo:
            self.undo.pop()()

    def take(self):
        values, self.values = self.values, {}
        return {name: float(x) for name, x in values.items()}

    def patch(self):
        functional = _torch().nn.functional
        for name, seen in (("scaled_dot_product_attention", self.see_fused), ("softmax", self.see_softmax)):
            original = getattr(functional, name, None)
            if original is not None:
                setattr(functional, name, self.wrapped(original, seen))
                self.undo.append(lambda name=name, original=original: setattr(functional, name, original))
        for module in filter(None, (ref() for ref in self.linear)):
            self.undo.append(module.register_forward_pre_hook(self.see_activations).remove)

    def wrapped(self, original, seen):
        def call(*args, **kwargs):
            with _torch().no_grad():
                seen(*args, **kwargs)
            return original(*args, **kwargs)
        return call

    def add_rows(self, logits):
        """Rows of logits, -inf where masked."""
        logits = logits.float()
        p = logits.softmax(-1)
        self.found["attn_entropy"].append(-(p * p.clamp_min(1e-30).log()).sum(-1).mean())
        self.found["attn_logit_max"].append(logits.max())

    def see_fused(self, q, k, v=None, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **_):
        """A sample of it: the first item, at most 4 heads, the last 64 queries, at most 1024 keys."""
        torch = _torch()
        if q.dim() < 3:
            return
        q, k = q[:1].reshape(-1, *q.shape[-2:]), k[:1].reshape(-1, *k.shape[-2:])
        shared = max(q.shape[0] // max(k.shape[0], 1), 1)  # query heads a key head serves
        q = q[:4]
        k = k[[i // shared for i in range(q.shape[0])]]
        n, m = q.shape[-2], k.shape[-2]
        rows = torch.arange(max(0, min(n, 1024) - 64), min(n, 1024), device=q.device)
        m = min(m, 1024) if is_causal else m
        logits = q[:, rows].float() @ k[:, :m].float().transpose(-1, -2) * (scale or q.shape[-1] ** -0.5)
        if is_causal:
            logits.masked_fill_(torch.arange(m, device=q.device)[None] > rows[:, None], -math.inf)
        if attn_mask is not None:
            mask = attn_mask.expand(*attn_mask.shape[:-2], n, k.shape[-2]).reshape(-1, n, k.shape[-2])[:1, rows, :m]
            logits = logits.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else logits + mask
        self.add_rows(logits)

    def see_softmax(self, x, dim=None, *args, **kwargs):
        if x.dim() == 4 and dim in (-1, 3) and x.shape[-1] > 1:
            self.add_rows(x[:1, :4, -64:].masked_fill(x[:1, :4, -64:] < -1e4, -math.inf))

    def see_activations(self, module, args):
        """The last 16 rows, kept as they are now; all layers of a width are looked at together, once, behind the forward."""
        if args and hasattr(args[0], "dim") and args[0].numel() > 0:
            x = args[0].detach()
            x = x.reshape(-1, x.shape[-1])[-16:].clone()
            self.rows[x.shape, x.dtype, x.device].append(x)

    def kurtosis(self):
        found = []
        for xs in self.rows.values():
            x = _torch().stack(xs).float().flatten(1)
            square = (x - x.mean(1, keepdim=True)).square_()
            found.append(square.square().mean(1) / square.mean(1).square().clamp_min(1e-30))
        self.rows = None
        return _torch().cat([x.to(found[0].device) for x in found]).mean()


def watch(model, every=50):
    """At each `every`th training forward of model, look at a sample of what goes on in it: attn_entropy (nats, mean),
    attn_logit_max, act_kurtosis (of what goes into its linear layers, mean; 3 for a Gaussian). The next log() writes
    them. Seen are calls of torch.nn.functional's scaled_dot_product_attention and softmax; what torch.compile has
    compiled is not. Nothing is in the way of the other forwards. .close() ends it."""
    _watches.append(_Watch(model, every))
    return _watches[-1]


# ---- safetensors ----

_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
          "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool", "F8_E4M3": "float8_e4m3fn",
          "F8_E5M2": "float8_e5m2", "U16": "uint16", "U32": "uint32", "U64": "uint64", "C64": "complex64"}


def _dtypes():
    torch = _torch()
    return {name: getattr(torch, attr) for name, attr in _NAMES.items() if hasattr(torch, attr)}


def _bytes_of(host):
    """The bytes of a contiguous CPU tensor, without NumPy; it must outlive them."""
    size = host.numel() * host.element_size()
    return memoryview((ctypes.c_char * size).from_address(host.data_ptr())).cast("B") if size else b""


def write_safetensors(path, tensors):
    """tensors: name -> tensor, of any device. The file is on the disk when this returns."""
    names = {dtype: name for name, dtype in _dtypes().items()}
    header, at = {}, 0
    for name, t in tensors.items():
        if t.dtype not in names:
            raise TypeError("%s: no safetensors type for %s" % (name, t.dtype))
        end = at + t.numel() * t.element_size()
        header[name] = {"dtype": names[t.dtype], "shape": list(t.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            host = t.detach().cpu().contiguous()
            f.write(_bytes_of(host))
        f.flush()
        os.fsync(f.fileno())


def read_safetensors(path):
    """name -> tensor on the CPU, over a private mapping of the file. ValueError when it is not such a file."""
    torch, dtypes = _torch(), _dtypes()
    with open(path, "rb") as f:
        size = os.fstat(f.fileno()).st_size
        head = f.read(8)
        n = struct.unpack("<Q", head)[0] if len(head) == 8 else size
        if n > size - 8:
            raise ValueError("%s: not a safetensors file, or cut off" % path)
        header = json.loads(f.read(n))
        if not isinstance(header, dict):
            raise ValueError("%s: not a safetensors file" % path)
        view = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        try:
            dtype, shape, (begin, end) = dtypes.get(entry["dtype"]), entry["shape"], entry["data_offsets"]
            whole = all(type(n) is int and n >= 0 for n in shape + [begin, end])
        except (KeyError, TypeError, ValueError):
            whole = False
        if not whole:
            raise ValueError("%s: %s: a damaged header" % (path, name))
        count = math.prod(shape)
        if dtype is None:
            raise ValueError("%s: %s: this torch has no %s" % (path, name, entry["dtype"]))
        empty = torch.empty(0, dtype=dtype)
        if not 0 <= begin <= end <= size - 8 - n or count * empty.element_size() != end - begin:
            raise ValueError("%s: %s: cut off, or a wrong shape" % (path, name))
        if count == 0:
            found[name] = empty.reshape(shape)
            continue
        found[name] = torch.frombuffer(view, dtype=torch.uint8, count=end - begin, offset=8 + n + begin)
        found[name] = found[name].clone().view(dtype).reshape(shape)
    return found


# ---- trees: what state_dict() gives, as JSON beside a file of tensors ----

_CODE = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, type)  # the script's, not the state's


class _Packer:
    """Tensors go to .tensors; what has no form is noted in .lacks, and None in its place."""

    def __init__(self):
        self.tensors, self.lacks = {}, []

    def pack(self, x, name):
        if x is None or isinstance(x, (bool, str)) or type(x) is int:
            return x
        if isinstance(x, float):
            return x if math.isfinite(x) else {"$float": _number(float(x))}
        if hasattr(x, "data_ptr"):
            self.tensors[name] = x
            return {"$tensor": name}
        if isinstance(x, (bytes, bytearray)):
            return {"$bytes": base64.b64encode(bytes(x)).decode()}
        if isinstance(x, dict):
            return self.pack_dict(x, name)
        if isinstance(x, (list, tuple, set, frozenset, collections.deque)):
            items = [self.pack(item, "%s.%d" % (name, i)) for i, item in enumerate(x)]
            kind = "list" if isinstance(x, list) else "tuple" if isinstance(x, tuple) else type(x).__name__
            return items if kind == "list" else {"$" + kind: items}
        if type(x).__module__ == "numpy":
            return self.pack_numpy(x, name)
        self.lacks.append("%s (a %s)" % (name, type(x).__name__))
        return None

    def pack_dict(self, x, name):
        x = {key: value for key, value in x.items() if not isinstance(value, _CODE)}
        if all(isinstance(key, str) and not key.startswith("$") for key in x):
            return {key: self.pack(value, "%s.%s" % (name, key)) for key, value in x.items()}
        pairs = [[self.pack(key, name), self.pack(value, "%s.%s" % (name, key))] for key, value in x.items()]
        return {"$dict": pairs}

    def pack_numpy(self, x, name):
        if x.dtype.kind not in "fiub":
            self.lacks.append("%s (of NumPy, %s)" % (name, x.dtype))
            return None
        data = base64.b64encode(x.tobytes()).decode()
        return {"$numpy": [x.dtype.str, list(x.shape), data]}


def _unpack(x, tensors):
    if isinstance(x, list):
        return [_unpack(item, tensors) for item in x]
    if not isinstance(x, dict):
        return x
    if len(x) != 1 or not next(iter(x)).startswith("$"):
        return {key: _unpack(value, tensors) for key, value in x.items()}
    (kind, value), = x.items()
    if kind == "$tensor":
        return tensors[value]
    if kind == "$float":
        return float(value)
    if kind == "$bytes":
        return base64.b64decode(value)
    if kind == "$dict":
        return {_unpack(k, tensors): _unpack(v, tensors) for k, v in value}
    if kind == "$numpy":
        import numpy
        dtype, shape, data = value
        array = numpy.frombuffer(base64.b64decode(data), dtype=dtype).reshape(shape)
        return array.copy() if shape else array[()]
    make = {"$tuple": tuple, "$set": set, "$frozenset": frozenset, "$deque": collections.deque}
    if kind not in make:
        raise ValueError("state.json: what is %s?" % kind)
    return make[kind](_unpack(item, tensors) for item in value)


# ---- random generators ----

def _get_rng():
    torch = _torch()
    rng = {"python": random.getstate(), "cpu": torch.get_rng_state()}
    if "numpy" in sys.modules:
        rng["numpy"] = sys.modules["numpy"].random.get_state()
    if torch.cuda.is_available():
        rng["cuda"] = torch.cuda.get_rng_state_all()
    return rng


def _set_rng(rng):
    """What could not be put back, as words."""
    torch, lacks = _torch(), []
    random.setstate(rng["python"])
    torch.set_rng_state(rng["cpu"])
    if "numpy" in rng:
        try:
            import numpy
            numpy.random.set_state(rng["numpy"])
        except ImportError:
            lacks.append("rng: NumPy's (there is no NumPy)")
    devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for i, state in enumerate(rng.get("cuda", [])):
        if i < devices:
            torch.cuda.set_rng_state(state, i)
        else:
            lacks.append("rng: of CUDA device %d (there is none)" % i)
    if len(rng.get("cuda", [])) < devices:
        lacks.append("rng: of CUDA devices %d to %d (not in the state)" % (len(rng.get("cuda", [])), devices - 1))
    return lacks


class _Skipping:
    """A batch sampler that passes over the first `skip` batches of its next turn."""

    def __init__(self, inner):
        self.inner, self.skip = inner, 0

    def __iter__(self):
        skip, self.skip = self.skip, 0
        return itertools.islice(iter(self.inner), skip, None)

    def __len__(self):
        return len(self.inner)

    def __getattr__(self, name):
        return getattr(self.__dict__["inner"], name)


class Batches:
    """A DataLoader whose position can be saved, and whose order is a pure function of seed, epoch and the action
    reseed: iterate over it as over the loader, an epoch at a time, and not over the loader beside it. Its generators are
    seeded and its sampler's set_epoch called at each epoch. A resumed epoch passes over the batches that are done. That
    loads them again, so that whatever is random in the dataset goes on as it would have; fast=True only draws their
    indices (torchdata's StatefulDataLoader, which is taken as it is, does better still)."""

    def __init__(self, loader, seed=None, fast=False):
        self.loader, self.epoch, self.done, self.order = loader, 0, 0, 0
        self.seed = _torch().initial_seed() if seed is None else seed
        self._skipping = None
        if fast and loader.batch_sampler is not None:
            self._skipping = _Skipping(loader.batch_sampler)
            object.__setattr__(loader, "batch_sampler", self._skipping)

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        items, ended, place = None, object(), None
        while True:
            _asked.update(("reseed", "data_shift"))
            self.order, shift = (_in_force().get(name, 0) for name in ("reseed", "data_shift"))
            if place != (self.order, shift):
                place = self.order, shift
                items = self._shifted(shift) if shift else self._rest(self.epoch, self.done)
            item = next(items, ended)
            if item is ended or (shift and self.done == len(self.loader)):
                break
            self.done += 1
            yield item
        self.epoch += 1
        self.done = 0

    def _shifted(self, shift):
        """For each step the batch of the step so many later (or earlier): across the ends of epochs, too."""
        n = len(self.loader)
        epoch, done = divmod(max(self.epoch * n + self.done + shift, 0), n)
        while True:
            yield from self._rest(epoch, done)
            epoch, done = epoch + 1, 0

    def _rest(self, epoch, done):
        """The rest of an epoch. A sampler may draw its seed only when it is first asked: so the first is got here."""
        now = _get_rng()
        self._begin(epoch)
        if self._skipping is not None:
            self._skipping.skip = done
        items = iter(self.loader)
        for _ in range(0 if self._skipping is not None else done):
            next(items, None)
        first = list(itertools.islice(items, 1))
        _set_rng(now)
        return itertools.chain(first, items)

    def _begin(self, epoch):
        torch, sampler = _torch(), getattr(self.loader, "sampler", None)
        words = "%d %d %d" % (self.seed, self.order, epoch)
        seed = int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "little")
        random.seed(seed)
        torch.default_generator.manual_seed(seed)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(seed)
        for generator in (getattr(self.loader, "generator", None), getattr(sampler, "generator", None)):
            if generator is not None:
                generator.manual_seed(seed)
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch + 1000003 * self.order)

    def state_dict(self):
        return {"seed": self.seed, "epoch": self.epoch, "done": self.done}

    def load_state_dict(self, state):
        self.seed, self.epoch, self.done = state["seed"], state["epoch"], state["done"]


# ---- states ----

class Mismatch(ValueError):
    """The state is not of this model or optimizer. .why lists what does not fit."""

    def __init__(self, path, why):
        super().__init__("%s: %s%s" % (path, why[0], ", and %d more" % (len(why) - 1) if len(why) > 1 else ""))
        self.why = why


class State:
    """What load() found: .path (None: nothing to resume), .step and .tokens (counters), .extra (what save() was given),
    .lacks (words: what could not be restored)."""

    def __init__(self):
        self.path, self.step, self.tokens, self.extra, self.lacks = None, 0, 0, None, []

    def __repr__(self):
        return "lightcone.State(%r, step=%d, lacks=%r)" % (self.path, self.step, self.lacks)


def _dist():
    torch = _torch() if "torch" in sys.modules else None
    dist = getattr(torch, "distributed", None)
    return dist if dist is not None and dist.is_available() and dist.is_initialized() else None


def _rank():
    dist = _dist()
    return dist.get_rank() if dist else 0


def _ranks():
    dist = _dist()
    return dist.get_world_size() if dist else 1


def _barrier():
    if _dist():
        _dist().barrier()


def state_dir(path=None):
    """The state to resume from: path, or what LC_STATE says; of a directory of states the newest. None: there is none."""
    named = path or _env("LC_STATE")
    if named is None:
        return None
    if not os.path.isdir(named):
        if path is None:
            raise FileNotFoundError("LC_STATE: no directory %s" % named)
        return None
    names = [name for name in os.listdir(named) if not name.startswith(".")]  # a save that was cut off is not a state
    steps = [name for name in names if re.fullmatch(r"step-\d{8,}", name)]
    if steps:
        return os.path.join(named, max(steps, key=lambda name: int(name[5:])))
    return named if names else None


def out_dir(path=None):
    """Where states go: path, or what LC_OUT says, or ./checkpoints."""
    return path or _env("LC_OUT") or "checkpoints"


def _parts(x):
    """One object, a list or a dict of them: name -> object. The name of a lone one is empty."""
    if x is None:
        return {}
    if isinstance(x, dict):
        return {str(k): v for k, v in x.items()}
    return {str(i): v for i, v in enumerate(x)} if isinstance(x, (list, tuple)) else {"": x}


def _join(*names):
    return ".".join(name for name in names if name)


def _plain(name):
    """A parameter's name without what DDP, FSDP and torch.compile put into it."""
    return re.sub(r"(^|(?<=\.))(module|_fsdp_wrapped_module|_orig_mod|_checkpoint_wrapped_module)\.", "", name)


def _local(t):
    return t.to_local() if hasattr(t, "to_local") else t


def _like(value, p):
    """What belongs to a parameter, sharded as that is."""
    if not hasattr(p, "to_local") or getattr(value, "shape", ()) != p.to_local().shape or not value.dim():
        return value
    try:
        from torch.distributed.tensor import DTensor
    except ImportError:
        from torch.distributed._tensor import DTensor
    return DTensor.from_local(value, p.device_mesh, p.placements, run_check=False, shape=p.shape, stride=p.stride())


def _is_sharded(models):
    for model in models.values():
        for module in model.modules():
            if type(module).__name__ in ("FullyShardedDataParallel",):
                return True
        if any(hasattr(p, "to_local") for p in model.parameters()):
            return True
    return False


def _model_tensors(models):
    """name -> parameter or buffer, each once."""
    found = {}
    for part, model in models.items():
        for name, t in list(model.named_parameters()) + list(model.named_buffers()):
            found[_join(part, _plain(name))] = t
    return found


def _extra_states(models):
    return {part: {key: value for key, value in model.state_dict().items() if key.endswith("_extra_state")}
            for part, model in models.items()
            if any(hasattr(type(m), "get_extra_state") and type(m).get_extra_state is not
                   _torch().nn.Module.get_extra_state for m in model.modules())}


def _param_names(optimizer, models):
    """id of a parameter -> its name: the model's, or its place in the groups."""
    names = {id(p): "group%d.%d" % (g, i) for g, group in enumerate(optimizer.param_groups)
             for i, p in enumerate(group["params"])}
    for part, model in models.items():
        names.update((id(p), _join(part, _plain(name))) for name, p in model.named_parameters() if id(p) in names)
    return names


def _pack_optimizer(part, optimizer, models, packer):
    """Its state tensors as NAME.exp_avg and the like; the rest as a tree."""
    names, state = _param_names(optimizer, models), {}
    for p, values in optimizer.state.items():
        name = names.get(id(p))
        if name is None:
            packer.lacks.append("optimizer: the state of something that is no parameter")
            continue
        state[name] = {key: packer.pack(_local(v) if hasattr(v, "to_local") else v, _join(part, name, key))
                       for key, v in values.items()}
    groups = [dict({k: packer.pack(v, "group%d.%s" % (i, k)) for k, v in group.items() if k != "params"},
                   params=[names[id(p)] for p in group["params"]])
              for i, group in enumerate(optimizer.param_groups)]
    return {"class": type(optimizer).__name__, "groups": groups, "state": state}


def _loader_state(loader, lacks):
    if hasattr(loader, "state_dict"):
        return {"kind": "state_dict", "state": loader.state_dict()}
    lacks.append("data: a %s has no state_dict; lightcone.Batches(loader) has" % type(loader).__name__)
    return None


def _versions():
    torch = _torch()
    flags = {"deterministic": torch.are_deterministic_algorithms_enabled(),
             "cudnn.deterministic": torch.backends.cudnn.deterministic,
             "cudnn.benchmark": torch.backends.cudnn.benchmark,
             "cuda.matmul.allow_tf32": torch.backends.cuda.matmul.allow_tf32, "threads": torch.get_num_threads()}
    found = {"python": sys.version.split()[0], "torch": str(torch.__version__), "cuda": torch.version.cuda,
             "flags": flags}
    if "numpy" in sys.modules:
        found["numpy"] = sys.modules["numpy"].__version__
    if torch.cuda.is_available():
        found["device"] = torch.cuda.get_device_name()
    return found


def _write_json(path, tree):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(tree, f, allow_nan=False)
        f.write("\n")
        f.flush()
        os.fsync(f.fileno())


def _sync_dir(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _put_in_place(tmp, name):
    """The finished directory tmp becomes name. One that is there already makes way by a rename: no kill leaves a
    name with half of its files."""
    folder, old = os.path.split(name)
    folder, old = folder or ".", os.path.join(folder, ".tmp-old-" + old)
    _sync_dir(tmp)
    shutil.rmtree(old, ignore_errors=True)
    if os.path.lexists(name):
        os.rename(name, old)
    os.rename(tmp, name)
    _sync_dir(folder)
    shutil.rmtree(old, ignore_errors=True)


def _suffix():
    return "" if _ranks() == 1 else "-%05d-of-%05d" % (_rank(), _ranks())


def _write_part(tmp, step, tokens, parts, extra, plan):
    """This rank's part of a state into directory tmp. What could not be saved, as words."""
    models, packer = parts["model"], _Packer()
    whole = _rank() == 0 or _is_sharded(models)
    tree = {"type": "state", "v": FORMAT, "step": int(step), "tokens": int(tokens), "rank": _rank(),
            "ranks": _ranks(), "sharded": _is_sharded(models), "by": "lightcone.py " + __version__}
    if whole:
        write_safetensors(os.path.join(tmp, "model%s.safetensors" % _suffix()),
                          {name: _local(t) for name, t in _model_tensors(models).items()})
        moments = _Packer()
        tree["optimizer"] = {part: _pack_optimizer(part, o, models, moments) for part, o in parts["optimizer"].items()}
        packer.lacks += moments.lacks
        if moments.tensors:
            write_safetensors(os.path.join(tmp, "optimizer%s.safetensors" % _suffix()), moments.tensors)
    tree["rng"] = packer.pack(_get_rng(), "rng")
    for key in ("scheduler", "scaler"):
        if parts[key]:
            tree[key] = {part: packer.pack(o.state_dict(), _join(key, part)) for part, o in parts[key].items()}
    if parts["loader"]:
        tree["data"] = {part: packer.pack(_loader_state(o, packer.lacks), _join("data", part))
                        for part, o in parts["loader"].items()}
    if whole and _extra_states(models):
        tree["model_extra"] = packer.pack(_extra_states(models), "model_extra")
    tree["extra"] = packer.pack(extra, "extra")
    if plan is not None:
        tree["schedule"] = plan
    tree["actions"], tree["control"] = _kept_actions(parts["optimizer"])
    tree["versions"] = _versions()
    tree["lacks"] = packer.lacks
    write_safetensors(os.path.join(tmp, "other%s.safetensors" % _suffix()), packer.tensors)
    _write_json(os.path.join(tmp, "state%s.json" % ("" if _rank() == 0 else _suffix())), tree)
    return packer.lacks


def save(path, step, model, optimizer=None, scheduler=None, scaler=None, loader=None, extra=None, tokens=0, plan=None):
    """Save all that a bit-exact resume needs as PATH/step-00001200, which appears whole or not at all. Its path.

    path: the directory of states; None: LC_OUT's. Each object may also be a list or a dict of such. extra: a tree of
    numbers, strings, tensors. plan: what the lr is to be, where it is one of {"kind": "wsd", "cosine" or "constant", "lr",
    "min_lr", "warmup", "total", "decay_frac"}, by which lc-guard sees an lr that is off it, and judges lasting changes
    (lc-trainer(7)). With torch.distributed all ranks call it, each writes its part (of DDP the first rank
    writes weights and moments), and it must be resumed with as many ranks. What cannot be saved is said on stderr."""
    parts = {"model": _parts(model), "optimizer": _parts(optimizer), "scheduler": _parts(scheduler),
             "scaler": _parts(scaler), "loader": _parts(loader)}
    folder = out_dir(path)
    name = os.path.join(folder, "step-%08d" % step)
    tmp = os.path.join(folder, ".tmp-step-%08d" % step)
    if _rank() == 0:
        os.makedirs(folder, exist_ok=True)
        shutil.rmtree(tmp, ignore_errors=True)
        os.mkdir(tmp)
    _barrier()
    try:
        lacks = _write_part(tmp, step, tokens, parts, extra, plan)
    except BaseException:
        shutil.rmtree(tmp, ignore_errors=True)  # what is cut off is of no use, and may have filled the disk
        raise
    _barrier()
    if _rank() == 0:
        _put_in_place(tmp, name)
    _barrier()
    for what in lacks:
        _say("save: not in the state: " + what)
    return name


def _copy_model(models, found, where, wrong, lacks):
    torch = _torch()
    want = _model_tensors(models)
    for name, t in want.items():
        if name not in found:
            wrong.append("%s: %s is not in it" % (where, name))
            continue
        here, there = _local(t), found.pop(name)
        if here.shape != there.shape:
            wrong.append("%s: %s: its shape is %s, not %s" % (where, name, list(there.shape), list(here.shape)))
            continue
        if here.dtype != there.dtype:
            lacks.append("%s: %s was %s" % (where, name, there.dtype))
        with torch.no_grad():
            here.copy_(there)
    wrong.extend("%s: the model has no %s" % (where, name) for name in found)


def _load_optimizer(optimizer, models, tree, tensors, wrong, lacks):
    """Through its own load_state_dict; then its tensors as they were, since that casts them to the weights' type."""
    names = _param_names(optimizer, models)
    by_name = {names[id(p)]: p for group in optimizer.param_groups for p in group["params"]}
    if tree["class"] != type(optimizer).__name__:
        wrong.append("optimizer: it was a %s" % tree["class"])
        return
    here = [[names[id(p)] for p in group["params"]] for group in optimizer.param_groups]
    there = [group["params"] for group in tree["groups"]]
    if [sorted(g) for g in here] != [sorted(g) for g in there]:
        wrong.append("optimizer: its groups had other parameters")
        return
    saved = {name: {key: _like(value, by_name[name]) for key, value in _unpack(values, tensors).items()}
             for name, values in tree["state"].items()}
    place = {name: i for i, name in enumerate(name for group in here for name in group)}
    groups = [dict(_unpack({k: v for k, v in group.items() if k != "params"}, tensors),
                   params=[place[name] for name in mine]) for group, mine in zip(tree["groups"], here)]
    optimizer.load_state_dict({"state": {place[name]: values for name, values in saved.items()},
                               "param_groups": groups})
    for name, values in saved.items():
        state = optimizer.state[by_name[name]]
        for key, value in values.items():
            now = state.get(key)
            if hasattr(value, "dtype") and hasattr(now, "dtype") and _local(now).dtype != value.dtype:
                state[key] = value.to(now.device)


def _load_parts(kind, parts, trees, tensors, lacks):
    for part, o in parts.items():
        tree = (trees or {}).get(part)
        if tree is None:
            lacks.append("%s: not in the state" % _join(kind, part))
            continue
        state = _unpack(tree, tensors)
        if kind == "data":
            state = state["state"]
        o.load_state_dict(state)


def _differences(was):
    now = _versions()
    found = ["%s was %s, is %s" % (key, was.get(key), now.get(key)) for key in ("torch", "cuda", "numpy", "device")
             if was.get(key) != now.get(key)]
    flags = was.get("flags", {})
    return found + ["%s was %s, is %s" % (key, flags.get(key), value) for key, value in now["flags"].items()
                    if flags.get(key) != value]


def load(path, model, optimizer=None, scheduler=None, scaler=None, loader=None, strict=True):
    """Put back what save() saved, and return a State. path: a state, or a directory of them; None: LC_STATE's; when
    there is none the State's path is None and nothing has changed. Objects are given as to save(), already made as for
    a new run; parameters are copied into. Weights or moments that do not fit raise Mismatch (strict=False: they are
    only listed); whatever else could not be put back is in .lacks, and said on stderr."""
    at, wrong = State(), []
    at.path = state_dir(path)
    if at.path is None:
        return at
    parts = {"model": _parts(model), "optimizer": _parts(optimizer), "scheduler": _parts(scheduler),
             "scaler": _parts(scaler), "data": _parts(loader)}
    tree, tensors = _read_part(at.path)
    sharded = tree["sharded"]
    source = tree if sharded or _rank() == 0 else _read_json(os.path.join(at.path, "state.json"))
    suffix = _suffix() if sharded or _ranks() == 1 else "-%05d-of-%05d" % (0, _ranks())
    model_file, moments_file = ("%s%s.safetensors" % (name, suffix) for name in ("model", "optimizer"))
    _copy_model(parts["model"], read_safetensors(os.path.join(at.path, model_file)), model_file, wrong, at.lacks)
    moments = os.path.join(at.path, moments_file)
    moments = read_safetensors(moments) if parts["optimizer"] and os.path.exists(moments) else {}
    for part, o in parts["optimizer"].items():
        if part in source["optimizer"]:
            _load_optimizer(o, parts["model"], source["optimizer"][part], moments, wrong, at.lacks)
        else:
            wrong.append("%s: not in the state" % _join("optimizer", part))
    if wrong and strict:
        raise Mismatch(at.path, wrong)
    at.lacks += wrong
    for part, values in _unpack(source.get("model_extra", {}), tensors).items():
        parts["model"][part].load_state_dict(values, strict=False)
    for kind in ("scheduler", "scaler", "data"):
        _load_parts(kind, parts[kind], tree.get(kind), tensors, at.lacks)
    at.step, at.tokens, at.extra = tree["step"], tree["tokens"], _unpack(tree["extra"], tensors)
    at.lacks += tree["lacks"] + _differences(tree["versions"])
    _keep_for_poll(tree, at.step, parts["optimizer"])
    at.lacks += _set_rng(_unpack(tree["rng"], tensors))
    for what in at.lacks:
        _say("load: %s: %s" % (at.path, what))
    return at


def _read_json(path):
    with open(path, encoding="utf-8") as f:
        try:
            tree = json.load(f)
        except ValueError as why:
            raise ValueError("%s: %s" % (path, why)) from None
    if not isinstance(tree, dict):
        raise ValueError("%s: not an object" % path)
    return tree


def _read_part(path):
    tree = _read_json(os.path.join(path, "state.json"))
    if tree.get("type") != "state" or type(tree.get("v")) is not int or tree["v"] > FORMAT:
        raise ValueError("%s: not a state of lightcone.py, or of a newer one" % path)
    if tree["ranks"] != _ranks():
        raise Mismatch(path, ["it is of %d ranks, these are %d" % (tree["ranks"], _ranks())])
    if _rank() > 0:
        tree = _read_json(os.path.join(path, "state%s.json" % _suffix()))
    return tree, read_safetensors(os.path.join(path, "other%s.safetensors" % _suffix()))


# ---- actions: DESIGN section 5, lc-trainer(7) ----

_LASTING = {"lr_scale": 1, "lr_for": 0, "weight_decay_scale": 1, "batch_scale": 1, "reseed": 0, "data_shift": 0}  # and the value that says nothing
_SCALARS = (bool, int, float, str)


def _is_number(x, least=0.0):
    return isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x) and x >= least


def _is_count(x):
    return type(x) is int and x >= 0


def _is_range(x):
    return isinstance(x, list) and len(x) == 2 and all(map(_is_count, x)) and x[0] <= x[1]


def _is_tail(x):
    if not isinstance(x, dict) or set(x) - {"shape", "from", "points", "to", "steps"}:
        return False
    points = x.get("points", [])
    return (x.get("shape") in ("linear", "cosine", "constant", "points") and _is_number(x.get("to")) and
            _is_count(x.get("steps")) and x["steps"] > 0 and _is_number(x.get("from", 1)) and
            isinstance(points, list) and all(map(_is_number, points)) and (x["shape"] == "points") == bool(points))


_KNOWN = {  # what a value must be, as lc-record(5) has it
    "lr_scale": lambda x: _is_number(x) and x > 0, "lr_for": _is_count, "lr_warmup": _is_count, "lr_tail": _is_tail,
    "skip": lambda x: _is_range(x) or (isinstance(x, list) and x != [] and all(map(_is_range, x))),
    "weight_decay_scale": _is_number, "clip": lambda x: _is_number(x) and x > 0,
    "beta2": lambda x: _is_number(x) and x < 1, "reset": lambda x: x in ("m", "v", "mv"),
    "batch_scale": lambda x: _is_number(x) and x > 0, "reseed": _is_count, "jitter": _is_number, "data_shift": lambda x: type(x) is int,
    "rewind": lambda x: _is_count(x) or (isinstance(x, str) and x != "")}
_controls = weakref.WeakKeyDictionary()  # optimizer -> _Control
_first = None  # of the optimizers polled last, the first one's _Control
_kept = None  # actions and control of the state that was loaded, until the first poll
_asked = set()  # actions whose value the script has asked for
_defaults = {}  # and what it does without them


def _check(given):
    for name, value in given.items():
        if name not in _KNOWN and not name.startswith("x_"):
            raise SystemExit(_refuse("action %s: not known" % name))
        if not _KNOWN.get(name, lambda x: isinstance(x, _SCALARS))(value):
            raise SystemExit(_refuse("action %s: %r is no value of it" % (name, value)))
    return given


def _refuse(text):
    """A word silently ignored is the worst case: status 2."""
    _say(text)
    return 2


def actions():
    """What LC_ACTIONS asks of this future: a dict, empty when it asks nothing."""
    path = _env("LC_ACTIONS")
    if path is None or not os.path.exists(path):
        return {}
    given = _read_json(path)
    return _check(given.get("actions", given))


def _in_force():
    if _first is not None:
        return _first.actions
    return dict((_kept or {}).get("actions", {}), **actions())


def action(name, default=None):
    """The value in force of an action that only the script itself can carry out: batch_scale, clip (for a script that
    clips), skip (for one that learns from other batches then, where it else makes no update), x_ of one's own. What is in force and never asked for ends the run with status 2."""
    _asked.add(name)
    _defaults[name] = default
    return _in_force().get(name, default)


def skips(step):
    """Is this step's batch to be passed over? The update itself is left out, unless the script has asked for action("skip")."""
    ranges = _in_force().get("skip") or []
    ranges = [ranges] if ranges and isinstance(ranges[0], int) else ranges
    return any(first <= step <= last for first, last in ranges)


class _Control:
    """Actions on one optimizer. They act around each of its updates: whatever the script, a scheduler or a restored
    state writes into the groups is taken as the plan, and written back after."""

    def __init__(self, optimizer):
        kept = _kept or {}
        self.actions, state = dict(kept.get("actions", {})), kept.get("control", {}).get(id(optimizer), {})
        self.step = kept.get("step", 0)
        self.tail_start, self.warm_start = state.get("tail_start", 0), state.get("warm_start", 0)
        self.hold_start, self.hold_back = state.get("hold_start", 0), state.get("hold_back", 1)  # of lr_for
        self.v_updates = state.get("v_updates")  # updates since v was reset; None: never
        self.plan = state.get("plan")  # lr of each group, at the last update
        self.tail_from = state.get("tail_from")  # of them, where the tail began
        self.lr = None  # what the last update had
        self.seen, self.checked, self.saved = None, False, None
        self.optimizer = weakref.ref(optimizer)
        self.hook(optimizer)

    def state(self):
        return {name: getattr(self, name) for name in ("tail_start", "warm_start", "hold_start", "hold_back", "v_updates",
                                                       "plan", "tail_from")}

    def hook(self, optimizer):
        this = weakref.ref(self)
        if hasattr(optimizer, "register_step_pre_hook"):
            optimizer.register_step_pre_hook(lambda o, *_: this() and this().before(o))
            optimizer.register_step_post_hook(lambda o, *_: this() and this().after(o))
            return
        inner = optimizer.step

        @functools.wraps(inner)
        def step(o, *args, **kwargs):
            self.before(o)
            try:
                return inner(*args, **kwargs)
            finally:
                self.after(o)
        optimizer.step = types.MethodType(step, optimizer)

    def apply(self, optimizer, given):
        if "lr_for" in given:
            self.hold()
        elif "lr_scale" in given:  # said without an end: it has none
            self.actions.pop("lr_for", None)
        for name, value in given.items():
            if name == "reset":
                self.reset(optimizer, value)
            elif name == "jitter":
                self.jitter(optimizer, value)
            elif name != "rewind":
                self.set(name, value)
        if given:
            _emit({"type": "applied", "v": 1, "step": self.step, "actions": given})
            _say("after step %d: %s" % (self.step, json.dumps(given)))

    def hold(self):
        """An lr_for begins: behind it comes what is in force now, unless that is itself held."""
        steps = self.actions.get("lr_for", 0)
        if not steps or self.step >= self.hold_start + steps:
            self.hold_back = self.scale()
        self.hold_start = self.step

    def scale(self):
        steps = self.actions.get("lr_for", 0)
        over = steps and self.step + 1 > self.hold_start + steps
        return self.hold_back if over else self.actions.get("lr_scale", 1)

    def set(self, name, value):
        if name in _LASTING and value == _LASTING[name]:
            self.actions.pop(name, None)
            return
        if name == "lr_tail" and self.actions.get(name) != value:
            self.tail_start, self.tail_from = self.step, None
        if name == "lr_warmup":
            self.warm_start = self.step
        self.actions[name] = value

    def reset(self, optimizer, which):
        """Moments to zero. Adam counts the updates of both in one `step`: when v alone is reset, before() corrects."""
        torch = _torch()
        names = {"m": ("exp_avg", "momentum_buffer"), "v": ("exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum")}
        for state in optimizer.state.values():
            for letter in which:
                for key in names[letter]:
                    if state.get(key) is not None:
                        state[key].zero_()
            if which in ("mv", "vm") and "step" in state:
                state["step"] = torch.zeros_like(state["step"]) if hasattr(state["step"], "zero_") else 0
        self.v_updates = 0 if which == "v" else None

    def jitter(self, optimizer, eps):
        torch = _torch()
        generator = torch.Generator().manual_seed(self.step + 1)
        with torch.no_grad():
            for group in optimizer.param_groups:
                for p in group["params"]:
                    noise = torch.randn(_local(p).shape, generator=generator, dtype=torch.float32)
                    _local(p).mul_(1 + eps * noise.to(device=_local(p).device))

    def poll(self, optimizer):
        path = _env("LC_CONTROL")
        if path is None:
            return
        try:
            found = os.stat(path)
            key = (found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns)
            if key == self.seen:
                return
            self.seen = key
            given = _read_json(path)
            given = _check(given.get("actions", given))
            unheard = self.unheard(given) if self.checked else None
            if unheard:
                raise ValueError("action %s: the script never asks for it" % unheard)
            self.apply(optimizer, given)
        except FileNotFoundError:
            return
        except (ValueError, AttributeError, SystemExit) as why:
            _say("control ignored: %s" % why)

    def warmup(self):
        since, steps = self.step + 1 - self.warm_start, self.actions.get("lr_warmup", 0)
        return since / steps if 0 < since < steps else 1

    def tail(self, base):
        """The lr under lr_tail: base, where it began, times what lies between the scales it names (lc-record(5))."""
        tail, shape = self.actions["lr_tail"], self.actions["lr_tail"].get("shape", "linear")
        scales = [tail.get("from", self.actions.get("lr_scale", 1))] + tail.get("points", []) + [tail.get("to", 0)]
        if shape == "constant":
            return base * scales[-1]
        f = min((self.step + 1 - self.tail_start) / tail.get("steps", 1), 1)
        f = 0.5 * (1 - math.cos(math.pi * f)) if shape == "cosine" else f
        k = min(int(f * (len(scales) - 1)), len(scales) - 2)
        return base * (scales[k] + (scales[k + 1] - scales[k]) * (f * (len(scales) - 1) - k))

    def correction(self, optimizer, group):
        """sqrt((1 - beta2^k) / (1 - beta2^t)): v of k updates is to be corrected for k, not for t."""
        if self.v_updates is None or "betas" not in group:
            return 1
        steps = [float(optimizer.state[p]["step"]) for p in group["params"] if "step" in optimizer.state.get(p, {})]
        beta2, k = group["betas"][1], self.v_updates + 1
        return math.sqrt((1 - beta2 ** k) / (1 - beta2 ** (max(steps) + 1))) if steps else 1

    def before(self, optimizer):
        if not self.checked:
            self.check_asked()
        groups = optimizer.param_groups
        self.put_back(groups)  # the last update may have ended in an exception
        self.saved = [{key: group.get(key) for key in ("lr", "weight_decay", "betas")} for group in groups]
        plan = [float(group["lr"]) for group in groups]
        if "lr_tail" in self.actions and self.tail_from is None:
            self.tail_from = self.plan or plan
        if "skip" not in _asked and skips(self.step + 1):
            optimizer.zero_grad(set_to_none=True)
        elif "clip" in self.actions:
            self.clip(optimizer)
        for i, group in enumerate(groups):
            self.change(optimizer, group, plan[i], i)
        self.plan = plan

    def change(self, optimizer, group, plan, i):
        lr = self.tail(self.tail_from[i]) if "lr_tail" in self.actions else plan * self.scale()
        lr *= self.warmup()
        if i == 0:
            self.lr = lr
        if "beta2" in self.actions and "betas" in group:
            group["betas"] = (group["betas"][0], self.actions["beta2"])
        decay = (group.get("weight_decay") or 0) * self.actions.get("weight_decay_scale", 1)
        correct = self.correction(optimizer, group)
        if lr * correct != plan:
            if hasattr(group["lr"], "fill_"):
                group["lr"] = group["lr"].clone().fill_(lr * correct)
            else:
                group["lr"] = lr * correct
        if group.get("weight_decay") is not None and decay / correct != group["weight_decay"]:
            group["weight_decay"] = decay / correct

    def clip(self, optimizer):
        torch = _torch()
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not grads:
            return
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(_local(g).float()) for g in grads]))
        scale = getattr(optimizer, "grad_scale", None)
        limit = self.actions["clip"] * (float(scale) if scale is not None else 1)
        if float(norm) > limit:
            for g in grads:
                g.mul_(limit / float(norm))

    def check_asked(self):
        self.checked = True
        name = self.unheard(self.actions)
        if name:
            raise SystemExit(_refuse("action %s: the script never asks for it: lightcone.action(%r)%s" %
                                     (name, name, ", or lightcone.Batches" if name in ("reseed", "data_shift") else "")))

    def unheard(self, given):
        """The first action that only the script can carry out, and that it has not asked for so far."""
        own = (name for name in given if name in ("batch_scale", "reseed", "data_shift") or name.startswith("x_"))
        return next((name for name in own if name not in _asked), None)

    def put_back(self, groups):
        for group, was in zip(groups, self.saved or []):
            for key, value in was.items():
                if value is not None and group.get(key) is not value:
                    group[key] = value
        self.saved = None

    def after(self, optimizer):
        self.put_back(optimizer.param_groups)
        self.step += 1
        if self.v_updates is not None:
            self.v_updates += 1


def poll(optimizer, step=None):
    """To be called before each update, at the latest after load(): carries out this future's actions and those that
    appear in LC_CONTROL, on one optimizer or a list of them, and returns what is in force. lr_scale, lr_warmup, lr_tail,
    weight_decay_scale, beta2, clip (a tighter one), skip, reset and jitter need nothing else; reseed and data_shift want
    Batches, batch_scale and x_ want the script itself: action(). step: updates done, where something else counts or keeps them."""
    global _first
    found, mine = {}, None
    for o in _parts(optimizer).values():
        o = getattr(o, "optimizer", o)  # Accelerate's wrapper
        control = _controls.get(o)
        if control is None:
            control = _controls[o] = _Control(o)
            control.step = control.step if step is None else step
            control.apply(o, actions())
        elif step is not None:
            control.step = step  # a scaler leaves updates out that a framework counts
        control.poll(o)
        found.update(control.actions)
        mine = mine or control
    _first = mine
    return found


def last_step(total):
    """The step to end at: the run's own last one, or what LC_STEPS asks of this future, if that is earlier."""
    return min(total, int(_env("LC_STEPS") or total))


def lr():
    """The lr that the last update had, of the first group of the first optimizer polled; None before there is one."""
    return _first.lr if _first is not None else None


def _kept_actions(optimizers):
    """What is in force, and of each optimizer, by the name it is saved under, what its control has to know."""
    kept = _kept or {}
    in_force, states = kept.get("actions", {}), {}
    for part, o in optimizers.items():
        o = getattr(o, "optimizer", o)
        control = _controls.get(o)
        if control is not None:
            in_force, states[part] = control.actions, control.state()
        elif id(o) in kept.get("control", {}):
            states[part] = kept["control"][id(o)]
    return in_force, states


def _keep_for_poll(tree, step, optimizers):
    global _kept
    control = tree.get("control") or {}
    control = {id(getattr(o, "optimizer", o)): control[part] for part, o in optimizers.items() if part in control}
    _kept = {"actions": tree.get("actions") or {}, "control": control, "step": step}
    for control in _controls.values():
        control.step = step


# ---- frameworks ----

@contextlib.contextmanager
def _appears(step, path=None):
    """A directory to write a state into, that appears whole as step-N."""
    folder = out_dir(path)
    tmp, name = os.path.join(folder, ".tmp-step-%08d" % step), os.path.join(folder, "step-%08d" % step)
    os.makedirs(folder, exist_ok=True)
    shutil.rmtree(tmp, ignore_errors=True)
    os.mkdir(tmp)
    try:
        yield tmp
    except BaseException:
        shutil.rmtree(tmp, ignore_errors=True)
        raise
    _put_in_place(tmp, name)


def _sync_file(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _copy_tree(source, target):
    """The files of source into target, on the disk. Copies, not links: whoever writes the source again, another branch
    with the same output directory say, writes into the same files."""
    def copy(a, b):
        shutil.copy2(a, b)
        _sync_file(b)
    shutil.copytree(source, target, copy_function=copy, dirs_exist_ok=True)


def _save_side(folder, step, optimizers):
    """Beside a framework's own checkpoint: actions, and every generator."""
    packer = _Packer()
    kept, control = _kept_actions(_parts(optimizers))
    tree = {"type": "lightcone", "v": FORMAT, "step": step, "rng": packer.pack(_get_rng(), "rng"), "actions": kept,
            "control": control}
    write_safetensors(os.path.join(folder, "lightcone.safetensors"), packer.tensors)
    _write_json(os.path.join(folder, "lightcone.json"), tree)


def _load_side(step, optimizers):
    """What puts the generators back, to be called when nothing draws from them any more."""
    path = state_dir()
    name = os.path.join(path, "lightcone.json") if path else None
    if not name or not os.path.exists(name):
        return lambda: None
    tree = _read_json(name)
    _keep_for_poll(tree, step, _parts(optimizers))
    rng = _unpack(tree["rng"], read_safetensors(os.path.join(path, "lightcone.safetensors")))
    return lambda: _set_rng(rng)


def _hf_callback():
    from transformers import TrainerCallback

    class HFCallback(TrainerCallback):
        """For Hugging Face's Trainer: Trainer(..., callbacks=[lc.HFCallback()]), and
        trainer.train(resume_from_checkpoint=lc.state_dir()). What it logs becomes step records (logging_steps=1 says
        most), each of its checkpoints becomes a state in LC_OUT, and the actions act on its optimizer."""

        def on_train_begin(self, args, state, control, optimizer=None, model=None, **_):
            _load_side(state.global_step, optimizer)  # Trainer puts the generators back itself
            poll(optimizer, step=state.global_step)

        def on_step_begin(self, args, state, control, optimizer=None, model=None, **_):
            poll(optimizer, step=state.global_step)

        def on_step_end(self, args, state, control, **_):
            if _env("LC_STEPS") and state.global_step >= last_step(state.max_steps):  # the schedule stays the plan's
                control.should_save = control.should_training_stop = True

        def on_log(self, args, state, control, logs=None, **_):
            logs = logs or {}
            names = {"loss": "loss", "grad_norm": "grad_norm", "eval_loss": "val_loss"}
            found = {new: logs[old] for old, new in names.items() if isinstance(logs.get(old), (int, float))}
            if found:
                log(state.global_step, **found)

        def on_save(self, args, state, control, optimizer=None, **_):
            source = os.path.join(args.output_dir, "checkpoint-%d" % state.global_step)
            if _rank() == 0 and os.path.isdir(source):
                with _appears(state.global_step) as folder:
                    _save_side(folder, state.global_step, optimizer)
                    _copy_tree(source, folder)
    return HFCallback


def _lightning_callback():
    try:
        from lightning.pytorch.callbacks import Callback
    except ImportError:
        from pytorch_lightning.callbacks import Callback

    class LightningCallback(Callback):
        """For Lightning: Trainer(callbacks=[lc.LightningCallback(every=100)]), and
        trainer.fit(model, loader, ckpt_path=lc.LightningCallback.checkpoint()). A state in LC_OUT every so many updates.
        The loader wants to be Batches or torchdata's StatefulDataLoader: of a plain one Lightning begins a cut epoch anew."""

        def __init__(self, every=100):
            super().__init__()
            self.every, self.last, self.set_rng = every, -1, None

        @staticmethod
        def checkpoint():
            path = state_dir()
            return os.path.join(path, "lightning.ckpt") if path else None

        def on_train_start(self, trainer, module):
            self.set_rng = _load_side(trainer.global_step, trainer.optimizers)
            self.last = trainer.global_step
            poll(trainer.optimizers, step=trainer.global_step)

        def on_train_batch_start(self, trainer, module, batch, batch_idx):
            if self.set_rng is not None:  # only now: the loader's iterator has drawn its seed
                self.set_rng()
                self.set_rng = None
            poll(trainer.optimizers, step=trainer.global_step)

        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            step = trainer.global_step
            if step == self.last:
                return  # gradients are still being gathered
            self.last = step
            loss = outputs["loss"] if isinstance(outputs, dict) else outputs
            log(step, loss=loss, batch=batch if _has_tensors(batch) else None)
            ends = _env("LC_STEPS") and step >= int(_env("LC_STEPS"))
            if ends or (self.every and step % self.every == 0):
                self.save(trainer, step)
            trainer.should_stop = trainer.should_stop or bool(ends)

        def save(self, trainer, step):
            folder = out_dir()
            tmp = os.path.join(folder, ".tmp-%08d.ckpt" % step)
            os.makedirs(folder, exist_ok=True)
            trainer.save_checkpoint(tmp)
            if _rank() == 0:
                _sync_file(tmp)
                with _appears(step) as state:
                    os.rename(tmp, os.path.join(state, "lightning.ckpt"))
                    _save_side(state, step, trainer.optimizers)
    return LightningCallback


def _has_tensors(batch):
    return next(_tensors_in(batch), None) is not None


def __getattr__(name):
    """The frameworks' callbacks, imported when they are asked for."""
    made = {"HFCallback": _hf_callback, "LightningCallback": _lightning_callback}.get(name)
    if made is None:
        raise AttributeError("lightcone has no %s" % name)
    globals()[name] = made()
    return globals()[name]
