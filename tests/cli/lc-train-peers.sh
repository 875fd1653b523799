#!/bin/sh
# lc-train: the remedies of others inside the loop act, are logged, and go on after a resume to the bit.
. "$TESTS/cli/lib.sh"
. "$TESTS/train.sh"

args="$tiny --total 160 --warmup 4 --lr 3e-3 --val-every 0 --probe-every 20
	--save-every 20"
bad="--fault bad-data@120-122 --fault nan@130"

# cut_in WORDS...: the run, the run in three parts (both resumes within the window), and their states.
cut_in() {
	# shellcheck disable=SC2086
	ok "$*" train $bad "$@" --out whole
	no_clock .out >whole.log
	# shellcheck disable=SC2086
	{
		train $bad "$@" --steps 20 --out part
		train $bad "$@" --steps 90 --resume part --out part
		lc-train -q $bad --resume part --out part
	} 2>/dev/null | no_clock >parts.log
	same "$*: the parts are the whole" whole.log parts.log
	for file in model.safetensors optimizer.safetensors state.json; do
		same "$*: with its $file" whole/step-00000160/$file part/step-00000160/$file
	done
	rm -rf whole part
}
field() { # NAME LOG: the steps whose records have it
	sed -n "s/{\"step\":\([0-9]*\),.*\"$1\":.*/\1/p" "$2" | tr '\n' ' '
}

ok "without" train $bad --out none
no_clock .out >none.log
grep -q 'peers\|zclip\|skip_sigma' none/step-00000160/state.json && fail "a state says nothing of what is off" ||
	pass "a state says nothing of what is off"
grep -q '"skipped"\|"clip"' none.log && fail "nor a record" || pass "nor a record"

cut_in --skip-sigma 6
case " $(field skipped whole.log)" in
*" 120 "*" 130 "*) pass "bad data and NaN are skipped" ;;
*) fail "bad data and NaN are skipped" "$(field skipped whole.log)" ;;
esac
tail -n 1 whole.log | grep -q '"loss":"nan"' && fail "the run outlives the NaN" || pass "the run outlives the NaN"
tail -n 1 none.log | grep -q '"loss":"nan"' && pass "which ends it otherwise" || fail "which ends it otherwise"
equal "until then it is the plan" "$(sed -n 1,60p none.log | cksum)" "$(sed -n 1,60p whole.log | cksum)"

cut_in --zclip --skip-sigma 6
bad="--fault bad-data@120-122"
cut_in --zclip
case " $(field clip whole.log)" in
*" 120 "*) pass "bad data is clipped" ;;
*) fail "bad data is clipped" "$(field clip whole.log)" ;;
esac
awk -F'"grad_norm":' '/"clip":/ { split($2, g, ","); split($2, c, "\"clip\":"); n++; if (c[2] + 0 > g[1] + 0) bad = 1 }
	END { exit bad || !n }' whole.log && pass "to less than it was" || fail "to less than it was"
equal "not in its warm-up" "$(sed -n 1,25p none.log | cksum)" "$(sed -n 1,25p whole.log | cksum)"

ok "a resume may begin with them" lc-train -q --resume none/step-00000100 --zclip --skip-sigma 5 --steps 5 --out begun
match "and its states keep them" '"zclip":true,"skip_sigma":5' begun/step-00000105/state.json
ok "words that are said again" lc-train -q --resume begun --zclip --skip-sigma 5 --steps 1
status "another sigma" 2 lc-train -q --resume begun --skip-sigma 6 --steps 1
sed 's/"mean":[^,]*,//' begun/step-00000105/state.json >edited && cat edited >begun/step-00000105/state.json
status "statistics that are broken" 3 lc-train -q --resume begun --steps 1
