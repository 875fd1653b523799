# ---- does it come again? The same steps once more, from before it began ----

# The race asks which future ends lower, and a damage that comes late it does not see: attention that leaves its range over a
# thousand steps costs nothing within the horizon. So where no future is better, or only one can be paid for, lc-detect is asked
# another question. The replay goes on from the clean state over the same batches: if the excursion is still on, and does not come
# again there, and the loss there is no higher, what made it has passed, and its traces are in the present state alone. Then
# the run goes back, which costs the steps between. In a healthy run a false alarm comes again with its steps (a trainer that
# replays to the bit shows it again to the bit), and nothing is changed.

# Worth asking: not of a policy, whose loss says nothing; not of a loss that stopped falling, nor of an lr; and not where a gain is
# asked for, which this does not measure. may_pass ALERT
may_pass() {
	case $min_effect in *[1-9]*) return 1 ;; esac
	[ "${profile:-lm}" = lm ] && [ -z "$objective" ] && [ "$(field kind <"$1")" != plateau ] && [ "$(field first <"$1")" != lr ]
}

# Of what was planned only the replay, with no readout.
only_again() {
	grep '"role":"clean"' "$f/plan.jsonl" | sed 's/"readout":{[^}]*},//' >"$f/screened.new"
	[ -s "$f/screened.new" ] || { barred="no state from before it is left" && return 1; }
	asked=$(asked_steps "$f/screened.new") room=$(allowed alert)
	[ "$asked" -le "$room" ] || { barred="of the budget $room steps are left, the smallest fork takes $asked" && return 1; }
	: >"$f/alone"
	mv "$f/screened.new" "$f/screened.jsonl"
	say "does it come again? One future to run, in $asked steps of $room"
}

# The decision of the present fork, in $d: the race's, or what came of the replay.
decided() {
	d=$f/decision.json
	[ ! -f "$f/passed.json" ] || d=$f/passed.json
}

# Is an excursion on at the end of these records?
is_on() {
	lc-detect -t "$threshold" "$1" 2>/dev/null | grep -v '"kind":"plateau"' | grep '"type":"\(alert\|end\)"' | tail -n 1 | grep -q '"type":"alert"'
}

# The run up to a step (nothing: all of it), then a branch of the fork: in $f/NAME, and the lines of the first in $before.
# line_of BRANCH STEP NAME
line_of() {
	awk -v to="${2:-999999999999999}" '{ line[NR] = $0 }
	match($0, /"step": *[0-9]+/) && substr($0, RSTART + 7, RLENGTH - 7) + 0 <= to { last = NR }
	END { for (i = 1; i <= last; i++) print line[i] }' "$f/run.jsonl" >"$f/$3"
	before=$(wc -l <"$f/$3")
	grep -F "\"branch\":\"$1\"" "$f/evidence.jsonl" | grep -v '"type":' >>"$f/$3"
}

# Mean losses at the steps from the onset that both have: is the replay's no more than .3 % higher? (Less is worth nothing.)
no_higher() {
	awk -v onset="$(field onset <"$dir/alert.json")" -v since="$before" '
	!match($0, /"step": *[0-9]+/) { next }
	{ s = substr($0, RSTART + 7, RLENGTH - 7) + 0 }
	!match($0, /"loss": *[0-9.eE+-]+/) { next }
	{ x = substr($0, RSTART + 7, RLENGTH - 7) + 0 }
	FILENAME == ARGV[1] { run[s] = x; next }
	FNR > since && s >= onset && s in run { n++; a += x; b += run[s] }
	END { exit !(n && a <= 1.003 * b) }' "$f/present.jsonl" "$f/replay.jsonl"
}

# Has what made it passed? Then that is the decision, in $f/passed.json; where the replay was all that was run, otherwise that
# nothing is.
passed() {
	[ "$what" = alert ] && may_pass "$dir/alert.json" || return 0
	! [ -f "$f/decision.json" ] || ! better || return 0
	clean=$(grep '"role":"clean"' "$f/screened.jsonl" | head -n 1)
	control=$(grep '"role":"control"' "$f/screened.jsonl" | field branch)
	[ "$clean" ] || return 0
	line_of "${control:-none}" "${control:+$at}" present.jsonl
	line_of "$(printf '%s\n' "$clean" | field branch)" "$(printf '%s\n' "$clean" | field step)" replay.jsonl
	verdict=none choice=main why="the excursion is over by itself"
	if is_on "$f/present.jsonl"; then
		lc-detect -q -t "$threshold" --since "$before" "$f/replay.jsonl" 2>/dev/null
		case $? in
		0) why="it comes again in the same steps from before it" ;;
		1)
			why="it does not come again, but the loss there is higher"
			no_higher && verdict=better && why="in the same steps from before it, it does not come again, and the loss is no higher: what made it has passed"
			;;
		*) why="the replay has no steps" ;;
		esac
	fi
	rm -f "$f/present.jsonl" "$f/replay.jsonl"
	[ "$verdict" = better ] || [ -f "$f/alone" ] || return 0
	tell_passed
}

tell_passed() {
	step=$at id=$head actions='{}'
	[ "$verdict" != better ] || {
		choice=$(printf '%s\n' "$clean" | field branch) id=$(printf '%s\n' "$clean" | field snapshot)
		step=$(printf '%s\n' "$clean" | field step) actions="{\"rewind\":$step}"
	}
	put "forks/$forks/passed.json" "{\"type\":\"decision\",\"v\":1,\"fork\":\"$(printf '%s\n' "$clean" | field fork)\",\"verdict\":\"$verdict\",\
\"why\":\"$why\",\"choice\":\"$choice\",\"from\":{\"snapshot\":\"$id\",\"step\":$step},\"actions\":$actions,\"reported_on\":\"lc-detect\",\
\"present\":{\"snapshot\":\"$head\",\"step\":$at}}"
}
