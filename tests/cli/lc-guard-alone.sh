# lc-guard, left alone: a command that dies by itself, a store that is slow or gone, a machine that starts anew, nobody there to
# help: it goes on where it can, says so, and calls for somebody where it cannot.
. "$TESTS/cli/lib.sh"
. "$TESTS/guard.sh"

guard_trainer
opts="-w 12 -k 2 -j 2 --horizon 20 --readout 10 --nulls 3 --grace 2 --backoff 0.1 --no-probes"
guard() { # DIR OPTION...
	d=$1
	shift
	# shellcheck disable=SC2086
	lc-guard -d "$d" $opts "$@" -- ./train {horizon} {actions}
}
# What the guard in the background of that directory stands at.
state() { grep -o '"state":"[^"]*"' "$1/status.json" 2>/dev/null | cut -d '"' -f 4; }
is() { [ "$(state "$1")" = "$2" ]; }
# await CMD...: it comes to be so
await() { until_ok "$@" || fail "waited for: $*" "in vain"; }
has() { grep -q "$1" "$2" 2>/dev/null; }

# --- a command that dies ---
echo 7 once >die-60
echo KILL once >die-90
ok "a command that fails once, and is killed once" guard dies
cp .err err
equal "its run is whole" 160 "$(logged dies)"
equal "it was started from the newest state" "0 50 80" "$(grep ' main ' starts | cut -d ' ' -f 3 | tr '\n' ' ' | sed 's/ $//')"
match "that is said, with why" 'ended with status 7: again from step 50, in 0.1 s \(1 of 3\): out of memory at step 60' err
match "and written down" '"event":"restarting","status":137,"n":1,"step":80' dies/journal.jsonl
equal "the status file says how it ended" ended "$(state dies)"

echo 9 >die-60
guard stuck --restarts 2 --on-alert 'echo "$LC_GUARD_WHAT $LC_GUARD_WHY $LC_GUARD_STEP" >>called; cat >>called' >.out 2>.err
equal "one that fails at every try: its status" 9 $?
equal "it was tried again twice" 2 "$(events restarting stuck)"
match "somebody is called" '^failed status 9 50$' called
match "with the record of it" '"event":"failed","status":9' called
equal "the status file says so" failed "$(state stuck)"
rm -f die-60 called

# --- nothing helps ---
echo >ill-100
guard helpless --min-effect 100 --give-up 1 --on-alert 'echo "$LC_GUARD_WHAT" >>called; cat >>records' >.out 2>.err
equal "--give-up, and no future that helps: status" 1 $?
match "is said" '^lc-guard: giving up: ' .err
equal "somebody was called, three times" "alert undecided gave up" "$(tr '\n' ' ' <called | sed 's/ $//')"
equal "with the alert" 2 "$(grep -c '"type":"alert"' records)"
equal "the status file says so" "gave up" "$(state helpless)"
ok "the status file is one record with the alert" grep -qE '^\{"type":"guard","v":1,.*"alert":\{"type":"alert",.*"store":"ok"\}$' helpless/status.json
ok "nothing is left" guard_none_left helpless

# Its losses are no numbers any more, and it goes on so, whether a remedy was looked for or not.
echo nan >ill-50
guard lost --max-forks 0 --lost 20 --on-alert 'echo "$LC_GUARD_WHAT" >>lost-called; cat >/dev/null' >.out 2>.err
equal "losses that are no numbers, and only watched: status" 1 $?
match "is said" '^lc-guard: giving up: the last 20 losses are no numbers, and nothing helped' .err
equal "somebody was called" "watching gave up" "$(tr '\n' ' ' <lost-called | sed 's/ $//')"
match "it is written down" '"event":"gave up","why":"the last 20 losses' lost/journal.jsonl
echo nan >ill-50
ok "with --lost 0 it runs to its end" guard lasts --max-forks 0 --lost 0
equal "all of it" 160 "$(logged lasts)"

# --- a store that is slow, then gone ---
# Programs are looked for beside lc-guard first: a directory of them, where saving can be made to wait and watching to see nothing.
mkdir bin
for p in "$B"/lc-*; do [ -f "$p" ] && ln -s "$p" bin/; done
rm bin/lc-snap bin/lc-detect bin/lc-guard
cp "$B/lc-guard" bin/
cat >bin/lc-snap <<END
#!/bin/sh
[ "\$1" = save ] && until ! [ -e "$HERE/slow" ]; do sleep 0.1; done
exec "$B/lc-snap" "\$@"
END
cat >bin/lc-detect <<END
#!/bin/sh
[ -e "$HERE/blind" ] && case " \$* " in *" -f "*) exec sleep 600 ;; esac
exec "$B/lc-detect" "\$@"
END
chmod +x bin/lc-snap bin/lc-detect

# An alert that is not seen before the run's end: the same as one before.
: >blind
echo nan >ill-50
# shellcheck disable=SC2086
bin/lc-guard -d blind-run $opts --max-forks 0 --lost 20 -- ./train {horizon} {actions} >.out 2>.err
equal "losses that are no numbers, seen at the end alone: status" 1 $?
match "is said" '^lc-guard: giving up: the last 20 losses are no numbers' .err
equal "the alert is written down once" 1 "$(grep -c '"type":"alert"' blind-run/journal.jsonl)"
rm blind

: >slow
: >wait-80
# shellcheck disable=SC2086
bin/lc-guard -d slowly $opts --store-wait 1 -- ./train {horizon} {actions} >out 2>err &
guard=$!
await has '"event":"store slow"' slowly/journal.jsonl
await has '"step":70' slowly/run.jsonl
match "a store that is slow does not hold up the run" '"step":70' slowly/run.jsonl
await has "is slow" err
match "it is said" 'the store is slow: checkpoint step-00000010 has been on its way for 1 s' err
ok "the status file says so" until_ok has '"store":"slow"' slowly/status.json
rm slow
await has '"event":"store back"' slowly/journal.jsonl
await has "is back" err
match "and when it is back" 'the store is back' err
await has '"newest":{"snapshot":"[0-9a-f]*","step":70}' slowly/status.json
mv slowly/store slowly/gone
mv wait-80 wait-120
await has '"event":"store away"' slowly/journal.jsonl
await has '"step":110' slowly/run.jsonl
match "a store that is gone does not hold up the run" '"step":110' slowly/run.jsonl
absent "no other is made in its place" slowly/store
mv slowly/gone slowly/store
rm wait-120
wait $guard
equal "when it is there again the run ends well" 0 $?
equal "with all its states" 16 "$(lc-snap list -j -s slowly/store | wc -l)"
equal "each led to by the one before" 15 "$(lc-snap list -j -s slowly/store | grep -c '"parent":"[0-9a-f]\{64\}"')"

# --- started anew ---
# killed DIR: a run that stands before step 80, its states kept, its guard killed
killed() {
	: >wait-80
	guard "$1" >out 2>err &
	guard=$!
	await has '"newest":{"snapshot":"[0-9a-f]*","step":70}' "$1/status.json"
	[ "${2:-}" ] && status "a second guard on its directory" 4 guard "$1" -q
	kill -KILL "$(guard_pid "$1")"
	wait $guard 2>/dev/null
}
killed anew second
read -r pid born _ <anew/trainer.pid
ok "the command outlives a guard that is killed" guard_alive "$pid"
# as after a start of the machine: a process of that number, born as long after the start, is somebody else's
echo "$pid $born 00000000-0000-0000-0000-000000000000" >anew/trainer.pid
printf '{"type":"event","v":1,"ti' >>anew/journal.jsonl # cut short
: >wait-90
guard anew -q >out 2>err &
guard=$!
await has '"event":"resumed"' anew/journal.jsonl
await has '"line":2' anew/status.json
ok "a process of another start of the machine is let live" guard_alive "$pid"
kill -KILL "$pid" 2>/dev/null
rm -f wait-80 wait-90
wait $guard
equal "and the run goes on to its end" "0 160" "$? $(logged anew)"
equal "one line of the journal was cut short, no other is lost" 1 "$(grep -cv '^{.*}$' anew/journal.jsonl)"

# the newest snapshot is damaged: the one before it is there
killed hurt
read -r pid _ <hurt/trainer.pid
kill -KILL "-$pid"
id=$(sed 's/.*"newest":{"snapshot":"\([0-9a-f]*\)".*/\1/' hurt/status.json)
echo >"hurt/store/snapshots/$id.json"
rm wait-80
ok "the newest snapshot is damaged" guard hurt
match "it is gone on from the one before" '"event":"snapshot lost","snapshot":"'"$id" hurt/journal.jsonl
equal "to the end" 160 "$(logged hurt)"

# --- what would be done ---
guard dry -n >.out 2>.err
equal "-n, before anything: status" 0 $?
match "it would begin" '^would begin: ./train ' .out
absent "nothing is there" dry
echo >ill-60
: >wait-160
guard dry -q --max-forks 0 >out 2>err &
guard=$!
await has '"newest":{"snapshot":"[0-9a-f]*","step":150}' dry/status.json
kill -TERM "$(guard_pid dry)"
wait $guard
equal "SIGTERM" 143 $?
equal "the status file says so" interrupted "$(state dry)"
rm wait-160
sed -i 's/since=[0-9]*/since=0/' dry/guard.state # as if nobody had seen it
find dry -type f -exec cksum {} + | sort >before
ok "-n" guard dry -n --budget 2000
match "it would treat the alert" '^would treat the alert of step [0-9]+ \([a-z]+\): 12 futures, of them run [0-9]+, in [0-9]+ steps' .out
match "by these futures" '^  b000 control from step 150 \{\}$' .out
match "and go on" '^would go on from step 150 ' .out
full=$(grep -o 'in [0-9]* steps' .out | tr -dc 0-9)
ok "-n, and a budget that has no room" guard dry -n --budget 61 -o min:val_loss
half=$(grep -o 'smallest fork takes [0-9]*' .out | tr -dc 0-9)
ok "the least is half the steps and two nulls ($half of $full)" test "${half:-9999}" -lt "${full:-0}"
ok "-n, and one that has room for that" guard dry -n --budget "$((${half:-0} + 15))" -o min:val_loss
steps=$(grep -o 'in [0-9]* steps' .out | tr -dc 0-9)
equal "two nulls" 2 "$(grep -c '^  b[0-9]* null ' .out)"
ok "it would run that, in $steps steps (all steps with two nulls are 760)" test "${steps:-9999}" -lt 760
ok "-n, and one that has room for one future" guard dry -n --budget 300
match "whether it comes again" '^would treat the alert of step [0-9]+ \([a-z]+\): does it come again\? One future, in [0-9]+ steps' .out
ok "-n --max-forks 0" guard dry -n --max-forks 0
match "or only watch" '^would only write down: .*: 0 forks were run \(--max-forks\)$' .out
find dry -type f -exec cksum {} + | sort >after
same "nothing was touched" before after

for bad in '--restarts x' '--backoff x' '--give-up -1' '--store-wait 0' '--lost x' '--run a"b'; do
	# shellcheck disable=SC2086
	status "usage: $bad" 2 lc-guard -q -d bad $bad -- sh -c 'exit 0; : {state} {out}'
done
