# lc-guard -F, -m: a trainer that prints no records but nanoGPT's lines, and one with names of its own.
. "$TESTS/cli/lib.sh"

# lc-train, speaking as nanoGPT does: no lr, no gradient norm, iterations from 0; its status and its signals.
cat >nano.sh <<'END'
trap : TERM
mkfifo "pipe.$$"
awk '{
	match($0, /"step":[0-9]+/); s = substr($0, RSTART + 7, RLENGTH - 7)
	if (match($0, /"val_loss":[^,}]+/)) printf "step %d: train loss 0.0, val loss %s\n", s, substr($0, RSTART + 11, RLENGTH - 11)
	if (match($0, /"loss":[^,}]+/)) { x = substr($0, RSTART + 7, RLENGTH - 7); gsub(/"/, "", x); printf "iter %d: loss %s, time 1.00ms, mfu 0.10%%\n", s - 1, x }
	fflush()
}' <"pipe.$$" &
lc-train "$@" >"pipe.$$" &
wait $! || wait $!
code=$?
wait
rm -f "pipe.$$"
exit $code
END
tiny="-q --layers 1 --dim 16 --heads 1 --ctx 16 --batch 2 --total 160 --lr 5e-3 --val-every 5 --val-bytes 1024 --save-every 10"
words="--resume {state} --out {out} --steps {horizon} {actions}"
opts="-w 24 -k 2 --horizon 10 --readout 10 --nulls 3"
script=$PWD/nano.sh

# shellcheck disable=SC2086
ok "nanoGPT's lines, NaN at step 112" lc-guard -d nan -F nanogpt $opts -- sh "$script" $tiny --fault nan@112,once="$PWD/mark" $words
cp .err err
j=nan/journal.jsonl
match "the alert" '"type":"alert".*"kind":"nonfinite"' $j
match "a better future" '"type":"decision",.*"verdict":"better"' $j
equal "the run is whole, as records" 160 "$(grep -o '^{"step":[0-9]*,"loss"' nan/run.jsonl | sort -u | wc -l)"
match "and ends finite" '^\{"step":160,"loss":[0-9.]+' nan/run.jsonl
match "its own words are in its log" '^iter 0: loss [0-9.]+, time 1.00ms' nan/trainer.log
match "and a future's in its own" '^iter [0-9]+: loss' "$(find nan/forks/0/branches -name stderr.txt | head -n 1)"

cat >named.sh <<'END'
lc-train "$@" | sed -u 's/"loss"/"my\/objective"/'
END
# shellcheck disable=SC2086
ok "a name of its own" lc-guard -q -d named -m loss=my/objective $opts -- sh "$PWD/named.sh" $tiny $words
equal "is the loss in the records" 160 "$(grep -c '^{"step":[0-9]*,"loss":' named/run.jsonl)"

status "no such format" 2 lc-guard -d none -F nothing -- true
status "no such metric" 2 lc-guard -d none -m nothing=x -- true
status "no number of steps" 2 lc-guard -d none --log-every x -- true
absent "nothing is made" none
