# lc-collapse race: few nulls know the noise badly; the run's own held-out readings before the fork help.
. "$TESTS/cli/lib.sh"

# The run: a reading each 5 steps up to 100, A above and below a falling line; from step FROM on at lr LR.
run() { # A [FROM LR]
	awk -v a="$1" -v from="${2:-1}" -v lr="${3:-0.01}" 'BEGIN {
		for (s = 5; s <= 100; s += 5)
			printf "{\"step\":%d,\"loss\":3,\"lr\":%s,\"val_loss\":%.6f}\n", s, s < from ? 0.01 : lr,
				2.1 - s / 1000 + (s % 10 ? a : -a)
	}'
}
future() { # ID ROLE ACTIONS VAL: from step 100, 10 steps, then 10 back on plan
	for part in "$1 $2 restorative 100 \"snapshot\":\"s\"" "$1.return probe return 110 \"branch\":\"$1\""; do
		# shellcheck disable=SC2086
		set -- "$1" "$2" "$3" "$4" $part
		printf '{"type":"branch","v":1,"fork":"f","branch":"%s","role":"%s","kind":"%s","order":0,' "$5" "$6" "$7"
		printf '"from":{%s,"step":%s},"horizon":10,"actions":%s}\n' "$9" "$8" "$3"
		awk -v b="$5" -v a="$8" -v v="$4" 'BEGIN {
			for (s = a + 1; s <= a + 10; s++) printf "{\"step\":%d,\"loss\":3,\"val_loss\":%s,\"branch\":\"%s\"}\n", s, v, b
		}'
		printf '{"type":"result","v":1,"fork":"f","branch":"%s","status":"done","steps":10}\n' "$5"
	done
}
fork() { # HALF GAIN: a control at 2, two nulls apart, an arm
	future c control '{}' 2
	future n1 null '{"reseed":1}' "$(awk "BEGIN { print 2 - $1 }")"
	future n2 null '{"reseed":2}' "$(awk "BEGIN { print 2 + $1 }")"
	future a arm '{"reset":"mv"}' "$(awk "BEGIN { print 2 - $2 }")"
}
field() { grep -o "\"$1\":\(\"[^\"]*\"\|[^,}]*\)" | head -n 1 | sed 's/^[^:]*://; s/"//g'; }

# two nulls and the control of their state, sd .005: t(.95; 2) sqrt(2) sd is .021, above a gain of .015
fork 0.005 0.015 >fork.jsonl
status "two nulls alone" 1 lc-collapse race fork.jsonl
equal "cannot tell a gain of 3 sd" undecided "$(field verdict <.out)"
run 0.003 >run.jsonl
ok "with the run's own readings" lc-collapse race run.jsonl fork.jsonl
equal "it is told" "better a" "$(field verdict <.out) $(field choice <.out)"
match "what they know is in the decision" '"noise":\{"return":0.005,.*"nulls":2,"df":2,.*"pooled":\{"return":0.003[0-9]*,"df":9,' .out
cp .out decision
ok "verify judges by it" lc-collapse verify decision run.jsonl fork.jsonl

# nulls that happen to agree
fork 0.0001 0.045 >lucky.jsonl
ok "two nulls that happen to agree believe anything" lc-collapse race lucky.jsonl
run 0.1 >noisy.jsonl
status "a run that scatters by more does not" 1 lc-collapse race noisy.jsonl lucky.jsonl
equal "it says so" none "$(field verdict <.out)"

# what does not count
run 0.1 95 0.001 >decay.jsonl
ok "readings at another lr do not count" lc-collapse race decay.jsonl lucky.jsonl
match "nor are pooled" '"df":2,"cool_df":0,"jitter":"nan"\}' .out
sed 's/"val_loss":[0-9.]*/"val_loss":NaN/' noisy.jsonl >nan.jsonl
ok "nor do those that are not finite" lc-collapse race nan.jsonl lucky.jsonl
{ run 0.1 && run 0.003; } >again.jsonl
ok "of steps that were gone again the newest count" lc-collapse race again.jsonl fork.jsonl
match "as if the older were not there" '"pooled":\{"return":0.003[0-9]*,"df":9,' .out
{
	cat fork.jsonl
	future n3 null '{"reseed":3}' 1.995
	future n4 null '{"reseed":4}' 2.005
	future n5 null '{"reseed":5}' 1.995
	future n6 null '{"reseed":6}' 2.005
} >six.jsonl
ok "six nulls know it themselves" lc-collapse race noisy.jsonl six.jsonl
match "and pool nothing" '"df":6,"cool_df":0,"jitter":"nan"\}' .out
