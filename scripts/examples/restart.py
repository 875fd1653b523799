#!/usr/bin/env python3
"""nanoGPT and llm.c under lc-guard, as they are: a change is a restart with other words on the command line.

In nanoGPT's folder, where DIR is this one:

    lc-guard -d run -F nanogpt -S DIR/nanogpt.json -- python3 DIR/restart.py --state {state} --out {out} \\
        --steps {steps} {actions} -- python train.py config/train_shakespeare_char.py --log_interval=1

and in llm.c's:

    lc-guard -d run -F llmc -S DIR/llmc.json -- python3 DIR/restart.py --state {state} --out {out} \\
        --steps {steps} {actions} -- ./train_gpt2cu -i 'fineweb_train_*.bin' -j 'fineweb_val_*.bin' -n 500 ...

A trainer that knows no actions can do only what its command line says. So lr_scale is another --learning_rate (-l), and
a future that ends after some steps is one that is stopped there. What it has no word for ends with status 2, and that
future has failed: the spaces above ask for nothing else. Also true, and seen in the forecasts and decisions:

- nanoGPT keeps neither its generators nor its place in the data, and begins with the same batches at every resume. Here
  the seed, a constant in train.py, is another one in a copy of that file: of each step resumed from, and of each reseed.
  Evaluating draws from the same generator, so another --eval_interval is another order of the data.
- nanoGPT prints no learning rate: nobody can check that a change took effect. Its only tail is a cosine.
- nanoGPT takes weight_decay from the state and not from the command line: it cannot be changed.
- llm.c has no word for a seed. Another order is the shards of -i in another order: that takes several of one size.

What the trainer writes goes to OUT/.run, and each state, once it is complete, to OUT/step-N.
"""
import argparse
import glob
import json
import math
import os
import pickletools
import re
import shutil
import signal
import subprocess
import sys
import zipfile


class Refused(Exception):
    """A word silently ignored is the worst case: status 2."""


def near_divisor(n, most):
    """What to do every so many steps, to have it done at step n too."""
    return next((d for d in range(most, max(most // 4, 1) - 1, -1) if n % d == 0), n)


def value_of(words, name, default):
    """Of nanoGPT's --name=value, the last; its configurations are read the same way."""
    found = [w.split("=", 1)[1] for w in words if w.startswith("--%s=" % name)]
    if found:
        return type(default)(found[-1])
    for path in (w for w in words if w.endswith(".py") and os.path.basename(w) != "train.py"):
        with open(path, encoding="utf-8") as f:
            found += re.findall(r"^%s\s*=\s*([^#\s]+)" % name, f.read(), re.M)
    return type(default)(found[-1]) if found else default


class NanoGPT:
    """--name=value; out_dir/ckpt.pt, written over; `iter N` is printed when N + 1 updates are done."""

    def __init__(self, words, run, end):
        self.words, self.run, self.end, self.saved, self.begun = words, run, end, False, None

    @staticmethod
    def step_of(state):
        """The iter_num in ckpt.pt, read and not executed. None: cut short."""
        try:
            with zipfile.ZipFile(os.path.join(state, "ckpt.pt")) as z:
                name = next(name for name in z.namelist() if name.endswith("/data.pkl"))
                ops = pickletools.genops(z.read(name))
                seen = None
                for op, value, _ in ops:
                    if seen == "iter_num" and op.name.startswith(("BININT", "LONG")):
                        return value
                    if op.name not in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
                        seen = value
        except (OSError, StopIteration, ValueError, zipfile.BadZipFile):
            pass
        return None

    def resume(self, state):
        shutil.copy(os.path.join(state, "ckpt.pt"), self.run)  # it will be written over
        self.words, self.begun = self.words + ["--init_from=resume"], self.step_of(state)

    def command(self, step, actions):
        add = ["--out_dir=" + self.run, "--always_save_checkpoint=True"]
        scale = actions.pop("lr_scale", 1)
        lr, least = (value_of(self.words, name, x) for name, x in (("learning_rate", 6e-4), ("min_lr", 6e-5)))
        if "lr_tail" in actions:
            add += self.tail(step, actions.pop("lr_tail"), scale)
        elif scale != 1:
            add += ["--learning_rate=%r" % (lr * scale), "--min_lr=%r" % (least * scale)]
        if "clip" in actions:
            add.append("--grad_clip=%r" % actions.pop("clip"))
        if self.end:
            every = value_of(self.words, "eval_interval", 2000)
            add += ["--max_iters=%d" % self.end, "--eval_interval=%d" % near_divisor(self.end, every)]
        return self.seeded(step, actions.pop("reseed", 0)) + add

    def planned(self, step):
        """Its get_lr()."""
        lr, least = (value_of(self.words, name, x) for name, x in (("learning_rate", 6e-4), ("min_lr", 6e-5)))
        warm, last = (value_of(self.words, name, x) for name, x in (("warmup_iters", 2000), ("lr_decay_iters", 600000)))
        if value_of(self.words, "decay_lr", "True") == "False":
            return lr
        if step < warm:
            return lr * (step + 1) / (warm + 1)
        if step > last:
            return least
        return least + 0.5 * (1 + math.cos(math.pi * (step - warm) / (last - warm))) * (lr - least)

    def tail(self, step, tail, scale):
        if tail["shape"] not in ("linear", "cosine", "constant"):
            raise Refused("lr_tail: nanoGPT has a cosine only")
        first, last = (self.planned(step) * x for x in (tail.get("from", scale), tail["to"]))
        if tail["shape"] == "constant":
            return ["--decay_lr=False", "--learning_rate=%r" % last]
        return ["--decay_lr=True", "--learning_rate=%r" % first, "--min_lr=%r" % last, "--warmup_iters=%d" % (step - 1),
                "--lr_decay_iters=%d" % (step - 1 + tail["steps"])]

    def seeded(self, step, reseed):
        if not step and not reseed:
            return self.words
        i = next((i for i, w in enumerate(self.words) if os.path.basename(w) == "train.py"), None)
        if i is None:
            raise Refused("no train.py in the command")
        with open(self.words[i], encoding="utf-8") as f:
            text, n = re.subn(r"manual_seed\(1337\b", "manual_seed(%d" % ((1337 + step + 1000003 * reseed) % 2 ** 31), f.read())
        if n != 1:
            raise Refused("reseed: %s has no manual_seed(1337" % self.words[i])
        path = os.path.join(self.run, "train.py")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        beside = os.path.dirname(os.path.abspath(self.words[i]))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [beside, os.environ.get("PYTHONPATH")]))
        return self.words[:i] + [path] + self.words[i + 1:]

    def heard(self, line):
        """The update that a line tells of, or None; and the states that are complete by then, as [(step, files)]."""
        if line.startswith("saving checkpoint to "):
            self.saved = True
        found = re.match(r"iter (\d+): loss ", line)
        return (int(found.group(1)) + 1, self.complete()) if found else (None, [])

    def complete(self):
        if not self.saved:
            return []
        self.saved = False
        aside = os.path.join(self.run, "saved")
        os.makedirs(aside, exist_ok=True)
        path = os.path.join(aside, "ckpt.pt")
        try:
            os.replace(os.path.join(self.run, "ckpt.pt"), path)
        except FileNotFoundError:  # one line was read too late, and the next one's was taken for it
            return []
        step = self.step_of(aside)
        return [(step, [path])] if step not in (None, self.begun) else []  # it saves at once what it has resumed


class LlmC:
    """-x value; model_N.bin and a state_N_RANK.bin for each rank, and when these are whole, DONE_N."""

    def __init__(self, words, run, end):
        self.words, self.run, self.end, self.had = words, run, end, set()

    def value(self, flag, default):
        found = [b for a, b in zip(self.words, self.words[1:]) if a == flag]
        return type(default)(found[-1]) if found else default

    @staticmethod
    def step_of(state):
        done = sorted(name for name in os.listdir(state) if re.fullmatch(r"DONE_\d+", name))
        return int(done[-1][5:]) if done else None

    def resume(self, state):
        for name in os.listdir(state):
            os.symlink(os.path.join(os.path.abspath(state), name), os.path.join(self.run, name))
        self.had = {self.step_of(state)}
        self.words = self.words + ["-y", "1"]

    def command(self, step, actions):
        add = ["-o", self.run]
        scale = actions.pop("lr_scale", 1)
        if "lr_tail" in actions:
            add += self.tail(step, actions.pop("lr_tail"), scale)
        elif scale != 1:
            add += ["-l", "%r" % (self.value("-l", 3e-4) * scale)]
        if "weight_decay_scale" in actions:
            add += ["-c", "%r" % (self.value("-c", 0.0) * actions.pop("weight_decay_scale"))]
        if self.end:
            add += ["-n", str(self.end), "-v", str(near_divisor(self.end, self.value("-v", 20)))]
        if actions.get("reseed"):
            add += ["-i", self.shards(actions["reseed"])]
        actions.pop("reseed", None)
        return ["stdbuf", "-oL"] + self.words + add

    def planned(self, step):
        """llmc/schedulers.h; without -x the length of the plan is in no word."""
        lr, kind, warm, last = self.value("-l", 3e-4), self.value("-k", "cosine"), self.value("-u", 0), self.value("-x", -1)
        least = lr * self.value("-q", 1.0)
        if kind == "constant" or (least == lr and step >= warm):
            return lr
        if step < warm:
            return lr * (step + 1) / warm
        if last <= 0:
            raise Refused("lr_tail: without -x nobody knows the lr at step %d" % step)
        begin = int(0.8 * last) if kind == "wsd" else warm
        f = (step - begin) / (last - begin)
        if kind == "wsd":
            return lr if f < 0 else least + (1 - math.sqrt(f)) * (lr - least)
        return least + (0.5 * (1 + math.cos(math.pi * f)) if kind == "cosine" else 1 - f) * (lr - least)

    def tail(self, step, tail, scale):
        base, first, last, n = self.planned(step), tail.get("from", scale), tail["to"], tail["steps"]
        if tail["shape"] == "constant":
            return ["-k", "constant", "-l", "%r" % (base * last)]
        if tail["shape"] != "linear" or not self.end or self.end > step + n or not first > 0:
            raise Refused("lr_tail: of llm.c only a line down to the end of a future")
        # update step + 1 is 1/n of the way, and its schedule is 0 there: it begins a step earlier
        return ["-k", "linear", "-l", "%r" % (base * first), "-u", str(step - 1), "-x", str(step + n),
                "-q", "%r" % ((last - (first - last) / n) / first)]

    def shards(self, reseed):
        files = sorted(glob.glob(self.value("-i", "dev/data/tinyshakespeare/tiny_shakespeare_train.bin")))
        same = [f for f in files if os.path.getsize(f) == os.path.getsize(files[0])]
        if reseed >= len(same):
            raise Refused("reseed %d: -i names %d shards of one size" % (reseed, len(same)))
        order = dict(zip(same, same[reseed:] + same[:reseed]))
        for i, f in enumerate(files):
            os.symlink(os.path.abspath(order.get(f, f)), os.path.join(self.run, "shard_%06d.bin" % i))
        return os.path.join(self.run, "shard_*.bin")

    def heard(self, line):
        found = re.match(r"step +(\d+)/\d+ \| loss ", line)
        return (int(found.group(1)), self.complete()) if found else (None, [])

    def complete(self):
        states = []
        for name in sorted(os.listdir(self.run)):
            if re.fullmatch(r"DONE_\d+", name) and int(name[5:]) not in self.had:
                self.had.add(int(name[5:]))
                files = glob.glob(os.path.join(self.run, "*_%s*" % name[5:]))
                states.append((int(name[5:]), files))
        return states


def put(out, step, files):
    """A state, whole, under its name. Files that the trainer may yet delete are linked, not moved."""
    tmp, name = os.path.join(out, ".tmp-step-%08d" % step), os.path.join(out, "step-%08d" % step)
    shutil.rmtree(tmp, ignore_errors=True)
    os.mkdir(tmp)
    for f in files:
        os.link(f, os.path.join(tmp, os.path.basename(f)))
    shutil.rmtree(name, ignore_errors=True)
    os.rename(tmp, name)
    for f in files:
        if f.endswith(".pt"):
            os.unlink(f)


def refuse(why):
    raise Refused(why)


def words_of(argv):
    """Our words, those of the actions, and the trainer's."""
    if "--" not in argv:
        raise Refused("no -- COMMAND")
    cut = argv.index("--")
    parser = argparse.ArgumentParser(usage="restart.py --state DIR --out DIR --steps N [ACTION ...] -- COMMAND", allow_abbrev=False)
    parser.error = refuse
    parser.add_argument("--state", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", default="none")
    for name, kind in (("lr-scale", float), ("lr-tail", json.loads), ("clip", float), ("weight-decay-scale", float), ("reseed", int)):
        parser.add_argument("--" + name, type=kind)
    given = vars(parser.parse_args(argv[:cut]))
    ours = [given.pop(name) for name in ("state", "out", "steps")]
    return ours, {k: v for k, v in given.items() if v is not None}, argv[cut + 1:]


def main():
    (state, out, end), actions, words = words_of(sys.argv[1:])
    end = None if end == "none" else int(end)
    out = os.path.abspath(out)
    run = os.path.join(out, ".run")
    shutil.rmtree(run, ignore_errors=True)
    os.makedirs(run)
    trainer = (NanoGPT if any(os.path.basename(w) == "train.py" for w in words) else LlmC)(words, run, end)
    step = 0
    if state != "none":
        step = trainer.step_of(state)
        if step is None:
            raise Refused("%s: no state of the trainer" % state)
        trainer.resume(state)
    command = trainer.command(step, actions)
    if actions:
        raise Refused("%s: not by words of this trainer" % ", ".join(actions))
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1, errors="replace",
                             env=dict(os.environ, PYTHONUNBUFFERED="1"))
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    ended = False
    for line in child.stdout:
        at, states = trainer.heard(line)
        for n, files in states:
            put(out, n, files)
        if end and at and at > end:
            ended = True
            child.terminate()
            break
        print(line, end="", flush=True)
    child.stdout.close()
    code = child.wait()
    for n, files in trainer.complete() if code == 0 or ended else []:
        put(out, n, files)
    if code < 0 and not ended:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return 0 if ended else code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Refused as why:
        sys.exit(print("restart.py: %s" % why, file=sys.stderr) or 2)
