# lc-fork blame: what the probes of an incident say about its cause; on a real trainer, and on records made up for what
# a trainer does not do on demand.
. "$TESTS/cli/lib.sh"
unset LC_STORE

cause() { grep -o '"cause":"[^"]*"' .out | cut -d '"' -f 4; }

# ---- real faults: STEP 66, states every 20 steps ----
shape="-q --layers 1 --dim 32 --heads 2 --ctx 32 --batch 4 --total 200 --warmup 10 --schedule constant --lr 5e-3
	--val-every 0 --probe-every 0"
printf '{"type":"alert","v":1,"step":68,"index":3,"threshold":1,"kind":"spike","onset":%s,"rewind":62,"signals":{"loss":9},"first":"loss"}\n' 66 >alert
printf '{"type":"alert","v":1,"step":70,"index":3,"threshold":1,"kind":"spike","onset":%s,"rewind":62,"signals":{"loss":9},"first":"loss"}\n' 67 >later

real() { # NAME ALERT FAULT: the cause named is in .out
	name=$1 alert=$2 fault=$(echo "$3" | sed "s,MARK,$PWD/$1.mark,")
	# shellcheck disable=SC2086
	lc-train $shape --fault "$fault" --steps 80 --save-every 20 --out "$name" >"$name.jsonl" 2>/dev/null
	for c in "$name"/step-*; do lc-snap save -q -s "$name.store" "$c" >/dev/null; done
	ok "$name: probes" lc-fork plan -a "$alert" -s "$name.store" --only-probes
	cp .out "$name.plan"
	equal "$name: each of at most 20 steps" "" "$(grep -o '"horizon":[0-9]*' .out | grep -v ':20$')"
	# shellcheck disable=SC2086
	ok "$name: run" lc-fork run -q -d "$name.fork" -s "$name.store" -H "$name.jsonl" -x "lc-train $(echo $shape) \
		--fault '$fault' --resume {state} --steps {horizon} {actions}" <"$name.plan"
	cp .out "$name.evidence"
	ok "$name: blame" lc-fork blame -a "$alert" -H "$name.jsonl" "$name.evidence"
	cp .out "$name.cause"
}
real data alert bad-data@66-75
equal "bad data" data "$(cause)"
match "the record says why, and what each probe came to" '^\{"type":"cause","v":1,"fork":"f[0-9a-f]{8}","step":66,"cause":"data","why":"the same batches bring it back.*"noise":[0-9.]*,"excess":[0-9.]*,"probes":\{"data":[0-9.]*,' .out
equal "the probes: the data twice, the present state, from farther back, another order, a low lr" \
	"data twice state calm on elsewhere order lr" "$(grep -o '"asks":"[a-z]*"' data.plan | cut -d '"' -f 4 | tr '\n' ' ' | sed 's/ $//')"
match "batches that are far ahead are brought near" '"asks":"elsewhere",.*"step":40\},"horizon":20,"actions":\{"rewind":40,"data_shift":[0-9]*\}' data.plan
equal "none of them is void" 0 "$(grep -c '"status":"void"' data.evidence)"
ok "from standard input" sh -c 'lc-fork blame -a alert -H data.jsonl <data.evidence'
same "the same" .out data.cause
real bits later flip-m@66,once=MARK
equal "damaged moments" state "$(cause)"
real nan alert nan@66,once=MARK
equal "a NaN that passed" state "$(cause)"
real lr later lr-bump@66-85:200
equal "a learning rate too high" lr "$(cause)"
sed 's/"onset":67,"rewind":62/"onset":190,"rewind":180/; s/"step":70/"step":195/' later >far
status "an incident the run has not come to" 3 lc-fork blame -a far -H lr.jsonl lr.evidence

# ---- made up: the loss of each probe by step ----
awk 'BEGIN { for (s = 1; s <= 110; s++) printf "{\"step\":%d,\"loss\":%.4f,\"lr\":0.001,\"batch\":\"b%d\"}\n", s, 2 + .05 * sin(s) + (s >= 100 && s < 103), s }' >run
sed 's/"step":68/"step":101/; s/"onset":66,"rewind":62/"onset":100,"rewind":95/' alert >spike
probe() { # ASKS FROM SHIFT RESEED LR EXCESS-AT-100 [EXCESS-ALWAYS]
	actions="\"rewind\":$2"
	[ "$3" = 0 ] || actions="$actions,\"data_shift\":$3"
	[ "$4" = 0 ] || actions="$actions,\"reseed\":$4"
	[ "$5" = 1 ] || actions="$actions,\"lr_scale\":$5"
	printf '{"type":"branch","v":1,"fork":"f","branch":"%s","role":"probe","kind":"restorative","asks":"%s","order":0,"from":{"snapshot":"00","step":%s},"horizon":20,"actions":{%s}}\n' "$1" "$1" "$2" "$actions"
	awk -v b="$1" -v f="$2" -v d="$3" -v r="$4" -v lr="$5" -v x="$6" -v y="${7:-0}" 'BEGIN { for (s = f + 1; s <= f + 20; s++) {
		t = s + d
		printf "{\"step\":%d,\"loss\":%.4f,\"lr\":%g,\"batch\":\"%s%d\",\"branch\":\"%s\"}\n", s, 2 + .05 * sin(t + r) + (t >= 100 && t < 103) * x + y, .001 * lr, r ? "r" : "b", t, b } }'
	printf '{"type":"result","v":1,"branch":"%s","status":"done","steps":20}\n' "$1"
}
named() { # NAME WANT: of the records on standard input
	cat >ev
	lc-fork blame -a spike -H run ev >.out 2>.err
	equal "$1: status" "$([ "$2" = unclear ] && echo 1 || echo 0)" $?
	equal "$1" "$2" "$(cause)"
}
near() { probe data 90 0 0 1 "$1"; probe twice 90 0 0 1 "$2"; }
{ near 1 1; probe order 90 0 7 1 0; } | named "with these batches only" data
{ near 1 1; probe order 90 0 7 1 0; probe elsewhere 70 22 0 1 1; } | named "and from elsewhere too" data
{ near 1 1; probe order 90 0 7 1 0; probe elsewhere 70 22 0 1 0; } | named "but not from elsewhere" interaction
{ near 1 1; probe order 90 0 7 1 1; probe lr 90 0 0 0.1 1; } | named "with any batches, at any lr" state
{ near 1 1; probe order 90 0 7 1 1; probe lr 90 0 0 0.1 0; } | named "with any batches, not at a low lr" lr
{ near 1 0; probe order 90 0 7 1 0; } | named "one of two equal runs" nondeterminism
{ near 0 0; probe state 104 0 7 1 0; } | named "no replay, and nothing left" nondeterminism
{ near 0 0; probe state 104 0 7 1 0 .5; } | named "no replay, and the present is bad" state
{ near 0 0; probe state 104 0 7 1 0 .5; probe calm 104 0 0 0.1 0 0; } | named "the present is well at a low lr" lr
{ near 0 0; probe state 104 0 7 1 0 .5; probe calm 104 0 0 0.1 0 .5; } | named "and is not" state
{ probe data 90 0 0 1 0 .6; probe twice 90 0 0 1 0 .6; } | named "a replay that is not the run" nondeterminism
near 0 0 | named "no probe of the present" unclear
probe state 104 0 7 1 0 | named "no probe of the data" unclear
{ near 0 0 | sed 's/"b10\([0-2]\)"/"other10\1"/'; } | named "batches that were others" data
{ near 1 1; probe order 90 0 7 1 0; } | sed 's/"status":"done"/"status":"failed"/' | named "probes that failed" unclear
sed 's/"onset":100,"rewind":95/"onset":80,"rewind":75/; s/"step":101/"step":81/' spike >quiet
head -n 90 run >short
{ near 1 1; } >ev
status "an incident that is none" 1 lc-fork blame -a quiet -H short ev
match "is said" 'nothing to trace' .out

head -n 101 run >soon
{ near 1 1; probe order 90 0 7 1 0; } >ev
ok "a run that stopped one step after the onset" lc-fork blame -a spike -H soon ev
equal "is enough" data "$(cause)"

status "no alert in it" 3 lc-fork blame -a run -H run ev
status "no such run" 4 lc-fork blame -a spike -H absent ev
status "no such records" 4 lc-fork blame -a spike -H run absent
head -n 5 run >few
status "too short a history" 3 lc-fork blame -a spike -H few ev
status "a bad branch record" 3 sh -c 'echo "{\"type\":\"branch\",\"v\":1,\"branch\":\"x\"}" | lc-fork blame -a spike -H run'
status "no options" 2 lc-fork blame
[ -w /dev/full ] && status "a full disk" 4 sh -c 'lc-fork blame -a spike -H run ev >/dev/full'
ok "--help" lc-fork blame --help
