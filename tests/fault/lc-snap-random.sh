# lc-snap-random: saves, forks, prunes, gcs, pushes and pulls of two stores, in an order that a seed draws (SEED, ROUNDS), two
# at once now and then, some killed. After every few: what is listed restores byte for byte, and only prune takes any away.
. "$TESTS/cli/lib.sh"
unset LC_STORE
seed=${SEED:-2026} rounds=${ROUNDS:-40}

case $B in
*-san) rounds=${ROUNDS:-12} ;;
esac
lc-train -q --text "$B/kjv.txt" --layers 1 --dim 64 --heads 2 --ctx 16 --batch 2 --total 20 --warmup 5 --val-every 0 \
	--probe-every 0 --save-every 1 --keep 100 --steps 12 --out ck >/dev/null
for k in 1 2 3 4 5 6; do
	mkdir -p n/step-$k
	head -c 200000 /dev/urandom >n/step-$k/own
	cp n/step-1/own n/step-$k/first
	: >n/step-$k/empty
done
for k in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "run@$k $PWD/ck/$(printf 'step-%08d' $k)"; done >truth
for k in 1 2 3 4 5 6; do echo "n@$k $PWD/n/step-$k"; done >>truth
lc-snap init -q a && lc-snap init -q b

# draw N: $got, from 0 to N - 1. (glibc's generator; its low bits are poor.)
draw() {
	seed=$(((seed * 1103515245 + 12345) & 2147483647))
	got=$(((seed >> 12) % $1))
}
ids() { for f in "$1"/snapshots/*.json; do [ -e "$f" ] && echo "${f##*/}"; done | sed 's/\.json$//'; }
# one: $id, a snapshot of $store, or none
one() {
	id=''
	n=$(ids $store | wc -l)
	[ "$n" = 0 ] && return
	draw "$n"
	id=$(ids $store | sed -n "$((got + 1))p")
}

forks=0
# Draw what is done next: its words in $what.
next() {
	draw 4
	store=a far=b
	[ $got = 0 ] && store=b far=a
	draw 20
	case $got in
	0 | 1 | 2 | 3 | 4) draw 12 && what="save -q -s $store ck/$(printf 'step-%08d' $((got + 1)))" ;;
	5 | 6) draw 6 && what="save -q -s $store --run n n/step-$((got + 1))" ;;
	7)
		draw 6
		rm -rf moved
		mkdir moved
		cp -R n/step-$((got + 1)) moved/
		what="save -q -s $store --run n --move --detach moved/step-$((got + 1))"
		;;
	8 | 9)
		one
		forks=$((forks + 1))
		what="fork -q -s $store --run f$forks ${id:-n@1}"
		# shellcheck disable=SC2046
		set -- $(lc-snap list -j -s $store | sed -n "s/.*\"id\":\"$id\".*\"run\":\"\([^\"]*\)\",\"step\":\([0-9]*\).*/\1@\2 \2/p")
		[ $# = 2 ] && sed -n "s|^$1 |f$forks@$2 |p" truth >>truth
		;;
	10 | 11) what="prune -q -s $store --keep-last 1 --keep-log2 --drop-parents" ;;
	12)
		one
		what="prune -q -s $store --keep ${id:-n@1} --drop-parents"
		;;
	13 | 14 | 15) what="gc -q -s $store --grace 0" ;;
	16) what="push -q -s $store --all $far" ;;
	17)
		one
		what="push -q -s $store $far ${id:-n@1}"
		;;
	18) what="pull -q -s $store --all $far" ;;
	19) what="pull -q -s $store --run run $far" ;;
	esac
}
# Is what the store lists what was saved? Prints why not.
whole() {
	lc-snap list -j -s "$1" 2>&1 | sed 's/.*"id":"\([^"]*\)".*"run":"\([^"]*\)","step":\([0-9]*\).*/\1 \2@\3/' >listed
	while read -r id name; do
		want=$(sed -n "s|^$name ||p" truth | head -n 1)
		rm -rf out
		lc-snap restore -q --no-wait -s "$1" "$id" out >log 2>&1 || { echo "restore $name of $1: $(cat log)"; return; }
		diff -r "$want" out >log 2>&1 || { echo "$name of $1: $(head -n 3 log)"; return; }
	done <listed
	lc-snap verify -q -s "$1" >log 2>&1 || echo "verify $1: $(head -n 3 log)"
}

why='' round=0 done=''
while [ -z "$why" ] && [ $round -lt "$rounds" ]; do
	round=$((round + 1))
	{ ids a; ids b; } >before
	next
	first=$what
	# shellcheck disable=SC2086
	timeout 60 lc-snap $first >.out1 2>.err1 &
	pid=$!
	draw 3
	second=''
	if [ $got = 0 ]; then
		next
		case $what in *--move*) ;; *) second=$what ;; esac
		# shellcheck disable=SC2086
		[ -z "$second" ] || timeout 60 lc-snap $second >.out2 2>.err2 || [ $? -lt 124 ] || why="$second: $?, $(cat .err2)"
	fi
	draw 4
	killed=''
	if [ $got = 0 ]; then
		draw 8
		sleep 0.0$got
		kill -9 $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) 2>/dev/null && killed=' (killed)'
	fi
	wait $pid 2>/dev/null
	done="$done; $first$killed${second:+ beside $second}"
	lc-snap wait -q --retry -s a >/dev/null 2>&1
	lc-snap wait -q --retry -s b >/dev/null 2>&1
	{ ids a; ids b; } >after
	case "$first $second" in
	*prune*) ;;
	*) [ -z "$(grep -vxF -f after before)" ] || why="lost: $(grep -vxF -f after before)" ;;
	esac
	case $first in
	*--move*) [ -z "$(ls -A moved)" ] || [ -n "$killed" ] || why="$first: it is still there: $(cat .err1)" ;;
	esac
	[ -n "$why" ] || [ $((round % 5)) != 0 ] || why=$(whole a; whole b)
done
[ -n "$why" ] || why=$(whole a; whole b)
equal "$rounds rounds" "" "${why:+$why; round $round:$done}"
for s in a b; do lc-snap prune -q -s $s --keep-last 1 >/dev/null; done
ok "what is left is pruned" lc-snap gc -q -s a --grace 0
ok "on both sides" lc-snap gc -q -s b --grace 0
equal "and is whole" "" "$(whole a; whole b)"
equal "nothing is left in tmp, jobs or pull" "" "$(ls -A a/tmp b/tmp a/jobs b/jobs a/pull b/pull 2>/dev/null | grep -v ':$')"
