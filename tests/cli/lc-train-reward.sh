#!/bin/sh
# lc-train --reward: it learns, is exact after a resume, keeps the policy it began as, and collapses when driven too hard.
. "$TESTS/cli/lib.sh"
. "$TESTS/train.sh"

args="--init base --reward words --schedule constant --warmup 5 --val-bytes 1024 --probe-every 10 --save-every 10"
# mean KEY FROM TO FILE: of these steps
mean() {
	awk -v key="\"$1\":" -v from="$2" -v to="$3" -F'"step":' '{
		if ($2 + 0 < from || $2 + 0 > to || !(at = index($0, key))) next
		sum += substr($0, at + length(key)) + 0
		n++
	} END { print n ? sum / n : "none" }' "$4"
}
above() { # NAME A B
	awk -v a="$2" -v b="$3" 'BEGIN { exit !(a != "none" && b != "none" && a + 0 > b + 0) }' && pass "$1" || fail "$1" "$2 is not above $3"
}

ok "a model of the text" lc-train -q --lr 4e-3 --total 250 --save-every 0 --val-every 0 --probe-every 0 --out base
ok "30 steps" train --lr 1e-3 --total 30 --val-every 15 --out straight
no_clock .out >straight.log
match "have reward, KL and entropy" '"step":2,.*"reward":[0-9.e-]+,"kl":[0-9.e-]+,"entropy":[0-9.]+' straight.log
match "the first is the policy it is held to" '"step":1,.*"kl":-?[0-9.]+(e-[0-9]+)?,' straight.log
match "and held-out rewards" '"step":15,.*"val_reward":0\.[0-9]+,"test_reward":0\.[0-9]+' straight.log
grep -q val_loss straight.log && fail "in place of losses" || pass "in place of losses"
# shellcheck disable=SC2086
{
	train --lr 1e-3 --total 30 --steps 10 --val-every 15 --out parts
	lc-train -q --resume parts --val-bytes 1024 --save-every 10 --steps 7 --out parts
	train --lr 1e-3 --total 30 --val-every 15 --resume parts --out parts --threads 2
} | no_clock >parts.log
same "10, 7 and 13 steps, with two threads, are the same" straight.log parts.log
for file in model.safetensors optimizer.safetensors reference.safetensors state.json; do
	same "the same $file" straight/step-00000030/$file parts/step-00000030/$file
done
same "the reference is the model it began as" base/step-00000250/model.safetensors straight/step-00000030/reference.safetensors
ok "a jitter" train --resume straight/step-00000010 --steps 3 --jitter 1e-6 --out jitter
no_clock .out | sed 's/.*"batch":"\([^"]*\).*/\1/' >jittered
sed -n '/"step":1[123],/s/.*"batch":"\([^"]*\).*/\1/p' straight.log >batches
same "draws after the same prompts" batches jittered
ok "another order" train --resume straight/step-00000010 --steps 3 --reseed 4
no_clock .out | sed 's/.*"batch":"\([^"]*\).*/\1/' | sort - batches | uniq -d >both
equal "does not" "" "$(cat both)"

ok "lc-snap" lc-snap save -q -s store --step 30 straight/step-00000030
ok "keeps it whole" sh -c 'lc-snap restore -q -s store latest back && diff -r back straight/step-00000030'

# What the learning rate does: at 2e-3 the reward rises (here from .08 to .15), at 0.1 it falls to 0.
ok "a sound learning rate" train --lr 2e-3 --total 80 --val-every 0 --probe-every 0 --save-every 0
cp .out sound
above "the reward rises" "$(mean reward 61 80 sound)" "$(mean reward 1 20 sound)"
ok "lc-detect --profile rl" sh -c 'lc-detect --profile rl --index sound >index; [ $? -le 1 ]'
match "judges by them" '"reward":' index
ok "far too hot" train --lr 0.1 --total 80 --val-every 80 --probe-every 0 --save-every 0
cp .out hot
above "the policy is gone" 0.02 "$(mean reward 61 80 hot)"
above "far from where it was" "$(mean kl 61 80 hot)" "$(mean kl 61 80 sound)"

status "one row" 2 train --batch 1 --micro 1
status "more than a row" 2 train --sample 65
status "a reward nobody knows" 2 lc-train -q --reward fame
status "targets" 2 train --fault mislabel@3
rm straight/step-00000030/reference.safetensors
status "a state without its reference" 4 train --resume straight/step-00000030 --steps 1
head -c 5000 parts/step-00000030/reference.safetensors >cut && cp cut parts/step-00000030/reference.safetensors
status "or with half of it" 3 train --resume parts/step-00000030 --steps 1
