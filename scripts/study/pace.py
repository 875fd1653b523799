"""Train no further than the watcher has read: pace.py GUARD COMMAND...

A step of a real run takes a second, one of these a third of a millisecond: unwatched, hundreds would pass between an alert
and the end of the trainer. So the run's lines are passed on only so far ahead of what lc-detect has read of them, and of
what lc-guard has kept of its checkpoints, in every study the same, whatever else the machine does. On SIGTERM what is
there is passed on at once.
"""
import fcntl
import os
import signal
import subprocess
import sys
import time

AHEAD = 4096  # bytes, some 20 lines
F_SETPIPE_SZ = 1031
UNKEPT = 2  # checkpoints: the newest is kept when the next one is there
PATIENCE = 60  # seconds without any watcher, after which the run goes on without


def position(guard):
    """How far the watcher has read the run's log; nothing when none is there."""
    try:
        with open(os.path.join(guard, "watcher.pid")) as f:
            fds = "/proc/%s/fd" % f.read().split()[0]
        for fd in os.listdir(fds):
            if os.readlink(os.path.join(fds, fd)).endswith("/run.jsonl"):
                with open(fds + "info/" + fd) as info:
                    return int(info.readline().split()[1])
    except (OSError, IndexError, ValueError):
        pass
    return None


def unkept(guard, out):
    """Checkpoints of the present line that are not in the store yet."""
    line = os.path.basename(out) + "/"
    try:
        with open(os.path.join(guard, "saved")) as f:
            kept = {w.split()[0] for w in f if w.startswith(line)}
        return sum(line + n not in kept for n in os.listdir(out) if n.startswith("step-"))
    except OSError:
        return 0


def main():
    guard = sys.argv[1]
    hurry = []
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, lambda *_: hurry.append(1))
    child = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, bufsize=0)
    fcntl.fcntl(child.stdout, F_SETPIPE_SZ, 4096)
    log, out = os.path.join(guard, "run.jsonl"), sys.argv[sys.argv.index("--out") + 1]
    while True:
        block = os.read(child.stdout.fileno(), 2048)
        if not block:
            break
        os.write(1, block)
        alone = 0.0
        while not hurry and alone < PATIENCE:
            at = position(guard)
            if at is not None and os.path.getsize(log) - at <= AHEAD and unkept(guard, out) <= UNKEPT:
                break
            time.sleep(0.01)
            alone = alone + 0.01 if at is None else 0.0
    code = child.wait()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


sys.exit(main())
