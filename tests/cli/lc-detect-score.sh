# lc-detect score and --rule: peers' rules on planted events, labels that are wrong, and their alerts.
. "$TESTS/cli/lib.sh"

# run NAME [AWK]: 600 steps of a healthy run with a seed of its own; the awk statements may change loss.
run() {
	awk -v seed="$((1000 + $(echo "$1" | cksum | cut -c 1-4)))" '
		function u() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
		function normal(  i, s) { s = -6; for (i = 0; i < 12; i++) s += u(); return s }
		BEGIN {
			for (s = 1; s <= 600; s++) {
				loss = 2 + 6 * (s + 10) ^ -.4 + .02 * normal()
				'"${2:-}"'
				printf "{\"step\":%d,\"loss\":%s}\n", s, loss
			}
		}' >"$1.jsonl"
}
mkdir d
for i in 1 2 3; do run d/healthy$i; done
run d/broken 'if (s >= 400 && s <= 420) loss *= 2.5'
run d/data 'if (s == 300) loss *= 1.5'
cat >labels.jsonl <<-END
	{"run":"d/broken","onset":400,"damage":400,"end":420,"kind":"spike"}

	{"run":"data","onset":300,"kind":"outlier","damage":null}
END

ok "score" lc-detect score -l labels.jsonl d/*.jsonl
match "says what was scored" '^5 runs, [0-9]+ healthy records, 1 events, 1 outliers' .out
for rule in lc-detect zclip olmo llmc lightning foundry megatron page-hinkley ewma; do
	match "a row for $rule" "^$rule " .out
done
ok "one rule, as JSON" lc-detect score -j --rule olmo -l labels.jsonl d/*.jsonl
match "it finds the spike, and takes the outlier for one" \
	'^\{"type":"score","v":1,"rule":"olmo","runs":5,.*"events":1,"found":1,"outliers":1,"outliers_alarmed":1,' .out
match "at once" '"delay":\{"x":0,' .out
cp .out first
ok "the same again" lc-detect score -j --rule olmo -l labels.jsonl d/*.jsonl
same "the same figures" .out first
ok "a rule that cannot" lc-detect score -j --rule megatron -l labels.jsonl d/*.jsonl
match "finds nothing" '"found":0,"outliers":1,"outliers_alarmed":0,"false_10k":\{"x":0,.*"lead":\{"x":"nan",' .out
ok "ours" lc-detect score -j --rule lc-detect -l labels.jsonl d/*.jsonl
match "finds the spike, not the outlier, nothing else" \
	'"false_alarms":0,"events":1,"found":1,"outliers":1,"outliers_alarmed":0,' .out
ok "without labels all is healthy" lc-detect score -j --rule olmo d/broken.jsonl
match "so the alarm is false" '"false_alarms":1,"events":0' .out

status "no files" 2 lc-detect score -l labels.jsonl
status "no such rule" 2 lc-detect score --rule nothing d/data.jsonl
match "which there are" 'no such rule; there are zclip, olmo,' .err
status "no such labels" 4 lc-detect score -l none.jsonl d/data.jsonl
bad() {
	echo "$2" >bad.jsonl
	status "$1" 3 lc-detect score -l bad.jsonl d/data.jsonl
	match "$1: said with its line" 'bad.jsonl line 1: ' .err
}
bad "labels: no JSON" '{"run":"a"'
bad "labels: an array" '[1]'
bad "labels: no run" '{"onset":1}'
bad "labels: no onset" '{"run":"a"}'
bad "labels: onset as words" '{"run":"a","onset":"1"}'
bad "labels: a kind that is none" '{"run":"a","onset":1,"kind":"bump"}'
bad "labels: an end before the onset" '{"run":"a","onset":9,"end":8}'

ok "--rule" lc-detect --rule olmo d/broken.jsonl
equal "one alert" 1 "$(wc -l <.out)"
match "of its own statistic" '^\{"type":"alert","v":1,"step":400,"index":[0-9.]+,"threshold":6,"kind":"spike","onset":400,"rewind":399,"signals":\{"loss":[0-9.]+\},"first":"loss"\}$' .out
ok "--rule with a limit, from a pipe" sh -c 'lc-detect -q --rule ewma:1.4 <d/data.jsonl'
status "--rule on a healthy run" 1 lc-detect --rule foundry d/healthy1.jsonl
status "--rule that is none" 2 lc-detect --rule foundry2 d/healthy1.jsonl
status "--rule with -f" 2 lc-detect -f --rule olmo d/healthy1.jsonl
echo '{"step":1,"lr":1}' >empty.jsonl
status "--rule without a loss" 3 lc-detect --rule olmo empty.jsonl
status "a full disk" 4 sh -c 'lc-detect --rule olmo d/broken.jsonl >/dev/full'
status "a full disk for a table" 4 sh -c 'lc-detect score d/broken.jsonl >/dev/full'
