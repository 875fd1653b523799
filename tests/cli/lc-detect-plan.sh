# lc-detect --plan: an lr off its plan is an alert; warm-up, decay, actions in force and a resume are none.
. "$TESTS/cli/lib.sh"

tiny="lc-train -q --layers 1 --dim 16 --heads 1 --ctx 16 --batch 2 --total 300 --warmup 40 --lr 2e-3 --save-every 100"
lr_alerts() { grep -c '"first":"lr"' .out; }

for shape in wsd cosine constant; do
	$tiny --schedule $shape --out $shape >$shape.jsonl
	lc-detect --plan $shape/step-00000100/state.json $shape.jsonl >.out
	equal "$shape: warm-up and decay are the plan's" 0 "$(lr_alerts)"
done
plan=wsd/step-00000100/state.json

$tiny --schedule wsd --fault lr-ramp@101-300:8 >creeps.jsonl
ok "an lr that creeps up" lc-detect --plan $plan creeps.jsonl
equal "is told each time it has doubled" "1 2" "$(grep '"first":"lr"' .out | sed 's/.*"index":\([0-9]*\).*/\1/' | tr '\n' ' ' | sed 's/ $//')"
alert=$(grep '"first":"lr"' .out | head -n 1)
field() { echo "$alert" | grep -o "\"$1\":[0-9]*" | cut -d : -f 2; }
match "as a drift" '"kind":"drift","onset"' .out
ok "from where it was 1.2 times off: $(field onset)" test "$(field onset)" -gt 101 -a "$(field onset)" -lt 140
lr=$(grep "\"step\":$(($(field step) - 4))," creeps.jsonl | sed 's/.*"lr":\([^,]*\).*/\1/')
before=$(grep "\"step\":$(($(field step) - 6))," creeps.jsonl | sed 's/.*"lr":\([^,]*\).*/\1/')
ok "five steps of twice the lr suffice" awk "BEGIN { exit !($lr >= 0.004 && $before < 0.004) }"
equal "back to the last step on the plan" $(($(field onset) - 1)) "$(field rewind)"
equal "without the plan nothing is said of it" 0 "$(lc-detect creeps.jsonl | grep -c '"first":"lr"')"
lc-detect --plan $plan --since 300 creeps.jsonl >.out
equal "nor of what was judged" 0 "$(lr_alerts)"

$tiny --schedule wsd --resume wsd/step-00000100 --lr-scale 0.03 >low.jsonl
cat wsd.jsonl low.jsonl >both.jsonl
ok "an lr that fell at a resume" lc-detect -1 --plan $plan both.jsonl
match "is one alert from its first step" '"step":105,.*"onset":101,"rewind":100,.*"first":"lr"' .out
echo '{"lr_scale":0.03}' >told.json
lc-detect --plan $plan --actions told.json --since "$(wc -l <wsd.jsonl)" both.jsonl >.out
equal "an action in force explains it" 0 "$(lr_alerts)"
echo '{"lr_scale":0.5,"lr_warmup":30}' >told.json
lc-detect --plan $plan --actions told.json low.jsonl >.out
equal "of a warm-up in force the plan says nothing" 0 "$(lr_alerts)"
lc-detect --plan $plan --actions absent.json low.jsonl >.out
equal "no action is none" 1 "$(lr_alerts)"

# what was logged before the actions in force were told
echo '{}' >told.json
lc-detect --plan $plan --actions told.json --told "$(wc -l <both.jsonl)" --since 0 both.jsonl >.out
equal "what is older than the actions is not judged by them" 0 "$(lr_alerts)"
ok "what is not, is" lc-detect -1 --plan $plan --actions told.json --told "$(wc -l <wsd.jsonl)" --since 0 both.jsonl
match "from its first step" '"step":105,.*"onset":101,.*"first":"lr"' .out
lc-detect --plan $plan --told "$(wc -l <wsd.jsonl)" --after 200 both.jsonl >.out
equal "what goes on since steps that were judged is not told again" 0 "$(lr_alerts)"
# what undoes a cause, and logs that mean the lr of the step beside
$tiny --schedule wsd --fault lr-bump@101-:5 --lr-scale 0.2 >undone.jsonl
echo '{"lr_scale":0.2}' >told.json
lc-detect --plan $plan --actions told.json undone.jsonl >.out
equal "an action that undoes a cause leaves the lr on its plan" 0 "$(lr_alerts)"
$tiny --schedule wsd --lr-scale 1.1 >rough.jsonl
for by in 1 -1; do
	awk -v by=$by '{ match($0, /"step":[0-9]+/); s = substr($0, RSTART + 7, RLENGTH - 7); sub(/"step":[0-9]+/, "\"step\":" s + by) } s + by > 0' rough.jsonl >beside.jsonl
	lc-detect --plan $plan beside.jsonl >.out
	equal "the lr of the step beside ($by) is no other" 0 "$(lr_alerts)"
done

# an lr that leaves its plan and never comes as far as twice; FROM TIMES of each stretch
echo '{"schedule":"constant","lr":0.001,"warmup":0,"total":2000}' >flat
log() { echo "$@" | awk '{ for (s = 1; s <= 1600; s++) { for (i = 1; i < NF; i += 2) if (s >= $i) x = $(i + 1)
	printf "{\"step\":%d,\"loss\":2,\"lr\":%g}\n", s, .001 * x } }'; }
log 1 1 601 1.5 >less.jsonl
lc-detect --plan flat less.jsonl >.out
equal "half as much again is told when it has lasted" "1 1100" "$(lr_alerts) $(grep -o '"step":[0-9]*' .out | cut -d : -f 2)"
match "with where it began, and what it is above" '"index":0\.58.*"threshold":0\.26.*"onset":601,"rewind":600,.*"first":"lr"' .out
log 1 1 601 1.5 1100 1 >.less && lc-detect --plan flat .less >.out
equal "not if it has not" 0 "$(lr_alerts)"
log 1 1 601 1.5 1200 2.2 >.less && lc-detect --plan flat .less >.out
equal "nor again before it has doubled once more" 1 "$(lr_alerts)"
log 1 1.5 >.less && lc-detect --plan flat .less >.out
equal "one that never was on its plan is another plan" 0 "$(lr_alerts)"

# a cause that was undone is gone: what undid it is one now; what is in force for its own sake is none
echo '{"lr_scale":0.2}' >told.json
log 1 1 101 0.2 >gone.jsonl
lc-detect --plan flat --actions told.json gone.jsonl >.out
match "what undid a cause is told when that is gone" '"step":105,.*"onset":101,.*"first":"lr"' .out
log 1 0.2 101 1 111 0.2 >.less && lc-detect --plan flat --actions told.json .less >.out
equal "also where the cause came first" "1 115" "$(lr_alerts) $(grep -o '"step":[0-9]*' .out | cut -d : -f 2)"
log 1 0.2 101 1 105 0.2 >.less && lc-detect --plan flat --actions told.json .less >.out
equal "four steps on the plan show no cause" 0 "$(lr_alerts)"
lc-detect --plan flat --actions told.json --told 200 gone.jsonl >.out
equal "but not what was in force from the first" 0 "$(lr_alerts)"

awk '/"step":1[0-4][0-9],/ { sub(/"lr":[^,]*,/, "\"lr\":0,") } 1' wsd.jsonl >zero.jsonl
lc-detect --plan $plan zero.jsonl >.out
match "an lr that is 0 is off its plan" '"step":104,.*"kind":"drift","onset":100,.*"first":"lr"' .out
equal "and told once" 1 "$(lr_alerts)"
awk 'match($0, /"lr":[^,]*/) { $0 = substr($0, 1, RSTART + 4) sprintf("%.3f", substr($0, RSTART + 5, RLENGTH - 5)) substr($0, RSTART + RLENGTH) } 1' \
	wsd.jsonl >rounded.jsonl
lc-detect --plan $plan rounded.jsonl >.out
equal "not one that a log rounds to 0" "0 1" "$(lr_alerts) $(($(grep -c '"lr":0.000,' rounded.jsonl) > 20))"
sed 's/"lr":[^,]*,/"lr":0,/' wsd.jsonl >none.jsonl
lc-detect --plan $plan none.jsonl >.out
equal "nor in one that never says another" 0 "$(lr_alerts)"

sed 's/"lr":[^,]*,/"lr":NaN,/' wsd.jsonl >nan.jsonl
lc-detect --plan $plan nan.jsonl >.out
equal "an lr that is no number is not judged" 0 "$(lr_alerts)"
echo '{"schedule":"wsd","lr":' >torn.json
status "a torn plan" 3 lc-detect --plan torn.json wsd.jsonl
status "no plan there" 4 lc-detect --plan absent.json wsd.jsonl
echo '{"lr_scale":-1}' >bad.json
status "actions that are none" 3 lc-detect --plan $plan --actions bad.json wsd.jsonl
status "usage: --actions alone" 2 lc-detect --actions told.json wsd.jsonl
status "usage: --told alone" 2 lc-detect --told 3 wsd.jsonl
status "usage: with --state" 2 lc-detect --plan $plan --state s wsd.jsonl
status "usage: with --rule" 2 lc-detect --plan $plan --rule olmo wsd.jsonl
