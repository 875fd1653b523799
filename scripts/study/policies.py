"""What others do about an incident, as published, on the same runs.

nothing     train on
palm        at each alert back at least 100 steps, and pass over 200 batches from there (PaLM, 2022)
half lr     at each alert back to before it, and on at half the learning rate
zclip, skip inside the trainer: lc-train --zclip (Kumar et al., 2025), --skip-sigma 6 (OLMo)
pbt         a population of 4, each over a quarter of the steps, so that all together take those of the run; quartile
            exploitation, lr times .8 or 1.2 (Jaderberg et al., 2017, as in Ray)
asha        at the first alert the arms of the oracle in rungs of 100, 200, 400 steps, of which the best quarter goes on, and the
            last one to the end (Li et al., 2020, as in Ray)
oracle      every arm from the first alert to the end; the best by val_loss. Where the lr is off its plan at that alert, to put
            it back is an arm too, as it is of lc-fork plan's
null        of a healthy run: its final loss over other data orders, for what is noise
hindsight   of a healthy run: the plan from the start at each of LRS times its lr that lies in SANE; the best by val_loss

The alerts are lc-detect's, and here acted on at that very step: no remedy is late because its detector was. All steps
count that a policy takes, those that were thrown away too.
"""
import json
import os
import shutil

import plan
from incidents import SIZES
from runs import Run, curve, damage_step, finals, left, records

TREATMENTS = 3  # of one run by a fixed remedy, as the ladders that people write have it
NULLS = 8
LRS = (0.125, 0.25, 0.5, 2, 4, 8, 16)
SANE = (3e-4, 1.5e-2)


def result(run, found, end=None, **more):
    """What every policy reports. steps: all that were trained; total: those of the plan; val, test: at its end."""
    val, test = end or run.end() or finals(found, run.incident.metric)
    whole = max((r["step"] for r in found if "step" in r), default=0) >= run.incident.total
    return dict(val=val, test=test, left=left(found, run.incident.metric), died=not whole or val != val, steps=run.steps,
                total=run.incident.total, cpu=run.cpu, **more)


def seen(run, found):
    """The first alert of an untreated run, set against what is known of its incident."""
    first = run.alert()
    out = dict(curve=curve(found, run.incident.metric), alert=first and first["step"], kind=first and first["kind"], first=first and first["first"])
    if not run.incident.healthy and run.incident.metric == "val_loss":  # the loss of a policy gradient says nothing
        out["damage"] = damage_step(found, run.incident.onset)
    return out


# ---- remedies at an alert ----


def palm(run, alert, said):
    state, at = run.newest(alert["step"] - 100)
    return state, ["--skip", ",".join([*(s[1] for s in said), "%d-%d" % (at + 1, at + 200)])]


def half(run, alert, said):
    state, _ = run.newest(alert["rewind"])
    return state, ["--lr-scale", 0.5 ** (len(said) + 1)]


def treated(base, remedy, where):
    """The run under a remedy, from the states that the untreated run left."""
    run = Run(base.incident, base.seed, where)
    shutil.copy(base.log, run.log)
    if os.path.exists(base.mark):
        shutil.copy(base.mark, run.mark)
    run.steps, run.states, run.last = base.steps, dict(base.states), base.last
    since, said, found = 0, [], records(base.log)
    while len(said) < TREATMENTS:
        alert = run.alert(since)
        if not alert:
            break
        run.cut(alert["step"])
        since = run.lines()
        state, actions = remedy(run, alert, said)
        said.append(["", actions[1].rsplit(",", 1)[-1]] if remedy is palm else actions)
        found = run.go(state, actions)
    return result(run, found, interventions=len(said))


# ---- the arms, for asha and the oracle ----


def arms(run, alert, log):
    """Futures from a first alert: (name, state, step of that state, actions). The state at the alert is made once."""
    now = alert["step"]
    back, at = run.newest(min(alert["rewind"], now))
    present, was = run.newest(now)
    skip = ["--skip", "%d-%d" % (at + 1, now + 200)]
    yield "none", present, was, []
    yield "reset", present, was, ["--reset", "mv"]
    yield "lr x0.25", present, was, ["--lr-scale", 0.25]
    yield "back", back, at, []
    yield "back, skip", back, at, skip
    for scale in (0.25, 0.5):
        yield "back, skip, lr x%g" % scale, back, at, skip + ["--lr-scale", scale]
    with open(os.path.join(present, "state.json")) as f:
        scale = plan.undo(json.load(f)["schedule"], log, now)
    if scale:
        yield "lr on plan", present, was, ["--lr-scale", scale]
        if scale < 1:  # where it is too low nothing is damaged, and before the onset a higher one would
            yield "back, lr on plan", back, at, ["--lr-scale", scale]


def fork_point(base, where):
    """The untreated run up to its first alert, with a state there; for a fault nobody noticed, 50 steps after its onset."""
    alert = base.alert() or dict(step=base.incident.onset + 50, rewind=base.incident.onset - 5)
    run = Run(base.incident, base.seed, where)
    if os.path.exists(base.mark):
        shutil.copy(base.mark, run.mark)
    run.states = {s: d for s, d in base.states.items() if s <= alert["step"]}
    state, at = run.newest(alert["step"])
    spent = run.steps
    if at < alert["step"]:
        run.go(state, steps=alert["step"] - at)
    run.steps = spent
    return run, alert


def oracle(base, where):
    run, alert = fork_point(base, where)
    best, ends = None, {}
    for name, state, at, actions in arms(run, alert, records(base.log)):
        if name == "none":  # it is the untreated run
            found = records(base.log)
        else:
            found = run.go(state, actions)
        ends[name] = (base if name == "none" else run).end() or finals(found, base.incident.metric)
        if name != "none":
            run.drop()
        if best is None or not ends[name][0] >= ends[best[0]][0]:
            best = (name, found)
    run.steps += alert["step"]
    return result(run, best[1], ends[best[0]], choice=best[0], ends=ends)


def asha(base, where):
    run, alert = fork_point(base, where)
    rungs, alive = (100, 200, 400), list(arms(run, alert, records(base.log)))
    length = {}
    for rung in rungs:
        if alert["step"] + rung > base.incident.total:
            break
        scores = []
        for name, state, at, actions in alive:
            more = alert["step"] + rung - at
            found = run.go(state, actions if name not in length else [], steps=more)
            val, _ = finals(found, base.incident.metric)
            length[name] = rung
            now = at + more
            scores.append((val if val == val else 1e9, (name, run.states[now], now, actions)))
        scores.sort(key=lambda s: s[0])
        keep = max(1, len(scores) // 4)
        alive = [s[1] for s in scores[:keep]]
    name, state, _, _ = alive[0]
    found = run.go(state)
    run.steps += alert["step"]
    return result(run, found, choice=name, interventions=int(name != "none"))


def hindsight(base, where):
    run = Run(base.incident, base.seed, where)
    best, ends = ("x1", records(base.log)), {"x1": base.end() or finals(records(base.log), base.incident.metric)}
    for scale in (x for x in LRS if SANE[0] <= x * base.incident.lr <= SANE[1]):
        name = "x%g" % scale
        found = run.go(actions=["--lr-scale", scale])
        ends[name] = run.end() or finals(found, base.incident.metric)
        if ends[name][0] < ends[best[0]][0]:
            best = (name, found)
    return result(run, best[1], ends[best[0]], choice=best[0], ends=ends)


def null(run):
    ends = []
    for k in range(SIZES[run.incident.size].get("nulls", NULLS)):
        found = run.go(extra=["--reseed", 7 + k])
        ends.append(sum(run.end() or finals(found, run.incident.metric)) / 2)
        run.drop()
    return dict(nulls=ends, steps=run.steps, total=run.incident.total, cpu=run.cpu)


# ---- a population ----


def pbt(base, where, members=4, rounds=10):
    """Each member has a plan of a quarter of the steps; faults take the same share of it, passing ones of the first's."""
    total = base.incident.total // members
    pop = []
    for i in range(members):
        hit = base.incident.cause != "passing" or i == 0
        faults = base.incident.faults if hit else ()
        run = Run(_Short(base.incident, total, faults), base.seed, os.path.join(where, "m%d" % i))
        pop.append(dict(run=run, state=None, at=0, scale=(1, 0.5, 2, 1)[i], found=[], val=float("nan")))
    draws = iter(_coins(base.seed))
    for k in range(1, rounds + 1):
        goal = total * k // rounds
        for m in pop:
            fresh = m["run"].go(m["state"], ["--lr-scale", m["scale"]], steps=goal - m["at"])
            m["found"] = m["found"] + fresh
            m["state"], m["at"] = m["run"].newest(goal)
            m["val"] = finals(m["found"], base.incident.metric)[0]
        order = sorted(pop, key=lambda m: m["val"] if m["val"] == m["val"] else 1e9)
        if k < rounds:
            worst, best = order[-1], order[0]
            worst["state"], worst["found"] = best["state"], list(best["found"])
            worst["scale"] = best["scale"] * (1.2 if next(draws) else 0.8)
    best = min(pop, key=lambda m: m["val"] if m["val"] == m["val"] else 1e9)
    val, test = best["run"].end() or finals(best["found"], base.incident.metric)
    return dict(val=val, test=test, left=left(best["found"], base.incident.metric), died=not val == val,
                steps=sum(m["run"].steps for m in pop), total=base.incident.total, cpu=sum(m["run"].cpu for m in pop), choice="x%.3g" % best["scale"])


class _Short:
    """An incident over a shorter plan."""

    def __init__(self, incident, total, faults):
        self.of = incident
        self.total, self.faults = total, faults
        self.onset = int(total * incident.at)
        self.length = incident.length * total // incident.total
        self.extra = (incident.extra + " --total %d" % total).strip()

    def __getattr__(self, name):
        return getattr(self.of, name)


def _coins(seed):
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 63
