"""What the study must show: each goal, and what was measured. A miss is printed as it is."""
import os

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
    return [max(0.0, 100 * (x["steps"] / x["total"] - 1)) for x in runs]


def bound(t, incident, n=1):
    """The most by which n runs may differ, on average, from n others and be called equal."""
    sd, df = t.noise(incident)
    return t95(df) * sd * (2 / n) ** 0.5 if df else 0.0


def beaten(t, q, others):
    """Incidents on which none of the others ends lower than q by more than the noise; of all where q and one of them were run."""
    of, lost = 0, []
    for name in t.names(False):
        rows = [(i, p) for i, _, p in t.runs(False) if i.name == name and q in p]
        worse = []
        for o in others:
            more = [t.final(p, q) - t.final(p, o) for _, p in rows if o in p]
            if more:
                worse.append((mean(more) - bound(t, rows[0][0], len(more)), mean(more), o))
        of += bool(worse)
        if any(not w <= 0 for w, _, _ in worse):
            _, by, o = max(worse)
            lost.append("%s (%s by %.4f, noise %.4f)" % (name, o, by, bound(t, rows[0][0], len(rows))))
    return of - len(lost), of, lost


def rows(t, ours):
    """(what, measured, goal, whether it is reached; None where there is no goal)."""
    for q in ours:
        yield from incident_rows(t, q)
        yield from healthy_rows(t, q)
    poor = [(i, p) for i, _, p in t.runs(True, "poor") if {"continuous", "nothing", "hindsight"} <= set(p)]
    best = sum(t.final(p, "nothing") - t.final(p, "hindsight") for _, p in poor)
    if best > 0:
        gain = sum(t.final(p, "nothing") - t.final(p, "continuous") for _, p in poor)
        each = ["%s %.0f" % (i.name.split()[-1], 100 * share_of_best(t, p)) for i, p in poor]
        more = mean(extra(p["continuous"] for _, p in poor))
        yield ("continuous, healthy runs with a poor schedule: share of hindsight's gain", "%.0f %% (%s) at %.1f %%"
               % (100 * gain / best, ", ".join(each), more), "at least 50 % at 10 %", gain / best >= 0.5 and more <= 10)


def share_of_best(t, p):
    best = t.final(p, "nothing") - t.final(p, "hindsight")
    return (t.final(p, "nothing") - t.final(p, "continuous")) / best if best > 0 else float("nan")


def incident_rows(t, q):
    own = [p[q] for _, _, p in t.runs() if q in p]
    sick = [p[q] for _, _, p in t.runs(False) if q in p]
    if sick:
        good, of, lost = beaten(t, q, FIXED)
        if of:
            yield ("%s: incidents where no fixed remedy ends better, within noise" % q,
                   "%.0f %% (%d of %d)" % (100 * good / of, good, of), "at least 90 %", good >= 0.9 * of)
        for one in lost:
            yield "    better there: " + one, "", "", None
        for metric, what in (("val_loss", "loss"), ("val_reward", "reward")):
            yield from regret_rows(t, q, metric, what)
    if own:
        died = sum(x["died"] for x in own)
        yield "%s: runs that die" % q, "%d of %d" % (died, len(own)), "0", not died
    if sick:
        more = extra(sick)
        yield ("%s: extra compute per incident run, mean and most" % q, "%.1f %%, %.1f %%" % (mean(more), max(more)), "at most 15 %",
               mean(more) <= 15)


def regret_rows(t, q, metric, what):
    """Each fixed remedy is set beside q on the very runs that q has."""
    groups = regret(t, q, metric)
    own = overall(groups)
    fixed = [(overall(regret(t, f, metric, q)), f) for f in FIXED if f != "nothing"]
    fixed = min((x for x in fixed if x[0] == x[0]), default=None)
    if not groups or not fixed:
        return
    low, high = interval(groups.values(), share)
    usual, of = typical(t, groups)
    yield ("%s: mean regret to the oracle, share of the damage (%s)" % (q, what), "%.1f %% [%s %s]; best fixed, %s, %.1f %%"
           % (own, num(low, 0), num(high, 0), fixed[1], fixed[0]), "at most 10 %", own <= 10)
    yield "    the median incident, of %d with damage beyond the noise" % of, "%s %%" % num(usual, 1), "", None


def healthy_rows(t, q):
    """Of lightcone all healthy runs; of continuous correction those that it is not there to change."""
    well = [(i, p) for i, _, p in t.runs(True) if {q, "nothing"} <= set(p) and (q == "lightcone" or "poor" not in i.tags)]
    if not well:
        return
    runs = [p[q] for _, p in well]
    most = 2 if q == "lightcone" else 10
    more = mean(extra(runs))
    yield "%s: extra compute per healthy run" % q, "%.1f %%" % more, "at most %d %%" % most, more <= most
    changes = sum(x["interventions"] for x in runs)
    harm = [(t.final(p, q) - t.final(p, "nothing"), i) for i, p in well]
    out = [h for h, i in harm if not h <= bound(t, i)]
    yield ("%s: interventions on healthy runs" % q, "%d in %d runs" % (changes, len(runs)), "under 1 in 20",
           20 * changes < len(runs))
    yield ("%s: harm to healthy runs, mean and most; outside the null spread" % q, "%+.4f, %+.4f; %d of %d"
           % (mean(h for h, _ in harm), max(h for h, _ in harm), len(out), len(harm)), "inside it", not out)


def show(found):
    print("\n%-76s %-46s %s" % ("It must show", "measured", "goal"))
    for what, figure, aim, reached in found:
        print(("%-76s %-46s %s%s" % (what, figure, aim, "" if reached is None or reached else ": missed")).rstrip())


def markdown(found, cells, missing, args):
    """The table for a README."""
    yield "Study %s, set %s, %d cells%s:\n\n" % (args.study, args.set, cells, ", %d missing" % missing if missing else "")
    yield "| | measured | goal |\n|---|---|---|\n"
    for what, figure, aim, reached in found:
        yield "| %s | %s | %s |\n" % (what.strip(), figure, aim + ("" if reached is None or reached else ", missed"))


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
