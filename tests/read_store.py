#!/usr/bin/env python3
"""read_store: a second reader of lc-store(5), slow and simple, that shares no code with the first.

usage: read_store.py STORE ID DIR    write snapshot ID into the new directory DIR

Written from the manual page alone. Arithmetic in single precision is done in double and rounded once,
which for + - * / and the square root of f32 is the same. Needs libzstd.so.1, through ctypes.
"""

import ctypes
import hashlib
import json
import math
import os
import struct
import sys

zstd = ctypes.CDLL("libzstd.so.1")
zstd.ZSTD_decompress.restype = ctypes.c_size_t
zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


def need(true, why):
    if not true:
        sys.exit("read_store: " + why)


def unzstd(frame, size):
    out = ctypes.create_string_buffer(max(size, 1))
    need(zstd.ZSTD_decompress(out, size, frame, len(frame)) == size, "a frame does not decompress")
    return out.raw[:size]


def table():
    out = []
    for r in range(256):
        for _ in range(8):
            r = r >> 1 ^ (0x82F63B78 if r & 1 else 0)
        out.append(r)
    return out


CRC = table()


def crc32c(buf):
    r = 0xFFFFFFFF
    for b in buf:
        r = r >> 8 ^ CRC[(r ^ b) & 255]
    return r ^ 0xFFFFFFFF


def u32(buf, at):
    return struct.unpack_from("<I", buf, at)[0]


def value(pattern):
    return struct.unpack("<f", struct.pack("<I", pattern))[0]


def single(x):
    """x, a double, rounded to single precision."""
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


def mul(a, b):
    return single(a * b)


def add(a, b):
    return single(a + b)


def sub(a, b):
    return single(a - b)


def div(a, b):
    if b == 0:
        if a == 0 or math.isnan(a):
            return math.nan
        return math.copysign(math.inf, a) * math.copysign(1, b)
    return single(a / b)


def root(a):
    return math.nan if a < 0 else single(math.sqrt(a))


def pattern(x):
    return 0 if math.isnan(x) else struct.unpack("<I", struct.pack("<f", x))[0]


def bf16(b):
    if b & 0x7FFFFFFF > 0x7F800000:
        return b >> 16 | 0x40
    return (b + 0x7FFF + (b >> 16 & 1)) >> 16 & 0xFFFF


def f16(b):
    sign = b >> 16 & 0x8000
    if b & 0x7FFFFFFF > 0x7F800000:
        return sign | 0x7E00 | b >> 13 & 0x3FF
    try:
        return struct.unpack("<H", struct.pack("<e", value(b)))[0]
    except OverflowError:
        return sign | 0x7C00


WIDTH = {1: 32, 2: 16, 3: 16, 4: 32, 5: 16}
MANTISSA = {1: 23, 2: 7, 3: 10}
SOURCES = [0, 1, 1, 3, 3, 5, 1, 3, 3, 2]


def predict(kind, pred, k, src, i):
    a = src[0][i] if src else 0
    if pred == 0:
        return 0
    if pred == 1:
        return a
    if pred == 6:
        return bf16(a) if kind == 2 else f16(a)
    x = [value(s[i]) for s in src]
    if pred == 9:
        return pattern(mul(k[0], root(x[1]))) & 0x7FFFFFFF | a & 0x80000000
    if pred == 2:
        return pattern(mul(k[0], x[0]))
    if pred == 3:
        g = div(sub(x[1], mul(k[0], x[2])), k[1])
        return pattern(add(mul(k[2], x[0]), mul(mul(k[3], g), g)))
    if pred == 7:
        d = add(sub(x[1], x[2]), mul(k[0], x[2]))
        return pattern(add(x[0], sub(mul(mul(k[1], d), d), mul(k[2], x[0]))))
    way = mul(k[1], div(x[1], add(root(x[2]), k[2])))
    if pred == 8:
        return pattern(sub(x[0], add(mul(k[0], x[0]), way)))
    p = sub(mul(k[0], x[0]), way)
    if pred == 5:
        p = sub(p, mul(k[3], div(x[3], add(root(x[4]), k[2]))))
    return pattern(p)


def unpack(buf, at, n, keep):
    out = []
    for i in range(0, n, 8):
        acc = int.from_bytes(buf[at : at + keep], "little")
        out += [(acc >> (j * keep) & ((1 << keep) - 1)) << (8 - keep) for j in range(min(8, n - i))]
        at += keep
    return out, at


def old_table(buf):
    slot = []
    at = 32
    for c in range(256):
        if buf[c // 8] >> c % 8 & 1:
            freq = struct.unpack_from("<H", buf, at)[0]
            slot += [(c, freq, k) for k in range(freq)]
            at += 2
    need(len(slot) == 4096, "frequencies that do not add up")
    return slot, at


def table(buf, at):
    first, last = buf[at : at + 2]
    at += 2
    if (first, last) == (1, 0):
        return None, at
    slot = []
    for c in range(first, last + 1):
        freq = buf[at]
        at += 1
        if freq >= 128:
            freq = (freq - 128) * 256 + buf[at]
            at += 1
        slot += [(c, freq, k) for k in range(freq)]
    need(len(slot) == 4096, "frequencies that do not add up")
    return slot, at


def rans(buf, n, ctx=None, old=False):
    """States that take turns; see Duda, asymmetric numeral systems."""
    states = 4 if old else 32
    slots = []
    if old:
        slot, at = old_table(buf)
        slots.append(slot)
    else:
        need(buf[0] == 1 or buf[0] == 16 and ctx, "as many tables as contexts")
        at = 1
        for _ in range(buf[0]):
            slot, at = table(buf, at)
            slots.append(slot)
    x = list(struct.unpack_from("<%dI" % states, buf, at))
    at += 4 * states
    out = bytearray()
    for i in range(n):
        s = i % states
        c, freq, k = slots[ctx[i] if len(slots) > 1 else 0][x[s] % 4096]
        y = freq * (x[s] >> 12) + k
        if y < 65536:
            y = y << 16 | struct.unpack_from("<H", buf, at)[0]
            at += 2
        x[s] = y
        out.append(c)
    need(at == len(buf) and x == [65536] * states, "a plane that does not end well")
    return out


def planes(buf, at, n, width, ctx, old):
    """A block: n numbers, and where it ends."""
    turn = buf[at]
    at += 1
    odd = 0
    if not old:
        odd = u32(buf, at)
        at += 4
    u = [0] * n
    for shift in range(width - 8, -1, -8) if old else range(0, width, 8):
        mode = buf[at]
        at += 1
        if mode == 0:
            plane = buf[at : at + n]
            at += n
        elif mode == 1:
            plane = buf[at : at + 1] * n
            at += 1
        elif mode in (2, 3, 4):
            size = u32(buf, at)
            part = buf[at + 4 : at + 4 + size]
            plane = unzstd(part, n) if mode == 2 else rans(part, n, ctx, mode == 3)
            at += 4 + size
        else:
            need(9 <= mode <= 15, "a plane of no known mode")
            plane, at = unpack(buf, at, n, mode - 8)
        for i in range(n):
            u[i] |= plane[i] << shift
    mask = (1 << width) - 1
    u = [(x >> turn | x << (width - turn)) & mask if turn else x for x in u]
    for _ in range(odd):
        u[u32(buf, at)] = u32(buf, at + 4)
        at += 8
    return u, at


def run(buf, raw, refs):
    """A run of elements, as bytes. refs: (bytes, offset) of its sources."""
    kind, pred, how, terms, contexts = buf[:5]
    old = kind < 16
    kind %= 16
    k = struct.unpack_from("<4f", buf, 5)
    bias = u32(buf, 21)
    base = buf[25]
    width = WIDTH[kind]
    n = raw // (width // 8)
    need(len(refs) == SOURCES[pred], "a run with too few sources")
    wide = 32 if pred == 6 else width
    src = [struct.unpack_from("<%d%s" % (n, "I" if wide == 32 else "H"), r, o) for r, o in refs]
    at = 25 if old else 26
    mask = (1 << width) - 1
    p = [predict(kind, pred, k, src, i) for i in range(n)]
    if terms:
        cols, phase, low, size = struct.unpack_from("<4I", buf, at)
        rows = (phase + n + cols - 1) // cols
        side = unzstd(buf[at + 16 : at + 16 + size], rows + cols)
        at += 16 + size
        unit = 1 << (MANTISSA[kind] - 4)
        for i in range(n):
            term = side[(phase + i) // cols] + side[rows + (phase + i) % cols] - 128
            p[i] = p[i] + low + term * unit & mask
    half = mask >> 1
    ctx = None
    if contexts and not old:
        field = (mask >> 1) >> MANTISSA[kind]
        size = [x >> MANTISSA[kind] & field for x in p]
        if pred == 9:
            size = [32 + ((m & half) - (x & half) >> 22) for m, x in zip(src[0], p)]
        ctx = [min(max(x - base, 0), 15) for x in size]
    u = []
    while len(u) < n:
        block, at = planes(buf, at, min(65536, n - len(u)) if old else n, width, ctx, old)
        u += block
    need(at == len(buf), "a run that is longer than it should be")
    x = [0] * n
    for i in range(n):
        if how == 0:
            x[i] = u[i]
        elif how == 1:
            x[i] = (u[i] + p[i] + bias) & mask
        elif how == 2:
            x[i] = ((u[i] >> 1 if u[i] % 2 == 0 else ~(u[i] >> 1)) + p[i]) & mask
        else:
            sign = u[i] & 1 ^ (p[i] >> (width - 1) if how == 4 else 0)
            x[i] = ((u[i] >> 1) + p[i] + bias) & half | sign << (width - 1)
    return struct.pack("<%d%s" % (n, "I" if width == 32 else "H"), *x)


class Store:
    def __init__(self, path):
        with open(os.path.join(path, "lc-store")) as f:
            need(f.read() in ("lc-store 1\n", "lc-store 2\n", "lc-store 3\n"), "a store of another version")
        self.path = path
        self.where = {}
        self.known = {}
        for name in sorted(os.listdir(os.path.join(path, "packs"))):
            self.index(os.path.join(path, "packs", name))

    def index(self, name):
        with open(name, "rb") as f:
            buf = f.read()
        need(buf[:8] == b"LCPACK1\n" and buf[-8:] == b"LCINDEX1", name + ": not a pack")
        at, n = struct.unpack_from("<QQ", buf, len(buf) - 64)
        index = buf[at : at + 56 * n]
        need(hashlib.sha256(index).digest() == buf[-48:-16], name + ": index damaged")
        for i in range(n):
            ident = index[56 * i : 56 * i + 32]
            off, stored, raw, codec, depth, zero, crc = struct.unpack_from("<QIIBBHI", index, 56 * i + 32)
            need(zero == 0 and crc in (0, crc32c(buf[off : off + stored])), "a body has another checksum")
            self.where.setdefault(ident, []).append((buf[off : off + stored], raw, codec, depth))

    def chunk(self, ident, below=65):
        if ident in self.known:
            return self.known[ident]
        for body, raw, codec, depth in self.where.get(ident, []):
            if depth < below:
                out = self.decode(body, raw, codec, depth)
                need(hashlib.sha256(out).digest() == ident, "a chunk has another hash")
                self.known[ident] = out
                return out
        return need(False, "chunk %s is in no pack" % ident.hex()[:16])

    def decode(self, body, raw, codec, depth):
        if codec == 0:
            return body
        if codec == 1:
            return unzstd(body, raw)
        need(codec == 2, "codec %d" % codec)
        nrefs, segments = struct.unpack_from("<II", body)
        refs = [self.chunk(body[8 + 32 * i : 40 + 32 * i], depth) for i in range(nrefs)]
        at = 8 + 32 * nrefs
        out = b""
        for _ in range(segments):
            size, coded, kind, sources = struct.unpack_from("<IIBB", body, at)
            at += 12
            src = []
            for _ in range(sources):
                src.append((refs[u32(body, at)], u32(body, at + 4)))
                at += 8
            part = body[at : at + coded]
            at += coded
            if kind == 1:
                out += run(part, size, src)
            else:
                out += part[1:] if part[0] == 0 else unzstd(part[1:], size)
        need(at == len(body) and len(out) == raw, "a chunk of another length")
        return out


def name(text):
    out = b""
    while text:
        if text[0] == "%":
            out += bytes.fromhex(text[1:3])
            text = text[3:]
        else:
            out += text[0].encode()
            text = text[1:]
    return out


def main():
    need(len(sys.argv) == 4, "usage: read_store.py STORE ID DIR")
    store = Store(sys.argv[1])
    ident, to = sys.argv[2], os.fsencode(sys.argv[3])
    with open(os.path.join(sys.argv[1], "snapshots", ident + ".json"), "rb") as f:
        line = f.readline().rstrip(b"\n")
    need(hashlib.sha256(line).hexdigest() == ident, "the manifest has another hash")
    tree = json.loads(line)["tree"]
    os.mkdir(to)
    for e in tree:
        path = os.path.join(to, name(e["path"]))
        if e["kind"] == "link":
            os.symlink(name(e["target"]), path)
        elif e["kind"] == "dir" and e["path"] != ".":
            os.mkdir(path)
        elif e["kind"] == "file":
            data = b"".join(store.chunk(bytes.fromhex(c)) for c in e["chunks"])
            if "sha256" in e:  # version 1 of the manifest
                need(hashlib.sha256(data).hexdigest() == e["sha256"], e["path"] + " has another hash")
            need(len(data) == e["size"], e["path"] + " has another length")
            with open(path, "wb") as f:
                f.write(data)
    for e in reversed(tree):
        if e["kind"] != "link":
            os.chmod(os.path.join(to, name(e["path"])), int(e["mode"], 8))


main()
