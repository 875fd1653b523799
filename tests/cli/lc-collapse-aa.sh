# lc-collapse aa, and through it race: the choice among runs that differ in nothing but luck. How often does it find a
# winner? At most as often as alpha says, however many arms; and a gain that is there is found. What was drawn is the same
# every time: these rates are what they are.
. "$TESTS/cli/lib.sh"

# rate MEMBER: found of n, in the record
found() { sed "s/.*\"$1\":{\"n\":[0-9]*,\"found\":\([0-9]*\),.*/\1/" .out; }
# within NAME MEMBER LEAST MOST
within() {
	got=$(found "$2")
	name="$1: $got of $(sed "s/.*\"$2\":{\"n\":\([0-9]*\),.*/\1/" .out)"
	[ "$got" -ge "$3" ] && [ "$got" -le "$4" ] && pass "$name" || fail "$name" "not within $3 and $4"
}

# 19 public runs of a 124M GPT-2
awk '!/^#/ { s++; for (i = 1; i <= NF; i++) printf "{\"step\":%d,\"loss\":%.4f}\n", s, $i / 10000 >("run-" i) }' \
	"$TESTS/golden/equal-runs/losses"
ok "19 equal public runs" lc-collapse aa -j -K 8 -n 200 --skip 0 run-*
within "false winners among 8, naive" naive 140 200
within "false winners among 8, ours" false_winners 0 10
ok "and when the leader is run again" lc-collapse aa -j -K 8 -n 200 --skip 0 -c 4 -g 3 run-*
within "false winners among 8" false_winners 0 10
within "a gain of three standard deviations is found" found 160 200
within "another is chosen for it" wrong 0 6
cp .out once
ok "the same again" lc-collapse aa -j -K 8 -n 200 --skip 0 -c 4 -g 3 run-*
same "gives the same" .out once
ok "other draws" lc-collapse aa -j -K 8 -n 200 --skip 0 -c 4 -g 3 --seed 2 run-*
[ "$(cat .out)" != "$(cat once)" ] && pass "give another" || fail "give another" "the same record"
ok "as a table" lc-collapse aa -K 2 -n 20 --skip 0 run-*
match "says what was found" 'false winners +[0-9.]+ %  \([0-9.]+ to [0-9.]+\)' .out

# many made-up runs, whose truth is known: normal offsets of sd .01 that last, and noise of sd .02 in each step
# (Park and Miller's generator, Box and Muller)
awk 'function u() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
	function normal() { return sqrt(-2 * log(u())) * cos(6.283185307179586 * u()) }
	BEGIN {
		seed = 4711
		for (i = 1; i <= 400; i++) {
			luck = .01 * normal()
			for (s = 1; s <= 24; s++)
				printf "{\"step\":%d,\"loss\":%.6f}\n", s, 3 + luck + .02 * normal() >("luck-" i)
			close("luck-" i)
		}
	}'
# 3.6 % of 600, what 4 nulls and the control give where noise is normal, and three standard deviations of a binomial
ok "400 made-up runs" lc-collapse aa -j -K 8 -n 600 -H 16 luck-*
within "false winners among 8" false_winners 8 36
ok "one arm" lc-collapse aa -j -K 1 -n 600 -H 16 luck-*
within "false winners of 1" false_winners 15 46
ok "64 arms" lc-collapse aa -j -K 64 -n 200 -H 16 luck-*
within "false winners among 64" false_winners 2 19
ok "an alpha of .3" lc-collapse aa -j -K 8 -n 600 -H 16 -a .3 luck-*
within "false winners among 8" false_winners 145 214
# only a leader that gains is run again, so fewer than alpha are confirmed
ok "confirmed" lc-collapse aa -j -K 8 -n 600 -H 16 -c 3 -a .2 luck-*
within "false winners among 8" false_winners 80 149

# runs that go on from a state have no steps before it: no window is drawn there
for i in 1 2 3 4 5 6 7 8 9; do
	awk '{ sub(/"step":[0-9]+/, "\"step\":" 1000 + NR) } { print }' luck-$i >late-$i
done
ok "runs from their first step" lc-collapse aa -j -K 4 -n 40 -H 16 luck-1 luck-2 luck-3 luck-4 luck-5 luck-6 luck-7 luck-8 luck-9
cp .out early
ok "from step 1001 on" lc-collapse aa -j -K 4 -n 40 -H 16 late-1 late-2 late-3 late-4 late-5 late-6 late-7 late-8 late-9
same "are the same runs" .out early

# a control that is the odd one out, often: 3 runs of 20 are slow by 50 sds
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	awk -v slow=$((i > 17)) 'match($0, /"loss":[0-9.]+/) {
		printf "%s\"loss\":%.6f}\n", substr($0, 1, RSTART - 1), substr($0, RSTART + 7, RLENGTH - 7) + slow / 2
	}' luck-$i >odd-$i
done
ok "equal runs of which some are slow" lc-collapse aa -j -K 8 -n 400 -H 16 odd-*
within "false winners among 8" false_winners 0 20

# a fork's own nulls
for i in 1 2 3 4 5 6 7 8; do
	printf '{"type":"branch","v":1,"branch":"n%s","role":"%s","from":{"snapshot":"s","step":0},"horizon":24,"actions":{}}\n' \
		$i "$([ $i = 1 ] && echo control || echo null)"
	sed "s/}/,\"branch\":\"n$i\"}/" luck-$i
done >fork
ok "the nulls and the control of a fork" lc-collapse aa -j -K 2 -n 50 -H 16 fork
match "are 8 runs" '"runs":8,' .out

# what is wrong
status "fewer runs than a trial needs" 2 lc-collapse aa -K 8 luck-1 luck-2 luck-3
status "windows longer than the runs" 3 lc-collapse aa -K 1 --nulls 2 -H 100 luck-1 luck-2 luck-3 luck-4
status "no such metric in them" 3 lc-collapse aa -K 1 --nulls 2 -H 16 -m val_loss luck-1 luck-2 luck-3 luck-4
status "a file of no records" 3 lc-collapse aa -K 1 /dev/null
status "one file that is no fork" 3 lc-collapse aa -K 1 luck-1
status "no such file" 4 lc-collapse aa -K 1 luck-1 absent
status "more runs to confirm than nulls" 2 lc-collapse aa -K 1 -c 5 luck-*
status "no files" 2 lc-collapse aa
status "an unknown metric" 2 lc-collapse aa -m lr luck-1
for i in 1 2 3 4 5; do sed 's/"loss":[0-9.]*/"loss":NaN/' luck-$i >dead-$i; done
status "runs that are all NaN" 3 lc-collapse aa -K 1 --nulls 2 -H 16 dead-1 dead-2 dead-3 dead-4
[ -w /dev/full ] && status "a full disk" 4 sh -c 'lc-collapse aa -K 1 -n 1 -H 16 luck-* >/dev/full'
:
