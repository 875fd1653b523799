# lc-collapse race: the credit of a lasting change, over a fork of a real run that was damaged.
. "$TESTS/cli/lib.sh"

# A run at a tenth of a good learning rate, which one of 200 times it damages at steps 102 to 106: going back heals it, and a
# higher one would gain on any state.
tiny="lc-train -q --layers 1 --dim 16 --heads 1 --ctx 16 --batch 2 --total 400 --warmup 10 --lr 1e-3 --val-every 2 --val-bytes 2048 --save-every 20"
$tiny --steps 120 --out out --fault lr-bump@102-106:200 >run.jsonl 2>err
good=$(lc-snap save -q out/step-00000100 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
bad=$(lc-snap save -q out/step-00000120 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
branch() { # ID ROLE KIND SNAPSHOT STEP ACTIONS
	printf '{"type":"branch","v":1,"fork":"f","branch":"%s","role":"%s","kind":"%s","order":0,"from":{"snapshot":"%s","step":%s},"horizon":%s,"readout":{"return":4,"cool":20},"actions":%s}\n' \
		"$1" "$2" "$3" "$4" "$5" $((140 - $5)) "$6"
}
{
	branch c control restorative "$bad" 120 '{}'
	branch k clean restorative "$good" 100 '{"rewind":100}'
	for i in 1 2 3; do branch n$i null restorative "$good" 100 "{\"reseed\":$i}"; done
	branch a1 arm persistent "$good" 100 '{"rewind":100,"lr_scale":8}'
	branch a2 arm persistent "$bad" 120 '{"lr_scale":8}'
} >plan
lc-fork run -q -j 2 -d fork -H run.jsonl -x "$tiny --resume {state} --out {out} --steps {horizon} {actions}" <plan >ev
ok "a decision over the fork's directory" lc-collapse race run.jsonl fork
cp .out decision
field() { grep -o "\"$1\":[^,}]*" decision | head -n 1 | sed 's/^[^:]*://; s/"//g'; }
match "goes back and raises the lr" '"verdict":"better",.*"choice":"a1"' decision
match "and parts the gain by what the lr gains on the clean state" '"credit":\{"plain":"k","changed":"a1","clean":true,' decision
ok "both parts are gains, and make the whole: $(field remedy) and $(field schedule) of $(field measured_gain)" awk \
	-v "r=$(field remedy)" -v "s=$(field schedule)" -v "g=$(field measured_gain)" \
	'BEGIN { d = r + s - g; exit !(r > 0 && s > 0 && d * d < 1e-8) }'
ok "explain tells it" lc-collapse explain decision
match "in words" "^Credit: of the gain [0-9.]* is the schedule's .*: a1 against k, the same change on the clean state" .out
ok "verify derives it from the records as they came" lc-collapse verify decision run.jsonl ev
