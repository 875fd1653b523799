# lc-fork run: futures are run, and each kind of lie about them is found out.
. "$TESTS/cli/lib.sh"
unset LC_STORE

# The trainer: a state is a directory with a file `step`; the branch called lie does what $LIE says.
cat >train <<'END'
#!/bin/sh
resume=none out= steps=10 lr=1 skip=0-0 reset=0 reseed= tail=0 lie= shift_by=0 wd=1 clip=1
[ "$LC_BRANCH" = lie ] && lie=${LIE:-}
while [ $# -gt 0 ]; do
	case $1 in
	--resume) resume=$2 ;;
	--out) out=$2 ;;
	--steps) steps=$2 ;;
	--lr-scale) lr=$2 ;;
	--skip) skip=$2 ;;
	--reset) reset=1 ;;
	--reseed) reseed=r$2 ;;
	--lr-tail) tail=1 ;;
	--weight-decay-scale) [ "$lie" = wd ] || wd=$2 ;;
	--clip) [ "$lie" = clip ] || clip=$2 ;;
	esac
	shift 2
done
echo "$LC_BRANCH" >>"${STARTS:-/dev/null}"
from=$(cat "$resume/step")
case $lie in
resume | resume-on) from=0 ;;
lr | lr-on) lr=1 ;;
skip) skip=0-0 ;;
reset) reset=0 ;;
reseed) reseed= ;;
early) steps=$((steps - 3)) ;;
shift | shift-on) shift_by=1 ;;
tail) tail=0 ;;
stall) sleep 60 ;;
silent) exit 0 ;;
esac
awk -v a="$from" -v n="$steps" -v lr="$lr" -v skip="$skip" -v reset="$reset" -v seed="$reseed" -v tail="$tail" -v by="$shift_by" -v wd="$wd" -v clip="$clip" -v lie="$lie" 'BEGIN {
	split(skip, k, "-")
	for (s = a + 1; s <= a + n; s++) {
		batch = seed "b" (s + by)
		if (lie == "back" && s == a + 7) lr = 1
		if (s >= k[1] && s <= k[2]) batch = "other" s
		loss = 3 - .001 * s - .01 * lr + .1 * reset + (batch == "b" s ? 0 : .005) + .001 * wd + .001 * clip + .01 * tail
		if ((lie == "nan" || lie == "gaveup") && s == a + 4) loss = "NaN"
		if (lie == "ansi") printf "\033[1m"
		printf "{\"step\":%d,\"loss\":%s,\"lr\":%g,\"batch\":\"%s\",\"extra\":[1,{\"k\":2}]", s, loss, .001 * lr * (tail ? 1 - (s - a) / n : 1), batch
		if (lie == "wd" || lie == "clip" || lie == "hyper" || lie == "truth") printf ",\"optim/weight_decay\":%g,\"grad_clip\":%g", .1 * wd, clip
		printf "}"
		if (lie == "ansi") printf "\033[0m\r"
		printf "\n"
		fflush()
	}
	if (lie == "torn") printf "{\"step\":%d,\"lo", s
	if (lie == "text") print "done, 3.2 it/s"
}'
case $lie in
nan | hang) sleep 60 ;;
*-on)
	sleep 60
	exit 3
	;;
three | gaveup) exit 3 ;;
esac
[ "$out" ] || exit 0
mkdir -p "$out/step-$((from + steps))" && echo $((from + steps)) >"$out/step-$((from + steps))/step"
END
chmod +x train
train="./train --resume {state} --out {out} --steps {horizon} {actions}"

mkdir -p ckpt/step-100
echo 100 >ckpt/step-100/step
id=$(lc-snap save -q ckpt/step-100 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
awk 'BEGIN { for (s = 1; s <= 110; s++) printf "{\"step\":%d,\"loss\":%g,\"lr\":0.001,\"batch\":\"b%d\"}\n", s, 2.99 - .001 * s, s }' >run.jsonl

branch() { # ID ROLE ACTIONS [READOUT]
	printf '{"type":"branch","v":1,"fork":"f1","branch":"%s","role":"%s","kind":"restorative","order":0,"from":{"snapshot":"%s","step":100},"horizon":10,%s"actions":%s}\n' \
		"$1" "$2" "$id" "${4:+\"readout\":$4,}" "$3"
}
status_of() { grep '"type":"result"' ev | grep "\"branch\":\"$1\"" | grep -o '"status":"[^"]*"' | cut -d '"' -f 4; }
why_of() { grep '"type":"result"' ev | grep "\"branch\":\"$1\"" | grep -o '"why":"[^"]*"' | cut -d '"' -f 4; }

{
	branch c control '{}' '{"return":4,"cool":4}'
	echo 'no record, a line of text: {"branch":"x"'
	printf '{"type":"unheard-of",  "v": 7, "x":0.10}\r\n'
	branch n1 null '{"reseed":1}'
	branch lr arm '{"lr_scale":0.5}' '{"return":4}'
	branch skip arm '{"skip":[101,105]}'
	branch reset arm '{"reset":"mv"}'
} >plan
ok "run" sh -c "STARTS=starts lc-fork run --in-order -j 2 -d fork -H run.jsonl -x '$train' <plan >ev"
head -n 7 ev | tr -d '\r' >head
tr -d '\r' <plan >want
same "the plan goes through first, untouched" want head
for b in c n1 lr skip reset c.return c.cool lr.return; do equal "$b is done" "done" "$(status_of $b)"; done
equal "a result for each" 8 "$(grep -c '"type":"result"' ev)"
equal "in the order of the plan, segments behind their branch" "c c.return c.cool n1 lr lr.return skip reset" "$(grep '"type":"result"' ev | grep -o '"branch":"[^"]*"' | cut -d '"' -f 4 | tr '\n' ' ' | sed 's/ $//')"
match "a step keeps what it had, and gets fork and branch" '^\{"step":101,"loss":[0-9.]*,"lr":0\.0005,"batch":"b101","extra":\[1,\{"k":2\}\],"fork":"f1","branch":"lr"\}$' ev
equal "ten steps of each branch, four of each segment" "10 10 4" "$(grep -c '"step":.*"branch":"c"}' ev) $(grep -c '"step":.*"branch":"lr"}' ev) $(grep -c '"step":.*"branch":"lr.return"}' ev)"
match "the return is at the control's lr, from the arm's last state" '"branch":"lr.return","role":"probe","kind":"return",.*"from":\{"branch":"lr","step":110\},"horizon":4,"actions":\{"lr_scale":1(\.0)?\}' ev
match "the cooldown goes to zero" '"branch":"c.cool",.*"actions":\{"lr_tail":\{"shape":"linear","to":0,"steps":4\}\}' ev
equal "one state, shared and read-only" "1 0" "$(find fork/state -mindepth 1 -maxdepth 1 | wc -l) $(find fork/state -type f -perm /222 | wc -l)"
absent "states that branches wrote are gone" fork/*/out
equal "each was started once" "8 8" "$(wc -l <starts) $(sort -u starts | wc -l)"
cp ev first
{ branch c control '{}' && branch n1 null '{"reseed":1}' && branch skip arm '{"skip":[101,105],"rewind":100}'; } >deaf
ok "a command that is not told the actions" sh -c "lc-fork run -d deaf.d -x './train --resume {state} --lr-scale {lr_scale} --steps {horizon}' <deaf >deaf.ev"
match "is warned of, before it is run" '^lc-fork: the command has no hole for reseed, skip \(try' .err
ok "one that reads them itself" sh -c "lc-fork run -d hears.d -x 'LC_ACTIONS=\$LC_ACTIONS ./train --resume {state} --steps {horizon}' <deaf >deaf.ev"
equal "is not" 0 "$(grep -c 'no hole' .err)"
ok "the same again, from what is there" sh -c "STARTS=starts lc-fork run --in-order -j 2 -d fork -H run.jsonl -x '$train' <plan >ev"
same "is the same" ev first
equal "nothing was started" 8 "$(wc -l <starts)"
ok "as they come" sh -c "STARTS=starts lc-fork run -j 2 -d fork -H run.jsonl -x '$train' <plan | sort >ev"
sort first >want
same "are the same records" ev want
ok "-k" sh -c "lc-fork run -k -d kept -x '$train' <plan >ev"
ok "keeps the states" test -f kept/lr/out/step-110/step
ok "without -d" sh -c "head -n 1 plan | lc-fork run -x '$train' >ev"
ok "the fork's name is the directory's" test -f lc-fork-f1/c/status.json

# lies: the control tells the truth
lie() { # NAME LIE ACTIONS WANT WHY
	{
		branch c control '{}'
		branch lie "${6:-arm}" "$3"
	} >p
	LIE=$2 lc-fork run -q -j 2 -d "lie-$2" -H run.jsonl -x "$train" <p >ev 2>.err
	equal "$1: status of lc-fork" 0 $?
	equal "$1" "$4" "$(status_of lie)"
	echo "$(why_of lie)" >why
	match "$1: why" "$5" why
	equal "$1: the control is not blamed" "done" "$(status_of c)"
}
lie "no lie" none '{"lr_scale":0.5}' "done" "^$"
lie "it ignores --resume" resume '{"reset":"m"}' void 'began at step 1, not after 100'
lie "it ignores the lr" lr '{"lr_scale":0.5}' void 'learning rate is 1 times the control.s, not 0.5'
lie "its lr is put back after six steps of ten" back '{"lr_scale":0.5}' void 'is 1 times the control.s, not 0.5 .at step 107 .*; at 4 of 10 steps'
lie "it meets the batch it should skip" skip '{"skip":[102,104]}' void 'at step 10[234] it sees a batch'
lie "it meets one of several" skip '{"skip":[[50,60],[102,104]]}' void 'sees a batch'
lie "it ignores the reset" reset '{"reset":"mv"}' void 'those of c, bit for bit'
lie "it was not reseeded" reseed '{"reseed":3}' void 'not reseeded' null
lie "it ends early" early '{"reset":"mv"}' failed 'ended at step 107 of 110'
lie "it prints nothing" silent '{"reset":"mv"}' void 'no step records'
lie "it exits 3" three '{"reset":"mv"}' failed 'status 3 \(see lie/stderr.txt\)'
lie "it prints NaN, and gives up" gaveup '{"reset":"mv"}' killed 'non-finite loss at step 104'
lie "it prints NaN, and would go on for a minute" nan '{"reset":"mv"}' killed 'non-finite loss at step 104'
match "NaN is written as a string" '"step":104,"loss":"nan",.*"branch":"lie"' ev
lie "colours and CRLF" ansi '{"reset":"mv"}' "done" "^$"
equal "are ten strict records" 10 "$(grep -c '^{"step":1[01][0-9],"loss":.*"branch":"lie"}$' ev)"
lie "a torn tail" torn '{"reset":"mv"}' "done" "^$"
equal "is passed over" 10 "$(grep -c '"step":.*"branch":"lie"}' ev)"
lie "text after the records" text '{"reset":"mv"}' "done" "^$"
equal "no line of it in the output" 0 "$(grep -c 'it/s' ev)"

lie "its data are shifted by a batch" shift '{"lr_scale":0.5}' void 'at step 101 it sees the batch of step 102: its data are shifted by \+1'
# one that is known to lie is not run to its end: this one would fail there, after a minute
lie "data that are shifted, and no end" shift-on '{"lr_scale":0.5}' void 'by \+1; ended early'
equal "it was asked to end as void" "at step 101" "$(grep -o '^at step 101' lie-shift-on/lie/void)"
lie "a lr that is ignored, and no end" lr-on '{"lr_scale":0.5}' void 'is 1 times the control.s.*; ended early'
lie "a --resume that is ignored, and no end" resume-on '{"reset":"m"}' void 'not after 100.*; ended early'
ok "what was ended as void" sh -c "lc-fork status lie-lr-on >st"
match "stands as that" '^lie +void ' st
ok "the same, with a command that was mended" sh -c "lc-fork run -q -j 2 -d lie-resume-on -H run.jsonl -x '$train ' <p >ev"
equal "is another future: what was asked of the first is not asked of it" "done" "$(status_of lie)"
absent "nor kept" lie-resume-on/lie/void
lie "it ignores the tail of the lr" tail '{"lr_tail":{"shape":"linear","to":0,"steps":10}}' void 'learning rate at step 10[0-9] is 0.001, not 0.000'
lie "it obeys the tail of the lr" hyper '{"lr_tail":{"shape":"linear","to":0,"steps":10}}' "done" "^$"
sed 's/"$LC_BRANCH" = lie/"$LC_BRANCH"/' train >t2 && mv t2 train && chmod +x train # the control logs them too
lie "it ignores the weight decay" wd '{"weight_decay_scale":3,"lr_scale":0.5}' void 'weight_decay is 0.1, not 0.3 .the control.s is 0.1'
lie "it ignores the clip" clip '{"clip":0.5,"lr_scale":0.5}' void 'clip is 1, not 0.5'
lie "it obeys both" truth '{"weight_decay_scale":3,"clip":0.5}' "done" "^$"
match "and that was checked" '"branch":"lie","status":"done".*"checked":\{"lr":10,"batch":10,"hyper":2\}' ev

# the control lies
{
	branch lie control '{}'
	branch a1 arm '{"reset":"mv"}'
} >p
LIE=three lc-fork run -q -d ctl -x "$train" <p >ev
equal "a control that fails is told" failed "$(status_of lie)"

# metrics by file instead of stdout
cat >quiet <<'END'
exec ./train "$@" >>"$LC_METRICS"
END
ok "records by LC_METRICS" sh -c "branch=1; head -n 1 plan | lc-fork run -q -d metrics -x 'sh quiet --resume {state} --out {out} --steps {horizon} {actions}' >ev"
equal "count as well" "done 10" "$(status_of c) $(grep -c '"step":.*"branch":"c"}' ev)"
branch env arm '{"x_word":"a b\u0027c"}' >p
ok "awkward words, and the environment" sh -c "lc-fork run -q -d 'with space' -x 'printf \"%s\\n\" {state} {branch} {steps} {x_word} \"\$LC_BRANCH\" \"\$LC_STATE\" \"\$(cat \"\$LC_ACTIONS\")\"; exit 0' <p >ev"
here=$(pwd -P)
s="$here/with space/state/$(printf %.16s "$id")"
printf '%s\n' "$s" env 110 "a b'c" env "$s" '{"x_word":"a b'"'"'c"}' >want
same "arrive whole" want "with space/env/stdout.jsonl"

# a branch of a branch that is not there has no state
printf '{"type":"branch","v":1,"fork":"f1","branch":"b","role":"arm","from":{"branch":"nowhere","step":100},"horizon":5,"actions":{}}\n' >p
status "a branch of an unknown branch" 3 sh -c "lc-fork run -q -d unknown -x '$train' <p"

# bad input
{
	cat plan
	branch c arm '{}'
} >p
status "a branch twice" 3 sh -c "STARTS=bad lc-fork run -q -d twice -x '$train' <p"
branch ../escape arm '{}' >p
status "a name that is a path" 3 sh -c "lc-fork run -q -d path -x '$train' <p"
for name in state run jobs lock alive launch.json; do
	branch $name arm '{}' >p
	status "a name that the fork's directory has: $name" 3 sh -c "lc-fork run -q -d ours -x '$train' <p"
done
branch a arm '{}' | sed 's/"fork":"f1"/"fork":"f,1"/' >p
status "a fork whose name is none" 3 sh -c "lc-fork run -q -d forkname -x '$train' <p"
branch a arm '{}' | sed 's/"horizon":10/"horizon":9223372036854775807/' >p
status "a horizon past all steps" 3 sh -c "lc-fork run -q -d far -x '$train' <p"
branch a arm '{"lr_scale":-1}' >p
status "an action that is none" 3 sh -c "lc-fork run -q -d action -x '$train' <p"
branch a arm '{}' | sed "s/$id/0000000000000000/" >p
status "a snapshot that is not there" 3 sh -c "lc-fork run -q -d nosnap -x '$train' <p"
status "no branch" 3 sh -c "lc-fork run -q -d nobranch -x '$train' </dev/null"
branch a arm '{}' | sed 's/"v":1/"v":2/' >p
status "a branch of a later version" 3 sh -c "lc-fork run -q -d v2 -x '$train' <p"
status "an unknown hole" 2 sh -c "STARTS=bad lc-fork run -q -d hole -x './train {stat}' <plan"
absent "nothing was started" bad
status "no command" 2 sh -c 'lc-fork run <plan'
status "-j 0" 2 sh -c "lc-fork run -j 0 -x '$train' <plan"
status "no history" 4 sh -c "lc-fork run -d h -H absent -x '$train' <plan"
status "no store" 4 sh -c "lc-fork run -d nostore -s absent -x '$train' <plan"
: >file
status "a directory that is a file" 4 sh -c "lc-fork run -d file -x '$train' <plan"
[ -w /dev/full ] && status "a full disk" 4 sh -c "lc-fork run -q -d fork -x '$train' <plan >/dev/full"
ok "run --help" lc-fork run --help

# stops by file, silence, slots, limits, what goes to sessions of its own
cat >slow <<'END'
#!/bin/sh
echo "$LC_BRANCH $PLACE" >>"$LOG"
setsid sh -c 'sleep 301 & echo $! >>"$LOG.pids"; wait' &
echo '{"step":101,"loss":3}'
case $LC_BRANCH in
a | b) while [ "$(wc -l <"$LOG")" -lt 2 ]; do sleep 0.05; done ;;
s) sleep 60 ;;
esac
for s in 2 3 4 5 6 7 8 9 10; do echo "{\"step\":$((100 + s)),\"loss\":3}"; done
END
chmod +x slow
{
	branch a control '{}'
	branch b arm '{"x_n":1}'
} >p
ok "slots" sh -c "LOG=$PWD/log lc-fork run -q --slot PLACE=one/two,three --slot OTHER=x -d slots -x ./slow <p >ev"
equal "those that run at once have different ones" "one two,three" "$(cut -d ' ' -f 2 log | sort | tr '\n' ' ' | sed 's/ $//')"
# shellcheck disable=SC2046
ok "what went to a session of its own has ended with its branch" until_ok gone $(cat log.pids)
branch s control '{}' >p
ok "silence" sh -c "LOG=$PWD/log lc-fork run -q --stall 0.5 -d stall -x ./slow <p >ev"
equal "is a failure" "failed it printed nothing for 0.5 s" "$(status_of s) $(why_of s)"
LOG=$PWD/log lc-fork run -q -d stop -x ./slow <p >ev &
until_ok grep -qs '"status":"running"' stop/s/status.json
echo "it is behind by .3" >stop/s/stop
wait $!
equal "a stop by file" "killed it is behind by .3" "$(status_of s) $(why_of s)"
ok "a stopped one is not run again" sh -c "LOG=$PWD/log2 lc-fork run -q -d stop -x ./slow <p >ev"
absent "nothing was started" log2
equal "and it is still killed" killed "$(status_of s)"
branch m control '{}' >p
lc-fork run -q --memory 64M --nice 5 -d memory -x 'nice; x=$(head -c 100000000 /dev/zero | tr "\\000" x); echo "${{#x}"; exit 0' <p >ev 2>err
equal "a command past its memory fails" failed "$(status_of m)"
nice=$(($(nice) + 5)) # the tests may be nice themselves
equal "at its nice" $((nice < 19 ? nice : 19)) "$(head -n 1 memory/m/stdout.jsonl)"
status "--slot without a name" 2 sh -c "lc-fork run --slot 0,1 -x ./slow <p"
status "an unknown engine" 2 sh -c "lc-fork run -e magic -x ./slow <p"
sed 's/"horizon":10/"horizon":10,"readout":{"return":5}/' p >p2
big=$(lc-snap list -j | sed 's/"bytes":[0-9]*/"bytes":9000000000000000/')
mkdir fake && printf '#!/bin/sh\ncat <<END\n%s\nEND\n' "$big" >fake/lc-snap && chmod +x fake/lc-snap
cp "$B/lc-fork" fake
status "a disk that is too small" 4 sh -c "fake/lc-fork run -q -d disk -x './slow {out}' <p2"
match "is said before anything starts" 'MiB free, and this fork wants' .err

# a branch of a branch, and records of an earlier run fed back in
{
	branch c control '{}'
	printf '{"type":"branch","v":1,"fork":"f1","branch":"c2","role":"arm","from":{"branch":"c","step":110},"horizon":5,"actions":{"reset":"m"}}\n'
	printf '{"type":"branch","v":1,"fork":"f1","branch":"c3","role":"arm","from":{"branch":"c","step":105},"horizon":5,"actions":{}}\n'
} >p
lc-fork run -q -j 2 -d again -x "$train" <p >ev
equal "a branch of a branch" "done" "$(status_of c2)"
match "goes on from its last state" '"step":111,.*"branch":"c2"' ev
equal "of a state that it did not leave: failed" failed "$(status_of c3)"
ok "records of an earlier run, fed back in" sh -c "lc-fork run -q -d fork -H run.jsonl -x '$train' <first >ev"
equal "are the same branches" "$(grep -c '"type":"branch"' first)" "$(grep -o '"type":"branch".*"branch":"[^"]*"' ev | sort -u | wc -l)"

# a later plan goes on from what an earlier one kept
more() { # ID OF STEP
	printf '{"type":"branch","v":1,"fork":"f1","branch":"%s","role":"probe","kind":"more","from":{"branch":"%s","step":%s},"horizon":5,"actions":{}}\n' "$1" "$2" "$3"
}
more c+ c 110 >p
ok "a branch that goes on from one of an earlier plan" sh -c "lc-fork run -q -k -d kept -x '$train' <p >ev"
equal "is done" "done" "$(status_of c+)"
match "from the state that was kept" '"step":111,.*"branch":"c\+"' ev
more c++ c+ 115 >p
ok "and one from that" sh -c "lc-fork run -q -k -d kept -x '$train' <p >ev"
equal "is done too" "done 120" "$(status_of c++) $(grep -o '"step":[0-9]*,"loss' ev | tail -n 1 | tr -dc 0-9)"
more d+ c 109 >p
status "from a step that it kept no state of" 3 sh -c "lc-fork run -q -d kept -x '$train' <p"
more d+ ../kept/c 110 >p
status "from a path" 3 sh -c "lc-fork run -q -d kept -x '$train' <p"
more d+ c 110 >p
sed -i 's/"done"/"running"/' kept/c/status.json
status "from one that did not end" 3 sh -c "lc-fork run -q -d kept -x '$train' <p"

# what is in force on the run is told to every branch, also to one that starts from before it was decided, or whose
# trainer does not keep it in its states
branch c control '{}' '{"return":4}' | sed 's/"actions"/"base":{"lr_scale":0.5,"clip":0.7,"skip":[101,102]},"actions"/' >in
branch a arm '{"rewind":100,"skip":[105,106],"reset":"mv"}' | sed 's/"actions"/"base":{"lr_scale":0.5,"clip":0.7,"skip":[101,102]},"actions"/' >>in
ok "branches of a run with actions in force" lc-fork run -q -d inforce -x "$train" <in
equal "the control is told them" '{"lr_scale":0.5,"clip":0.7,"skip":[101,102]}' "$(cat inforce/c/actions.json)"
equal "an arm is told them and its own" '{"lr_scale":0.5,"clip":0.7,"skip":[[101,102],[105,106]],"rewind":100,"reset":"mv"}' "$(cat inforce/a/actions.json)"
equal "so is a segment" '{"lr_scale":0.5,"clip":0.7,"skip":[101,102]}' "$(cat inforce/c.return/actions.json)"

# a schedule of points, as lc-proxy plan proposes them
lc-train -q --layers 1 --dim 16 --heads 1 --ctx 16 --batch 2 --total 60 --steps 20 --save-every 20 --val-every 0 --out real >real.jsonl
id=$(lc-snap save -q real/step-00000020 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
lc-train -q --resume real/step-00000020 --steps 10 --val-every 0 >>real.jsonl
for tail in '"linear","to":0,"steps":8' '"points","points":[2,0.5],"to":1,"steps":8' '"constant","to":0.5,"steps":1'; do
	printf '{"type":"branch","v":1,"fork":"f2","branch":"a","role":"arm","kind":"persistent","order":0,"from":{"snapshot":"%s","step":20},"horizon":10,"actions":{"lr_tail":{"shape":%s}}}\n' "$id" "$tail" >p
	rm -rf points
	lc-fork run -q -d points -H real.jsonl -x 'lc-train -q --resume {state} --out {out} --steps {horizon} {actions}' <p >ev
	equal "lr_tail $tail: is what the trainer does" done "$(status_of a)"
	match "lr_tail $tail: and it was looked at" '"branch":"a","status":"done".*"checked":\{"lr":10' ev
done
