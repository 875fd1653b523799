"""The manifest: what breaks, how, when, in which run, and which set it belongs to.

An incident is a plan (the words of lc-train) and faults. Its onset is known. cause says whether a replay meets it again:
passing (once), data (the plan's own batches hold it) or staying (an lr that stays wrong). The tools were tuned on the set
"tune" alone; the tables come from "report", whose seeds, onsets and sizes are others. Seeds are those of the weights and
of the data order at once.
"""
import dataclasses
import re

# Sizes: the model and its plan. T is all its steps, an onset a share of them; save: steps between states. What a fork takes
# (guarded.py: FORK) must fit into the budget of such a run, or nothing is chosen at all.
SIZES = {
    "tiny": dict(words="--layers 1 --dim 16 --heads 1 --ctx 16 --batch 2", total=400, warmup=40, every=20, save=40),
    "small": dict(words="--layers 1 --dim 32 --heads 2 --ctx 16 --batch 4", total=16000, warmup=400, every=50, save=100),
    # goes on from the end of a run of size small: fine-tuning on the C of this tree, and a policy gradient on the text
    "tune": dict(words="--batch 4", total=8000, warmup=200, every=50, save=50, begin="small"),
    "reward": dict(words="--reward words --sample 8 --batch 8", total=6000, warmup=60, every=25, save=25, begin="small"),
    # in PyTorch (torch_train.py), on whatever is there; torch_size.py adds gpt2, as large as a GPU and the time allow
    "torch-tiny": dict(program="torch", words="--layers 1 --dim 32 --heads 2 --ctx 32 --batch 4 --probe-every 20", total=160, warmup=16,
                       every=20, save=20),
    "medium": dict(words="--layers 2 --dim 64 --heads 2 --ctx 64 --batch 8", total=20000, warmup=400, every=100, save=200),
}


@dataclasses.dataclass(frozen=True)
class Incident:
    name: str
    faults: tuple  # the words of --fault, {a} the onset, {b} its end, {mark} and {code} files; () for a healthy run
    at: float  # onset, a share of the total
    length: int = 0  # steps from the onset to the last one hit
    cause: str = "passing"  # passing, data, staying
    size: str = "small"
    lr: float = 2.5e-3
    schedule: str = "wsd"
    extra: str = ""  # more words of lc-train
    seeds: tuple = (1,)
    set: str = "report"
    tags: tuple = ()  # mild or heavy, early or late, slow, poor (a healthy run at a wrong lr)

    @property
    def healthy(self):
        return not self.faults

    @property
    def metric(self):
        return "val_reward" if self.size == "reward" else "val_loss"

    @property
    def total(self):
        return SIZES[self.size]["total"]

    @property
    def onset(self):
        return int(self.total * self.at)


def _set(which, seeds):
    """The incidents of a set: the same kinds; the tuning set has other onsets, strengths and seeds."""
    tune = which == "tune"
    early, late = (0.34, 0.88) if tune else (0.3, 0.86)
    once = ",once={mark}"

    def make(name, fault, at, length, cause, *tags, **more):
        own = seeds[: len(seeds) // 2 + len(seeds) % 2] if "size" in more else seeds
        return Incident(name, (fault,), at, length, cause, seeds=own, set=which, tags=tags, **more)

    yield make("garbage early", "bad-data@{a}-{b}:random", early, 39, "data", "mild", "early")
    yield make("garbage late", "bad-data@{a}-{b}:random", late, 39, "data", "heavy", "late")
    yield make("wrong encoding late", "bad-data@{a}-{b}:encoding", late, 99, "data", "heavy", "late")
    yield make("mislabelled wave", "mislabel@{a}-{b}", early, 149, "data", "heavy", "early")
    yield make("lr glitch early", "lr-bump@{a}-{b}:%d%s" % (15 if tune else 20, once), early, 19, "passing", "heavy", "early")
    yield make("moments late", "flip-m@{a}:%d:26%s" % (1500 if tune else 2000, once), late, 0, "passing", "heavy", "late")
    yield make("nan early", "nan@{a}" + once, early, 0, "passing", "heavy", "early")
    yield make("lr x%d stays" % (5 if tune else 4), "lr-bump@{a}-:%d" % (5 if tune else 4), early, 10**9, "staying", "heavy", "early")
    yield make("lr creeps up", "lr-ramp@{a}-{b}:8", early, 1500 if tune else 2000, "staying", "heavy", "slow")
    yield make("logits grow", "qk-grow@{a}-{b}:%s%s" % (1.012 if tune else 1.01, once), early, 399, "passing", "heavy", "slow")
    yield make("logits creep", "qk-grow@{a}-{b}:%s%s" % (1.0025 if tune else 1.002, once), early, 1999, "passing", "heavy", "slow")
    yield make("data shift, beta2 .999", "text@{a}-{b}:{code}", early, 599 if tune else 499, "data", "heavy", "early",
               extra="--beta2 0.999")
    yield make("warm restart", "warm-restart@{a}", early, 0, "staying", "mild", "early")
    yield make("plateau", "lr-bump@{a}-:%g" % (0.03 if tune else 0.02), early, 10**9, "staying", "heavy", "early")
    yield make("tune: lr x%d stays" % (6 if tune else 8), "lr-bump@{a}-:%d" % (6 if tune else 8), early, 10**9, "staying", "heavy",
               "early", size="tune", lr=1e-3)
    yield make("tune: mislabelled wave", "mislabel@{a}-{b}", late, 149, "data", "heavy", "late", size="tune", lr=1e-3)
    yield make("reward: lr glitch", "lr-bump@{a}-{b}:%d%s" % (40 if tune else 50, once), early, 29, "passing", "heavy", "early",
               size="reward", lr=1e-3)
    yield make("reward: lr x%d stays" % (25 if tune else 30), "lr-bump@{a}-:%d" % (25 if tune else 30), early, 10**9, "staying",
               "heavy", "early", size="reward", lr=1e-3)


def _healthy(which, seeds):
    """Twenty runs for a set with one seed: how often nothing is mistaken for something shows in numbers alone."""
    for name, lr, schedule, more, tags in (
        ("hot", 1.2e-2, "wsd", 2, ("poor",)),
        ("cold", 2e-4, "wsd", 2, ("poor",)),
        ("tuned", 2.5e-3, "wsd", 5, ()),
        ("cosine", 2.5e-3, "cosine", 4, ()),
    ):
        own = (*seeds, *range(seeds[-1] + 1, seeds[0] + 1 + more))
        yield Incident("healthy " + name, (), 0.5, lr=lr, schedule=schedule, seeds=own, set=which, tags=tags)
    for size, more in (("tune", 1), ("reward", 1)):
        own = (*seeds, *range(seeds[-1] + 1, seeds[0] + 1 + more))
        yield Incident("healthy " + size, (), 0.5, size=size, lr=1e-3, seeds=own, set=which)


def manifest(study, only_set):
    """All incidents of a study (tiny, torch-tiny, small, full) that belong to a set."""
    if study == "tiny":
        base = dict(size="tiny", set=only_set, lr=4e-3)
        return [
            Incident("moments", ("flip-m@{a}:300:27,once={mark}",), 0.5, **base),
            Incident("healthy", (), 0.5, **base),
        ]
    if study == "torch-tiny":
        return [Incident("moments, in PyTorch", ("flip-m@{a}:300:27,once={mark}",), 0.5, size="torch-tiny", set=only_set, lr=4e-3)]
    seeds = {"tune": (101,), "report": (1,)} if study == "small" else {"tune": (101, 102), "report": (1, 2, 3, 4, 5)}
    found = [*_set(only_set, seeds[only_set]), *_healthy(only_set, seeds[only_set])]
    if study == "full":
        found += [
            dataclasses.replace(i, name=i.name + " (medium)", size="medium", lr=i.lr / 2, seeds=i.seeds[:3])
            for i in found
            if i.size == "small"
        ]
    return found


TORCH = ("garbage late", "mislabelled wave", "lr glitch early", "moments late", "lr x4 stays", "lr x5 stays", "healthy tuned")


def torch_manifest(only_set, lr):
    """Those of TORCH at size gpt2, once each. A flipped bit strikes a hundred times as many moments: there are more."""
    for i in [*_set(only_set, (1,)), *_healthy(only_set, (1,))]:
        if i.name in TORCH:
            faults = tuple(re.sub(r"^(flip-m@.*?:\d+)", r"\g<1>00", f) for f in i.faults)
            yield dataclasses.replace(i, name=i.name + " (GPT-2)", size="gpt2", lr=lr, faults=faults, seeds=(101 if only_set == "tune" else 1,))
