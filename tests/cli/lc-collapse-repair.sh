# lc-collapse race: what undoes an lr off its plan comes first, and what lasts must add to what does not.
. "$TESTS/cli/lib.sh"

# A fork at step 100 of a plan whose lr is .001; what the run's lr is times too high, in all futures, is $cause. Each is flat: its
# own steps, its return (to the control's lr) and its cooldown read what is given.
echo '{"schedule":"wsd","lr":0.001,"total":1000,"warmup":0,"decay_frac":0.2}' >plan
cause=4
branch() { # ID ROLE KIND STEP ACTIONS [KEY:VALUE,]
	printf '{"type":"branch","v":1,"fork":"f1","branch":"%s","role":"%s","kind":"%s",%s"order":0,' "$1" "$2" "$3" "${6:-}"
	printf '"from":{"snapshot":"s%s","step":%s},"horizon":%s,"actions":%s}\n' "$4" "$4" $((116 - $4)) "$5"
}
steps() { # BRANCH FROM TO LR VAL [FIRST_LR]: the last two of them at LR
	awk -v b="$1" -v a="$2" -v e="$3" -v lr="$4" -v v="$5" -v first="${6:-$4}" 'BEGIN { for (s = a; s <= e; s++)
		printf "{\"step\":%d,\"loss\":3,\"lr\":%.6g,\"val_loss\":%s,\"branch\":\"%s\"}\n", s, .001 * (s > e - 2 ? lr : first), v, b }'
}
result() { printf '{"type":"result","v":1,"fork":"f1","branch":"%s","status":"%s","steps":16}\n' "$1" "${2:-done}"; }
segment() { # PARENT KIND VAL
	printf '{"type":"branch","v":1,"fork":"f1","branch":"%s.%s","role":"probe","kind":"%s","order":0,' "$1" "$2" "$2"
	printf '"from":{"branch":"%s","step":116},"horizon":10,"actions":{}}\n' "$1"
	steps "$1.$2" 117 126 "$cause" "$3"
	result "$1.$2"
}
future() { # ID ROLE KIND STEP ACTIONS LR OWN RETURN COOL [KEY:VALUE,]
	branch "$1" "$2" "$3" "$4" "$5" "${10:-}"
	steps "$1" 101 116 "$6" "$7" "${first:-}"
	result "$1"
	segment "$1" return "$8"
	segment "$1" cool "$9"
}
# The control reads 3.0, and so do the nulls on average: sd .01, t sqrt(2) sd is .0301 for one arm.
references() {
	future c control restorative 100 '{}' "${1:-$cause}" 3.00 3.00 2.90
	for i in 1 2 3 4; do
		v=3.01 w=2.91
		[ $((i % 2)) = 0 ] || v=2.99 w=2.89
		future n$i null restorative 100 "{\"reseed\":$i}" $cause $v $v $w
	done
}
undo() { # OWN RETURN COOL STEP ACTIONS [ID]
	future "${6:-d}" arm persistent "$4" "$5" 1 "$1" "$2" "$3" '"undoes":"lr",'
}
back='{"lr_scale":0.25,"rewind":90}'
here='{"lr_scale":0.25}'
field() { grep -o "\"$1\":\(\"[^\"]*\"\|[^,}]*\)" | head -n 1 | sed 's/^[^:]*://; s/"//g'; }
said() { echo "$(field verdict <.out) $(field choice <.out)"; }
race() { # WHAT WANT EVIDENCE [OPTION...]: the verdict and the choice; and what is decided can be derived again
	what=$1 want=$2 file=$3
	shift 3
	lc-collapse race "$@" -p plan "$file" >decision 2>err
	cp decision .out
	equal "$what" "$want" "$(said)"
	lc-collapse verify decision "$file" >/dev/null 2>&1 || equal "$what: verify" 0 $?
}

# On the plan it reads far lower; what is read back under the fault says nothing of it.
{ references && undo 2.50 3.20 3.10 100 "$here"; } >ev
race "what undoes an lr four times too high" "better d" ev
match "is read on the plan" '"choice":"d",.*"measured_gain":0\.5,.*"repairs":true' decision
equal "of its gain nothing is the schedule's" 0 "$(grep -c '"credit"' decision)"
match "and it is said why" '"why":"d puts the lr back on its plan' decision
status "where the plan is not known it is a lasting change as any other" 1 lc-collapse race ev
sed 's/"undoes":"lr",//' ev >other
race "and so is the same that does not say what it undoes" "none c" other
race "it was not picked by its luck, and need not win again" "better d" ev -c 2 --wanted wanted --max-cost 9999
race "the error rate asks no proof of it" "better d" ev -a 1e-6

# The control has come back to its plan: there is nothing to undo.
{ first=4 references 1 && undo 2.50 3.20 3.10 100 "$here"; } >ev
race "an lr that came back by itself" "none c" ev

# What undid a cause that is gone is undone in its turn; what is in force for its own sake is no fault.
cause=0.25
lift() { references && future d arm persistent 100 "$1" "$2" 3.02 3.10 3.00 '"undoes":"lr",'; }
lift '{"lr_scale":1}' 1 | sed 's/"actions"/"base":{"lr_scale":0.25},&/; s/"actions":{}/"actions":{"lr_scale":0.25}/' >ev
race "what undid a cause that is gone" "better d" ev
lift '{"lr_scale":0.05}' 0.05 | sed 's/"actions"/"base":{"lr_scale":0.25},&/' >ev
race "what would undo one of what is in force" "none c" ev
cause=4

# Not worse is enough; worse beyond the noise is too bad.
{ references && undo 3.02 3.20 3.10 100 "$here"; } >ev
race "what reads higher within the noise" "better d" ev
{ references && undo 3.04 3.20 2.92 100 "$here"; } >ev
race "one reading of the three that is not worse" "better d" ev
{ references && undo 3.04 3.20 3.10 100 "$here"; } >ev
race "worse by all" "none c" ev
{ references && undo 2.50 3.20 3.10 100 "$here"; } | sed '/"step":11[56],.*"d"/s/"val_loss":2.50/"val_loss":NaN/' >ev
race "one that diverges" "none c" ev
{ references && undo 2.50 '"nan"' 3.10 100 "$here"; } >ev
race "one that diverges when it is put under the fault again" "better d" ev

# What goes back before the damage and undoes the cause, if that is seen; else the simpler.
{ references && undo 2.50 3.20 3.10 100 "$here" && undo 2.30 3.20 3.10 90 "$back" w; } >ev
race "what goes back and reads lower" "better w" ev
{ references && undo 2.50 3.20 3.10 100 "$here" && undo 2.49 3.20 3.10 90 "$back" w; } >ev
race "what goes back and does not" "better d" ev
{ references && undo 2.90 3.20 3.10 100 "$here" && future r arm restorative 100 '{"reset":"mv"}' $cause 2.00 2.00 2.00; } >ev
race "what leaves the cause as it is" "better d" ev
race "a limit that it does not keep" "better r" ev -l "val_loss<2.5"

# A fork without nulls: it must read lower by something.
{ future c control restorative 100 '{}' $cause 3.00 3.00 2.90 && undo 2.99 3.20 3.10 100 "$here"; } >ev
race "without nulls" "better d" ev
{ future c control restorative 100 '{}' $cause 3.00 3.00 2.90 && undo 3.01 3.20 3.10 100 "$here"; } >ev
race "without nulls, and higher by all" "undecided c" ev

# A lasting change on a remedy must add to it, by both of its readings, beyond the noise.
cause=1
both() { # RETURN COOL: of the lasting one
	references && future w arm restorative 90 '{"rewind":90}' 1 2.50 2.50 2.40 &&
		future l arm persistent 90 '{"lr_scale":0.5,"rewind":90}' .5 "$1" "$1" "$2"
}
both 2.40 2.30 >ev
race "what adds" "better l" ev
both 2.47 2.30 >ev
race "what adds by one reading" "better w" ev
both 2.40 2.40 >ev
race "what adds by the other" "better w" ev
{ references && future l arm persistent 100 '{"lr_scale":0.5}' .5 2.50 2.50 2.40 &&
	future r arm restorative 100 '{"reset":"mv"}' 1 2.51 2.51 2.41; } >ev
race "of equals, what ends by itself" "better r" ev
