#!/bin/sh
# lc-cone: what is in the page.
. "$TESTS/cli/lib.sh"

awk 'BEGIN {
	for (i = 1; i <= 3000; i++)
		printf "{\"step\":%d,\"loss\":%.4f,\"grad_norm\":%.3f,\"lr\":0.001}\n", i, i == 1500 ? 77.5 : 2 + i % 7 / 10, 1 + i % 5 / 10
}' >run.jsonl
{
	echo '{"type":"snapshot","v":1,"id":"0123456789abcdef","run":"a<b>&\"c","step":1400,"time":"2026-11-22T03:00:00Z","roles":["weights"]}'
	echo '{"type":"alert","v":1,"step":1500,"index":9.5,"threshold":1,"kind":"spike","onset":1499,"rewind":1490,"signals":{"loss":50},"first":"loss"}'
	echo '{"type":"cause","v":1,"fork":"f0","step":1500,"cause":"state","why":"the state is <bad> with any batches"}'
	echo '{"type":"branch","v":1,"fork":"f1","branch":"b000","role":"control","kind":"temporary","from":{"snapshot":"x","step":1400},"horizon":4,"actions":{}}'
	echo '{"type":"branch","v":1,"fork":"f1","branch":"b001","role":"arm","kind":"temporary","from":{"snapshot":"x","step":1400},"horizon":4,"actions":{"lr_scale":0.5}}'
	echo '{"type":"branch","v":1,"fork":"f1","branch":"b002","role":"arm","kind":"temporary","from":{"snapshot":"x","step":1400},"horizon":4,"actions":{"reset":"m"}}'
	echo '{"type":"forecast","v":1,"fork":"f1","branch":"b001","steps":[1401,1404],"loss":{"q05":[1,1],"q50":[2,2],"q95":[3,3]}}'
	for b in 0 1 2; do
		for s in 1401 1402 1403 1404; do
			echo "{\"step\":$s,\"loss\":$((2 - b)).5,\"val_loss\":2.$b,\"branch\":\"b00$b\",\"fork\":\"f1\"}"
		done
	done
	echo '{"type":"result","v":1,"fork":"f1","branch":"b001","status":"done","steps":4}'
	echo '{"type":"result","v":1,"fork":"f1","branch":"b002","status":"void","why":"lr <was> not obeyed","steps":4}'
	echo '{"type":"decision","v":1,"fork":"f1","verdict":"better","why":"b001 is better","choice":"b001","from":{"step":1400},"actions":{"lr_scale":0.5},"gain":0.25,"ci":[0.1,0.4],"reported_on":"test_loss","credit":{"schedule":0.2,"sd":0.01,"remedy":0.05,"changed":"b001","plain":"b000","clean":true},"cost":{"branch_steps":12,"rewound_steps":50,"charge":0.001},"arms":[{"branch":"b001","gain":0.25,"lower":0.1,"return":2.1,"passes":true}]}'
	echo '{"type":"review","v":1,"fork":"f1","decision":"sha256:0","verdict":"better","choice":"b001","step":1400,"after":{"steps":600,"gain":0.24,"alerts":0},"held":"yes"}'
} >journal.jsonl

ok "a page is written" lc-cone -o page.html journal.jsonl run.jsonl
has() { # has NAME TEXT
	if grep -qF -- "$2" page.html; then pass "$1"; else fail "$1" "no: $2"; fi
}
has "the first screen: what broke" '<dd class="bad">a spike at step 1500, index 9.50 (an alert from 1.00 on), begun at step 1499, loss first; the step before it that is surely sound: 1490.</dd>'
has "and whether it is over" '<dd>2.3 at the end, by the median of up to 20 steps; before step 1499 it was 2.3.</dd>'
has "why, likely" '<dd>state; the state is &lt;bad&gt; with any batches.</dd>'
has "when" '<dd>step 1500, begun at step 1499, 1500 steps before the last; after 2026-11-22T03:00:00Z, when the last state before it was kept.</dd>'
has "what was tried" '<dd>fork f1: 1 future was forecast, 2 remedies were run beside doing nothing, and none with other data to know the noise; 1 running, 1 done, 1 void'
has "what was chosen" '<dd class="good">b001, learning rate x 0.5: gains 0.2500 nats of test_loss, between 0.1000 and 0.4000.</dd>'
has "what came of it" '<dd>looked at again 600 steps later, it held: a gain of 0.24 seen, 0 alerts since.</dd>'
has "how to look further" '<pre><code>lc-collapse explain journal.jsonl journal.jsonl</code></pre>'
has "from the newest state before it" "<pre><code>lc-snap restore 'a&lt;b&gt;&amp;&quot;c@&lt;=1490' before-1500</code></pre>"
has "the table has its gain and bound" '<td class="n">2.1000</td><td class="n">+0.2500</td><td class="n">+0.1000</td>'
has "and its interval" '<svg class="iv"'
has "why a branch is void is said, escaped" 'void: lr &lt;was&gt; not obeyed'
has "where it ended is marked" 'class="b mark void" data-b="f1/b002"'
has "the run's name is escaped" '<h1>a&lt;b&gt;&amp;&quot;c</h1>'
has "the chosen branch is marked" 'class="b chosen" data-b="f1/b001"'
has "the run goes on as it" '<path class="went"'
has "the cone of forecasts" '<path class="cone"'
has "the lone high value is a mark" 'class="above"'
has "the state that was kept is a tick" '<title>state kept: step 1400, 0123456789abcdef</title>'
has "the index is there without its records" 'data-name="instability index"'
has "and says whose it is" "The index is lc-detect's"
has "the decision in words" '<dt>Credit</dt><dd>of the gain 0.2000'
has "what it cost" '<dt>Cost</dt><dd>12 steps in futures, 50 steps to be run again (charged 0.0010).</dd>'

# What a browser would refuse or mend: read strictly, each tag closed, the policy's hashes those of what is there.
cat >sound.py <<'END'
import base64, hashlib, html.parser, re, sys, xml.dom.minidom
t = open(sys.argv[1], encoding="utf-8").read()
void, stack = {"meta", "input", "br", "path", "rect"}, []
class P(html.parser.HTMLParser):
	def handle_starttag(self, tag, attrs, empty=False):
		names = [a for a, _ in attrs]
		assert len(names) == len(set(names)), ("twice", tag, names)
		assert not [a for a in names if a.startswith("on") or a in ("style", "src", "href")], (tag, names)
		if tag not in void and not empty:
			stack.append(tag)
	def handle_startendtag(self, tag, attrs):
		self.handle_starttag(tag, attrs, True)
	def handle_endtag(self, tag):
		if tag not in void:
			assert stack and stack.pop() == tag, ("closes", tag, self.getpos())
P(convert_charrefs=True).feed(t)
assert not stack, stack
policy = re.search(r'Content-Security-Policy" content="([^"]*)"', t).group(1)
for tag in "style", "script":
	text = re.search(r"(?s)<%s>(.*?)</%s>" % (tag, tag), t).group(1)
	assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy, tag
svg = re.findall(r"(?s)<svg class=.fig.*?\n</svg>", t)
for s in svg:
	xml.dom.minidom.parseString(s)
	d = "".join(re.findall(r' (?:d|x|y|width|height|data-x\d|data-y\d)="([^"]*)"', s))
	assert "nan" not in d and "inf" not in d
assert not re.search(r"(?i)(src|href|url)\s*[=(]\s*['\"]?\s*(https?:)?//", t)
print(len(svg))
END
sound() { # sound NAME PICTURES: page.html is
	if ! command -v python3 >/dev/null; then
		skip "$1" "no python3"
	else
		ok "$1" python3 sound.py page.html
		equal "$1: so many pictures" "$2" "$(cat .out)"
	fi
}
sound "the page is sound, and loads nothing" 4
cp page.html one.html
ok "the order of files does not matter, nor a file named twice" lc-cone -o page.html run.jsonl run.jsonl journal.jsonl journal.jsonl
equal "what comes twice is no rewind" 0 "$(grep -c 'class="left"' page.html)"
tail -n +2900 run.jsonl | sed 's/"loss":2/"loss":3/' >back.jsonl
ok "a run that went back" lc-cone -o page.html run.jsonl back.jsonl
has "what was left is drawn apart" 'class="left"'
has "the signals are rows of cells" '<title>score '
cat run.jsonl back.jsonl >both.jsonl
lc-detect -a both.jsonl >index.jsonl
ok "the index as records have it" lc-cone -o page.html both.jsonl index.jsonl
equal "is not said to be another's" 0 "$(grep -c "The index is lc-detect's" page.html)"
has "what was gone back from is in it too" 'class="left"'
lc-detect -a run.jsonl >alone.jsonl
ok "index records alone" lc-cone -o page.html alone.jsonl
has "bring the loss along" '<path class="loss"'
ok "with the steps after them" lc-cone -o page.html alone.jsonl run.jsonl
equal "are no rewind" 0 "$(grep -c 'class="left"' page.html)"
ok "a log alone is judged" lc-cone -o page.html run.jsonl
has "what stood out is told" 'single step stood out and came back at once'
awk 'BEGIN { for (i = 1; i <= 300; i++) printf "{\"step\":%d,\"reward\":%.3f,\"kl\":%.4f,\"entropy\":%.3f}\n", i, i / 100 + i % 5 / 20, .01 + i % 7 / 1000, 2 - i / 400 }' >rl.jsonl
ok "a run that is rewarded" lc-cone -o page.html rl.jsonl
for panel in reward KL entropy "instability index"; do has "has a panel: $panel" "data-name=\"$panel\""; done
has "and its story" 'the reward went from 0.06 to 3'
awk 'BEGIN { for (i = 1; i <= 2000; i++) printf "{\"step\":%d,\"loss\":%s}\n", i, i == 700 || i == 1400 ? 900 : 2 + i % 11 / 100 }' >spikes.jsonl
ok "of many points" lc-cone -o page.html spikes.jsonl
equal "no spike is lost" 2 "$(grep -o '<path class="above" d="[^"]*"' page.html | head -n 1 | grep -o M | wc -l)"
ok "options" lc-cone --title 'a <title>' -m loss=my/loss run.jsonl
match "a title" '<h1>a &lt;title&gt;</h1>' .out
status "usage: no records" 2 lc-cone
status "-f without --tty" 2 lc-cone -f run.jsonl
status "an unknown option" 2 lc-cone --wrong run.jsonl
status "no such file" 4 lc-cone nothing.jsonl
status "a full disk" 4 sh -c 'lc-cone run.jsonl >/dev/full'
status "a place that cannot be written" 4 lc-cone -o nowhere/page.html run.jsonl
if command -v rsvg-convert >/dev/null; then
	ok "a PNG" lc-cone --png run.png journal.jsonl run.jsonl
	equal "is one" 89504e470d0a1a0a "$(head -c 8 run.png | od -An -tx1 | tr -d ' \n')"
	grep '"alert"' journal.jsonl >noted
	status "nothing to draw" 3 lc-cone --png none.png noted
	status "nowhere to put it" 4 lc-cone --png nowhere/run.png run.jsonl
else
	skip "a PNG" "no rsvg-convert"
fi
absent "nothing is left of what failed" none.png none.png.* nowhere
mkdir bare
status "a PNG needs a program" 4 env PATH="$PWD/bare" "$B/lc-cone" --png run.png run.jsonl
match "which is named" 'needs rsvg-convert \(librsvg2-bin\) or gnuplot' .err
if command -v gnuplot >/dev/null; then
	ln -s "$(command -v gnuplot)" bare/gnuplot
	ok "a PNG by gnuplot" env PATH="$PWD/bare" "$B/lc-cone" --png plot.png journal.jsonl run.jsonl
	equal "is one too" 89504e470d0a1a0a "$(head -c 8 plot.png | od -An -tx1 | tr -d ' \n')"
else
	skip "a PNG by gnuplot" "no gnuplot"
fi
