#!/bin/sh
# lc-train: a run that is stopped and resumed, elsewhere, is the run that was not.
. "$TESTS/cli/lib.sh"
. "$TESTS/train.sh"

args="$tiny --total 40 --warmup 10 --lr 3e-3 --val-every 10
	--val-bytes 1024 --probe-every 10 --save-every 10"

ok "40 steps straight" train --out straight
no_clock .out >straight.log
ok "10 steps" train --steps 10 --out one
no_clock .out >parts.log
ok "10 more, in another directory" train --steps 10 --resume one --out two
no_clock .out >>parts.log
ok "the rest, in a third" train --resume two/step-00000020 --out three
no_clock .out >>parts.log
same "the same records" straight.log parts.log
equal "40 of them" 40 "$(wc -l <straight.log)"
for file in model.safetensors optimizer.safetensors state.json; do
	same "the same $file" straight/step-00000040/$file three/step-00000040/$file
done

# What the first start said of evaluations and probes holds, unless one resume says otherwise, and for it alone.
whole=$(grep -o '"hyper":{[^}]*}' straight/step-00000040/state.json)
match "val_every and probe_every are in the state" '"val_every":10,"probe_every":10' straight/step-00000040/state.json
ok "a resume without a word of them" lc-train -q --val-bytes 1024 --resume straight/step-00000010 --steps 10 --out quiet
no_clock .out >quiet.log
sed -n 11,20p straight.log >want.log
same "has the records of the straight run" want.log quiet.log
same "and its state" straight/step-00000020/state.json quiet/step-00000020/state.json
ok "a resume with other words" lc-train -q --val-every 0 --probe-every 0 --resume straight/step-00000010 --steps 10 --out other
equal "obeys them" 0 "$(grep -c val_loss .out)"
same "and has the same state" straight/step-00000020/state.json other/step-00000020/state.json
equal "for ever" "$whole" "$(grep -o '"hyper":{[^}]*}' other/step-00000020/state.json)"

ok "two threads" train --threads 2
no_clock .out >threads.log
same "threads change no bit" straight.log threads.log

ok "a micro-batch of its own bits" train --micro 4 --steps 2
ok "the newest under the directory is resumed" train --resume straight --steps 1
match "at its step" '^\{"step":41,' .out

head -c 200 straight/step-00000040/state.json | grep -q "$PWD" && fail "no path in a state" || pass "no path in a state"

# The loss of a real model on a real text falls: from ln 256 = 5.55 to below 3.3 in 40 steps, on both held-out shards.
awk -F'[:,]' '
	/val_loss/ { for (i = 1; i < NF; i++) { if ($i ~ /val_loss/) v = $(i + 1); if ($i ~ /test_loss/) t = $(i + 1) } }
	END { exit !(v < 3.6 && t < 3.6 && v != t) }' straight.log && pass "the loss falls" || fail "the loss falls" "$(tail -n 1 straight.log)"
match "the probes are there" '"gvar":[0-9.e+-]+,"grad_align":-?[0-9.e+-]+,"attn_entropy":[0-9.]+,"attn_logit_max":[0-9.e-]+,"act_kurtosis":[0-9.]+,"update_ratio":[0-9.]+' straight.log

# Products of 1024 columns go through a BLAS where there is one: the same loss but for rounding.
wide="-q --layers 1 --dim 256 --heads 2 --ctx 16 --batch 2 --steps 2 --val-every 0 --lr 1e-3 --warmup 0"
for library in none openblas blis; do
	# shellcheck disable=SC2086
	if LC_BLAS=$library lc-train $wide >.out 2>.err; then
		sed -n '3s/.*"loss":\([0-9.]*\).*/\1/p' .out >>losses
	else
		skip "LC_BLAS=$library" "$(cat .err)"
	fi
done
awk 'NR == 1 { a = $1 } ($1 - a) ^ 2 > 1e-8 || $1 + 0 == 0 { bad = 1 } END { exit bad || NR == 0 }' losses && pass "every BLAS finds the same loss" ||
	fail "every BLAS finds the same loss" "$(cat losses)"
