"""One training run: its words, its steps, its states, what lc-detect says of it."""
import json
import os
import resource
import shutil
import subprocess

from incidents import SIZES

HERE = os.path.dirname(os.path.abspath(__file__))
VAL_BYTES = 4096  # of each shard, along the way
END_BYTES = 49152  # at the end


class Died(Exception):
    """A program failed that must not."""


def tool(name):
    return os.path.join(os.environ["B"], name)


def words(incident, seed, mark):
    """The words of lc-train, or of torch_train.py, for this incident: the plan and its faults."""
    size = SIZES[incident.size]
    out = [tool("lc-train")]
    if in_torch(incident):
        out = [os.environ["TORCH_PYTHON"], os.path.join(HERE, "torch_train.py"), "--text", size.get("text") or tool("kjv.txt"),
               "--end-bytes", END_BYTES]
    out += ["-q", *size["words"].split(), "--total", size["total"], "--warmup", size["warmup"]]
    if "begin" in size:
        out += ["--init", os.path.join(os.environ["MADE"], size["begin"])]
    if incident.size == "tune":
        out += ["--text", code()]
    out += ["--lr", incident.lr, "--schedule", incident.schedule, "--seed", seed, "--data-seed", seed]
    out += ["--val-every", size["every"], "--val-bytes", VAL_BYTES, "--save-every", size["save"]]
    out += incident.extra.split()
    for fault in incident.faults:
        last = min(incident.onset + incident.length, incident.total)
        out += ["--fault", fault.format(a=incident.onset, b=last, t=incident.total, mark=mark, code=code())]
    return [str(w) for w in out]


def in_torch(incident):
    return SIZES[incident.size].get("program") == "torch"


def code():
    """Another text than the bundled one: the C of this tree."""
    return os.path.join(os.environ["MADE"], "code.txt")


def profile(incident):
    """What lc-detect and lc-guard are told about a policy gradient."""
    return ["--profile", "rl"] if incident.metric == "val_reward" else []


def call(argv, out, log, ok=(0,), stdin=None, env=None):
    """Run a program to its end; its CPU time in seconds. Its words go to a file beside."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(out, "ab") as o, open(log, "ab") as e:
        code = subprocess.call(argv, stdout=o, stderr=e, stdin=stdin or subprocess.DEVNULL, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code not in ok:
        with open(log, errors="replace") as f:
            last = (f.read().strip().splitlines() or ["no word"])[-1]
        raise Died("%s: status %d: %s" % (" ".join(argv[:3]), code, last))
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Run:
    """A line of steps through time, in DIR: log.jsonl, states out/N/step-*. It may go back and on from an older state."""

    def __init__(self, incident, seed, where):
        self.incident, self.seed, self.dir = incident, seed, where
        os.makedirs(where, exist_ok=True)
        self.mark = os.path.join(where, "mark")
        self.log = os.path.join(where, "log.jsonl")
        self.steps = 0  # steps trained, all counted
        self.cpu = 0.0
        self.part = 0
        self.states = {}  # step -> directory
        self.last = {}  # those of the last part
        self.told, self.force = 0, {}  # lines when it began, and the actions in force since

    def go(self, state=None, actions=(), steps=None, total=None, extra=()):
        """Train on from a state, or from the beginning, to the end of the plan or so many steps; the records."""
        self.part += 1
        out = os.path.join(self.dir, "out", str(self.part))
        new = os.path.join(self.dir, "part-%d.jsonl" % self.part)
        argv = words(self.incident, self.seed, self.mark) + ["--out", out, *map(str, extra), *map(str, actions)]
        self.told = self.lines()
        self.force = {"lr_scale": actions[actions.index("--lr-scale") + 1]} if "--lr-scale" in actions else {}
        if state:
            argv += ["--resume", state]
        if steps:
            argv += ["--steps", str(steps)]
        self.cpu += call(argv, new, os.path.join(self.dir, "said"))
        found = records(new)
        self.steps += sum("step" in r and "type" not in r for r in found)
        with open(self.log, "ab") as log, open(new, "rb") as part:
            log.write(part.read())
        self.last = states_in(out)
        self.states.update(self.last)
        return found

    def end(self):
        """What the last part ended with, over more text; nothing where it left no state."""
        return end(self.incident, self.seed, self.mark, self.last, self.dir)

    def drop(self):
        """Remove the states of the last part: nothing will begin there."""
        for step, path in self.last.items():
            shutil.rmtree(path, ignore_errors=True)
            if self.states.get(step) == path:
                del self.states[step]

    def newest(self, step):
        """The newest state at or before a step, and its step; nothing: the beginning."""
        at = max((s for s in self.states if s <= step), default=0)
        return self.states.get(at), at

    def cut(self, step):
        """Forget what came after a step: it was run only because nobody had looked yet."""
        with open(self.log, "rb") as f:
            lines = f.readlines()
        seen = [i for i, line in enumerate(lines) if b'"step":%d,' % step in line]
        dropped = len(lines) - seen[-1] - 1 if seen else 0
        if dropped:
            with open(self.log, "wb") as f:
                f.writelines(lines[:-dropped])
            self.steps -= dropped
        self.states = {s: d for s, d in self.states.items() if s <= step}

    def lines(self):
        if not os.path.exists(self.log):
            return 0
        with open(self.log, "rb") as f:
            return sum(1 for _ in f)

    def alert(self, since=0, after=0):
        """The first alert of what was logged, beyond so many lines; or nothing. lc-detect knows what it knows under lc-guard."""
        argv = [tool("lc-detect"), "-1", "--since", str(since), "--after", str(after)]
        if self.states:
            force = os.path.join(self.dir, "actions.json")
            with open(force, "w") as f:
                json.dump(self.force, f)
            argv += ["--plan", os.path.join(self.states[max(self.states)], "state.json"), "--actions", force, "--told", str(self.told)]
        argv += [*profile(self.incident), self.log]
        found = subprocess.run(argv, capture_output=True)
        if found.returncode not in (0, 1):
            raise Died("lc-detect: " + found.stderr.decode(errors="replace").strip())
        return json.loads(found.stdout.splitlines()[0]) if found.returncode == 0 else None


def records(path):
    """The records of a log that are whole."""
    out = []
    with open(path, "rb") as f:
        for line in f:
            try:
                out.append(json.loads(line))
            except ValueError:
                pass
    return out


def end(incident, seed, mark, states, where):
    """The final losses over more held-out text: the last steps again, to the bit, from the newest state before the end. In
    PyTorch nothing: there the run's own last record has them."""
    if in_torch(incident):
        return None
    before = {s: d for s, d in states.items() if s < incident.total}
    if not before:
        return None
    out = os.path.join(where, "end.jsonl")
    argv = words(incident, seed, mark) + ["--resume", before[max(before)], "--val-bytes", str(END_BYTES)]
    argv += ["--val-every", str(incident.total), "--save-every", "0"]
    call(argv, out, os.path.join(where, "said"))
    return finals(records(out), incident.metric)


def states_in(out):
    """The states that a trainer left in a directory, by step."""
    names = os.listdir(out) if os.path.isdir(out) else ()
    return {int(n[5:]): os.path.join(out, n) for n in names if n.startswith("step-")}


def number(x):
    """A metric as a number: what is not finite is written as a string."""
    try:
        return float(x)
    except (TypeError, ValueError):
        return float("nan")


def finals(found, metric="val_loss"):
    """The last held-out values: of the shard that is selected on, and of the other. Less is better: a reward's sign is turned."""
    other = metric.replace("val", "test")
    last = next((r for r in reversed(found) if metric in r), {})
    sign = -1 if "reward" in metric else 1
    return sign * number(last.get(metric)), sign * number(last.get(other, last.get(metric)))


def left(found, metric="val_loss"):
    """What a run that died leaves: its last held-out values that are numbers, of both shards."""
    other = metric.replace("val", "test")
    sign = -1 if "reward" in metric else 1
    ends = [(number(r[metric]) + number(r.get(other, r[metric]))) / 2 for r in found if metric in r]
    return next((sign * x for x in reversed(ends) if x == x and abs(x) != float("inf")), None)


def curve(found, metric="val_loss"):
    """The held-out losses by step, of the shard that nothing is selected on; where steps were gone again, the newest."""
    other = metric.replace("val", "test")
    sign = -1 if "reward" in metric else 1
    return sorted({r["step"]: sign * number(r[other]) for r in found if other in r and "type" not in r}.items())


def damage_step(found, onset):
    """First step from the onset with a loss above 1.1 times the median before, for 3 of 5 steps; or nothing."""
    loss = {r["step"]: number(r.get("loss")) for r in found if "step" in r and "type" not in r}
    past = sorted(v for s, v in loss.items() if onset - 100 <= s < onset and v == v)
    if not past:
        return None
    limit = 1.1 * past[len(past) // 2]
    bad = [not loss.get(s, 0) <= limit for s in range(onset, max(loss) + 1)]
    return next((onset + i for i in range(len(bad)) if bad[i] and sum(bad[i : i + 5]) >= 3), None)
