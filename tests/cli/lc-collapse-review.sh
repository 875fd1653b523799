# lc-collapse memory, review and explain with evidence: what was decided is remembered, and compared with what came after.
. "$TESTS/cli/lib.sh"
unset LC_STORE

# log FROM TO VAL [BRANCH]: steps, the loss falling slowly with a fixed ripple
log() {
	awk -v a="$1" -v e="$2" -v v="$3" -v b="${4:-}" 'BEGIN {
		for (s = a; s <= e; s++)
			printf "{\"step\":%d,\"loss\":%.5f,\"val_loss\":%s,\"lr\":0.001%s}\n", s, 3 - .001 * s + .01 * sin(s * s), v, b == "" ? "" : ",\"branch\":\"" b "\""
	}'
}
branch() { # ID ROLE KIND ACTIONS VAL
	printf '{"type":"branch","v":1,"fork":"f1","branch":"%s","role":"%s","kind":"%s","order":0,' "$1" "$2" "$3"
	printf '"from":{"snapshot":"%s","step":100},"horizon":10,"actions":%s}\n' "$id" "$4"
	log 101 110 "$5" "$1"
	printf '{"type":"result","v":1,"fork":"f1","branch":"%s","status":"done","why":"","steps":10,"wall_s":1}\n' "$1"
}
mkdir -p ck/step-100
echo state >ck/step-100/model.bin
id=$(lc-snap save -q --run r ck/step-100 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
{
	branch c control restorative '{}' 2.00
	for i in 1 2 3 4; do branch n$i null restorative "{\"reseed\":$i}" 1.9$((8 + i % 2)); done
	branch a1 arm restorative '{"reset":"mv"}' 1.80
	echo '{"type":"forecast","v":1,"branch":"a1","diverge":0.035}'
} >evidence.jsonl
{ log 1 100 2.5 && log 101 105 9; } >run.jsonl
echo '{"type":"alert","v":1,"run":"r","step":105,"index":3.25,"threshold":1,"kind":"spike","onset":103,"rewind":102,"signals":{"loss":9.5},"first":"grad_norm"}' >alert.json
ok "race" lc-collapse race run.jsonl evidence.jsonl
cp .out decision.json
ok "verify" lc-collapse verify decision.json run.jsonl evidence.jsonl
equal "nothing is remembered at first" "" "$(lc-collapse memory)"

# explain, with all there is
ok "explain" lc-collapse explain -a alert.json decision.json run.jsonl evidence.jsonl
match "what broke" '^What broke: a spike at step 105, index 3.25 \(an alert from 1.00 on\), begun at step 103, grad_norm first; the step before it that is surely sound: 102.$' .out
match "what was tried" '^What was tried: 1 control, 4 nulls, 1 arm, from step 100.$' .out
match "what would have changed the answer" '^What would have changed the answer: a gain of a1 smaller by 0.1[0-9]*, or noise [0-9.]* times as large.$' .out
match "how near it came to breaking again" '^Relapse: the index over the choice.s own steps reaches 0.[0-9]* at step 1[01][0-9] \(an alert from 1.00 on\); its forecast gives it 3.5 % to diverge.$' .out
{ cat alert.json && echo '{"type":"event","v":1}' && cat decision.json && sed 's/"kind":"spike"/"kind":"drift"/' alert.json; } >told
ok "of a journal" lc-collapse explain told
match "the alert before the decision is its own" '^What broke: a spike' .out
sed 's/"loss":2.9[0-9]*\(.*"branch":"a1"\)/"loss":5\1/' evidence.jsonl >worse
ok "a choice whose loss jumps" lc-collapse explain decision.json run.jsonl worse
match "would relapse" '^Relapse: .* reaches ([2-9]|[1-9][0-9])[0-9.]* at step' .out

# memory
ok "remember" lc-collapse memory --add --run r -a alert.json decision.json run.jsonl evidence.jsonl
ok "again" lc-collapse memory --add --run r -a alert.json decision.json run.jsonl evidence.jsonl
equal "is remembered once" 1 "$(lc-collapse memory -j | wc -l)"
lc-collapse memory -j >m
match "the incident" '"type":"incident","v":1,.*"run":"r","decision":"sha256:[0-9a-f]{64}","alert":\{"step":105,"kind":"spike",' m
match "what the run was like before it" '"state":\{"step":102,"loss":2\.[0-9]*,"spread":0\.0[0-9]*,"lr":0\.001\}' m
match "what was tried and what it gained" '"arms":\[\{"branch":"a1","actions":\{"reset":"mv"\},"gain":0\.[0-9]*,"lower":0\.[0-9]*,"kind":"restorative","step":100\}\]' m
match "relapse" '"relapse":\{"index":[0-9.e-]*,"step":1[01][0-9],"hazard":0.035\}' m
ok "as a table" lc-collapse memory
match "one line" '^[0-9T:Z-]*  r +step 105 +spike +better +gain \+0.1[0-9]*  - +reset the moments' .out
printf '{"type":"incident","v":1,"ru' >>lc-store/memory.jsonl
sed 's/"v":1,/"v":1,"x":1,/' decision.json >other.json # another line, another decision
ok "after a torn tail" lc-collapse memory --add other.json run.jsonl evidence.jsonl
equal "both are there" 2 "$(lc-collapse memory -j | wc -l)"
echo '{"type":"incident","v":1,"run":"r"}' >>lc-store/memory.jsonl
ok "a malformed one" lc-collapse memory -j
equal "is passed over" 2 "$(wc -l <.out)"
match "and counted" '1 records are malformed' .err
for i in 1 2 3 4 5 6; do
	sed "s/\"v\":1,/\"v\":1,\"y\":$i,/" decision.json >d$i
	lc-collapse memory --add d$i run.jsonl evidence.jsonl 2>err.$i &
done
wait
equal "six at once: all are there" 8 "$(lc-collapse memory -j 2>.err | wc -l)"
status "a later version" 3 sh -c 'mkdir later && sed "s/\"v\":1/\"v\":2/" lc-store/memory.jsonl >later/memory.jsonl && lc-collapse memory -s later'

# review: the run goes on from 100
applied() { lc-collapse apply --force -d live -J journal -H run.jsonl "$1" >.out 2>.err; }
cat alert.json decision.json >journal
applied decision.json
equal "apply notes how long the log was" '"logged":105' "$(grep -o '"logged":[0-9]*' journal)"
{ log 101 300 1.80; } >>run.jsonl
ok "a gain that was real" lc-collapse review -J journal -H run.jsonl evidence.jsonl
match "held" '^f1 +100  better +a1 +\+0\.[0-9]* +\+0\.20000? +200 +0  yes' .out
match "in sum" '^1 decision; of 1 gain that can be seen again 1 held, [01] within' .out
ok "as records" lc-collapse review -j -J journal -H run.jsonl evidence.jsonl
match "that say the same" '"after":\{"steps":200,"compared":5,"gain":0.2,"apart":0.*,"alerts":0,"nonfinite":false\},"held":"yes"' .out
head -n 105 run.jsonl >lost && log 101 300 2.05 >>lost
lc-collapse review -J journal -H lost evidence.jsonl >.out 2>.err
equal "a gain that was not: status 1" 1 $?
match "is said to be gone" '\+0\.[0-9]* +-0\.05000? .*  no$' .out
head -n 105 run.jsonl >nan && log 101 300 1.80 | sed '50s/"loss":[^,]*/"loss":NaN/' >>nan
lc-collapse review -J journal -H nan evidence.jsonl >.out 2>.err
equal "a run that diverged: status 1" 1 $?
echo '{"type":"alert","v":1,"step":160,"kind":"drift"}' >>journal
ok "a relapse" lc-collapse review -j -J journal -H run.jsonl evidence.jsonl
match "is counted" '"alerts":1' .out
ok "but not one past the window" lc-collapse review -j -w 50 -J journal -H run.jsonl evidence.jsonl
match "of 50 steps" '"steps":50,.*"alerts":0' .out
{
	cat evidence.jsonl
	printf '{"type":"branch","v":1,"fork":"f1","branch":"c.return","role":"probe","kind":"return","order":0,"from":{"branch":"c","step":110},"horizon":10,"actions":{}}\n'
	log 111 120 2.40 c.return
} >returned
ok "a control that was read by its return" lc-collapse review -j -J journal -H run.jsonl returned
match "is compared there" '"compared":5,"gain":0.6,' .out
sed 's/"restorative",\("order":0,"from":{[^}]*},"horizon":10,"actions":{"reset"\)/"persistent",\1/' evidence.jsonl >lasting
ok "a lasting change" lc-collapse review -J journal -H run.jsonl lasting
match "is not known yet" 'unknown: at another lr' .out
ok "without evidence of the fork" sh -c 'sed s/f1/f9/ evidence.jsonl >f9 && lc-collapse review -J journal -H run.jsonl f9'
match "says so" 'fork f1: no evidence' .err

ok "outcomes are remembered when their steps were seen" lc-collapse review --remember -w 200 -J journal -H run.jsonl evidence.jsonl
lc-collapse memory -j 2>.err | head -n 1 >m
match "beside it" '"outcome":\{"type":"outcome","v":1,.*"steps":200,.*"held":"yes"' m
lines=$(wc -l <lc-store/memory.jsonl)
ok "again" lc-collapse review --remember -w 200 -J journal -H run.jsonl evidence.jsonl
equal "only once" "$lines" "$(wc -l <lc-store/memory.jsonl)"
ok "a run that has not come so far" lc-collapse review --remember -w 5000 -J journal -H run.jsonl evidence.jsonl
equal "has no outcome yet" "$lines" "$(wc -l <lc-store/memory.jsonl)"

status "no journal" 2 lc-collapse review -H run.jsonl evidence.jsonl
status "a journal that is not there" 4 lc-collapse review -J none -H run.jsonl evidence.jsonl
status "a run's log that is not there" 4 lc-collapse review -J journal -H none evidence.jsonl
grep '"type":"applied"' journal >applied
ok "a journal without the decisions that were applied" lc-collapse review -J applied -H run.jsonl evidence.jsonl
match "lacks them, and is said to" '^lc-collapse: applied: [1-9] applied whose decision records it lacks' .err
{ echo '{"type":"applied","v":1,"n":1,"fork":"none","choice":"main"}' && cat journal; } >guarded
ok "a journal of lc-guard, which begins with the run's start" lc-collapse review -J guarded -H run.jsonl evidence.jsonl
equal "lacks none" 0 "$(grep -c lacks .err)"
status "memory of a store that is not there" 4 lc-collapse memory -s nowhere
status "memory --add without evidence" 2 lc-collapse memory --add decision.json
status "memory of no store" 4 lc-collapse memory --add -s nowhere decision.json run.jsonl evidence.jsonl
status "explain with an alert that is none" 3 lc-collapse explain -a decision.json decision.json
for verb in review memory explain verify; do
	ok "$verb --help" lc-collapse $verb --help
	match "$verb --help is on stdout" '^usage: lc-collapse' .out
done
[ -w /dev/full ] && status "a full disk" 4 sh -c 'lc-collapse memory -j 2>err >/dev/full; rc=$?; tail -n 1 err >&2; exit $rc'
:
