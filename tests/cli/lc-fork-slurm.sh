# lc-fork run -e slurm, on a Slurm of its own: what is lost, requeued, cancelled or led by an lc-fork that is killed is counted
# once all the same.
. "$TESTS/cli/lib.sh"
. "$TESTS/port.sh"
. "$TESTS/slurm.sh"
unset LC_STORE

if ! slurm_start; then
	skip "lc-fork on Slurm" "$slurm_why"
	exit 0
fi
trap 'slurm_stop; finish' EXIT

mkdir -p ckpt/step-100
echo 100 >ckpt/step-100/step
id=$(lc-snap save -q ckpt/step-100 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
# The trainer waits while a file wait.BRANCH is there, fails where fail.BRANCH is, and leaves a state.
cat >train <<'END'
#!/bin/sh
cd "$(dirname "$0")" || exit 4
echo "$LC_BRANCH" >>starts
from=$1
for s in 1 2 3 4 5; do
	s=$((from + s))
	echo "{\"step\":$s,\"loss\":3.$s,\"x\":\"$LC_BRANCH\"}"
	while [ -e "wait.$LC_BRANCH" ]; do sleep 0.1; done
done
[ -e "fail.$LC_BRANCH" ] && exit 7
mkdir -p "$LC_OUT/step-$((from + 5))"
END
chmod +x train
train="$PWD/train {steps}"
branch() { # ID ROLE ACTIONS [READOUT]
	printf '{"type":"branch","v":1,"fork":"f1","branch":"%s","role":"%s","from":{"snapshot":"%s","step":100},"horizon":5,%s"actions":%s}\n' \
		"$1" "$2" "$id" "${4:+\"readout\":$4,}" "$3"
}
sed -i 's/^from=.*/from=$(($1 - 5))/' train
for b in c a1 a2 a3 a4 a5 a6 a7; do
	branch $b "$(case $b in c) echo control ;; *) echo arm ;; esac)" "{\"x_n\":\"$b\"}"
done >plan
results() { grep -c '"type":"result"' ev; }
status_of() { grep '"type":"result"' ev | grep "\"branch\":\"$1\"" | grep -o '"status":"[^"]*"' | cut -d '"' -f 4; }
why_of() { grep '"type":"result"' ev | grep "\"branch\":\"$1\"" | grep -o '"why":"[^"]*"' | cut -d '"' -f 4; }
runs() { [ "$(cat starts 2>/dev/null | wc -l)" -ge "$1" ]; }
task() { cat "$1/jobs/1.id" && echo "_$2"; }
job() { task "$1" "$2" | tr -d '\n'; }

{
	cat plan
	branch r arm '{}' '{"return":5}'
} >p
: >fail.a2
ok "a job array" lc-fork run -q -e slurm -d one -x "$train" <p
cp .out ev
equal "a result for each, once" 10 "$(results)"
equal "the one that fails has failed, once" "failed 1" "$(status_of a2) $(grep -c '^a2$' starts)"
equal "a segment goes to a second array" "done 2" "$(status_of r.return) $(ls one/jobs/*.id | wc -l)"
equal "what they printed, whole and in order" "106 101 102 103 104 105" "$(grep '"branch":"r' ev | grep -o '^{"step":[0-9]*' | cut -d : -f 2 | sort -n | uniq | sed -n '6p') $(grep '"branch":"a1"' ev | grep -o '^{"step":[0-9]*' | cut -d : -f 2 | tr '\n' ' ' | sed 's/ $//')"
rm fail.a2 starts

# %limit, words of the user's, and words that are wrong
for b in c a1 a2; do : >wait.$b; done
lc-fork run -q -e slurm -j 2 -o --comment=ours -d two -x "$train" <plan >ev 2>err &
fork=$!
until_ok runs 2
if scontrol show job "$(cat two/jobs/1.id)" >show 2>/dev/null; then
	match "-j is the array's limit" 'ArrayTaskThrottle=2' show
	match "-o goes to sbatch" 'Comment=ours' show
fi
rm -f wait.*
wait $fork
equal "all are done" 8 "$(grep -c '"status":"done"' ev)"
rm starts
lc-fork run -q -e slurm -o --partition=nowhere -d three -x "$train" <plan >ev 2>err
equal "words that sbatch refuses: status" 4 $?

# a stop, a requeue, a cancelled task, a killed lc-fork
for b in a1 a2 a3 a4; do : >wait.$b; done
lc-fork run -q -e slurm -j 4 -d four -x "$train" <plan >ev 2>err &
fork=$!
until_ok runs 4
until_ok grep -q a4 starts
: >four/a7/stop
echo "it lost the race" >four/a1/stop
scontrol requeue "$(job four 2)" >log 2>&1
scancel -f "$(job four 3)" >>log 2>&1
until_ok grep -q '"status":"killed"' four/a1/status.json
waits() { squeue -h -r -o '%i %t' | grep -q "$(job four 2) PD"; }
until_ok waits
scontrol update "jobid=$(job four 2)" starttime=now >>log 2>&1 # a requeued job would wait two minutes
kill -KILL $fork
wait $fork 2>/dev/null
rm -f wait.*
ok "run again" lc-fork run -q -e slurm -j 4 -d four -x "$train" <plan
cp .out ev
equal "each is counted once" 8 "$(results)"
equal "the loser was stopped, and why is said" "killed it lost the race" "$(status_of a1) $(why_of a1)"
equal "one that never began as well" "killed 0" "$(status_of a7) $(grep -c '^a7$' starts)"
equal "all others are done" 6 "$(grep -c '"status":"done"' ev)"
equal "the requeued one was run again" "done 2" "$(status_of a2) $(grep -c '^a2$' starts)"
equal "the cancelled one too" "done 2" "$(status_of a3) $(grep -c '^a3$' starts)"
equal "no other was" "a4 1 a5 1 a6 1 c 1" "$(sort starts | uniq -c | awk '$2 ~ /^(a[456]|c)$/ { print $2, $1 }' | tr '\n' ' ' | sed 's/ $//')"
equal "its last try's steps are whole, and last" "101 102 103 104 105" "$(grep '^{"step".*"branch":"a2"' ev | tail -n 5 | grep -o '^{"step":[0-9]*' | cut -d : -f 2 | tr '\n' ' ' | sed 's/ $//')"

# a job that starts when all have ended
rm starts
{
	cat plan
	branch r arm '{}' '{"return":5}'
} >p
mkdir -p seven
: >wait.a1
lc-fork run -q -e slurm -d seven --then 'grep -c result {dir}/ev >{dir}/then.tmp; mv {dir}/then.tmp {dir}/then' -x "$train" <p >seven/ev 2>err &
fork=$!
until_ok test -f seven/jobs/then.id
squeue -h -r -o '%i %t %E' >show
match "it waits for all arrays, also for the segments'" "^$(cat seven/jobs/then.id) PD afterany:$(cat seven/jobs/1.id).*,afterany:$(cat seven/jobs/2.id)" show
rm wait.a1
wait $fork
equal "lc-fork does not wait for it" 0 $?
until_ok test -f seven/then
equal "it comes when all that was printed is there" 10 "$(cat seven/then)"
ok "run again" lc-fork run -q -e slurm -d seven --then 'echo again >{dir}/then' -x "$train" <p
equal "it is submitted once" 10 "$(cat seven/then)"
status "--then with a hole that is none" 2 sh -c "lc-fork run -q -e slurm -d eight --then 'echo {no}' -x true <p"
status "--then without slurm" 2 sh -c "lc-fork run --then true -x true <p"

# a signal ends the jobs
rm starts
for b in c a1 a2 a3 a4 a5 a6 a7; do : >wait.$b; done
lc-fork run -q -e slurm -d five --then 'echo >{dir}/then' -x "$train" <plan >ev 2>err &
fork=$!
until_ok runs 2
kill -TERM $fork
wait $fork
equal "SIGTERM: it dies of it" 143 $?
no_jobs() { [ -z "$(squeue -h)" ]; }
until_ok no_jobs
equal "and its jobs are gone" "" "$(squeue -h)"
absent "the last one too" five/then five/jobs/then.id
rm -f wait.*
