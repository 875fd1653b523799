# lc-proxy plan: a schedule better than the plan where the law can tell, and a no where it cannot.
. "$TESTS/cli/lib.sh"

golden=$TESTS/golden/lr-scheduling
awk -F '[:,]' '$2 <= 20000' "$golden/parent.jsonl" >run.jsonl
sed 's/}$/,"branch":"k"}/' "$golden/decay-15000.jsonl" >known.jsonl
ok "with an earlier branch known" lc-proxy plan -H run.jsonl -H known.jsonl --horizon 5000
cp .out plan
equal "a branch and its forecast" '["branch","forecast"]' "$(jq -sc 'map(.type)' plan)"
equal "surely better than the plan" true "$(jq -s '.[1].delta | .mean + 1.64 * .sd < 0' plan)"
equal "it ends lower than it begins, never above what was seen" true \
	"$(jq -s '.[0].actions.lr_tail | .to < .from / 5 and ([.from,.to,.points[]] | max <= 1.001)' plan)"
head -n 1 plan | lc-proxy predict -q -H run.jsonl -H known.jsonl | tail -n 1 >again
equal "predict says the same of it" "$(tail -n 1 plan | jq -c '[.final,.delta]')" "$(jq -c '[.final,.delta]' again)"
printf '%s\n' '{"type":"branch","v":1,"branch":"linear","from":{"step":20000},"horizon":5000,' \
	'"actions":{"lr_tail":{"shape":"linear","to":0,"steps":5000}}}' | tr -d '\n' |
	lc-proxy predict -q -H run.jsonl -H known.jsonl >linear
equal "at least as good as a linear decay" true "$(cat linear plan | jq -s '.[3].delta.mean <= .[1].delta.mean')"
ok "the trainer can run it" lc-train -q --dim 32 --layers 1 --ctx 16 --batch 2 --steps 3 --val-every 0 \
	--text "$TESTS/../README.md" --lr-tail "$(head -n 1 plan | jq -c .actions.lr_tail)"
for step in 1 2 3 4 5 6 7 8 9; do echo "{\"step\":$step,\"loss\":3}"; done >nolr.jsonl
status "no lr logged: no plan" 1 lc-proxy plan -H nolr.jsonl --horizon 100
match "and why" 'did not log its lr' .err
printf '{"schedule":"wsd","lr":0.001,"total":25000,"decay_frac":0.2}\n' >p.json
lc-proxy plan -q -H run.jsonl -H known.jsonl --plan p.json >tied
got=$?
equal "to the end of a plan that decays already" true "$([ $got -le 1 ] && echo true)"
status "no horizon" 2 lc-proxy plan -H run.jsonl
status "a horizon too near" 2 lc-proxy plan -H run.jsonl --horizon 5
