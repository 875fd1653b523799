# lc-proxy predict and fit, from the outside: a filter that leaves alone what is not its own.
. "$TESTS/cli/lib.sh"

G=$TESTS/golden/lr-scheduling
head -n 75 "$G/parent.jsonl" >run.jsonl # to step 14800
branch() { # NAME STEP HORIZON ACTIONS
	printf '{"type":"branch","v":1,"fork":"f","branch":"%s","role":"arm","from":{"snapshot":"s","step":%s},' "$1" "$2"
	printf '"horizon":%s,"actions":%s}\n' "$3" "$4"
}
pick() { # BRANCH PATH FILE: one number of a forecast
	jq -r "select(.type == \"forecast\" and .branch == \"$1\") | $2" "$3"
}
less() { # NAME A B: A is below B
	equal "$1 ($2 < $3)" 1 "$(awk -v a="$2" -v b="$3" 'BEGIN { print (a < b) ? 1 : 0 }')"
}

{
	echo '{"step":3,"loss":NaN,"branch":"b7"}'
	branch ctl 14000 2000 '{}'
	printf '  {"type":"future","v":9, "x": 1.10}\t\n\n'
	branch null 14000 2000 '{"reseed":7}'
	branch half 14000 2000 '{"lr_scale":0.5}'
	branch tail 14000 2000 '{"lr_tail":{"shape":"linear","to":0,"steps":2000}}'
	branch tenfold 14000 2000 '{"lr_scale":10}'
	printf '{"step":4,"loss":2.5}'
} >in.jsonl
ok "predict answers branches" lc-proxy predict -H run.jsonl -n 8 <in.jsonl
cp .out out.jsonl
match "without a plan it says what it holds" 'the last logged lr is held' .err
equal "and says it once" 1 "$(wc -l <.err)"
grep -v '"type":"forecast"' out.jsonl >kept.jsonl
grep "" in.jsonl >want.jsonl # a line end for the last line
same "all other lines pass byte for byte, in order" want.jsonl kept.jsonl
equal "one forecast right after each branch" "ctl null half tail tenfold" "$(jq -R -r 'fromjson? |
	select(.type == "forecast") | .branch' out.jsonl | tr '\n' ' ' | sed 's/ $//')"
jq -c -R 'fromjson? | select(.type == "forecast")' out.jsonl >f.jsonl
equal "the metric is val_loss" val_loss "$(pick ctl .metric f.jsonl)"
equal "points end at the horizon" "8 16000" "$(pick ctl '"\(.steps | length) \(.steps[-1])"' f.jsonl)"
equal "quantiles are in order" true "$(jq -s 'all(.[].loss; [.q05, .q50, .q95] | transpose | all(.[0] < .[1] and
	.[1] < .[2]))' f.jsonl)"
equal "a null is forecast as its control" "$(pick ctl .final.mean f.jsonl)" "$(pick null .final.mean f.jsonl)"
equal "doing nothing differs by 0" 0 "$(pick ctl .delta.mean f.jsonl)"
less "a cut is forecast to lower the loss" "$(pick tail .final.mean f.jsonl)" "$(pick ctl .final.mean f.jsonl)"
less "after a constant lr a cut is 3 times less sure" \
	"$(pick ctl '.final.sd * 3' f.jsonl)" "$(pick half .final.sd f.jsonl)"
less "an lr never tried is dangerous" "$(pick ctl '.diverge * 10' f.jsonl)" "$(pick tenfold .diverge f.jsonl)"
less "and is trusted less" "$(pick tenfold .trust f.jsonl)" "$(pick ctl .trust f.jsonl)"

# earlier branches of the run
jq -c '. + {branch:"old"}' "$G/decay-15000.jsonl" >old.jsonl
ok "earlier branches are read" lc-proxy predict -q -H run.jsonl -H old.jsonl -n 8 <in.jsonl
equal "-q says nothing" 0 "$(wc -c <.err)"
jq -c -R 'fromjson? | select(.type == "forecast")' .out >k.jsonl
less "they make a cut surer" "$(pick tail '.final.sd * 2' k.jsonl)" "$(pick tail .final.sd f.jsonl)"

# a fitted law is the same law
ok "fit" lc-proxy fit -q -H run.jsonl -o law.json
ok "predict from the law" lc-proxy predict -n 8 -l law.json <in.jsonl
same "gives the same bytes" out.jsonl .out
printf '{"lr":0.001,"schedule":"wsd","warmup":300,"total":20000,"decay_frac":0.2,"min_lr":0}\n' >plan.json
ok "with a plan" lc-proxy predict -l law.json --plan plan.json <in.jsonl
equal "the plan needs no words" 0 "$(wc -c <.err)"
jq -c -R 'fromjson? | select(.type == "forecast")' .out >p.jsonl
less "the end of the plan is forecast too" "$(pick ctl .end.mean p.jsonl)" "$(pick ctl .final.mean p.jsonl)"
jq -c '{schedule: (. + {kind: .schedule} | del(.schedule)), step: 1}' plan.json >state.json
cp .out plain.jsonl
ok "a whole state.json will do as plan" lc-proxy predict -l law.json --plan state.json <in.jsonl
same "and says the same" plain.jsonl .out

# the incident
{ jq -c 'if .step >= 12000 then .val_loss += 0.5 else . end' run.jsonl
  echo '{"type":"alert","v":1,"step":12100,"onset":12000,"rewind":11800,"kind":"spike"}'; } >hurt.jsonl
jq -c 'select(.step <= 11800)' run.jsonl >clean.jsonl # what follows the advised rewind is suspect
{ branch re 11800 1000 '{}'; branch on 14000 1000 '{}'; } >two.jsonl
lc-proxy predict -q -H clean.jsonl <two.jsonl | jq -c 'select(.branch == "re" and .type == "forecast").final' >a
ok "an alert in the stream" lc-proxy predict -q -H hurt.jsonl <two.jsonl
jq -c 'select(.branch == "re" and .type == "forecast").final' .out >b
same "steps after the onset are not the law of a rewound arm" a b
less "an arm that starts damaged is forecast higher" \
	"$(pick re '.loss.q50[0] + 0.1' .out)" "$(pick on '.loss.q50[0]' .out)"
less "and trusted less" "$(pick on '.trust * 1.5' .out)" "$(pick re .trust .out)"
cp .out c
grep -v alert hurt.jsonl >noalert.jsonl
grep alert hurt.jsonl >alert.json
ok "the alert as a file" lc-proxy predict -q -H noalert.jsonl -a alert.json <two.jsonl
same "is the same" c .out

# histories as they are
printf '{"step":10,"loss":3.1,"lr":1e-3}\n' >one.jsonl
ok "one point" lc-proxy predict -q -H one.jsonl <two.jsonl
equal "gives no NaN" 0 "$(grep -ci 'nan\|inf' .out)"
equal "the experts' weights are told" true "$(jq -s 'all(.[] | select(.experts); .experts | add | . > 0.98 and . < 1.02)
	and (map(select(.experts)) | length > 0)' .out)"
equal "and little trust" true "$(jq -s 'all(.[] | select(.trust); .trust < 0.3)' .out)"
: >empty.jsonl
status "an empty history is bad data" 3 lc-proxy predict -H empty.jsonl <two.jsonl
printf '{"step":1,"loss":NaN}\n{"step":2,"loss":Infinity}\n' >nan.jsonl
status "a history without a finite loss is bad data" 3 lc-proxy predict -H nan.jsonl <two.jsonl
match "it is named" '^lc-proxy: nan.jsonl: no finite loss$' .err
status "so it is with others" 3 lc-proxy predict -H nan.jsonl -H empty.jsonl <two.jsonl
match "the first is named" '^lc-proxy: nan.jsonl and 1 more: no finite loss$' .err
{ cat run.jsonl; printf '{"step":14900,"val_l'; } >torn.jsonl
ok "a torn last line is passed over" lc-proxy predict -n 8 -H torn.jsonl <in.jsonl
same "and changes nothing" out.jsonl .out
{ cat run.jsonl; echo '{"step":14900,"val_loss":}'; } >bad.jsonl
ok "a bad line is passed over" lc-proxy predict -n 8 -H bad.jsonl <in.jsonl
match "and named" 'bad.jsonl line 76' .err
sed 's/,"lr":[^,}]*//' run.jsonl >nolr.jsonl
ok "a history without lr" lc-proxy predict -H nolr.jsonl <two.jsonl
match "is said to be one" 'no lr logged' .err
{ cat run.jsonl; echo '{"step":1000000000,"loss":2.5,"lr":1e306}'; } >wild.jsonl
ok "a wild lr far away ends" timeout 60 lc-proxy predict -q -H wild.jsonl <two.jsonl
equal "and gives no NaN" 0 "$(grep -ci 'nan\|inf' .out)"
echo '{"type":"alert","v":1,"step":9223372036854775807,"onset":-9223372036854775808}' >far.json
ok "an alert at no step" lc-proxy predict -q -H run.jsonl -a far.json <two.jsonl
equal "no branches, no output" "" "$(lc-proxy predict -q -H run.jsonl </dev/null)"

# what must be refused
status "no verb" 2 lc-proxy
status "unknown verb" 2 lc-proxy guess
status "unknown option" 2 lc-proxy predict --nonsense
status "neither -H nor -l" 2 lc-proxy predict
status "both" 2 lc-proxy predict -H run.jsonl -l law.json
status "too many points" 2 lc-proxy predict -H run.jsonl -n 65
status "a missing history" 4 lc-proxy predict -H none.jsonl
for bad in '{"type":"branch","v":1,"branch":"b","from":{"step":1},"horizon":0,"actions":{}}' \
	'{"type":"branch","v":1,"branch":"b","from":{"step":1},"horizon":9,"actions":{"lr_scale":-1}}' \
	'{"type":"branch","v":1,"branch":"b","from":{"step":1},"horizon":9,"actions":{"warp":1}}' \
	'{"type":"branch","v":1,"branch":"b","horizon":9,"actions":{}}' \
	'{"type":"branch","v":1,"branch":"b","from":{"step":1,"branch":"zz"},"horizon":9,"actions":{}}' \
	'{"type":"branch","v":2,"branch":"b","from":{"step":1},"horizon":9,"actions":{}}' \
	'{"type":"branch","v":1,"branch":"b"' 'no json'; do
	{ echo '{"type":"x"}'; printf '%s\n' "$bad"; } >bad.in
	status "refused: $bad" 3 lc-proxy predict -q -l law.json <bad.in
	match "its line is named" 'line 2' .err
done
ok "fit to stdout" lc-proxy fit -q -H run.jsonl -o -
same "is the same law" law.json .out
ln -s law.json link.json
ok "fit through a link" lc-proxy fit -q -H run.jsonl -o link.json
ok "which stays one" test -L link.json
head -c 1000 law.json >torn.json
status "a torn law" 3 lc-proxy predict -l torn.json <two.jsonl
jq -c '.v = 2' law.json >new.json
status "a law of a later version" 3 lc-proxy predict -l new.json <two.jsonl
jq -c 'del(.variants[3].mean[2])' law.json >short.json
status "a law with a number missing" 3 lc-proxy predict -l short.json <two.jsonl
status "a plan without an end" 3 lc-proxy predict -l law.json --plan alert.json <two.jsonl
elsewhere() { LC_DEVICE=$1 lc-proxy predict -q -l law.json <two.jsonl; }
status "a device of no known kind" 2 elsewhere tpu
if ! nvidia-smi >/dev/null 2>&1; then
	status "a device that is not there" 4 elsewhere cuda
fi
cp law.json before.json
if [ -w /dev/full ]; then
	full() { lc-proxy predict -q -l law.json <two.jsonl >/dev/full; }
	status "a full disk" 4 full
fi
status "fit into no directory" 4 lc-proxy fit -q -H run.jsonl -o none/law.json
status "fit of nothing" 3 lc-proxy fit -q -H empty.jsonl -o law.json
same "leaves the old law" before.json law.json
ok "--help" lc-proxy --help
match "--help tells the verbs" 'lc-proxy predict' .out
ok "--version" lc-proxy --version

# the example of lc-proxy(1)
echo '{"type":"branch","v":1,"branch":"half","from":{"step":150},
"horizon":100,"actions":{"lr_scale":0.5}}' | tr -d '\n' |
	lc-proxy predict -q -H run.jsonl | jq -c 'select(.final).delta' >example
match "the manual's example answers" '^\{"mean":-?[0-9.]+,"sd":[0-9.]+\}$' example

# to the end of the plan
branch half 14000 500 '{"lr_scale":0.5}' >half.jsonl
ok "predict to the end" lc-proxy predict -q --to-end -n 4 --plan plan.json -H run.jsonl <half.jsonl
equal "its points go there" "15500 17000 18500 20000" "$(jq -r 'select(.final) | .steps | map(tostring) | join(" ")' .out)"
equal "and its final is the end" true "$(jq 'select(.final) | .final == .end' .out)"
lc-proxy predict -q -n 4 --plan plan.json -H run.jsonl <half.jsonl >short.jsonl
equal "which the horizon alone says too" true "$(jq -s '[.[] | select(.final) | .end.mean] | (.[0] - .[1] | fabs) < 1e-3' \
	.out short.jsonl)"
status "without a plan there is no end" 3 lc-proxy predict -q --to-end -H run.jsonl <half.jsonl
match "and it says so" 'branch half: no plan says where the run ends' .err

# an lr that comes back by itself, and an lr that is the base's already
B1='{"type":"branch","v":1,"branch":"%s","from":{"step":14000},"horizon":800,"base":%s,"actions":%s}\n'
# shellcheck disable=SC2059
{
	printf "$B1" half '{}' '{"lr_scale":0.5}'
	printf "$B1" short '{}' '{"lr_scale":0.5,"lr_for":40}'
	printf "$B1" long '{}' '{"lr_scale":0.5,"lr_for":800}'
	printf "$B1" goes-on '{"lr_scale":0.5}' '{}'
	printf "$B1" said-again '{"lr_scale":0.5}' '{"lr_scale":0.5}'
	printf "$B1" back '{"lr_scale":0.5}' '{"lr_scale":1}'
	printf "$B1" twice '{}' '{"lr_scale":2}'
} >in.jsonl
ok "lr_for and base" lc-proxy predict -q -H run.jsonl <in.jsonl
cp .out f.jsonl
equal "lr_for as long as the horizon is the cut itself" "$(pick half .final.mean f.jsonl)" "$(pick long .final.mean f.jsonl)"
less "a short cut moves the end less" "$(pick short '.delta.mean | fabs * 4' f.jsonl)" "$(pick half '.delta.mean | fabs' f.jsonl)"
equal "what is in force already changes nothing" 0 "$(pick said-again .delta.mean f.jsonl)"
equal "nor does going on with it" "$(pick goes-on .final.mean f.jsonl)" "$(pick said-again .final.mean f.jsonl)"
equal "taking half back is twice the logged lr" "$(pick twice .final.mean f.jsonl)" "$(pick back .final.mean f.jsonl)"
ok "with a plan the base's scale holds on" lc-proxy predict -q --plan plan.json -H run.jsonl <in.jsonl
cp .out f.jsonl
equal "half of the plan" "$(pick half .final.mean f.jsonl)" "$(pick goes-on .final.mean f.jsonl)"
equal "which changes nothing of it" 0 "$(pick goes-on .delta.mean f.jsonl)"
