"""The tables: from the cells' files alone.

Losses are the mean over both held-out shards at the end, 48 KiB each: choices were made on the first 4 KiB of one, which
is a twenty-fourth of it. A reward counts with its sign turned, so that less is better; it is never summed with losses. A run
that died counts as the highest final loss of any policy on that incident and seed. What is within noise is equal: NOISE
standard deviations of healthy runs of the same size that differ in their data order alone, over the root of the seeds.
Policies are compared only where both were run.
"""
from stats import interval, mean, median, rms, sd

FIXED = ("nothing", "palm", "half lr", "zclip", "skip 6 sigma")
ADAPTIVE = ("pbt", "asha")
OURS = ("lightcone", "continuous")
ORDER = (*FIXED, *ADAPTIVE, *OURS, "oracle")
NOISE = 2.0


class Table:
    """Cells by incident, seed and policy."""

    def __init__(self, cells):
        self.of, self.incidents = {}, {}
        for c, found in cells:
            self.incidents[c.incident.name] = c.incident
            self.of.setdefault((c.incident.name, c.seed), {})[c.policy] = found
        self.noises = {}
        for size in sorted({i.size for i in self.incidents.values()}):
            runs = [p["null"]["nulls"] for i, _, p in self.runs(True) if i.size == size and "poor" not in i.tags and "null" in p]
            self.noises[size] = rms(sd(x) for x in runs)

    def noise(self, incident):
        """Standard deviation of a final loss over data orders; 0, which forgives nothing, where it was not measured."""
        x = self.noises[incident.size]
        return x if x == x else 0.0

    def runs(self, healthy=None, tag=None):
        """(incident, seed, its policies) of incidents or of healthy runs."""
        for (name, seed), p in sorted(self.of.items()):
            i = self.incidents[name]
            if (healthy is None or i.healthy == healthy) and (tag is None or tag in i.tags):
                yield i, seed, p

    def final(self, p, policy):
        """Final loss; a run that died is as bad as the worst."""
        x = p.get(policy)
        if x is None or "test" not in x:
            return float("nan")
        ends = [(q["val"] + q["test"]) / 2 for q in p.values() if not q.get("died", True)]
        return (x["val"] + x["test"]) / 2 if not x["died"] else max(ends, default=float("nan"))


def num(x, digits=4):
    return "-" if x is None or x != x else "%.*f" % (digits, x)


def line(first, cells, width=26, each=12):
    print("%-*s" % (width, first) + "".join(" %*s" % (each, c) for c in cells))


def policies_of(t, healthy):
    present = {q for _, _, p in t.runs(healthy) for q in p}
    return [q for q in ORDER if q in present]


def finals_table(t, healthy, title):
    shown = policies_of(t, healthy)
    print("\n%s (mean over seeds, with its standard error; * died; of a reward the negative)" % title)
    line("", shown, each=14)
    for name in sorted({i.name for i, _, _ in t.runs(healthy)}):
        row = []
        for q in shown:
            got = [(t.final(p, q), p[q]["died"]) for i, _, p in t.runs(healthy) if i.name == name and q in p]
            ends = [x for x, _ in got]
            error = "+-" + num(sd(ends) / len(ends) ** 0.5) if len(ends) > 1 else ""
            row.append(num(mean(ends)) + error.replace("0.", ".") + ("*" if any(d for _, d in got) else " "))
        line(name, row, each=14)


def regret(t, q, metric="val_loss", beside=None):
    """Of each incident the runs' (regret to the oracle, damage by doing nothing), grouped; only where beside was run too."""
    groups = {}
    for i, _, p in t.runs(False):
        if i.metric == metric and {q, "oracle", "nothing", beside or q} <= set(p):
            best = min(t.final(p, x) for x in ("oracle", "nothing"))
            groups.setdefault(i.name, []).append((t.final(p, q) - best, t.final(p, "nothing") - best))
    return list(groups.values())


def share(pairs):
    damage = sum(d for _, d in pairs)
    return 100 * sum(r for r, _ in pairs) / damage if damage > 0 else float("nan")


def policy_table(t, metric):
    sick = [(i, p) for i, _, p in t.runs(False) if i.metric == metric]
    if not sick:
        return
    print("\nPolicies over the %d incidents of a %s: regret to the oracle, %sin %% of the damage; [95 %% over incidents]"
          % (len({i.name for i, _ in sick}), "loss" if metric == "val_loss" else "reward", "nats and " * (metric == "val_loss")))
    line("", ("regret", "% of damage", "", "died %", "extra %", "changes"), 18)
    for q in policies_of(t, False):
        groups = regret(t, q, metric)
        pairs = [x for g in groups for x in g]
        low, high = interval(groups, share)
        own = [p[q] for _, p in sick if q in p]
        if not own:
            continue
        changed = [x["interventions"] for x in own if "interventions" in x]
        line(q, (num(mean(r for r, _ in pairs)), num(share(pairs), 1), "[%s %s]" % (num(low, 0), num(high, 0)),
                 num(100 * mean(x["died"] for x in own), 0), num(extra(own), 1), num(mean(changed), 2) if changed else "-"), 18)


def detection_table(t):
    print("\nDetection: steps from the onset to the alert, and from the alert to the damage")
    line("", ("alerts", "delay", "lead", "first"))
    for name in sorted({i.name for i, _, _ in t.runs(False)}):
        got = [(i, p["nothing"]) for i, _, p in t.runs(False) if i.name == name and "nothing" in p]
        hit = [(i, x) for i, x in got if x.get("alert") is not None and x["alert"] >= i.onset]
        early = sum(x.get("alert") is not None and x["alert"] < i.onset for i, x in got)
        lead = [x["damage"] - x["alert"] for _, x in hit if x.get("damage")]
        line(name, ("%d of %d%s" % (len(hit), len(got), " (%d early)" % early if early else ""),
                    num(median(x["alert"] - i.onset for i, x in hit), 0), num(median(lead), 0),
                    ",".join(sorted({str(x["first"]) for _, x in hit}))))


def real_later(t, q, steps=1000):
    """Of first decisions for a change: how many runs are lower than the untreated one so many steps later; of how many."""
    real = of = 0
    for _, _, p in t.runs():
        first = next((d for d in p.get(q, {}).get("decisions", ()) if d["verdict"] == "better"), None)
        if not first or not first.get("at") or "nothing" not in p:
            continue
        then = min(first["at"] + steps, p[q]["total"])
        a, b = (at_step(p[x]["curve"], then) for x in (q, "nothing"))
        if a == a:
            of += 1
            real += not a >= b
    return real, of


def at_step(curve, step):
    got = [v for s, v in curve if s <= step]
    return float(got[-1]) if got else float("nan")


def guard_table(t):
    print("\nDecisions and costs of lc-guard")
    line("", ("alerts", "decisions", "changes", "real later", "drafts right", "CPU s", "plain CPU s", "wall s"), 24)
    for healthy in (False, True):
        for q in OURS:
            own = [p[q] for _, _, p in t.runs(healthy) if q in p]
            if not own:
                continue
            plain = [p["nothing"]["cpu"] for _, _, p in t.runs(healthy) if q in p and "nothing" in p]
            right = [sum(x["drafts"][k] for x in own) for k in (0, 1)]
            line(("healthy: " if healthy else "incidents: ") + q,
                 (sum(len(x["alerts"]) for x in own), sum(len(x["decisions"]) for x in own),
                  sum(x["interventions"] for x in own), "" if healthy else "%d of %d" % real_later(t, q),
                  "%d of %d" % tuple(right), num(mean(x["cpu"] for x in own), 1), num(mean(plain), 1), num(mean(x["wall"] for x in own), 1)), 24)


# ---- what it must show ----


def beaten(t, q, others):
    """Incidents on which none of the others ends lower than q by more than the noise; of all where q and one of them were run."""
    of, lost = 0, []
    for name in sorted({i.name for i, _, _ in t.runs(False)}):
        rows = [(i, p) for i, _, p in t.runs(False) if i.name == name and q in p]
        worse = []
        for o in others:
            more = [t.final(p, q) - t.final(p, o) for _, p in rows if o in p]
            if more:
                worse.append((mean(more), mean(more) > NOISE * t.noise(rows[0][0]) / len(more) ** 0.5, o))
        of += bool(worse)
        if any(w for _, w, _ in worse):
            lost.append("%s (%s by %.4f)" % (name, *max((x, o) for x, w, o in worse if w)[::-1]))
    return of - len(lost), of, lost


def goal(text, figure, aim):
    print("%-66s %-26s %s" % (text, figure, aim))


def extra(runs):
    return mean(100 * (x["steps"] / x["total"] - 1) for x in runs)


def must_show(t):
    print("\nIt must show%48s   %-26s %s" % ("", "measured", "goal"))
    for q in OURS:
        show_incidents(t, q)
        show_healthy(t, q)
    poor = [p for _, _, p in t.runs(True, "poor") if {"continuous", "nothing", "hindsight"} <= set(p)]
    best = sum(t.final(p, "nothing") - t.final(p, "hindsight") for p in poor)
    if best > 0:
        gain = sum(t.final(p, "nothing") - t.final(p, "continuous") for p in poor)
        goal("continuous: poor schedules, share of hindsight's gain (%d runs)" % len(poor),
             "%.0f %% at %.1f %%" % (100 * gain / best, extra(p["continuous"] for p in poor)), ">= 50 % at 10 %")


def show_incidents(t, q):
    own = [p[q] for _, _, p in t.runs() if q in p]
    sick = [p[q] for _, _, p in t.runs(False) if q in p]
    if own:
        goal("%s: runs that die" % q, "%d of %d" % (sum(x["died"] for x in own), len(own)), "0")
    if not sick:
        return
    good, of, lost = beaten(t, q, FIXED)
    if of:
        goal("%s: incidents where no fixed remedy is better" % q, "%.0f %% (%d of %d)" % (100 * good / of, good, of), ">= 90 %")
    for one in lost:
        print("    lost: " + one)
    for metric, what in (("val_loss", "losses"), ("val_reward", "rewards")):
        show_regret(t, q, metric, what)
    goal("%s: extra compute per incident run" % q, "%.1f %%" % extra(sick), "<= 15 %")


def show_regret(t, q, metric, what):
    """Each fixed remedy is set beside q on the very runs that q has."""
    own = share([x for g in regret(t, q, metric) for x in g])
    fixed = [(share([x for g in regret(t, f, metric, q) for x in g]), f) for f in FIXED if f != "nothing"]
    fixed = min((x for x in fixed if x[0] == x[0]), default=None)
    if own == own and fixed:
        goal("%s: regret, share of the damage, %s (best fixed: %s)" % (q, what, fixed[1]), "%.1f %% (%.1f %%)" % (own, fixed[0]), "<= 10 %")


def show_healthy(t, q):
    """Of lightcone all healthy runs; of continuous correction those that it is not there to change."""
    well = [(i, p) for i, _, p in t.runs(True) if {q, "nothing"} <= set(p) and (q == "lightcone" or "poor" not in i.tags)]
    if not well:
        return
    runs = [p[q] for _, p in well]
    goal("%s: extra compute per healthy run" % q, "%.1f %%" % extra(runs), "<= 2 %" if q == "lightcone" else "<= 10 %")
    goal("%s: interventions on healthy runs" % q, "%d in %d runs" % (sum(x["interventions"] for x in runs), len(runs)), "< 1 in 20")
    harm = [(t.final(p, q) - t.final(p, "nothing"), t.noise(i)) for i, p in well]
    harm = [h / n if n else float("inf") * h if h else 0.0 for h, n in harm]
    goal("%s: harm on healthy runs in sds of the nulls, mean and most" % q, "%+.2f %+.2f" % (mean(harm), max(harm)), "inside the nulls")


def show(cells, missing, args):
    t = Table(cells)
    noise = ", ".join("%s %s" % (size, num(x)) for size, x in t.noises.items())
    print("study %s, set %s: %d cells%s; noise, the sd of nulls: %s" % (args.study, args.set, len(cells), ", %d missing" % missing if missing else "", noise))
    if any(t.runs(False)):
        finals_table(t, False, "Final held-out loss, incidents")
        for metric in ("val_loss", "val_reward"):
            policy_table(t, metric)
        detection_table(t)
    if any(t.runs(True)):
        finals_table(t, True, "Final held-out loss, healthy runs")
    guard_table(t)
    must_show(t)
