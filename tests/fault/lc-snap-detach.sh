# lc-snap-detach: a save that takes its state over, killed before, and refused at, every call of either of its processes:
# the state is where it was, or kept, or named; and wait --retry keeps it.
. "$TESTS/cli/lib.sh"
unset LC_STORE LC_LOG
export LC_SPOOL="$PWD/spool"
mkdir spool

case $B in
*-san)
	skip "every call" "the address sanitizer wants to be preloaded first"
	exit 0
	;;
esac
${CC:-cc} -shared -fPIC -O1 -o kill_at.so "$TESTS/fault/kill_at.c" -ldl || exit 4
export NO_FSYNC=1 LD_PRELOAD="$PWD/kill_at.so"

mkdir -p want/sub
head -c 100000 /dev/urandom >want/model.safetensors
echo '{"rng":1}' >want/sub/state.json
lc-snap save -q -s seed --run a --step 1 want/sub >/dev/null

# every NAME WHAT OPTION...: the next call each time, until all is done without meeting it
every() {
	name=$1 what=$2 why='' n=0 met=0
	shift 2
	while [ -z "$why" ] && [ $n -lt 200 ]; do
		n=$((n + 1))
		rm -rf st ck out .lc-snap-*
		cp -R seed st
		cp -R want ck
		{
			(
				export "$what=$n"
				exec lc-snap save -q -s st --run a --step 2 "$@" ck
			) >.out 2>.err
			rc=$?
		} 2>/dev/null
		lc-snap wait -s st >.waited 2>.werr
		wrc=$?
		[ $rc = 0 ] && [ $wrc = 0 ] && [ ! -s .werr ] && lc-snap show -s st a@2 >/dev/null 2>&1 && break
		met=$((met + 1))
		if [ -s .werr ]; then
			lc-snap wait --retry -s st >.again 2>log || why="retry: $(cat log)"
		elif lc-snap show -s st a@2 >/dev/null 2>&1; then
			: # it was kept before that
		elif diff -r want ck >/dev/null 2>&1 && [ $rc != 0 ]; then
			lc-snap save -q -s st --run a --step 2 ck >/dev/null 2>log || why="again: $(cat log)"
		else
			why="lost without a word: status $rc, $(cat .err)"
		fi
		[ -n "$why" ] || { lc-snap restore -q -s st a@2 out && diff -r want out; } >log 2>&1 || why="restore: $(cat log)"
		lc-snap verify -q -s st >log 2>&1 || why="verify: $(cat log)"
		lc-snap save -q -s st --run a --step 3 want >/dev/null 2>log || why="${why:-the next save: $(cat log)}"
		left=$(ls -A st/jobs st/tmp spool 2>/dev/null | grep -v ':$')$(ls -d .lc-snap-* 2>/dev/null)
		[ -z "$left" ] || why="${why:-left: $left}"
		[ -z "$why" ] || why="call $n: $why"
	done
	[ -n "$why" ] || [ $n -lt 200 ] || why="never done"
	[ -n "$why" ] || [ $met -ge 10 ] || why="met only $met calls"
	equal "$name ($met calls)" "" "$why"
}
every "moved in the foreground, killed" KILL_AT --move
every "moved and detached, killed" KILL_AT --move --detach
every "copied and detached, killed" KILL_AT --detach
every "moved in the foreground, disk full" FAIL_AT --move
every "moved and detached, disk full" FAIL_AT --move --detach
every "copied and detached, disk full" FAIL_AT --detach
