"""The few statistics of the tables."""
import math
import random


def mean(xs):
    xs = list(xs)
    return math.fsum(xs) / len(xs) if xs else float("nan")


def sd(xs):
    xs = list(xs)
    if len(xs) < 2:
        return float("nan")
    m = mean(xs)
    return math.sqrt(math.fsum((x - m) ** 2 for x in xs) / (len(xs) - 1))


def pooled(groups):
    """One standard deviation of what lies within all groups, each by its degrees of freedom; and how many these are."""
    groups = [[x for x in g if x == x] for g in groups]
    groups = [g for g in groups if len(g) > 1]
    df = sum(len(g) - 1 for g in groups)
    return (math.sqrt(math.fsum((len(g) - 1) * sd(g) ** 2 for g in groups) / df) if df else 0.0), df


def median(xs):
    xs = sorted(xs)
    n = len(xs)
    return float("nan") if not n else (xs[(n - 1) // 2] + xs[n // 2]) / 2


def interval(groups, of=mean, n=1000, seed=1):
    """The middle 95 % of a statistic when the groups (an incident's seeds belong together) are drawn again."""
    groups = [list(g) for g in groups if g]
    if len(groups) < 2:
        return float("nan"), float("nan")
    draw = random.Random(seed)
    got = sorted(of([x for _ in groups for x in draw.choice(groups)]) for _ in range(n))
    return got[int(0.025 * n)], got[int(0.975 * n)]


# Student's t at .95, one-sided, by degrees of freedom (the usual table); between them straight in 1/df.
_T95 = {1: 6.314, 2: 2.920, 3: 2.353, 4: 2.132, 5: 2.015, 6: 1.943, 8: 1.860, 10: 1.812, 15: 1.753, 20: 1.725, 30: 1.697, 60: 1.671}


def t95(df):
    below, above = (f([d for d in _T95 if ok(d)], default=None) for f, ok in ((max, lambda d: d <= df), (min, lambda d: d >= df)))
    if above is None:
        return 1.645 + (_T95[60] - 1.645) * 60 / df
    w = 0 if above == below else (1 / below - 1 / df) / (1 / below - 1 / above)
    return _T95[below] * (1 - w) + _T95[above] * w
