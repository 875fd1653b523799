#!/usr/bin/env python3
"""torch_zip: a checkpoint of lc-train as torch.save would write it, without torch.

	torch_zip.py CHECKPOINT OUT.pt [f16 | optimizer]

{"model": state_dict, "optimizer": {"state": {0: {"step", "exp_avg", "exp_avg_sq"}, ..}, "param_groups"}, "step"}, in a zip
file of stored members. With f16: the weights are halves, and the masters a list beside the optimizer. With optimizer: the state_dict of that alone.
"""
import io, json, pickle, struct, sys, types, zipfile
from collections import OrderedDict


def named(module, name, value):
    """What a pickle calls module.name."""
    m = sys.modules.setdefault(module, types.ModuleType(module))
    value.__module__, value.__name__, value.__qualname__ = module, name, name
    setattr(m, name, value)
    return value


def _rebuild_tensor_v2(*args):
    pass


named("torch._utils", "_rebuild_tensor_v2", _rebuild_tensor_v2)
STORAGE = {4: named("torch", "FloatStorage", type("FloatStorage", (), {})),
           2: named("torch", "HalfStorage", type("HalfStorage", (), {}))}
storages = []


class Tensor:
    def __init__(self, raw, shape, width=4):
        self.raw, self.shape, self.width = raw, shape, width
        self.key = str(len(storages))
        storages.append(raw)

    def __reduce__(self):
        stride = [1]
        for n in reversed(self.shape[1:]):
            stride.insert(0, stride[0] * n)
        return _rebuild_tensor_v2, (self, 0, tuple(self.shape), tuple(stride[:len(self.shape)]), False, OrderedDict())


class Pickler(pickle._Pickler):
    """A tensor is a call whose first argument is its storage, which has a persistent id."""
    inside = False

    def persistent_id(self, x):
        if isinstance(x, Tensor) and self.inside:
            self.inside = False
            return "storage", STORAGE[x.width], x.key, "cpu", len(x.raw) // x.width

    def save_reduce(self, func, args, *rest, **kw):
        self.inside = func is _rebuild_tensor_v2
        super().save_reduce(func, args, *rest, **kw)


def tensors(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    for name, e in json.loads(raw[8:8 + n]).items():
        if name != "__metadata__":
            a, b = e["data_offsets"]
            yield name, raw[8 + n + a:8 + n + b], e["shape"]


def half(raw):
    return b"".join(struct.pack("<e", x) for x in struct.unpack("<%df" % (len(raw) // 4), raw))


folder, out = sys.argv[1:3]
narrow = sys.argv[3:] == ["f16"]
only = sys.argv[3:] == ["optimizer"]
state = json.load(open(folder + "/state.json"))
hyper = state["hyper"]
moments = {name: (raw, shape) for name, raw, shape in tensors(folder + "/optimizer.safetensors")}
weights = list(tensors(folder + "/model.safetensors"))
model = {} if only else OrderedDict((n, Tensor(half(r), s, 2) if narrow else Tensor(r, s)) for n, r, s in weights)
masters = [Tensor(r, s) for _, r, s in weights] if narrow else []
adam = {i: {"step": Tensor(struct.pack("<f", state["step"]), []),
            "exp_avg": Tensor(*moments[n + ".exp_avg"]), "exp_avg_sq": Tensor(*moments[n + ".exp_avg_sq"])}
        for i, (n, _, _) in enumerate(weights)}
group = {"lr": .002, "betas": (hyper["beta1"], hyper["beta2"]), "eps": hyper["eps"], "weight_decay": hyper["weight_decay"],
         "params": list(range(len(weights)))}
root = {"model": model, "optimizer": {"state": adam, "param_groups": [group]}, "masters": masters, "step": state["step"]}
if only:
    root = root["optimizer"]
text = io.BytesIO()
Pickler(text, 2).dump(root)
with zipfile.ZipFile(out, "w") as z:
    z.writestr("archive/data.pkl", text.getvalue())
    z.writestr("archive/byteorder", "little")
    for key, raw in enumerate(storages):
        z.writestr("archive/data/%d" % key, raw)
    z.writestr("archive/version", "3\n")
