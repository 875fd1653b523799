"""lc-train's --fault words (lc-train-faults(7)) for a PyTorch trainer: what breaks, when, and what each does when it strikes."""
import math
import os
import re
import sys

import torch

KINDS = ("bad-data", "mislabel", "text", "lr-bump", "lr-ramp", "warm-restart", "grad-noise", "nan", "qk-grow", "flip-m", "flip-v", "flip-w")
SPEC = re.compile(r"([a-z-]+)@(\d+)(-(\d*))?((?::[^:,]*)*)(?:,once=(.+))?")


class Fault:
    def __init__(self, spec):
        found = SPEC.fullmatch(spec)
        if not found or found[1] not in KINDS:
            raise SystemExit("torch_train.py: --fault %s: not one of %s" % (spec, " ".join(KINDS)))
        self.spec, self.kind, self.first = spec, found[1], int(found[2])
        self.last = self.first if found[3] is None else int(found[4]) if found[4] else math.inf
        self.args, self.once = found[5].split(":")[1:], found[6]
        self.fired = None  # False: it struck once, in another process

    def number(self, i, default=None):
        return float(self.args[i]) if len(self.args) > i else default

    def strikes(self, step):
        """Does it happen now? What happens once makes its file, and does not happen where that is."""
        if not self.first <= step <= self.last or self.fired is False:
            return False
        if self.fired is None and self.once:
            try:
                os.close(os.open(self.once, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                self.fired = False
                return False
        if not self.fired:
            print("torch_train.py: fault %s: step %d" % (self.spec, step), file=sys.stderr, flush=True)
        self.fired = True
        return True

    def met(self, step, planned):
        """By the plan's own batches alone, where it has an end."""
        return (planned or self.last == math.inf) and self.strikes(step)

    def dice(self, step):
        return torch.Generator().manual_seed(1000003 * KINDS.index(self.kind) + step)


class Faults:
    def __init__(self, specs, plan):
        self.all, self.plan = [Fault(s) for s in specs], plan

    def now(self, step, *kinds):
        return [f for f in self.all if f.kind in kinds and f.strikes(step)]

    def batch(self, step, rows, planned, other):
        """rows (B, T+1) of bytes, and what they are to learn (B, T). other(file): the rows of another text."""
        for f in self.all:
            if f.kind == "text" and f.met(step, planned):
                rows = other(f.args[0])
        for f in self.all:
            if f.kind == "bad-data" and f.met(step, planned):
                rows = spoiled(rows, f.args[0] if f.args else "random", f.dice(step))
        targets = rows[:, 1:]
        for f in self.all:
            if f.kind == "mislabel" and f.met(step, planned):
                targets = targets.roll(rows.shape[0] // 2, 0)
        return rows, targets

    def lr(self, step, plan_lr):
        """The plan's lr as it is spoiled, and whether the gradient is still clipped."""
        clipped, at, factor = True, step, 1.0
        for f in self.all:
            if f.kind == "warm-restart" and step > f.first:  # all that followed the warm-up comes again in the steps left
                total, warmup = self.plan["total"], self.plan["warmup"]
                at = warmup + (step - f.first) * (total - warmup) / (total - f.first)
            elif f.kind == "lr-bump" and f.strikes(step):
                factor *= f.number(0)
                clipped = clipped and f.last == math.inf
            elif f.kind == "lr-ramp" and step >= f.first and f.strikes(min(step, f.last)):
                factor *= f.number(0) ** min((step - f.first + 1) / (f.last - f.first + 1), 1)
        return plan_lr(self.plan, at) * factor, clipped

    def gradient(self, step, params):
        for f in self.now(step, "grad-noise", "nan"):
            if f.kind == "nan":
                params[0].grad.view(-1)[0] = math.nan
                continue
            for p in params:
                noise = torch.randn(p.shape, generator=f.dice(step)).to(p.device)
                p.grad.add_(noise * (f.number(0) * p.grad.square().mean().sqrt()))

    def after(self, step, model, optimizer):
        """What happens to weights and moments after an update."""
        with torch.no_grad():
            for f in self.now(step, "qk-grow", "warm-restart", "flip-m", "flip-v", "flip-w"):
                if f.kind == "qk-grow":
                    for block in model.blocks:
                        for t in (block.qkv.weight, block.qkv.bias):
                            t[: 2 * t.shape[0] // 3].mul_(f.number(0))
                elif f.kind == "warm-restart":
                    for state in optimizer.state.values():
                        for name in ("exp_avg", "exp_avg_sq", "step"):
                            state[name].zero_()
                else:
                    params = [p for g in optimizer.param_groups for p in g["params"]]
                    name = {"m": "exp_avg", "v": "exp_avg_sq"}.get(f.kind[-1])
                    flip([optimizer.state[p][name] if name else p for p in params], int(f.number(0, 2000)), int(f.number(1, 26)), f.dice(step))


def spoiled(rows, how, dice):
    if how == "encoding":  # UTF-16: a zero after each byte, so that half of each row is left
        wide = torch.stack([rows, torch.zeros_like(rows)], -1).flatten(1)
        return wide[:, : rows.shape[1]].contiguous()
    if how == "repeat":
        return torch.full_like(rows, int(torch.randint(256, (1,), generator=dice)))
    return torch.randint(256, rows.shape, generator=dice, dtype=rows.dtype)


def flip(tensors, n, bit, dice):
    """A bit of n random elements, of all tensors together; they are float32."""
    ends = torch.tensor([t.numel() for t in tensors]).cumsum(0)
    which = torch.randint(int(ends[-1]), (n,), generator=dice).unique()
    for t, end in zip(tensors, ends.tolist()):
        own = which[(which >= end - t.numel()) & (which < end)] - (end - t.numel())
        words = t.view(-1).view(torch.int32)
        mask = (1 << bit) - (1 << 32 if bit == 31 else 0)
        own = own.to(t.device)
        words[own] = words[own] ^ mask
