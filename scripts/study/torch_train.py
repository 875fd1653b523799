#!/usr/bin/env python3
"""lc-train's words for a GPT in PyTorch, over the bytes of a text: the study's trainer where a GPU is.

The model is that of scripts/examples/torch_loop.py; records, states and actions are lightcone.py's. GPT-2's smallest has 12
layers of 768, 12 heads and a context of 1024: with a vocabulary of 256 bytes these are 86 million weights, not 124. On a
GPU products are in bfloat16. Batch i is a function of text, data seed and i alone. At the total more is held out
(--end-bytes), so that no run has to be repeated for its final loss.
"""
import argparse
import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time

import torch
from torch import nn
from torch.nn import functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "examples"), os.path.join(HERE, "..")]
import lightcone as lc  # noqa: E402
import plan  # noqa: E402
import torch_faults  # noqa: E402
from torch_loop import GPT  # noqa: E402

ACTIONS = ("lr-scale", "lr-for", "lr-warmup", "lr-tail", "skip", "weight-decay-scale", "clip", "beta2", "reset", "batch-scale", "reseed",
           "data-shift", "jitter")
BLOCK = 4096  # bytes; every 20th is held out


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    p.add_argument("--text", required=True)
    p.add_argument("--schedule", choices=("wsd", "cosine", "constant"), default="wsd")
    for name, value in (("layers", 2), ("dim", 64), ("heads", 2), ("ctx", 64), ("batch", 8), ("total", 2000), ("warmup", 100), ("seed", 1),
                        ("data-seed", 1), ("val-every", 100), ("val-bytes", 16384), ("end-bytes", 16384), ("save-every", 100),
                        ("probe-every", 100), ("keep", 0)):
        p.add_argument("--" + name, type=int, default=value)
    p.add_argument("--lr", type=float, default=6e-4)
    p.add_argument("--fault", action="append", default=[])
    p.add_argument("--out")
    p.add_argument("--resume", default="none")
    p.add_argument("--steps", default="none")
    p.add_argument("-q", action="store_true", help="as lc-train has it; nothing is said anyway")
    for name in ACTIONS:
        p.add_argument("--" + name)
    return p.parse_args()


def spoken(args):
    """The actions of the command line, as lc-record(5) has them."""
    given = {}
    for name in (n.replace("-", "_") for n in ACTIONS):
        word = getattr(args, name)
        if word is None or word == "none":
            continue
        if name == "skip":
            given[name] = [[int(x) for x in part.split("-")] for part in word.split(",") if part]
        else:
            given[name] = word if name == "reset" else json.loads(word)
    return given


def tell(args):
    """What lightcone.py reads from the environment, where it was said on the command line."""
    given = spoken(args)
    if given and not os.environ.get("LC_ACTIONS"):
        fd, tell.file = tempfile.mkstemp(prefix="lc-actions.")
        with open(fd, "w") as f:
            json.dump(given, f)
        os.environ["LC_ACTIONS"] = tell.file
    os.environ["LC_STATE"] = args.resume
    if args.out:
        os.environ["LC_OUT"] = args.out
    os.environ.pop("LC_METRICS", None)  # as of lc-train, the records are on stdout


class Data:
    """The bytes of a text: what is trained on, and two shards held out."""

    def __init__(self, path, args):
        with open(path, "rb") as f:
            blocks = torch.frombuffer(bytearray(f.read()), dtype=torch.uint8).split(BLOCK)
        held = blocks[19::20]
        if len(held) < 2:
            raise SystemExit("torch_train.py: %s: too short: 40 blocks of %d bytes are wanted" % (path, BLOCK))
        self.train = torch.cat([b for i, b in enumerate(blocks) if i % 20 != 19])
        self.shards = {"val_loss": torch.cat(held[0::2]), "test_loss": torch.cat(held[1::2])}
        self.args, self.index = args, 0

    def rows(self, index, order):
        words = "%d %d %d" % (self.args.data_seed, order, index)  # a generator of the CPU goes by 32 bits
        dice = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "little"))
        n = max(1, round(self.args.batch * float(lc.action("batch_scale", 1))))
        at = torch.randint(len(self.train) - self.args.ctx - 1, (n, 1), generator=dice)
        return self.train[at + torch.arange(self.args.ctx + 1)]

    def state_dict(self):
        return {"data_seed": self.args.data_seed, "index": self.index}

    def load_state_dict(self, state):
        self.index = state["index"]


def loss_of(model, rows, targets):
    with torch.autocast("cuda", dtype=torch.bfloat16) if rows.is_cuda else contextlib.nullcontext():
        return F.cross_entropy(model(rows[:, :-1].long()).float().flatten(0, 1), targets.long().flatten())


@torch.no_grad()
def held_out(model, data, size, device):
    model.eval()
    found = {}
    for name, shard in data.shards.items():
        n = max(1, min(size, len(shard) - 1) // data.args.ctx)
        rows = torch.stack([shard[i * data.args.ctx:][:data.args.ctx + 1] for i in range(n)]).to(device)
        losses = [(loss_of(model, part, part[:, 1:]) * len(part)).item() for part in rows.split(max(data.args.batch, 4))]
        found[name] = sum(losses) / n
    model.train()
    return found


def weights(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def backward(model, rows, targets, probe, optimizer, limit):
    """The loss, its gradient left in the weights; and at a probe gvar, from the halves of the batch."""
    params = weights(optimizer)
    if not probe or len(rows) % 2:
        loss = loss_of(model, rows, targets)
        loss.backward()
        return loss.detach(), None
    halves, losses = [], []
    for part, wanted in zip(rows.chunk(2), targets.chunk(2)):
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss_of(model, part, wanted))
        losses[-1].backward()
        halves.append([p.grad.clone() for p in params])
    for p, a, b in zip(params, *halves):
        p.grad = (a + b) / 2
    return sum(x.detach() for x in losses) / 2, lc.gvar(optimizer, *halves, clip=limit)


def step_on(run, step):
    """One update: its record but for what is held out."""
    args, model, optimizer, data, faults = run.args, run.model, run.optimizer, run.data, run.faults
    begin = time.monotonic()
    lc.poll(optimizer)
    lr, clipped = faults.lr(step, plan.lr)
    for group in optimizer.param_groups:
        group["lr"] = lr
    lc.action("skip")  # is carried out here: such a step learns from a batch of no plan
    order, index, skipped = lc.action("reseed", 0), step + lc.action("data_shift", 0), lc.skips(step)
    index += 2 ** 31 if skipped else 0
    rows = data.rows(index, order)
    rows, targets = faults.batch(index, rows, not order and not skipped, lambda path: Data(path, args).rows(index, order))
    limit = float(lc.action("clip", 1.0)) if clipped else float("inf")
    optimizer.zero_grad(set_to_none=True)
    probe = args.probe_every and step % args.probe_every == 0
    loss, gvar = backward(model, rows.to(run.device), targets.to(run.device), probe, optimizer, limit)
    faults.gradient(step, weights(optimizer))
    norm = nn.utils.clip_grad_norm_(model.parameters(), limit)
    optimizer.step()
    faults.after(step, model, optimizer)
    data.index = step
    return dict(loss=float(loss), grad_norm=norm, gvar=gvar, batch=rows, wall_s=time.monotonic() - begin)


def keep(out, n):
    names = sorted(x for x in os.listdir(out) if x.startswith("step-"))
    for name in names[:-n] if n else ():
        shutil.rmtree(os.path.join(out, name), ignore_errors=True)


class Trainer:
    def __init__(self, args):
        self.args, self.device = args, "cuda" if torch.cuda.is_available() else "cpu"
        self.plan = dict(kind=args.schedule, lr=args.lr, min_lr=0.0, warmup=args.warmup, total=args.total, decay_frac=0.2)
        self.data = Data(args.text, args)
        torch.manual_seed(args.seed)
        self.model = GPT(args.layers, args.dim, args.heads, args.ctx)
        for name, p in self.model.named_parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02 / (2 * args.layers) ** 0.5 if name.endswith(("proj.weight", "mlp.2.weight")) else 0.02)
        self.model.to(self.device)
        matrices, rest = ([p for p in self.model.parameters() if (p.dim() > 1) == big] for big in (True, False))
        self.optimizer = torch.optim.AdamW([dict(params=matrices, weight_decay=0.1), dict(params=rest, weight_decay=0.0)], lr=args.lr,
                                           betas=(0.9, float(args.beta2 or 0.95)))
        self.faults = torch_faults.Faults(args.fault, self.plan)

    def save(self, step):
        lc.save(None, step, self.model, self.optimizer, loader=self.data, plan=self.plan)
        keep(self.args.out, self.args.keep)

    def go(self):
        """To the last step, or a signal to end; whether it was one."""
        args, ended = self.args, []
        signal.signal(signal.SIGTERM, lambda n, _: ended.append(n))
        step = lc.load(None, self.model, self.optimizer, loader=self.data).step
        last = args.total if args.steps == "none" else min(args.total, step + int(args.steps))
        if args.probe_every:
            lc.watch(self.model, args.probe_every)
        while step < last and not ended:
            step += 1
            record = step_on(self, step)
            if step == args.total:
                record.update(held_out(self.model, self.data, args.end_bytes, self.device))
            elif args.val_every and (step % args.val_every == 0 or step == last):  # a future is read where it ends
                record.update(held_out(self.model, self.data, args.val_bytes, self.device))
            lc.log(step, **record)
            if args.out and (step == last or ended or (args.save_every and step % args.save_every == 0)):
                self.save(step)
        return bool(ended)


def main():
    args = arguments()
    tell(args)
    try:
        ended = Trainer(args).go()
    finally:
        if getattr(tell, "file", None):
            os.unlink(tell.file)
    if ended:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
