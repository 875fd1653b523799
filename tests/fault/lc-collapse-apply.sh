# lc-collapse-apply: killed before, and refused at, every single call of an apply and of an undo that changes the file
# system. After each: nothing has happened, or the next apply finishes it; never a part of it for good.
. "$TESTS/cli/lib.sh"
unset LC_STORE

case $B in
*-san)
	skip "every call" "the address sanitizer wants to be preloaded first"
	exit 0
	;;
esac
${CC:-cc} -shared -fPIC -O1 -o kill_at.so "$TESTS/fault/kill_at.c" -ldl || exit 4
export NO_FSYNC=1

mkdir -p ck/step-10 ck/step-20
echo ten >ck/step-10/model.bin
echo twenty >ck/step-20/model.bin
id=$(lc-snap save -q -s st0 --run r ck/step-10 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
now=$(lc-snap save -q -s st0 --run r ck/step-20 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
decided() { # FORK ACTIONS BASE
	printf '{"type":"decision","v":1,"fork":"%s","verdict":"better","choice":"a","from":{"snapshot":"%s","step":10},"actions":%s,' "$1" "$id" "$2"
	printf '"present":{"snapshot":"%s","step":20,"horizon":100},"base":%s}\n' "$now" "$3"
}
decided f1 '{"rewind":10,"lr_scale":0.5}' '{"clip":1.0}' >d
echo '{"clip":1.0}' >base0

# A store and a run on which nothing was decided.
fresh() {
	rm -rf st w && cp -R st0 st && mkdir w && cp base0 w/base
}
act() { lc-collapse apply -s st -d w/dir -J w/journal -b w/base "$@"; }

# What is in force: the base file, the run's head, the trainer's actions, and the last transaction that the journal holds whole.
shown() {
	tr -d '\n' <w/base
	printf ' %s ' "$(lc-snap show -s st -j r@head 2>/dev/null | grep -o '"step":[0-9]*' | head -n 1)"
	cat w/dir/actions.json 2>/dev/null
	grep -oE '^\{"type":"(applied|undone)"' w/journal 2>/dev/null | tail -n 1
}
fresh
before=$(shown)
act d >/dev/null
after=$(shown)
lc-collapse apply -s st -d w/dir -J w/journal -b w/base --undo >/dev/null
undone=$(shown)
ok "(the three differ)" test "$before" != "$after" -a "$after" != "$undone"

# every NAME WHAT FIRST WANT ARGS: run `act ARGS` with WHAT=1, 2, ... until it is done without meeting it. Once its line is in
# the journal, the next (of FIRST: "d" for an apply, "--undo" for an undo) brings it to WANT; before, the state was as it was.
every() {
	why='' n=0 rc=1 met=0 half=0
	while [ -z "$why" ] && [ $n -lt 300 ]; do
		n=$((n + 1))
		fresh
		[ "$3" = undo ] && act d >/dev/null
		start=$(shown) lines=$(grep -c . w/journal 2>/dev/null)
		{
			(
				export "$2=$n" LD_PRELOAD="$PWD/kill_at.so"
				case $3 in
				undo) act --undo ;;
				*) act d ;;
				esac
			) >.out 2>.err
			rc=$?
		} 2>/dev/null
		[ $rc = 0 ] && break
		met=$((met + 1))
		case $2 in
		KILL_AT) ;; # of it, or of the lc-snap that it runs
		*) [ "$(wc -l <.err)" = 1 ] || why="call $n: $(cat .err)" ;;
		esac
		if [ "$(grep -c . w/journal 2>/dev/null)" != "${lines:-0}" ] && tail -n 1 w/journal | grep -qE '"(applied|undone)".*\}$'; then
			half=$((half + 1)) # it is in the journal: whatever comes next finishes it first
			lc-collapse apply -s st -d w/dir -J w/journal -b w/base none 2>/dev/null # fails, for want of a file
			act d >.out 2>.err
			[ $? = 0 ] || why="call $n: again: $(cat .err)"
		elif tail -n 1 w/journal 2>/dev/null | grep -q '"settled"' && [ "$(grep -c . w/journal)" != "${lines:-0}" ]; then
			: # all but its last words
		elif [ "$(shown)" != "$start" ]; then
			why="call $n: a part of it: $(shown), not $start"
		else
			case $3 in
			undo) act --undo >.out 2>.err ;;
			*) act d >.out 2>.err ;;
			esac
			[ $? = 0 ] || why="call $n: after it: $(cat .err)"
		fi
		want=$4
		# an undo that the journal holds is finished first; then the decision is applied again
		[ "$3" = undo ] && grep -q '"undone"' w/journal && [ "$(grep -c '"applied"' w/journal)" = 2 ] && want=$after
		[ -n "$why" ] || [ "$(shown)" = "$want" ] || why="call $n: $(shown), not $want"
		[ -n "$why" ] || grep -q ten "w/dir/state-$(printf %.16s "$id")/model.bin" || why="call $n: no state"
	done
	[ -n "$why" ] || [ $rc = 0 ] || why="never done"
	[ -n "$why" ] || [ $met -ge 6 ] || why="met only $met calls"
	[ -n "$why" ] || [ $half -ge 2 ] || why="only $half times half done"
	equal "$1 ($met calls, $half of them after it was journaled)" "" "$why"
}
every "an apply killed at every call" KILL_AT apply "$after"
every "an apply with the disk full at every call" FAIL_AT apply "$after"
every "an undo killed at every call" KILL_AT undo "$undone"
every "an undo with the disk full at every call" FAIL_AT undo "$undone"
