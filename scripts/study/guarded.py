"""lc-guard as a policy: the program that users run, around the same trainer, and what its files say of it."""
import glob
import json
import os
import shutil
import subprocess
import sys

from runs import call, curve, end, finals, left, number, profile, records, states_in, tool, words

HERE = os.path.dirname(os.path.abspath(__file__))
# How large a fork is: about what a run of these sizes can pay.
FORK = {
    "tiny": "-w 12 -k 1 --nulls 2 --horizon 20 --readout 20 --confirm 0 --no-probes",
    "torch-tiny": "-w 12 -k 1 --nulls 2 --horizon 20 --readout 20 --confirm 0 --no-probes",
    "small": "-w 64 -k 3 --nulls 2 --horizon 100 --readout 100 --confirm 1 --budget 15%",
    "tune": "-w 64 -k 3 --nulls 2 --horizon 50 --readout 50 --confirm 1 --budget 15%",
    "reward": "-w 64 -k 3 --nulls 2 --horizon 40 --readout 40 --confirm 1 --budget 15% -o max:val_reward",
    "medium": "-w 256 -k 4 --nulls 3 --horizon 200 --readout 200 --budget 15%",
}
EVERY = {"tiny": "--every 100", "small": "--every 2000 --every-budget 10%", "tune": "--every 1000 --every-budget 10%",
         "reward": "--every 1000 --every-budget 10%", "medium": "--every 2500 --every-budget 10%"}
HELD = 8  # checkpoints that the trainer itself keeps: all are in the store


def trainer(incident, seed, where, guard):
    """A trainer that keeps pace with its watcher, where it is the run itself and no future."""
    path = os.path.join(where, "train.sh")
    line = " ".join("'%s'" % w for w in [*words(incident, seed, os.path.join(where, "mark")), "--keep", str(HELD)])
    with open(path, "w") as f:
        f.write("#!/bin/sh\ncase \" $* \" in\n*' --steps none '*) exec '%s' '%s' '%s' %s \"$@\" ;;\n*) exec %s \"$@\" ;;\nesac\n"
                % (sys.executable, os.path.join(HERE, "pace.py"), guard, line, line))
    os.chmod(path, 0o755)
    return path


def guard(incident, seed, where, continuous):
    """A run under lc-guard to its end."""
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    kept = os.path.join(where, "guard")
    argv = [tool("lc-guard"), "-d", kept, "-j", "1", *FORK[incident.size].split(), *profile(incident)]
    argv += [*(EVERY[incident.size].split() if continuous else ()), "--"]
    argv += [trainer(incident, seed, where, kept), "--resume", "{state}", "--out", "{out}", "--steps", "{horizon}", "{actions}"]
    cpu = call(argv, os.path.join(where, "said"), os.path.join(where, "said"), ok=range(256))
    found = read(incident, kept, cpu)
    lines = sorted(glob.glob(os.path.join(kept, "out", "*")), key=lambda p: int(os.path.basename(p)))
    last = not found["died"] and end(incident, seed, os.path.join(where, "mark"), states_in(lines[-1]), where)
    if last:
        found["val"], found["test"] = last
    return found


def read(incident, kept, cpu=0.0):
    """What a guard's files say: the same figures as of any policy, and those of its decisions."""
    run = records(os.path.join(kept, "run.jsonl"))
    journal = records(os.path.join(kept, "journal.jsonl"))
    steps = [r for r in run if "step" in r and "type" not in r]
    futures = sum(fork_steps(f) for f in glob.glob(os.path.join(kept, "forks/*")))
    val, test = finals(run, incident.metric)
    whole = bool(steps) and steps[-1]["step"] >= incident.total
    alerts = [r for r in journal if r.get("type") == "alert"]
    decisions = [decision(kept, r) for r in journal if r.get("type") == "decision"]
    return dict(val=val, test=test, left=left(run, incident.metric), died=not whole or val != val, steps=len(steps) + futures,
               futures=futures, curve=curve(steps, incident.metric),
               total=incident.total, cpu=cpu, alert=alerts[0]["step"] if alerts else None,
               alerts=[(a["step"], a["kind"], a.get("first")) for a in alerts], decisions=decisions,
               interventions=sum(d["verdict"] == "better" for d in decisions),
               failed=[r.get("why") for r in journal if r.get("event") == "fork failed"], drafts=drafts(kept))


def fork_steps(fork):
    """Every step that a fork ran, also in futures and probes of a stage that failed: what each left in its directory. The
    probes' are removed when all went well; then their records are what is left."""
    paths = [p for d in ("branches", "probes") for n in ("stdout", "metrics") for p in glob.glob(os.path.join(fork, d, "*", n + ".jsonl"))]
    probed = os.path.join(fork, "probed.jsonl")
    if os.path.exists(probed) and not os.path.isdir(os.path.join(fork, "probes")):
        paths.append(probed)
    return sum(map(branch_steps, paths))


def branch_steps(path):
    return sum("step" in r and "type" not in r for r in records(path))


def decision(kept, r):
    """A decision in short; at: the last step of the run before it was carried out."""
    place = "from" in r and r["from"] or {}
    return dict(verdict=r.get("verdict"), choice=r.get("choice"), actions=r.get("actions"), gain=number(r.get("gain")),
                ci=r.get("ci"), back_to=place.get("step"), why=r.get("why"), at=r.get("present", {}).get("step")
                if isinstance(r.get("present"), dict) else None)


def drafts(kept):
    """Of the futures that were forecast and then run: how many forecasts lc-proxy check accepted, and of how many."""
    accepted = of = 0
    for fork in sorted(glob.glob(os.path.join(kept, "forks/*"))):
        evidence, forecast = (os.path.join(fork, n) for n in ("evidence.jsonl", "forecast.jsonl"))
        if not os.path.exists(evidence) or not os.path.exists(forecast):
            continue
        lines, said = by_branch(evidence), by_branch(forecast)
        for name, own in lines.items():
            if name not in said or not any(b'"step"' in line and b'"type"' not in line for line in own):
                continue
            verdict = check(fork, said[name], own)
            of += verdict is not None
            accepted += verdict is True
    return [accepted, of]


def by_branch(path):
    out = {}
    with open(path, "rb") as f:
        for line in f:
            try:
                name = json.loads(line).get("branch")
            except ValueError:
                continue
            if name:
                out.setdefault(name, []).append(line)
    return out


def check(fork, said, own):
    """Is a forecast still right after the real steps? Nothing where there is none to be checked."""
    draft, real = os.path.join(fork, "draft"), os.path.join(fork, "real")
    for path, lines in ((draft, said), (real, [line for line in own if b'"type"' not in line])):
        with open(path, "wb") as f:
            f.writelines(lines)
    found = subprocess.run([tool("lc-proxy"), "check", "-q", "-H", os.path.join(fork, "run.jsonl"), "-f", draft, real],
                           capture_output=True)
    try:
        record = json.loads(found.stdout.splitlines()[0])
    except (ValueError, IndexError):
        return None
    return not record.get("rejected") if record.get("type") == "check" else None
