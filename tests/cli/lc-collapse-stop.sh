# lc-collapse race --stop: losers are stopped on the way, and none that is as good as the best.
. "$TESTS/cli/lib.sh"

# One fork: the control, 4 nulls and arms, from step 100 on, 80 steps; all branches a step each in turn. A branch is
# 3 - its gain, plus luck of its own that lasts (sd .01), plus noise (sd .02) that the arms share with the control.
# fork SEED ARM...: an arm is NAME=GAIN[,LR]
fork() {
	awk -v seed="$1" -v arms="$(shift && echo "$*")" '
		function u() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
		function normal() { return sqrt(-2 * log(u())) * cos(6.283185307179586 * u()) }
		function branch(id, role, actions) {
			name[++n] = id; luck[n] = .01 * normal(); lr[n] = 1; gain[n] = 0
			printf "{\"type\":\"branch\",\"v\":1,\"fork\":\"f\",\"branch\":\"%s\",\"role\":\"%s\",\"kind\":\"restorative\",", id, role
			printf "\"from\":{\"snapshot\":\"s\",\"step\":100},\"horizon\":80,\"readout\":{\"return\":10},\"actions\":%s}\n", actions
		}
		BEGIN {
			for (i = 0; i < 5; i++) u()
			branch("c", "control", "{}")
			for (i = 1; i <= 4; i++) branch("n" i, "null", "{\"reseed\":" i "}")
			many = split(arms, arm, " ")
			for (i = 1; i <= many; i++) {
				split(arm[i], part, "[=,]")
				branch(part[1], "arm", "{\"x_n\":" i "}")
				gain[n] = part[2]
				if (part[3]) lr[n] = part[3]
			}
			for (s = 101; s <= 180; s++) {
				shared = .02 * normal()
				for (b = 1; b <= n; b++) {
					loss = sprintf("%.6f", 3 - gain[b] + luck[b] + (b > 1 && b < 6 ? .02 * normal() : shared))
					if (gain[b] == "NaN") loss = "NaN"
					printf "{\"step\":%d,\"loss\":%s,\"lr\":%g,\"branch\":\"%s\"}\n", s, loss, lr[b], name[b]
				}
			}
			for (b = 1; b <= n; b++)
				printf "{\"type\":\"result\",\"v\":1,\"branch\":\"%s\",\"status\":\"done\",\"steps\":80}\n", name[b]
		}'
}

fork 1 same=0 bad=-1 other=-1,.5 good=.05 >ev
ok "a race" lc-collapse race --stop dir ev
match "stops the loser, at the first rung" '^stopped at 0.125 of the horizon: [01]\.[0-9]* behind the best, 0\.[0-9]* is luck$' dir/bad/stop
equal "and no other: what is at another lr is not compared" "bad" "$(ls dir)"
cp .out with
ok "the same without stops" lc-collapse race ev
same "decides the same" .out with
ok "verify too" lc-collapse verify with ev
fork 1 good=.05 nan=NaN >ev
status "an arm that is not finite" 0 lc-collapse race --stop nan -a .4 ev
equal "is stopped" nan "$(ls nan)"
fork 1 best=.5 control=0 worse=-.05 >ev
ok "an arm far better than the rest" lc-collapse race --stop far ev
equal "ends the race of the others" "control worse" "$(echo $(ls far))"

fork 1 same=0 ../out=-1 good=.05 >ev
status "a loser whose name leads elsewhere" 3 lc-collapse race --stop inner/dir ev
absent "nothing is written there" inner/out

# the budget: 8 branches of 80 steps
fork 2 a=0 b=0 d=0 >ev
status "an allowance of 320 steps" 1 lc-collapse race --stop dear --max-cost 320 ev
equal "ends all arms when it is spent" "a b d" "$(echo $(ls dear))"
match "and says so" 'the steps allowed are spent' dear/a/stop
status "an allowance that suffices" 1 lc-collapse race --stop cheap --max-cost 6400 ev
absent "ends none" cheap

# a segment is not run when to read it costs more than the arm may be worth: losses that fall by .01 a step
fork 3 a=-.02 b=.3 | awk '/"step":/ && match($0, /"loss":[0-9.]*/) {
		loss = substr($0, RSTART + 7, RLENGTH - 7)
		match($0, /"step":[0-9]*/)
		sub(/"loss":[0-9.]*/, "\"loss\":" loss - .01 * (substr($0, RSTART + 7, RLENGTH - 7) - 100))
	} { print }' >ev
ok "a price for each step" lc-collapse race --stop priced --price 1 -a .0001 ev
equal "leaves the readings of the worse unread" "a.cool a.return" "$(echo $(ls priced))"

# many forks of arms that are all as good: any one of them is a best, and is stopped with probability alpha at most;
# one worse by 10 standard deviations is nearly always found out. (.05 of 80 and three standard deviations: 9)
stopped=0 found=0 anytime=0
for seed in $(seq 80); do
	fork $((seed * 7919)) a1=0 a2=0 a3=0 a4=0 a5=0 a6=0 a7=0 bad=-.1 >ev
	rm -rf dir any
	lc-collapse race --stop dir ev >/dev/null
	lc-collapse race --stop any --anytime ev >/dev/null
	[ ! -e dir/a1 ] || stopped=$((stopped + 1))
	[ ! -e any/a1 ] || anytime=$((anytime + 1))
	[ ! -e dir/bad ] || found=$((found + 1))
done
for case in "of 80 races stopped one of the best: $stopped" "of 80 with 16 looks: $anytime"; do
	[ "${case##* }" -le 9 ] && pass "$case" || fail "$case" "more than 5 % and three standard deviations"
done
[ $found -ge 60 ] && pass "stopped the worst: $found" || fail "stopped the worst: $found" "less than 60 of 80"

# live: a trainer that would go on for long is ended by the race that reads it
mkdir -p ckpt/step-100 && echo 100 >ckpt/step-100/step
id=$(lc-snap save -q ckpt/step-100 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
cat >trainer <<'END'
#!/bin/sh
loss=3.0 lr=1
[ "$LC_BRANCH" = loser ] && loss=9.0
for s in $(seq 101 116); do
	echo "{\"step\":$s,\"loss\":$loss$((s % 7))${LC_BRANCH#n},\"lr\":1,\"batch\":\"$LC_BRANCH$s\"}" | sed 's/\(loss":[0-9.]*\)[a-z]*/\1/; s/"batch":"[^n][a-z]*/"batch":"c/'
	[ "$LC_BRANCH$s" != loser114 ] || sleep 300
done
END
chmod +x trainer
for b in c n1 n2 n3 good loser; do
	case $b in
	c) role=control act= ;;
	n*) role=null act='"reseed":'${b#n} ;;
	good) role=arm act='"x_a":1' ;;
	*) role=arm act='"x_a":2' ;;
	esac
	printf '{"type":"branch","v":1,"fork":"f","branch":"%s","role":"%s","kind":"restorative","from":{"snapshot":"%s","step":100},"horizon":16,"actions":{%s}}\n' \
		$b $role "$id" "$act"
done >plan
lc-fork run -q -j 6 -d live -x ./trainer <plan 2>run.err | tee records | lc-collapse race --stop live >.out
match "the loser was ended by the race that read it" \
	'"branch":"loser","status":"killed","why":"stopped at 0.[0-9]* of the horizon: 6 behind' records
match "and is not counted" '"not_counted":\[.*"branch":"loser","status":"killed"' .out
steps=$(grep -o '"branch":"loser","status":"killed".*"steps":[0-9]*' records | sed 's/.*://')
match "what it spared is said" "\"saved_steps\":$((16 - steps))," .out
same "the fork's directory keeps all that was printed" records live/evidence.jsonl
lc-collapse race live >again
same "and decides the same" .out again
:
