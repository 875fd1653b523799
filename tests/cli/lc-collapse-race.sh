# lc-collapse race and verify: the decision over evidence written by hand.
. "$TESTS/cli/lib.sh"

# A fork at step 100, present and clean state one: a control, nulls, arms; each is read by a return segment of 10 steps
# and a cooldown. The losses are given; what a step of each branch says is flat, so that every reading is its number.
# branch ID ROLE KIND STEP ACTIONS
branch() {
	printf '{"type":"branch","v":1,"fork":"f1","branch":"%s","role":"%s","kind":"%s","order":0,' "$1" "$2" "$3"
	printf '"from":{"snapshot":"s%s","step":%s},"horizon":%s,"actions":%s}\n' "$4" "$4" $((110 - $4)) "$5"
}
# segment PARENT KIND VAL [TEST]: what reads it, and its steps
segment() {
	printf '{"type":"branch","v":1,"fork":"f1","branch":"%s.%s","role":"probe","kind":"%s","order":0,' "$1" "$2" "$2"
	printf '"from":{"branch":"%s","step":110},"horizon":10,"actions":{}}\n' "$1"
	steps "$1.$2" 111 120 "$3" "${4:-}"
	result "$1.$2" "done"
}
steps() { # BRANCH FROM TO VAL [TEST]
	awk -v b="$1" -v a="$2" -v e="$3" -v v="$4" -v t="${5:-}" 'BEGIN {
		for (s = a; s <= e; s++)
			printf "{\"step\":%d,\"loss\":3,\"val_loss\":%s%s,\"branch\":\"%s\"}\n", s, v,
				t == "" ? "" : ",\"test_loss\":" t, b
	}'
}
result() { printf '{"type":"result","v":1,"fork":"f1","branch":"%s","status":"%s","why":"%s","steps":10,"wall_s":1}\n' "$1" "$2" "${3:-}"; }
# future ID ROLE KIND STEP ACTIONS RETURN COOL [TEST]: a branch and both readings
future() {
	branch "$1" "$2" "$3" "$4" "$5"
	steps "$1" 101 110 "$6" "${8:-}"
	result "$1" "done"
	segment "$1" return "$6" "${8:-}"
	segment "$1" cool "$7" "${8:-}"
}
# Control 2.0, cooled 1.9; four nulls about it, from its state, so that it counts as a fifth: sd .01, 4 degrees of freedom.
# t(1 - .05; 4) sqrt(2) sd is .0301 with one arm.
references() {
	future c control restorative 100 '{}' "${1:-2.00}" "${2:-1.90}"
	future n1 null restorative 100 '{"reseed":1}' 1.99 1.89
	future n2 null restorative 100 '{"reseed":2}' 2.01 1.91
	future n3 null restorative 100 '{"reseed":3}' 1.99 1.89
	future n4 null restorative 100 '{"reseed":4}' 2.01 1.91
}
field() { grep -o "\"$1\":\(\"[^\"]*\"\|[^,}]*\)" | head -n 1 | sed 's/^[^:]*://; s/"//g'; }
said() { echo "$(field verdict <.out) $(field choice <.out)"; }

{ references && future a1 arm restorative 100 '{"reset":"mv"}' 2.00 1.90; } >ev
status "an arm like the control" 1 lc-collapse race ev
equal "none is better" "none c" "$(said)"
match "the decision is whole" '"actions":\{\},"gain":0,.*"alpha":0.05,.*"evidence":"sha256:[0-9a-f]{64}"' .out
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 2.10 2.00; } >ev
status "an arm that is worse" 1 lc-collapse race ev
equal "none is better than it was" "none c" "$(said)"

{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.80 1.70; } >ev
sed '/\.return"}$/s/"loss":3,"val_loss":[^,]*,//' ev >short
ok "segments too short for anything to be read in" lc-collapse race short
equal "are not read: their own later half is" "better a1 0.2" "$(said) $(field measured_gain <.out)"
ok "an arm better by 20 sd" lc-collapse race ev
equal "is chosen" "better a1" "$(said)"
equal "gain, as measured" 0.2 "$(field measured_gain <.out)"
# 14.1 standard errors, told because it is above 2.13: with 4 degrees of freedom, half of such are of gains above
# 12.968 true ones, and the estimate of one is .918 of it at the median
equal "gain, as what passed a bar is to be told" 0.19982 "$(field gain <.out)"
match "actions and origin of the choice" '"from":\{"snapshot":"s100","step":100\},"actions":\{"reset":"mv"\}' .out
match "against what it was decided" '"present":\{"snapshot":"s100","step":100,"horizon":10\},"base":\{\}' .out
cp .out decision
# sd .01, t(.95; 4) 2.13185 (alpha over one arm), half width t sqrt(2) sd
equal "interval" '"ci":[0.16985,0.23015]' "$(grep -o '"ci":\[[^]]*\]' .out)"
ok "from standard input" lc-collapse race <ev
same "the same bytes" .out decision

# t(.95; 4) sqrt(2) .01 is .03015
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.970 1.870; } >ev
status "a gain just inside the noise" 1 lc-collapse race ev
equal "is not decided" undecided "$(field verdict <.out)"
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.969 1.869; } >ev
ok "and just outside" lc-collapse race ev
status "a least effect it does not have" 1 lc-collapse race -e 0.001 ev
status "a smaller alpha" 1 lc-collapse race -a 0.01 ev

# alpha is shared out: with 8 more arms that do nothing, the same gain is not enough: Dunnett's quantile for 9 arms and
# 4 degrees of freedom, 3.6, times sqrt(2) sd is .051
{
	references
	future a1 arm restorative 100 '{"reset":"mv"}' 1.955 1.855
} >one
{
	cat one
	for i in 2 3 4 5 6 7 8 9; do future a$i arm restorative 100 "{\"x_n\":$i}" 2.00 1.90; done
} >nine
ok "a gain of .045 among one arm" lc-collapse race one
status "is none among nine" 1 lc-collapse race nine

# a lasting change must win back at the control's lr and after a cooldown
{ references && future a1 arm persistent 100 '{"lr_scale":0.5}' 1.80 1.90; } >ev
status "a lower lr that wins only its return" 1 lc-collapse race ev
{ references && future a1 arm persistent 100 '{"lr_scale":0.5}' 2.00 1.70; } >ev
status "a lower lr that wins only its cooldown" 1 lc-collapse race ev
{ references && future a1 arm persistent 100 '{"lr_scale":0.5}' 1.80 1.75; } >ev
ok "a lower lr that wins both" lc-collapse race ev
equal "gains the smaller" 0.15 "$(field measured_gain <.out)"
{ references && future a1 arm persistent 100 '{"lr_scale":0.5}' 1.80 1.75 | grep -v 'a1\.cool'; } >ev
status "a lower lr without its cooldown" 1 lc-collapse race ev
equal "cannot be read" "undecided c" "$(said)"
{
	references
	future a1 arm restorative 100 '{"reset":"mv"}' 1.85 1.75
	future a2 arm persistent 100 '{"reset":"mv","lr_scale":0.5}' 1.70 1.60
} >ev
ok "a remedy and a lower lr on it" lc-collapse race ev
equal "the lr adds beyond the noise: it is taken" "better a2" "$(said)"
match "credit is parted: beside the same remedy" '"credit":\{"plain":"a1","changed":"a2","clean":true,"remedy":0.15,"schedule":0.15,' .out
cp ev beside
{ cat beside && future a3 arm persistent 100 '{"lr_scale":0.5}' 1.94 1.84; } >ev
ok "where the lr was also lowered on the clean state" lc-collapse race ev
match "the schedule gets what it gains there" '"choice":"a2",.*"credit":\{"plain":"c","changed":"a3","clean":true,"remedy":0.24,"schedule":0.06,' .out
cp .out parted
ok "explain tells it" lc-collapse explain parted
match "in words" '^Credit: of the gain 0.0600 is the schedule.s \(sd 0.0141\): a3 against c, the same change on the clean state, with no incident at all; 0.2400 is the remedy.s.$' .out
ok "verify knows it" lc-collapse verify parted ev

# damage that costs .2, and a lower lr that gains .1 on any state: from the clean state both are gained, from the damaged
# one no more than the schedule's
damaged() {
	future c control restorative 100 '{}' 2.20 2.10
	future k clean restorative 95 '{"rewind":95}' 2.00 1.90
	for i in 1 2 3 4; do
		future n$i null restorative 95 "{\"reseed\":$i}" "$(echo "1.99 2.01" | cut -d ' ' -f $((i % 2 + 1)))" "$(echo "1.89 1.91" | cut -d ' ' -f $((i % 2 + 1)))"
	done
}
{ damaged && future a1 arm persistent 95 '{"rewind":95,"lr_scale":0.5}' 1.90 1.80; } >ev
ok "the lr is lowered on the rewound state" lc-collapse race ev
match "a third is the schedule's" '"credit":\{"plain":"k","changed":"a1","clean":true,"remedy":0.2,"schedule":0.1,' .out
{ damaged && future a1 arm persistent 100 '{"lr_scale":0.5}' 1.90 1.80 && future a2 arm persistent 95 '{"rewind":95,"lr_scale":0.5}' 2.19 2.09; } >ev
ok "the lr is lowered on the damaged state, and gains .3" lc-collapse race ev
match "what it loses on the clean one is the schedule's loss" '"choice":"a1",.*"credit":\{"plain":"k","changed":"a2","clean":true,"remedy":0.49,"schedule":-0.19,' .out
grep -v '"a2' ev >own
ok "where it was not run on the clean one" lc-collapse race own
match "that is said" '"credit":\{"plain":"c","changed":"a1","clean":false,"remedy":0,"schedule":0.3,' .out

# read too soon after it
cp beside ev
ok "remedies that are read after 10 steps" lc-collapse race ev
match "are said to be" '"short_return":\{"steps":10,"wanted":400\}' .out
equal "on stderr too" "lc-collapse: what ends was read after 10 steps back on plan; 400 would tell more" "$(cat .err)"
sed 's/"kind":"restorative"\(.*"branch":"a1"\)/"kind":"persistent"\1/; /"role":"arm"/s/"kind":"restorative"/"kind":"persistent"/' ev >lasting
lc-collapse race lasting >.out 2>.err
equal "lasting changes are not" "0 " "$(grep -c short_return .out) $(cat .err)"

# a control that is the odd one out of five equal runs is luck: all arms look better beside it
{ references 2.20 2.10 && for i in 1 2 3; do future a$i arm restorative 100 "{\"x_n\":$i}" 2.00 1.90; done; } >ev
status "a control worse by 20 sd than the nulls of its own state" 1 lc-collapse race ev
equal "is noise, and no winner" "undecided c" "$(said)"
sed '/"role":"null"/s/"snapshot":"s100","step":100/"snapshot":"s90","step":90/' ev >damaged
ok "one worse than nulls of an earlier state" lc-collapse race damaged
equal "is damaged, and not noise" "better a1" "$(said)"

# what is told lies in its interval, also where the nulls are few, and is no more than was measured
{
	future c control restorative 100 '{}' 3.44 3.34
	future n1 null restorative 90 '{"rewind":90,"reseed":1}' 1.99 1.89
	future n2 null restorative 90 '{"rewind":90,"reseed":2}' 2.01 1.91
	future n3 null restorative 90 '{"rewind":90,"reseed":3}' 2.00 1.90
	for i in 1 2 3 4; do future a$i arm restorative 100 "{\"x_n\":$i}" 2.00$i 1.90; done
} >ev
for e in 0 .5 1.3; do
	ok "a gain of 1.44 against an effect of $e" lc-collapse race -e $e ev
	ok "what is told lies in its interval ($(field gain <.out))" awk -v "g=$(field gain <.out)" -v "m=$(field measured_gain <.out)" \
		-v "ci=$(grep -o '"ci":\[[^]]*' .out | sed 's/.*\[//')" 'BEGIN { split(ci, x, ","); exit !(g >= x[1] && g <= m && m <= x[2] && x[1] > '$e') }'
done

# not finite, void, failed, missing
{ references NaN NaN && future a1 arm restorative 100 '{"reset":"mv"}' 2.5 2.4; } >ev
ok "the control is NaN" lc-collapse race ev
equal "any arm that lives is better" "better a1" "$(said)"
{ references && future a1 arm restorative 100 '{"reset":"mv"}' NaN 1.5; } >ev
status "an arm that is NaN" 1 lc-collapse race ev
match "is the worst" '"branch":"a1",.*"gain":"-inf"' .out
{ references NaN NaN && future a1 arm restorative 100 '{"reset":"mv"}' NaN NaN; } >ev
status "all is NaN" 1 lc-collapse race ev
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.5 1.4 | sed '/"branch":"a1".*"done"/s/"done"/"killed"/; s/"loss":3,\(.*"a1"\)/"loss":NaN,\1/'; } >ev
status "an arm killed for a non-finite loss" 1 lc-collapse race ev
match "is the worst too" '"branch":"a1",.*"gain":"-inf"' .out
for how in void failed; do
	{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.5 1.4 | sed "/\"branch\":\"a1\".*\"done\"/s/\"done\",\"why\":\"\"/\"$how\",\"why\":\"it lied\"/"; } >ev
	status "an arm that was $how" 1 lc-collapse race ev
	[ $how = void ] || match "is the worst" '"branch":"a1",.*"gain":"-inf"' .out
	match "is not counted, and says why" "\"not_counted\":\[\{\"branch\":\"a1\",\"status\":\"$how\",\"why\":\"it lied\"\}\]" .out
done
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.5 1.4 | grep -v '"result"'; } >ev
status "an arm without a result" 1 lc-collapse race ev
match "is missing" '"branch":"a1","status":"missing"' .out
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.5 1.4; } | grep -v '"n[234]' >ev
status "one null" 1 lc-collapse race ev
equal "is undecided" "undecided c" "$(said)"
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.5 1.4; } | sed '/"branch":"c"/s/"done"/"failed"/' >ev
status "a control that failed" 1 lc-collapse race ev
equal "is undecided too" "undecided c" "$(said)"
{
	references
	future n5 null restorative 100 '{"reseed":5}' NaN NaN
	future a1 arm restorative 100 '{"reset":"mv"}' 1.96 1.86
} >ev
status "a null that diverged is noise, not a missing null" 1 lc-collapse race ev
sed '/"branch":"n5".*"done"/s/"done"/"failed"/' ev >crashed
status "and so is one that crashed of it" 1 lc-collapse race crashed
match "no noise is assumed without it" '"why":"a null branch diverged' .out
{ references | sed '/"branch":"c"[^.]/s/"loss":[0-9.]*/"loss":"nan"/; /"branch":"c".*"done"/s/"done"/"failed"/' && future a1 arm restorative 100 '{"reset":"mv"}' 1.96 1.86; } >ev
ok "a control that crashed of a loss that is none" lc-collapse race ev
equal "is beaten by what did not" "better a1" "$(said)"
for far in '"horizon":9223372036854775807' '"horizon":4611686018427387904'; do
	{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.5 1.4; } | sed "s/\"horizon\":[0-9]*/$far/" >ev
	status "a horizon past all steps" 3 lc-collapse race --stop far ev
done

# the noise of a cooldown is known by the nulls that were cooled
{ references && future a1 arm persistent 100 '{"lr_scale":0.5}' 1.965 1.865; } >ev
ok "a lasting gain of .035 beside four nulls" lc-collapse race ev
grep -v '"n[34]\.cool"' ev >two
status "is not enough beside two that were cooled" 1 lc-collapse race two
grep -v '"n[1-4]\.cool"' ev >nocool
status "nulls that were not cooled at all" 1 lc-collapse race nocool
equal "say nothing about a lasting change" "undecided c" "$(said)"

# ties: within the noise of the best, the fewest changes
{
	references
	future a1 arm restorative 100 '{"reset":"mv","lr_warmup":100}' 1.790 1.69
	future a2 arm restorative 100 '{"reset":"mv"}' 1.800 1.70
	future a3 arm restorative 100 '{"reset":"v"}' 1.950 1.85
} >ev
ok "a tie" lc-collapse race ev
equal "goes to the simplest" "better a2" "$(said)"
equal "two are tied" 2 "$(grep -o '"tied":true' .out | wc -l)"

# one state under two plans
{
	references
	future a1 arm restorative 100 '{"reset":"mv"}' 1.80 1.70
	future a2 arm restorative 100 '{"reset":"mv","x_for":200}' 1.80 1.70
	future a3 arm restorative 100 '{"reset":"v"}' 1.81 1.70
} >ev
ok "arms with the same losses to the last bit" lc-collapse race ev
equal "are said to be in the same state" '"same_state":"a1"' "$(grep -o '"same_state":"[^"]*"' .out)"
equal "and tied" "better a1" "$(said)"

# rewound steps are charged at what a step is worth: the nulls fall by .01 a step
falling() {
	awk '/"branch":"[cn][^"]*"}$/ && match($0, /"step":[0-9]+/) {
		s = substr($0, RSTART + 7, RLENGTH - 7)
		match($0, /"val_loss":[0-9.]+/)
		v = substr($0, RSTART + 11, RLENGTH - 11)
		sub(/"val_loss":[0-9.]+/, sprintf("\"val_loss\":%.4f", v + .01 * (115.5 - s)))
	} { print }'
}
{ references && future a1 arm restorative 90 '{"rewind":90}' 1.80 1.70; } | falling >ev
ok "a rewind of 10 steps that are worth .01 each" lc-collapse race ev
match "is charged .1" '"rewound_steps":10,"step_worth":0.0[01][0-9]*,"charge":0.1[0-9]*' .out
{ references && future a1 arm restorative 60 '{"rewind":60}' 1.80 1.70; } | falling >ev
status "a rewind of 40" 1 lc-collapse race ev
{ references && future a1 clean restorative 90 '{"rewind":90}' 1.80 1.70; } >ev
ok "the clean state may be chosen too" lc-collapse race ev
equal "when it is better" "better a1" "$(said)"

# selected on val_loss, reported on test_loss
{
	future c control restorative 100 '{}' 2.00 1.90 2.20
	for i in 1 2 3 4; do
		future n$i null restorative 100 "{\"reseed\":$i}" 1.9$((8 + i % 2)) 1.89 2.1$((8 + i % 2))
	done
	future a1 arm restorative 100 '{"reset":"mv"}' 1.80 1.70 2.05
} >ev
ok "with a test_loss" lc-collapse race ev
equal "the gain is reported on it" "test_loss 0.15 0.2" "$(field reported_on <.out) $(field measured_gain <.out) $(field selected_gain <.out)"
references | sed 's/"loss":3,"val_loss"/"loss"/' >ev
future a1 arm restorative 100 '{"reset":"mv"}' 1.80 1.70 | sed 's/"loss":3,"val_loss"/"loss"/' >>ev
ok "without val_loss" lc-collapse race ev
equal "the loss is read" loss "$(field reported_on <.out)"
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.80 1.70; } |
	grep -v '\.return\|\.cool' >ev
ok "restorative arms without segments" lc-collapse race ev

# confirmed by replicates: the leader, on other orders, against the nulls of these orders
replica() { # ORDER RETURN
	future "a1-c$1" confirm restorative 100 "{\"reset\":\"mv\",\"reseed\":$1}" "$2" 1.70 |
		sed '/"role":"confirm"/s/"role"/"of":"a1","role"/'
}
{
	references
	future a1 arm restorative 100 '{"reset":"mv"}' 1.97 1.87
	future a2 arm restorative 100 '{"reset":"v"}' 2 2
} >ev
status "a leader within the noise" 1 lc-collapse race -c 2 ev
equal "is to be run again" "undecided c" "$(said)"
match "on the orders of the nulls" '"wanted":\[\{.*"branch":"a1-c1",.*"reseed":1\}.*"branch":"a1-c2",.*"reseed":2\}.*\],"steps":20\}' .out
cp .out wants
ok "(the decision verifies)" lc-collapse verify wants ev
status "which costs more than is allowed" 1 lc-collapse race -c 2 --max-cost 130 ev
match "is said" '"verdict":"none","why":"a1 leads by 0.0300, not confirmed: the budget' .out
status "a price of what is worth nothing" 1 lc-collapse race -c 2 --price 1 ev
match "is no hindrance" '"verdict":"undecided"' .out
falling <ev >fallen
status "a price above what there is to know" 1 lc-collapse race -c 2 --price 1 fallen
match "is said too" '"verdict":"none","why":"a1 leads by 0.0[0-9]*, not confirmed: that costs more' .out
# t(.95; 4) sqrt(2/2) sd is .0213
{ cat ev && replica 1 1.968 && replica 2 1.988; } >held
ok "two runs that hold what it promised" lc-collapse race -c 2 held
equal "and it is chosen, with their gain" "better a1 0.022 [0.00068,0.04332]" \
	"$(said) $(field gain <.out) $(grep -o '"ci":\[[^]]*\]' .out | sed 's/"ci"://')"
cp .out won
ok "verify knows that it was confirmed" lc-collapse verify won held
{ cat ev && replica 1 1.969 && replica 2 1.989; } >fell
status "two that do not quite" 1 lc-collapse race -c 2 fell
match "say what they gained" '"why":"a1 led by 0.0300, but gained 0.0210 \(at least -0.000[0-9]*\) in 2 runs' .out
{ cat ev && replica 1 1.8 && replica 2 1.8; } | sed '/"branch":"a1-c2".*"done"/s/"done"/"void"/' >half
status "a void one is no run" 1 lc-collapse race -c 2 half
match "another is wanted: of a new order" '"wanted":\[\{.*"branch":"a1-c3"' .out
{ cat ev && replica 1 1.8 && replica 2 NaN; } >nan
status "one that diverged is no confirmation" 1 lc-collapse race -c 2 nan
equal "of anything" "none c" "$(said)"
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 2.03 1.87; } >ev
status "nothing leads" 1 lc-collapse race -c 2 ev
equal "so nothing is confirmed" "none c" "$(said)"
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.97 1.87; } | sed '/"branch":"n/s/"s100"/"s90"/' >ev
status "nulls of another state" 1 lc-collapse race -c 1 ev
match "are no twins: the control is run again too" '"branch":"a1-c5",.*"branch":"c-c5",' .out

# the noise of earlier forks counts
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.972 1.872; } >ev
status "a gain within the noise of four nulls" 1 lc-collapse race ev
cp .out before
ok "is beyond that of more of them" lc-collapse race -n before -n before ev
match "and the decision says so" '"noise":\{"return":0.01,.*"df":4,.*"pooled":\{"return":0.01,"df":8,' .out
cp .out pooled
ok "verify knows them" lc-collapse verify pooled ev

# other objectives: the reward is 10 - 2 val_loss in every step, kl is .05, but .15 in a2
rewarded() {
	awk 'match($0, /"val_loss":[0-9.]+/) {
		v = substr($0, RSTART + 11, RLENGTH - 11)
		printf "%s", substr($0, 1, RSTART - 1)
		# half of it on a line of its own, as some trainers log
		match($0, /"step":[0-9]+/)
		printf "\"reward\":%.4f,\"branch\"%s\n{%s,\"kl\":%s,\"branch\"%s\n", 10 - 2 * v, substr($0, index($0, "\"branch\"") + 8),
			substr($0, RSTART, RLENGTH), /"branch":"a2/ ? ".15" : ".05", substr($0, index($0, "\"branch\"") + 8)
		next
	} { print }'
}
{
	references
	future a1 arm restorative 100 '{"reset":"mv"}' 1.90 1.80
	future a2 arm restorative 100 '{"reset":"v"}' 1.80 1.70
} | rewarded >ev
ok "the highest reward" lc-collapse race -o max:reward ev
equal "is the lowest of its negative" "better a2 0.4 max:reward" \
	"$(said) $(field measured_gain <.out) $(field reported_on <.out)"
cp .out rewards
ok "verify knows the objective" lc-collapse verify rewards ev
ok "with a limit on kl" lc-collapse race -o max:reward -l 'kl<0.1' ev
equal "only what keeps it is chosen" "better a1" "$(said)"
match "and it is said which does not" '"branch":"a2",.*"beyond":"kl<0.1"' .out
cp .out limited
ok "verify knows the limit" lc-collapse verify limited ev
ok "a limit the other way" lc-collapse race -o max:reward -l 'kl>0.1' ev
equal "is kept by the other" "better a2" "$(said)"
status "a metric that was not logged keeps none" 1 lc-collapse race -o max:reward -l 'entropy<9' ev
ok "a sum" lc-collapse race -o max:reward:1 -o min:kl:10 ev
equal "is weighted: 10 of kl cost more than it gains" "better a1 0.2 max:reward:1 + min:kl:10" \
	"$(said) $(field measured_gain <.out) $(field reported_on <.out)"
sed 's/"reward":6.4000/"reward":NaN/' ev >nan
ok "a reward that is NaN" lc-collapse race -o max:reward nan
match "is the worst" '"branch":"a2",.*"gain":"-inf"' .out
status "an objective of no direction" 2 lc-collapse race -o reward ev
status "a metric that nothing logs" 3 lc-collapse race -o max:luck ev
equal "is named" "lc-collapse: objective max:luck: no step record has it" "$(cat .err)"
status "what a record says of itself" 2 lc-collapse race -o max:branch ev
status "no metric at all" 2 lc-collapse race -o max: ev
status "more names of one's own than four" 2 lc-collapse race -o max:val_x -o max:val_y -o max:z ev
match "are said to be" 'more than 4 names of one.s own' .err
status "a weight that is none" 2 lc-collapse race -o max:reward:-1 ev
status "a limit that is none" 2 lc-collapse race -l kl=3 ev
sed 's/"max:reward"\]/"luck"]/' rewards >lie
status "a decision with an objective that is none" 3 lc-collapse verify lie ev

# a metric of the trainer's own: selected on one held-out half, reported on the other (a1 was lucky there)
own() {
	sed 's/"reward":\([0-9.]*\)/"val_reward":\1,"test_reward":\1,"other":\1/; /"branch":"a2/s/"test_reward":6.4/"test_reward":6.3/' ev
}
own >mine
ok "a name that no page knows" lc-collapse race -o max:val_reward mine
equal "is selected on, its twin is told" "better a2 0.3 0.4 max:test_reward" \
	"$(said) $(field measured_gain <.out) $(field selected_gain <.out) $(field reported_on <.out)"
cp .out mined
ok "verify knows it" lc-collapse verify mined mine
ok "explain" lc-collapse explain mined mine
match "calls no reward nats" ': gains 0.2999 by max:test_reward, between' .out
ok "one without a twin" lc-collapse race -o max:other -l 'other>0' mine
equal "is told itself" "better a2 0.4 max:other" "$(said) $(field measured_gain <.out) $(field reported_on <.out)"
ok "any spelling of a known one" lc-collapse race -o max:rewards/mean ev
equal "is that one" "better a2 0.4" "$(said) $(field measured_gain <.out)"

# verify
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.80 1.70; } >ev
lc-collapse race ev >decision
ok "verify" lc-collapse verify decision ev
ok "verify, from standard input" lc-collapse verify decision <ev
lc-collapse race -a .01 -e .02 ev >other
ok "verify knows alpha and effect" lc-collapse verify other ev
sed '20s/"loss":3/"loss":4/' ev >changed
ok "(one byte was changed)" sh -c '! cmp -s ev changed'
status "evidence with one byte changed" 1 lc-collapse verify decision changed
equal "is said in one line" 1 "$(wc -l <.err)"
sed 's/"gain":0.19982/"gain":0.3/' decision >lie
status "a decision that was changed" 1 lc-collapse verify lie ev
equal "is said, and where" "lc-collapse: lie: gain: it says 0.3, the evidence gives 0.19982" "$(cat .err)"
sed 's/"lower":[0-9.]*,/"lower":0.5,/; s/"df":4/"df":3/; s/,"control":[^,]*//' decision >lie
status "three members that were changed" 1 lc-collapse verify lie ev
equal "are all named" "arms[0].lower control noise.df" \
	"$(sed 's/^lc-collapse: lie: \([^:]*\):.*/\1/' .err | sort | tr '\n' ' ' | sed 's/ $//')"
sed 's/,/, /' decision >lie
status "other bytes of the same values" 1 lc-collapse verify lie ev
match "are said to be that" 'same values, in other bytes' .err
sed 's/"alpha":0.05/"alpha":7/' decision >lie
status "an alpha that is none" 3 lc-collapse verify lie ev
{ echo '{"step":1,"loss":2}' && cat other decision && echo '{"type":"event","v":1}'; } >journal
ok "verify the last decision of a journal" lc-collapse verify journal ev
head -n 100 ev >cut
status "evidence cut short" 1 lc-collapse verify decision cut
{
	echo '# a word'
	echo '{"type":"unheard-of","v":9}'
	cat ev
} >more
ok "records that are no evidence do not count" lc-collapse verify decision more

# the run's own steps and its plan are evidence too
awk 'BEGIN { for (s = 1; s <= 100; s++) printf "{\"step\":%d,\"loss\":%s,\"lr\":0.001}\n", s, 3 - s / 100 }' >run
echo '{"schedule":"wsd","lr":0.001,"total":1000,"warmup":10}' >plan
ok "with the run's log and its plan" lc-collapse race -p plan run ev
equal "the plan is in the decision" '"plan":{"schedule":"wsd","lr":0.001,"min_lr":0,"warmup":10,"total":1000,"decay_frac":0.2}' \
	"$(grep -o '"plan":{[^}]*}' .out)"
cp .out planned
ok "verify reads the same files" lc-collapse verify planned run ev
ok "or one that holds both" sh -c 'cat run ev | lc-collapse verify planned'
status "not without the run's log" 1 lc-collapse verify planned ev
echo '{"lr":1}' >noplan
status "a plan that is none" 3 lc-collapse race -p noplan ev

# the directory of a fork
mkdir forkdir && cp ev forkdir/evidence.jsonl
ok "a fork directory" lc-collapse race -p plan run forkdir
same "decides as its records do" .out planned
ok "verify reads it too" lc-collapse verify planned run forkdir
head -n 40 ev >forkdir/evidence.jsonl && printf '{"step":1' >>forkdir/evidence.jsonl
status "one that is still at work" 1 lc-collapse race forkdir
equal "is undecided" "undecided c" "$(said)"
mkdir none
status "a directory of no fork" 4 lc-collapse race none
match "is named" 'none/evidence.jsonl' .err

# bad input
status "no evidence" 3 lc-collapse race /dev/null
status "no control" 3 sh -c 'grep -v "\"c" ev | lc-collapse race'
{ cat ev && branch a1 arm restorative 100 '{}'; } >bad
status "a branch twice" 3 lc-collapse race bad
match "is named" 'a1' .err
{ cat ev && branch a9 arm restorative 100 '{"lr_scale":-1}'; } >bad
status "an action that is none" 3 lc-collapse race bad
{ cat ev && branch a9 arm restorative 100 '{}' | sed 's/"v":1/"v":2/'; } >bad
status "a branch record of a later version" 3 lc-collapse race bad
status "no such file" 4 lc-collapse race absent
status "verify: a decision that is none" 3 sh -c 'echo "{" >d; lc-collapse verify d ev'
status "an alpha of 1" 2 lc-collapse race -a 1 ev
status "an unknown verb" 2 lc-collapse choose ev
status "a file twice is a branch twice" 3 lc-collapse race ev ev
# branches run side by side, and a fork that is run on after a kill prints what it has in another order: still one decision
{ references && future a1 arm restorative 100 '{"reset":"mv"}' 1.80 1.70; } >ev
{ grep '"type":"branch"' ev && grep -v '"type":"branch"' ev | awk '{ match($0, /"branch":"[^"]*"/); print substr($0, RSTART, RLENGTH) "\t" $0 }' |
	sort -s -r -k 1,1 | cut -f 2-; } >other
cmp -s ev other && fail "the branches in another order" "they are in the same"
ok "a fork" lc-collapse race ev
cp .out decision
ok "the same, its branches in another order" lc-collapse race other
same "give the same decision" decision .out
ok "which both verify" lc-collapse verify decision other
awk '/"branch":"a1","/ || !/"branch":"a1"/ { print; next } { if (held != "") { print; print held; held = "" } else if (!done++) held = $0; else print }' ev >swapped
status "but two lines of one branch exchanged" 1 lc-collapse verify decision swapped

lc-collapse >.out 2>.err
equal "no verb" 2 $?
for verb in '' screen race aa verify apply; do
	# shellcheck disable=SC2086
	ok "$verb --help" lc-collapse $verb --help
	match "$verb --help is on stdout" '^usage: lc-collapse' .out
done
ok "--version" lc-collapse --version
[ -w /dev/full ] && status "a full disk" 4 sh -c 'lc-collapse race ev >/dev/full'
:
