# lc-collapse screen: which futures are kept.
. "$TESTS/cli/lib.sh"

branch() { # ID ROLE KIND ACTIONS
	printf '{"type":"branch","v":1,"fork":"f1","branch":"%s","role":"%s","kind":"%s","order":0,' "$1" "$2" "$3"
	printf '"from":{"snapshot":"s","step":100},"horizon":10,"readout":{"return":10,"cool":10},"actions":%s}\n' "$4"
}
forecast() { # ID FINAL [END] [DIVERGE]
	printf '{"type":"forecast","v":1,"branch":"%s","final":{"mean":%s,"sd":0.01}' "$1" "$2"
	[ "${3:-}" ] && printf ',"end":{"mean":%s,"sd":0.01}' "$3"
	printf ',"diverge":%s}\n' "${4:-0}"
}
ids() { grep '"type":"branch"' .out | grep -o '"branch":"[^"]*"' | cut -d '"' -f 4 | tr '\n' ' ' | sed 's/ $//'; }
references() {
	branch c control restorative '{}'
	forecast c 2
	branch k clean restorative '{"rewind":90}'
	branch n1 null restorative '{"reseed":1}'
	branch n2 null restorative '{"reseed":2}'
	branch j jitter restorative '{"jitter":1e-6}'
}

{
	references
	branch a1 arm restorative '{"reset":"m"}' && forecast a1 1.9
	branch a2 arm restorative '{"reset":"v"}' && forecast a2 1.8
	branch a3 arm restorative '{"reset":"mv"}' && forecast a3 1.7
	branch a4 arm restorative '{"skip":[101,105]}' && forecast a4 1.95
	branch a5 arm restorative '{"rewind":90,"skip":[95,105]}' && forecast a5 2.5
} >in
ok "two arms" lc-collapse screen -k 2 in
equal "of two kinds, whatever their forecast; the references always" "c k n1 n2 j a4 a5" "$(ids)"
equal "with their forecasts" 3 "$(grep -c '"type":"forecast"' .out)"
ok "four arms" lc-collapse screen -k 4 in
equal "one of each kind, then the best forecast" "c k n1 n2 j a2 a3 a4 a5" "$(ids)"
ok "more than there are" lc-collapse screen -k 100 in
equal "all of them" "c k n1 n2 j a1 a2 a3 a4 a5" "$(ids)"
equal "no lasting change: no cooldown" 0 "$(grep -c '"cool"' .out)"
equal "but the return" 10 "$(grep -c '"readout":{"return":10}' .out)"
ok "from standard input" lc-collapse screen -k 100 <in

{
	cat in
	branch p1 arm persistent '{"lr_scale":0.5}' && forecast p1 1.2
} >last
ok "with a lasting change" lc-collapse screen -k 100 last
equal "the cooldown stays" 11 "$(grep -c '"cool":10' .out)"
grep '"type":"branch"' last >want
grep '"type":"branch"' .out >got
same "branch records are passed on byte for byte" want got
{
	references
	branch a1 arm restorative '{"rewind":80}' && forecast a1 1.9
	branch a2 arm restorative '{"reset":"m"}' && forecast a2 1.1
	branch p1 arm persistent '{"rewind":80,"lr_scale":0.5}' && forecast p1 1.2
} >in2
ok "a lasting change on a remedy" lc-collapse screen -k 1 in2
equal "brings the remedy without it" "c k n1 n2 j a1 p1" "$(ids)"

{
	references
	branch a1 arm restorative '{"reset":"m"}' && forecast a1 1.0 3.0
	branch a2 arm restorative '{"reset":"v"}' && forecast a2 2.0 2.0
	branch a3 arm restorative '{"reset":"mv"}' && forecast a3 1.5 1.5 0.9
	branch a4 arm restorative '{"reset":"mv","x_a":1}' && forecast a4 '"nan"'
} >in3
ok "the end of the plan counts, and a likely divergence" lc-collapse screen -k 1 in3
equal "the best at the end" "c k n1 n2 j a2" "$(ids)"
ok "one more" lc-collapse screen -k 2 in3
equal "is less than a likely divergence costs" "c k n1 n2 j a2 a3" "$(ids)"

# not k doses of one idea: three of one reset, whose forecasts are right or wrong together, and another kind
why() { grep '"type":"screen"' .out | grep "\"branch\":\"$1\"" | sed 's/.*"why":"\([^"]*\)".*/\1/'; }
p_best() { grep '"type":"screen"' .out | grep "\"branch\":\"$1\"" | sed 's/.*"p_best":\([^,}]*\).*/\1/'; }
wide() { # ID MEAN SD ACTIONS KIND
	branch "$1" arm "$5" "$4"
	printf '{"type":"forecast","v":1,"branch":"%s","final":{"mean":%s,"sd":%s},"diverge":0}\n' "$1" "$2" "$3"
}
{
	references
	wide d1 1.90 0.1 '{"lr_scale":0.50}' persistent
	wide d2 1.91 0.1 '{"lr_scale":0.52}' persistent
	wide d3 1.92 0.1 '{"lr_scale":0.1}' persistent
	wide u1 2.00 0.01 '{"lr_scale":1.50}' persistent
} >doses
ok "doses of one idea" lc-collapse screen -k 3 doses
equal "the one that may be right where the others are wrong is kept" "c k n1 n2 j d1 d3 u1" "$(ids)"
equal "and it is said what the other is like" "like d1, which is kept" "$(why d2)"
equal "every arm has a record" 4 "$(grep -c '"type":"screen"' .out)"
match "a summary for people" '3 of 4 arms kept' .err
ok "quietly" lc-collapse screen -q -k 3 doses
equal "no words" '' "$(cat .err)"
# P(best) against what is known: of three independent equal arms far below the control each is the best of three; of two
# whose difference has sd 1, one is lower by .5 sd with probability .69
{
	references
	wide a1 1.0 0.1 '{"reset":"m"}' restorative
	wide a2 1.0 0.1 '{"skip":[101,105]}' restorative
	wide a3 1.0 0.1 '{"lr_warmup":10}' restorative
} >equals
ok "three equal arms" lc-collapse screen -k 1 equals
third='BEGIN { exit !(p > .29 && p < .38) }'
p2=$(p_best a2) p3=$(p_best a3)
ok "the first: a third" awk -v p="$(p_best a1)" "$third"
ok "the second" awk -v p="$p2" "$third"
ok "the third" awk -v p="$p3" "$third"
{
	references
	wide a1 1.0 0.0707107 '{"reset":"m"}' restorative
	wide a2 1.05 0.0707107 '{"skip":[101,105]}' restorative
} >pair
ok "two arms half an sd apart" lc-collapse screen -k 1 pair
ok "Phi(.5)" awk -v p="$(p_best a1)" 'BEGIN { exit !(p > .65 && p < .73) }'

# each takes 20 steps with its return, a lasting one 30 with its cooldown; what they are compared with, 100
ok "as many as the steps allow" lc-collapse screen -k 4 --max-cost 145 in
equal "two arms" "c k n1 n2 j a4 a5" "$(ids)"
match "of the others it is said" '"branch":"a2","kept":false,"p_best":[0-9.]*,"why":"the steps allowed are spent"' .out
status "no arm" 1 lc-collapse screen --max-cost 119 in
equal "and so nothing to compare with" "" "$(ids)"
equal "but why" 5 "$(grep -c '"kept":false.*"why":"the steps allowed are spent"' .out)"
{
	references
	branch b1 arm restorative '{"reset":"m"}' && forecast b1 1.9
	branch b2 arm persistent '{"reset":"m","lr_scale":0.5}' && forecast b2 1.5
	branch b3 arm persistent '{"lr_scale":0.5}' && forecast b3 1.6
} >lasting
ok "a lasting change comes with what it is compared with, or not at all" lc-collapse screen -k 1 --max-cost 149 lasting
equal "there is no room for both" "c k n1 n2 j b1" "$(ids)"
ok "one step more of room" lc-collapse screen -k 2 --max-cost 150 lasting
equal "is used" "c k n1 n2 j b1 b3" "$(ids)"
echo '{"schedule":"constant","lr":0.001,"total":120}' >plan
ok "a run that lasts as long as the readings" lc-collapse screen -p plan in
sed 's/120/119/' plan >shorter
status "and one that ends before" 1 lc-collapse screen -p shorter in
match "it is said" '"kept":false,.*"why":"the run ends before it could be read"' .out
status "a plan that is none" 3 lc-collapse screen -p in in
status "no records" 3 lc-collapse screen /dev/null
printf '{"step":1,"loss":2}\n{"step":2,"loss":2}\n' >steps
status "step records and no branches" 3 lc-collapse screen steps
match "it is said what is missing" 'steps: step records but no branch records' .err
grep '"type":"branch"' in >unforeseen
ok "branches that nothing was forecast of" lc-collapse screen -k 2 unforeseen
match "it is said" 'no arm has a forecast' .err
equal "and nobody is told a probability" 0 "$(grep -c 'p_best\|best forecast' .out)"
status "-k 0" 2 lc-collapse screen -k 0 in
status "-k 1.5" 2 lc-collapse screen -k 1.5 in
status "no such file" 4 lc-collapse screen absent
[ -w /dev/full ] && status "a full disk" 4 sh -c 'lc-collapse screen in >/dev/full'
:

# a branch that repeats an arm over another data order goes where the arm goes
printf '{"type":"branch","v":1,"fork":"f","branch":"c","role":"control","kind":"restorative","order":0,"from":{"snapshot":"00","step":10},"horizon":5,"actions":{}}\n' >repeats
for i in 1 2 3; do
	b="\"kind\":\"restorative\",\"from\":{\"snapshot\":\"00\",\"step\":10},\"horizon\":5,\"actions\":{\"skip\":[1$i,2$i]"
	printf '{"type":"branch","v":1,"fork":"f","branch":"a%s","role":"arm","order":0,%s}}\n' $i "$b"
	printf '{"type":"branch","v":1,"fork":"f","branch":"r%s","role":"confirm","of":"a%s","order":1,%s,"reseed":1}}\n' $i $i "$b"
done >>repeats
ok "repeats" lc-collapse screen -k 1 repeats
equal "of what is kept, and of no other" "$(grep '"type":"branch"' .out | grep -o '"branch":"a[0-9]"' | tr -dc '0-9\n' | sort -u)" "$(grep -o '"branch":"r[0-9]"' .out | tr -dc '0-9\n' | sort -u)"

# what undoes a cause that stays is kept, whatever its forecast
{ cat in && branch u arm persistent '{"lr_scale":0.2}' | sed 's/"order"/"undoes":"lr","order"/' && forecast u 9; } >undo
ok "one arm that undoes" lc-collapse screen -k 1 undo
equal "is kept first" "c k n1 n2 j u" "$(ids)"
match "and why is said" '"branch":"u","kept":true,.*"why":"it undoes a cause that stays"' .out
