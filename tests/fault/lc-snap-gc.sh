# lc-snap-gc: killed before, and refused at, every call of a gc that removes packs, writes one anew and codes snapshots anew.
# After each: what is there is whole and gives back what was saved, and the next gc comes to as small a store.
. "$TESTS/cli/lib.sh"
unset LC_STORE

case $B in
*-san)
	skip "every call" "the address sanitizer wants to be preloaded first"
	exit 0
	;;
esac
${CC:-cc} -shared -fPIC -O1 -o kill_at.so "$TESTS/fault/kill_at.c" -ldl || exit 4

lc-train -q --text "$B/kjv.txt" --layers 1 --dim 64 --heads 2 --ctx 16 --batch 2 --total 20 --warmup 5 --val-every 0 \
	--probe-every 0 --save-every 1 --steps 5 --out ck >/dev/null
mkdir -p n/step-1 n/step-2 n/step-3
head -c 500000 /dev/urandom >n/step-1/big
head -c 100000 /dev/urandom >n/step-1/small
cp n/step-1/small n/step-2/small
head -c 100000 /dev/urandom >n/step-3/x
for k in 1 2 3 4 5; do lc-snap save -q -s was ck/step-0000000$k >/dev/null; done
for k in 1 2 3; do lc-snap save -q -s was --run n n/step-$k >/dev/null; done
lc-snap prune -q -s was --run run --keep run@2 --keep run@4
lc-snap prune -q -s was --run n --keep n@2
rm "was/snapshots/$(lc-snap list -j -s was --run n | sed -n '/"step":3/s/.*"id":"\([0-9a-f]*\)".*/\1/p').json" # its newest
equal "four stay" "2 4 5 2" "$(lc-snap list -j -s was | sed 's/.*"step":\([0-9]*\).*/\1/' | tr '\n' ' ' | sed 's/ $//')"
cp -R was clean
ok "undisturbed" lc-snap gc -q -j -s clean --grace 0
match "it has all to do" '"chunks":[1-9][0-9]*,"removed":[1-9][0-9]*,"rewritten":1,"recoded":[1-9]' .out
export NO_FSYNC=1 LD_PRELOAD="$PWD/kill_at.so"

# What must hold whatever happened: prints why not.
sound() {
	lc-snap verify -q -s st >log 2>&1 || { echo "verify: $(cat log)"; return; }
	for k in 2 4 5; do
		rm -rf out
		lc-snap restore -q -s st run@$k out >log 2>&1 || { echo "restore $k: $(cat log)"; return; }
		diff -r ck/step-0000000$k out >log 2>&1 || { echo "restored $k: $(head -n 3 log)"; return; }
	done
	rm -rf out
	lc-snap restore -q -s st n@2 out >log 2>&1 || { echo "restore n@2: $(cat log)"; return; }
	diff -r n/step-2 out >log 2>&1 || echo "restored n@2: $(head -n 3 log)"
}
heals() {
	lc-snap gc -q -s st --grace 0 2>log || { echo "gc: $(cat log)"; return; }
	sound
	# what was coded anew before the kill decides what the rest is predicted from: nearly the same
	[ "$(cat st/packs/* | wc -c)" -le $(($(cat clean/packs/* | wc -c) / 20 * 21)) ] || echo "it takes more: $(ls -l st/packs)"
	[ -z "$(ls -A st/tmp)" ] || echo "left: $(ls -A st/tmp)"
}
every() { # every NAME WHAT: a gc with WHAT=1, 2, ... until it is done without meeting it
	why='' n=0 rc=1 met=0
	while [ -z "$why" ] && [ $n -lt 200 ]; do
		n=$((n + 1))
		rm -rf st
		cp -R was st
		{
			(
				export "$2=$n"
				exec lc-snap gc -q -s st --grace 0
			) >.out 2>.err
			rc=$?
		} 2>/dev/null
		[ $rc = 0 ] && break
		met=$((met + 1))
		case $2 in
		KILL_AT) [ $rc = 137 ] || why="call $n: status $rc" ;;
		FAIL_AT) [ $rc = 4 ] && [ "$(wc -l <.err)" = 1 ] || why="call $n: status $rc, $(cat .err)" ;;
		esac
		[ -n "$why" ] || why=$(sound)
		[ -n "$why" ] || why=$(heals)
		[ -z "$why" ] || why="call $n: $why"
	done
	[ -n "$why" ] || [ $rc = 0 ] || why="never done"
	[ -n "$why" ] || [ $met -ge 20 ] || why="met only $met calls"
	equal "$1 ($met calls)" "" "$why"
}
every "killed at every call of a gc" KILL_AT
every "disk full at every call of a gc" FAIL_AT
unset LD_PRELOAD

# killed at any time, savers and readers beside it
rm -rf st
cp -R was st
i=0
(
	while ! [ -e stop ]; do
		lc-snap save -q -s st n/step-3 --run n >/dev/null 2>>wrong || echo save >>wrong
		lc-snap verify -q -s st >>wrong 2>&1
		rm -rf out2
		lc-snap restore -q -s st run@4 out2 2>>wrong && diff -r ck/step-00000004 out2 >>wrong 2>&1
	done
) &
beside=$!
while [ $i -lt 12 ]; do
	i=$((i + 1))
	lc-snap gc -q -s st --grace 0 2>/dev/null &
	gc=$!
	sleep "0.0$((i * 7 % 10))"
	kill -9 $gc 2>/dev/null
	wait $gc 2>/dev/null
done
: >stop
wait $beside
equal "savers and readers beside gcs that are killed" "" "$(cat wrong 2>/dev/null)"
rm st/snapshots/"$(lc-snap list -j -s st --run n | sed -n '/"step":3/s/.*"id":"\([0-9a-f]*\)".*/\1/p').json"
why=$(heals)
equal "and in the end, without what was saved, as small" "" "$why"
