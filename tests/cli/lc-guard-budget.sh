# lc-guard --budget, --limit, --every: what futures may cost, how often the run may be changed, and a look without an alert.
. "$TESTS/cli/lib.sh"

tiny="lc-train -q --layers 1 --dim 16 --heads 1 --ctx 16 --batch 2 --total 160 --lr 5e-3 --val-every 5 --val-bytes 1024 --save-every 10"
words="--resume {state} --out {out} --steps {horizon} {actions}"
opts="--horizon 10 --readout 10 --nulls 3 -w 24"
events() { grep -c "\"event\":\"$1\"" "$2/journal.jsonl"; }
number() { grep -o "\"$1\":[0-9]*" | cut -d : -f 2; }
steps() { sed 's/"wall_s":[^,}]*,\{0,1\}//' "$1" | awk '{ match($0, /"step":[0-9]+/); s = substr($0, RSTART + 7, RLENGTH - 7) + 0; line[s] = $0; if (s > n) n = s } END { for (i = 1; i <= n; i++) print line[i] }'; }
# What all futures of a directory really did.
did() { grep -h '"type":"result"' "$1"/forks/0/probed.jsonl "$1"/forks/0/evidence.jsonl 2>/dev/null | number steps | awk '{ n += $1 } END { print n }'; }

# a budget with room for some arms of the eight
# shellcheck disable=SC2086
ok "a budget, and an objective" lc-guard -d some $opts --budget 1000 -o min:val_loss -- $tiny --fault nan@112,once=mark1 $words
cp .err err
match "arms are run as it has room for" ' to run, in [0-9]+ steps of [0-9]+$' err
equal "what was spent is written down, once" 1 "$(events spent some)"
spent=$(grep '"event":"spent"' some/journal.jsonl | number steps)
equal "as it was" "$(did some)" "$spent"
ok "and within the budget ($spent)" test "$spent" -le 1000 -a "$spent" -gt 0
match "a better future" '"type":"decision",.*"verdict":"better"' some/journal.jsonl
match "by that objective, told by its twin" '"type":"decision",.*"reported_on":"min:test_loss",.*"objective":\["min:val_loss"\]' some/journal.jsonl

# shellcheck disable=SC2086
ok "a share of the run that holds no fork" lc-guard -d none $opts --budget 5% -- $tiny --fault nan@112,once=mark2 $words
match "is said" 'only watching: of the budget 8 steps are left, the smallest fork takes [0-9]+' .err
equal "and written down, with the alert" "1 1" "$(events 'only watching' none) $(grep -c '"type":"alert"' none/journal.jsonl)"
equal "no future was run" 0 "$(ls none/forks | wc -l)"
# shellcheck disable=SC2086
ok "a budget that would hold one were nothing run again" lc-guard -q -d few $opts --budget 60 -- $tiny --fault nan@112,once=mark5 $words
match "the whole fork is reckoned" '"event":"only watching","of":"alert","why":"of the budget 60 steps are left, the smallest fork takes [0-9]+"' few/journal.jsonl
equal "before the run is ended for it" "1 0" "$(grep -c '"type":"applied"' few/journal.jsonl) $(ls few/forks | wc -l)"
equal "the run went on to its end" 160 "$(grep -o '"step":[0-9]*' none/run.jsonl | sort -u | wc -l)"

# one change, and then no more
cat >twice.sh <<'END2'
fault=$1
shift
grep -q '"verdict":"better"' "$LIMITED/journal.jsonl" && [ "${LC_BRANCH:-main}" = main ] && exec lc-train "$@" --fault "$fault"
exec lc-train "$@" --fault "nan@112,once=$LIMITED.mark"
END2
LIMITED=$PWD/limited
export LIMITED
# shellcheck disable=SC2086
ok "a limit of one change" lc-guard -d limited $opts --limit 1/1000 -- sh "$PWD/twice.sh" "nan@150,once=$PWD/mark4" ${tiny#lc-train } $words
match "after it, it is only watched" '"event":"only watching","of":"alert","why":"the run was changed 1 times in 1000 steps \(--limit\)"' limited/journal.jsonl
equal "two alerts, one decision" "2 1" "$(grep -c '"type":"alert"' limited/journal.jsonl) $(grep -c '"type":"decision"' limited/journal.jsonl)"

# The run stands at step 60, where the second stretch begins, until something was decided about it.
cat >wait.sh <<'END2'
if [ "$LC_STATE" = none ] && [ "${LC_BRANCH:-main}" = main ]; then
	lc-train "$@" --steps 67 || exit
	until grep -qE '"of":"every"' "$EVERY/journal.jsonl"; do sleep 0.1; done
	exec lc-train "$@" --resume "$LC_OUT/step-00000067"
fi
[ "$LC_STEPS" = none ] || LC_STEPS=10
exec lc-train "$@" --steps "$LC_STEPS"
END2
# every DIR OPTION...
every() {
	EVERY=$PWD/$1
	export EVERY
	d=$1
	shift
	# shellcheck disable=SC2086
	lc-guard -d "$d" $opts --every 60 "$@" -- sh "$PWD/wait.sh" ${tiny#lc-train } --resume {state} --out {out} {actions}
}
# shellcheck disable=SC2086
$tiny --out plain >plain.jsonl
steps plain.jsonl >want
ok "--every" every e --every-budget 800 --min-effect 100
cp .err err
match "says what it asks" 'step 67: is there a better way from here' err
match "proposes small changes of the schedule" '"role":"arm".*"actions":\{"lr_scale":' e/forks/0/plan.jsonl
equal "none of them goes back" 0 "$(grep -c '"rewind"' e/forks/0/plan.jsonl)"
equal "not even to where the stretch began" 0 "$(grep '"type":"branch"' e/forks/0/plan.jsonl | grep -vc '"from":{[^}]*"step":67[,}]')"
equal "no alert" 0 "$(grep -c '"type":"alert"' e/journal.jsonl)"
match "a decision, by the same rules" '"type":"decision",.*"verdict":"(none|undecided)"' e/journal.jsonl
match "from the budget of its own" '"event":"spent","n":0,"of":"every","steps":[0-9]+,"left":[0-9]+' e/journal.jsonl
ok "the decision can be derived again" lc-collapse verify e/forks/0/decision.json e/forks/0/run.jsonl e/forks/0/evidence.jsonl
steps e/run.jsonl >got
same "nothing better: the run is the plain one, bit for bit" want got
ok "--every without a budget to speak of" every poor --every-budget 1%
match "does not stop the run" '"event":"only watching","of":"every"' poor/journal.jsonl
equal "not for one future" 0 "$(ls poor/forks | wc -l)"
equal "each step was done once" 160 "$(grep -c '^{"step":' poor/run.jsonl)"

for bad in '--every 0' '--budget x' '--budget 5.%%' '--budget %' '--every-budget -1' '--limit 3' '--limit 1/' '--limit /5' '--limit a/5'; do
	# shellcheck disable=SC2086
	status "usage: $bad" 2 lc-guard -q -d bad $bad -- sh -c 'exit 0; : {state} {out}'
done
