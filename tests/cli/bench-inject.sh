# scripts/bench/detect-inject: the runs that detectors are measured on have in them what is said of them.
. "$TESTS/cli/lib.sh"

inject=$TESTS/../scripts/bench/detect-inject
[ -x "$inject" ] || { skip "detect-inject" "not in this tree"; exit 0; }
awk 'BEGIN { for (s = 1; s <= 1500; s++) printf "{\"step\": %d, \"val_loss\": 9, \"loss\": 2.0, \"grad_norm\": 0.5}\n", s }' >flat.jsonl
awk 'BEGIN { for (s = 1; s <= 600; s++) printf "{\"step\": %d, \"loss\": 2.0}\n", s }' >short.jsonl

# at NAME K STEPS_AFTER_ONSET MEMBER: a number of the K-th run
at() {
	onset=$(sed -n "$2s/.*\"onset\":\([0-9]*\).*/\1/p" "in/$1/labels.jsonl")
	sed -n "s/^{\"step\":$((onset + $3)),.*\"$4\":\([0-9.e+]*\).*/\1/p" "in/$1/$(printf %03d "$2").jsonl"
}
for shape in bloom 104b step slow bloom-grad; do
	ok "$shape" "$inject" $shape 4 7 in short.jsonl flat.jsonl
	equal "$shape: 4 labels" 4 "$(wc -l <in/$shape/labels.jsonl)"
	equal "$shape: nothing before the onset" 2 "$(at $shape 1 -2 loss)"
	equal "$shape: its twin is as it was" 2 "$(sed 's/.*"loss":\([0-9.]*\).*/\1/' in/$shape-none/001.jsonl | sort -u)"
	same "$shape: the twin's labels say the same" in/$shape/labels.jsonl "$(sed "s|$shape-none/|$shape/|" in/$shape-none/labels.jsonl >twin; echo twin)"
	ok "$shape: scored" lc-detect score --rule olmo -l in/$shape/labels.jsonl in/$shape/[0-9]*.jsonl
	match "$shape: one event a run" '^4 runs, [0-9]+ healthy records, 4 events' .out
done
equal "bloom's peak" 4.634 "$(at bloom 2 5 loss)"
equal "bloom's gradient norm at it" 2400 "$(at bloom-grad 2 5 grad_norm)"
equal "loss only has none" "" "$(at bloom 2 5 grad_norm)"
equal "104b" 5 "$(at 104b 3 1 loss)"
equal "a step of 15 %" "2.3 2.3 2" "$(at step 1 0 loss) $(at step 1 299 loss) $(at step 1 300 loss)"
equal "a slow rise" "2 2.2 2.598" "$(at slow 4 0 loss) $(at slow 4 100 loss) $(at slow 4 299 loss)"
ok "the same again" "$inject" slow 4 7 again short.jsonl flat.jsonl
ok "is the same" diff -r in/slow again/slow
ok "another seed" "$inject" slow 4 8 other short.jsonl flat.jsonl
status "is another" 1 diff -q in/slow/labels.jsonl other/slow/labels.jsonl
"$inject" nothing 1 1 in flat.jsonl >.out 2>.err
equal "no such shape" 2 $?
"$inject" bloom 1 1 in short.jsonl >.out 2>.err
equal "no run is long enough" 3 $?
