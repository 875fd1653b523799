# lc-guard: once a state tells the plan of the lr, an lr that is off it is an alert, and what undoes it is tried first.
. "$TESTS/cli/lib.sh"

tiny="--layers 1 --dim 16 --heads 1 --ctx 16 --batch 2 --total 160 --warmup 20 --schedule cosine --min-lr 5e-4 --lr 5e-3 --val-every 5 --val-bytes 1024 --save-every 10"
words="--resume {state} --out {out} --steps {horizon} {actions}"
# The run stands at step 60 until its plan is known; where a file die is, it ends at step 100, once. Its last words are the trainer's.
cat >wait.sh <<'END2'
main() { [ "${LC_BRANCH:-main}" = main ]; }
main && [ "$LC_STATE" = none ] || exec lc-train -q "$@"
lc-train -q "$@" --steps 60 || exit
i=0
until [ -f "$KEPT/plan.json" ] || [ $((i += 1)) -gt 600 ]; do sleep 0.1; done
[ -e die ] || exec lc-train -q "$@" --resume "$LC_OUT/step-00000060"
rm die
lc-train -q "$@" --resume "$LC_OUT/step-00000060" --steps 40 || exit
exit 7
END2
# run DIR OPTION... -- WORD...
run() {
	KEPT=$PWD/$1
	export KEPT
	d=$1
	shift
	lc-guard -q -d "$d" --horizon 10 --readout 10 --nulls 2 -w 12 -k 1 --no-probes --confirm 0 --backoff 0.1 "$@"
}
lr_alerts() { grep -c '"type":"alert".*"first":"lr"' "$1/journal.jsonl"; }

# A fault that the log alone does not show begins at 80.
# shellcheck disable=SC2086
ok "a run whose lr falls" run d --max-forks 1 -- sh "$PWD/wait.sh" $tiny --fault lr-bump@80-:0.03 $words
match "is an alert" '"type":"alert".*"kind":"drift","onset":80,.*"first":"lr"' d/journal.jsonl
match "what undoes it is the first arm" '"undoes":"lr"' d/forks/0/plan.jsonl
match "and is run" '"undoes":"lr"' d/forks/0/screened.jsonl
equal "it is told once, whatever was decided" 1 "$(lr_alerts d)"

# As far as the budget reaches: going back takes 280 steps and more, what undoes it from the present state 60, 30 or 18.
for budget in 100 50 17; do
	# shellcheck disable=SC2086
	ok "a budget of $budget" run "s$budget" --budget $budget --max-forks 1 -- sh "$PWD/wait.sh" $tiny --fault lr-bump@80-:0.03 $words
	equal "is kept to" 0 "$(grep '"event":"spent"' "s$budget/journal.jsonl" | grep -c '"left":-')"
done
equal "only what undoes it" "1 2 0" "$(grep -c '"undoes"' s100/forks/0/screened.jsonl) $(grep -c '"type":"branch"' s100/forks/0/screened.jsonl) $(grep -c '"rewind"' s100/forks/0/screened.jsonl)"
match "with a decision" '"type":"decision"' s100/journal.jsonl
match "no fork" '"event":"only watching","of":"alert","why":"of the budget 17 steps are left, the smallest fork takes 18"' s17/journal.jsonl
equal "and the run is not ended for it" 1 "$(grep -c '"type":"applied"' s17/journal.jsonl)"
equal "nor all of its steps taken where half will do" "1 2" "$(grep -c '"undoes"' s50/forks/0/screened.jsonl) $(grep -c '"horizon":5,"readout":{"return":5,"cool":5}' s50/forks/0/screened.jsonl)"

# shellcheck disable=SC2086
ok "one that is only watched" run w --max-forks 0 -- sh "$PWD/wait.sh" $tiny --fault lr-bump@80-:0.03 $words
equal "has it written down, once" "1 1" "$(lr_alerts w) $(grep -c '"event":"only watching"' w/journal.jsonl)"

: >die
# shellcheck disable=SC2086
ok "one on its plan, that dies and is started again" run h --max-forks 0 -- sh "$PWD/wait.sh" $tiny $words
equal "has none: warm-up, decay, a resume" "0 1" "$(lr_alerts h) $(grep -c '"event":"restarting"' h/journal.jsonl)"
mkdir b && echo '{"lr_scale":0.4}' >b/base.json
: >die
# shellcheck disable=SC2086
ok "one with another lr in force" run b --max-forks 0 -- sh "$PWD/wait.sh" $tiny $words
equal "has none" 0 "$(lr_alerts b)"
match "although it is another" '"step":70,.*"lr":0\.00[12]' b/run.jsonl
ok "and the plan was known" test -f b/plan.json
