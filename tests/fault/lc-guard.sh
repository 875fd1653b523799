# lc-guard: signals, SIGKILL at any time, a full disk: nothing runs twice or is left running, and it goes on from what is there.
. "$TESTS/cli/lib.sh"

. "$TESTS/guard.sh"

# At step 100 it falls ill, once: its losses are higher, and stay so, in every state after.
guard_trainer
guard() {
	exec lc-guard -d g -w 12 -k 2 -j 2 --horizon 20 --readout 10 --nulls 3 --grace 30 --no-probes -- ${over:-} ./train {horizon} {actions}
}
fresh() {
	rm -rf g twice wait-* hold states
	: >starts
	: >once
	echo >ill-100
}
none_left() {
	until_ok guard_none_left g
	equal "$1: nothing is left running" "" "$(guard_left g)"
}
await() { until_ok "$@" 2>/dev/null || fail "waited for: $*" "in vain" "$(cat err)"; }
begin() {
	guard >out 2>err &
	guard=$!
}
# It stands before step 40, with all before it logged.
stands() { [ "$(logged g)" -ge 30 ]; }
ended_ones() { grep -lE '"status":"(done|killed|failed)"' g/forks/0/branches/*/status.json 2>/dev/null; }
some_ended() { [ "$(ended_ones | wc -l)" -ge 2 ]; }
mains() { grep ' main ' starts | cut -d ' ' -f 3 | tr '\n' ' '; }
main_twice() { [ "$(grep -c ' main ' starts)" -ge 2 ]; }

# ended NAME STATUS: the run is whole, cured, and nothing ran twice at once
ended() {
	equal "$1: it ends well" 0 "$2"
	[ "$2" = 0 ] || { sed 's/^/# /' err; tail -n 3 g/worker.log | sed 's/^/# /'; }
	equal "$1: the run is whole" 160 "$(logged g)"
	tail -n 1 g/run.jsonl >line
	match "$1: and ends in good health" '"step":160,"loss":2\.8' line
	# one killed between a record and the mark that it is written may write it again, but no other
	equal "$1: one decision, a better future" "1 1" "$(grep '"type":"decision"' g/journal.jsonl | sort -u | wc -l) $(grep '"verdict":"better"' g/journal.jsonl | sort -u | wc -l)"
	equal "$1: one alert" 1 "$(grep '"type":"alert"' g/journal.jsonl | sort -u | wc -l)"
	equal "$1: nothing ran twice at once" "" "$(cat twice 2>/dev/null)"
	none_left "$1"
}
# ends NAME: started again until it ends
ends() {
	(guard >out 2>err)
	ended "$1" $?
}

fresh
ends "undisturbed"

for sig in TERM INT HUP; do
	fresh
	: >wait-40
	if [ $sig = INT ]; then # a background job of sh(1) ignores SIGINT
		env --default-signal=INT lc-guard -d g -w 12 -k 2 --grace 30 -- ./train {horizon} {actions} >out 2>err &
		guard=$!
	else
		begin
	fi
	await stands
	kill -$sig $guard
	wait $guard
	rc=$?
	case $sig in INT) want=130 ;; *) want=143 ;; esac
	equal "SIG$sig in training" $want $rc
	none_left "SIG$sig in training"
	match "SIG$sig: in the journal" '"event":"interrupted"' g/journal.jsonl
done
rm wait-40
ends "after a signal in training"
match "after a signal in training: it went on" '"event":"resumed"' g/journal.jsonl
match "after a signal in training: not from the beginning" ' main 30$' starts

# the first futures run to their ends, the others stand
fresh
echo 4 >hold
begin
await some_ended
kill -TERM $guard
wait $guard
equal "SIGTERM in a fork" 143 $?
none_left "SIGTERM in a fork"
ended=$(for end in $(ended_ones); do basename "$(dirname "$end")"; done)
rm hold
ends "after SIGTERM in a fork"
equal "after SIGTERM in a fork: what had ended was not run again" "" \
	"$(for b in $ended; do [ "$(grep -c " $b " starts)" = 1 ] || echo "$b"; done)"

# killed -9: the command goes on, and falls ill with nobody there. The next ends it before anything new starts, keeps what it did,
# and treats what it logged. (Its first process is dead by then: one that this had started lives.)
fresh
echo '"$@"; exit $?' >over.sh
over='sh over.sh'
: >wait-40
: >wait-120
begin
await stands
kill -KILL $guard
wait $guard 2>/dev/null
read -r pid _ <g/trainer.pid
kill -KILL "$pid"
ok "SIGKILL in training: the command outlives it" test "$(guard_left g)"
rm wait-40
await grep -q step-00000110 states
begin
await main_twice
rm wait-120
wait $guard
ended "after SIGKILL in training" $?
match "after SIGKILL in training: the states it wrote alone are kept" '^1/step-00000110 ' g/saved
match "after SIGKILL in training: and gone on from, until the alert" '^0 110 [1-9]0 $' "$(mains >main; echo main)"
over=''

fresh
echo 4 >hold
begin
await some_ended
kill -KILL $guard
wait $guard 2>/dev/null
rm hold
ends "after SIGKILL in a fork"

# killed again and again, whenever
fresh
export PAUSE=0.05
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
ok "an old process number: its new owner is let live" guard_alive $other
kill $other 2>/dev/null
wait $other 2>/dev/null

# a full disk
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k,mode=755 lc-test small 2>/dev/null; then
	: >starts
	lc-guard -q -d small/g -w 12 -k 2 --grace 30 -- ./train {horizon} {actions} >out 2>err
	rc=$?
	equal "a full disk" 4 $rc
	equal "a full disk: one line says so" 1 "$(wc -l <err)"
	sed 's/^/# /' err
	none_left "a full disk"
	umount small
else
	skip "a full disk" "mounting a tmpfs needs root"
fi
