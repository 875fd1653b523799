#!/bin/sh
# lc-train: each fault strikes where it is told to, does what lc-train-faults(7) says, and is the same after a resume.
. "$TESTS/cli/lib.sh"
. "$TESTS/train.sh"

args="$tiny --total 60 --warmup 4 --schedule constant --lr 1e-3
	--val-every 0 --probe-every 0 --save-every 20"

ok "a trunk" train --steps 20 --out trunk
s=trunk/step-00000020
ok "the plan" train --resume $s --steps 6
cp .out plan
plan=$(of batch)

ok "a fault that never strikes" train --resume $s --steps 6 --fault nan@99 --fault bad-data@90-95
no_clock .out >a
no_clock plan >b
same "changes no bit" a b
ok "bad data" train --resume $s --steps 6 --fault bad-data@22-23
equal "is said when it begins" "lc-train: fault bad-data@22-23: step 22" "$(cat .err)"
equal "before it nothing changes" "$(sed -n 1p plan | sed 's/,"wall_s".*//')" "$(sed -n 1p .out | sed 's/,"wall_s".*//')"
[ "$(of batch | sed -n 2p)" != "$(echo "$plan" | sed -n 2p)" ] && pass "is another batch" || fail "is another batch"
awk -F'[:,]' '{ l[NR] = $4 } END { exit !(l[2] > l[1] + 0.5 && l[3] > l[1] + 0.5) }' .out && pass "and hurts" ||
	fail "and hurts" "$(cat .out)"
ok "bad data of one step" train --resume $s --steps 6 --fault bad-data@22
equal "is said once" 1 "$(wc -l <.err)"
ok "bad data skipped" train --resume $s --steps 6 --fault bad-data@22-23 --skip 22-23
equal "is not met" 0 "$(wc -l <.err)"
ok "an lr bump" train --resume $s --steps 3 --fault lr-bump@22-22:20
equal "is in the lr" "0.001 0.02 0.001" "$(list lr)"
for fault in flip-m flip-v flip-w; do
	ok "$fault" train --resume $s --steps 3 --fault $fault@21:500:26
	equal "$fault shows after its step" "$(sed -n 1p plan | sed 's/,"wall_s".*//')" "$(sed -n 1p .out | sed 's/,"wall_s".*//')"
	[ "$(of loss | tail -n 1)" != "$(sed -n '3s/.*"loss":\([^,]*\).*/\1/p' plan)" ] && pass "$fault changes the third loss" ||
		fail "$fault changes the third loss"
done
ok "a NaN" train --resume $s --steps 3 --fault nan@21
match "is strict JSON" '"step":22,"loss":"nan","grad_norm":"nan"' .out
status "--stop-on-nan" 1 train --resume $s --steps 3 --fault nan@21 --stop-on-nan
ok "once" train --resume $s --steps 3 --fault nan@21,once=struck
equal "strikes" 1 "$(wc -l <.err)"
ok "and on a replay" train --resume $s --steps 3 --fault nan@21,once=struck
equal "does not" 0 "$(wc -l <.err)"

# same_cut NAME FAULT: six steps, and the same cut in two after the third, which is resumed with the same words.
same_cut() {
	ok "$1" train --resume $s --steps 6 --fault "$2" --out "whole.$1"
	no_clock .out >"log.$1"
	train --resume $s --steps 3 --fault "$2" --out "part.$1" 2>/dev/null | no_clock >cut
	train --resume "part.$1" --steps 3 --fault "$2" --out "part2.$1" 2>/dev/null | no_clock >>cut
	same "$1: cut in two it is the same" "log.$1" cut
	for file in model optimizer; do
		same "$1: so is its $file" "whole.$1/step-00000026/$file.safetensors" "part2.$1/step-00000026/$file.safetensors"
	done
	equal "$1: before it nothing changes" "$(sed -n 1p plan | no_clock)" "$(sed -n 1p "log.$1")"
	cp "log.$1" .out
}
# differs NAME N: the batch of the n-th step is not the plan's.
differs() {
	[ "$(of batch | sed -n "$2p")" != "$(echo "$plan" | sed -n "$2p")" ] && pass "$1" || fail "$1"
}
# worse NAME BY: the loss of the fifth step is above the plan's by so much.
worse() {
	paste -d ' ' plan .out | sed -n 5p | sed 's/[^ ]*"loss":\([^,]*\)[^ ]*/\1/g' |
		awk -v by="$2" '{ exit !($2 > $1 + by) }' && pass "$1" || fail "$1" "$(sed -n 5p .out)"
}

same_cut encoding bad-data@22-25:encoding
differs "UTF-16 is another batch" 2
worse "and hurts" 0.3
equal "what follows it is the plan's" "$(echo "$plan" | sed -n 6p)" "$(of batch | sed -n 6p)"
same_cut mislabel mislabel@22-25
differs "other targets are another batch" 2
ok "a model that knows something" lc-train -q --lr 4e-3 --total 252 --schedule constant --val-every 0 \
	--fault mislabel@251-
grep '^{"step"' .out | awk -F'"loss":' '{ split($2, a, ","); l[NR] = a[1] } END { exit !(l[252] > l[249] + 0.4 && l[251] > l[250] + 0.4) }' &&
	pass "is hurt by them" || fail "is hurt by them" "$(tail -n 4 .out)"
seq 20000 >other.txt
same_cut text "text@22-25:other.txt"
differs "another text is another batch" 2
worse "and hurts" 0.3
ok "its range is of the plan's batches" train --resume $s --steps 6 --fault "text@22-25:other.txt" --reseed 3
equal "so that another order is spared" 0 "$(wc -l <.err)"
ok "without an end" train --resume $s --steps 6 --fault mislabel@22- --reseed 3 --skip 23-25
equal "none is" "lc-train: fault mislabel@22-: step 22" "$(cat .err)"
ok "one row" lc-train -q --batch 1 --layers 1 --dim 32 --ctx 32 --steps 2 --fault mislabel@2
status "a text that is not there" 4 train --fault text@3-:nowhere.txt

same_cut lr-ramp lr-ramp@22-23:4
equal "creeps up and stays" "0.001 0.002 0.004 0.004 0.004 0.004" "$(list lr)"
same_cut lr-bump lr-bump@22-:4
equal "without an end it stays" "0.001 0.004 0.004 0.004 0.004 0.004" "$(list lr)"
ok "and an action is its remedy" train --resume $s --steps 3 --fault lr-bump@21-:4 --lr-scale 0.25
equal "the plan's lr again" "0.001 0.001 0.001" "$(list lr)"
ok "without the words it is gone" train --resume part.lr-bump --steps 2
equal "with the process" "0.001 0.001" "$(list lr)"
ok "with its mark" train --resume $s --steps 3 --fault lr-bump@22-:4,once=mark
equal "it strikes" "0.001 0.004 0.004" "$(list lr)"
ok "and once only" train --resume $s --steps 3 --fault lr-bump@22-:4,once=mark
equal "no more" "0.001 0.001 0.001" "$(list lr)"

same_cut warm-restart warm-restart@22
equal "of a constant lr is one of the moments" 5 "$(grep -o '"m_updates":[0-9]*' whole.warm-restart/step-00000026/state.json | cut -d : -f 2)"
cosine="-q --layers 1 --dim 32 --heads 2 --ctx 32 --batch 4 --total 40 --warmup 0 --schedule cosine --val-every 0 --probe-every 0"
# shellcheck disable=SC2086
ok "of a cosine" lc-train $cosine --fault warm-restart@21,once=again
grep '^{"step"' .out >cosine
equal "is all of it in the steps left" "$(sed -n 40p cosine | grep -o '"lr":[^,]*')" '"lr":0'
equal "twice as fast" "$(sed -n 10p cosine | grep -o '"lr":[^,]*')" "$(sed -n 25p cosine | grep -o '"lr":[^,]*')"
# shellcheck disable=SC2086
ok "again" lc-train $cosine --fault warm-restart@21,once=again
equal "does not recur" "$(sed -n 21p .out | grep -o '"lr":[^,]*')" "$(sed -n 20p cosine | grep -o '"lr":[^,]*')"
awk -F'"lr":' '{ split($2, a, ","); if (NR > 2 && a[1] + 0 > last) bad = 1; last = a[1] + 0 } END { exit bad }' .out &&
	pass "the lr only falls" || fail "the lr only falls"

same_cut grad-noise grad-noise@22-25:3
awk -F'"grad_norm":' '{ split($2, a, ","); g[NR] = a[1] } END { exit !(g[2] > 2 * g[1] && g[6] < 2 * g[1]) }' .out &&
	pass "is in the norm of the gradient" || fail "is in the norm of the gradient" "$(cat .out)"
same_cut qk-grow qk-grow@22-25:1.2
ok "queries and keys" train --resume $s --steps 9 --fault qk-grow@21-:1.5 --probe-every 1
awk -F'"attn_logit_max":' '{ split($2, a, ","); g[NR] = a[1] } END { exit !(g[9] > 100 * g[1]) }' .out &&
	pass "make the logits explode" || fail "make the logits explode" "$(cat .out)"

for spec in lr-ramp@3-9 lr-ramp@3-:2 lr-ramp@9-3:2 warm-restart@3-4 warm-restart@3:2 mislabel@3:x qk-grow@3-9 qk-grow@3:0 \
	text@3- grad-noise@3- grad-noise@3:nan nan@3- flip-m@3- bad-data@-3 bad-data@3:utf8 lr-bump@3-x:2; do
	status "not a fault: $spec" 2 train --fault "$spec"
done
