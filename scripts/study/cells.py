"""A cell, a policy on an incident with a seed: its name by the content of all that makes it, and where it is kept."""
import dataclasses
import glob
import hashlib
import json
import os
import shutil

from incidents import SIZES, Incident
from runs import call, in_torch, states_in, tool, words

HERE = os.path.dirname(os.path.abspath(__file__))
TRAIN = ["lc-train", "kjv.txt"]
TOOLS = TRAIN + ["lc-detect", "lc-fork", "lc-proxy", "lc-collapse", "lc-snap", "lc-guard", "model.json"]
# What each policy's result is made of: programs, scripts.
OFFLINE = (TRAIN + ["lc-detect"], ["runs.py", "policies.py", "plan.py"])
INSIDE = (TRAIN, ["runs.py", "policies.py"])
TORCH = ["torch_train.py", "torch_faults.py", "plan.py", "../lightcone.py", "../examples/torch_loop.py"]
GUARDED = (TOOLS, ["runs.py", "guarded.py", "pace.py"])
MADE_OF = {"nothing": OFFLINE, "palm": OFFLINE, "half lr": OFFLINE, "asha": OFFLINE, "oracle": OFFLINE, "hindsight": INSIDE, "null": INSIDE,
           "zclip": INSIDE, "skip 6 sigma": INSIDE, "pbt": INSIDE, "lightcone": GUARDED, "continuous": GUARDED}


@dataclasses.dataclass(frozen=True)
class Cell:
    incident: object
    seed: int
    policy: str

    def key(self):
        programs, scripts = MADE_OF[self.policy]
        if in_torch(self.incident):
            programs = [p for p in programs if p != "lc-train"]
            scripts = scripts + TORCH + [p for p in [SIZES[self.incident.size].get("text")] if p]
        h = hashlib.sha256()
        for path in [*map(tool, programs), *(os.path.join(HERE, s) for s in scripts)]:
            h.update(digest(path))
        place = {k: v for k, v in dataclasses.asdict(self.incident).items() if k not in ("seeds", "set", "tags", "name")}
        size = SIZES[self.incident.size]
        if "begin" in size or "{code}" in str(self.incident.faults):
            place["made"] = made_key()
        h.update(json.dumps([place, size, self.seed, self.policy], sort_keys=True).encode())
        return h.hexdigest()[:24]


_digests = {}


def digest(path):
    if path not in _digests:
        h = hashlib.sha256()
        for p in [path] if not os.path.isdir(path) else sorted(os.path.join(path, f) for f in os.listdir(path)):
            with open(p, "rb") as f:
                h.update(f.read())
        _digests[path] = h.digest()
    return _digests[path]


def made_key():
    h = hashlib.sha256(json.dumps(SIZES["small"]).encode())
    for path in [*map(tool, TRAIN), *sources()]:
        h.update(digest(path))
    return h.hexdigest()[:24]


def sources():
    """The C of this tree: the other text."""
    top = os.path.dirname(os.path.dirname(HERE))
    return sorted(p for d in ("lib", "kernels", "cmd", "cmd/*", "tests/*") for p in glob.glob(os.path.join(top, d, "*.c")))


def make(where):
    """What some incidents begin with: the other text, and the end of a run to go on from. Whole or not there."""
    if os.path.isdir(os.environ["MADE"]):
        return
    part = os.path.join(where, "made.part")
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    with open(os.path.join(part, "code.txt"), "wb") as out:
        for path in sources():
            with open(path, "rb") as f:
                out.write(f.read())
    plan = words(Incident("begin", (), 0.5), 1000, "") + ["--save-every", "0", "--val-every", "0", "--out", os.path.join(part, "out")]
    call(plan, os.path.join(part, "log"), os.path.join(part, "said"))
    state = states_in(os.path.join(part, "out"))
    os.rename(state[max(state)], os.path.join(part, "small"))
    os.rename(part, os.environ["MADE"])


class Study:
    def __init__(self, where):
        self.dir = os.path.abspath(where)
        self.cells = os.path.join(self.dir, "cells")
        os.makedirs(self.cells, exist_ok=True)

    def path(self, cell):
        return os.path.join(self.cells, cell.key() + ".json")

    def have(self, cell):
        try:
            with open(self.path(cell)) as f:
                return json.load(f)
        except (OSError, ValueError):
            return None

    def keep(self, cell, found):
        """A cell's file appears whole."""
        found.update(incident=cell.incident.name, seed=cell.seed, policy=cell.policy)
        part = "%s.%d" % (self.path(cell), os.getpid())
        with open(part, "w") as f:
            json.dump(found, f)
        os.replace(part, self.path(cell))


def begin(where, jobs):
    """What these cells begin with. To be called where what it starts ends with its parent."""
    if any("begin" in SIZES[c.incident.size] or "{code}" in str(c.incident.faults) for j in jobs for c in j):
        make(where)
