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
echo '{"step":5,"loss":2}' >single
ok "one step" lc-cone -o page.html single
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
ok "on the terminal as well" lc-cone --tty kinds
seq 20000 | sed 's/.*/{"type":"branch","v":1,"fork":"f","branch":"b&","role":"arm","actions":{}}/' >many
ok "20000 branches" lc-cone -o page.html many
match "are not all rows" 'and 18500 more branches' page.html
seq 3000 | sed 's/.*/{"type":"snapshot","v":1,"id":"&","step":&}/' >states
ok "3000 states" lc-cone -o page.html states
