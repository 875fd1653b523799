"""What the study must show: each goal, and what was measured. A miss is printed as it is."""
import os
import typing

from stats import interval, mean, median, t95

FIXED = ("nothing", "palm", "half lr", "zclip", "skip 6 sigma")
ENDS = ("oracle", *FIXED, "pbt", "asha", "lightcone", "continuous")
MARKS = ("<!-- study -->\n", "<!-- /study -->\n")


def num(x, digits=4):
    return "-" if x is None or x != x else "%.*f" % (digits, x)


def regret(t, q, metric="val_loss", beside=None):
    """By incident its runs' (regret to the oracle, damage by doing nothing); only where beside was run too. Where any policy
    ends lower than all arms of the oracle, its end is one of theirs: no regret is below 0."""
    groups = {}
    for i, _, p in t.runs(False):
        if i.metric == metric and {q, "oracle", "nothing", beside or q} <= set(p):
            ends = [t.final(p, x) for x in ENDS if x in p]
            best = min(x for x in ends if x == x)
            groups.setdefault(i.name, []).append((t.final(p, q) - best, t.final(p, "nothing") - best))
    return groups


def share(pairs):
    pairs = list(pairs)
    damage = sum(d for _, d in pairs)
    return 100 * sum(r for r, _ in pairs) / damage if damage > 0 else float("nan")


def typical(t, groups):
    """The median of the incidents' own shares, of those whose damage is beyond the noise; and how many those are."""
    own = [share(g) for name, g in groups.items() if mean(d for _, d in g) > bound(t, t.incidents[name], len(g))]
    return median(own), len(own)


def overall(groups):
    """One share for all incidents: the mean regret over the mean damage, so that heavy ones count for more."""
    return share(x for g in groups.values() for x in g)


def extra(runs):
    """Steps beyond the plan's, in %: what was run again, and all probes, nulls, branches and readouts. A run that died early saved none."""
    return [max(0.0, 100 * (x["steps"] - x["total"]) / x["total"]) for x in runs]


def bound(t, incident, n=1):
    """The most by which n runs may differ, on average, from n others and be called equal."""
    sd, df = t.noise(incident)
    return t95(df) * sd * (2 / n) ** 0.5 if df else 0.0


def beaten(t, q, others, beside=None):
    """Incidents on which none of the others ends lower than q by more than the noise; of all where q and one of them were run,
    and beside too."""
    of, lost = 0, []
    for name in t.names(False):
        rows = [(i, p) for i, _, p in t.runs(False) if i.name == name and {q, beside or q} <= set(p)]
        worse = []
        for o in others:
            more = [t.final(p, q) - t.final(p, o) for _, p in rows if o in p]
            if more:
                worse.append((mean(more) - bound(t, rows[0][0], len(more)), mean(more), o))
        of += bool(worse)
        if any(not w <= 0 for w, _, _ in worse):
            _, by, o = max(worse)
            lost.append("%s (%s by %.3f)" % (name, o, by))
    return of - len(lost), of, lost


class Row(typing.NamedTuple):
    what: str
    figure: str
    goal: str = ""
    reached: typing.Optional[bool] = None  # where there is no goal
    of: str = ""  # the policy
    beside: str = ""  # the best fixed remedy's figure

    def text(self):
        return self.figure + ("" if self.reached is None or self.reached else ", missed")


LOST = "incidents where one does"
POOR = "healthy runs with a poor schedule: share of hindsight's gain, at which extra compute"


def rows(t, ours):
    """What it must show."""
    for q in ours:
        yield from incident_rows(t, q)
        yield from healthy_rows(t, q)
    poor = [(i, p) for i, _, p in t.runs(True, "poor") if {"continuous", "nothing", "hindsight"} <= set(p)]
    best = sum(t.final(p, "nothing") - t.final(p, "hindsight") for _, p in poor)
    if best > 0:
        gain = sum(t.final(p, "nothing") - t.final(p, "continuous") for _, p in poor)
        each = ["%s %.0f" % (i.name.split()[-1], 100 * share_of_best(t, p)) for i, p in poor]
        more = mean(extra(p["continuous"] for _, p in poor))
        yield Row(POOR, "%.0f %% (%s), %.1f %%" % (100 * gain / best, ", ".join(each), more), "at least 50 %, 10 %",
                  gain / best >= 0.5 and more <= 10, "continuous")


def share_of_best(t, p):
    best = t.final(p, "nothing") - t.final(p, "hindsight")
    return (t.final(p, "nothing") - t.final(p, "continuous")) / best if best > 0 else float("nan")


def best_fixed(t, metric="val_loss", beside=None):
    """(share of the damage that is left, name) of the fixed remedy that leaves least; each on the very runs that another policy has."""
    found = [(overall(regret(t, f, metric, beside)), f) for f in FIXED if f != "nothing"]
    return min((x for x in found if x[0] == x[0]), default=None)


def incident_rows(t, q):
    own = [p[q] for _, _, p in t.runs() if q in p]
    sick = [p[q] for _, _, p in t.runs(False) if q in p]
    fixed = best_fixed(t)
    held = [p[fixed[1]] for _, _, p in t.runs(False) if fixed and {q, fixed[1]} <= set(p)]
    if sick:
        good, of, lost = beaten(t, q, FIXED)
        if of:
            # of a fixed remedy: where no other does, nor q
            others = [(*beaten(t, f, [x for x in (q, *FIXED) if x != f], q)[:2], f) for f in FIXED]
            n, of_n, f = max((x for x in others if x[1]), key=lambda x: x[0] / x[1], default=(0, 0, ""))
            yield Row("incidents where no fixed remedy ends better, within noise", "%.0f %% (%d of %d)" % (100 * good / of, good, of),
                      "at least 90 %", good >= 0.9 * of, q, "%s, %.0f %% (%d of %d)" % (f, 100 * n / of_n, n, of_n) if of_n else "")
            yield Row(LOST, "; ".join(lost) or "none", of=q)
        for metric, what in (("val_loss", "loss"), ("val_reward", "reward")):
            yield from regret_rows(t, q, metric, what)
    if own:
        died = sum(x["died"] for x in own)
        yield Row("runs that die", "%d of %d" % (died, len(own)), "0", not died, q,
                  "%s, %d of %d" % (fixed[1], sum(x["died"] for x in held), len(held)) if held else "")
    if sick:
        more = extra(sick)
        yield Row("extra compute per incident run, mean and most", "%.1f %%, %.1f %%" % (mean(more), max(more)), "at most 15 %",
                  mean(more) <= 15, q, "%s, %.1f %%, %.1f %%" % (fixed[1], mean(extra(held)), max(extra(held))) if held else "")


def regret_rows(t, q, metric, what):
    """Each fixed remedy is set beside q on the very runs that q has."""
    groups = regret(t, q, metric)
    fixed = best_fixed(t, metric, q)
    if not groups or not fixed:
        return
    own = overall(groups)
    low, high = interval(groups.values(), share)
    usual, of = typical(t, groups)
    yield Row("mean regret to the oracle, share of the damage (%s)" % what, "%.1f %% [%s %s]" % (own, num(low, 0), num(high, 0)),
              "at most 10 %", own <= 10, q, "%s, %.1f %%" % (fixed[1], fixed[0]))
    yield Row("the median incident's, of those with damage beyond the noise (%s)" % what, "%s %% of %d" % (num(usual, 1), of), of=q)


def healthy_rows(t, q):
    """Of lightcone all healthy runs; of continuous correction those that it is not there to change."""
    well = [(i, p) for i, _, p in t.runs(True) if {q, "nothing"} <= set(p) and (q == "lightcone" or "poor" not in i.tags)]
    if not well:
        return
    runs = [p[q] for _, p in well]
    most = 2 if q == "lightcone" else 10
    more = mean(extra(runs))
    yield Row("extra compute per healthy run", "%.1f %%" % more, "at most %d %%" % most, more <= most, q)
    changes = sum(x["interventions"] for x in runs)
    harm = [(t.final(p, q) - t.final(p, "nothing"), i) for i, p in well]
    out = [h for h, i in harm if not h <= bound(t, i)]
    yield Row("interventions on healthy runs", "%d in %d runs" % (changes, len(runs)), "under 1 in 20", 20 * changes < len(runs), q)
    yield Row("harm to healthy runs, mean and most; outside the null spread", "%+.4f, %+.4f; %d of %d"
              % (mean(h for h, _ in harm), max(h for h, _ in harm), len(out), len(harm)), "inside it", not out, q)


def show(found):
    """All of it, a row a line."""
    print("\n%-96s %-38s %s" % ("It must show", "measured", "goal"))
    for r in found:
        what = (r.of + ": " if r.of else "") + r.what
        for k, figure in enumerate(r.figure.split("; ") if r.what == LOST else [r.figure]):
            beside = "; best fixed: " + r.beside if r.beside else ""
            missed = "" if r.reached is None or r.reached else ": missed"
            print(("%-96s %-38s %s%s" % ("" if k else what, figure + beside, r.goal, missed)).rstrip())


def markdown(found, ours, cells, missing, args):
    """The table for a README: the goals alone, a row a goal, a column a policy, and where others were better. The fixed remedy
    is that of the first policy's incidents: the others' are fewer."""
    note = "; " + args.note if getattr(args, "note", None) else ""
    yield "Study %s, set %s, %d cells%s%s:\n\n" % (args.study, args.set, cells, ", %d missing" % missing if missing else "", note)
    yield "| | goal | %s | best fixed remedy, %s's incidents |\n|---|---|%s---|\n" % (" | ".join(ours), ours[0], "---|" * len(ours))
    small = [r for r in found if r.goal or r.what == LOST]
    for what in dict.fromkeys(r.what for r in small):
        own = {r.of: r for r in small if r.what == what}
        goal = "; ".join(dict.fromkeys(r.goal for r in own.values()))
        figures = [own[q].text() if q in own else "" for q in ours]
        yield "| %s | %s | %s | %s |\n" % (what, goal, " | ".join(figures), own[ours[0]].beside if ours[0] in own else "")


def into(path, lines):
    """Put them between the marks of a file."""
    with open(path) as f:
        text = f.read()
    begin, end = text.find(MARKS[0]), text.find(MARKS[1])
    if begin < 0 or end < begin:
        raise SystemExit("study: %s: no study marks" % path)
    with open(path + ".new", "w") as f:
        f.write(text[: begin + len(MARKS[0])] + "\n" + "".join(lines) + "\n" + text[end:])
    os.replace(path + ".new", path)
