# lc-proxy backtest on real forks: the law beats what does not know the lr, and its interval holds.
. "$TESTS/cli/lib.sh"

cp "$TESTS"/golden/lr-scheduling/*.jsonl .
ok "from the parent's past alone" lc-proxy backtest -l none -j -H parent.jsonl -s 20000 decay-25000.jsonl
tail -n 1 .out >own.out
for other in power curves last; do
	equal "the law is twice as good as $other" true "$(jq ".law.rmse < .$other.rmse / 2" own.out)"
done
equal "the interval holds it" true "$(jq '.law.cover90 >= 0.85' own.out)"
ok "with an earlier branch known" \
	lc-proxy backtest -l none -j -H parent.jsonl -s 20000 -k decay-15000.jsonl decay-25000.jsonl
equal "the error is below half a per cent" true "$(jq -s '.[0].law.rmse < 0.015' .out)"
equal "so it is for the laws that know the lr" true \
	"$(jq -s '.[0] | .mpl.rmse < 0.015 and .tissue.rmse < 0.03' .out)"
ok "two branches are ranked" lc-proxy backtest -j -H parent.jsonl -s 10000 decay-15000.jsonl decay-25000.jsonl
equal "one line a branch and one for all" 3 "$(wc -l <.out)"
equal "tau and regret are told" true "$(jq -s '.[2] | .branches == 2 and .law.tau == 1 and .law.regret == 0' .out)"
cp .out words.out
printf '{"parent":"parent","branch":"decay-%s000","fork_step":10000}\n' 15 25 >cases
ok "the same as cases" lc-proxy backtest -j --cases - <cases
equal "says the same" "$(tail -n 1 words.out)" "$(tail -n 1 .out)"
sed 's/}/,"probe":1000}/' cases | head -n 1 >probed
ok "a probe is known" lc-proxy backtest -j --cases probed
equal "and what it saw is not scored" "19 24" \
	"$(jq -s '.[0].n' .out) $(jq -s '.[0].n' words.out)"
ok "a table for people" lc-proxy backtest --cases cases
match "with the floor" '^floor +0\.0' .out
equal "no wider than a terminal" "" "$(awk 'length > 80' .out)"
head -n 5 parent.jsonl >five.jsonl
ok "a history of five points is an answer" lc-proxy backtest -j -H five.jsonl -s 20000 decay-25000.jsonl
equal "without a NaN" 0 "$(grep -ci nan .out)"
sed 's/, *"lr": *[^,}]*//' parent.jsonl >nolr.jsonl
ok "so is one without lr" lc-proxy backtest -j -H nolr.jsonl -s 20000 decay-25000.jsonl
equal "without a NaN either" 0 "$(grep -ci nan .out)"
echo '{"parent":"none","branch":"decay-15000","fork_step":1}' >none.in
status "a missing run" 4 lc-proxy backtest --cases none.in
echo '{' >bad.in
status "a bad case" 3 lc-proxy backtest --cases bad.in
echo '{"branch":"decay-15000"}' >bad.in
status "a case without a parent" 3 lc-proxy backtest --cases bad.in
status "no step" 2 lc-proxy backtest -H parent.jsonl decay-25000.jsonl
status "no branch" 2 lc-proxy backtest -H parent.jsonl -s 20000
status "a branch with nothing after the fork" 1 lc-proxy backtest -q -H parent.jsonl -s 25000 decay-25000.jsonl
status "no case" 1 lc-proxy backtest --cases - </dev/null
match "is said" '^lc-proxy: -: no cases$' .err
status "a parent that is not there" 4 lc-proxy backtest -H nowhere -s 20000 decay-25000.jsonl
match "is named as it was" '^lc-proxy: open nowhere: No such file' .err
cp parent.jsonl parent.log
ok "a log of another ending" lc-proxy backtest -j -H parent.log -s 20000 decay-25000.jsonl
[ ! -c /dev/full ] || status "a full disk" 4 sh -c 'lc-proxy backtest --cases cases >/dev/full'
