# lc-snap-parts: the last part of a state, killed before and refused at every call: saved once more, the state is there.
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

for r in 0 1; do
	mkdir -p ck$r/rank$r
	head -c 100000 /dev/urandom >ck$r/rank$r/model.safetensors
done
part() {
	lc-snap save -q -s st --run a --step 1 --part "$1/2" "ck$1"
}

every() { # every NAME WHAT
	why='' n=0 rc=1 met=0
	while [ -z "$why" ] && [ $n -lt 200 ]; do
		n=$((n + 1))
		rm -rf st out
		part 0 >/dev/null || exit 4
		{
			(
				export "$2=$n"
				exec lc-snap save -q -s st --run a --step 1 --part 1/2 ck1
			) >.out 2>.err
			rc=$?
		} 2>/dev/null
		[ $rc = 0 ] && break
		met=$((met + 1))
		case $2 in
		KILL_AT) [ $rc = 137 ] || why="status $rc" ;;
		FAIL_AT) [ $rc = 4 ] && [ "$(wc -l <.err)" = 1 ] || why="status $rc, $(cat .err)" ;;
		esac
		lc-snap verify -q -s st >log 2>&1 || why="verify: $(cat log)"
		part 1 >.again 2>log || why="again: $(cat log)"
		grep -q '"type":"snapshot"' .again || why="not complete: $(cat .again)"
		{ lc-snap restore -s st a@1 out && diff -r ck0/rank0 out/rank0 && diff -r ck1/rank1 out/rank1; } >log 2>&1 ||
			why="restore: $(cat log)"
		[ "$(lc-snap list -s st -j | wc -l)" = 1 ] || why="$(lc-snap list -s st)"
		[ -z "$why" ] || why="call $n: $why"
	done
	[ -n "$why" ] || [ $rc = 0 ] || why="never done"
	[ -n "$why" ] || [ $met -ge 10 ] || why="met only $met calls"
	equal "$1 ($met calls)" "" "$why"
}
every "killed at every call" KILL_AT
every "disk full at every call" FAIL_AT
