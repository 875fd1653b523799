"""Train no further than the watcher has read: pace.py GUARD COMMAND...

A step of a real run takes a second, one of these a third of a millisecond: unwatched, hundreds would pass between an alert
and the end of the trainer. So the run's lines are passed on only so far ahead of what lc-detect has read of them, and of
what lc-guard has kept of its checkpoints, in every study the same, whatever else the machine does. It sleeps until the
kernel says that one of the two was read or written (inotify). On SIGTERM what is there is passed on at once.
"""
import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
import time

AHEAD = 4096  # bytes, some 20 lines
F_SETPIPE_SZ = 1031
IN_ACCESS, IN_MODIFY = 1, 2
UNKEPT = 1  # checkpoints: the newest is kept when the next one is there
PATIENCE = 60  # seconds without any watcher, after which the run goes on without


def watched(guard):
    """A descriptor that can be read when somebody has read the log, or noted what is kept."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    for name, mask in (("run.jsonl", IN_ACCESS), ("saved", IN_MODIFY)):
        if fd < 0 or libc.inotify_add_watch(fd, os.path.join(guard, name).encode(), mask) < 0:
            sys.exit("pace.py: watch %s: %s" % (name, os.strerror(ctypes.get_errno())))
    return fd


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


def wait(ready, seconds):
    """Until something happens, but no longer; what was heard is forgotten. A watcher's birth and death make no sound."""
    for fd, _ in ready.poll(1000 * seconds):
        os.read(fd, 65536)


def main():
    guard = sys.argv[1]
    hurry = []
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, lambda *_: hurry.append(1))
    ready = select.poll()
    for fd in (watched(guard), heard):
        ready.register(fd, select.POLLIN)
    lines, end = os.pipe2(os.O_CLOEXEC | os.O_DIRECT)  # of packets, and room for one: a line at a time
    fcntl.fcntl(end, F_SETPIPE_SZ, 4096)
    child = subprocess.Popen(sys.argv[2:], stdout=end)
    os.close(end)
    log, out, seen = os.path.join(guard, "run.jsonl"), sys.argv[sys.argv.index("--out") + 1], 0
    while True:
        block = os.read(lines, 65536)
        if not block:
            break
        os.write(1, block)
        if os.path.getsize(log) - seen <= AHEAD:
            continue
        alone = time.monotonic()
        while not hurry and time.monotonic() - alone < PATIENCE:
            at = position(guard)
            if at is not None:
                alone, seen = time.monotonic(), at
                if os.path.getsize(log) - at <= AHEAD and unkept(guard, out) <= UNKEPT:
                    break
            wait(ready, 0.2)
    code = child.wait()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main())
