"""Cases of scripts/lightcone.py, with a real torch: lightcone.py SCRIPTS BUILD WORK. One line a case, as tests/cli/lib.sh
has them; the status is 1 when any failed."""
import io
import json
import math
import os
import random
import subprocess
import sys
import traceback
import warnings

SCRIPTS, BUILD, WORK = (os.path.abspath(path) for path in sys.argv[1:4])
sys.path.insert(0, SCRIPTS)
warnings.filterwarnings("ignore")
import torch  # noqa: E402
import lightcone as lc  # noqa: E402

failed = 0
NEW = hasattr(torch.optim.Optimizer, "register_step_pre_hook")


def ok(name, good, why=""):
    global failed
    if good is True or (good is not False and bool(good)):
        print("ok - " + name)
    else:
        failed = 1
        print("not ok - %s\n# %s" % (name, str(why)[:400]))
    sys.stdout.flush()


def equal(name, want, got):
    ok(name, want == got, "wanted %r, got %r" % (want, got))


def fresh(**env):
    """As in a new process: nothing polled, nothing loaded, this environment."""
    lc._controls.clear()
    lc._kept = lc._first = None
    lc._asked.clear()
    lc._defaults.clear()
    lc._setup_told = True  # but where that is looked at
    for name in ("LC_ACTIONS", "LC_CONTROL", "LC_METRICS", "LC_STATE", "LC_OUT", "LC_BRANCH", "LC_STEPS"):
        os.environ.pop(name, None)
    os.environ["LC_METRICS"] = os.path.join(WORK, "any.jsonl")
    os.environ.update(env)


def asks(**given):
    path = os.path.join(WORK, "actions.json")
    with open(path, "w") as f:
        json.dump(given, f)
    return {"LC_ACTIONS": path}


def make(kind="adamw", workers=0):
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Dropout(0.1), torch.nn.BatchNorm1d(16), torch.nn.GELU(),
                                torch.nn.Linear(16, 4))
    if kind == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t))
    else:
        optimizer = torch.optim.AdamW([{"params": list(model.parameters())[:2]},
                                       {"params": list(model.parameters())[2:], "weight_decay": 0.0}], lr=1e-2)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=100, cycle_momentum=False)
    draw = torch.Generator().manual_seed(5)
    data = torch.utils.data.TensorDataset(torch.randn(64, 8, generator=draw), torch.randint(0, 4, (64,), generator=draw))
    loader = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True, num_workers=workers)
    return model, optimizer, scheduler, lc.Batches(loader, fast=workers == 0 and kind == "sgd")


def train(made, step, end, save_at=(), path=None, clip=None):
    """(step, loss, lr, hash of the batch) of each step."""
    model, optimizer, scheduler, batches = made
    seen = []
    while step < end:
        for x, y in batches:
            lc.poll(optimizer)
            x = x + 0.01 * torch.randn_like(x) + random.random() * 1e-3
            loss = torch.nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            if clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            scheduler.step()
            step += 1
            seen.append((step, float(loss.detach()), lc.lr(), lc.batch_hash((x, y))))
            if step in save_at:
                lc.save(path, step, model, optimizer, scheduler, loader=batches, tokens=step * 8,
                        extra={"best": (1, 2.5, float("nan")), "t": torch.ones(2)})
            if step >= end:
                break
    return seen


def weights(model):
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


def resume(kind, workers=0):
    path = os.path.join(WORK, "%s-%d" % (kind, workers))
    fresh()
    whole = train(make(kind, workers), 0, 30, (11, 16), path)
    for at in (11, 16):
        fresh()
        made = make(kind, workers)
        torch.manual_seed(99)
        random.seed(7)
        state = lc.load(os.path.join(path, "step-%08d" % at), *made[:3], loader=made[3])
        equal("%s, resumed at %d: counters" % (kind, at), (at, at * 8), (state.step, state.tokens))
        equal("%s, resumed at %d: nothing lacks" % (kind, at), [], state.lacks)
        got = train(made, state.step, 30, (20,), path)
        ok("%s, resumed at %d: bit for bit" % (kind, at), got == whole[at:], (got[:2], whole[at:at + 2]))
    ok("extra", state.extra["best"][:2] == (1, 2.5) and math.isnan(state.extra["best"][2]), state.extra)
    fresh()
    made = make(kind, workers)
    state = lc.load(path, *made[:3], loader=made[3])  # the newest, written by a run that was resumed itself
    equal("%s: the newest of a directory" % kind, 20, state.step)
    ok("%s, resumed twice: bit for bit" % kind, train(made, 20, 30) == whole[20:])


def of_one(given, steps=6, start=None, **kwargs):
    """Train with actions; start: a state to resume; own: what the script has asked for. The made, and what it saw."""
    fresh(**(asks(**given) if given else {}))
    lc._asked.update(kwargs.pop("own", ()))
    made = make(kwargs.pop("kind", "adamw"))
    step = 0
    if start:
        step = lc.load(start, *made[:3], loader=made[3]).step
    return made, train(made, step, step + steps, **kwargs)


def same_as(name, one, two):
    ok(name, torch.equal(weights(one), weights(two)), float((weights(one) - weights(two)).abs().max()))


def orders():
    """Where the order is another for a while, the batches after are those of the plan."""
    def hashes(reseeds, n=20):
        fresh()
        batches, found = make()[3], []
        while len(found) < n:
            for rows in batches:
                found.append(lc.batch_hash(rows))
                lc._kept = {"actions": {"reseed": reseeds.get(len(found), lc._in_force().get("reseed", 0))}}
                if len(found) == n:
                    break
        return found

    plan, other = hashes({}), hashes({3: 7, 13: 0})
    equal("reseed: before, and once it is taken back, the plan's", plan[:3] + plan[13:], other[:3] + other[13:])
    ok("reseed: in between another", not any(a == b for a, b in zip(plan[3:13], other[3:13])))
    fresh()
    batches, found, shifts = make()[3], [], {3: 7, 6: -5, 9: 0}
    while len(found) < 20:
        for rows in batches:
            found.append(lc.batch_hash(rows))
            shift = shifts.get(len(found), lc._in_force().get("data_shift", 0))
            lc._kept = {"actions": {"data_shift": shift} if shift else {}}
    equal("data_shift: the batches of other steps, over the end of an epoch", plan[:3] + plan[10:13] + plan[1:4] + plan[9:],
          found[:20])
    ok("an epoch has every batch once, the next has another order", len(set(plan[:8])) == 8 and plan[:8] != plan[8:16])


def the_actions():
    fresh()
    path = os.path.join(WORK, "for-actions")
    train(make(), 0, 10, (10,), path)
    start = os.path.join(path, "step-00000010")
    plain, seen = of_one({}, start=start)
    half, got = of_one({"lr_scale": 0.5}, start=start, save_at=(13,), path=os.path.join(WORK, "half"))
    equal("lr_scale: the lr that is logged", [x[2] / 2 for x in seen], [x[2] for x in got])
    equal("lr_scale: the batches are the plan's", [x[3] for x in seen], [x[3] for x in got])
    ok("lr_scale: the plan is back behind each step", plain[1].param_groups[0]["lr"] == half[1].param_groups[0]["lr"])
    fresh()
    made = make()
    lc.load(os.path.join(WORK, "half"), *made[:3], loader=made[3])
    again = train(made, 13, 16)
    equal("lr_scale: kept in the state, none asked", [x[2] for x in got[3:]], [x[2] for x in again])
    same_as("lr_scale: resumed, it is the same future", half[0], made[0])
    one, got = of_one({"lr_scale": 1}, start=os.path.join(WORK, "half"), steps=3)
    equal("lr_scale 1 takes it back", [x[2] for x in seen[3:]], [x[2] for x in got])

    same_as("{} changes nothing", plain[0], of_one({"lr_scale": 1, "weight_decay_scale": 1}, start=start)[0][0])
    _, got = of_one({"lr_warmup": 4}, start=start)
    equal("lr_warmup", [0.25, 0.5, 0.75, 1.0], [round(a[2] / b[2], 6) for a, b in zip(got[:4], seen)])
    _, got = of_one({"lr_scale": 0.5, "lr_for": 2}, start=start, save_at=(11,), path=os.path.join(WORK, "held"))
    equal("lr_for: then the plan's again", [0.5, 0.5, 1.0, 1.0], [round(a[2] / b[2], 6) for a, b in zip(got, seen)][:4])
    fresh()
    made = make()
    lc.load(os.path.join(WORK, "held"), *made[:3], loader=made[3])
    equal("lr_for: resumed in the middle", [x[2] for x in got[1:]], [x[2] for x in train(made, 11, 16)])
    _, got = of_one({"lr_tail": {"shape": "linear", "to": 0, "steps": 4}}, start=start)
    equal("lr_tail", [0.75, 0.5, 0.25, 0.0, 0.0, 0.0], [round(a[2] / before_tail(start), 6) for a in got])
    _, got = of_one({"lr_tail": {"shape": "points", "points": [2], "to": 0, "steps": 4}}, start=start)
    equal("lr_tail of points", [1.5, 2.0, 1.0, 0.0, 0.0, 0.0], [round(a[2] / before_tail(start), 6) for a in got])
    skipped, got = of_one({"skip": [11, 16]}, start=start)
    same_as("skip: nothing is learned", skipped[0], of_one({}, start=start, steps=0)[0][0])
    own = of_one({"skip": [11, 16]}, start=start, own=("skip",))[0]
    same_as("skip: a script that asks for it sees to it itself", own[0], plain[0])
    for name, value in (("weight_decay_scale", 30), ("beta2", 0.5), ("clip", 1e-3), ("jitter", 1e-3), ("reseed", 3)):
        other = of_one({name: value}, start=start)[0]
        ok(name + " changes it", not torch.equal(weights(plain[0]), weights(other[0])))
        groups = [(g["betas"], g["weight_decay"]) for g in other[1].param_groups]
        equal(name + ": the groups are the plan's", [((0.9, 0.999), 0.01), ((0.9, 0.999), 0.0)], groups)
    one, two = (of_one({"jitter": 1e-3}, start=start)[0][0] for _ in range(2))
    same_as("jitter: the same each time", one, two)
    clipped = of_one({"clip": 0.1}, start=start)[0][0]
    other = of_one({}, start=start, clip=0.1)[0][0]
    ok("clip: as the script would", float((weights(clipped) - weights(other)).abs().max()) < 1e-6)
    resets(start)
    refusals(start)


def before_tail(start):
    with open(os.path.join(start, "state.json")) as f:
        return json.load(f)["control"][""]["plan"][0]


def resets(start):
    """Against Adam written out."""
    for which in ("m", "v", "mv"):
        fresh()
        made = make()
        lc.load(start, *made[:3], loader=made[3])
        optimizer = made[1]
        p = optimizer.param_groups[0]["params"][1]
        state, w = optimizer.state[p], p.detach().clone().double()
        m, v, t = state["exp_avg"].clone().double(), state["exp_avg_sq"].clone().double(), float(state["step"])
        k = t
        m, tm = (m * 0, 0 if which == "mv" else t) if "m" in which else (m, t)
        v, k = (v * 0, 0) if "v" in which else (v, k)
        fresh(**asks(reset=which))
        for i in range(3):
            lc.poll(optimizer)
            group = optimizer.param_groups[0]
            torch.manual_seed(i)
            for q in (q for g in optimizer.param_groups for q in g["params"]):
                q.grad = torch.randn(q.shape)
            g, lr = p.grad.double(), group["lr"]
            optimizer.step()
            tm, k = tm + 1, k + 1
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            w -= lr * 0.01 * w + lr * (m / (1 - 0.9 ** tm)) / ((v / (1 - 0.999 ** k)).sqrt() + 1e-8)
        ok("reset %s: as Adam would" % which, float((w - p.double()).abs().max()) < 2e-6, float((w - p.double()).abs().max()))


def refusals(start):
    tail = {"shape": "linear", "to": 0, "steps": 4}
    for given in ({"lr_skale": 1}, {"lr_scale": -1}, {"lr_scale": "x"}, {"x_mine": 2}, {"batch_scale": 2},
                  {"lr_scale": math.nan}, {"lr_scale": 0}, {"lr_scale": True}, {"lr_warmup": "4"}, {"lr_warmup": 1.5},
                  {"reset": "q"}, {"reset": ["m"]}, {"skip": [3]}, {"skip": [9, 3]}, {"skip": 3}, {"beta2": 1},
                  {"lr_tail": {}}, {"lr_tail": 1}, {"lr_tail": dict(tail, steps=0)}, {"lr_tail": dict(tail, shape="x")},
                  {"lr_tail": dict(tail, points=[1])}, {"lr_tail": dict(tail, too=1)}, {"jitter": math.inf}):
        try:
            of_one(given, start=start, steps=1)
            ok("refused: %s" % given, False, "taken")
        except SystemExit as end:
            equal("refused: %s" % given, 2, end.code)
    fresh(**asks(x_mine=2))
    made = make()
    lc.poll(made[1])
    equal("x_ that the script asks for", 2, lc.action("x_mine"))
    train(made, 0, 1)
    control = os.path.join(WORK, "control.json")
    fresh(LC_CONTROL=control)
    made = make()
    first = train(made, 0, 3)
    with open(control + ".new", "w") as f:
        f.write('{"actions":{"lr_scale":0.5}}')
    os.rename(control + ".new", control)
    then = train(made, 3, 5)
    fresh()
    plain = train(make(), 0, 5)
    equal("LC_CONTROL: obeyed from the next step on", [x[2] / 2 for x in plain[3:]], [x[2] for x in then])
    equal("LC_CONTROL: not before", [x[2] for x in plain[:3]], [x[2] for x in first])
    fresh(LC_CONTROL=control)
    made = make()
    for i, text in enumerate(("no json", "[1]", "3", '{"reset":"q"}', '{"lr_warmup":"x"}', '{"actions":{"skip":[[1]]}}')):
        with open(control + ".new", "w") as f:
            f.write(text)
        os.rename(control + ".new", control)
        equal("LC_CONTROL: rubbish is passed over: " + text, made[1].param_groups[0]["lr"], train(made, i, i + 1)[0][2])


def two_optimizers():
    """Each has its own plan: a tail begins at its lr, resumed or not."""
    def begin():
        torch.manual_seed(1)
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 1))
        return model, {"big": torch.optim.SGD(model[0].parameters(), lr=0.02, momentum=0.9),
                       "small": torch.optim.AdamW(model[1].parameters(), lr=3e-4)}

    def go(model, optimizers, steps):
        seen = []
        for _ in range(steps):
            lc.poll(optimizers)
            model(torch.ones(2, 4)).sum().backward()
            for o in optimizers.values():
                o.step()
                o.zero_grad()
            seen.append([lc._controls[o].lr for o in optimizers.values()])
        return seen

    path = os.path.join(WORK, "two")
    fresh()
    model, optimizers = begin()
    go(model, optimizers, 2)
    plan = {"kind": "wsd", "lr": 0.02, "min_lr": 0, "warmup": 0, "total": 10, "decay_frac": 0.2}
    lc.save(path, 2, model, optimizers, plan=plan)
    with open(os.path.join(path, "step-00000002", "state.json")) as f:
        equal("the plan of the lr is in the state", plan, json.load(f)["schedule"])
    fresh(**asks(lr_tail={"shape": "linear", "to": 0, "steps": 4}))
    model, optimizers = begin()
    lc.load(path, model, optimizers)
    seen = go(model, optimizers, 2)
    lc.save(path, 4, model, optimizers)
    equal("two optimizers: each tail from its own lr", [[0.015, 2.25e-4], [0.01, 1.5e-4]], [[round(x, 9) for x in r] for r in seen])
    fresh()
    model, optimizers = begin()
    lc.load(path, model, optimizers)
    equal("two optimizers: and resumed in it", [[0.005, 7.5e-5]], [[round(x, 9) for x in r] for r in go(model, optimizers, 1)])


def an_update_that_raises():
    fresh(**asks(lr_scale=0.5))
    w = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([w], lr=1.0)
    lc.poll(optimizer)

    def breaks():
        raise RuntimeError("out of memory")
    for closure in (breaks, None):
        w.grad = torch.ones(1)
        try:
            optimizer.step(closure)
        except RuntimeError:
            pass
    equal("an update that raised leaves the plan alone", (0.5, 1.0), (float(w), optimizer.param_groups[0]["lr"]))


def records():
    path = os.path.join(WORK, "metrics.jsonl")
    fresh(LC_METRICS=path, LC_BRANCH="b1")
    lc.log(step=1, loss=torch.tensor(2.5, requires_grad=True), grad_norm=float("nan"), val_loss=math.inf, batch="b")
    made = make()
    train(made, 0, 1)
    lc.log(step=2, loss=2, batch=torch.arange(4))
    lines = [json.loads(line) for line in open(path)]
    equal("log", {"step": 1, "loss": 2.5, "grad_norm": "nan", "val_loss": "inf", "batch": "b", "branch": "b1"}, lines[0])
    equal("log: lr and hash", (lc.lr(), 16), (lines[1]["lr"], len(lines[1]["batch"])))
    ok("hashes tell types and places", len({lc.batch_hash(x) for x in (
        torch.arange(4), torch.arange(4).int(), torch.arange(4).reshape(2, 2), [torch.arange(2), torch.arange(2, 4)],
        {"a": torch.arange(4)}, {"b": torch.arange(4)})}) == 6)
    got = subprocess.run([os.path.join(BUILD, "lc-detect"), path], capture_output=True)
    equal("lc-detect reads it, and the loss that is not finite is an alert", 0 if b"alert" in got.stdout else 1, got.returncode)


def the_setup():
    """Once, before the first record, once an optimizer is known."""
    path = os.path.join(WORK, "setup.jsonl")
    fresh(LC_METRICS=path)
    lc._setup_told = False
    lc.log(step=0, val_loss=3)
    made = make()
    lc.poll(made[1])
    lc.action("clip", 0.5)
    for step in (1, 2):
        lc.log(step=step, loss=2, batch=torch.zeros(4, 65, dtype=torch.long))
    lines = [json.loads(line) for line in open(path)]
    equal("setup", {"type": "setup", "v": 1, "params": sum(p.numel() for p in made[0].parameters()), "optimizer": "adamw",
                    "weight_decay": 0.01, "batch": 4, "tokens": 260, "beta2": 0.999, "clip": 0.5}, lines[1])
    equal("setup: once, and behind what needs none", [None, "setup", None, None], [r.get("type") for r in lines])


def stateful():
    """torchdata's own loader, as it is: resumed in the middle of an epoch."""
    try:
        from torchdata.stateful_dataloader import StatefulDataLoader
    except ImportError:
        print("skip - StatefulDataLoader # no torchdata")
        return

    def begin():
        torch.manual_seed(1)
        model = torch.nn.Linear(2, 1)
        data = torch.utils.data.TensorDataset(torch.arange(64.0).reshape(32, 2))
        return model, torch.optim.SGD(model.parameters(), lr=1e-3), StatefulDataLoader(data, batch_size=4, shuffle=True)

    def go(model, optimizer, loader, step, end, path=None):
        seen = []
        while step < end:
            for x, in loader:
                lc.poll(optimizer)
                loss = model(x).square().mean()
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                step += 1
                seen.append((lc.batch_hash(x), float(loss.detach())))
                if path and step == 11:
                    lc.save(path, step, model, optimizer, loader=loader)
                if step >= end:
                    break
        return seen

    path = os.path.join(WORK, "stateful")
    fresh()
    whole = go(*begin(), 0, 16, path)
    fresh()
    model, optimizer, loader = begin()
    torch.manual_seed(77)
    at = lc.load(path, model, optimizer, loader=loader)
    equal("StatefulDataLoader: nothing lacks", [], at.lacks)
    ok("StatefulDataLoader: resumed, bit for bit", go(model, optimizer, loader, 11, 16) == whole[11:])


def the_gvar():
    fresh()
    model, optimizer, _, _ = make()
    params = [p for g in optimizer.param_groups for p in g["params"]]
    ok("gvar before any update", math.isnan(lc.gvar(optimizer, [None] * len(params), [None] * len(params))))
    a, b = ([torch.randn(p.shape) for p in params] for _ in range(2))
    for p, x, y in zip(params, a, b):
        p.grad = (x + y) / 2
    optimizer.step()
    want = sum(float(((x - y).double() ** 2 / 4 / ((optimizer.state[p]["exp_avg_sq"].double() / (1 - 0.999)).sqrt() + 1e-8)).sum())
               for p, x, y in zip(params, a, b))
    got = lc.gvar(optimizer, a, b)
    ok("gvar", abs(got / want - 1) < 1e-6, (got, want))
    norm = math.sqrt(sum(float(p.grad.double().square().sum()) for p in params))
    ok("gvar under a clip", abs(lc.gvar(optimizer, a, b, clip=norm / 2) / want * 4 - 1) < 1e-6)


class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = torch.nn.Linear(16, 48)

    def forward(self, x):
        q, k, v = (t.reshape(x.shape[0], -1, 2, 8).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        if hasattr(torch.nn.functional, "scaled_dot_product_attention"):
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        logits = q @ k.transpose(-1, -2) / 8 ** 0.5
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return torch.nn.functional.softmax(logits.masked_fill(mask, -math.inf), dim=-1) @ v


def watching():
    fresh()
    torch.manual_seed(3)
    model, x = Attention(), torch.randn(2, 12, 16)
    softmax = torch.nn.functional.softmax
    watch = lc.watch(model, every=3)
    out = model(x)
    got = watch.take()
    q, k, _ = (t.reshape(2, -1, 2, 8).transpose(1, 2) for t in model.qkv(x).chunk(3, -1))
    logits = (q @ k.transpose(-1, -2) / 8 ** 0.5)[:1].masked_fill(torch.ones(12, 12, dtype=torch.bool).triu(1), -math.inf)
    p = logits.softmax(-1)
    ok("attn_entropy", abs(got["attn_entropy"] - float(-(p * p.clamp_min(1e-30).log()).sum(-1).mean())) < 1e-5, got)
    ok("attn_logit_max", abs(got["attn_logit_max"] - float(logits.max())) < 1e-5, got)
    ok("act_kurtosis", 1 < got["act_kurtosis"] < 10, got)
    model(x), model(x)
    equal("not at the other forwards", {}, watch.take())
    model(x)
    equal("again at the third", 3, len(watch.take()))
    watch.close()
    watch.close()
    if NEW:
        watch = lc._Watch(model, 1)
        watch.found = lc.collections.defaultdict(list)
        k = k.detach()[:, :1]
        watch.see_fused(q.detach(), k, is_causal=True)
        whole = watch.found["attn_logit_max"][0]
        watch.see_fused(torch.cat([q, q], 1).detach(), torch.cat([k, 100 * k], 1), is_causal=True)
        ok("attn of shared keys: each head with its own", float(watch.found["attn_logit_max"][1]) >= 50 * float(whole))
        watch.close()
    ok("nothing is left in the way", torch.nn.functional.softmax is softmax and torch.equal(model(x), out))


def damage():
    fresh()
    path = os.path.join(WORK, "damage")
    made = make()
    train(made, 0, 2, (2,), path)
    name = os.path.join(path, "step-00000002", "model.safetensors")
    whole = open(name, "rb").read()
    for n in (0, 7, 8, 20, len(whole) - 1):
        with open(name, "wb") as f:
            f.write(whole[:n])
        try:
            lc.load(path, *make()[:3])
            ok("weights cut off at %d" % n, False, "taken")
        except ValueError as why:
            ok("weights cut off at %d are refused" % n, True, why)
    with open(name, "wb") as f:
        f.write(whole)
    other = torch.nn.Linear(3, 3)
    try:
        lc.load(path, other)
        ok("another model", False, "taken")
    except lc.Mismatch as why:
        ok("another model is refused", "is not in it" in str(why), why)
    before = other.weight.clone()
    state = lc.load(path, other, strict=False)
    ok("strict=False lists it", len(state.lacks) > 3 and torch.equal(before, other.weight), state.lacks)
    equal("no state at all", None, lc.load(os.path.join(WORK, "nowhere"), other).path)
    equal("nothing half written is left", ["step-00000002"], os.listdir(path))
    bent_headers()
    full_and_killed()
    if os.path.exists(os.path.join(BUILD, "lc-snap")):
        snap, store = os.path.join(BUILD, "lc-snap"), os.path.join(WORK, "store")
        subprocess.run([snap, "init", "-q", store], check=True)
        got = subprocess.run([snap, "save", "-q", "-s", store, os.path.join(path, "step-00000002")], capture_output=True)
        equal("lc-snap: nothing is missing", [], json.loads(got.stdout)["missing"])


def bent_headers():
    name = os.path.join(WORK, "bent.safetensors")
    good = {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}
    for header in ([], "x", {"a": 1}, {"a": {}}, {"a": dict(good, shape="x")}, {"a": dict(good, shape=[-2, -1])},
                   {"a": dict(good, shape=[2.0])}, {"a": dict(good, data_offsets=[0])}, {"a": dict(good, dtype="Q")},
                   {"a": dict(good, data_offsets=[-4, 4])}, {"a": dict(good, dtype=[])}):
        text = json.dumps(header).encode()
        with open(name, "wb") as f:
            f.write(len(text).to_bytes(8, "little") + text + bytes(8))
        try:
            lc.read_safetensors(name)
            ok("header %s" % text.decode(), False, "taken")
        except ValueError as why:
            ok("refused: header %s" % text.decode(), name in str(why), why)


def full_and_killed():
    """A save that fails leaves what was there, and nothing of its own; one that was killed is no state."""
    path = os.path.join(WORK, "full")
    model = torch.nn.Linear(64, 64)
    lc.save(path, 1, model)
    import resource
    import signal
    taken = []
    old, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        for step in (1, 2):
            try:
                lc.save(path, step, model)
                taken.append(step)
            except OSError:
                pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    equal("a save over the limit fails", [], taken)
    equal("and leaves the old state, and nothing else", ["step-00000001"], os.listdir(path))
    equal("which is whole", 1, lc.load(path, torch.nn.Linear(64, 64)).step)
    only = os.path.join(WORK, "cut")
    os.makedirs(os.path.join(only, ".tmp-step-00000001"))
    equal("a first save that was killed is no state", None, lc.load(only, model).path)
    for step in (99999999, 100000000):
        os.mkdir(os.path.join(only, "step-%08d" % step))
    equal("the newest is so by number", "step-100000000", os.path.basename(lc.state_dir(only)))
    rename, renamed = os.rename, []
    try:
        def first_only(a, b):
            if renamed:
                raise KeyboardInterrupt
            renamed.append((a, b))
            rename(a, b)
        os.rename = first_only
        lc.save(path, 1, model)
    except KeyboardInterrupt:
        pass
    finally:
        os.rename = rename
    equal("killed in between: no state is half there", [], [n for n in os.listdir(path) if n.startswith("step-")])
    lc.save(path, 1, model)
    equal("and the next save is", ["step-00000001"], os.listdir(path))


def same_bytes(one, two):
    one, two = one.contiguous(), two.contiguous()
    return lc._bytes_of(one) == lc._bytes_of(two)


def types_and_trees():
    tensors = {"a.%s" % dtype: torch.zeros(3, 2).to(dtype) for dtype in lc._dtypes().values() if dtype.itemsize} if NEW else {}
    tensors.update(empty=torch.zeros(0, 4), scalar=torch.tensor(2.5), odd=torch.arange(12).reshape(3, 4).t())
    path = os.path.join(WORK, "types.safetensors")
    lc.write_safetensors(path, tensors)
    back = lc.read_safetensors(path)
    ok("safetensors: types, shapes, bytes", back.keys() == tensors.keys() and all(
        back[k].dtype == t.dtype and back[k].shape == t.shape and same_bytes(back[k], t) for k, t in tensors.items()))
    import collections
    tree = {"a": (1, [2.5, None, -math.inf], {3: "x", (1, 2): b"\x00\xff"}), "$odd": True, "s": {1, 2},
            "d": collections.deque([1]), "big": 2 ** 80, "z": {}}
    packer = lc._Packer()
    text = json.dumps(packer.pack(tree, "t"), allow_nan=False)
    equal("trees", tree, lc._unpack(json.loads(text), packer.tensors))
    packer.pack({"x": object()}, "t")
    equal("what has no form is named", ["t.x (a object)"], packer.lacks)


RANKS = r'''
import os, sys, warnings
warnings.filterwarnings("ignore")
sys.path.insert(0, sys.argv[1])
import torch, lightcone as lc
import torch.distributed as dist
dist.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=int(sys.argv[3]), world_size=2)
kind, path, begin, end = sys.argv[4], sys.argv[5], sys.argv[6], int(sys.argv[7])
torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Dropout(0.1), torch.nn.Linear(16, 4))
if kind == "ddp":
    model = torch.nn.parallel.DistributedDataParallel(model)
elif kind == "fsdp2":
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.device_mesh import init_device_mesh
    fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
else:
    from torch.distributed.fsdp import FullyShardedDataParallel
    model = FullyShardedDataParallel(model, device_id=torch.device("cpu"))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
data = torch.utils.data.TensorDataset(torch.randn(64, 8), torch.randint(0, 4, (64,)))
sampler = torch.utils.data.DistributedSampler(data, 2, int(sys.argv[3]))
batches = lc.Batches(torch.utils.data.DataLoader(data, batch_size=4, sampler=sampler))
torch.manual_seed(10 + int(sys.argv[3]))
step = lc.load(begin, model, optimizer, loader=batches).step if begin != "-" else 0
while step < end:
    for x, y in batches:
        lc.poll(optimizer)
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        print(step, float(loss.detach()).hex(), flush=True)
        if step == 11:
            lc.save(path, step, model, optimizer, loader=batches)
        if step >= end:
            break
dist.destroy_process_group()
'''


def ranks(kind):
    script = os.path.join(WORK, "ranks.py")
    with open(script, "w") as f:
        f.write(RANKS)
    path = os.path.join(WORK, kind)

    def run(begin, end, name):
        meet = os.path.join(WORK, "%s-%s.meet" % (kind, name))
        started = [subprocess.Popen([sys.executable, script, SCRIPTS, meet, str(rank), kind, path, begin, str(end)],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for rank in (0, 1)]
        outs = [p.communicate(timeout=300) for p in started]
        return [p.returncode for p in started], [out.splitlines() for out, _ in outs], [err for _, err in outs]

    fresh()
    status, whole, err = run("-", 16, "whole")
    if status != [0, 0]:
        ok("%s: two ranks" % kind, False, err[0][-400:])
        return
    status, got, err = run(path, 16, "again")
    ok("%s: each rank resumes bit for bit" % kind, status == [0, 0] and got == [w[11:] for w in whole],
       (status, got[0][:2], whole[0][11:13], err[0][-300:]))
    files = sorted(os.listdir(os.path.join(path, "step-00000011")))
    equal("%s: who writes what" % kind, 1 if kind == "ddp" else 2, sum(name.startswith("model") for name in files))
    try:
        lc.load(path, torch.nn.Linear(2, 2))
        ok("%s: with another number of ranks" % kind, False, "taken")
    except lc.Mismatch as why:
        ok("%s: refused with another number of ranks" % kind, "2 ranks" in str(why), why)


def scaler():
    fresh()
    make_scaler = (lambda: torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=3)) if hasattr(torch.amp, "GradScaler") else None
    if make_scaler is None:
        print("skip - GradScaler # this torch has none for the CPU")
        return
    one, path = make_scaler(), os.path.join(WORK, "scaler")
    model, optimizer, scheduler, _ = make()
    for i in range(4):
        lc.poll(optimizer)
        optimizer.zero_grad()
        one.scale(model(torch.ones(4, 8)).sum()).backward()
        one.step(optimizer)
        one.update()
    lc.save(path, 4, model, optimizer, scheduler, scaler=one)
    two = make_scaler()
    lc.load(path, *make()[:3], scaler=two)
    equal("GradScaler", one.state_dict(), two.state_dict())


HF = r'''
import os, sys, warnings
warnings.filterwarnings("ignore")
sys.path.insert(0, sys.argv[1])
import torch, transformers, lightcone as lc
transformers.logging.set_verbosity_error()
transformers.set_seed(1)
config = transformers.GPT2Config(vocab_size=32, n_positions=16, n_embd=16, n_layer=1, n_head=2, attn_pdrop=0.1)
model = transformers.GPT2LMHeadModel(config)
draw = torch.Generator().manual_seed(5)
rows = [{"input_ids": x, "labels": x} for x in torch.randint(0, 32, (32, 16), generator=draw)]
args = transformers.TrainingArguments(sys.argv[2], per_device_train_batch_size=4, max_steps=12, logging_steps=1, save_steps=5,
                                      learning_rate=1e-2, report_to=[], disable_tqdm=True, use_cpu=True, seed=1)
trainer = transformers.Trainer(model=model, args=args, train_dataset=rows, callbacks=[lc.HFCallback()])
trainer.train(resume_from_checkpoint=lc.state_dir())
'''

LIGHTNING = r'''
import sys, warnings, logging
warnings.filterwarnings("ignore")
sys.path.insert(0, sys.argv[1])
import torch, lightcone as lc
try:
    import lightning.pytorch as pl
except ImportError:
    import pytorch_lightning as pl
for name in ("lightning.pytorch", "pytorch_lightning"):
    logging.getLogger(name).setLevel(logging.ERROR)
torch.manual_seed(1)


class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Dropout(0.1), torch.nn.Linear(16, 4))

    def training_step(self, batch, i):
        return torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-2)
        return [optimizer], [{"scheduler": torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.1, 20), "interval": "step"}]


draw = torch.Generator().manual_seed(5)
data = torch.utils.data.TensorDataset(torch.randn(64, 8, generator=draw), torch.randint(0, 4, (64,), generator=draw))
trainer = pl.Trainer(max_steps=12, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
                     enable_model_summary=False, default_root_dir=sys.argv[2], callbacks=[lc.LightningCallback(every=5)])
batches = lc.Batches(torch.utils.data.DataLoader(data, batch_size=4))
trainer.fit(Net(), batches, ckpt_path=lc.LightningCallback.checkpoint())
'''


def framework(kind, text):
    """A run of 12 steps with states at 5 and 10; resumed at 5 it is the same, and half the lr is half the lr."""
    script, out = os.path.join(WORK, "with-%s.py" % kind), os.path.join(WORK, kind + "-out")
    with open(script, "w") as f:
        f.write(text)

    def run(name, **env):
        log = os.path.join(WORK, "%s-%s.jsonl" % (kind, name))
        fresh(LC_METRICS=log, **env)
        got = subprocess.run([sys.executable, script, SCRIPTS, os.path.join(WORK, kind + "-" + name)], capture_output=True, text=True)
        if got.returncode != 0:
            ok("%s: %s runs" % (kind, name), False, got.stderr[-390:].replace("\n", "\n# "))
            return []
        return [r for r in map(json.loads, open(log)) if r.get("type") != "setup"]

    whole = run("whole", LC_OUT=out)
    if not whole:
        return
    equal(kind + ": a record of each step", list(range(1, 13)), [r["step"] for r in whole])
    ok(kind + ": with loss and lr", all(isinstance(r.get("loss"), float) and r.get("lr", 0) > 0 for r in whole), whole[:1])
    equal(kind + ": its states", ["step-00000005", "step-00000010"], [n for n in sorted(os.listdir(out)) if n[0] != "."][:2])
    start = os.path.join(out, "step-00000005")
    equal(kind + ": resumed, bit for bit", whole[5:], run("again", LC_STATE=start, LC_OUT=out + "2"))
    short = run("short", LC_STATE=start, LC_OUT=out + "5", LC_STEPS="8")
    equal(kind + ": a future ends where it is asked to", whole[5:8], short)
    equal(kind + ": and leaves its state", True, os.path.isdir(os.path.join(out + "5", "step-00000008")))
    half = run("half", LC_STATE=start, LC_OUT=out + "3", **asks(lr_scale=0.5))
    applied, half = half[:1], half[1:]
    equal(kind + ": an action is said to be taken", [5], [r.get("step") for r in applied if r.get("type") == "applied"])
    equal(kind + ": half the lr is half the lr", [r["lr"] / 2 for r in whole[5:]], [r["lr"] for r in half])
    ok(kind + ": and it matters", half[0]["loss"] == whole[5]["loss"] and half[-1]["loss"] != whole[-1]["loss"])
    kept = run("kept", LC_STATE=os.path.join(out + "3", "step-00000010"), LC_OUT=out + "4")
    equal(kind + ": kept in its states", half[5:], kept)


def frameworks():
    import importlib.util
    for kind, text, needs in (("transformers", HF, ("transformers", "accelerate")), ("lightning", LIGHTNING, ("lightning",))):
        if all(importlib.util.find_spec(name) for name in needs):
            framework(kind, text)
        else:
            print("skip - %s # there is none here" % kind)


def main():
    cases = [lambda: resume("adamw"), lambda: resume("sgd"), lambda: resume("adamw", 2), orders, the_actions, two_optimizers,
             an_update_that_raises, records, the_setup, stateful, the_gvar, watching, damage, types_and_trees, scaler, frameworks]
    if torch.distributed.is_available():
        cases.append(lambda: ranks("ddp"))
        if NEW:
            cases += [lambda: ranks("fsdp"), lambda: ranks("fsdp2")]
        else:
            print("skip - FSDP # it wants a newer torch than %s" % torch.__version__)
    for case in cases:
        try:
            with_err = sys.stderr
            sys.stderr = io.StringIO()
            try:
                case()
            finally:
                sys.stderr = with_err
        except Exception:
            ok(getattr(case, "__name__", "case"), False, traceback.format_exc()[-390:].replace("\n", "\n# "))
    sys.exit(failed)


main()
