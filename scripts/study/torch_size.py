"""The study in PyTorch: which Python has it, and how large a model and how long a plan the time that is given allows.

A GPU gets the largest of SHAPES that makes LEAST steps a run within the hours, and no more than PASSES over the text, which a
model of this size would learn by heart. Its pace is measured once and kept in the
study's directory (torch.json): what was run stays of use, and a report needs no GPU.
"""
import json
import os
import statistics
import subprocess
import sys

import guarded
from incidents import SIZES
from runs import HERE, tool

# GPT-2's smallest, and what is left of it where the time does not suffice; the peak learning rate of each.
SHAPES = (
    ("GPT-2", "--layers 12 --dim 768 --heads 12 --ctx 1024 --batch 4", 3e-4),
    ("GPT-2, smaller", "--layers 8 --dim 512 --heads 8 --ctx 512 --batch 8", 5e-4),
    ("GPT-2, small", "--layers 4 --dim 256 --heads 4 --ctx 256 --batch 16", 1e-3),
)
LEAST, MOST = 1500, 16000  # steps of a run
PASSES = 8  # over the text; the bundled one has a megabyte
PLANS = 52  # runs that all cells of size gpt2 take, arms and nulls counted
BESIDE = 1.25  # states written and read, held-out losses, the tools: beside the steps
TIMED = 40  # steps


def find(cuda=False):
    """A Python with torch, and its words for what it runs on; nothing where there is none."""
    ask = "import torch; c = torch.cuda.is_available(); print(torch.__version__, torch.cuda.get_device_name() if c else 'CPU', c, sep='\\n')"
    for python in filter(None, (os.environ.get("LC_PYTHON"), sys.executable, "/usr/bin/python3")):
        try:
            found = subprocess.run([python, "-c", ask], capture_output=True, text=True).stdout.split("\n")
        except OSError:
            continue
        if len(found) > 2 and (found[2] == "True" or not cuda):
            return python, "torch %s, %s" % (found[0], found[1])
    return None


def trainer(python):
    os.environ["TORCH_PYTHON"] = python


def pace(python, words, text):
    """Steps a second, the median over the second half of a few."""
    argv = [python, os.path.join(HERE, "torch_train.py"), "--text", text, *words.split(), "--total", str(10 * TIMED), "--steps", str(TIMED)]
    argv += ["--val-every", "0", "--save-every", "0", "--probe-every", "0"]
    out = subprocess.run(argv, capture_output=True, text=True)
    found = [json.loads(line) for line in out.stdout.splitlines()]
    walls = [r["wall_s"] for r in found if "wall_s" in r][TIMED // 2:]
    if out.returncode or not walls:
        last = (out.stderr.strip().splitlines() or ["no word"])[-1]
        print("study: %s: %s" % (words, last), file=sys.stderr)
        return 0.0
    return 1 / statistics.median(walls)


def choose(found, hours, text, ask=True):
    """The first shape whose plan is long enough: (name, words, lr, steps a second, steps of the plan); nothing if none is. A pace
    that is not known is measured only if ask."""
    for name, words, lr in SHAPES:
        of = dict(zip(words.split()[::2], map(int, words.split()[1::2])))
        most = min(MOST, PASSES * os.path.getsize(text) // (of["--batch"] * of["--ctx"]))
        rate = found["pace"].get(words) or (pace(found["python"], words, text) if ask else 0)
        if rate:
            found["pace"][words] = rate
        total = min(most, int(3600 * hours * rate / (PLANS * BESIDE))) // 40 * 40
        if total >= LEAST:
            return name, words, lr, rate, total
    return None


def size(where, hours, text, ask):
    """Put size gpt2 into SIZES. Its learning rate, or nothing; and words that say what came of it. ask: a pace that is not
    known yet may be measured."""
    path = os.path.join(where, "torch.json")
    try:
        with open(path) as f:
            found = json.load(f)
    except (OSError, ValueError):
        python = find(cuda=True) if ask else None
        if not python:
            return None, "no GPU that a PyTorch can use: the PyTorch cells are left out" if ask else "no PyTorch cells were begun here"
        found = dict(python=python[0], on=python[1], pace={})
    chosen = choose(found, hours, text or tool("kjv.txt"), ask)
    with open(path + ".new", "w") as f:
        json.dump(found, f)
    os.replace(path + ".new", path)
    if not chosen:
        return None, ("%s: not %d steps a run in %g hours (--torch-hours) and %d passes over the text: the PyTorch cells are left out"
                      % (found["on"], LEAST, hours, PASSES))
    name, words, lr, rate, total = chosen
    trainer(found["python"])
    SIZES["gpt2"] = dict(program="torch", words=words + " --probe-every %d" % (total // 80), total=total, warmup=total // 20,
                         every=total // 40, save=total // 20, nulls=4, text=text, on=found["on"])
    guarded.FORK["gpt2"] = "-w 64 -k 3 --nulls 2 --horizon %d --readout %d --confirm 1 --budget 15%%" % ((max(10, total // 160),) * 2)
    return lr, "%s: %s, %.2f steps/s, %d steps a run, all in about %g hours" % (found["on"], name, rate, total, hours)
