"""zipnn_files.py DIR [OLDER]: what ZipNN makes of the files of a checkpoint folder.

With OLDER, an older state, each file is kept as its XOR with the file of that name there where that is smaller: what ZipNN's
delta and BitX do.
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


def pack(raw, dtype):
    """Compressed length, and seconds there and back."""
    z = zipnn.ZipNN(input_format="byte", bytearray_dtype=dtype, threads=2)
    copy = bytearray(raw)  # it works in place
    start = time.perf_counter()
    c = z.compress(copy)
    mid = time.perf_counter()
    back = z.decompress(c)
    end = time.perf_counter()
    if bytes(back) != raw:
        sys.exit("ZipNN: bytes do not come back")
    return len(c), mid - start, end - mid


def delta(raw, path):
    try:
        with open(path, "rb") as f:
            old = f.read()
    except OSError:
        return None
    if len(old) != len(raw):
        return None
    n = len(raw)
    return (int.from_bytes(raw, "little") ^ int.from_bytes(old, "little")).to_bytes(n, "little")


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
        size, there, back = pack(raw, dtype)
        older = len(sys.argv) > 2 and os.path.join(sys.argv[2], os.path.relpath(os.path.join(folder, name), sys.argv[1]))
        xor = older and delta(raw, older)
        if xor:
            size, there, back = min((size, there, back), pack(xor, dtype))
        packed += size
        save += there
        restore += back
print(total, packed, save, restore)
