"""Beside train.py, as nanoGPT's is: found where train.py itself is run from elsewhere, or not. The model, a stand-in for
torch's generator, and torch.save and torch.load of what nanoGPT keeps, without torch."""
import io
import os
import pickle
import random
import struct
import sys
import types
import zipfile
from array import array
from collections import OrderedDict

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from bigram import Bigram, V  # noqa: E402, F401

generator = random.Random()


def manual_seed(seed):
    generator.seed(seed)


def named(module, name, value):
    m = sys.modules.setdefault(module, types.ModuleType(module))
    value.__module__, value.__name__, value.__qualname__ = module, name, name
    setattr(m, name, value)
    return value


def _rebuild_tensor_v2(storage, *_):
    return storage


named("torch._utils", "_rebuild_tensor_v2", _rebuild_tensor_v2)
FloatStorage = named("torch", "FloatStorage", type("FloatStorage", (), {}))


class Tensor:
    def __init__(self, data, shape):
        self.data, self.shape = data, shape

    def __reduce__(self):
        stride = (self.shape[1], 1) if len(self.shape) == 2 else (1,) * len(self.shape)
        return _rebuild_tensor_v2, (Storage(self.data), 0, self.shape, stride, False, OrderedDict())


class Storage:
    def __init__(self, data):
        self.data = data


class Pickler(pickle._Pickler):
    def persistent_id(self, x):
        if not isinstance(x, Storage):
            return None
        self.kept.append(x.data)
        return "storage", FloatStorage, str(len(self.kept) - 1), "cpu", len(x.data)


class Unpickler(pickle._Unpickler):
    def persistent_load(self, key):
        return array("f", self.zip.read("archive/data/" + key[2]))


def save(tree, path):
    text = io.BytesIO()
    pickler = Pickler(text, 2)
    pickler.kept = []
    pickler.dump(tree)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("archive/data.pkl", text.getvalue())
        z.writestr("archive/byteorder", "little")
        for i, data in enumerate(pickler.kept):
            z.writestr("archive/data/%d" % i, data.tobytes())
        z.writestr("archive/version", "3\n")


def load(path):
    with zipfile.ZipFile(path) as z:
        unpickler = Unpickler(io.BytesIO(z.read("archive/data.pkl")))
        unpickler.zip = z
        return unpickler.load()


def state(model, t):
    """As a state_dict of the model, and one of its optimizer."""
    adam = {"step": Tensor(array("f", [t]), ()), "exp_avg": Tensor(model.m, (V, V)), "exp_avg_sq": Tensor(model.v, (V, V))}
    group = {"lr": .0, "betas": (.9, .95), "eps": 1e-8, "weight_decay": .1, "params": [0]}
    return OrderedDict([("transformer.wte.weight", Tensor(model.w, (V, V)))]), {"state": {0: adam}, "param_groups": [group]}


def tokens(path):
    with open(path, "rb") as f:
        data = f.read()
    return struct.unpack("<%dH" % (len(data) // 2), data)
