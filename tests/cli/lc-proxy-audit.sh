# lc-proxy audit: worlds whose truth is exact, strata of real forks, a negative control.
. "$TESTS/cli/lib.sh"

ok "the oracle worlds are forecast" lc-proxy audit -j
cp .out worlds
equal "error .0015 at most and no regret where it can be known" true \
	"$(jq -s 'map(select(.part == "oracle" and .beyond == null)) | length == 3 and all(.passed and .rmse <= 0.0015 and .regret == 0)' worlds)"
equal "a lr beyond the edge is found out" true \
	"$(jq -s 'map(select(.beyond)) | length == 1 and all(.beyond >= 1 and .found == .beyond)' worlds)"
cp "$TESTS"/golden/lr-scheduling/*.jsonl .
printf '{"parent":"parent","branch":"decay-%s000","fork_step":10000,"strata":{"size":"124M"}}\n' 15 25 >cases
ok "real forks" lc-proxy audit -j --cases cases
cp .out all
equal "by stratum" '[2,2,1]' \
	"$(jq -sc 'map(select(.part == "stratum")) | [(.[] | select(.name == ("all", "size=124M")) | .n),
		(.[] | select(.name == "horizon=beyond the past") | .n)]' all)"
equal "coverage by what widths are of: each value once" true \
	"$(jq -s 'map(select(.part == "coverage")) | (map(select(.name | contains(",") | not).values) | add) ==
		(map(select(.name | contains(",")).values) | add) and all(.cover90 >= 0 and .cover90 <= 1) and length >= 4' all)"
equal "what is known of divergence" true \
	"$(jq -s '[.[] | select(.part == "hazard")] | length == 1 and .[0].forks > 0' all)"
match "drafts are put to the test" '"part":"trust"' all
equal "the forms are compared" 6 "$(grep -c '"part":"form"' all)"
equal "and some are on the front" true "$(jq -s 'map(select(.part == "form" and .front)) | length >= 1' all)"
# the control needs three branches of one fork and one end: lrs that fall, stay and rise, from a law
awk 'BEGIN {
	for (b = 0; b < 4; b++) {
		from = b ? 4000 : 0; to = b ? 6000 : 6000; file = b ? "b" b ".jsonl" : "p.jsonl"
		h = b ? 1 : 0
		for (t = 1; t <= to; t++) {
			lr = b == 1 && t > 4000 ? 0.2 : b == 2 && t > 4000 ? 0.5 : b == 3 && t > 4000 ? 0.8 : 1
			if (b == 0 && t > 2000 && t <= 3000) lr = 0.4
			if (b && t > 2000 && t <= 3000) lr = 0.4
			h += (lr - h) * (1 - exp(-lr / 50))
			if (t % 25 == 0 && t > from)
				printf "{\"step\":%d,\"lr\":%g,\"val_loss\":%.5f}\n", t, lr * 1e-3, 2 + 20 / (t ^ 0.6) + 0.1 * h >file
		}
	}
}'
for b in 1 2 3; do echo "{\"parent\":\"p\",\"branch\":\"b$b\",\"fork_step\":4000}"; done >three
ok "three branches of one fork" lc-proxy audit -j --cases three
equal "are ranked right" 1 "$(jq -s '.[] | select(.part == "rank").tau' .out)"
equal "under each other's lr they are not" true "$(jq -s '.[] | select(.part == "control").tau <= 0' .out)"
ok "a table for people" lc-proxy audit --cases cases
match "with the strata" '^size=124M ' .out
match "the forms" '^form check: 3 runs' .out
match "and the worlds" '^sgd .* passed$' .out
: >none
status "no case" 1 lc-proxy audit --cases none
echo 3 >bad
status "a case that is none" 3 lc-proxy audit --cases bad
status "a history is no case" 2 lc-proxy audit -H parent.jsonl
