# lc-proxy eval on real forks: the law beats what does not know the lr, and its interval holds.
. "$TESTS/cli/lib.sh"

cp "$TESTS"/golden/lr-scheduling/*.jsonl .
printf '{"parent":"parent","branch":"decay-15000","fork_step":10000}\n{"parent":"parent","branch":"decay-25000",%s\n' \
	'"fork_step":20000}' >own.in
printf '{"parent":"parent","branch":"decay-25000","fork_step":20000,"known":["decay-15000"]}\n' >known.in
ok "from the parent's past alone" lc-proxy eval <own.in
tail -n 1 .out >own.out
equal "it is better than a power law in the step" true "$(jq '.rmse < .rmse_power / 2' own.out)"
equal "and than the last value" true "$(jq '.rmse < .rmse_hold / 2' own.out)"
equal "the interval holds it" true "$(jq '.cover90 >= 0.85' own.out)"
ok "with an earlier branch known" lc-proxy eval <known.in
equal "the error is below half a per cent" true "$(jq -s '.[0].rmse < 0.015' .out)"
equal "the interval holds it, and is narrow" true "$(jq -s '.[0] | .cover90 >= 0.8 and .sd < 0.02' .out)"
echo '{"parent":"none","branch":"decay-15000","fork_step":1}' >none.in
status "a missing run" 4 lc-proxy eval <none.in
echo '{' >bad.in
status "a bad case" 3 lc-proxy eval <bad.in
status "no case" 1 lc-proxy eval </dev/null
