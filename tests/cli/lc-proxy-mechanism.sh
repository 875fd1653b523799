# lc-proxy: what clip and reset do to a forecast, by the optimizer the run says it has; the gradient norm's band.
. "$TESTS/cli/lib.sh"

rows() { # steps 1..3000, gradient norm 1 (or spread by $1)
	awk -v s="${1:-0}" 'BEGIN { srand(5); for (i = 10; i <= 3000; i += 10)
		printf "{\"step\":%d,\"loss\":%.5f,\"lr\":0.001,\"grad_norm\":%.5f}\n",
			i, 2 + 3 / sqrt(1 + i / 50) + .01 * (rand() - .5), exp(s * (rand() - .5)) }'
}
setup() {
	echo "{\"type\":\"setup\",\"v\":1,\"optimizer\":\"$1\",\"clip\":1,\"beta2\":0.95}"
}
arm() { # NAME ACTIONS
	printf '{"type":"branch","v":1,"fork":"f","branch":"%s","role":"arm","from":{"step":3000},"horizon":400,' "$1"
	printf '"actions":%s}\n' "$2"
}
of() { # BRANCH PATH
	jq -r "select(.type == \"forecast\" and .branch == \"$1\") | $2" f.jsonl
}
{
	arm ctl '{}'
	arm half '{"lr_scale":0.5}'
	arm clip '{"clip":0.5}'
	arm m '{"reset":"m"}'
	arm mv '{"reset":"mv"}'
} >arms.jsonl
wider() { # NAME A B
	equal "$1 ($2 < $3)" 1 "$(awk -v a="$2" -v b="$3" 'BEGIN { print (a < b) ? 1 : 0 }')"
}
forecast() {
	lc-proxy predict -q -H run.jsonl <arms.jsonl >f.jsonl
}

{ setup sgd; rows; } >run.jsonl
ok "sgd" forecast
equal "under sgd a clip at half the norm is half the lr" "$(of half .final.mean)" "$(of clip .final.mean)"
equal "and a reset of the velocity is felt" false "$(jq -n "$(of ctl '.loss.q50[0]') == $(of m '.loss.q50[0]')")"
{ setup AdamW; rows; } >run.jsonl
ok "adam" forecast
equal "under adam clip is scale-free" "$(of ctl .final.mean)" "$(of clip .final.mean)"
wider "though not sure to be" "$(of ctl .delta.sd)" "$(of clip .delta.sd)"
equal "a reset is felt" false "$(jq -n "$(of ctl '.loss.q50[0]') == $(of mv '.loss.q50[0]')")"
gone=$(jq -n "(($(of ctl .final.mean)) - ($(of mv .final.mean))) | fabs < 0.01")
equal "and passes" true "$gone"
sure=$(of clip .delta.sd)
{ setup muon; rows; } >run.jsonl
ok "an optimizer that is not known" forecast
equal "clip changes no mean" "$(of ctl .final.mean)" "$(of clip .final.mean)"
equal "nor does a reset" "$(of ctl .final.mean)" "$(of mv .final.mean)"
wider "both are less sure" "$sure" "$(of clip .delta.sd)"

# the norm's own law
{ setup AdamW; rows 1; } >run.jsonl
ok "norms that scatter" forecast
equal "have a band" true "$(jq -s 'map(select(.final).grad_norm | [.q05, .q50, .q95] | transpose |
	all(.[0] < .[1] and .[1] < .[2] and .[0] > 0.3 and .[2] < 3)) | all' f.jsonl)"
equal "as long as the loss's" true "$(jq -s 'map(select(.final) | (.grad_norm.q50 | length) == (.steps | length)) | all' f.jsonl)"
cp f.jsonl want.jsonl
ok "a law keeps it" lc-proxy fit -q -H run.jsonl -o law.json
ok "and forecasts from it" lc-proxy predict -q -l law.json <arms.jsonl
same "are the same" want.jsonl .out
jq -c '.grad.numbers[0] = "nan"' law.json >bad.json
status "a law whose norms are no numbers" 3 lc-proxy predict -q -l bad.json <arms.jsonl
jq -c 'del(.grad)' law.json >old.json
ok "a law of before has none" lc-proxy predict -q -l old.json <arms.jsonl
equal "and says so by its absence" 0 "$(grep -c grad_norm .out)"
