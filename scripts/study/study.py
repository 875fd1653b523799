"""Does choosing among futures train better models, and what does it cost?

	make study [STUDY=small|full] [SET=report|tune] [J=N]
	B=build python3 scripts/study/study.py [--study NAME] [--set NAME] [--only WORD] [-j N] [-d DIR] [--report] [--into FILE]

small takes less than 40 minutes of two processors: every incident once, every policy. full has five seeds, two sizes, and no
bound; and where there is a GPU, some of the incidents in PyTorch, at the size of GPT-2's smallest or what of it --torch-hours
allow. torch-tiny is one incident in PyTorch, on a CPU too.

Every cell, a policy on an incident with a seed, is a file under DIR/cells, named by the content of all that made it: the
programs, these scripts, the incident, the policy. What is there is not run again: kill it anywhere and start it again.
"""
import argparse
import ctypes
import concurrent.futures
import contextlib
import fcntl
import itertools
import multiprocessing
import os
import shutil
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import guarded  # noqa: E402
import policies  # noqa: E402
import report  # noqa: E402
import torch_size  # noqa: E402
from cells import Cell, Study, begin, made_key  # noqa: E402
from incidents import manifest, torch_manifest  # noqa: E402
from runs import Run, in_torch, records, tool  # noqa: E402

INSIDE_WORDS = {"zclip": ["--zclip"], "skip 6 sigma": ["--skip-sigma", "6"]}
FROM_BASE = ("palm", "half lr", "asha", "oracle", "hindsight")  # begin from the untreated run's states
LIMIT = {"tiny": 33.0, "torch-tiny": 33.0, "small": 33.0, "full": float("inf")}  # minutes


def do(where, job, until):
    """One job, in a process of its own: cells of one incident and seed that share the untreated run, or a single one."""
    study = Study(where)
    missing = [c for c in job if not study.have(c)]
    if not missing or time.monotonic() > until:
        return len(job) - len(missing)
    first = missing[0]
    room = os.path.join(study.dir, "work", "%s.%d" % (first.key(), os.getpid()))
    os.makedirs(room)
    base = None
    for cell in missing:
        start, spent = time.monotonic(), sum(os.times()[:4])
        if cell.policy in ("nothing", *FROM_BASE) and base is None:
            base = Run(cell.incident, cell.seed, os.path.join(room, "base"))
            base.go()
        found = run_cell(cell, base, os.path.join(room, cell.policy.replace(" ", "-")))
        found.update(wall=time.monotonic() - start, spent=sum(os.times()[:4]) - spent)
        study.keep(cell, found)
        if not os.environ.get("KEEP"):
            shutil.rmtree(os.path.join(room, cell.policy.replace(" ", "-")), ignore_errors=True)
    if not os.environ.get("KEEP"):
        shutil.rmtree(room)
    return len(job)


def run_cell(cell, base, where):
    p, i = cell.policy, cell.incident
    if p == "nothing":
        found = records(base.log)
        return policies.result(base, found, **policies.seen(base, found))
    if p in INSIDE_WORDS:
        run = Run(i, cell.seed, where)
        return policies.result(run, run.go(extra=INSIDE_WORDS[p]))
    if p in ("lightcone", "continuous"):
        return guarded.guard(i, cell.seed, where, p == "continuous")
    if p == "null":
        return policies.null(Run(i, cell.seed, where))
    if p == "pbt":
        return policies.pbt(Run(i, cell.seed, where), where)
    if p in ("palm", "half lr"):
        return policies.treated(base, policies.palm if p == "palm" else policies.half, where)
    return {"asha": policies.asha, "oracle": policies.oracle, "hindsight": policies.hindsight}[p](base, where)


def sick_jobs(i, seed, whole):
    """Of an incident: what every row needs; a population last, since no row does."""
    yield ["lightcone"]
    if in_torch(i):  # what is inside lc-train is not there
        yield ["nothing", *(["palm"] if whole else []), "half lr", "oracle"]
        return
    yield ["nothing", "palm", "half lr", "oracle", "asha"]
    yield ["zclip", "skip 6 sigma"]
    if i.cause == "staying" and i.size == "small" and (whole or seed == i.seeds[0]):
        yield ["continuous"]


def well_jobs(i, seed, whole):
    """Of a healthy run. Continuous correction is for a poor schedule: there it is set against hindsight, and is to do no harm elsewhere."""
    poor, nth = "poor" in i.tags, i.seeds.index(seed)
    yield ["nothing", *(["palm", "half lr"] if whole else []), *(["hindsight"] if poor and (whole or nth < 2) else [])]
    yield ["lightcone"]
    if i.size not in ("tune", "reward", "gpt2") and (whole or nth < (2 if poor else 1)):
        yield ["continuous"]
    if whole and not in_torch(i):
        yield ["zclip", "skip 6 sigma"]


def in_turn(incidents):
    """(incident, seed): first seeds first."""
    pairs = [(i, s) for i in incidents for s in i.seeds]
    return sorted(pairs, key=lambda p: p[0].seeds.index(p[1]))


def jobs_of(incidents, only, whole):
    """The jobs of a study. What is noise comes first; then incidents and healthy runs by turns, so that wherever the study is cut
    off, each row has something; at the end what no row waits for."""
    sick, well = (in_turn(i for i in incidents if i.healthy == h) for h in (False, True))
    order = [(i, s, ["null"]) for i, s in well if s == i.seeds[0] and i.schedule != "cosine"]
    for pair in itertools.zip_longest(sick, well):
        for one, jobs in zip(pair, (sick_jobs, well_jobs)):
            order += [(*one, names) for names in jobs(*one, whole)] if one else []
    order += [(i, s, ["pbt"]) for i, s in sick if not in_torch(i)]
    out = ([Cell(i, s, n) for n in names if only is None or any(o in n for o in only)] for i, s, names in order)
    return [j for j in out if j]


def alone(parent):
    """A worker has a group of its own, and ends with all it started when it is told to or its parent is gone."""
    os.setpgid(0, 0)

    def end(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        os._exit(143)

    signal.signal(signal.SIGTERM, end)
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        end()


def progress(done, of, start):
    if sys.stderr.isatty():
        spent = time.monotonic() - start
        left = spent / done * (of - done) if done else 0
        sys.stderr.write("\r\033[K%d of %d cells, %d s, %d s left" % (done, of, spent, left))
        sys.stderr.flush()


def end_all(pool, sig):
    for p in list(pool._processes or ()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(p, signal.SIGTERM)
    os._exit(128 + sig)


def run_all(where, jobs, at_once, limit):
    start, done, of, bad = time.monotonic(), 0, sum(map(len, jobs)), []
    jobs = [j for j in jobs if not all(Study(where).have(c) for c in j)]
    done = of - sum(map(len, jobs))
    fork = multiprocessing.get_context("fork")  # a worker knows what torch_size.py found
    with concurrent.futures.ProcessPoolExecutor(at_once, fork, initializer=alone, initargs=(os.getpid(),)) as pool:
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, lambda n, _: end_all(pool, n))
        pool.submit(begin, where, jobs).result()
        waiting = {pool.submit(do, where, j, start + limit): j for j in jobs}
        for f in concurrent.futures.as_completed(waiting):
            c = waiting[f][0]
            try:
                done += f.result()
            except Exception as e:  # whatever one cell meets, the others are run
                bad.append("%s, %s, seed %d: %s: %s" % (c.incident.name, c.policy, c.seed, type(e).__name__, e))
            progress(done, of, start)
    if not os.environ.get("KEEP"):
        shutil.rmtree(os.path.join(where, "work"), ignore_errors=True)
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    for line in bad:
        print("study: " + line, file=sys.stderr)
    return not bad


def lock(where):
    """One study at a time in a directory; what a killed one was at is thrown away."""
    os.makedirs(where, exist_ok=True)
    lock.file = open(os.path.join(where, "lock"), "w")
    for wait in range(600):  # the workers of a killed one hold it until they have ended
        try:
            fcntl.flock(lock.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            time.sleep(0.1)
    else:
        print("study: %s: another study is at work there" % where, file=sys.stderr)
        raise SystemExit(4)
    shutil.rmtree(os.path.join(where, "work"), ignore_errors=True)
    return True


def in_pytorch(args, where):
    """Of full: the incidents that a GPU is there for, and words about it."""
    if args.study == "torch-tiny":
        found = torch_size.find()
        if not found:
            print("study: no Python with torch (Debian: python3-torch), or set LC_PYTHON", file=sys.stderr)
            raise SystemExit(4)
        torch_size.trainer(found[0])
    if args.study != "full":
        return [], None
    os.makedirs(where, exist_ok=True)
    lr, words = torch_size.size(where, args.torch_hours, args.torch_text and os.path.abspath(args.torch_text), not args.report)
    if not args.report:
        print("study: " + words, file=sys.stderr)
    return list(torch_manifest(args.set, lr)) if lr else [], words


def run_both(where, on_gpu, jobs, args):
    """What needs the GPU one after the other; then the rest."""
    limit = 60 * (args.minutes or LIMIT[args.study])
    return all([run_all(where, some, n, limit) for some, n in ((on_gpu, 1), (jobs, args.j)) if some])


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--study", choices=("tiny", "torch-tiny", "small", "full"), default="small")
    p.add_argument("--set", choices=("tune", "report"), default="report")
    p.add_argument("--only", action="append", help="incidents whose names contain this word; may be repeated")
    p.add_argument("--policy", action="append", help="policies whose names contain this word; may be repeated")
    p.add_argument("-j", type=int, default=(os.cpu_count() or 1) + 1, help="jobs at a time (processors and one)")
    p.add_argument("-d", default=None, help="where cells are kept ($B/study)")
    p.add_argument("--minutes", type=float, help="begin no cell after so many (small: 33): those left out are counted, and run the next time")
    p.add_argument("--report", action="store_true", help="run nothing: report on what is there")
    p.add_argument("--into", help="write what it must show into this file too, between its study marks")
    p.add_argument("--torch-hours", type=float, default=6.0, help="of full: about how long the PyTorch cells may take on a GPU, one after the other (6)")
    p.add_argument("--torch-text", help="what they learn, byte by byte (the bundled text, of a megabyte)")
    args = p.parse_args()
    os.environ["B"] = os.path.abspath(os.environ.get("B", "build"))
    if not os.path.exists(tool("lc-train")):
        print("study: %s: no programs there (make study builds them; B says where)" % os.environ["B"], file=sys.stderr)
        return 2
    where = args.d or os.path.join(os.environ["B"], "study")
    os.environ["MADE"] = os.path.join(os.path.abspath(where), "made-" + made_key())
    def wanted(found):
        return [i for i in found if not args.only or any(w in i.name for w in args.only)]
    jobs = jobs_of(wanted(manifest(args.study, args.set)), args.policy, args.study == "full")
    on_gpu, args.note = in_pytorch(args, where)
    on_gpu = jobs_of(wanted(on_gpu), args.policy, True)
    good = args.report or lock(where) and run_both(where, on_gpu, jobs, args)
    jobs = on_gpu + jobs
    study = Study(where)
    cells = [(c, study.have(c)) for j in jobs for c in j]
    report.show([(c, found) for c, found in cells if found], sum(not found for _, found in cells), args)
    return 0 if good else 4


if __name__ == "__main__":
    sys.exit(main())
