# lc-guard: signals, SIGKILL at any time, a full disk: nothing runs twice or is left running, and it goes on from what is there.
. "$TESTS/cli/lib.sh"

# A trainer of 160 steps, a state every 10. At step 100 it falls ill, once: its losses are higher, and stay so, in every state after.
# It takes $PAUSE for ten steps in the run, and $FORKPAUSE in a branch.
cat >train <<'END'
#!/bin/sh
seed=0 lr=1 luck=0
horizon=$1
shift
while [ $# -gt 0 ]; do
	case $1 in
	--reseed) seed=$2 ;;
	--lr-scale) lr=$2 ;;
	esac
	shift 2
done
step=0 sick=0
[ "$LC_STATE" = none ] || read -r step sick luck <"$LC_STATE/state"
[ "$seed" = 0 ] || luck=$seed # what other data it saw stays with it
if [ "$horizon" = none ]; then end=160; else end=$((step + horizon)); fi
who=${LC_BRANCH:-main}
alive() { case $(sed 's/^.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) in '' | Z) false ;; esac; }
while read -r pid name; do
	[ "$name" = "$who" ] && alive "$pid" && echo "$who: $pid and $$" >>"$HERE/twice"
done <"$HERE/starts"
echo "$$ $who" >>"$HERE/starts"
[ "$who" = main ] && pause=$PAUSE || pause=$FORKPAUSE
while [ "$step" -lt "$end" ]; do
	n=$((end - step))
	[ $n -gt 10 ] && n=10
	if [ "$who" = main ] && [ $step -lt 100 ] && [ $((step + n)) -ge 100 ] && ! [ -e "$HERE/ill" ]; then
		: >"$HERE/ill"
		sick=1
	fi
	sleep "$pause"
	awk -v a="$step" -v n="$n" -v sick="$sick" -v luck="$luck" -v seed="$seed" -v lr="$lr" 'BEGIN {
		for (s = a + 1; s <= a + n; s++) {
			noise = ((s * 7919 + seed * 104729) % 101 - 50) / 5000 + luck * luck % 7 / 2000
			printf "{\"step\":%d,\"loss\":%.4f,\"val_loss\":%.4f,\"lr\":%g,\"batch\":\"%d-%d\"}\n", s,
				3 - .001 * s + noise + 2 * sick, 3 - .001 * s + noise + 2 * sick, .001 * lr, seed, s
		}
	}'
	step=$((step + n))
	mkdir -p "$LC_OUT/.tmp-$$" && echo "$step $sick $luck" >"$LC_OUT/.tmp-$$/state" && mv "$LC_OUT/.tmp-$$" "$LC_OUT/step-$(printf %08d $step)"
done
END
chmod +x train
HERE=$(pwd -P)
export HERE PAUSE=0.02 FORKPAUSE=0
guard() {
	exec lc-guard -d g -w 12 -k 2 -j 2 --horizon 20 --readout 10 --nulls 3 --grace 2 -- ./train {horizon} {actions}
}
fresh() {
	rm -rf g twice ill
	: >starts
}
alive() { case $(sed 's/^.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) in '' | Z) false ;; esac; }
left() {
	while read -r pid name; do alive "$pid" && echo "$pid $name"; done <starts
	for pid in /proc/[0-9]*; do # the tools of the guard, by the directory they work on
		what=$(cat "$pid/cmdline" 2>/dev/null | tr '\0' ' ')
		case $what in lc-*"$HERE/g"*) alive "${pid#/proc/}" && echo "${pid#/proc/} $what" ;; esac
	done
}
no_left() { [ -z "$(left)" ]; }
none_left() {
	until_ok no_left
	equal "$1: nothing is left running" "" "$(left)"
}
wait_for() {
	until_ok "$@" 2>/dev/null || fail "waited for: $*" "in vain" "$(cat err)"
}
begin() {
	guard >out 2>err &
	guard=$!
}
steps_to() { [ "$(wc -l <g/run.jsonl)" -ge "$1" ]; }
ended_ones() { grep -lE '"status":"(done|killed|failed)"' g/forks/0/branches/*/status.json 2>/dev/null; }
some_branches() { [ "$(ended_ones | wc -l)" -ge "$1" ]; }
# ends NAME: started again until it ends; the run is whole, cured, and nothing ran twice at once
ends() {
	(guard >out 2>err)
	rc=$?
	equal "$1: it ends well" 0 $rc
	[ $rc = 0 ] || { sed 's/^/# /' err; tail -n 3 g/worker.log | sed 's/^/# /'; }
	equal "$1: the run is whole" 160 "$(grep -o '"step":[0-9]*' g/run.jsonl | sort -u | wc -l)"
	tail -n 1 g/run.jsonl >line
	match "$1: and ends in good health" '"step":160,"loss":2\.8' line
	# one killed between a record and the mark that it is written may write it again, but no other
	equal "$1: one decision, a better future" "1 1" "$(grep '"type":"decision"' g/journal.jsonl | sort -u | wc -l) $(grep '"verdict":"better"' g/journal.jsonl | sort -u | wc -l)"
	equal "$1: one alert" 1 "$(grep '"type":"alert"' g/journal.jsonl | sort -u | wc -l)"
	equal "$1: nothing ran twice at once" "" "$(cat twice 2>/dev/null)"
	none_left "$1"
}

fresh
ends "undisturbed"

for sig in TERM INT HUP; do
	fresh
	PAUSE=0.1
	if [ $sig = INT ]; then # a background job of sh(1) ignores SIGINT
		env --default-signal=INT lc-guard -d g -w 12 -k 2 --grace 2 -- ./train {horizon} {actions} >out 2>err &
		guard=$!
	else
		begin
	fi
	wait_for steps_to 30
	kill -$sig $guard
	wait $guard
	rc=$?
	case $sig in INT) want=130 ;; *) want=143 ;; esac
	equal "SIG$sig in training" $want $rc
	none_left "SIG$sig in training"
	match "SIG$sig: in the journal" '"event":"interrupted"' g/journal.jsonl
done
PAUSE=0.02
ends "after a signal in training"
match "after a signal in training: it went on" '"event":"resumed"' g/journal.jsonl
ok "after a signal in training: not from the beginning" test "$(wc -l <g/run.jsonl)" -lt 300

fresh
FORKPAUSE=0.3
begin
wait_for some_branches 2
kill -TERM $guard
wait $guard
equal "SIGTERM in a fork" 143 $?
none_left "SIGTERM in a fork"
ended=$(for end in $(ended_ones); do basename "$(dirname "$end")"; done)
FORKPAUSE=0
ends "after SIGTERM in a fork"
equal "after SIGTERM in a fork: what had ended was not run again" "" \
	"$(for b in $ended; do [ "$(grep -c " $b\$" starts)" = 1 ] || echo "$b"; done)"

# killed -9: what it left running is ended by the next before anything new starts
fresh
PAUSE=0.1
begin
wait_for steps_to 30
kill -KILL $guard
wait $guard 2>/dev/null
ok "SIGKILL in training: the command outlives it" test "$(left)"
PAUSE=0.02
ends "after SIGKILL in training"

fresh
FORKPAUSE=0.3
begin
wait_for some_branches 2
kill -KILL $guard
wait $guard 2>/dev/null
FORKPAUSE=0
ends "after SIGKILL in a fork"

# killed again and again, whenever
fresh
tries=0
while [ $tries -lt 12 ]; do
	tries=$((tries + 1))
	begin
	sleep "0.$((tries * 37 % 90 + 10))"
	kill -KILL $guard 2>/dev/null
	wait $guard 2>/dev/null
done
ends "after 12 kills"

# the run is over; a process number in a file of last week's belongs to somebody else by now
setsid sleep 58 &
other=$!
for name in trainer watcher worker; do echo $other >g/$name.pid; done
(guard >out 2>err)
equal "an old process number: status" 0 $?
ok "an old process number: its new owner is let live" alive $other
kill $other 2>/dev/null
wait $other 2>/dev/null

# a full disk
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k,mode=755 lc-test small 2>/dev/null; then
	: >starts
	lc-guard -q -d small/g -w 12 -k 2 --grace 2 -- ./train {horizon} {actions} >out 2>err
	rc=$?
	equal "a full disk" 4 $rc
	equal "a full disk: one line says so" 1 "$(wc -l <err)"
	sed 's/^/# /' err
	none_left "a full disk"
	umount small
else
	skip "a full disk" "mounting a tmpfs needs root"
fi
