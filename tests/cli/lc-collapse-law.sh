# lc-collapse race: what the law of the loss is asked, and what of its answer is believed, in a world whose ends are known.
. "$TESTS/cli/lib.sh"

# L = 2 + 1/sqrt(1 + S/300) + .1 h, S the sum of lr/.001, and h goes to sqrt(lr/.001) by a twentieth each step. The plan holds
# the lr to 800 of 1000 and then goes to 0; the fork is at 400. Another order of the data is another noise.
world='
	function level(e) { s += e; h += (sqrt(e) - h) / 20; return 2 + 1 / sqrt(1 + s / 300) + .1 * h }
	function noise(t, k) { return .004 * sin(12.9898 * t * t + 78.233 * k) }
	function row(b, t, e, more, l) { l = level(e) + more; printf "{\"step\":%d%s,\"loss\":%.5f,\"lr\":%.6g,\"val_loss\":%.5f}\n", t,
		b == "" ? "" : ",\"branch\":\"" b "\"", l + 10 * noise(t, 1), e * .001, l + noise(t, 2 + seed) }
	function to(t, t1, e, b, more) { for (; t <= t1; t++) row(b, t, e, more) }
	BEGIN { h = 1 }'
awk "$world"'BEGIN { to(1, 400, 1) }' | awk 'NR % 10 { sub(/,"val_loss":[^}]*/, "") } 1' >run
echo '{"schedule":"wsd","lr":0.001,"total":1000,"warmup":0,"decay_frac":0.2}' >plan
# A future from a step of the run, read by both segments. CAUSE: what the lr is times too high, in all futures ($creep: what it is
# times lower before 466); MORE: what its
# loss is higher by.
creep=1
future() { # ID ROLE KIND FROM ACTIONS LR [CAUSE [MORE [SEED]]]
	printf '{"type":"branch","v":1,"fork":"f","branch":"%s","role":"%s","kind":"%s","order":%s,' "$1" "$2" "$3" "${9:-0}"
	printf '"from":{"snapshot":"s%s","step":%s},"horizon":%s,"readout":{"return":40,"cool":40},"actions":%s}\n' "$4" "$4" $((480 - $4)) "$5"
	awk -v id="$1" -v from="$4" -v lr="$6" -v cause="${7:-1}" -v more="${8:-0}" -v seed="${9:-0}" -v creep="$creep" "$world"'
		function done(b, k) { printf "{\"type\":\"result\",\"v\":1,\"fork\":\"f\",\"branch\":\"%s\",\"status\":\"done\",\"steps\":%d}\n", b, k }
		function segment(kind) { printf "{\"type\":\"branch\",\"v\":1,\"fork\":\"f\",\"branch\":\"%s.%s\",\"role\":\"probe\",\"kind\":\"%s\",\"order\":0,\"from\":{\"branch\":\"%s\",\"step\":480},\"horizon\":40,\"actions\":{}}\n",
			id, kind, kind, id }
		BEGIN { s = from; to(from + 1, 465, lr * cause / creep, id, more); to(466, 480, lr * cause, id, more); done(id, 480 - from); s1 = s; h1 = h
			segment("return"); to(481, 520, cause, id ".return", more); done(id ".return", 40); s = s1; h = h1
			segment("cool"); for (t = 1; t <= 40; t++) row(id ".cool", 480 + t, cause * (1 - t / 40), more); done(id ".cool", 40) }'
}
# How much lower an arm ends than the control, when both follow the plan, times what each runs at, to its end.
truth() { # LR CONTROL_LR
	awk -v a="$1" -v b="$2" 'function end(m, t, e, h, s) { h = 1; s = 400; for (t = 401; t <= 1000; t++) {
			e = m * (t <= 800 ? 1 : (1000 - t) / 200); s += e; h += (sqrt(e) - h) / 20 } return 1 / sqrt(1 + s / 300) + .1 * h }
		BEGIN { printf "%.5f\n", end(b) - end(a) }'
}
law() { # ARM KEY
	tr '{' '\n' <decision | grep -A 2 "\"branch\":\"$1\",\"actions\"" | sed -n "s/^\"gain\".*/&/p" | sed "s/.*\"$2\":\([^,}]*\).*/\1/" | tail -n 1
}

{ cat run && future c control restorative 400 '{}' 1 && future d arm persistent 400 '{"lr_scale":0.5}' .5 &&
	future u arm persistent 400 '{"lr_scale":2}' 2; } >ev
lc-collapse race -p plan ev >decision
for a in d u; do
	m=0.5
	[ $a = u ] && m=2
	t=$(truth $m 1)
	ok "$a: the end, $t, within 3 sds of $(law $a gain), and told better or worse as it is" awk -v t="$t" -v g="$(law $a gain)" \
		-v s="$(law $a sd)" -v p="$(law $a p_better)" 'BEGIN { z = (t - g) / s; exit !(s > 0 && z * z < 9 && (t > 0) == (p > .5)) }'
	# Abramowitz and Stegun 26.2.17 is within 1e-7 of the normal distribution
	ok "$a: its probability is that of its gain and sd" awk -v g="$(law $a gain)" -v s="$(law $a sd)" -v p="$(law $a p_better)" 'BEGIN {
		z = g / s; x = z < 0 ? -z : z; k = 1 / (1 + .2316419 * x)
		q = exp(-x * x / 2) / 2.5066283 * k * (.31938153 + k * (-.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
		d = (z < 0 ? q : 1 - q) - p; exit !(d * d < 1e-5) }'
	# a share of a difference is never believed better than that
	ok "$a: an sd of .3 of the gain at least" awk -v g="$(law $a gain)" -v s="$(law $a sd)" 'BEGIN { exit !(s * s >= .0899 * g * g) }'
done
ok "verify" lc-collapse verify decision ev
untold=$(law u sd)
{ sed 's/"val_loss"/"gvar":96,&/' run && sed 1,400d ev; } >told
mv told ev
lc-collapse race -p plan ev >decision
t=$(truth 2 1)
ok "gvar of the run tells of the noise: sd $(law u sd) for $untold, the end within 3" awk -v t="$t" -v g="$(law u gain)" \
	-v s="$(law u sd)" -v w="$untold" 'BEGIN { z = (t - g) / s; exit !(s > 0 && s != w && z * z < 9) }'
ok "and is part of the evidence" lc-collapse verify decision ev

# an incident: what went back reads no lower, so the state is as sound as the one before, and the law is asked
nulls() { for i in 1 2 3; do future n$i null restorative 380 "{\"rewind\":380,\"reseed\":$i}" 1 1 0 $i; done; }
base() { cat run && future k clean restorative 380 '{"rewind":380}' 1 && nulls; }
{ base && future c control restorative 400 '{}' 1 && future u arm persistent 400 '{"lr_scale":2}' 2; } >ev
lc-collapse race -p plan ev >decision
match "no damage to be seen: the law is heard" '"branch":"u".*"law":\{"gain"' decision
{ base && future c control restorative 400 '{}' 1 1 .2 && future u arm persistent 400 '{"lr_scale":2}' 2 1 .2; } >ev
lc-collapse race -p plan ev >decision
match "what went back reads lower: it is not" '"branch":"u".*"law":"it starts from a damaged state' decision
{ base && future c control restorative 400 '{}' 1 1 .2 && future u arm persistent 400 '{"lr_scale":2}' 2 1 .2; } | grep -v '"n[1-3]' >ev
lc-collapse race -p plan ev >decision
match "nor where the noise is not known" 'it starts from a damaged state' decision

# a cause that stays: every future runs at four times the plan's lr, and is taken to go on so
{ cat run && future c control restorative 400 '{}' 1 4 && future d arm persistent 400 '{"lr_scale":0.25}' .25 4; } >ev
lc-collapse race -p plan ev >decision
cp decision stays
sed 's/0\.001/0.004/' plan >plan4
lc-collapse race -p plan4 ev >decision
ok "a cause that stays: an answer" [ "$(law d gain)" ]
equal "the same as by a plan that says so" "$(sed 's/.*"law":{"gain":\([^,]*\).*/\1/' stays)" "$(law d gain)"
:

# a cause that creeps up, and has come to four times over the newest steps, is taken to stay there
creep=2
{ cat run && future c control restorative 400 '{}' 1 4 && future d arm persistent 400 '{"lr_scale":0.25}' .25 4; } >ev
creep=1
lc-collapse race -p plan ev >decision
t=$(truth 1 4)
ok "a cause that creeps up: the end, $t, within 3 sds of $(law d gain)" awk -v t="$t" -v g="$(law d gain)" -v s="$(law d sd)" \
	'BEGIN { z = (t - g) / s; exit !(s > 0 && z * z < 9 && s < .1) }'

# what puts the run back on its plan need not prove the plan
{ cat run && future c control restorative 400 '{}' 1 .25 && future d arm persistent 400 '{"lr_scale":4}' 4 .25; } >ev
{ cat run && future c control restorative 400 '{}' 1 4 && future d arm persistent 400 '{"lr_scale":0.25}' .25 4; } >worse
sed 's/"branch":"d","role":"arm"/&,"undoes":"lr"/' ev >undo
status "of any other arm so small an alpha asks more" 1 lc-collapse race -a 1e-9 -p plan ev
ok "of one that undoes a cause it asks no proof" lc-collapse race -a 1e-9 -p plan undo
cp .out decision
match "the verdict" '"verdict":"better".*"choice":"d"' decision
ok "and verify agrees" lc-collapse verify decision undo
sed 's/"branch":"d","role":"arm"/&,"undoes":"lr"/' worse >undo
ok "not even a half" [ "$(lc-collapse race -p plan undo | tee decision | grep -c '"verdict":"better"') $(law d p_better | cut -c 1-4)" = "1 0.06" ]
status "but one whose P(better) is not above alpha is not chosen for it" 1 lc-collapse race -a .1 -p plan undo

# What is left open is looked at to the end of the plan, of the arm and of its twin: so small an alpha leaves all open.
rest() { # ID LR: what the wanted record of its rest asks for
	grep "\"branch\":\"$1+\"" wanted
	awk -v id="$1+" -v lr="$2" -v seed=0 "$world"'BEGIN {
		s = 400; for (t = 401; t <= 480; t++) level(lr)
		for (t = 481; t <= 1000; t++) row(id, t, lr * (t <= 800 ? 1 : (1000 - t) / 200), 0)
		printf "{\"type\":\"result\",\"v\":1,\"fork\":\"f\",\"branch\":\"%s\",\"status\":\"done\",\"steps\":520}\n", id }'
}
{ base && future c control restorative 400 '{}' 1 && future u arm persistent 400 '{"lr_scale":2}' 2; } >ev
cost=$(lc-collapse race ev 2>/dev/null | sed 's/.*"branch_steps":\([0-9]*\).*/\1/')
look="lc-collapse race -a 1e-9 -p plan --wanted wanted"
status "without a budget" 1 $look ev
equal "no look is offered" "0 0" "$(grep -c '"look"' .out) $(wc -c <wanted)"
status "a budget that is too small by a step" 1 $look --max-cost $((cost + 1039)) ev
equal "offers none" "0 0" "$(grep -c '"look"' .out) $(wc -c <wanted)"
status "a price above what it is worth" 1 $look --max-cost 9999 --price 1 ev
equal "offers none either" "0 0" "$(grep -c '"look"' .out) $(wc -c <wanted)"
status "a budget that suffices" 1 $look --max-cost $((cost + 1040)) ev
cp .out open
match "offers one, of arm and twin" '"verdict":"undecided",.*"look":\{"of":"u",.*"steps":1040,"wanted":\[\{.*"branch":"c\+",.*"branch":"u\+",' open
match "from where they stand to the end" '"kind":"more".*"from":\{"branch":"u","step":480\},"horizon":520,' wanted
ok "which verifies" lc-collapse verify open ev
{ cat ev && rest u 2; } >half
status "the arm alone at the end" 1 $look --max-cost 9999 half
equal "wants its twin" "c+" "$(grep -o '"branch":"[a-z]*+"' wanted | cut -d '"' -f 4)"
$look --max-cost 9999 ev >.out
{ cat ev && rest c 1 && rest u 2; } >ends
ok "both at the end" $look --max-cost 9999 ends
cp .out decision
match "the lower one is chosen, and nothing more is wanted" '"verdict":"better","why":"u ended lower .*"choice":"u"' decision
equal "by what it ended lower, $(truth 2 1)" "$(truth 2 1)" "$(grep -o '"measured_gain":[^,]*' decision | cut -d : -f 2 | xargs printf '%.5f')"
ok "and verify agrees" lc-collapse verify decision ends
ok "explain" lc-collapse explain decision ends
match "says that it ran to the end" '^  \* u .*\(run to the end of the plan\)' .out
sed '/"branch":"u+","status"/s/"done"/"failed"/' ends >failed
status "a rest that failed" 1 $look --max-cost 9999 failed
match "tells nothing" '"verdict":"undecided"' .out
equal "and is not asked for again" 0 "$(wc -c <wanted)"
awk '/"branch":"u\+"/ && match($0, /"val_loss":[0-9.]*/) {
	printf "%s\"val_loss\":%.5f%s\n", substr($0, 1, RSTART - 1), substr($0, RSTART + 11, RLENGTH - 11) + 1, substr($0, RSTART + RLENGTH)
	next } { print }' ends >higher
status "an arm that ended higher" 1 $look --max-cost 9999 higher
equal "is not chosen, nor looked at again" "c 0" "$(sed 's/.*"choice":"\([^"]*\)".*/\1/' .out) $(wc -c <wanted)"

# An arm whose rest diverges is the worst, whoever ended it, whatever its twin came to, and however sure the law was of it.
no_number() { # IDS: their losses from step 700
	awk -v ids="$1" 'match($0, "\"branch\":\"[" ids "][+]\"") && match($0, /"step":[0-9]+/) && substr($0, RSTART + 7, RLENGTH - 7) + 0 > 700 {
		gsub(/loss":[0-9.]*/, "loss\":NaN") } 1' ends
}
ok "the law is sure of an arm" lc-collapse race -p plan ev
for s in done killed failed; do
	no_number u | sed "/\"branch\":\"u+\",\"status\"/s/\"done\"/\"$s\"/" >bad
	status "it diverges on the way to the end, and was $s" 1 lc-collapse race -p plan --wanted wanted --max-cost 9999 bad
	match "it is told as the worst" '"law":\{"gain":"-inf","sd":0,"p_better":0,"p_best":0,"ended":true' .out
	equal "and not looked at again" 0 "$(wc -c <wanted)"
done
no_number uc >bad
status "so does its twin" 1 lc-collapse race -p plan bad
match "it is none the better for it" '"choice":"c"' .out
awk '!(/^{"step":/ && /"branch":"[uc][+]"/)' ends >mute
status "rests that logged nothing" 1 $look --max-cost 9999 mute
equal "leave it open, and there is nothing more to run" "undecided 0" "$(sed 's/.*"verdict":"\([a-z]*\)".*/\1/' .out) $(grep -c '"look"' .out)"

# Who leads by its readings is run again first: what is wanted is that or nothing.
{ cat ev && future r arm restorative 400 '{"data_shift":5}' 1 1 -.3; } >leads
sed 's/1000/600/' plan >plan6
again="lc-collapse race -a .001 -p plan6 --wanted wanted"
status "one leads, and another is open" 1 $again -c 2 --max-cost 99999 leads
match "the leader's are wanted" '"confirm":\{[^{]*"of":"r","wanted":\[' .out
equal "and no look" 0 "$(grep -c '"look"' .out)"
cost=$(sed 's/.*"branch_steps":\([0-9]*\).*/\1/' .out)
status "is none for the leader's" 1 $again -c 2 --max-cost "$((cost + 250))" leads
match "which is told" 'not confirmed: the budget of steps does not allow it' .out
equal "and nothing is wanted" 0 "$(wc -c <wanted)"
