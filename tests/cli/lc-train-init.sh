#!/bin/sh
# lc-train: the setup record, and a run that begins with the weights of another.
. "$TESTS/cli/lib.sh"
. "$TESTS/train.sh"

small="$tiny --val-every 0 --probe-every 0"

# shellcheck disable=SC2086
ok "a run" train $small --total 40 --steps 20 --run r1 --clip 0.5 --weight-decay 0.2 --beta2 0.99 --out trunk
cp .out run.jsonl
equal "begins with its setup" \
	'{"type":"setup","v":1,"run":"r1","params":21600,"batch":4,"tokens":128,"steps":40,"optimizer":"adamw","weight_decay":0.2,"beta1":0.9,"beta2":0.99,"clip":0.5}' \
	"$(head -n 1 .out)"
equal "and has it once" 1 "$(grep -c setup .out)"
ok "a resume" train --resume trunk --steps 2
equal "adds steps only" '{"step":21,{"step":22,' "$(cut -c 1-11 .out | tr -d '\n')"
# shellcheck disable=SC2086
ok "no steps" train $small --steps 0
equal "say nothing" 0 "$(wc -l <.out)"
# shellcheck disable=SC2086
ok "a branch" train $small --steps 1 --branch b1
equal "is part of a run that has said it" 0 "$(grep -c setup .out)"

# The setup passes the programs that read the run.
# shellcheck disable=SC2086
ok "a longer run" train $small --total 60
cp .out long.jsonl
status "lc-detect" 1 lc-detect long.jsonl
ok "lc-read" sh -c 'lc-read run.jsonl >read'
equal "leaves it as it was" "$(head -n 1 run.jsonl)" "$(head -n 1 read)"
ok "lc-cone" sh -c 'lc-cone run.jsonl >page.html'

seq 30000 >other.txt
ok "weights of another run, another text" train --init trunk --text other.txt --total 30 --steps 10 --val-every 0 --out fine
cp .out fine.log
match "the sizes come with them" '"model":\{"layers":1,"dim":32,"heads":2,"ctx":32' fine/step-00000010/state.json
match "the optimizer does not" '"m_updates":10,"v_updates":10' fine/step-00000010/state.json
match "where they are from is kept" '"init":\{"step":20,"text_sha256":"[0-9a-f]{64}","weights_sha256":"[0-9a-f]{64}"\}' \
	fine/step-00000010/state.json
equal "it begins at step 1" '{"step":1,' "$(sed -n 2p fine.log | cut -c 1-10)"
ok "from nothing" train --layers 1 --dim 32 --ctx 32 --text other.txt --steps 1 --val-every 0
[ "$(sed -n '2s/.*"loss":\([^,]*\).*/\1/p' fine.log)" != "$(sed -n '2s/.*"loss":\([^,]*\).*/\1/p' .out)" ] &&
	pass "is another start" || fail "is another start"
ok "no step" train --init trunk --steps 0 --out copy
same "leaves the weights as they were" trunk/step-00000020/model.safetensors copy/step-00000000/model.safetensors
ok "4 and 6 steps" train --init trunk --text other.txt --total 30 --steps 4 --val-every 0 --out parts
no_clock .out >parts.log
ok "with the same words at the resume" train --init trunk --resume parts --text other.txt --steps 6 --val-every 0 --out parts2
no_clock .out >>parts.log
no_clock fine.log >want.log
same "are 10" want.log parts.log
for file in model.safetensors optimizer.safetensors state.json; do
	same "the same $file" fine/step-00000010/$file parts2/step-00000010/$file
done
ok "resume none" train --init trunk --resume none --steps 1 --val-every 0
status "another size" 2 train --init trunk --dim 64
match "is named" '--dim 64: the weights of --init are of a model with 32$' .err
ok "the same size" train --init trunk --dim 32 --steps 1 --val-every 0
status "no checkpoint" 4 train --init nowhere
rm trunk/step-00000020/optimizer.safetensors
ok "weights alone will do" train --init trunk --steps 1 --val-every 0
head -c 9000 trunk/step-00000020/model.safetensors >cut && cat cut >trunk/step-00000020/model.safetensors
status "weights that are cut off" 3 train --init trunk --steps 1
