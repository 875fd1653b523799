# lc-guard: the whole loop over a tiny real model, with a fault and without.
. "$TESTS/cli/lib.sh"

tiny="lc-train -q --layers 1 --dim 16 --heads 1 --ctx 16 --batch 2 --total 160 --lr 5e-3 --val-every 5 --val-bytes 1024 --save-every 10"
words="--resume {state} --out {out} --steps {horizon} {actions}"
guard() { # DIR FAULT...: the words of the option --fault, if any
	d=$1
	shift
	# shellcheck disable=SC2086
	lc-guard -d "$d" -w 24 -k 2 --horizon 10 --readout 10 --nulls 3 $opts -- $tiny "$@" $words
}
opts=
# Steps without the clock, in order, the newest of each.
steps() { sed 's/"wall_s":[^,}]*,\{0,1\}//' "$1" | awk '{ match($0, /"step":[0-9]+/); s = substr($0, RSTART + 7, RLENGTH - 7) + 0; line[s] = $0; if (s > n) n = s } END { for (i = 1; i <= n; i++) print line[i] }'; }
first() { grep -n "$1" "$2" | head -n 1 | cut -d : -f 1; }
in_order() { [ "$1" ] && [ "$2" ] && [ "$1" -lt "$2" ]; }

# without a fault: nothing is changed
# shellcheck disable=SC2086
$tiny --out plain >plain.jsonl
ok "a healthy run" guard healthy
cp .err err
steps plain.jsonl >want
steps healthy/run.jsonl >got
same "is the plain run, bit for bit" want got
equal "each step once" 160 "$(grep -c "^{.step" healthy/run.jsonl)"
equal "no alert" 0 "$(grep -c '"type":"alert"' healthy/journal.jsonl)"
equal "16 snapshots" "16 16" "$(grep -c '"type":"snapshot"' healthy/journal.jsonl) $(lc-snap list -j -s healthy/store | wc -l)"
equal "each leads to the one before" 15 "$(lc-snap list -j -s healthy/store | grep -c '"parent":"[0-9a-f]\{64\}"')"
ok "the last state" lc-snap restore -s healthy/store latest last
ok "is the plain run's" diff -r plain/step-00000160 last
match "the journal begins" '"event":"started"' healthy/journal.jsonl
tail -n 1 healthy/journal.jsonl >line
match "and ends" '"event":"ended"' line
match "words tell of it" 'the command has ended' err
absent "no process number of an ended process is left" healthy/trainer.pid healthy/watcher.pid healthy/worker.pid
ok "started again" guard healthy
equal "it runs nothing" 160 "$(grep -c "^{.step" healthy/run.jsonl)"

# a NaN at step 112, once
ok "a run that is NaN at step 112" guard nan --fault nan@112,once=mark
cp .err err
j=nan/journal.jsonl
for kind in '"type":"alert"' '"event":"planned"' '"type":"branch"' '"type":"forecast"' '"type":"result"' '"type":"decision"'; do
	ok "the journal holds $kind" test "$(first "$kind" $j)"
done
ok "alert, plan, result, decision, end, in this order" in_order "$(first '"type":"alert"' $j)" "$(first '"event":"planned"' $j)"
ok "(plan, result)" in_order "$(first '"event":"planned"' $j)" "$(first '"type":"result"' $j)"
ok "(result, decision)" in_order "$(first '"type":"result"' $j)" "$(first '"type":"decision"' $j)"
ok "(decision, end)" in_order "$(first '"type":"decision"' $j)" "$(first '"event":"ended"' $j)"
equal "every line is a record with type and version" 0 "$(grep -cv '^{"type":"[a-z]*","v":1,.*}$' $j)"
match "as many forecasts as branches" '"branches":24,"forecasts":24' $j
match "a better future" '"type":"decision",.*"verdict":"better"' $j
ok "the decision can be derived again" lc-collapse verify nan/forks/0/decision.json nan/forks/0/run.jsonl nan/forks/0/evidence.jsonl
ok "it is told" lc-collapse explain $j nan/forks/0/run.jsonl nan/forks/0/evidence.jsonl
mv .out told
match "it is told with what broke" '^What broke: a value that is not finite at step' told
match "probes named a cause" '"type":"cause"' $j
equal "once" 1 "$(grep -c '"type":"cause"' $j)"
match "it is told too" "^Cause: $(grep '"type":"cause"' $j | grep -o '"cause":"[^"]*"' | cut -d '"' -f 4); " told
absent "what the probes left is gone" nan/forks/0/probes
equal "the store remembers it, and what came of it" "1 1" \
	"$(lc-collapse memory -j -s nan/store | grep -c '"kind":"nonfinite"') $(lc-collapse memory -j -s nan/store | grep -c '"outcome":')"
match "the journal says where it went on, and that it is so" '"type":"settled"' $j
steps nan/run.jsonl >got
equal "the run is whole, and ends finite" "160 0" "$(wc -l <got) $(tail -n 5 got | grep -c nan)"
match "words tell what was decided" 'from step 100, actions' err
equal "one fork" 1 "$(ls nan/forks | wc -l)"
step=$(grep '"type":"decision"' $j | grep -o '"step":[0-9]*' | head -n 1 | cut -d : -f 2)
head -n "$step" got >a
head -n "$step" want >b
same "the past up to the chosen state is the plain run's" a b
opts='-q --no-probes'
ok "-q" guard quieter --fault nan@112,once=mark4
equal "-q has no word" "" "$(cat .err)"
equal "--no-probes: no cause" 0 "$(grep -c '"type":"cause"' quieter/journal.jsonl)"
opts=

# what wins by its readings is run again, on other data
ok "a run that its learning rate damaged" guard again --fault lr-bump@112-117:400,once=mark8
cp .err err
f=again/forks/0
match "is put back, since what won has won again" '"verdict":"better","why":"[^"]* and again in runs on other data".*"confirm":\{"runs":2,"read":2,' $f/decision.json
match "words tell of it" 'leads; it is run again on other data, in 4 futures' err
match "and of a gain within its interval" 'gain [0-9.]* in \[[0-9.,]*\] on [a-z_]* \(measured [0-9.]*\)$' err
match "and that it was read soon" 'what ends was read after 10 steps back on plan; 400 would tell more' err
equal "the journal holds these runs" "4 4" "$(grep -c '"role":"confirm"' again/journal.jsonl) \
$(grep '"type":"result"' again/journal.jsonl | grep -c '"branch":"b[0-9]*-c[0-9]*","status":"done"')"
match "and the steps that were spared" '"type":"decision",.*"saved_steps":[0-9]+' again/journal.jsonl
ok "the decision can be derived again from what the fork keeps" lc-collapse verify $f/decision.json $f/run.jsonl $f/branches
opts="--confirm 0"
ok "--confirm 0" guard once --fault lr-bump@112-117:400,once=mark9
opts=
match "puts it back at once" '"verdict":"better"' once/forks/0/decision.json
absent "and runs nothing again" once/forks/0/wanted.jsonl

# nothing better: as if nothing had been
# shellcheck disable=SC2086
$tiny --fault lr-bump@112-117:400,once=mark5 --out plain2 >plain2.jsonl 2>.err
opts="--min-effect 100"
ok "no gain is enough" guard none --fault lr-bump@112-117:400,once=mark6
opts=
match "an alert" '"type":"alert"' none/journal.jsonl
match "no better future" '"type":"decision",.*"verdict":"(none|undecided)"' none/journal.jsonl
steps plain2.jsonl >want
steps none/run.jsonl >got
same "the run is the untreated one, bit for bit" want got

# what is old goes, what a decision went on from and the way back stay
opts="--keep 3 --grace 5"
ok "a run that keeps few states" guard few --fault nan@112,once=mark7 --save-every 1
n=$(lc-snap list -j -s few/store | wc -l)
ok "few are left ($n), and a history" test "$n" -lt 130 -a "$n" -gt 8
equal "none went unsaid" "" "$(cat few/keeper.log)"
match "the first" '"step":1,' "$(lc-snap list -j -s few/store >list; echo list)"
match "the newest" '"step":160,' list
id=$(grep -o '"snapshot":"[0-9a-f]*"' few/forks/0/decision.json | head -n 1 | cut -d '"' -f 4)
ok "what the decision went on from" lc-snap show -s few/store "$id"
ok "all are whole" lc-snap verify -q -s few/store
steps few/run.jsonl >got
equal "the run is whole, and ends finite" "160 0" "$(wc -l <got) $(tail -n 5 got | grep -c nan)"
absent "no process number is left" few/keeper.pid
opts="--keep 0"
ok "0 keeps all" guard all --save-every 2
opts=
equal "80 of them" 80 "$(lc-snap list -j -s all/store | wc -l)"
