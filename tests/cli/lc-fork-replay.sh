# lc-fork replay: a resume is certified, or what is wrong with it is told; lc-fork status.
. "$TESTS/cli/lib.sh"
unset LC_STORE

lc-train -q --total 100 --steps 60 --save-every 20 --out ck --layers 1 --dim 32 --heads 2 --ctx 32 >run.jsonl
for s in ck/*; do lc-snap save -q "$s" >/dev/null; done
train='lc-train -q --total 100 --resume {state} --out {out} --steps {horizon}'
verdicts() { grep -o '"verdict":"[a-z]*"' .out | cut -d '"' -f 4 | tr '\n' ' '; }
replay() { # NAME STATUS VERDICTS COMMAND
	lc-fork replay -q -n 10 -x "$4" -H run.jsonl >.out 2>.err
	equal "$1: status" "$2" $?
	equal "$1" "$3 " "$(verdicts)"
}
replay "a trainer that resumes bit for bit" 0 "exact exact exact" "$train"
match "from the newest snapshot with enough record after it" '"step":40,' .out
absent "the states are gone" lc-replay/*/out
replay "rounding" 0 "noise noise noise" "$train --jitter 1e-6"
replay "lost moments" 1 "divergent divergent divergent" "$train --reset mv"
match "are told by how much" '"why":"its losses are [0-9.e-]* off the record.s' .out
replay "another lr" 1 "divergent divergent divergent" "$train --lr-scale 1.01"
match "is told" '"why":"at step 41 its lr is [0-9.e-]*, not [0-9.e-]*"' .out
replay "other data" 1 "divergent divergent divergent" "$train --reseed 2"
match "are told" '"why":"at step 41 its batch is another"' .out
replay "a loader that breaks on the second resume only" 1 "divergent exact divergent" \
	"case {state} in */out/*) reset=--reset=mv ;; esac; $train \$reset"
replay "a trainer that leaves no state" 1 "divergent exact divergent" "lc-train -q --total 100 --resume {state} --out {out}.away --steps {horizon}"
match "is told" 'first left no state of step 50' .out
status "too short a record" 3 lc-fork replay -q -n 40 -x "$train" -H run.jsonl
status "a snapshot that is not there" 3 lc-fork replay -q -n 5 --snapshot 00 -x "$train" -H run.jsonl
status "a snapshot with too short a record" 3 lc-fork replay -q -n 25 --snapshot \
	"$(lc-snap list -j | grep '"step":40' | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)" -x "$train" -H run.jsonl
status "no record" 4 lc-fork replay -q -x "$train" -H absent
status "no command" 2 lc-fork replay -H run.jsonl

replay "and again" 0 "exact exact exact" "$train"
status "lc-fork status: all have ended" 0 lc-fork status lc-replay
match "under a heading" '^BRANCH +STATUS +STEP +SECONDS +WHY$' .out
match "a line each" '^first +done +50 ' .out
ok "as records" lc-fork status -j lc-replay
equal "one a branch" 4 "$(grep -c '^{"type":"status","v":1,' .out)"
sed 's/"status":"done"/"status":"running"/' lc-replay/first/status.json >s && cp s lc-replay/first/status.json
status "one runs" 1 lc-fork status lc-replay
mkdir empty
status "no fork there" 3 lc-fork status empty
status "nothing there" 4 lc-fork status absent
status "no directory" 2 lc-fork status
