# lc-guard: where no future is better, or one alone can be paid for: does it come again in the same steps?
. "$TESTS/cli/lib.sh"

tiny="--layers 1 --dim 16 --heads 1 --ctx 16 --batch 2 --total 500 --warmup 20 --lr 3e-3 --val-every 5 --val-bytes 1024 --save-every 50 --probe-every 2"
words="--resume {state} --out {out} --steps {horizon} {actions}"
grow=qk-grow@301-360:1.1
# The run stands at step 300 until its states are kept, then at 360 until it is ended for its alert, or that is written down.
cat >wait.sh <<'END2'
[ "${LC_BRANCH:-main}" = main ] && [ "$LC_STATE" = none ] || exec lc-train -q "$@"
until_in_journal() {
	i=0
	until grep -qE "$1" "$KEPT/journal.jsonl" || [ $((i += 1)) -gt 600 ]; do sleep 0.1; done
}
lc-train -q "$@" --steps 300 || exit
until_in_journal '"type":"snapshot",.*"step":300,'
lc-train -q "$@" --resume "$LC_OUT/step-00000300" --steps 60 || exit
until_in_journal '"(decided|fork failed|only watching)"'
exec lc-train -q "$@" --resume "$LC_OUT/step-00000360"
END2
# The same, as another trainer may say it: with spaces, and last words when it is ended.
{
	echo 'trap "echo ended by a signal; exit 143" TERM'
	sed "s/ || exit\$/ | sed 's,\":,\": ,g' || exit/" wait.sh
} >other.sh
opts="--horizon 20 --readout 10 --nulls 2 -w 12 -k 1 --confirm 0"
# run DIR OPTION... -- WORD...
run() {
	KEPT=$PWD/$1
	export KEPT
	d=$1
	shift
	# shellcheck disable=SC2086
	lc-guard -d "$d" $opts "$@"
}
steps() { sed 's/": /":/g; s/"wall_s":[^,}]*,\{0,1\}//' "$1" | awk 'match($0, /^[{]"step":[0-9]+/) { s = substr($0, RSTART + 8, RLENGTH - 8) + 0; line[s] = $0; if (s > n) n = s } END { for (i = 1; i <= n; i++) print line[i] }'; }
# shellcheck disable=SC2086
lc-train -q $tiny --out plain >plain.jsonl
steps plain.jsonl >want

# What grew, grew once. The budget has room for the replay alone: up to 110 steps back, 20 more, and the way back.
# shellcheck disable=SC2086
ok "attention that grows" run d --budget 250 -- sh "$PWD/other.sh" $tiny --fault "$grow,once=$PWD/mark" $words
cp .err err
match "is an alert" '"type":"alert".*"onset":(2[5-9]|3[0-5])[0-9],.*"attn_' d/journal.jsonl
match "one future is run" 'does it come again\? One future to run, in [0-9]+ steps of [0-9]+$' err
equal "and nothing else" "1 1" "$(wc -l <d/forks/0/screened.jsonl) $(grep -c '"type":"result"' d/journal.jsonl)"
match "it does not: the run goes back" '"type":"decision",.*"verdict":"better",.*what made it has passed.*"actions":\{"rewind":(250|300)\}' d/journal.jsonl
steps d/run.jsonl >got
same "and is the plain one from there, bit for bit" want got
back=$(sed -n 's/.*"event":"thrown away",.*"steps":\([0-9]*\).*/\1/p' d/journal.jsonl)
equal "the steps thrown away are charged" 1 "$((back >= 60 && back <= 110))"
equal "within the budget" 0 "$(grep '"event":"\(spent\|thrown away\)"' d/journal.jsonl | grep -c '"left":-')"

# It is met again; the guard is killed as it asks.
# shellcheck disable=SC2086
KEPT=$PWD/e lc-guard -d e $opts --budget 250 --max-forks 1 -- sh "$PWD/wait.sh" $tiny --fault "$grow" $words >.out 2>.err &
guard=$! i=0
until [ -e e/forks/0/alone ] || [ $((i += 1)) -gt 600 ]; do sleep 0.1; done
kill -9 $guard
wait $guard 2>.err
# shellcheck disable=SC2086
ok "attention that grows again" run e --budget 250 --max-forks 1 -- sh "$PWD/wait.sh" $tiny --fault "$grow" $words
match "what it took is written down, and what is left" '"event":"spent",.*"steps":[0-9]+,"left":[0-9]+' e/journal.jsonl
equal "once" 1 "$(grep -c '"event":"spent"' e/journal.jsonl)"
match "is no reason to go back" '"type":"decision",.*"verdict":"none","why":"it comes again in the same steps from before it"' e/journal.jsonl
match "the run went on" '^[{]"step":500,' e/run.jsonl
equal "from where it was" 0 "$(grep -c '"rewind"' e/launch.json)"

# The budget has room for all, but what grows little costs nothing yet.
# shellcheck disable=SC2086
ok "a race without a winner" run f --no-probes -- sh "$PWD/wait.sh" $tiny --fault "qk-grow@301-360:1.03,once=$PWD/mark2" $words
equal "is followed by the question" "none better" "$(sed -n 's/.*"type":"decision",.*"verdict":"\([a-z]*\)".*/\1/p' f/journal.jsonl | tr '\n' ' ' | sed 's/ $//')"
ok "the race can be derived again" lc-collapse verify f/forks/0/decision.json f/forks/0/run.jsonl f/forks/0/evidence.jsonl
steps f/run.jsonl >got
same "and by its answer" want got
