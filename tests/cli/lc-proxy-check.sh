# lc-proxy check: a right draft stands, a wrong one is rejected, and real steps sharpen the forecast.
. "$TESTS/cli/lib.sh"

golden=$TESTS/golden/lr-scheduling
awk -F '[:,]' '$2 <= 20000' "$golden/parent.jsonl" >run.jsonl
cp "$golden/decay-25000.jsonl" branch.jsonl
record() {
	printf '{"type":"branch","v":1,"branch":"%s","from":{"step":20000},"horizon":5000,' "$1"
	printf '"actions":{"lr_tail":{"shape":"linear","to":0,"steps":5000}}}\n'
}
record decay | lc-proxy predict -q -n 64 -H run.jsonl >draft
ok "a right draft stands" lc-proxy check -q -H run.jsonl -f draft branch.jsonl
head -n 1 .out >verdict
equal "24 values were tested" '[24,false]' "$(jq -c '[.n,.rejected]' verdict)"
head -n 8 branch.jsonl >probe.jsonl
ok "seven of them" lc-proxy check -q -H run.jsonl -f draft probe.jsonl
equal "the forecast is sharper for them" true "$(cat .out draft | jq -s '.[2].final.sd < .[4].final.sd / 2')"
shift_by() {
	jq -c "if .type == \"forecast\" then .loss |= map_values(map(. + $1)) else . end" draft
}
shift_by 0.5 >wrong
status "a wrong draft is rejected" 1 lc-proxy check -q -d 0.01 -H run.jsonl -f wrong branch.jsonl
equal "and where" true "$(head -n 1 .out | jq '.rejected and .rejected_at > 20000 and .more == 0 and .misfit > 10')"
equal "the new forecast does not follow it" true "$(tail -n 1 .out | jq '.final.mean < 3.1')"
sed '5s/"val_loss":[^}]*/"val_loss":NaN/' branch.jsonl >nan.jsonl
status "a loss that is no number rejects" 1 lc-proxy check -q -H run.jsonl -f draft nan.jsonl
equal "at its step" 20800 "$(head -n 1 .out | jq .rejected_at)"
equal "no NaN comes out" 0 "$(grep -ci nan .out)"
sed 's/"lr":[^,]*,//' branch.jsonl >nolr.jsonl
ok "a branch without lr took its record's" lc-proxy check -q -H run.jsonl -f draft nolr.jsonl
: >none.jsonl
ok "no real step yet: nothing to say" lc-proxy check -q -H run.jsonl -f draft none.jsonl
equal "says so" '[0,0,false]' "$(head -n 1 .out | jq -c '[.n,.log_e,.rejected]')"
(cat draft && record other | lc-proxy predict -q -H run.jsonl) >two
status "rows that do not say whose they are" 3 lc-proxy check -q -H run.jsonl -f two branch.jsonl
sed 's/}$/,"branch":"other"}/' branch.jsonl >other.jsonl
ok "rows that do" lc-proxy check -q -H run.jsonl -f two other.jsonl
equal "are that branch's" other "$(head -n 1 .out | jq -r .branch)"
grep forecast draft >bare
status "a forecast without its branch record" 3 lc-proxy check -q -H run.jsonl -f bare branch.jsonl
jq -c 'if .loss then .loss.q95 |= .[1:] else . end' draft >short
status "quantiles that do not match" 3 lc-proxy check -q -H run.jsonl -f short branch.jsonl
status "no forecast file" 2 lc-proxy check -H run.jsonl branch.jsonl
status "no such file" 4 lc-proxy check -H run.jsonl -f nowhere branch.jsonl
status "a delta that is none" 2 lc-proxy check -d 2 -H run.jsonl -f draft branch.jsonl
