# lc-fork plan: which futures are proposed, from where.
. "$TESTS/cli/lib.sh"
unset LC_STORE

# save STEP [TAG...]: a checkpoint of that step; its id
save() {
	step=$1
	shift
	mkdir -p "ckpt/step-$step"
	echo "$step $*" >"ckpt/step-$step/model.safetensors"
	lc-snap save -q "$@" "ckpt/step-$step" | grep -o '"id":"[^"]*"' | cut -d '"' -f 4
}
alert() { # STEP ONSET REWIND [KIND]
	printf '{"type":"alert","v":1,"step":%s,"index":2,"threshold":1,"kind":"%s","onset":%s,"rewind":%s,"signals":{"loss":9},"first":"loss"}\n' \
		"$1" "${4:-spike}" "$2" "$3"
}
count() { grep -c "\"role\":\"$1\"" .out; }
plan() { lc-fork plan -a alert -w 64 --horizon 20 --readout 10 --nulls 3 "$@"; }

for s in 50 100 150 200; do save $s >id.$s; done
alert 190 180 175 >alert

ok "plan" plan
cp .out first
equal "as many as asked for" 64 "$(wc -l <.out)"
equal "ids in order, each once" "b000 b063 64" "$(grep -o '"branch":"b[0-9]*"' .out | cut -d '"' -f 4 | sort -u | sed -n '1p;$p' | tr '\n' ' ')$(grep -o '"branch":"b[0-9]*"' .out | sort -u | wc -l)"
match "the control is the present, unchanged, and comes first" "^\{\"type\":\"branch\",\"v\":1,\"fork\":\"f[0-9a-f]{8}\",\"branch\":\"b000\",\"role\":\"control\",\"kind\":\"restorative\",\"order\":0,\"from\":\{\"snapshot\":\"$(cat id.200)\",\"step\":200\},\"horizon\":20,\"readout\":\{\"return\":10,\"cool\":10\},\"actions\":\{\},\"about\":\{\"kind\":\"spike\",\"alert\":190,\"onset\":180\}\}$" .out
head -n 1 .out >line
match "on the first line" '"role":"control"' line
sed -n 2p .out >line
match "then the clean state, at or before the rewind" "\"role\":\"clean\",.*\"snapshot\":\"$(cat id.150)\",\"step\":150\},\"horizon\":70,.*\"actions\":\{\"rewind\":150\}" line
equal "one control, one clean, one jitter, three nulls" "1 1 1 3" "$(count control) $(count clean) $(count jitter) $(count null)"
equal "each null another data order" 3 "$(grep '"role":"null"' .out | grep -o '"reseed":[0-9]*' | sort -u | wc -l)"
equal "nulls and jitter from the clean state" "4" "$(grep -E '"role":"(null|jitter)"' .out | grep -c "\"step\":150}")"
equal "no arm twice" "" "$(grep -o '"from".*' .out | sort | uniq -d)"
equal "nothing starts after the rewind but before the present" "" "$(grep -o '"step":[0-9]*' .out | sort -u | grep -vE ':(50|100|150|200)$')"
equal "all end at one step" 220 "$(sed 's/.*"step":\([0-9]*\)},"horizon":\([0-9]*\),.*/\1 \2/' .out | awk '{ print $1 + $2 }' | sort -u)"
equal "no arm is the control or the clean state again" 0 "$(grep '"role":"arm"' .out | grep -cE '"actions":\{("rewind":150)?\}')"
equal "lasting changes are persistent, others are not" 0 "$(grep '"role":"arm"' .out | awk '(/lr_scale|weight_decay_scale/ && !/"kind":"persistent"/) || (!/lr_scale|weight_decay_scale/ && !/"kind":"restorative"/)' | wc -l)"
ok "the same again" plan
same "is the same bytes" .out first
ok "of an alert among others, from standard input" sh -c '{ echo "{\"step\":3,\"loss\":1}"; echo "{\"type\":\"alert\",\"v\":1,\"step\":5,\"onset\":5,\"rewind\":4}"; cat alert; } | lc-fork plan -w 64 --horizon 20 --readout 10 --nulls 3'
same "the last alert counts" .out first
alert 191 180 175 >other
ok "another alert" lc-fork plan -a other -w 64 --horizon 20 --readout 10 --nulls 3
ok "is another fork" test "$(grep -o '"fork":"[^"]*"' .out | head -n 1)" != "$(grep -o '"fork":"[^"]*"' first | head -n 1)"
ok "--fork" plan --fork mine
equal "names it" 64 "$(grep -c '"fork":"mine"' .out)"

# widths
for w in 8 9 100 512; do
	ok "width $w" lc-fork plan -a alert -w $w --nulls 2
	equal "is $w branches" $w "$(wc -l <.out)"
done
ok "a width beyond the menu" lc-fork plan -a alert -w 65536
cp .out all
n=$(wc -l <all)
ok "is all there is ($n), each once" test "$n" -gt 500 -a "$(grep -o '"from".*' all | sort -u | wc -l)" -eq "$n"
equal "with ids of one length" 1 "$(grep -o '"branch":"b[0-9]*"' all | awk '{ print length($0) }' | sort -u | wc -l)"

# the present is from before the onset: it is clean itself
alert 230 225 220 >alert
ok "an alert after the newest snapshot" plan
equal "no other clean state is needed" 0 "$(count clean)"
equal "nulls from the present" 3 "$(grep '"role":"null"' .out | grep -c '"step":200}')"
equal "all end past the alert" 250 "$(sed 's/.*"step":\([0-9]*\)},"horizon":\([0-9]*\),.*/\1 \2/' .out | awk '{ print $1 + $2 }' | sort -u)"

# the present is dead
alert 190 180 175 nonfinite >alert
ok "a non-finite alert" plan
equal "no arm from the dead state" 0 "$(grep '"role":"arm"' .out | grep -c '"step":200}')"
equal "the control from it" 1 "$(grep '"role":"control"' .out | grep -c '"step":200}')"

# nothing from before
alert 60 30 25 >alert
lc-fork plan -a alert -w 8 --nulls 2 >.out 2>.err
equal "no snapshot from before the onset: status" 0 $?
match "is said" 'nothing to go back to' .err
equal "all from the present" 8 "$(grep -c '"step":200}' .out)"

# the base: what is in force already
alert 190 180 175 >alert
echo '{"lr_scale":0.5,"skip":[20,30],"clip":0.7}' >base.json
ok "--base" plan --base base.json
equal "stands in every record" 64 "$(grep -c '"base":{"lr_scale":0.5,"skip":\[20,30\],"clip":0.7}' .out)"
sed 's/"base":{[^}]*},//' .out | grep -o '"lr_scale":[0-9.]*' | sort -u >scaled
grep -o '"lr_scale":[0-9.]*' first | cut -d : -f 2 | sort -u | awk '{ printf "\"lr_scale\":%g\n", $1 * .5 }' | sort -u >want
same "scales are multiplied by its own" scaled want
equal "what else is in force stays in the base" 0 "$(grep '"role":"arm"' .out | sed 's/"base":{[^}]*},//' | grep -cE '"clip"|\[20,30\]')"
match "the control changes nothing" '"role":"control".*"actions":\{\}' .out
echo '{"lr_scale":0}' >bad.json
status "a base that is none" 3 plan --base bad.json
status "no such base" 4 plan --base absent.json

# runs, heads, and lines of states that were left
rm -rf lc-store
h1=$(save 100 -t parent=)
h2=$(save 140 -t "parent=$h1")
left=$(save 160 -t "parent=$h2" -t left=1)
h3=$(save 170 -t "parent=$h2")
h4=$(save 200 -t "parent=$h3")
ok "parents" plan
equal "lead back past what was left behind" 0 "$(grep -c "$left" .out)"
equal "to the states of this line" "100 140 170 200" "$(grep -o '"step":[0-9]*}' .out | tr -dc '0-9\n' | sort -un | tr '\n' ' ' | sed 's/ $//')"
ok "--head" plan --head "$h3"
equal "the head is the present" 170 "$(head -n 1 .out | grep -o '"step":[0-9]*' | cut -d : -f 2)"
equal "nothing after it" 0 "$(grep -c "$h4\|$left" .out)"
status "a head that is not there" 3 plan --head 0123456789abcdef

rm -rf lc-store
save 100 --run a >/dev/null
save 150 --run b >/dev/null
save 200 --run a >/dev/null
ok "--run" plan --run a
equal "only states of this run" "100 200" "$(grep -o '"step":[0-9]*}' .out | tr -dc '0-9\n' | sort -un | tr '\n' ' ' | sed 's/ $//')"
status "a run that is not there" 3 plan --run c

# a parent tag that is empty is no parent: the run's first state, whatever else the store holds
rm -rf lc-store
other=$(save 10 -t other=1)
h1=$(save 100 -t parent=)
h2=$(save 200 -t "parent=$h1")
ok "an empty parent" plan --head "$h2"
equal "ends the line" 0 "$(grep -c "$other" .out)"

# bad input
status "no store" 4 lc-fork plan -a alert -s nowhere
rm -rf lc-store
save 100 >/dev/null && rm -f lc-store/snapshots/*
status "no snapshot" 3 plan
save 100 >/dev/null
status "no alert" 3 lc-fork plan -a /dev/null
status "an alert of a later version" 3 sh -c 'sed "s/\"v\":1/\"v\":2/" alert | lc-fork plan'
status "no such alert" 4 lc-fork plan -a absent
for bad in '-w 7' '-w 1 --nulls 0' '-w x' '--nulls 1' '--horizon 0' '--readout -1' '-w 8 --nulls 5' extra; do
	# shellcheck disable=SC2086
	status "usage: $bad" 2 lc-fork plan -a alert $bad
done
[ -w /dev/full ] && status "a full disk" 4 sh -c 'lc-fork plan -a alert >/dev/full'
status "an unknown verb" 2 lc-fork choose
ok "--help" lc-fork --help
ok "plan --help" lc-fork plan --help
ok "--version" lc-fork --version

# ---- occasions other than an alert, kinds of alert, widths by budget, orders, probes ----
rm -rf lc-store ckpt
for s in 50 100 150 200; do save $s >id.$s; done
alert 190 180 175 >alert

ok "now" lc-fork plan --now -w 40 --nulls 2
cp .out now
equal "all from the newest state, which is clean" "40 0" "$(grep -c "$(cat id.200)" .out) $(count clean)"
equal "nothing is skipped, nothing rewound" 0 "$(grep -cE '"skip"|"rewind"' .out)"
lrs() { grep '"role":"arm"' .out | grep -o '"actions":{.*' | sed 's/,"about".*//; s/"actions"://; s/}}$/}/' | head -n "$1" | tr '\n' ' '; }
equal "the first changes are a bold one of the lr to each side" '{"lr_scale":0.5} {"lr_scale":4} {"lr_scale":2} ' "$(lrs 3)"
ok "without nulls" lc-fork plan --now -w 9 --nulls 0
equal "there is no null, no jitter copy" "1 0 0 8" "$(count control) $(count null) $(count jitter) $(count arm)"
equal "and nothing that the law cannot judge" 8 "$(grep -c '"kind":"persistent".*"actions":{"lr_scale":[0-9.]*}}$' .out)"
echo '{"lr_scale":0.5}' >base
ok "where a lower lr has won" lc-fork plan --now -w 3 --nulls 0 --base base
equal "on down" '{"lr_scale":0.25} {"lr_scale":0.35} ' "$(lrs 2)"
echo '{"lr_scale":2}' >base
ok "where a higher one has" lc-fork plan --now -w 3 --nulls 0 --base base
equal "on up" '{"lr_scale":4} {"lr_scale":1.4} ' "$(lrs 2)"
ok "a snapshot's record" sh -c 'lc-snap list -j | grep "\"step\":150" | lc-fork plan -w 8 --nulls 2'
equal "is the state it starts from" 8 "$(grep -c "$(cat id.150)" .out)"
ok "--every" lc-fork plan --every 100 -w 8 --nulls 2
equal "begins at the stretch's first state" 8 "$(grep -c "$(cat id.200)" .out)"
save 250 >id.250
cp .out before
ok "--every, asked again in the stretch" lc-fork plan --every 100 -w 8 --nulls 2
same "is the same fork" .out before
status "--every, before the first stretch is over" 1 lc-fork plan --every 1000
rm -rf lc-store/* && for s in 50 100 150 200; do save $s >/dev/null; done

first_arm() { grep '"role":"arm"' .out | head -n "${1:-1}" | tail -n 1; }
alert 190 180 175 drift >drift
ok "a drift" plan -a drift
first_arm >line
match "is answered by the lr first" '"actions":\{"lr_scale":0.5\}' line
alert 190 180 175 plateau >plateau
ok "a plateau" plan -a plateau
equal "skips nothing" 0 "$(grep -c '"skip"' .out)"
ok "a spike" plan
equal "is not answered by a lower lr from the damaged state" 0 "$(grep '"role":"arm"' .out | grep '"step":200}' | grep -c '"lr_scale":0')"
ok "unless asked for" plan -w 512 --all
ok "is there" test "$(grep '"role":"arm"' .out | grep '"step":200}' | grep -c '"lr_scale":0')" -gt 0 -a "$(grep -c '"clip":0.5' .out)" -gt 0
equal "a warm-up ends by itself" 0 "$(grep '"lr_warmup"' .out | grep -vE 'lr_scale|weight_decay|clip' | grep -vc '"kind":"temporary"')"
equal "only lasting changes are read by a cooldown" 0 "$(grep '"role":"arm"' .out | awk '(/"persistent"/ && !/"cool"/) || (!/"persistent"/ && /"cool"/)' | wc -l)"
ok "--return" plan --return 33
equal "is another length of that segment" 64 "$(grep -c '"return":33' .out)"

# widths by the alert, within a budget: here a branch costs 50 + 20 + 10 + 10 steps from the oldest state
for i in 1 4 64; do alert 190 180 175 | sed "s/\"index\":2/\"index\":$i/" >loud.$i; done
cat >width.sh <<'EOF'
lc-fork plan -a "$1" --horizon 10 --readout 5 --nulls 2 --budget "$2" ${3:+-f "$3"} >.width 2>.err && grep -vc '"confirm"' .width
EOF
equal "a quiet alert asks for few" 9 "$(sh width.sh loud.1 1000)"
equal "a louder one for more" 17 "$(sh width.sh loud.4 1000)"
equal "a very loud one for more still" 33 "$(sh width.sh loud.64 1000)"
equal "what is left of the budget repeats control and arms over three orders" 2 "$(sh width.sh loud.1 1000 >/dev/null; grep '"confirm"' .width | grep -c '"of":"b000"')"
equal "each of the same orders" "6 6" "$(grep -c '"order":1.*"reseed":1' .width) $(grep -c '"order":2.*"reseed":2' .width)"
equal "a budget is a bound" 9 "$(sh width.sh loud.64 8.2)"
status "a budget that holds no fork" 1 lc-fork plan -a loud.64 --horizon 10 --readout 5 --nulls 2 --budget 0.5
match "is told" 'the smallest fork has 7' .err
forecasts() { # HOW FAR APART
	for i in 1 2 3 4; do printf '{"type":"forecast","v":1,"branch":"b%d","final":{"mean":%s,"sd":0.01}}\n' $i "$(awk "BEGIN { print 2 + $i * $1 }")"; done
}
forecasts .1 >apart
forecasts .0001 >alike
equal "where forecasts lie apart, there is more to choose" 29 "$(sh width.sh loud.4 1000 apart)"
equal "where they do not, less" 11 "$(sh width.sh loud.4 1000 alike)"
status "no forecasts in it" 3 lc-fork plan -a alert --budget 100 -f alert
status "width and budget" 2 lc-fork plan -a alert -w 20 --budget 1

ok "--orders" plan --orders 3 -w 20
equal "repeats the control and each arm" "$(($(grep -c '"role":"arm"' .out) + 1)) $(($(grep -c '"role":"arm"' .out) + 1))" "$(grep '"confirm"' .out | grep -c '"order":1') $(grep '"confirm"' .out | grep -c '"order":2')"
equal "of a branch that is there" 0 "$(grep -o '"of":"[^"]*"' .out | sort -u | while IFS=: read -r k v; do grep -q "\"branch\":$v" .out || echo "$v"; done | wc -l)"

ok "--probes" plan --probes -w 20
equal "beside the arms" "1 20" "$(grep -c '"asks":"data"' .out) $(grep -vc '"asks"' .out)"
ok "--only-probes" plan --only-probes
equal "alone, of 20 steps at most" 0 "$(grep -vc '"role":"probe".*"horizon":20,"actions"' .out)"
alert 60 30 25 >early
ok "no state from before" lc-fork plan -a early --only-probes
match "no probes" 'no probes of the cause' .err

# an lr that is off its plan: the first arms put it right
echo '{"schedule":"constant","lr":0.001,"warmup":0,"total":1000}' >lrplan
log() { awk -v from="$1" -v x="$2" 'BEGIN { for (s = 1; s <= 200; s++) printf "{\"step\":%d,\"loss\":2,\"lr\":%g}\n", s, (s < from ? .001 : .001 * x) }'; }
log 186 5 >off.jsonl
ok "an lr five times the plan's" plan -p lrplan -H off.jsonl
cp .out off
grep '"role":"arm"' off | sed -n '1p;2p' >two
equal "is put right first, from the clean state and from the present" \
	"undoes rewind:150,lr_scale:0.2 lr_scale:0.2" \
	"undoes $(sed 's/.*"undoes":"lr".*"actions":{\([^}]*\)}.*/\1/; s/"//g' two | sed 's/^\(lr_scale:0.2\),\(rewind:150\)$/\2,\1/' | tr '\n' ' ' | sed 's/ $//')"
equal "by no other arm" 2 "$(grep -c '"undoes"' off)"
equal "within the width" 64 "$(wc -l <off)"
log 186 0.1 >low.jsonl
ok "an lr a tenth of it" plan -p lrplan -H low.jsonl
match "is put right too" '"undoes":"lr".*"lr_scale":10\.?0?[,}]' .out
equal "but not from before it fell: there it would be ten times too high" "1 0" "$(grep -c '"undoes"' .out) $(grep '"undoes"' .out | grep -c rewind)"
log 1 1 >on.jsonl
ok "an lr that is the plan's" plan -p lrplan -H on.jsonl
same "needs nothing" .out first
echo '{"lr_scale":5}' >times5
ok "a scale that is in force is no fault" plan -p lrplan -H off.jsonl --base times5
equal "nothing is undone" 0 "$(grep -c '"undoes"' .out)"
echo '{"lr_scale":0.2}' >fifth
ok "nor is what undoes one" plan -p lrplan -H on.jsonl --base fifth
equal "nothing is undone again" 0 "$(grep -c '"undoes"' .out)"
log 186 2 >twice.jsonl
ok "where the cause has grown since" plan -p lrplan -H twice.jsonl --base fifth
match "it is undone the rest of the way, half of a fifth" '"undoes":"lr".*"lr_scale":0.1[,}]' .out
log 186 0.2 >gone.jsonl
ok "what undid a cause that is gone looks like a scale in force" plan -p lrplan -H gone.jsonl --base fifth
equal "and is one" 0 "$(grep -c '"undoes"' .out)"
sed 's/}$/,"first":"lr","index":2.32}/' alert >alert.lr
ok "but where the alert says that it is off" plan -a alert.lr -p lrplan -H gone.jsonl --base fifth
match "it is lifted" '"undoes":"lr".*"lr_scale":1(\.0)?[,}]' .out
echo '{"lr_tail":{"shape":"linear","to":0.1,"steps":20}}' >tail
ok "nor is a tail" plan -p lrplan -H off.jsonl --base tail
equal "nothing is" 0 "$(grep -c '"undoes"' .out)"
{ head -n 199 off.jsonl && echo '{"step":200,"loss":2,"lr":0.001}'; } >once.jsonl
ok "nor one that has come back" plan -p lrplan -H once.jsonl
same "nothing is" .out first
status "a plan that is none" 3 plan -p id.50 -H off.jsonl
