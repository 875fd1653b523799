# lc-guard --slurm, on a Slurm of its own: the trainer is a job, the futures are tasks of arrays; a guard that is killed, a job
# that dies or is cancelled, and an incident.
. "$TESTS/cli/lib.sh"
. "$TESTS/guard.sh"
. "$TESTS/port.sh"
. "$TESTS/slurm.sh"

if ! slurm_start; then
	skip "lc-guard on Slurm" "$slurm_why"
	exit 0
fi
trap 'slurm_stop; finish' EXIT

guard_trainer
cat >job.sh <<'END2'
#!/bin/sh
#SBATCH --comment=ours -n 1 # one task
#SBATCH --output=elsewhere.txt
#SBATCH -J name
cd "$HERE" && exec ./train "$@"
END2
guard() { # DIR OPTION...
	d=$1
	shift
	lc-guard -d "$d" -w 12 -k 2 -j 4 --horizon 20 --readout 10 --nulls 3 --grace 5 --backoff 0.1 --no-probes "$@" \
		--slurm job.sh {horizon} {actions}
}
has() { grep -q "$1" "$2" 2>/dev/null; }
await() { until_ok "$@" || fail "waited for: $*" "in vain"; }
jobs_of() { squeue -h -o %i 2>/dev/null | wc -l; }
no_jobs() { [ "$(jobs_of)" = 0 ]; }

# an incident, and a job that fails by itself
echo >ill-100
echo 7 once >die-40
ok "a run of jobs" guard run
cp .err err
equal "is whole" 160 "$(logged run)"
match "the job that failed was submitted again" '"event":"restarting","status":7,"n":1' run/journal.jsonl
equal "it was decided about" 1 "$(grep -c '"type":"decision"' run/journal.jsonl)"
ok "by futures that were tasks" test -s run/forks/0/branches/jobs/1.id
equal "and nothing is left in the queue" 0 "$(jobs_of)"
absent "the job's own words for its output do not count" elsewhere.txt
if scontrol -o show job "$(cat run/forks/0/branches/jobs/1.id)" >show 2>/dev/null; then
	match "the others do, for futures too" 'Comment=ours' show
fi

# killed, and its stand-in too: the next ends the job before it goes on
: >wait-80
guard again >out 2>err &
guard=$!
await has '"newest":{"snapshot":"[0-9a-f]*","step":70}' again/status.json
read -r pid _ <again/trainer.pid
kill -KILL "$(guard_pid again)"
kill -KILL "-$pid"
wait $guard 2>/dev/null
equal "the job outlives a guard that is killed" 1 "$(jobs_of)"
first=$(squeue -h -o %i)
another() { [ "$(jobs_of)" = 1 ] && ! squeue -h -o %i | grep -qx "$first"; }
guard again >out 2>err &
guard=$!
ok "the next has one job, another" until_ok another # squeue(1) may not answer at once
mv wait-80 wait-120
await has '"newest":{"snapshot":"[0-9a-f]*","step":110}' again/status.json
scancel -f --signal=KILL "$(squeue -h -o %i)"
await has '"event":"restarting"' again/journal.jsonl
rm wait-120
wait $guard
equal "a job that is killed is submitted again, to the end" "0 160" "$? $(logged again)"

# a signal ends the job
: >wait-80
guard signal >out 2>err &
guard=$!
await has '"step":70' signal/run.jsonl
kill -TERM "$(guard_pid signal)"
wait $guard
equal "SIGTERM" 143 $?
await no_jobs
equal "its job is gone" 0 "$(jobs_of)"
status "a job script that is none" 4 lc-guard -q -d none --slurm nothing.sh {state} {out} {horizon} {actions}
