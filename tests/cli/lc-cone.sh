#!/bin/sh
# lc-cone: what is in the page, on the terminal, and what hostile or broken records do.
. "$TESTS/cli/lib.sh"

awk 'BEGIN {
	for (i = 1; i <= 3000; i++)
		printf "{\"step\":%d,\"loss\":%.4f,\"grad_norm\":%.3f,\"lr\":0.001}\n", i, i == 1500 ? 77.5 : 2 + i % 7 / 10, 1 + i % 5 / 10
}' >run.jsonl
{
	echo '{"type":"snapshot","v":1,"id":"0123456789abcdef","run":"a<b>&\"c","step":1400,"roles":["weights"]}'
	echo '{"type":"alert","v":1,"step":1500,"index":9.5,"threshold":1,"kind":"spike","onset":1499,"rewind":1490,"signals":{"loss":50},"first":"loss"}'
	echo '{"type":"branch","v":1,"fork":"f1","branch":"b000","role":"control","kind":"temporary","from":{"snapshot":"x","step":1400},"horizon":4,"actions":{}}'
	echo '{"type":"branch","v":1,"fork":"f1","branch":"b001","role":"arm","kind":"temporary","from":{"snapshot":"x","step":1400},"horizon":4,"actions":{"lr_scale":0.5}}'
	echo '{"type":"branch","v":1,"fork":"f1","branch":"b002","role":"arm","kind":"temporary","from":{"snapshot":"x","step":1400},"horizon":4,"actions":{"reset":"m"}}'
	echo '{"type":"forecast","v":1,"fork":"f1","branch":"b001","steps":[1401,1404],"loss":{"q05":[1,1],"q50":[2,2],"q95":[3,"nan"]}}'
	for b in 0 1 2; do
		for s in 1401 1402 1403 1404; do
			echo "{\"step\":$s,\"loss\":$((2 - b)).5,\"val_loss\":2.$b,\"branch\":\"b00$b\",\"fork\":\"f1\"}"
		done
	done
	echo '{"type":"result","v":1,"fork":"f1","branch":"b001","status":"done","steps":4}'
	echo '{"type":"result","v":1,"fork":"f1","branch":"b002","status":"void","why":"lr <was> not obeyed","steps":4}'
	echo '{"type":"decision","v":1,"fork":"f1","verdict":"better","why":"b001 is better","choice":"b001","from":{"step":1400},"actions":{"lr_scale":0.5},"gain":0.25,"ci":[0.1,0.4],"reported_on":"test_loss","arms":[{"branch":"b001","gain":0.25,"lower":0.1,"return":2.1,"passes":true}]}'
} >journal.jsonl

ok "a page is written" lc-cone -o page.html journal.jsonl run.jsonl
has() { # has NAME TEXT
	if grep -qF -- "$2" page.html; then pass "$1"; else fail "$1" "no: $2"; fi
}
has "the story has the alert" 'Step 1500: a spike that began at step 1499 (index 9.5, limit 1), first seen in loss.'
has "and the choice" 'Chosen: b001, learning rate x 0.5, from step 1400: a gain of 0.25 (0.1 to 0.4) on test_loss.'
has "the table has its gain and bound" '<td class="n">2.1000</td><td class="n">+0.2500</td><td class="n">+0.1000</td>'
has "why a branch is void is said, escaped" 'void: lr &lt;was&gt; not obeyed'
has "the run's name is escaped" '<h1>a&lt;b&gt;&amp;&quot;c</h1>'
has "the chosen branch is marked" 'class="b chosen" data-b="f1/b001"'
has "the lone high value is a mark" 'class="above"'
svgs() {
	python3 -c 'import re, sys, xml.dom.minidom
t = open("page.html").read()
s = re.findall(r"(?s)<svg class=.fig.*?\n</svg>", t)
[xml.dom.minidom.parseString(x) for x in s]
print(len(s))
sys.exit("nan" in re.sub(r"class=.nan.", "", "".join(s)) or "inf" in "".join(s))'
}
if command -v python3 >/dev/null; then
	ok "both pictures are well-formed, without nan or inf" svgs
	if [ "$(cat .out)" = 2 ]; then pass "there are two"; else fail "there are two" "$(cat .out)"; fi
else
	skip "both pictures are well-formed" "no python3"
fi
cp page.html one.html
ok "the order of files does not matter, nor a file named twice" lc-cone -o page.html run.jsonl run.jsonl journal.jsonl journal.jsonl
if [ "$(grep -c 'class="left"' page.html)" = 0 ]; then pass "what comes twice is no rewind"; else fail "what comes twice is no rewind"; fi
tail -n +2900 run.jsonl | sed 's/"loss":2/"loss":3/' >back.jsonl
ok "a run that went back" lc-cone -o page.html run.jsonl back.jsonl
has "what was left is drawn apart" 'class="left"'

COLUMNS=100 ok "on the terminal" lc-cone --tty journal.jsonl run.jsonl
if grep -q '^\* b001.*done.*+0.2500 learning rate x 0.5' .out; then pass "with its table"; else fail "with its table" "$(tail -n 3 .out)"; fi
if grep -q "$(printf '\033')" .out; then fail "no colours in a file"; else pass "no colours in a file"; fi
if awk '{ n = length($0) } n > 400 { exit 1 }' .out; then pass "in bounds"; else fail "in bounds"; fi

: >empty
ok "nothing at all is a page too" lc-cone empty
if grep -q 'There are no steps to draw' .out; then pass "that says so"; else fail "that says so"; fi
head -c 1000 journal.jsonl >torn
ok "a torn line is passed over" lc-cone torn
if grep -q 'torn line' .err && grep -q '1 lines could not be read' .out; then pass "and named"; else fail "and named" "$(cat .err)"; fi
printf '{"step":1,"loss":NaN}\n{"step":2,"loss":Infinity}\n{"step":3,"loss":-5}\n{"step":4,"loss":1e308}\n{"step":5,"loss":-1e308}\n' >odd
ok "values that are no numbers, or enormous" lc-cone odd
cp .out page.html
if command -v python3 >/dev/null; then ok "make a sound picture" svgs; fi
seq 20000 | sed 's/.*/{"type":"branch","v":1,"fork":"f","branch":"b&","role":"arm","actions":{}}/' >many
ok "20000 branches" lc-cone -o page.html many
status "no records" 2 lc-cone
status "no such file" 4 lc-cone nothing.jsonl
status "-f without --tty" 2 lc-cone -f run.jsonl
status "an unknown option" 2 lc-cone --wrong run.jsonl
status "a full disk" 4 sh -c 'lc-cone run.jsonl >/dev/full'
seq 50 | sed 's/.*/{"step":&,"loss":NaN}/' >nan.jsonl
ok "a run that is NaN throughout, on the terminal" lc-cone --tty nan.jsonl
match "is said to be" '^The run ran from step 1 to 50; no loss of it is a number.$' .out
equal "no number stands at its axis" 0 "$(grep -c '^ *-*[0-9.]* *[0-9]\.[0-9]' .out)"
mkdir other
status "a directory that is none of lc-guard's" 4 lc-cone other
status "a place that cannot be written" 4 lc-cone -o nowhere/page.html run.jsonl
if command -v rsvg-convert >/dev/null; then
	ok "a PNG" lc-cone --png run.png journal.jsonl run.jsonl
	if [ "$(head -c 8 run.png | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ]; then pass "is one"; else fail "is one"; fi
	status "nothing to draw" 3 lc-cone --png none.png empty
else
	skip "a PNG" "no rsvg-convert"
	status "a PNG needs rsvg-convert" 4 lc-cone --png run.png run.jsonl
fi
