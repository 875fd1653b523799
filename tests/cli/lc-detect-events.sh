# lc-detect: outliers, siblings, crossings, profiles, channels of one's own.
. "$TESTS/cli/lib.sh"

# log SEED [AWK...]: 600 steps of loss and more, with noise; the statements may change them
log() {
	awk -v seed="$1" '
		function u() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
		function normal(  i, s) { s = -6; for (i = 0; i < 12; i++) s += u(); return s }
		BEGIN {
			for (i = 0; i < 20; i++) u()
			for (s = 1; s <= 600; s++) {
				loss = 2 + 6 * (s + 10) ^ -.4 + .02 * normal()
				grad = exp(.15 * normal())
				other = 3 + .05 * normal()
				'"${2:-}"'
				printf "{\"step\":%d,\"loss\":%s,\"grad_norm\":%s,\"my/other\":%s}\n", s, loss, grad, other
			}
		}'
}
types() { sed 's/.*"type":"\([a-z]*\)".*/\1/' "$1" | tr '\n' ' '; }

log 1 'if (s == 400 || s == 401) { loss += 1; grad = 20 }' >a.jsonl
log 2 'if (s == 400 || s == 401) { loss += 1.2; grad = 15 }' >b.jsonl
log 3 'if (s == 400 || s == 401) { loss += .9 }' >c.jsonl
log 4 >d.jsonl
ok "two bad batches alone are an alert" lc-detect a.jsonl
status "but not when the siblings met them too" 1 lc-detect -S b.jsonl -S c.jsonl a.jsonl
equal "then they are outliers" "outlier outlier " "$(types .out)"
match "of the data" '"step":400,.*"cause":"data"' .out
ok "one sibling did not: an alert" lc-detect -S b.jsonl -S d.jsonl a.jsonl
head -n 300 d.jsonl >short.jsonl
status "a sibling that is not there yet has no say" 1 lc-detect -S b.jsonl -S short.jsonl a.jsonl
ok "no sibling that is there" lc-detect -S short.jsonl a.jsonl
log 5 'if (s >= 400) loss += 1' >e.jsonl
log 6 'if (s >= 400) loss += 1' >f.jsonl
ok "what stays bad in a sibling is no batch" lc-detect -S e.jsonl f.jsonl
status "a sibling that is not there" 4 lc-detect -S none.jsonl a.jsonl
status "a sibling without steps" 3 lc-detect -S /dev/null a.jsonl

log 7 'if (s == 400) loss += 1' >one.jsonl
status "one bad step" 1 lc-detect one.jsonl
equal "is an outlier" "outlier " "$(types .out)"
match "with its score" '"step":400,"signals":\{"loss":[0-9.]+\},"cause":"unknown"' .out
lc-detect -1 one.jsonl >.out
equal "-1 writes only alerts" "" "$(cat .out)"

log 8 'other = 3 + .05 * normal() + (s >= 400)' >other.jsonl
status "a channel that is not known" 1 lc-detect other.jsonl
ok "-m other=my/other" lc-detect -m other=my/other other.jsonl
equal "is first" other "$(sed -n 's/.*"first":"\([a-z]*\)".*/\1/p' .out | head -n 1)"
match "and has its scores" '"other":[0-9.-]*,.*"other_growth":' .out
log 9 'other = 3 + .01 * s + .05 * normal()' >rising.jsonl
lc-detect -m attn_logit_max=my/other --cross attn_logit_max=8:50 rising.jsonl >.out
equal "a crossing is warned of" 1 "$(grep -c '"type":"warning"' .out)"
match "in time" '"step":4[5-9][0-9],"signal":"attn_logit_max","now":7.*,"crosses":8,"in":[0-9]+' .out
lc-detect -m other=my/other --cross other=8 rising.jsonl >.out
equal "of a channel of one's own too" 1 "$(grep -c '"signal":"other"' .out)"
for bad in nothing=3 attn_logit_max attn_logit_max= attn_logit_max=x attn_logit_max=3: attn_logit_max=3:0 loss=3; do
	status "usage: --cross $bad" 2 lc-detect --cross "$bad" rising.jsonl
done

awk 'BEGIN { for (s = 1; s <= 400; s++) printf "{\"step\":%d,\"loss\":%.3f,\"reward\":%.3f,\"kl\":%.3f}\n", s,
	.01 * (s * 7919 % 13 - 6), s / 400 + .05 * (s * 7907 % 11 - 5) - (s > 300) * 2, .02 + .001 * (s * 31 % 7) }' >rl.jsonl
ok "a reward that falls" lc-detect --profile rl rl.jsonl
equal "is first" reward "$(sed -n 's/.*"first":"\([a-z]*\)".*/\1/p' .out | head -n 1)"
status "usage: another profile" 2 lc-detect --profile x rl.jsonl

awk 'BEGIN { for (s = 1; s <= 200; s++) printf "{\"step\":%d,\"grad_norm\":%.3f,\"lr\":0.1%s}\n", s, 1 + .01 * (s * 31 % 7),
	(s > 150) ? "" : sprintf(",\"loss\":%.3f", 3 + .01 * (s * 7919 % 13)) }' >gone.jsonl
ok "a loss that is left out" lc-detect gone.jsonl
match "is not finite" '"step":152,.*"kind":"nonfinite".*"first":"loss"' .out
status "-r 1e-9" 1 lc-detect -q -r 1e-9 -t 9 a.jsonl
status "usage: -r 1" 2 lc-detect -r 1 a.jsonl

# progress that stops dead at step 2000, with a learning rate that says it should not
stalled() {
	awk -v lr="$1" 'BEGIN {
		for (s = 1; s <= 6000; s++)
			printf "{\"step\":%d,\"loss\":%.5f%s}\n", s, 2 + 6 * ((s < 2000 ? s : 2000) + 10) ^ -.4 + .001 * (s * 7919 % 31 - 15), lr
	}'
}
stalled ',"lr":0.001' >stalled.jsonl
status "a plateau" 0 lc-detect stalled.jsonl
equal "is one alert" 1 "$(wc -l <.out)"
match "of its kind" '"type":"alert".*"index":[1-9].*"threshold":1,"kind":"plateau".*"first":"loss"' .out
stalled '' >unknown.jsonl
status "without a learning rate it is none" 1 lc-detect unknown.jsonl
{
	cat stalled.jsonl
	echo '{"step":6001,"loss":2.28,"lr":0.0001}'
} >excused.jsonl
lc-detect excused.jsonl >out
match "another learning rate ends it" '"type":"end".*"step":6001,"kind":"plateau".*"recovered":false' out
