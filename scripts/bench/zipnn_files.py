"""zipnn_files.py DIR: what ZipNN makes of the files of a checkpoint folder.

Prints bytes, compressed bytes, seconds to compress and to decompress, in memory, with two threads: no file is written,
nothing is hashed. A safetensors file is taken as the type of its first tensor.
"""
import json
import os
import struct
import sys
import time
import warnings

warnings.filterwarnings("ignore")
import zipnn  # noqa: E402

KINDS = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}


def kind(raw):
    if len(raw) < 8:
        return None
    n = struct.unpack("<Q", raw[:8])[0]
    if n > len(raw) - 8 or raw[8:9] != b"{":
        return None
    head = json.loads(raw[8 : 8 + n])
    head.pop("__metadata__", None)
    return KINDS.get(next(iter(head.values()))["dtype"]) if head else None


total = packed = 0
save = restore = 0.0
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        with open(os.path.join(folder, name), "rb") as f:
            raw = f.read()
        total += len(raw)
        dtype = kind(raw)
        if not dtype:
            packed += len(raw)
            continue
        z = zipnn.ZipNN(input_format="byte", bytearray_dtype=dtype, threads=2)
        copy = bytearray(raw)  # it works in place
        start = time.perf_counter()
        c = z.compress(copy)
        mid = time.perf_counter()
        back = z.decompress(c)
        restore += time.perf_counter() - mid
        save += mid - start
        packed += len(c)
        if bytes(back) != raw:
            sys.exit(name + ": does not come back")
print(total, packed, save, restore)
