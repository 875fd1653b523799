# lc-proxy on histories as they come: a clear answer each time, and never a NaN out.
. "$TESTS/cli/lib.sh"

rows() { # FIRST LAST EVERY [LR]
	awk -v a="$1" -v b="$2" -v d="$3" -v lr="${4-,\"lr\":0.001}" 'BEGIN { srand(a); for (i = a; i <= b; i += d)
		printf "{\"step\":%d,\"loss\":%.5f%s}\n", i, 2 + 3 / sqrt(1 + i / 50) + .01 * (rand() - .5), lr }'
}
arm() { # STEP ACTIONS
	printf '{"type":"branch","v":1,"branch":"b","from":{"step":%s},"horizon":200,"actions":%s}\n' "$1" "$2"
}
{ arm 2000 '{}'; arm 2000 '{"lr_scale":0.3}'; arm 2000 '{"clip":0.1}'; arm 2000 '{"reset":"mv"}'; arm 0 '{}'; } >arms
answers() { # NAME: every arm is forecast, in finite numbers, quantiles in order
	ok "$1" lc-proxy predict -H run.jsonl <arms
	cp .err said
	equal "$1: every arm, finite, in order" "5 true" "$(jq -r -s 'map(select(.final)) | "\(length) \(all(.[];
		([.. | numbers | fabs < 1e9] | all) and ([.. | strings | test("^-?(nan|inf)$")] | any | not) and
		([.loss.q05, .loss.q50, .loss.q95] | transpose | all(.[0] <= .[1] and .[1] <= .[2]))))"' .out)"
}

rows 100 2000 475 >run.jsonl
equal "five points" 5 "$(wc -l <run.jsonl)"
answers "a history of five points"
{ rows 1 2000 1; } >whole.jsonl
awk 'NR % 3 == 1 { sub(/"loss":[0-9.]*/, "\"loss\":NaN") } NR % 50 == 2 { sub(/"loss":[0-9.]*/, "\"loss\":Infinity") } 1' \
	whole.jsonl >run.jsonl
answers "a third of the losses NaN, some infinite"
{ rows 1 300 1; rows 1700 2000 1; } >run.jsonl
answers "a gap of most of the run"
{ rows 1 1500 1; rows 900 1200 1; rows 1100 2000 1; } >run.jsonl
answers "resumes"
cp .out resumed
{ rows 1 899 1; rows 900 1099 1; rows 1100 2000 1; } >run.jsonl
answers "the same without what was run twice"
same "is the same" resumed .out
rows 1 2000 1 '' >run.jsonl
answers "no lr"
match "it is said" 'no lr logged' said
rows 1 2000 1 ',"lr":0' >run.jsonl
answers "an lr of 0 throughout"
rows 1 2000 1 ',"lr":"nan","grad_norm":"inf"' >run.jsonl
answers "an lr and norms that are no numbers"
rows 1 2000 1 ',"lr":0.001,"grad_norm":0' >run.jsonl
answers "norms of 0"
awk 'BEGIN { for (i = 1; i <= 2000; i++) printf "{\"step\":%d,\"loss\":2,\"lr\":0.001,\"grad_norm\":1}\n", i }' >run.jsonl
answers "a loss that never moves"
rows 1 2000 1 ',"lr":1e-300' >run.jsonl
answers "an lr that is hardly a number"
awk 'NR % 3 == 1 { sub(/"loss":[0-9.]*/, "\"loss\":1e300") } 1' whole.jsonl >run.jsonl
answers "losses whose squares are no numbers"
awk 'BEGIN { for (i = 1; i <= 200; i++)
	printf "{\"step\":%d,\"loss\":%g,\"lr\":%g}\n", i, (i % 7 ? 2 : 1e8) + 1 / i, .001 * (1 + i % 50 / 10) }' >run.jsonl
answers "every seventh loss a hundred million"
ok "its law is written" lc-proxy fit -q -H run.jsonl -o wild.json
equal "and says that it does not fit" true "$(jq '.chi2 > 100' wild.json)"
status "and is read back" 0 lc-proxy predict -q -l wild.json <arms
# a law of nobody: refused in a line, or an answer
rows 1 2000 1 >run.jsonl
ok "a law" lc-proxy fit -q -H run.jsonl -o law.json
for bad in '.width[0] = -1' '.width[3] = 0' '.level = 1e308' '.noise = -1' '.hazard[0] = 1e308' '.variants[].weight = 0' \
	'.variants[].weight = 1' '.lam0 = 1e300' '.drift_len = 1e-300' '.drift_var = -1' '.chi2 = -5' '.lr[0].lr[0] = 1e300' \
	'.clock[0] = -5' '.drive[0] = 1e3' '.misfit = 1e300' '.last = 1e308'; do
	jq -c "$bad" law.json >bad.json
	status "refused: $bad" 3 lc-proxy predict -q -l bad.json <arms
	match "in a line" '^lc-proxy: law: a field is missing or out of range$' .err
done
jq -c '.variants[].mean[1] = 1e90 | .variants[].factor[3][3] = 1e90' law.json >bad.json
status "what is no number is not said" 3 lc-proxy predict -q -l bad.json <arms
match "but why" '^lc-proxy: branch b: what the law says of it is no number$' .err
# more rows than are kept
rows 1 700000 1 >run.jsonl
ok "a long history" lc-proxy fit -q -H run.jsonl -o long.json
equal "is seen to its end" true "$(jq '.last == 700000 and .first < 40000' long.json)"
printf '{"type":"branch","v":1,"branch":"b","from":{"step":700000},"horizon":1000,"actions":{}}\n' >arm
ok "and forecast" lc-proxy predict -q -l long.json <arm
near=$(jq -s '.[-1].final.mean | . > 2.02 and . < 2.03' .out)
equal "right" true "$near"
