"""The learning rate of a plan, as lc-train has it and keeps it in a state.json under "schedule"."""
import math

OFF = 1.2  # times off the plan: less is rounding, as in lc-fork plan
MARKS = 3  # newest steps that must agree


def lr(plan, step):
    """Of update number step, 1 for the first. Past the total the last value holds."""
    total, warmup, top, least = plan["total"], plan["warmup"], plan["lr"], plan.get("min_lr", 0)
    t = min(step, total)
    if step <= warmup:
        return top * step / warmup
    if plan["kind"] == "cosine":
        return least + (top - least) * 0.5 * (1 + math.cos(math.pi * (t - warmup) / max(total - warmup, 1)))
    begin = total - math.floor(plan.get("decay_frac", 0.2) * total)
    if plan["kind"] == "wsd" and t > begin:
        return top + (least - top) * (t - begin) / (total - begin)
    return top


def undo(plan, records, now):
    """The lr_scale that would bring the lr that a log shows steadily at a step back to its plan; nothing: it is there, or
    the log does not tell. What the oracle knows of it is what lc-fork plan knows."""
    newest = [r for r in records if "lr" in r and r["step"] <= now][-MARKS:]
    if len(newest) < MARKS or not all(lr(plan, r["step"]) > 0 and r["lr"] > 0 for r in newest):
        return None
    times = [r["lr"] / lr(plan, r["step"]) for r in newest]
    if any(abs(math.log(t / times[-1])) > math.log(OFF) / 2 for t in times) or abs(math.log(times[-1])) <= math.log(OFF):
        return None
    return float("%.3g" % (1 / times[-1]))
