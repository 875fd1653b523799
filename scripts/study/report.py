"""The tables: from the cells' files alone.

Losses are the mean over both held-out shards at the end, 48 KiB each: choices were made on the first 4 KiB of one, which
is a twenty-fourth of it. A reward counts with its sign turned, so that less is better; it is never summed with losses. A run
that died counts as what it was when it died (its last held-out loss that is a number), and as no better than any that lived.

Noise is the standard deviation of the final loss of healthy runs that differ in their data order alone, of the same size and
learning rate (nulls; where several seeds have them pooled, each by its degrees of freedom). Two policies are equal where their means over n seeds differ by no
more than t sd sqrt(2/n), t Student's .95 quantile with the nulls' degrees of freedom: one-sided, for each pair, so that of
five remedies that are as good one is called better more often than once in twenty. Without nulls nothing is forgiven.
Policies are compared only where both were run. Steps count that were trained, whatever became of them.
"""
import goals
from goals import FIXED, extra, num, overall, regret, share
from stats import interval, mean, median, pooled, sd, t95

ADAPTIVE = ("pbt", "asha")
OURS = ("lightcone", "continuous")
ORDER = (*FIXED, *ADAPTIVE, *OURS, "oracle")


def setting(incident):
    return incident.size, incident.lr


class Table:
    """Cells by incident, seed and policy."""

    def __init__(self, cells):
        self.of, self.incidents, nulls = {}, {}, {}
        for c, found in cells:
            self.incidents[c.incident.name] = c.incident
            self.of.setdefault((c.incident.name, c.seed), {})[c.policy] = found
            if c.policy == "null":
                nulls.setdefault(setting(c.incident), []).append(found["nulls"])
        self.noises = {s: pooled(own) for s, own in nulls.items()}

    def noise(self, incident):
        """Standard deviation of a final loss over data orders, and its degrees of freedom; 0 where it was not measured."""
        return self.noises.get(setting(incident), (0.0, 0))

    def names(self, healthy):
        return sorted({i.name for i, _, _ in self.runs(healthy)})

    def runs(self, healthy=None, tag=None):
        """(incident, seed, its policies) of incidents or of healthy runs."""
        for (name, seed), p in sorted(self.of.items()):
            i = self.incidents[name]
            if (healthy is None or i.healthy == healthy) and (tag is None or tag in i.tags):
                yield i, seed, p

    def final(self, p, policy):
        """Final loss; a run that died is as bad as what it left, and as the worst that lived."""
        x = p.get(policy)
        if x is None or "test" not in x:
            return float("nan")
        if not x["died"]:
            return (x["val"] + x["test"]) / 2
        ends = [(q["val"] + q["test"]) / 2 for q in p.values() if not q.get("died", True)]
        return max((v for v in (*ends, x.get("left")) if v is not None), default=float("nan"))


def line(first, cells, width=26, each=12):
    print("%-*s" % (width, first) + "".join(" %*s" % (each, c) for c in cells))


def policies_of(t, healthy):
    present = {q for _, _, p in t.runs(healthy) for q in p}
    return [q for q in ORDER if q in present]


def finals_table(t, healthy, title):
    shown = policies_of(t, healthy)
    print("\n%s (mean over seeds, with its standard error; of one seed, the sd of nulls; * died; of a reward the negative)" % title)
    line("", shown, each=14)
    for name in t.names(healthy):
        row = []
        for q in shown:
            got = [(t.final(p, q), p[q]["died"]) for i, _, p in t.runs(healthy) if i.name == name and q in p]
            ends = [x for x, _ in got]
            one = sd(ends) / len(ends) ** 0.5 if len(ends) > 1 else t.noise(t.incidents[name])[0]
            error = "+-" + num(one) if ends and one else ""
            row.append(num(mean(ends)) + error.replace("0.", ".") + ("*" if any(d for _, d in got) else " "))
        line(name, row, each=14)


def policy_table(t, metric):
    sick = [(i, p) for i, _, p in t.runs(False) if i.metric == metric]
    if not sick:
        return
    print("\nPolicies over the %d incidents of a %s: regret to the oracle, %sin %% of the damage; [95 %% over incidents]"
          % (len({i.name for i, _ in sick}), "loss" if metric == "val_loss" else "reward", "nats and " * (metric == "val_loss")))
    line("", ("regret", "% of damage", "", "died %", "extra %", "changes"), 18)
    for q in policies_of(t, False):
        groups = regret(t, q, metric)
        low, high = interval(groups.values(), share)
        own = [p[q] for _, p in sick if q in p]
        if not own:
            continue
        changed = [x["interventions"] for x in own if "interventions" in x]
        line(q, (num(mean(r for g in groups.values() for r, _ in g)), num(overall(groups), 1), "[%s %s]" % (num(low, 0), num(high, 0)),
                 num(100 * mean(x["died"] for x in own), 0), num(mean(extra(own)), 1), num(mean(changed), 2) if changed else "-"), 18)


def detection_table(t):
    print("\nDetection: steps from the onset to the alert, and from the alert to the damage")
    line("", ("alerts", "delay", "lead", "first"))
    for name in t.names(False):
        got = [(i, p["nothing"]) for i, _, p in t.runs(False) if i.name == name and "nothing" in p]
        hit = [(i, x) for i, x in got if x.get("alert") is not None and x["alert"] >= i.onset]
        early = sum(x.get("alert") is not None and x["alert"] < i.onset for i, x in got)
        lead = [x["damage"] - x["alert"] for _, x in hit if x.get("damage")]
        line(name, ("%d of %d%s" % (len(hit), len(got), " (%d early)" % early if early else ""),
                    num(median(x["alert"] - i.onset for i, x in hit), 0), num(median(lead), 0),
                    ",".join(sorted({str(x["first"]) for _, x in hit}))))
    hit, of = delays(t)
    line("all", ("%d of %d" % (len(hit), of), num(median(hit), 0)))


def delays(t):
    """Steps from onset to alert of all untreated runs that had one since; and of how many."""
    got = [(i, p["nothing"]) for i, _, p in t.runs(False) if "nothing" in p]
    return [x["alert"] - i.onset for i, x in got if x.get("alert") is not None and x["alert"] >= i.onset], len(got)


def real_later(t, q, healthy, steps=1000):
    """Of first decisions for a change: how many runs are lower than the untreated one so many steps later, be it within the noise; of how many."""
    real = of = 0
    for _, _, p in t.runs(healthy):
        first = next((d for d in p.get(q, {}).get("decisions", ()) if d["verdict"] == "better"), None)
        if not first or not first.get("at") or "nothing" not in p:
            continue
        then = min(first["at"] + steps, p[q]["total"])
        a, b = (at_step(p[x]["curve"], then) for x in (q, "nothing"))
        of += 1
        real += a < b or a == a and b != b
    return real, of


def at_step(curve, step):
    got = [v for s, v in curve if s <= step]
    return float(got[-1]) if got else float("nan")


def guard_table(t):
    """Costs: CPU seconds of a run with all that belongs to it, of the plain run, and of the tools, which is what is left when the
    trained steps are taken off at the plain run's pace. A step of such a model takes a third of a millisecond."""
    print("\nDecisions and costs of lc-guard (means over runs; wall time beside other jobs, the trainer waiting for its watcher)")
    line("", ("alerts", "decisions", "changes", "lower later", "not refuted", "CPU s", "plain CPU s", "tools CPU s", "wall s"), 24)
    for healthy in (False, True):
        for q in OURS:
            both = [p for _, _, p in t.runs(healthy) if q in p]
            if not both:
                continue
            own, plain = [p[q] for p in both], [p["nothing"]["cpu"] for p in both if "nothing" in p]
            tools = [p[q]["cpu"] - p["nothing"]["cpu"] * p[q]["steps"] / p[q]["total"] for p in both if "nothing" in p]
            right = tuple(sum(x["drafts"][k] for x in own) for k in (0, 1))
            line(("healthy: " if healthy else "incidents: ") + q,
                 (sum(len(x["alerts"]) for x in own), sum(len(x["decisions"]) for x in own),
                  sum(x["interventions"] for x in own), "%d of %d" % real_later(t, q, healthy), "%d of %d" % right,
                  *(num(mean(x), 1) for x in ([x["cpu"] for x in own], plain, tools, [x["wall"] for x in own]))), 24)


def asides(t):
    """What else a reader asks, as rows without a goal."""
    hit, of = delays(t)
    if of:
        yield goals.Row("incidents with an alert; steps from the onset to it, the median", "%d of %d; %s" % (len(hit), of, num(median(hit), 0)))
    own = [p["lightcone"] for _, _, p in t.runs() if "lightcone" in p]
    if own:
        yield goals.Row("first changes with a lower loss than untreated, by however little, 1000 steps later",
                        "%d of %d" % real_later(t, "lightcone", None), of="lightcone")
        right = tuple(sum(x["drafts"][k] for x in own) for k in (0, 1))
        yield goals.Row("forecasts that the real steps did not refute", "%d of %d" % right, of="lightcone")


def head(t, cells, missing, args):
    print("study %s, set %s: %d cells%s" % (args.study, args.set, cells, ", %d missing" % missing if missing else ""))
    if getattr(args, "note", None):
        print(args.note)
    for (size, lr), (s, df) in sorted(t.noises.items()):
        print("noise, %s at lr %g: sd %s of nulls (%d degrees of freedom); single runs that differ by up to %s are equal"
              % (size, lr, num(s), df, num(t95(df) * s * 2**0.5)))
    bare = sorted({i.name for i, _, _ in t.runs() if not t.noise(i)[1]})
    if bare:
        print("noise was not measured for, and nothing is forgiven: " + ", ".join(bare))


def show(cells, missing, args):
    t = Table(cells)
    head(t, len(cells), missing, args)
    if any(t.runs(False)):
        finals_table(t, False, "Final held-out loss, incidents")
        for metric in ("val_loss", "val_reward"):
            policy_table(t, metric)
        detection_table(t)
    if any(t.runs(True)):
        finals_table(t, True, "Final held-out loss, healthy runs")
    if any(q in p for _, _, p in t.runs() for q in OURS):
        guard_table(t)
    found = [*goals.rows(t, OURS), *asides(t)]
    goals.show(found)
    if args.into:
        goals.into(args.into, goals.markdown(found, OURS, len(cells), missing, args))
