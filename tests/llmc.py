#!/usr/bin/env python3
"""llmc: the files of llm.c (train_gpt2.cu) for a small GPT-2 under AdamW, at two steps.

	llmc.py FOLDER STEPS RANKS DTYPE	(DTYPE: f32, or bf16 with masters)

writes FOLDER/STEP/model_STEP.bin and state_STEP_RANK.bin for each of STEPS (as 20,21). The gradients are noise, of
another scale for each row and column; what matters is that weights and moments obey AdamW's rule, in single precision.
"""
import os, random, struct, sys
from array import array

T, V, L, H, C, VP = 8, 250, 2, 2, 80, 256
SHAPES = [(1, VP, C), (1, T, C), (L, 1, C), (L, 1, C), (L, 3 * C, C), (L, 1, 3 * C), (L, C, C), (L, 1, C), (L, 1, C), (L, 1, C),
          (L, 4 * C, C), (L, 1, 4 * C), (L, C, 4 * C), (L, 1, C), (1, 1, C), (1, 1, C)]
B1, B2, EPS, LR, WD = .9, .95, 1e-8, 1e-3, .1


def header(*words):
    at = dict(words)
    return struct.pack("<256i", *(at.get(i, 0) for i in range(256)))


def bf16(w):
    out = array("H")
    for (b,) in struct.iter_unpack("<I", w.tobytes()):
        out.append((b + 0x7FFF + (b >> 16 & 1)) >> 16 & 0xFFFF)
    return out.tobytes()


def part(x, rank, ranks):
    """What a rank holds: of each tensor of each layer its part."""
    out, at = array("f"), 0
    for layers, rows, cols in SHAPES:
        for _ in range(layers):
            n = rows * cols
            out += x[at + rank * n // ranks:at + (rank + 1) * n // ranks]
            at += n
    return out.tobytes()


def write(folder, step, ranks, narrow, w, m, v):
    os.makedirs(folder)
    with open("%s/model_%08d.bin" % (folder, step), "wb") as f:
        f.write(header((0, 20240326), (1, 5 if narrow else 3), (2, T), (3, V), (4, L), (5, H), (6, C), (7, VP)))
        f.write(bf16(w) if narrow else w.tobytes())
    for rank in range(ranks):
        with open("%s/state_%08d_%05d.bin" % (folder, step, rank), "wb") as f:
            f.write(header((0, 20240527), (1, 1), (2, ranks), (3, rank), (4, int(narrow)), (5, 1), (10, step)))
            for x in (m, v, w) if narrow else (m, v):
                f.write(part(x, rank, ranks))
            f.write(bytes(range(41)))  # of a loader that shuffles


folder, steps, ranks, dtype = sys.argv[1:]
steps = [int(s) for s in steps.split(",")]
rng = random.Random(1)
scale = []
for layers, rows, cols in SHAPES:
    for _ in range(layers):
        col = [rng.lognormvariate(-4, 1) for _ in range(cols)]
        for _ in range(rows):
            row = rng.lognormvariate(0, 1)
            scale.extend(row * c for c in col)
n = len(scale)
w = array("f", (rng.gauss(0, .02) for _ in range(n)))
m, v = array("f", bytes(4 * n)), array("f", bytes(4 * n))
for step in range(1, max(steps) + 1):
    ib, ss = (1 - B2 ** step) ** .5, LR / (1 - B1 ** step)
    for i in range(n):
        g = rng.gauss(0, scale[i])
        m[i] = B1 * m[i] + (1 - B1) * g
        v[i] = B2 * v[i] + (1 - B2) * g * g
        w[i] = w[i] - ss * m[i] / (v[i] ** .5 / ib + EPS) - LR * WD * w[i]
    if step in steps:
        write("%s/%d" % (folder, step), step, int(ranks), dtype == "bf16", w, m, v)
