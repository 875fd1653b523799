# lc-proxy: experts beside the law have the say that a model gives them, and none by themselves.
. "$TESTS/cli/lib.sh"

run=$TESTS/golden/lr-scheduling/parent.jsonl
printf '{"type":"branch","v":1,"branch":"%s","from":{"step":20000},"horizon":5000,"actions":%s}\n' same '{}' \
	less '{"lr_scale":0.1}' batch '{"lr_scale":0.1,"batch_scale":2}' >arms
ok "a law" lc-proxy fit -q -l none -H "$run" -o fitted.json
jq -c '.experts = {from: "none"}' fitted.json >law.json

# the same law, told who is right
weights() { # LAW MPL POWER: at every horizon
	jq -c --argjson w "[$1,$2,$3,0]" '.experts.from = "model" |
		.experts.weights = {groups: 9, gain: 1, se: 0.1, rms: [range(6) | [1, 0.002, 0.002, 0]],
		stack: {experts: 4, weight: [range(6) | $w], groups: [range(6) | 9]}} |
		.experts.fitted = [{name: "power", lr: 1, skip: 0, par: [3, 0.1, 0.5, 20000, 0, 0, 0, 0]}]' law.json
}
final() { # FILE BRANCH
	lc-proxy predict -q -l "$1" <arms | jq -s --arg b "$2" 'map(select(.final and .branch == $b))[0].final.mean'
}
weights 1 0 0 >alone.json
equal "all weight on the law is the law" "$(final law.json less)" "$(final alone.json less)"
weights 0 0 1 >power.json
equal "all weight on a power law: it is what is said" true "$(final power.json less | jq '. - (3 + 0.1 * pow(25000 / 20000; -0.5)) |
	fabs < 1e-4')"
equal "and the lr does nothing" true "$(lc-proxy predict -q -l power.json <arms | jq -s 'map(select(.delta))[1].delta.mean |
	fabs < 1e-6')"
weights 0.5 0 0.5 >half.json
equal "half of it is half way" true "$(jq -n "($(final law.json less) + $(final power.json less)) / 2 - $(final half.json less) |
	fabs < 1e-4")"
ok "the weights are told" lc-proxy predict -q -l half.json <arms
equal "of the law and of the other" '{"law":0.5,"power":0.5}' "$(jq -c 'select(.branch == "less" and .experts).experts' .out)"
equal "who knows no batches is not asked of them" '{"law":1}' "$(jq -c 'select(.branch == "batch" and .experts).experts' .out)"
equal "and what the law says of them stays" "$(final law.json batch)" "$(final half.json batch)"
# an expert that was never fitted has no say, whatever its weight
weights 0 1 0 >none.json
equal "an expert that is missing leaves the law" "$(final law.json less)" "$(final none.json less)"
for bad in '.experts.weights.stack.weight[0][0] = 2' 'del(.experts.weights)' '.experts.fitted[0].par = [1]' \
	'.experts.weights.rms[5][1] = "nan"' '.experts.fitted[0].name = "oracle"' '.experts.weights.stack.experts = 3'; do
	jq -c "$bad" half.json >bad.json
	status "refused: $bad" 3 lc-proxy predict -q -l bad.json <arms
	match "in a line" '^lc-proxy: law: a field is missing or out of range$' .err
done

# networks that say one sd up, whatever they are told
weights 0 0 0 | jq -c 'def z(n): [range(n) | 0]; .experts.weights.stack.weight = [range(6) | [0, 0, 0, 1]] |
	.experts.network = {gate: 1, shift: z(10), scale: z(10), w1: z(800), b1: z(80), w2: z(1280), b2: z(80), w3: z(80),
	b3: [range(5) | 1]}' >up.json
up() { lc-proxy predict -q -l "$1" <arms | jq -s '[.[] | select(.final and .branch == "less")][0].final'; }
equal "a network's say is in the law's sd" true "$(jq -n "$(up law.json) as \$law | $(up up.json) as \$up |
	(\$up.mean - \$law.mean) / \$law.sd - 1 | fabs < 1e-3")"
LC_BLAS=none ok "no BLAS" lc-proxy predict -q -l up.json <arms
mv .out none.out
for blas in openblas blis; do
	if LC_BLAS=$blas lc-proxy predict -q -l up.json <arms >blas.out 2>.err; then
		equal "the same by $blas" true "$(jq -n --slurpfile a none.out --slurpfile b blas.out '[$a, $b | map(select(.final) | .final.mean)] |
			transpose | all(.[0] - .[1] | fabs < 1e-4)')"
	else
		skip "the same by $blas" "it is not here"
	fi
done
LC_BLAS=abacus status "a BLAS of no name" 2 lc-proxy predict -q -l up.json <arms
