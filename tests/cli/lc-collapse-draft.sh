# lc-collapse draft: which block of real steps comes next, whether drafts are borne out, and when it is enough.
. "$TESTS/cli/lib.sh"

# A run whose loss is known: L = 2 + 1/sqrt(1 + S/300) + .1 h, S the sum of lr/.001, and h goes to sqrt(lr/.001) by a
# twentieth each step. The plan holds the lr to 800 of 1000 and then goes to 0. SHIFT is added to what an arm's own block says.
world='
	function level(s, e) { h += (sqrt(e) - h) / 20; return 2 + 1 / sqrt(1 + s / 300) + .1 * h }
	function noise(t, k) { return .004 * sin(12.9898 * t * t + 78.233 * k) }
	BEGIN { h = 1 }'
awk "$world"'BEGIN { for (t = 1; t <= 400; t++) { l = level(++s, 1)
	printf "{\"step\":%d,\"loss\":%.5f,\"lr\":0.001%s}\n", t, l + 10 * noise(t, 1),
		t % 10 ? "" : sprintf(",\"val_loss\":%.5f", l + noise(t, 2)) } }' >run
echo '{"schedule":"wsd","lr":0.001,"total":1000,"warmup":0,"decay_frac":0.2}' >plan
branch() { # ID ROLE KIND ACTIONS
	printf '{"type":"branch","v":1,"fork":"f1","branch":"%s","role":"%s","kind":"%s","order":0,' "$1" "$2" "$3"
	printf '"from":{"snapshot":"s","step":400},"horizon":80,"readout":{"return":40,"cool":40},"actions":%s}\n' "$4"
}
{
	branch c control restorative '{}'
	branch d1 arm persistent '{"lr_scale":0.5}'
	branch u1 arm persistent '{"lr_scale":2}'
} >branches
# What lc-fork run would print of the records asked for.
serve() { # SHIFT
	grep '"type":"branch"' | while read -r rec; do
		id=$(echo "$rec" | sed 's/.*"branch":"\([^"]*\)","role.*/\1/')
		from=$(echo "$rec" | sed 's/.*"step":\([0-9]*\).*/\1/')
		h=$(echo "$rec" | sed 's/.*"horizon":\([0-9]*\).*/\1/')
		m=$(echo "$rec" | sed -n 's/.*"lr_scale":\([0-9.]*\).*/\1/p')
		echo "$rec"
		awk -v id="$id" -v from="$from" -v n="$h" -v m="${m:-1}" -v shift="${1:-0}" "$world"'
			function row(b, t, e, l) { s += e; l = level(s, e)
				printf "{\"step\":%d,\"branch\":\"%s\",\"loss\":%.5f,\"lr\":%.6g,\"val_loss\":%.5f}\n", t, b,
					l + 10 * noise(t, 1), e * .001, l + noise(t, 2) + (m != 1) * shift }
			function done(b, k) { printf "{\"type\":\"result\",\"v\":1,\"fork\":\"f1\",\"branch\":\"%s\",\"status\":\"done\",\"steps\":%d,\"wall_s\":1}\n", b, k }
			function segment(kind) {
				printf "{\"type\":\"branch\",\"v\":1,\"fork\":\"f1\",\"branch\":\"%s.%s\",\"role\":\"probe\",\"kind\":\"%s\",\"order\":0,", id, kind, kind
				printf "\"from\":{\"branch\":\"%s\",\"step\":%d},\"horizon\":40,\"actions\":{}}\n", id, from + n }
			BEGIN { s = 400 + (from - 400) * m
				h0 = 1 + (sqrt(m) - 1) * (1 - .95 ^ (from - 400)); h = h0
				for (t = from + 1; t <= from + n; t++) row(id, t, m)
				done(id, n); end = s; h0 = h
				segment("return"); for (t = from + n + 1; t <= from + n + 40; t++) row(id ".return", t, 1)
				done(id ".return", 40); s = end; h = h0
				segment("cool"); for (t = 1; t <= 40; t++) row(id ".cool", from + n + t, 1 - t / 40)
				done(id ".cool", 40) }'
	done
}
ids() { grep '"type":"branch"' "$1" | sed 's/.*"branch":"\([^"]*\)","role.*/\1/' | tr '\n' ' '; }
field() { grep '"type":"draft"' "$2" | sed "s/.*\"$1\":\([^,}]*\).*/\1/"; }
next() { lc-collapse draft -p plan -b branches "$@" run ev >next; }

: >ev
ok "the first block" next
ids next >.out
match "the control first, one arm" '^c [du][12] $' .out
equal "a part of the horizon" 20 "$(head -n 1 next | sed 's/.*"horizon":\([0-9]*\).*/\1/')"
equal "nothing was run yet" 0 "$(field steps next)"
equal "racing everything would take" 480 "$(field steps_of_all next)"
cp next first
ok "said again" next
same "it is the same" next first
i=0
while [ $i -lt 9 ]; do
	serve <next >>ev
	next -m memory || break
	[ $i -gt 0 ] || cp next second
	i=$((i + 1))
done
cp next last
ok "it comes to an end" [ $i -lt 5 ]
equal "with nothing more to run" 0 "$(field next last)"
ok "in fewer steps than all" [ "$(field steps last)" -lt 480 ]
equal "drafts that were borne out are accepted" "$(field blocks last)" "$(field accepted last)"
match "as it was remembered" "\"f1\":\{\"blocks\":$(field blocks last),\"accepted\":$(field accepted last)\}" memory
match "after one arm comes one of the other side of the lr" '"why":"only u1 tells of its side of the lr"' second
equal "both are run" 2 "$(grep -o '"run":20' last | wc -l)"
lc-collapse race -p plan run ev >decision
ok "what was run can be judged" grep -q '"type":"decision"' decision
ok "and verified" lc-collapse verify decision run ev
cp decision .out
match "by the law, without nulls" '"law":\{"gain":[-0-9.e]*,"sd":[0-9.e-]*,"p_better":[0-9.e-]*,"p_best":[0-9.e-]*\}' .out
match "its two readings stand beside it" '"return_gain":[-0-9.]*,"cool_gain":[-0-9.]*,"law"' .out
match "and how well it fits" '"law":\{"chi2":[0-9.]*,"arms":[1-3]\}' .out
# what the law needs to be heard; what is missing is said
status "without the plan" 1 lc-collapse race run ev
match "nothing is known, and it is said why" '"verdict":"undecided".*"status":"done","why":"the plan of the lr is not known"' .out
grep -v '\.cool"' ev >uncooled
status "without the cooldowns" 1 lc-collapse race -p plan run uncooled
match "neither" '"verdict":"undecided"' .out
awk '/"lr":/ { sub(/"lr":[0-9.e-]*,?/, "") } { print }' run | sed 's/,}/}/' >nolr
status "a run that says no lr" 1 lc-collapse race -p plan nolr ev

# what is far from its draft is rejected, and its future raced in full, the control with it
: >ev
next
serve 0.5 <next >>ev
ok "a block half a nat off" next
equal "is rejected" 0 "$(field accepted next)"
ids next >.out
match "and its future runs on, beside the control" '^c\+ [du][12]\+ $' .out
match "from where it stood" '"from":\{"branch":"c","step":420\},"horizon":60' next

# memory: how often drafts were accepted steers the length of a block
: >ev
echo '{"type":"acceptance","v":1,"forks":{"old":{"blocks":40,"accepted":0}}}' >never
ok "where no draft was ever accepted" next -m never
equal "a block is the whole horizon" 80 "$(head -n 1 next | sed 's/.*"horizon":\([0-9]*\).*/\1/')"

# what the law has no mechanism for is raced in full, with its nulls
{
	cat branches
	branch n1 null restorative '{"reseed":1}'
	branch r1 arm restorative '{"reset":"mv"}'
} >both
: >ev
ok "other arms" lc-collapse draft -p plan -b both run ev
equal "to their horizon" 80 "$(sed -n '/"branch":"r1"/s/.*"horizon":\([0-9]*\).*/\1/p' .out)"
ids .out >got
ok "run at once, and what they are judged against" grep -q '^c n1 r1 ' got

status "no plan" 2 lc-collapse draft -b branches run
status "no branches" 2 lc-collapse draft -p plan run
status "branches that are none" 3 lc-collapse draft -p plan -b /dev/null run
status "an empty run" 3 lc-collapse draft -p plan -b branches /dev/null
ok "--help" lc-collapse draft --help
:
