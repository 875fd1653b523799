# lc-guard in a storm: STORM faults (6; scripts/bench/guard: 20) in one run, drawn by SEED (1): kill -9 of lc-guard, of the command, of a branch of a fork, of
# lc-snap while it saves; a full disk; losses that are no numbers any more. Whoever supervises it starts it again when it is dead.
# Then the run ends, no state is lost, no process left, and the journal tells it all.
. "$TESTS/cli/lib.sh"
. "$TESTS/guard.sh"

left=${STORM:-6} seed=${SEED:-1}
guard_trainer
: >storm
: >states
PAUSE=0.5 FORKPAUSE=0.2
export PAUSE FORKPAUSE

# All it writes is on a disk of its own, where that can be had.
disk=''
mkdir d
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64m,mode=755 lc-storm d 2>/dev/null; then disk=1; fi

# Saving can be killed on its way: what the guard calls is this, beside the other programs.
mkdir bin
for p in "$B"/lc-*; do [ -f "$p" ] && ln -s "$p" bin/; done
rm bin/lc-snap bin/lc-guard
cp "$B/lc-guard" bin/
cat >bin/lc-snap <<END2
#!/bin/sh
if [ "\$1" = save ] && mv "$HERE/kill-snap" "$HERE/killed-snap" 2>/dev/null; then
	"$B/lc-snap" "\$@" &
	sleep "0.0\$(cat "$HERE/killed-snap")"
	kill -KILL \$! && rm "$HERE/killed-snap"
	wait \$!
	exit
fi
exec "$B/lc-snap" "\$@"
END2
chmod +x bin/lc-snap

guard=''
over() {
	[ "$guard" ] && kill -KILL "$guard" 2>/dev/null && wait "$guard" 2>/dev/null
	for pid in $(cut -d ' ' -f 1 starts) $(cut -d ' ' -f 1 d/g/*.pid 2>/dev/null); do kill -KILL "$pid" "-$pid" 2>/dev/null; done
	[ "$disk" ] && { umount d || umount -l d; }
	finish
}
trap over EXIT

begun=0
up() { grep -q "\"pid\":$guard," d/g/status.json 2>/dev/null; }
begin() {
	bin/lc-guard -q -d d/g -w 10 -k 1 -j 2 --horizon 10 --readout 5 --nulls 2 --confirm 0 --grace 10 --backoff 0.1 --restarts 20 \
		--max-forks 1000 --keep 0 --no-probes -- ./train {horizon} {actions} >>out 2>>err 9>&- &
	guard=$!
	begun=$((begun + 1))
	until_ok up || fail "a guard that is started gets to work" "$(tail -n 3 err)"
}
# Who supervises: a guard that is dead is started again.
supervised() { guard_alive "$guard" || { wait "$guard" 2>/dev/null; begin; }; }
# grows N COMMAND...: what it prints is more than N; supervised
grows() {
	was=$1
	shift
	supervised
	[ "$("$@")" -gt "$was" ]
}
alerts() { grep -c '"type":"alert"' d/g/journal.jsonl; }
starts_of() { if [ "$1" = main ]; then grep -c ' main ' starts; else grep -vc ' main ' starts; fi; }
await() { until_ok "$@" || fail "fault $n ($kind): waited for: $*" "$(tail -n 3 err)" "$(tail -n 2 d/g/journal.jsonl)"; }

# random N: a number below N
random() {
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	drawn=$((seed / 65536 % $1))
}
kill_guard() {
	kill -KILL "$guard"
	wait "$guard" 2>/dev/null
	begin
}
kill_trainer() {
	before=$(starts_of main)
	await test -s d/g/trainer.pid
	read -r pid _ <d/g/trainer.pid
	kill -KILL "-$pid"
	await grows "$before" starts_of main
}
ill() {
	before=$(alerts)
	last=$(tail -n 1 states | sed 's/.*-0*\([1-9][0-9]*\)$/\1/')
	for s in 10 20 30 40 50 60; do echo nan >"ill-$((${last:-0} + s))"; done # whichever it comes to
	await grows "$before" alerts
	rm -f ill-*
}
kill_branch() { # in a fork; where there is none, there will be one
	before=$(starts_of branch)
	[ "$(sed 's/.*"state":"\([^"]*\)".*/\1/' d/g/status.json)" = forking ] || ill
	await grows "$before" starts_of branch
	read -r pid _ <<-END2
		$(grep -v ' main ' starts | tail -n 1)
	END2
	kill -KILL "$pid" 2>/dev/null
}
kill_snap() {
	random 9
	echo "$((drawn + 1))" >kill-snap
	gone() { supervised; ! [ -e kill-snap ]; }
	await gone
}
full_disk() {
	head -c 100m /dev/zero >d/full 2>/dev/null
	dead() { ! guard_alive "$guard"; }
	await dead
	wait "$guard"
	equal "fault $n: a full disk ends it with status 4" 4 $?
	rm d/full
	begin
}

begin
first=$begun
n=0 kinds=''
await grows 5 sh -c 'wc -l <states'
while [ "$left" -gt 0 ]; do
	left=$((left - 1)) n=$((n + 1))
	supervised
	random 6
	case $drawn in 0) kind=kill_guard ;; 1) kind=kill_trainer ;; 2) kind=kill_branch ;; 3) kind=kill_snap ;; 4) kind=ill ;; 5) kind=full_disk ;; esac
	[ "$kind" = full_disk ] && ! [ "$disk" ] && kind=kill_guard
	kinds="$kinds $kind"
	$kind
	random 10
	sleep "0.$drawn"
done
rm storm
tries=0
while :; do
	wait "$guard"
	rc=$?
	[ $rc = 0 ] || [ $tries = 5 ] && break
	tries=$((tries + 1))
	begin
done
echo "#$kinds"
[ "$disk" ] || skip "a full disk in the storm" "mounting a tmpfs needs root"
equal "after $n faults the run ends" 0 $rc
[ $rc = 0 ] || sed 's/^/# /' err
end=$(tail -n 1 d/g/run.jsonl | grep -o '"step":[0-9]*' | cut -d : -f 2)
# (what was gone back from may have gone further)
steps=$(grep -o '"step":[0-9]*' d/g/run.jsonl | cut -d : -f 2 | awk -v end="$end" '$1 <= end' | sort -nu | wc -l)
equal "every step of it is there ($end)" "$end" "$steps"
match "it ends finite" '^\{"step":'"$end"',"loss":[0-9.]+,' d/g/run.jsonl
[ "$failed" = 0 ] || grep -E '"(alert|decision|event|applied|result)"' d/g/journal.jsonl | cut -c 1-260 | sed 's/^/# /'
ok "no process is left" until_ok guard_none_left d/g
equal "nor its number" "" "$(ls d/g/*.pid 2>/dev/null)"
equal "every state that was written was kept ($(wc -l <states))" "" \
	"$(sort -u states | while read -r s; do grep -qF "$s " d/g/saved || echo "$s"; done)"
equal "none was given up" 0 "$(wc -l <d/g/failed)"
ok "the store is sound" lc-snap verify -q -s d/g/store
lc-snap list -j -s d/g/store | grep -o '"id":"[0-9a-f]*"' | sort -u >in-store
grep '"type":"snapshot"' d/g/journal.jsonl | grep -o '"id":"[0-9a-f]*"' | sort -u >in-journal
equal "every snapshot of the journal is in it" "" "$(comm -13 in-store in-journal)"
equal "the journal tells of each time it was started again" "$((begun - first))" "$(events resumed d/g)"
equal "no alert was left without a decision or a word" 0 "$(awk '
	/"type":"alert"/ && !seen[$0]++ { open++ }
	/"type":"decision"/ && !seen[$0]++ { open-- }
	/"event":"(fork failed|only watching)"/ { open-- }
	END { print (open > 0 ? open : 0) }' d/g/journal.jsonl)"
equal "each of its forks has one decision" "" "$(grep '"type":"decision"' d/g/journal.jsonl | sort -u | grep -o '"fork":"[^"]*"' | sort | uniq -d)"
equal "it ends with the end" 1 "$(tail -n 1 d/g/journal.jsonl | grep -c '"event":"ended"')"
