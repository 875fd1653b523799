"""mixed.py STATE WEIGHTS MIXED: a mixed-precision run's files from an fp32 state of lc-train.

WEIGHTS gets model.safetensors in bf16 (rounded to nearest, ties to even); MIXED the same, and optimizer.safetensors
with the fp32 master weights (NAME.master) before both moments.
"""
import array
import json
import os
import struct
import sys


def read(path):
    with open(path, "rb") as f:
        head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        body = f.read()
    head.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"], body[slice(*v["data_offsets"])]) for k, v in head.items()}


def write(path, tensors):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    head, at = {}, 0
    for name, (dtype, shape, raw) in tensors.items():
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(raw)]}
        at += len(raw)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, _, raw in tensors.values():
            f.write(raw)


def bf16(raw):
    return array.array("H", ((x + 0x7FFF + (x >> 16 & 1)) >> 16 for x in array.array("I", raw))).tobytes()


state, weights, mixed = sys.argv[1:]
model = read(state + "/model.safetensors")
low = {k: ("BF16", shape, bf16(raw)) for k, (_, shape, raw) in model.items()}
write(weights + "/model.safetensors", low)
write(mixed + "/model.safetensors", low)
master = {k + ".master": t for k, t in model.items()}
write(mixed + "/optimizer.safetensors", {**master, **read(state + "/optimizer.safetensors")})
with open(state + "/state.json", "rb") as f, open(mixed + "/state.json", "wb") as g:
    g.write(f.read())
