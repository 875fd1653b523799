# lc-snap-detach: a state is taken over at once and saved in the background; what becomes of it is never lost, and told once.
. "$TESTS/cli/lib.sh"
unset LC_STORE LC_LOG LC_SPOOL
umask 022

field() { # field KEY: of the record in .out
	sed -n "s/.*\"$1\":\"*\([^\",}]*\).*/\1/p" .out
}
# hold: what saves comes no further than to its number, until let_go
hold() {
	rm -f held fifo
	mkfifo fifo
	flock lc-store/seq sh -c 'echo >held; cat fifo >/dev/null' &
	holder=$!
	while [ ! -e held ]; do sleep 0.02; done
}
let_go() {
	echo >fifo
	wait $holder
}
let_go_of() { # let_go_of SNAPSHOT: when somebody says that it waits for it
	until_ok grep -qs "$1 is being saved: waiting" .err
	echo >fifo
}
drop() { # drop DIR: rm -rf, also of what may not be written
	chmod -R u+w "$1" 2>/dev/null
	rm -rf "$1"
}
fresh() { # fresh NAME BYTE: a state
	mkdir -p "$1/sub/hollow" "$1/shut"
	{
		echo "$2"
		head -c 2500000 /dev/urandom
	} >"$1/model.safetensors"
	echo '{"rng":1,"data":2}' >"$1/state.json"
	echo x >"$1/shut/in"
	ln -sf ../state.json "$1/sub/link"
	: >"$1/empty"
	chmod 555 "$1/shut"
	chmod 640 "$1/state.json"
	drop "want.$1"
	cp -R -P -p "$1" "want.$1"
}
jobs() { ls -A lc-store/jobs 2>/dev/null; }
listing() {
	(cd "$1" && find . -printf '%m %y %P %l\n' | sort)
}
lc-snap init -q lc-store

# a copy
fresh ck 1
hold
ok "detach" lc-snap save --run a --step 1 --detach ck
equal "says what it has taken" "job a 1 running" "$(field type) $(field run) $(field step) $(field state)"
match "and the roles" '^lc-snap: a@1: found weights,rng,data; missing: optimizer$' .err
spool=$(field spool)
ok "it lies in a private place" test -d "$spool"
equal "of its owner alone" 700 "$(stat -c %a "$spool")"
chmod -R u+w ck && rm -r ck
ok "list" lc-snap list
match "shows it" '^- +a +1 .* a@1: is being saved$' .out
ok "list -j" lc-snap list -j
match "too" '"type":"job".*"run":"a","step":1,.*"state":"running"' .out
status "wait --no-wait" 1 lc-snap wait --no-wait
match "names it" 'a@1: is being saved' .err
let_go
ok "wait" lc-snap wait
ok "then it is there" lc-snap restore a@1 out
listing want.ck >want
listing out >got
same "with all modes and links" want got
ok "byte for byte" diff -r --no-dereference want.ck out
equal "nothing is left" "" "$(jobs)$(ls -d "$spool" 2>/dev/null)"

# moved
fresh ck 2
hold
ok "move and detach" lc-snap save -q --run a --step 2 --move --detach ck
absent "it is gone at once" ck
equal "without a word" "" "$(cat .err)"
fresh ck 3
let_go_of a@2 &
ok "a restore waits for it" lc-snap restore a@latest out2
match "and says so" '^lc-snap: a@2 is being saved: waiting$' .err
wait
equal "the trainer's next is untouched" 3 "$(head -n 1 ck/model.safetensors)"
equal "it is the right one" 2 "$(head -n 1 out2/model.safetensors)"
ok "move without detach" lc-snap save -q --run a --step 3 --move ck
equal "prints the snapshot" snapshot "$(field type)"
absent "it is gone" ck
equal "nothing is left" "" "$(jobs)$(ls -d .lc-snap-* 2>/dev/null)"
head -c 1000 /dev/urandom >one.bin
cp one.bin want.one
ok "one file" lc-snap save -q --run a --step 4 --from-shm one.bin
ok "wait" lc-snap wait
equal "prints snapshots, if they were not there yet" "" "$(grep -v '"type":"snapshot"' .out)"
ok "restore" lc-snap restore a@4 out4
same "it has its name" want.one out4/one.bin
fresh ck 5
ln -s ck link
status "a link is not moved" 2 lc-snap save --step 5 --run a --move link
status "what lacks a role is not taken" 3 lc-snap save --run a --step 5 --require all --move --detach ck
ok "it is where it was" diff -r --no-dereference want.ck ck
equal "and no job" "" "$(jobs)"

# two, and a third
hold
ok "first" lc-snap save -q --run a --step 6 --detach ck
ok "second" lc-snap save -q --run a --step 7 --detach ck
ok "another run's" lc-snap save -q --run b --step 7 --detach ck
equal "are on their way" 3 "$(lc-snap list -j | grep -c '"state":"running"')"
let_go_of a@6 &
ok "a third waits for the first" lc-snap save --run a --step 8 --detach ck
match "and says so" 'a@6 is being saved: waiting' .err
wait
ok "wait" lc-snap wait
equal "all are there" 4 "$(lc-snap list -j | grep -c '"step":[678],.*"id"\|"id".*"step":[678],')"
seqs=$(for s in 6 7 8; do tail -n 1 "lc-store/snapshots/$(lc-snap show -j a@$s | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/').json" |
	sed 's/.*"seq":\([0-9]*\).*/\1/'; done | tr '\n' ' ')
equal "in their order" "$(printf '%s' "$seqs" | tr ' ' '\n' | sort -n | tr '\n' ' ')" "$seqs"
ok "ranks" sh -c 'for r in 0 1 2; do lc-snap save -q --run p --step 1 --part $r/3 --detach ck || exit; done'
ok "wait" lc-snap wait -q
ok "make a whole" lc-snap show p@1

# one that fails: its pack would be too large a file
fatten() {
	rm -rf fat want.fat
	mkdir fat
	head -c 400000 /dev/urandom >fat/a
	head -c 400000 /dev/urandom >fat/b
	cp -R fat want.fat
}
limited() { # with files of 512000 bytes at the most
	(
		trap '' XFSZ
		ulimit -f 1000
		exec "$@"
	)
}
for how in --move ''; do
	fatten
	ok "taken $how" limited lc-snap save -q --run f --step 1 --detach $how fat
	while lc-snap list -j | grep -q '"state":"running"'; do sleep 0.05; done
	ok "list" lc-snap list -j
	match "says what has failed" '"run":"f","step":1,.*"state":"failed","why":".*File too large"' .out
	rm -rf out9
	ok "a restore is not hindered" lc-snap restore -q a@4 out9
	match "and names it" 'f@1: was not saved: .*File too large; the state is kept in ' .err
	status "the next save says so too" 1 lc-snap save -q --run g --step 1 want.one
	match "in a line" '^lc-snap: f@1: was not saved: .*File too large; the state is kept in .*: lc-snap wait --retry$' .err
	ok "once" lc-snap wait
	equal "only" "" "$(cat .err)"
	[ -z "$how" ] || absent "it is not where it was" fat
	status "retried, it fails again" 4 limited lc-snap wait --retry
	match "and is said again" 'f@1: was not saved' .err
	ok "retried with success" lc-snap wait --retry
	match "it is kept" '"type":"snapshot".*"run":"f","step":1' .out
	equal "nothing is left" "" "$(jobs)$(ls -d .lc-snap-* 2>/dev/null)"
done
fatten
status "moved in the foreground, and failed" 4 limited lc-snap save -q --run f --step 2 --move fat
ok "it is where it was" diff -r want.fat fat
equal "and no job" "" "$(jobs)$(ls -d .lc-snap-* 2>/dev/null)"

# file systems that are full, or cannot be written
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=600k,mode=755 lc-test small 2>/dev/null; then
	ok "a spool that is too small" env LC_SPOOL="$PWD/small" lc-snap save -q --run s --step 1 --detach fat
	match "is not used" '"spool":"[^"]*/jobs/[0-9a-f]*.state"' .out
	ok "wait" lc-snap wait -q
	ok "all the same it is kept" lc-snap show s@1
	equal "nothing is left there" "" "$(ls -A small)"
	ok "one that is large enough" env LC_SPOOL="$PWD/small" lc-snap save -q --run s --step 2 --detach want.one
	match "is" '"spool":"[^"]*/small/.lc-snap-' .out
	ok "wait" lc-snap wait -q
	lc-snap init -q small/st
	mount -o remount,ro small
	for how in --detach --move "--move --detach"; do
		status "a store that is read-only: $how" 4 lc-snap save -q -s small/st --run s --step 1 $how fat
		ok "nothing is taken" diff -r want.fat fat
	done
	ok "wait there" lc-snap wait -q -s small/st --no-wait
	umount small
else
	skip "file systems that are full or read-only" "mounting a tmpfs needs root"
fi

# one that is killed
kill_job() { # the one that is running, and then it is let go
	pid=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$(grep -l '"run":"k"' lc-store/jobs/*)")
	child=$(for p in /proc/[0-9]*; do
		case $(readlink "$p/fd/"* 2>/dev/null) in *"$(pwd -P)/lc-store/jobs/"*) basename "$p" ;; esac
	done)
	kill -9 $child
	let_go
	until_ok gone $child
}
fresh ck 9
lc-snap wait --drop -q
hold
ok "taken" lc-snap save -q --run k --step 9 --move --detach ck
kill_job
fresh ck 10
status "the next save" 1 lc-snap save -q --run k --step 10 ck
match "names it" '^lc-snap: k@9: its save was killed; the state is kept in .*/ck: lc-snap wait --retry$' .err
equal "and is kept itself" snapshot "$(field type)"
ok "once" lc-snap save -q --run k --step 10 ck
equal "not twice" "" "$(cat .err)"
ok "list" lc-snap list
match "still shows it" 'k@9: its save was killed; the state is kept in' .out
ok "gc" lc-snap gc -q --grace 0
ok "wait --retry" lc-snap wait --retry
match "saves it" '"type":"snapshot".*"run":"k","step":9' .out
equal "nothing is left" "" "$(jobs)$(ls -d .lc-snap-* 2>/dev/null)"
drop out
ok "restore" lc-snap restore k@9 out
equal "it is that one" 9 "$(head -n 1 out/model.safetensors)"
ok "once more there is nothing to do" lc-snap wait --retry
hold
ok "another" lc-snap save -q --run k --step 11 --detach ck
spool=$(field spool)
kill_job
status "wait" 4 lc-snap wait
match "names it" 'k@11: its save was killed' .err
ok "only once" lc-snap wait
ok "drop" lc-snap wait --drop
match "is said" 'k@11: is dropped' .err
absent "all is gone" "$spool"
hold
ok "one in memory" lc-snap save -q --run k --step 12 --detach ck
spool=$(field spool)
kill_job
chmod -R u+w "$spool" && rm -r "$spool" # the machine has stopped
status "what is lost with its memory" 4 lc-snap wait --retry
match "is said to be" 'k@12: its save was killed; the state is lost, it was in' .err
equal "and forgotten" "" "$(jobs)"
ok "all is whole" lc-snap verify -q

status "--retry and --drop" 2 lc-snap wait --retry --drop
status "wait for what" 2 lc-snap wait now
status "wait on no store" 4 lc-snap wait -s none

# killed on another host while it moved a state: where that is now, only that host sees
rm -rf far && lc-snap init -q -s far && mkdir far/jobs
job=far/jobs/0123456789abcdef
printf '{"type":"job","v":1,"run":"a","step":1,"tags":{},"origin":"/none/ck","spool":"/none/.lc-snap-%s",' "${job##*/}" >$job
printf '"path":"/none/.lc-snap-%s/ck","moved":true,"host":"elsewhere","pid":1,"time":1,"bytes":1,"require":[]}\n' "${job##*/}" >>$job
cp $job kept
lc-snap wait -q -s far 2>.err
same "what another host has begun is left to it" kept $job
sed -i "s/elsewhere/$(uname -n)/" $job
lc-snap wait -q -s far 2>.err
absent "of this one it is seen that nothing was moved" $job
