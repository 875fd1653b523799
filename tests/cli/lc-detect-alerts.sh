# lc-detect: alerts from streams with planted excursions, and none from healthy ones.
. "$TESTS/cli/lib.sh"

# log STEPS [AWK...]: a healthy run with noise of a fixed seed (a linear congruence, the same in every awk); the awk
# statements may change loss, grad and step, and print anything of their own.
log() {
	awk -v n="$1" '
		function u() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
		function normal(  i, s) { s = -6; for (i = 0; i < 12; i++) s += u(); return s }
		BEGIN {
			seed = 12345
			for (s = 1; s <= n; s++) {
				step = s; show = 1
				loss = 2 + 6 * (s + 10) ^ -.4 + .02 * normal()
				grad = exp(.15 * normal())
				'"${2:-}"'
				if (show) printf "{\"step\":%d,\"loss\":%s,\"grad_norm\":%s}\n", step, loss, grad
			}
		}'
}
field() { grep -o "\"$1\":[^,}]*" | head -n 1 | cut -d : -f 2 | tr -d '"'; }

log 600 >healthy.jsonl
status "a healthy run is quiet" 1 lc-detect healthy.jsonl
equal "and prints nothing" "" "$(cat .out)"

log 150 'if (s >= 121) loss += 3' >young.jsonl
ok "a spike in a young run" lc-detect -t 1.1 young.jsonl
match "its threshold has two digits" '"threshold":[12]\.[0-9]{1,2},' .out

log 600 'if (s >= 401 && s <= 408) loss += 1' >spike.jsonl
ok "a spike of the loss" lc-detect spike.jsonl
cp .out alert
equal "one alert, and its end" "alert end" "$(sed 's/.*"type":"\([a-z]*\)".*/\1/' alert | tr '\n' ' ' | sed 's/ $//')"
match "index and threshold have two digits" '"index":[0-9]+(\.[0-9]{1,2})?,"threshold":[0-9]+(\.[0-9]{1,2})?,' alert
equal "is a spike" spike "$(field kind <alert)"
equal "its onset" 401 "$(field onset <alert)"
equal "its rewind" 396 "$(field rewind <alert)"
ok "from standard input" lc-detect <spike.jsonl
same "the same alert" .out alert
ok "as -" lc-detect - <spike.jsonl
same "the same alert from -" .out alert
ok "-q" lc-detect -q spike.jsonl
equal "-q prints nothing" "" "$(cat .out)"
match "an alert is strict JSON with type and version" '^\{"type":"alert","v":1,"step":40[123],' alert

log 600 'if (s == 400) grad = 20; if (s == 401) loss += .3' >agree.jsonl
ok "a loss that the gradient norm agrees with" lc-detect agree.jsonl
equal "began with the gradient norm" grad_norm "$(field first <.out)"
log 600 'if (s == 401) loss += .3' >outlier.jsonl
status "one step of that loss alone is data" 1 lc-detect outlier.jsonl
log 600 'if (s == 400) grad = 20' >grad.jsonl
status "one step of that gradient norm alone is nothing" 1 lc-detect grad.jsonl

log 900 'if (s > 500) loss += .003 * (s - 500)' >drift.jsonl
ok "a slow drift" lc-detect -1 drift.jsonl
equal "is a drift" drift "$(field kind <.out)"

for bad in NaN Infinity -Infinity '"nan"' nan; do
	log 50 "if (s == 20) printf \"{\\\"step\\\":20,\\\"loss\\\":%s}\\n\", bad; if (s >= 20) show = 0" |
		sed "s/\"loss\":}/\"loss\":$bad}/" >nan.jsonl
	ok "$bad, in a young run" lc-detect -1 nan.jsonl
	equal "$bad is nonfinite at once" "nonfinite 20 inf" "$(field kind <.out) $(field step <.out) $(field index <.out)"
done
log 300 'if (s == 200) grad = "NaN"' >nangrad.jsonl
ok "a gradient norm that is NaN" lc-detect nangrad.jsonl
equal "came first" "grad_norm 200" "$(field first <.out) $(field step <.out)"

sed 's/,"grad_norm":[^}]*//' spike.jsonl >nograd.jsonl
ok "no gradient norms" lc-detect nograd.jsonl
equal "no score of them" "" "$(grep -c 'signals.*grad_norm":[^,]*,' .out | grep -v 0)"
sed 's/"loss":[^,]*,//' healthy.jsonl >noloss.jsonl
status "gradient norms only, healthy" 1 lc-detect noloss.jsonl

# a resume: what was taken back is forgotten, and the fresh past is healthy
{
	log 430 'if (s >= 401) { loss += 1; grad *= 5 }'
	log 600 'show = s >= 380'
} >rewound.jsonl
ok "a spike before a rewind" lc-detect rewound.jsonl
equal "no second alert after it" 1 "$(wc -l <.out)"
{
	log 400
	log 404 'show = s >= 401; if (s >= 402) { loss += .08 }'
	log 600 'show = s >= 390'
} >bump.jsonl
status "half an excursion, taken back" 1 lc-detect bump.jsonl

status "--since the end: all only teaches" 1 lc-detect --since 600 spike.jsonl
status "--since after the alert" 1 lc-detect -s 420 spike.jsonl
ok "--since before it" lc-detect -s 300 spike.jsonl
same "the alert is the same" .out alert
status "a higher threshold" 1 lc-detect -t 1000 spike.jsonl
ok "a threshold of nothing" lc-detect -1 -t 0.01 healthy.jsonl

sed 's/"loss"/"my\/own"/' spike.jsonl >named.jsonl
status "a loss by another name is not seen" 1 lc-detect named.jsonl
ok "-m names it" lc-detect -m loss=my/own named.jsonl
same "the alert of the named loss" .out alert

ok "two files are one run" sh -c 'head -n 405 spike.jsonl >one; tail -n +406 spike.jsonl >two; lc-detect one two'
same "the same alert of both" .out alert
cat healthy.jsonl spike.jsonl >twice.jsonl
ok "-1 of two alerts" lc-detect -1 nangrad.jsonl spike.jsonl
equal "is one" 1 "$(wc -l <.out)"

ok "--index" lc-detect --index spike.jsonl
equal "a record for every step" 600 "$(grep -c '"type":"index"' .out)"
equal "no index at the start" nan "$(head -n 1 .out | field index)"

# real logs (tests/golden/llmc-124m/README)
status "the first 500 steps of a real run: healthy" 1 lc-detect "$TESTS/golden/llmc-124m/healthy.jsonl"
ok "a real run that was NaN from the start" lc-detect "$TESTS/golden/llmc-124m/nan.jsonl"
equal "is so at step 1, once" "nonfinite 1 1" "$(field kind <.out) $(field step <.out) $(wc -l <.out)"

# A drift so slow that it began long before what the detector holds: the way back is still to just before it.
awk 'BEGIN { srand(5); for (i = 1; i <= 2500; i++) { l = 2 + 2 * exp(-i / 300); if (i > 1500) l += .0003 * (i - 1500)
	for (k = 0; k < 4; k++) { x = (x * 1103515245 + 12345) % 2147483648; l += .25 * (x / 2147483648 - .5) }
	printf "{\"step\":%d,\"loss\":%.5f}\n", i, l } }' >slow.jsonl
ok "a slow drift" lc-detect -1 slow.jsonl
if awk -F'[:,]' '{ for (i = 1; i < NF; i++) { if ($i ~ /"onset"/) o = $(i + 1); if ($i ~ /"rewind"/) r = $(i + 1) } exit !(r > 1000 && r < o) }' .out
then pass "has a step to go back to"; else fail "has a step to go back to" "$(cut -c1-120 .out)"; fi
