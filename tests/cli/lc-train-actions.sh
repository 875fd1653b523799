#!/bin/sh
# lc-train: actions do what lc-train(1) says, hold on, and are absolute.
. "$TESTS/cli/lib.sh"
. "$TESTS/train.sh"

args="$tiny --total 60 --warmup 4 --schedule constant --lr 1e-3
	--val-every 0 --probe-every 0 --save-every 20"

ok "a trunk" train --steps 20 --out trunk
s=trunk/step-00000020
ok "the plan" train --resume $s --steps 6
cp .out plan
plan=$(of batch)
equal "constant lr" ".001 .001 .001 .001 .001 .001" "$(list lr | sed 's/0\././g')"

ok "lr_scale" train --resume $s --steps 2 --lr-scale 0.5 --out half
equal "halves the lr" "0.0005 0.0005" "$(list lr)"
ok "is kept in the state" train --resume half --steps 1
equal "and holds" "0.0005" "$(list lr)"
ok "is absolute" train --resume half --steps 1 --lr-scale 0.5
equal "and does not add up" "0.0005" "$(list lr)"
ok "none is as in the state" train --resume half --steps 1 --lr-scale none
equal "so it holds" "0.0005" "$(list lr)"
ok "1 takes it back" train --resume half --steps 1 --lr-scale 1
equal "to the plan" "0.001" "$(list lr)"

ok "lr_for" train --resume $s --steps 4 --lr-scale 0.5 --lr-for 2 --out held
equal "ends the scale" "0.0005 0.0005 0.001 0.001" "$(list lr)"
ok "lr_for, cut in two" train --resume $s --steps 1 --lr-scale 0.5 --lr-for 2 --out held1
ok "goes on" train --resume held1 --steps 2
equal "and ends where it would have" "0.0005 0.001" "$(list lr)"
ok "over another scale" train --resume half --steps 3 --lr-scale 2 --lr-for 1
equal "it goes back to that" "0.002 0.0005 0.0005" "$(list lr)"
ok "a scale without an end" train --resume held1 --steps 3 --lr-scale 0.25
equal "has none" "0.00025 0.00025 0.00025" "$(list lr)"

ok "lr_warmup" train --resume $s --steps 5 --lr-warmup 4
equal "rises from the resumed step" "0.00025 0.0005 0.00075 0.001 0.001" "$(list lr)"
ok "lr_warmup, cut in two" train --resume $s --steps 2 --lr-warmup 4 --out warm
ok "goes on" train --resume warm --steps 2
equal "where it was" "0.00075 0.001" "$(list lr)"

tail='{"shape":"linear","to":0,"steps":4,"from":1}'
ok "lr_tail" train --resume $s --steps 5 --lr-tail "$tail"
equal "falls to 0" "0.00075 0.0005 0.00025 0 0" "$(list lr)"
ok "lr_tail from the scale in force" train --resume half --steps 2 --lr-tail '{"shape":"linear","to":0,"steps":2}'
equal "starts there" "0.00025 0" "$(list lr)"
ok "lr_tail, cut in two" train --resume $s --steps 1 --lr-tail "$tail" --out tail
ok "the same words again" train --resume tail --steps 2 --lr-tail "$tail"
equal "go on with it" "0.0005 0.00025" "$(list lr)"
ok "a constant tail" train --resume half --steps 2 --lr-tail '{"shape":"constant","to":1,"steps":9}'
equal "is a return to the plan's lr" "0.001 0.001" "$(list lr)"

ok "a tail of points" train --resume $s --steps 5 \
	--lr-tail '{"shape":"points","from":1,"points":[0.5,0.75],"to":0,"steps":6}'
equal "goes straight from one to the next" "0.00075 0.0005 0.000625 0.00075 0.000375" "$(list lr)"

ok "skip" train --resume $s --steps 6 --skip 22-23,25-25
skipped=$(of batch)
paste -d ' ' plan /dev/null >/dev/null
for i in 1 2 3 4 5 6; do
	a=$(echo "$plan" | sed -n ${i}p) b=$(echo "$skipped" | sed -n ${i}p)
	case $i in
	2 | 3 | 5) [ "$a" != "$b" ] && pass "step 2$i has another batch" || fail "step 2$i has another batch" ;;
	*) equal "step 2$i has the plan's batch" "$a" "$b" ;;
	esac
done

ok "reseed" train --resume $s --steps 6 --reseed 7 --out other
[ "$(of batch | sort - plan | uniq -d)" = "" ] && pass "no batch of the plan" || fail "no batch of the plan"
first=$(of batch | head -n 1)
[ "$first" != "$(echo "$plan" | head -n 1)" ] && pass "another order" || fail "another order"
ok "the plan's step 27" train --resume $s --steps 7
cp .out seven
ok "reseed 0" train --resume other --steps 1 --reseed 0
equal "is the plan's order again" "$(sed -n '7s/.*"batch":"\([^"]*\).*/\1/p' seven)" "$(of batch)"
ok "data_shift" train --resume $s --steps 4 --data-shift 2 --out shifted
equal "step s has the batch of step s + 2" "$(echo "$plan" | sed -n 3,6p)" "$(of batch)"
ok "data_shift 0" train --resume shifted --steps 1 --data-shift 0
equal "takes it back" "$(echo "$plan" | sed -n 5p)" "$(of batch)"
ok "data_shift back past the beginning" train --resume $s --steps 2 --data-shift -30
[ "$(of batch | sort - seven | uniq -d)" = "" ] && pass "has batches of its own" || fail "has batches of its own"
ok "grad_align" train --resume $s --steps 4 --probe-every 2 --out aligned
cp .out probed
equal "is a cosine, at the probed steps" "2" "$(grep -o '"grad_align":[-0-9.e]*' probed | cut -d : -f 2 | awk '$1 >= -1 && $1 <= 1' | wc -l)"
ok "a resume at a probed step" train --resume $s --steps 3 --probe-every 2 --out aligned1 
ok "goes on" train --resume aligned1 --steps 1 --probe-every 2
equal "to the same" "$(tail -n 1 probed | grep -o '"grad_align":[-0-9.e]*')" "$(grep -o '"grad_align":[-0-9.e]*' .out)"
ok "batch_scale" train --resume $s --steps 2 --batch-scale 2
equal "twice the bytes" "2816 3072" "$(list tokens)"
ok "the others" train --resume $s --steps 3 --weight-decay-scale 0 --clip 0.25 --beta2 0.99 --out three
match "are in the state" '"actions":\{"weight_decay_scale":0(\.0)?,"clip":0.25,"beta2":0.99\}' three/step-00000023/state.json
for word in "--weight-decay-scale 0" "--clip 0.01" "--beta2 0.5" "--reset m" "--reset v" "--reset mv" "--jitter 1e-3"; do
	# shellcheck disable=SC2086
	ok "$word" train --resume $s --steps 3 $word
	[ "$(of loss | tail -n 1)" != "$(sed -n '3s/.*"loss":\([^,]*\).*/\1/p' plan)" ] && pass "$word changes the third loss" ||
		fail "$word changes the third loss" "$(tail -n 1 .out)"
	equal "$word leaves the data alone" "$(echo "$plan" | sed -n 3p)" "$(of batch | tail -n 1)"
done
ok "words that say nothing" train --resume $s --steps 20 --lr-scale 1 --clip 1 --beta2 0.95 --skip none --reset none --out same
ok "no words" train --resume $s --steps 20 --out plain
same "leave the same state" same/step-00000040/state.json plain/step-00000040/state.json

# A control file, there from the start and replaced while the run goes on.
echo '{"lr_scale":0.1}' >control
ok "LC_CONTROL" env LC_CONTROL=control lc-train -q --resume $s --steps 2
equal "is obeyed" "0.0001 0.0001" "$(list lr | sed 's/1e-04/0.0001/g')"
echo 'not json' >control
ok "rubbish in it" env LC_CONTROL=control lc-train -q --resume $s --steps 3
equal "is ignored" "0.001 0.001 0.001" "$(list lr)"
equal "with one warning" 1 "$(wc -l <.err)"
rm -f control
# shellcheck disable=SC2086
LC_CONTROL=control lc-train -q --resume $s --out live --steps 1000000 --probe-every 0 --val-every 0 >live.log 2>live.err &
pid=$!
until_ok grep -q '"step":30,' live.log
echo '{"actions":{"lr_scale":0.5,"reset":"v"}}' >control.new && mv control.new control
until_ok grep -q '"lr":0.0005,' live.log
kill -TERM $pid
wait $pid 2>/dev/null
match "a control file that appears is obeyed" '"lr":0.0005,' live.log
equal "from one step on, for good" 2 "$(sed 's/.*"lr":\([^,]*\).*/\1/' live.log | uniq | wc -l)"
last=$(ls live | tail -n 1)
match "and kept in the state, but for what acts once" '"actions":\{"lr_scale":0.5\}' "live/$last/state.json"
updates=$(sed 's/.*"v_updates":\([0-9]*\).*/\1/' "live/$last/state.json")
[ "$updates" -lt "$(echo "$last" | sed 's/step-0*//')" ] && pass "which acted" || fail "which acted" "$updates $last"
LC_BRANCH=b07 lc-train -q --resume $s --steps 1 --run r1 >.out
match "run and branch are in the record" '"run":"r1","branch":"b07"' .out

LC_BRANCH='' lc-train -q --resume $s --steps none --total 60 --branch none | tail -n 1 >.out
match "steps none is to the end" '^\{"step":60,' .out
grep -q branch .out && fail "branch none is the run itself" || pass "branch none is the run itself"
