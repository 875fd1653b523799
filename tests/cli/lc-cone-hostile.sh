#!/bin/sh
# lc-cone: names that are markup, numbers that are none, files that are broken or enormous.
. "$TESTS/cli/lib.sh"

evil='<script>alert(1)</script>\" onload=\"x\u001b[2J\u0007 & '"'"
{
	for s in $(seq 60); do echo '{"step":'"$s"',"loss":2.'"$s"',"run":"'"$evil"'"}'; done
	echo '{"type":"snapshot","v":1,"id":"'"$evil"'","run":"'"$evil"'","step":50}'
	echo '{"type":"alert","v":1,"step":55,"index":9,"threshold":1,"kind":"'"$evil"'","onset":54,"rewind":53,"first":"'"$evil"'","signals":{"'"$evil"'":9}}'
	echo '{"type":"cause","v":1,"step":55,"cause":"'"$evil"'","why":"'"$evil"'"}'
	echo '{"type":"index","v":1,"step":60,"index":2,"signals":{"'"$evil"'":9}}'
	for b in 1 2; do
		echo '{"type":"branch","v":1,"fork":"'"$evil"'","branch":"'"$evil$b"'","role":"'"$evil"'","from":{"step":50},"horizon":10,"actions":{"x_'"$evil"'":"'"$evil"'"}}'
		echo '{"type":"forecast","v":1,"fork":"'"$evil"'","branch":"'"$evil$b"'","steps":[51,60],"loss":{"q05":[1,"nan"],"q50":[2,"inf"],"q95":[3,"-inf"]}}'
		echo '{"type":"result","v":1,"fork":"'"$evil"'","branch":"'"$evil$b"'","status":"'"$evil"'","why":"'"$evil"'"}'
		seq 51 60 | sed 's/.*/{"step":&,"loss":'$b',"fork":"f","branch":"'$b'<b>\\"x"}/'
	done
	echo '{"type":"decision","v":1,"fork":"'"$evil"'","verdict":"better","why":"'"$evil"'","choice":"'"$evil"'1","gain":"inf","ci":["nan",0],"arms":[{"branch":"'"$evil"'1","gain":"inf","lower":"nan"}],"not_counted":[{"branch":"'"$evil"'","status":"'"$evil"'"}]}'
	echo '{"type":"review","v":1,"fork":"'"$evil"'","held":"'"$evil"'"}'
} >evil.jsonl
ok "names that are markup" lc-cone -o page.html evil.jsonl
equal "are text: one script" "1 0" "$(grep -c '<script' page.html) $(grep -c 'alert(1)</script>' page.html)"
equal "no control character is left" 0 "$(LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177]')" page.html)"
match "a command's word is quoted" "lc-snap restore '&lt;script&gt;" page.html
ok "on the terminal" lc-cone --tty evil.jsonl
equal "too" 0 "$(LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177]')" .out)"
# The first letters of a word count too, where it is cut; and bytes that are no letters, or turn the line around.
for word in '\u001b[31mx' '\u009b31mx' '\u202ex' '\u2066x'; do
	echo '{"step":1,"loss":2,"branch":"'"$word"'","fork":"'"$word"'"}'
	for kind in branch result; do
		echo '{"type":"'$kind'","fork":"'"$word"'","branch":"'"$word"'","role":"'"$word"'","status":"'"$word"'","why":"'"$word"'"}'
	done
	echo '{"type":"alert","step":1,"kind":"'"$word"'","first":"'"$word"'","onset":1,"rewind":0}'
done >first.jsonl
printf '{"step":2,"loss":2,"run":"\233\061m","branch":"\233\061m\377\340","fork":"f"}\n' >>first.jsonl
ok "words that begin so" lc-cone --tty first.jsonl
unsafe() { LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177\377]\|\302[\200-\237]\|\342\200\256\|\342\201\246\|[ ?]\233')" "$1"; }
equal "are safe" 0 "$(unsafe .out)"
ok "as news" sh -c 'lc-cone --tty -f - <first.jsonl'
equal "also" 0 "$(unsafe .out)"
ok "as news" sh -c 'lc-cone --tty -f - <evil.jsonl'
equal "as well" 0 "$(LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177]')" .out)"
wellformed() {
	python3 -c 'import re, sys, xml.dom.minidom
t = open("page.html", encoding="utf-8").read()
s = re.findall(r"(?s)<svg class=.fig.*?\n</svg>", t)
assert s
for x in s:
	xml.dom.minidom.parseString(x)
	assert not re.search(r" d=\"[^\"]*(nan|inf)", x)'
}
drawn() {
	if command -v python3 >/dev/null; then ok "$1" wellformed; else skip "$1" "no python3"; fi
}
cp page.html evil.html
drawn "and the pictures are well-formed"
if command -v xmllint >/dev/null; then
	awk '/^<svg class="fig wide/ { on = 1 } on { print } /^<\/svg>/ && on { exit }' evil.html >one.svg
	ok "so says xmllint" xmllint --noout one.svg
else
	skip "so says xmllint" "no xmllint"
fi

printf '{"step":1,"loss":NaN}\n{"step":2,"loss":Infinity}\n{"step":3,"loss":-5}\n{"step":4,"loss":1e308}\n{"step":5,"loss":-1e308}\n' >odd
ok "values that are no numbers, or enormous" lc-cone -o page.html odd
drawn "make a sound picture"
printf '{"step":1,"loss":2,"grad_norm":0}\n{"step":9007199254740992,"loss":2,"grad_norm":0}\n' >far
ok "steps as far apart as can be" lc-cone -o page.html far
drawn "make one too"
seq 50 | sed 's/.*/{"step":&,"loss":NaN,"val_loss":NaN}/' >nan
ok "a run that is NaN throughout" lc-cone -o page.html nan
match "has no number held out" 'no loss of it is a number, held out no number at step 50' page.html
match "has no sound step" 'a value that is not finite at step 1, .*; no step before it is known to be sound' page.html
equal "and no scale of its loss" 2 "$(grep -c 'data-name="loss"[^>]*data-ticks="0"' page.html)"
{ seq 200 | sed 's/.*/{"step":&,"loss":2,"val_loss":3}/' && echo '{"step":201,"loss":2,"val_loss":NaN}'; } >nan
ok "one whose held-out loss ends so" lc-cone -o page.html nan
match "is told with the step of the last number" 'held out it is 3 at step 200, held out no number at step 201' page.html
for b in 0 1; do
	echo '{"type":"branch","fork":"f","branch":"b'$b'","role":"'"$([ $b = 0 ] && echo control || echo arm)"'","from":{"step":0},"horizon":3}'
	printf '{"step":%d,"loss":%d0.5,"branch":"b'$b'","fork":"f"}\n' 1 $((7 - b)) 2 $((7 - b))
done >futures
ok "futures without their run" lc-cone -o page.html futures
equal "have the scale of their own, in all pictures" 4 "$(grep -c 'data-name="loss" data-y0="60' page.html)"
ok "on a terminal" lc-cone --tty futures
match "as well" '^ +70' .out
echo '{"step":2,"loss":-1e300,"branch":"b1","fork":"f"}' >>futures
COLUMNS=80 ok "a loss of 300 digits" lc-cone --tty futures
match "stays in its columns" ' b1 .* -1.00e\+300 \+1.0e\+300' .out
ok "in the table" lc-cone -o page.html futures
match "too" '<td class="n">-1e\+300</td>' page.html

echo '{"type":"screen","v":1,"fork":"f","branch":"b7","kept":false,"why":"no room"}' >unsaid
ok "a branch of which nobody says what it does" lc-cone -o page.html unsaid
match "is not said to change nothing" '>b7</th><td></td><td class="w"></td><td class="w">not run: no room<' page.html
echo '{"type":"review","v":1,"fork":"f","held":"unknown","after":{"steps":9,"gain":"nan","alerts":0}}' >>futures
ok "a review without a gain" lc-cone -o page.html futures
match "has none" 'it is not known to have held: no gain that can be told, 0 alerts since' page.html
echo '{"step":5,"loss":2}' >single
ok "one step" lc-cone -o page.html single
match "is no proof that all is well" '<dd>not known: there is no alert, but no step could be judged either; lc-detect needs more than 40 values' page.html
drawn "is drawn"
: >empty
status "nothing at all" 3 lc-cone empty
match "is said to be" 'empty: no records in 0 lines' .err
printf 'step 1: loss 2\nstep 2: loss 3\n' >text
status "a log that is no records" 3 lc-cone --tty text
match "who makes some is said" 'lc-read' .err
mkdir other
status "a directory of neither program" 3 lc-cone other
absent "no page is left of it" none.html
status "nor is one written" 3 lc-cone -o none.html empty text
absent "none" none.html
printf '{"step":1,"loss":2}\n{"step":2,"lo' >torn
ok "a torn line is passed over" lc-cone -o page.html torn
match "and named" 'torn line' .err
match "and told" '<dt>Not read</dt><dd>1 lines, malformed or broken off; the first: torn line' page.html
printf '{"type":"alert","v":1,"step":[],"index":{},"kind":7}\n{"type":"decision","arms":7,"ci":{}}\n{"type":"branch","branch":"b","from":3,"actions":[]}\n{"type":"forecast","branch":"b","steps":[3,2,"x"],"loss":[]}\n{"type":"index","step":"x"}\n{"type":"status","branch":"b","record":7}\n{"type":"rewind","to":{}}\n{"type":"snapshot"}\n{"type":"screen","branch":"b"}\n' >kinds
ok "values of other kinds" lc-cone -o page.html kinds
match "an alarm without a step is none" 'kinds line 1: alert record without a step' .err
ok "on the terminal as well" lc-cone --tty kinds
seq 20000 | sed 's/.*/{"type":"branch","v":1,"fork":"f","branch":"b&","role":"arm","actions":{}}/' >many
ok "20000 branches" lc-cone -o page.html many
match "are not all rows" 'and 18500 more branches' page.html
seq 3000 | sed 's/.*/{"type":"snapshot","v":1,"id":"&","step":&}/' >states
ok "3000 states" lc-cone -o page.html states
