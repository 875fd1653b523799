# lc-fork plan: arms from a space, by each sampler, and round after round; what is planned is run by a real trainer.
. "$TESTS/cli/lib.sh"
unset LC_STORE

shape="-q --layers 1 --dim 32 --heads 2 --ctx 32 --batch 4 --total 200 --warmup 10 --schedule constant --lr 5e-3"
# shellcheck disable=SC2086
lc-train $shape --val-every 10 --probe-every 5 --steps 60 --save-every 20 --out trunk >run.jsonl
for c in trunk/step-*; do lc-snap save -q "$c" >/dev/null; done
printf '{"type":"alert","v":1,"step":58,"index":2,"threshold":1,"kind":"spike","onset":55,"rewind":50,"signals":{"loss":9},"first":"loss"}\n' >alert

arms() { grep '"role":"arm"' "${1:-.out}"; }
values() { arms | grep -o "\"$1\":[^,}]*" | cut -d : -f 2; }
plan() { lc-fork plan -a alert --horizon 10 --readout 10 --nulls 2 "$@"; }

cat >space.json <<'END2'
{
	"variables": {
		"lr_scale": {"log": [0.25, 4]},
		"rewind": {"choice": [0, 1]},
		"skip": {"linear": [0, 20]},
		"lr_tail": {"schedule": {"shape": ["linear", "cosine"], "to": [0, 0.5], "steps": [10, 100]}}
	},
	"fixed": {"clip": 0.5},
	"constraints": ["rewind > 0 or lr_scale >= 1"],
	"objective": {"metric": "val_loss", "read": "end"}
}
END2
ok "a space" plan -S space.json -w 40
cp .out first
equal "fills the width" 40 "$(wc -l <.out)"
equal "with arms of the fixed action" "$(arms | wc -l)" "$(arms | grep -c '"clip":0.5')"
equal "all within the domain" "" "$(values lr_scale | awk '$1 < .25 || $1 > 4')"
equal "spread over it" "1 1" "$(values lr_scale | awk '$1 < .5 { a = 1 } $1 > 2 { b = 1 } END { print a, b }')"
equal "rewind is a state of the run" "40" "$(values rewind | sort -u)"
equal "no arm breaks the rule" 0 "$(arms | grep -v rewind | grep -o '"lr_scale":[0-9.]*' | cut -d : -f 2 | awk '$1 < 1' | wc -l)"
match "skip begins at the onset" '"skip":\[55,' .out
match "from the present, with what is to come" '"step":60\}.*"skip":\[61,' .out
match "a schedule" '"lr_tail":\{"shape":"cosine","to":0\.[0-9]*,"steps":[0-9]*\}' .out
ok "the same again" plan -S space.json -w 40
same "is the same bytes" .out first
ok "another seed" plan -S space.json -w 40 --seed 2
ok "is another plan" test "$(arms first | md5sum)" != "$(arms | md5sum)"
for s in grid random tpe pbt; do
	ok "--sampler $s" plan -S space.json --sampler $s -w 24
	ok "gives arms" test "$(arms | wc -l)" -ge 8
	ok "--sampler $s without a space" plan --sampler $s -w 16
	equal "has one of its own" 0 "$(arms | grep -v rewind | grep -o '"lr_scale":[0-9.]*' | cut -d : -f 2 | awk '$1 < 1' | wc -l)"
done
sed 's/"objective".*/"budget": {"branches": 3}/' space.json >three.json
ok "a budget of the space" plan -S three.json -w 40
equal "is a bound" 3 "$(arms | wc -l)"
ok "the menu, by name" plan --sampler menu -w 20
equal "is the menu" 20 "$(wc -l <.out)"

# hyper: along the alignment of gradient and update
ok "--sampler hyper" plan --now --sampler hyper -H run.jsonl -w 12
equal "is steps of the lr from the present" "$(arms | wc -l)" "$(arms | grep -c '"step":60.*"actions":{"lr_scale":[0-9.]*}')"
mean=$(grep -o '"grad_align":[-0-9.e]*' run.jsonl | cut -d : -f 2 | awk '{ s += $1 } END { print (s > 0) }')
equal "up where updates and gradients agree, down where not" "$mean" "$(values lr_scale | awk '{ s += log($1) } END { print (s > 0) }')"
status "hyper without a log" 3 plan --now --sampler hyper -w 12
sed 's/"grad_align"/"other"/' run.jsonl >mute.jsonl
status "a log that does not say it" 3 plan --now --sampler hyper -H mute.jsonl -w 12

# errors
printf '{\n"variables":{\n"lr_scale":{"log":[4,1]}}}\n' >bad.json
status "a space that is none" 3 plan -S bad.json
match "is said with its line" 'bad.json:3: lr_scale: wants' .err
status "no such space" 4 plan -S absent.json
printf '{"variables":{"clip":{"linear":[1,2]}},"constraints":["clip > 3"]}\n' >empty.json
status "a space without a point" 3 plan -S empty.json
status "no such sampler" 2 plan --sampler annealing

# rounds: all of it is run, nothing twice
cat >lr.json <<'END2'
{"variables": {"lr_scale": {"log": [0.2, 5]}, "lr_for": {"choice": ["none", 5]}},
 "objective": {"metric": "val_loss", "read": "end"}}
END2
# shellcheck disable=SC2086
train="echo {branch} >>starts; exec lc-train $(echo $shape) --val-every 5 --resume {state} --out {out} --steps {horizon} {actions}"
ok "a first round" plan --now -S lr.json -w 11
cp .out round1
equal "the temporary ones are known by their lr_for" 0 "$(arms | awk '(/lr_for/ && !/"kind":"temporary"/) || (!/lr_for/ && !/"kind":"persistent"/)' | wc -l)"
ok "has both" test "$(arms round1 | grep -c lr_for)" -gt 0 -a "$(arms round1 | grep -vc lr_for)" -gt 0
ok "is run" sh -c "lc-fork run -q -d fork -H run.jsonl -x '$train' <round1 >ev1"
equal "and all of it did what it was told" "" "$(grep '"type":"result"' ev1 | grep -v '"status":"done"')"
n=$(wc -l <starts)
ok "a second round" plan --after ev1 -S lr.json -w 5
cp .out round2
equal "has all of the first" "$(grep -c '"type":"branch"' ev1)" "$(head -n "$(grep -c '"type":"branch"' ev1)" round2 | grep -vc '"round"')"
equal "and five more, of round 2" 5 "$(tail -n 5 round2 | grep -c '"role":"arm".*"round":2')"
equal "in the same fork, each id once" "1 $(wc -l <round2)" "$(grep -o '"fork":"[^"]*"' round2 | sort -u | wc -l) $(grep -o '"branch":"b[^"]*","role"' round2 | sort -u | wc -l)"
ok "the second round is run" sh -c "lc-fork run -q -d fork -H run.jsonl -x '$train' <round2 >ev2"
ok "nothing twice" test "$(sort starts | uniq -d | wc -l)" -eq 0 -a "$(wc -l <starts)" -gt "$n"
ok "a third, by pbt" plan --after ev2 -S lr.json --sampler pbt -w 4
equal "is round 3" 4 "$(grep -c '"round":3' .out)"
ok "a round by hyper" plan --after ev1 --sampler hyper -H run.jsonl -w 3
ok "the court reads them" sh -c 'lc-collapse race ev2 >decision; [ $? -le 1 ]'

# the best of earlier rounds is where the next one looks: results made up, best at lr_scale 2
awk 'BEGIN { for (i = 0; i < 24; i++) { lr = exp(log(.2) + (log(5) - log(.2)) * (i + .5) / 24); v = 3 + log(lr / 2) ^ 2
	role = "arm"; if (i == 0) { lr = 1; v = 3.4; role = "control" }
	printf "{\"type\":\"branch\",\"v\":1,\"fork\":\"f\",\"branch\":\"b%03d\",\"role\":\"%s\",\"kind\":\"persistent\",\"order\":0,\"from\":{\"snapshot\":\"00\",\"step\":10},\"horizon\":4,\"actions\":{%s}}\n", i, role, i ? "\"lr_scale\":" lr : ""
	for (s = 11; s <= 14; s++) printf "{\"step\":%d,\"loss\":%s,\"val_loss\":%s,\"branch\":\"b%03d\"}\n", s, i == 23 ? "\"nan\"" : v, v, i
	printf "{\"type\":\"result\",\"v\":1,\"branch\":\"b%03d\",\"status\":\"%s\"}\n", i, i == 23 ? "killed" : i == 5 ? "void" : "done" } }' >made
printf '{"variables":{"lr_scale":{"log":[0.2,5]}},"objective":{"read":"end"}}\n' >one.json
ok "tpe" lc-fork plan --after made -S one.json -w 12
equal "looks around the best" 1 "$(values lr_scale | tail -n 12 | awk '$1 > 1.2 && $1 < 3.4 { n++ } END { print (n >= 8) }')"
cp .out tpe
ok "as a prior of another fork" plan --now --sampler tpe -S one.json --prior made -w 20
equal "likewise" 1 "$(values lr_scale | awk '$1 > 1 && $1 < 4 { n++ } END { print (n / NR > .5) }')"

# and so is what the store remembers: made up, best at lr_scale 2 after a glitch, at 0.5 by another metric
remember() { # BEST METRIC SIZE CHOICE OUTCOME: an incident of 24 arms, and what came of the choice
	awk -v best="$1" -v metric="$2" -v size="$3" -v choice="${4:-none}" 'BEGIN {
		printf "{\"type\":\"incident\",\"v\":1,\"fork\":\"old\",\"run\":\"r\",\"decision\":\"sha256:%s%s\",\"alert\":{\"kind\":\"none\"},", best, metric
		printf "\"verdict\":\"stay\",\"choice\":\"%s\",\"actions\":{},\"gain\":0,\"reported_on\":\"%s\",\"arms\":[", choice, metric
		for (i = 0; i < 24; i++) { lr = exp(log(.2) + (log(5) - log(.2)) * (i + .5) / 24)
			printf "%s{\"branch\":\"b%d\",\"actions\":{\"lr_scale\":%.4f},\"gain\":%.6g}", i ? "," : "", i, lr, size * (.3 - log(lr / best) ^ 2) }
		print "]}" }' >>lc-store/memory.jsonl
	[ -z "${5:-}" ] || printf '{"type":"outcome","v":1,"decision":"sha256:%s%s",%s}\n' "$1" "$2" "$5" >>lc-store/memory.jsonl
}
near() { values lr_scale | tail -n 12 | awk -v at="$1" '$1 > at / 1.8 && $1 < at * 1.8 { n++ } END { print (n >= 7) }'; }
tpe() { lc-fork plan --now --sampler tpe -S one.json -w 20 --nulls 2 "$@"; }
ok "nothing remembered" tpe
cp .out blank
remember 0.5 loss 1
ok "by another metric" tpe
same "it says nothing" .out blank
remember 3 val_loss 0.01
ok "by the same" tpe
equal "tpe looks where it was good" 1 "$(near 3)"
ok "other samplers do not ask" lc-fork plan --now -S one.json -w 20 --nulls 2
cp .out lhs
mv lc-store/memory.jsonl kept
ok "they" lc-fork plan --now -S one.json -w 20 --nulls 2
same "propose the same" .out lhs
# what was chosen did far better when it went on than when it was judged
remember 3 val_loss 0.01 b1 '"steps":500,"held":"yes","compared":40,"gain":1,"alerts":0,"nonfinite":false'
low() { values lr_scale | awk '$1 < .45 { n++ } END { print n + 0 }'; }
ok "what was seen of it later" tpe
ok "counts" test "$(low)" -ge 3
sed -i 's/"nonfinite":false/"nonfinite":true/' lc-store/memory.jsonl
ok "that it diverged" tpe
equal "too" 0 "$(low)"
mv kept lc-store/memory.jsonl
echo '{"type":"incident","v":1,"broken' >>lc-store/memory.jsonl
ok "a line that was cut" tpe
equal "is passed over" 1 "$(near 3)"
rm lc-store/memory.jsonl
sed 's/"min"/"max"/; s/"read":"end"/"read":"end","direction":"max"/' one.json >max.json
ok "the other direction" lc-fork plan --after made -S max.json -w 12
equal "looks elsewhere" 1 "$(values lr_scale | tail -n 12 | awk '$1 < .5 { n++ } END { print (n >= 6) }')"
status "no control in it" 3 sh -c 'grep -v control made >orphans; lc-fork plan --after orphans -S one.json'
status "no such results" 4 lc-fork plan --after absent -S one.json
