# lc-proxy fit RUN...: a model of past runs, and what it does for a run whose lr never changed.
. "$TESTS/cli/lib.sh"

G=$TESTS/golden/lr-scheduling
less() { # NAME A B: A is below B
	equal "$1 ($2 < $3)" 1 "$(awk -v a="$2" -v b="$3" 'BEGIN { print (a < b) ? 1 : 0 }')"
}
head -n 75 "$G/parent.jsonl" >run.jsonl # to step 14800
branch() {
	printf '{"type":"branch","v":1,"branch":"tail","from":{"step":14000},"horizon":2000,'
	printf '"actions":{"lr_tail":{"shape":"linear","to":0,"steps":2000}}}\n'
}

# a past run with its branches in one file
{
	echo '{"type":"setup","v":1,"params":124e6,"batch":100,"tokens":51200,"weight_decay":0.1,"optimizer":"adamw"}'
	cat "$G/parent.jsonl"
	jq -c '. + {branch:"d15"}' "$G/decay-15000.jsonl"
	jq -c '. + {branch:"d25"}' "$G/decay-25000.jsonl"
} >past.jsonl
ok "fit of runs" lc-proxy fit -o model.json past.jsonl
match "says what it made" 'model.json: a model of 1 run; 0 of 2 branches diverged$' .err
equal "the model is a record" "model 1 1" "$(jq -r '"\(.type) \(.v) \(.members | length)"' model.json)"
equal "with the run's setup" "adamw 18.636" "$(jq -r '.members[0] | "\(.optimizer) \(.log.params * 1000 | round / 1000)"' model.json)"
branch | lc-proxy predict -q -n 4 -l none -H run.jsonl | tail -n 1 >without.json
branch >tail.jsonl
ok "predict takes it with the run's own past" lc-proxy predict -q -n 4 -H run.jsonl -l model.json <tail.jsonl
tail -n 1 .out >with.json
less "a cut is surer by it" "$(jq '.final.sd' with.json)" "$(jq '.final.sd * .7' without.json)"

# the same run as a fork's directories
mkdir -p fork/d15 fork/d25 fork/.hidden fork/empty
cp "$G/decay-15000.jsonl" fork/d15/metrics.jsonl
cp "$G/decay-25000.jsonl" fork/d25/stdout.jsonl
cp "$G/parent.jsonl" bare.jsonl
ok "a directory adds its branches to the run before it" lc-proxy fit -q -o fork.json bare.jsonl fork
jq -c '.members[0].variants' fork.json >a
jq -c '.members[0].variants' model.json >b
same "and they teach the same" a b

# divergence: branches at 4 times the lr, as a fork's directories; one was stopped without a word of it in its log
mkdir -p hot/a hot/b hot/c
for b in a b c; do
	awk -v b=$b 'BEGIN { for (t = 27200; t <= 28000; t += 200)
		printf "{\"step\":%d,\"lr\":0.004,\"val_loss\":%s}\n", t, (b == "a" ? 9 : b == "b" && t > 27400 ? "NaN" : 3.1) }' \
		>hot/$b/metrics.jsonl
done
echo '{"type":"status","v":1,"why":"non-finite loss at step 28001","record":{"from":{"step":27100}}}' >hot/c/status.json
ok "branches that diverged teach" lc-proxy fit -o hot.json past.jsonl hot
match "how many is told" ': a model of 1 run; 3 of 5 branches diverged$' .err
equal "it is kept" "5 3 5" "$(jq -r '.hazard | "\(.forks) \(.diverged) \(.beta | length)"' hot.json)"
fast() {
	printf '{"type":"branch","v":1,"branch":"fast","from":{"step":14000},"horizon":500,"actions":{"lr_scale":4}}\n'
}
fast | lc-proxy predict -q -H run.jsonl -l model.json | tail -n 1 >calm.out
fast | lc-proxy predict -q -H run.jsonl -l hot.json | tail -n 1 >hot.out
less "and believed" "$(jq .diverge calm.out)" "$(jq '.diverge / 2' hot.out)"
ok "the law keeps it" lc-proxy fit -q -H run.jsonl -l hot.json -o hotlaw.json
fast | lc-proxy predict -q -l hotlaw.json | tail -n 1 >again.out
same "to the digit" hot.out again.out
jq -c '.hazard.beta[2] = "x"' hot.json >torn.json
status "a hazard that is none" 3 lc-proxy predict -l torn.json -H run.jsonl <tail.jsonl

status "runs or a history, not both" 2 lc-proxy fit -o m.json -H run.jsonl past.jsonl
status "a fork comes after its run" 2 lc-proxy fit -o m.json fork past.jsonl
status "a model needs the run's past" 2 lc-proxy predict -l model.json <tail.jsonl
ok "a law" lc-proxy fit -q -H run.jsonl -o law.json
status "a law is of one past" 2 lc-proxy predict -l law.json -H run.jsonl <tail.jsonl
status "a run at one lr teaches nothing" 3 lc-proxy fit -o m.json run.jsonl
match "and it says so" 'its lr never fell' .err
equal "nothing is written then" no "$([ -e m.json ] && echo yes || echo no)"
head -c 300 model.json >torn.json
status "a torn model" 3 lc-proxy predict -l torn.json -H run.jsonl <tail.jsonl
printf '{"step":1,"loss":2}\n{"step":2,"loss":1.9}\n' >nolr.jsonl
status "no lr: nothing is inferred" 3 lc-proxy fit -o m.json nolr.jsonl
match "and it says that" 'no lr logged' .err
status "a full disk" 4 lc-proxy fit -q -o /dev/full past.jsonl
branch | lc-proxy predict -q -n 4 -H run.jsonl | tail -n 1 >default.json
branch | lc-proxy predict -q -n 4 -H run.jsonl -l "$B/model.json" | tail -n 1 >same.json
same "without -l the model that comes with it is taken" default.json same.json
less "a cut is surer by that too" "$(jq .final.sd default.json)" "$(jq .final.sd without.json)"
mkdir -p away/bin && cp "$B/lc-proxy" away/bin
branch | away/bin/lc-proxy predict -q -n 4 -H run.jsonl | tail -n 1 >away.json
same "where that is not to be found there is none" without.json away.json
mkdir -p away/share/lightcone && cp "$B/model.json" away/share/lightcone
branch | away/bin/lc-proxy predict -q -n 4 -H run.jsonl | tail -n 1 >installed.json
same "where lc-proxy is installed it is found" default.json installed.json
branch | LC_DATADIR=$PWD/away/share/lightcone away/bin/lc-proxy predict -q -n 4 -H run.jsonl | tail -n 1 >env.json
same "so it is in LC_DATADIR" default.json env.json
