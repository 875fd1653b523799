# ---- what futures may cost, in steps of theirs, and how often the run may be changed ----

# What is spent is what the journal says (events "spent", "thrown away" and "decided"), so that it holds across restarts. What
# futures are about has a budget of its own: an alert, or every so many steps.

# Steps of all futures for alerts, or for --every, so far, and those of the run that were gone back over.
spent_on() {
	awk -v of="\"of\":\"$1\"" '/"event":"(spent|thrown away)"/ && index($0, of) && match($0, /"steps":[0-9]+/) {
		n += substr($0, RSTART + 8, RLENGTH - 8)
	} END { print n + 0 }' "$dir/journal.jsonl"
}

# The step the run is at, by its log: of the newest record that is whole (a command that is ended may have last words, or none).
now() {
	n=$(tail -n 100 "$dir/run.jsonl" | awk '/[}][ \r]*$/ && match($0, /"step": *[0-9]+/) { n = substr($0, RSTART + 7, RLENGTH - 7) }
	END { sub(/ */, "", n); print n }')
	echo "${n:-$at}"
}

# All steps of the run, in $total; nothing where its states do not tell them.
plan_total() {
	plan_file
	total=$([ "$plan" ] && field total <"$plan")
	case $total in *[!0-9]* | 0) total='' ;; esac
}

# What a share is of: all steps of the run where they are told, else those that are done.
run_steps() {
	plan_total
	if [ "$total" ]; then echo "$total"; else now; fi
}

# Steps that are left for futures of that kind; nothing when there is no bound.
left() {
	if [ "$1" = alert ]; then bound=$budget; else bound=$every_budget; fi
	[ "$bound" ] || return 0
	case $bound in *%) bound=$(awk -v share="${bound%?}" -v n="$(run_steps)" 'BEGIN { printf "%.0f", share * n / 100 }') ;; esac
	echo $((bound - $(spent_on "$1")))
}

# Steps that the run has done since the state it goes on from: they are done again. That is known when the command has ended.
lost_steps() {
	n=0
	[ "$phase" != fork ] || n=$(($(now) - at))
	[ "$n" -gt 0 ] || n=0
	echo "$n"
}

# Steps that a fork of that kind takes at the least; what one for an alert takes indeed is known from it (shape). The first of
# --every tries both sides of the learning rate, later ones at least one.
smallest() {
	if [ "$1" = alert ]; then
		echo $(((horizon + readout) / 2))
	else
		echo $(((3 - ($(spent_on every) > 0)) * (horizon + 2 * readout)))
	fi
}

# Steps that one fork of that kind may take; nothing when there is no bound. For an alert all that is left; what --every has is
# shared among the stretches to come, but for what the smallest fork takes.
allowed() {
	n=$(left "$1")
	[ -z "$n" ] || n=$((n - $(lost_steps)))
	if [ "$n" ] && [ "$1" = every ]; then
		share=$((n / (($(run_steps) - at) / every + 1)))
		least=$(smallest every)
		[ "$share" -ge "$least" ] || share=$least
		[ "$share" -ge "$n" ] || n=$share
	fi
	echo "$n"
}

# The step up to which --every waits: a look that changed nothing is not repeated at once, what is left of its budget is spread
# over the rest of the run; a change is followed by another look.
waits_until() {
	n=$(awk 'index($0, "\"event\":\"decided\"") && index($0, "\"of\":\"every\"") && match($0, /"step":[0-9]+/) {
		n = index($0, "\"change\":true") ? 0 : substr($0, RSTART + 7, RLENGTH - 7)
	} END { print n + 0 }' "$dir/journal.jsonl")
	more=$(left every)
	[ "$n" -eq 0 ] || [ -z "$more" ] || n=$((n + ($(run_steps) - n) / (more / $(smallest every) + 1)))
	echo "$n"
}

# Of the branch records of a file: steps that they ask for, their readouts too; and how far the run goes back where the best of
# them is the one that begins first.
branch_sums() {
	awk -v at="$at" 'function number(key) {
		return match($0, "\"" key "\":[0-9]+") ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) : 0
	}
	/"type":"branch"/ { n += number("horizon") + number("return") + number("cool") }
	/"role":"(arm|clean)"/ && at - number("step") > back { back = at - number("step") }
	END { print n + 0, back + 0 }' "$1"
}
asked_steps() { branch_sums "$1" | awk '{ print $1 + $2 }'; }
back_steps() { branch_sums "$1" | cut -d ' ' -f 2; }

# Steps that the branches of a directory of lc-fork run have done so far.
done_steps() {
	find "$1" -name status.json -exec cat {} + 2>/dev/null | grep -o '"status":"[a-z]*",[^{]*"steps":[0-9]*' |
		awk -F : '{ n += $NF } END { print n + 0 }'
}

# Changes of the run within the span of --limit.
changes() {
	awk -v from=$(($(now) - ${limit#*/})) 'index($0, "\"event\":\"decided\"") && index($0, "\"change\":true") &&
		match($0, /"step":[0-9]+/) && substr($0, RSTART + 7, RLENGTH - 7) + 0 > from { n++ } END { print n + 0 }' "$dir/journal.jsonl"
}

# May there be a fork, of that kind? If not, why is in $barred. may alert ALERT, may every
may() {
	barred=''
	least=$(smallest "$1") left=$(left "$1")
	[ -z "$left" ] || left=$((left - $(lost_steps)))
	if [ -z "$head" ]; then
		barred="there is no state yet to go back to"
	elif [ "$1" = alert ] && [ "$treated" -ge "$max_forks" ]; then
		barred="$treated forks were run (--max-forks)"
	elif [ "$limit" ] && [ "$(changes)" -ge "${limit%/*}" ]; then
		barred="the run was changed ${limit%/*} times in ${limit#*/} steps (--limit)"
	elif [ "$left" ] && [ "$left" -lt "$least" ]; then
		barred="of the budget $left steps are left, the smallest fork takes $least"
	elif [ "$1" = alert ]; then
		what=alert
		plan_file
		shape "$2"
	fi
	[ -z "$barred" ]
}

# From here on it is only watched: said once for each reason. only_watch alert|every
only_watch() {
	reason=$(printf '%s' "$barred" | tr -d 0-9) # that the figures are others is no other reason
	[ "$reason" = "$reason_said" ] && return
	watching=$barred reason_said=$reason
	event "\"only watching\",\"of\":\"$1\",\"why\":\"$barred\""
	[ "$head" ] && [ "$max_forks" != 0 ] && say "only watching: $barred"
	stands
}

# What is left after so many steps, for a record; nothing when there is no bound. left_after STEPS
left_after() {
	n=$(left "$what")
	[ -z "$n" ] || echo ",\"left\":$((n - $1))"
}

# What the present fork took goes into the journal, once.
spend() {
	grep -qF "\"event\":\"spent\",\"n\":$forks," "$dir/journal.jsonl" && return
	n=$(done_steps "$f/branches")
	if [ -d "$f/probes" ]; then
		n=$((n + $(done_steps "$f/probes")))
	elif [ -f "$f/probed.jsonl" ]; then
		n=$((n + $(probed_steps)))
	fi
	event "\"spent\",\"n\":$forks,\"of\":\"$what\",\"steps\":$n$(left_after "$n")"
}
# What of the run is gone back over, now that it is known where it goes on from: once too. (Where it stood is the newest step that
# its log has, of a line that ended.)
throw_away() {
	grep -qF "\"event\":\"thrown away\",\"n\":$forks," "$dir/journal.jsonl" && return
	n=$(lost_steps)
	[ "$n" -eq 0 ] || event "\"thrown away\",\"n\":$forks,\"of\":\"$what\",\"steps\":$n$(left_after "$n")"
}
probed_steps() { grep '"type":"result"' "$f/probed.jsonl" | grep -o '"steps":[0-9]*' | awk -F : '{ n += $2 } END { print n + 0 }'; }

# Is there a way to go, where the plan tells it, for what --every looks at?
ahead() {
	plan_total
	[ -z "$total" ] || [ $((at + horizon + readout)) -le "$total" ]
}

# Has the run come to the next stretch of --every, and is it worth a fork? (Not so near to its end that none fits.)
due() {
	[ "$every" ] && [ "$head" ] && [ $((at / every)) -gt "$stretch" ] || return 1
	stretch=$((at / every))
	ahead || return 1
	[ "$at" -ge "$(waits_until)" ] || return 1
	may every && return 0
	only_watch every
	return 1
}

