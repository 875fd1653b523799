# lc-detect: --state: a stream cut in two is the whole; what is refused; a rewind in the records.
. "$TESTS/cli/lib.sh"

# steps FROM TO [LOSS]: a noise that has a spread and no trend
steps() {
	awk -v a="$1" -v b="$2" -v at="${3:-3}" 'BEGIN {
		for (s = a; s <= b; s++) printf "{\"step\":%d,\"loss\":%.4f,\"grad_norm\":1}\n", s, at + .01 * (s * 7919 % 13 - 6)
	}'
}
{
	steps 1 200
	steps 201 203 4
	steps 204 300
	steps 301 301 9
	steps 302 330
	echo '{"step":331,"loss":NaN,"grad_norm":1}'
	steps 250 360
} >run.jsonl
status "the whole" 0 lc-detect -a run.jsonl
mv .out whole
equal "has alerts, an outlier and ends" "2 1 1" \
	"$(grep -c '"alert","v"' whole) $(grep -c '"outlier"' whole) $(grep -c '"type":"end"' whole)"

size=$(wc -c <run.jsonl)
bad=
for at in 0 1 17 4000 7990 8001 8040 8100 11000 11020 12100 12140 12141 12142 13000 $((size - 1)) "$size"; do
	rm -f state
	head -c "$at" run.jsonl | lc-detect -a --state state >one 2>/dev/null
	tail -c +$((at + 1)) run.jsonl | lc-detect -a --state state >two 2>/dev/null
	cat one two >both
	cmp -s both whole || bad="$bad $at"
done
equal "cut at any byte: the same output" "" "$bad"
rm -f state
status "with forecasters" 0 lc-detect -a --forecast run.jsonl
mv .out foreseen
match "they speak" '"surprise":[-0-9.]*,"disagreement":' foreseen
bad=
for at in 1 4000 7990 8001 11020 12141 13000 $((size - 1)); do
	rm -f state
	head -c "$at" run.jsonl | lc-detect -a --forecast --state state >one 2>/dev/null
	tail -c +$((at + 1)) run.jsonl | lc-detect -a --forecast --state state >two 2>/dev/null
	cat one two >both
	cmp -s both foreseen || bad="$bad $at"
done
equal "cut at any byte, with forecasters: the same output" "" "$bad"
status "a state with forecasters, without" 3 lc-detect --state state run.jsonl
match "is refused" 'made with other options' .err
rm -f state
split -l 7 run.jsonl piece.
for p in piece.*; do lc-detect -a --state state "$p"; done >many 2>/dev/null
same "cut in many pieces" many whole

rm -f state
steps 1 100 >half
status "a state is left" 1 lc-detect --state state half
status "the state alone, nothing new" 1 lc-detect --state state /dev/null
status "other options" 3 lc-detect --state state -r 1e-3 half
match "are refused" '^lc-detect: state: detector state made with other options' .err
cp state good
head -c 1000 good >state
status "a state that was cut" 3 lc-detect --state state half
match "is said" '^lc-detect: state: detector state is damaged' .err
echo hello >state
status "no state at all" 3 lc-detect --state state half
match "is said too" '^lc-detect: state: no detector state' .err
same "and left as it is" state - <<-'X'
	hello
X
status "no place for it" 4 lc-detect --state absent/state half
if [ -w /dev/full ]; then
	cp good state
	status "a full disk" 4 sh -c 'lc-detect -a --state state half >/dev/full'
	same "leaves the state as it was" state good
fi

# a rewind record takes steps back, though none goes back
{
	steps 1 200
	steps 201 201 4
	echo '{"type":"rewind","v":1,"from":201,"to":201}'
	steps 202 202 4
	steps 203 300
} >rewound.jsonl
status "a rewind record" 1 lc-detect rewound.jsonl
sed /rewind/d rewound.jsonl >not.jsonl
status "without it" 0 lc-detect -q not.jsonl
