# lc-collapse explain: a decision in words.
. "$TESTS/cli/lib.sh"

cat >decision <<'END'
{"type":"event","v":1,"event":"planned"}
{"type":"decision","v":1,"fork":"f1","verdict":"better","why":"a1 is better","choice":"a1","from":{"snapshot":"s","step":90},"actions":{"rewind":90,"lr_scale":0.5},"gain":0.2,"ci":[0.1,0.3],"measured_gain":0.25,"credit":{"plain":"k","changed":"a1","clean":true,"remedy":0.15,"schedule":0.05,"sd":0.01},"short_return":{"steps":200,"wanted":400},"reported_on":"test_loss","detectable":0.05,"noise":{"return":0.01,"cool":0.02,"df":3,"jitter":0},"arms":[{"branch":"a1","actions":{"rewind":90,"lr_scale":0.5},"gain":0.21,"lower":0.11,"passes":true,"tied":true},{"branch":"a2","actions":{"reset":"mv"},"gain":"-inf","lower":"-inf","passes":false}],"not_counted":[{"branch":"a3","status":"void","why":"its learning rate is the control's"}],"cost":{"branch_steps":700,"rewound_steps":12,"charge":0.003}}
END
ok "a decision" lc-collapse explain decision
match "the verdict and its reason" '^Fork f1: better. a1 is better.$' .out
match "the choice in words, its gain and interval" '^Choice: a1, back to step 90, learning rate x 0.5: gains 0.2000 nats of test_loss, between 0.1000 and 0.3000 \(as measured, with the luck of what was picked: 0.2500\).$' .out
match "the chosen arm is marked, and tied" '^  \* a1 +\+0.2100 +\+0.1100  back to step 90, learning rate x 0.5  \(tied with the best\)$' .out
match "an arm that diverged" '^    a2 +-inf +-inf  reset the moments \(mv\)$' .out
match "whose gain it is" "^Credit: of the gain 0.0500 is the schedule's .* a1 against k, .*clean state.*; 0.1500 is the remedy's.$" .out
match "what was read too soon" '^What ends was read after 200 steps back on plan; 400 would tell more.$' .out
match "the noise, and what would have been seen" '^Noise: sd 0.0100 over 4 null branches; a gain of 0.0500 would' .out
match "the cost" '^Cost: 700 steps in futures, 12 steps to be run again \(charged 0.0030\).$' .out
match "what did not count, and why" "^Not counted: a3 void, its learning rate is the control's$" .out
ok "from standard input" sh -c 'lc-collapse explain - <decision'
status "no decision among the records" 3 sh -c 'head -n 1 decision | lc-collapse explain -'
status "an empty stream" 3 lc-collapse explain /dev/null
status "no such file" 4 lc-collapse explain nowhere
status "no file named" 2 lc-collapse explain
status "a decision of a later version" 3 sh -c 'sed "s/\"decision\",\"v\":1/\"decision\",\"v\":9/" decision | lc-collapse explain -'
status "a full disk" 4 sh -c 'lc-collapse explain decision >/dev/full'

# without noise, and with much that did not count
cat >void <<'END'
{"type":"decision","v":1,"fork":"f2","verdict":"undecided","why":"no noise","choice":"c","from":{"snapshot":"s","step":90},"actions":{},"noise":{"return":"nan","nulls":0},"detectable":"nan","arms":[{"branch":"a1","actions":{"rewind":90},"gain":0.21,"lower":"nan"}],"not_counted":[{"branch":"n1","status":"void","why":"not reseeded"},{"branch":"a2","status":"void","why":"no change"},{"branch":"n2","status":"void","why":"not reseeded"},{"branch":"n1.return","status":"void","why":"branch n1, from which it starts, is void"},{"branch":"a1.cool","status":"void","why":"no change"}],"cost":{"branch_steps":700,"rewound_steps":0,"charge":0}}
END
ok "a decision without nulls" lc-collapse explain void
match "what is not known is said to be" '^    a1 +\+0.2100 +unknown  back to step 90$' .out
match "the noise too" '^Noise: not known, of 0 null branches.$' .out
equal "no figure is no number" "" "$(grep -w nan .out)"
match "those with one reason are told on one line" '^Not counted: n1 n2 void, not reseeded$' .out
match "also a segment of one that counts" '^Not counted: a2 a1.cool void, no change$' .out
equal "but not the segments of what is void" 2 "$(grep -c '^Not counted' .out)"
