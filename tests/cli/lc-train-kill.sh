#!/bin/sh
# lc-train: whatever ends it, a name step-* is a complete state.
. "$TESTS/cli/lib.sh"

args="-q --layers 1 --dim 32 --heads 2 --ctx 32 --batch 4 --total 100000 --val-every 0 --probe-every 0 --save-every 1"
three_states() { [ "$(ls "$1" 2>/dev/null | wc -l)" -ge 3 ]; }
# begin DIR: a run in the background that writes a checkpoint each step; $pid.
begin() {
	# shellcheck disable=SC2086
	lc-train $args --out "$1" >log &
	pid=$!
	until_ok three_states "$1"
}
whole() { # DIR: each state in it can be resumed
	for state in "$1"/step-*; do
		lc-train -q --resume "$state" --steps 0 >.out 2>.err || return 1
	done
}

for delay in 0 0.013 0.037; do
	begin "k$delay"
	sleep $delay
	kill -KILL $pid
	wait $pid 2>/dev/null
	whole "k$delay" && pass "killed after $delay s: every state is complete" ||
		fail "killed after $delay s: every state is complete" "$(cat .err)"
done
mkdir k0/.tmp-step-99999 k0/.tmp-others && : >k0/.tmp-step-99999/model.safetensors
ok "the next writer" lc-train -q --resume k0 --out k0 --steps 1 --save-every 0
absent "sweeps what the dead left" k0/.tmp-step-*
[ -d k0/.tmp-others ] && pass "and nothing else" || fail "and nothing else"

# A background job of sh(1) ignores SIGINT; env(1) puts that right.
begin term
kill -TERM $pid
wait $pid 2>/dev/null
equal "SIGTERM ends it as a signal does" 143 $?
equal "its last state is that of its last record" "$(tail -n 1 log | sed 's/{"step":\([0-9]*\).*/\1/')" \
	"$(ls term | tail -n 1 | sed 's/step-0*//')"
whole term && pass "SIGTERM: every state is complete" || fail "SIGTERM: every state is complete"
# shellcheck disable=SC2086
env --default-signal=INT lc-train $args --out int >log &
pid=$!
until_ok three_states int
kill -INT $pid
wait $pid 2>/dev/null
equal "SIGINT too" 130 $?

# What is ignored from the start, as under nohup(1) and for the background jobs of sh(1), stays ignored.
begin ignored
kill -INT $pid
sleep 0.2
ok "SIGINT that was ignored is so" kill -0 $pid
kill -TERM $pid
wait $pid 2>/dev/null
equal "SIGTERM ends it" 143 $?
# shellcheck disable=SC2086
nohup lc-train $args --out nohup >log 2>/dev/null &
pid=$!
until_ok three_states nohup
kill -HUP $pid
sleep 0.2
ok "SIGHUP under nohup too" kill -0 $pid
kill -TERM $pid
wait $pid 2>/dev/null
begin hup
kill -HUP $pid
wait $pid 2>/dev/null
equal "SIGHUP ends it as a signal does" 129 $?
whole hup && pass "SIGHUP: every state is complete" || fail "SIGHUP: every state is complete"

ok "a run that ends" lc-train -q --total 6 --layers 1 --dim 32 --ctx 32 --out keep --save-every 1 --keep 2 --val-every 0
equal "--keep 2" "step-00000005 step-00000006" "$(ls -A keep | tr '\n' ' ' | sed 's/ $//')"

# Nothing rewrites the past, unless it is told to.
hold() { # what a directory of states holds, to the bit
	(cd "$1" && find . -type f | sort | xargs sha256sum)
}
hold keep >before
rewound="lc-train -q --resume keep/step-00000005 --steps 1 --lr-scale 0.5"
status "a rewound run into the line it came from" 3 $rewound --out keep
equal "is told why" "lc-train: keep has checkpoints up to step 6, and this run begins at 5: another --out, or --overwrite" \
	"$(cat .err)"
equal "and prints no step" "" "$(cat .out)"
status "a fresh one" 3 lc-train -q --total 6 --layers 1 --dim 32 --ctx 32 --out keep
status "another state of the same step" 3 lc-train -q --resume keep --jitter 0.1 --steps 0 --out keep
match "is named" 'keep/step-00000006 is another state: another --out, or --overwrite$' .err
ok "the same state again" lc-train -q --resume keep --steps 0 --out keep
hold keep >after
same "all of it left the states alone" before after
equal "and nothing else behind" "step-00000005 step-00000006" "$(ls -A keep | tr '\n' ' ' | sed 's/ $//')"
ok "--overwrite" $rewound --out keep --overwrite
match "takes the place of the old future" '"lr_scale":0.5' keep/step-00000006/state.json
ok "into a directory of its own" $rewound --out after.d
match "it needs no word" '"lr_scale":0.5' after.d/step-00000006/state.json

begin two
status "two writers on one directory" 4 lc-train -q --out two --steps 1
kill -KILL $pid
wait $pid 2>/dev/null || :
