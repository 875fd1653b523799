#!/bin/sh
# lc-cone --tty: on a terminal and in a pipe, once and as a live board; the terminal is given back.
. "$TESTS/cli/lib.sh"

awk 'BEGIN {
	for (i = 1; i <= 1500; i++)
		printf "{\"step\":%d,\"loss\":%.4f}\n", i, i == 1500 ? 7.5 : 2 + i % 7 / 10
}' >run.jsonl
branch() { # branch ID ROLE ACTIONS
	echo '{"type":"branch","v":1,"fork":"f1","branch":"'"$1"'","role":"'"$2"'","kind":"temporary","from":{"snapshot":"x","step":1400},"horizon":40,"actions":'"$3"'}'
}
steps() { # steps ID FROM TO LOSS
	seq "$2" "$3" | sed "s/.*/{\"step\":&,\"loss\":$4,\"branch\":\"$1\",\"fork\":\"f1\"}/"
}
result() {
	echo '{"type":"result","v":1,"fork":"f1","branch":"'"$1"'","status":"'"$2"'","why":"'"$3"'","steps":40}'
}
alert='{"type":"alert","v":1,"step":1500,"index":9.5,"threshold":1,"kind":"spike","onset":1499,"rewind":1490,"signals":{"loss":50},"first":"loss"}'
decision='{"type":"decision","v":1,"fork":"f1","verdict":"better","why":"b001 is better","choice":"b001","from":{"step":1400},"actions":{"lr_scale":0.5},"gain":0.25,"ci":[0.1,0.4],"reported_on":"test_loss","arms":[{"branch":"b001","gain":0.25,"lower":0.1}]}'
{
	echo "$alert"
	branch b000 control '{}'
	branch b001 arm '{"lr_scale":0.5}'
	branch b002 arm '{"reset":"m"}'
	steps b000 1401 1440 2.5
	steps b001 1401 1440 2.25
	steps b002 1401 1410 2.75
	result b001 "done" ""
	result b002 killed "it \\u001b[31mis\\u0007 behind"
	echo "$decision"
} >all.jsonl

COLUMNS=100 ok "in a pipe" lc-cone --tty all.jsonl run.jsonl
match "what broke" '^What broke     a spike at step 1500' .out
match "what was chosen" '^Choice         b001, learning rate x 0.5: gains 0.2500' .out
match "the choice's row" '^\* b001 .* done  .* 100%   2\.2500  \+0\.2500  \+0\.2500 learning rate x 0\.5$' .out
match "how far one came that was stopped" '^  b002 .* killed .*  25%   2\.7500  -0\.2500' .out
equal "no colours" 0 "$(grep -c "$(printf '\033')" .out)"
match "dots" '[⠁-⣿]{3}' .out
COLUMNS=80 ok "80 columns" lc-cone --tty all.jsonl run.jsonl
match "have room for what is done" '^\* b001 .* done  .* 100%   2\.2500  \+0\.2500 learning rate x 0\.5$' .out
COLUMNS=40 ok "narrow" lc-cone --tty all.jsonl run.jsonl
long=$(awk '{ gsub(/[^ -~]/, "x"); gsub(/xxx/, "x"); if (length($0) > 40) n++ } END { print n + 0 }' .out)
equal "in bounds" 0 "$long"
seq 50 | sed 's/.*/{"step":&,"loss":NaN}/' >nan.jsonl
ok "a run that is NaN throughout" lc-cone --tty nan.jsonl
match "is said to be" '^The run        steps 1 to 50; no loss of it is a number.$' .out

# A fork as it is run: what is written is seen; the end of a pipe is the end.
{
	cat run.jsonl
	branch b000 control '{}'
	branch b001 arm '{"lr_scale":0.5}'
	steps b000 1401 1420 2.5
	steps b001 1401 1412 2.25
} | lc-cone --tty -f - >news 2>err
match "news of a branch" '^[0-9:]{8} b001 running 30% step 1412 loss 2.2500; best so far b001, ahead by 0.2500$' news
equal "nothing else" "" "$(cat err)"

mkdir live
branch b000 control '{}' >live/evidence.jsonl
lc-cone --tty -f live late.jsonl >news 2>err &
follower=$!
seen() { grep -Eq "$1" news; }
mkdir live/b001
echo '{"type":"status","v":1,"branch":"b001","status":"waiting","record":'"$(branch b001 arm '{}')"'}' >status && mv status live/b001/status.json
if until_ok seen 'b001 waiting'; then pass "a branch that appears"; else fail "a branch that appears" "$(cat news err)"; fi
steps b000 1401 1440 2.5 >>live/evidence.jsonl
if until_ok seen 'b000 running 100% step 1440'; then pass "steps that are written"; else fail "steps that are written" "$(cat news err)"; fi
{ steps b001 1401 1440 2 && result b001 "done" ""; } >>live/evidence.jsonl
if until_ok seen 'b001 done step 1440 loss 2.0000.*best so far b001'; then pass "a result"; else fail "a result" "$(cat news err)"; fi
echo "$alert" >late.jsonl
if until_ok seen 'What broke: a spike at step 1500'; then pass "a file that was not there yet"; else fail "a file that was not there yet" "$(cat news err)"; fi
echo "$decision" >>live/evidence.jsonl
if until_ok seen 'fork f1: better: b001 is better; choice b001'; then pass "the decision"; else fail "the decision" "$(cat news err)"; fi
printf '%s' '{"type":"result","v":1,"fork":"f1","branch":"b000",' >>live/evidence.jsonl
echo '"status":"done"}' >>live/evidence.jsonl
if until_ok seen 'b000 done'; then pass "a line in two writes"; else fail "a line in two writes" "$(cat news err)"; fi
branch c7 control '{}' >replaced && steps c7 1401 1404 3 >>replaced && mv replaced live/evidence.jsonl
if until_ok seen ' c7 running'; then pass "a file that is replaced"; else fail "a file that is replaced" "$(cat news err)"; fi
kill -TERM $follower
wait $follower
equal "a signal ends it as such" 143 $?

# Under a pseudo terminal.
if ! command -v script >/dev/null; then
	skip "on a terminal" "no script(1)"
	exit
fi
sh_quote=$PWD
board() { # board NAME KEYS...: the board until it shows a row; then KEYS are typed, or its signal sent
	rm -f screen keys pid && mkfifo keys
	TERM=xterm script -qfec "stty cols 90 rows 30; echo \$\$ >'$sh_quote/pid'; exec lc-cone --tty -f all.jsonl run.jsonl" screen <keys >/dev/null 2>&1 &
	script=$!
	exec 9>keys
	if until_ok grep -q 'b001 .*done' screen 2>/dev/null; then pass "$1: is drawn"; else fail "$1: is drawn" "$(cat screen)"; fi
}
left() { # left NAME: the terminal is as it was: the other screen left, the cursor shown
	exec 9>&-
	wait $script
	esc=$(printf '\033')
	entered=$(grep -c "$esc\[?1049h" screen)
	equal "$1: the screen is entered, left, and the cursor is back" "1 1 1" "$entered $(grep -c "$esc\[?1049l" screen) $(grep -c "$esc\[?25h" screen)"
}
board "a board"
match "in colours" "$(printf '\033')\[1;32m\* b001" screen
match "under what they are" 'branch       role     state    progress            loss ahead by     gain what is done' screen
equal "a hostile word is harmless" 0 "$(grep -c "$(printf '\007')" screen)"
lines=$(tr '\r' '\n' <screen | grep -c 'fork f1')
if [ "$lines" -ge 1 ]; then pass "its fork"; else fail "its fork" "$(cat screen)"; fi
printf q >&9
left "q"
board "again"
kill -INT "$(cat pid)"
left "SIGINT"
board "once more"
kill -HUP "$(cat pid)"
left "SIGHUP"
