# lc-snap-every-call: killed before, and refused at, every single call that changes the file system.
# After each: what the store holds is whole, and the next save succeeds.
. "$TESTS/cli/lib.sh"
unset LC_STORE

case $B in
*-san)
	skip "every call" "the address sanitizer wants to be preloaded first"
	exit 0
	;;
esac
${CC:-cc} -shared -fPIC -O1 -o kill_at.so "$TESTS/fault/kill_at.c" -ldl || exit 4
export NO_FSYNC=1 LD_PRELOAD="$PWD/kill_at.so"

mkdir -p ck/step-10/sub first
head -c 1300000 /dev/urandom >ck/step-10/model.safetensors
head -c 2000000 /dev/zero >ck/step-10/optimizer.safetensors
echo '{"step":10,"rng":[1],"data":{"at":3}}' >ck/step-10/state.json
ln -s ../state.json ck/step-10/sub/link
echo seed >first/state.bin

# A fresh store that holds one snapshot; with an argument, no store at all.
fresh() {
	rm -rf st out
	[ -n "${1-}" ] || lc-snap save -q -s st --step 1 first >/dev/null
}

# What must hold whatever happened: prints why not.
sound() {
	[ -e st/lc-store ] || return 0
	lc-snap verify -q -s st >log 2>&1 || { echo "verify: $(cat log)"; return; }
	for id in $(lc-snap list -j -s st | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/'); do
		rm -rf out
		lc-snap restore -s st "$id" out >log 2>&1 || { echo "restore $id: $(cat log)"; return; }
	done
	rm -rf out
}

# After it, a save succeeds, what is stored is right, and no temporary is left.
heals() {
	lc-snap save -q -s st ck/step-10 >/dev/null 2>log || { echo "save: $(cat log)"; return; }
	lc-snap restore -s st @10 out 2>log || { echo "restore: $(cat log)"; return; }
	diff -r ck/step-10 out >log 2>&1 || { echo "restored: $(cat log)"; return; }
	[ -z "$(ls -A st/tmp)" ] || echo "left: $(ls -A st/tmp)"
}

# How many calls it makes that may be refused one at a time; with an argument first, without a store.
calls_of() {
	fresh "$1"
	shift
	ONCE_AT=1000000 CALLS=calls lc-snap "$@" >/dev/null 2>&1
	cat calls
}

# every NAME WHAT FIRST: run the save with WHAT=1, 2, ... until it is done without meeting it.
every() {
	why='' n=0 rc=1 met=0
	[ "$2" != ONCE_AT ] || calls=$(calls_of "${3-}" save -q -s st ck/step-10)
	while [ -z "$why" ] && [ $n -lt 400 ]; do
		n=$((n + 1))
		fresh "$3"
		{
			(
				export "$2=$n"
				exec lc-snap save -q -s st ck/step-10
			) >.out 2>.err
			rc=$?
		} 2>/dev/null
		[ $rc = 0 ] && { [ "$2" != ONCE_AT ] || [ $n -gt "$calls" ]; } && break
		met=$((met + 1))
		case $2 in
		KILL_AT) [ $rc = 137 ] || why="call $n: status $rc" ;;
		ONCE_AT) # what it can do without, it may; else it says what was refused
			if [ $rc = 0 ]; then
				[ "$(lc-snap list -j -s st | grep -c '"step":10,')" = 1 ] || why="call $n: done, but not there"
			else
				[ $rc = 4 ] || [ $rc = 3 ] || why="call $n: status $rc"
				[ "$(wc -l <.err)" = 1 ] || why="call $n: $(cat .err)"
			fi ;;
		FAIL_AT) [ $rc = 4 ] && [ "$(wc -l <.err)" = 1 ] || why="call $n: status $rc, $(cat .err)" ;;
		esac
		[ -n "$why" ] || why=$(sound)
		[ -n "$why" ] || why=$(heals)
		[ -z "$why" ] || why="call $n: $why"
	done
	[ -n "$why" ] || [ $rc = 0 ] || why="never done"
	[ -n "$why" ] || [ $met -ge 10 ] || why="met only $met calls"
	equal "$1 ($met calls)" "" "$why"
}

every "killed at every call of a save" KILL_AT ""
every "killed at every call that makes a store" KILL_AT none
every "disk full at every call of a save" FAIL_AT ""
every "disk full at every call that makes a store" FAIL_AT none

every "each call of a save refused once" ONCE_AT ""
every "each call that makes a store refused once" ONCE_AT none

# Restore: the directory is whole or absent, and what a killed one left goes with the next.
restore_every() {
	fresh
	lc-snap save -q -s st ck/step-10 >/dev/null
	why='' n=0 rc=1 met=0
	if [ "$2" = ONCE_AT ]; then
		rm -rf out
		ONCE_AT=1000000 CALLS=calls lc-snap restore -q -s st @10 out
		calls=$(cat calls)
	fi
	while [ -z "$why" ] && [ $n -lt 400 ]; do
		n=$((n + 1))
		rm -rf out
		{
			(
				export "$2=$n"
				exec lc-snap restore -q -s st @10 out
			) >.out 2>.err
			rc=$?
		} 2>/dev/null
		[ $rc = 0 ] && { [ "$2" != ONCE_AT ] || [ $n -gt "$calls" ]; } && break
		met=$((met + 1))
		if [ $rc = 0 ] && ! [ -e out ]; then
			why="call $n: done, but not there"
		elif [ -e out ]; then
			# only the last fsync, of the directory that holds it, comes after the name
			diff -r ck/step-10 out >/dev/null 2>&1 || why="call $n: a torn directory"
		elif [ "$2" != KILL_AT ]; then
			{ [ $rc = 4 ] || [ "$2 $rc" = "ONCE_AT 3" ]; } && [ "$(wc -l <.err)" = 1 ] || why="call $n: status $rc, $(cat .err)"
			[ -z "$(ls -d .out.restore-* 2>/dev/null)" ] || why="call $n: a temporary left"
		fi
	done
	[ -n "$why" ] || [ $rc = 0 ] || why="never done"
	[ -n "$why" ] || [ $met -ge 10 ] || why="met only $met calls"
	[ -n "$why" ] || [ -z "$(ls -d .out.restore-* 2>/dev/null)" ] || why="a temporary left by the killed"
	equal "$1 ($met calls)" "" "$why"
}
restore_every "restore killed at every call" KILL_AT
restore_every "restore with the disk full at every call" FAIL_AT
restore_every "restore with each call refused once" ONCE_AT

# the directory of the store goes away, or turns read-only, while it is being saved to
gone() { # gone N: before call N, by a debugger's hand
	fresh
	(
		export KILL_AT="$1"
		exec lc-snap save -q -s st ck/step-10
	) >.out 2>.err
	mv st moved
}
gone 5 2>/dev/null
unset LD_PRELOAD
status "a store that is gone" 4 lc-snap list -s st
status "and nothing is restored from it" 4 lc-snap restore -s st @1 out
absent "nor made" out
mv moved st
ok "when it is back, it is whole" lc-snap verify -s st
ok "and takes a save" lc-snap save -q -s st ck/step-10
mkdir ro
if [ "$(id -u)" = 0 ] && mount --bind st ro 2>/dev/null && mount -o remount,bind,ro ro 2>/dev/null; then
	status "a store that turned read-only" 4 lc-snap save -q -s ro -t x=1 ck/step-10
	rm -rf out
	ok "is read" lc-snap restore -s ro @10 out
	ok "as before" diff -r --no-dereference ck/step-10 out
	ok "and verified" lc-snap verify -q -s ro
	umount ro
else
	skip "a store that turned read-only" "mounting needs root"
fi

# A state that is known already may be of a saver that was killed before it synced directories: the next one does.
export LD_PRELOAD="$PWD/kill_at.so"
fresh
lc-snap save -q -s st ck/step-10 >/dev/null
cp -R st known
calls=$(ONCE_AT=1000000 CALLS=calls lc-snap save -q -s st ck/step-10 >/dev/null 2>&1; cat calls)
n=0
: >all
while [ $n -lt "$calls" ]; do
	n=$((n + 1))
	rm -rf st && cp -R known st # what cannot be read is saved anew
	ONCE_AT=$n lc-snap save -q -s st ck/step-10 >/dev/null 2>>all
done
match "what is known is synced: its packs" 'fsync st/packs: ' all
match "what is known is synced: its snapshot" 'fsync st/snapshots: ' all
ok "and is as it was" lc-snap verify -q -s st
