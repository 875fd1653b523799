# ---- a fork: proposed, forecast, run, judged ----

stop_trainer() {
	stop_tidying
	end_group "$trainer"
	[ "$trainer" ] && wait "$trainer" 2>/dev/null && gone=$(now) # it had come to its end
	trainer='' && rm -f "$dir/trainer.pid"
	end_group "$watcher"
	watcher='' && rm -f "$dir/watcher.pid"
	save_all
}

# One stage of a fork: its output appears whole as $f/FILE. stage FILE COMMAND... (a race may say 1: nothing better)
stage() {
	file=$1
	shift
	run "$f/$file.new" "$@"
	code=$?
	case $file:$code in *:0 | decision.json:1 | confirm.json:1 | cause.json:1) mv "$f/$file.new" "$f/$file" ;; *) return 1 ;; esac
}

# What broke it? Short probes name the cause, for whoever reads the journal; the fork goes on whatever comes of them.
# shellcheck disable=SC2120 # it sets its own
probe() {
	[ "$probes" ] && [ "$what" = alert ] && [ -z "$now" ] && ! [ -f "$f/alone" ] && ! [ -f "$f/cause.json" ] || return 0
	room=$(allowed alert)
	fork_words "$f/probes"
	eval "set -- $words"
	# shellcheck disable=SC2016 # expanded by that shell
	stage probes.jsonl lc-fork plan -a "$dir/alert.json" -s "$dir/store" --head "$head" --base "$dir/base.json" \
		--only-probes && [ -s "$f/probes.jsonl" ] &&
		{ [ -z "$room" ] || [ $(($(asked_steps "$f/probes.jsonl") + $(asked_steps "$f/screened.jsonl"))) -le "$room" ] ||
			{ echo "the budget has no room for probes" >>"$dir/worker.log" && false; }; } &&
		stage probed.jsonl sh -c 'in=$1; shift; exec lc-fork run "$@" <"$in"' sh "$f/probes.jsonl" "$@" &&
		stage cause.json lc-fork blame -a "$dir/alert.json" -H "$dir/run.jsonl" "$f/probed.jsonl" || {
		say "no cause is named: $(last "$dir/worker.log")"
		return 0
	}
	rm -rf "$f/probes"
	say "the cause: $(field cause <"$f/cause.json"): $(field why <"$f/cause.json")"
	journal_once "$(cat "$f/cause.json")"
}

# The words of lc-fork run, quoted, in $words.
fork_words() {
	words="-q -j $jobs -s $(quote "$dir/store")-H $(quote "$dir/run.jsonl")-d $(quote "$1")-x $(quote "exec $future")\
${timeout:+-t $timeout }$engine"
}

# Run the futures of a file; a race that reads along stops the losers (and when it fails, nothing is stopped).
run_futures() {
	futures=$1
	fork_words "$f/branches"
	eval "set -- $words"
	# shellcheck disable=SC2016 # expanded by that shell
	stage evidence.jsonl sh -c 'in=$1 dir=$2 room=$3 goal=$4
	shift 4
	{
		{ lc-fork run "$@" <"$in"; echo $? >"$dir.status"; } |
			tee /dev/fd/3 | { lc-collapse race --stop "$dir" ${goal:+-o "$goal"} ${room:+--max-cost "$room"} >/dev/null 2>&1; cat >/dev/null; }
	} 3>&1; exit "$(cat "$dir.status")"' sh "$futures" "$f/branches" "$(room)" "$objective" "$@"
}

# A future that somebody killed says nothing about itself: it is run again, once.
run_killed() {
	ids=$(grep '"type":"result"' "$f/evidence.jsonl" | grep -F '"status":"failed","why":"its command ended with status 137 ' |
		grep -o '"branch":"[^"]*"' | cut -d '"' -f 4)
	[ "$ids" ] && ! [ -e "$f/again" ] || return 0
	: >"$f/again"
	say "run again, since they were killed: $(echo "$ids" | tr '\n' ' ')"
	for id in $ids; do rm -rf "$f/branches/${id%%.*}" "$f/branches/${id%%.*}".*; done
	run_futures "$1"
}

# Steps that the futures of this fork may take; nothing when there is no bound.
room() {
	n=$(allowed "$what")
	[ "$n" ] && [ -f "$f/probed.jsonl" ] && n=$((n - $(probed_steps)))
	[ "$n" ] && n=$((n - $(back_steps "$f/screened.jsonl")))
	echo "$n"
}

decide() { # FILE [OPTION...]: the race over what was run
	file=$1
	shift
	room=$(room)
	stage "$file" lc-collapse race "$@" ${objective:+-o "$objective"} ${room:+--max-cost "$room"} -e "$min_effect" ${plan:+-p "$plan"} "$f/run.jsonl" "$f/evidence.jsonl"
}

# What won by its readings was picked among many: it is run again on other data, and must win there too. (The law was
# not picked for its luck, and a control that is not finite needs no second look.)
confirm_choice() {
	better && [ "$confirm" -gt 0 ] || return 0
	case $(field why <"$f/decision.json") in *"by the law"* | *"on its plan"* | *diverged*) return 0 ;; esac
	decide confirm.json -c "$confirm" --wanted "$f/wanted.jsonl" || return 1
	if [ -s "$f/wanted.jsonl" ]; then
		say "$(field choice <"$f/decision.json") leads; it is run again on other data, in $(wc -l <"$f/wanted.jsonl") futures"
		grep -qxF "$(head -n 1 "$f/wanted.jsonl")" "$dir/journal.jsonl" || cat "$f/wanted.jsonl" >>"$dir/journal.jsonl"
		cat "$f/screened.jsonl" "$f/wanted.jsonl" >"$f/again.jsonl" && run_futures "$f/again.jsonl" || return 1
		decide decision.json -c "$confirm" || return 1
	fi
}

# Is there a better future, as it stands in the decision of the present fork?
better() {
	decided
	[ "$(field verdict <"$d")" = better ]
}

# How many futures are proposed, in $w, and how many null branches, in $m. Where nothing broke and the plan is known the law judges
# lasting changes without nulls, and the menu's first ones are run as they come: a forecast knows less of a change that the run
# has never met than the menu does.
plan_size() {
	w=$width m=$nulls now='' again='' span=1
	[ "$what" = every ] || return 0
	[ "$w" -le $((nulls + 14)) ] || w=$((nulls + 14))
	[ "$plan" ] || return 0
	m=0
	[ -z "$space" ] || return 0
	w=$((arms + 1)) n=$(allowed every)
	[ -z "$n" ] || [ $((n / (horizon + 2 * readout))) -ge "$w" ] || w=$((n / (horizon + 2 * readout)))
	[ "$w" -ge 2 ] || w=2
}

# The words of lc-fork plan, quoted, in $words. plan_words ALERT
plan_words() {
	if [ "$what" != alert ]; then words="--now "; else words="-a $(quote "$1") $now "; fi
	words="$words-s $(quote "$dir/store")-w $w ${space:+-S $(quote "$space")}--head $head --base $(quote "$dir/base.json")\
--horizon $(((horizon + span - 1) / span)) --readout $(((readout + span - 1) / span)) --nulls $m -H $(quote "$dir/run.jsonl")${plan:+-p $(quote "$plan")}"
}

# Steps of the smallest fork of the shape in $m, $now, $again and $span, in $asked: all that is compared with, and an arm from where
# it begins, and how far that goes back; nothing when that cannot be told. The control begins at the state that the command leaves
# when it is ended. least_steps ALERT
least_steps() {
	plan_words "$1"
	eval "set -- timeout -k 5 $store_wait lc-fork plan $words"
	if [ "$dry" ]; then
		at_least=$tmp/least.jsonl
		"$@" >"$at_least" 2>/dev/null
	else # the store may be slow: a signal is heard at once
		at_least=$dir/least.jsonl code_before=$code
		run "$at_least" "$@"
		code=$code_before
	fi
	asked=$(awk -v horizon=$(((horizon + span - 1) / span)) -v at="$at" -v again="$again" 'function number(key) {
		return match($0, "\"" key "\":[0-9]+") ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) : 0
	}
	/"role":"arm"/ { arms++; next }
	/"role":"clean"/ { back = at - number("step"); alone = number("horizon") + back }
	/"type":"branch"/ {
		own = (/"role":"control"/ ? horizon : number("horizon")) + number("return") + number("cool")
		n += own
		if (/"role":"clean"/ || !one) one = own
	}
	END { if (again) { if (alone) print alone } else if (arms) print n + one + back }' "$at_least" 2>/dev/null)
	rm -f "$at_least"
}

# The shape of a fork for an alert, in $m, $now, $again and $span (divides horizon and readout): as it was asked for, or as the budget
# has room for with one arm: two nulls; then steps half as many; then one future, that asks whether it comes again. Where it is the
# lr that is off its plan, only what undoes that, from the present state and by the law alone: that was seen at once, and what damage
# there is will be another alert, for which there is room. 1: there is none; then why is in $barred. shape ALERT
shape() {
	m=$nulls now='' again='' span=1 room=$(allowed alert) w=$width tries='all two half again'
	[ "$room" ] || return 0
	[ "$plan" ] && [ "$(field first <"$1")" = lr ] && tries='now half quarter'
	asked=''
	# shellcheck disable=SC2086 # words
	for try in $tries; do
		case $try in
		two) m=2 ;;
		half) span=2 ;;
		quarter) span=4 ;;
		now) m=0 now=--now ;;
		again)
			may_pass "$1" || break
			again=1 span=1
			;;
		esac
		more=$asked
		least_steps "$1"
		[ -z "$again" ] || [ "$asked" ] || { asked=$more && break; }
		[ "${asked:-0}" -gt "$room" ] || return 0
	done
	again=''
	barred="of the budget $room steps are left, the smallest fork takes $asked"
	return 1
}

# The futures worth thinking about, their forecasts, and of them those worth running: files in $f, each once.
propose() {
	[ -f "$f/screened.jsonl" ] && return
	# it may have gone on up to its end before it was ended
	[ "$what" = alert ] || ahead || { barred="step $at is too near to the end of the run" && return 1; }
	plan_size
	[ "$what" != alert ] || shape "$dir/alert.json" || return 1
	plan_words "$dir/alert.json"
	eval "set -- $words"
	stage plan.jsonl lc-fork plan "$@" || return 1
	if [ "$again" ]; then
		only_again
		return
	fi
	# every branch this run ever tried teaches the forecast what its noise does at other learning rates
	set --
	[ "$what" != alert ] || set -- -a "$dir/alert.json"
	set -- -H "$dir/run.jsonl" "$@" ${plan:+--plan "$plan"}
	for e in "$dir"/forks/*/evidence.jsonl; do [ -f "$e" ] && [ "$e" != "$f/evidence.jsonl" ] && set -- "$@" -H "$e"; done
	stage forecast.jsonl sh -c 'in=$1; shift; exec lc-proxy predict -q "$@" <"$in"' sh "$f/plan.jsonl" "$@" || return 1
	screen
}

# As many arms as the budget has room for. 1: not even one; then why is in $barred.
screen() {
	room=$(allowed "$what") k=$arms
	[ -z "$now" ] || k=1
	while stage "screen.$k" lc-collapse screen -k "$k" "$f/forecast.jsonl"; do
		asked=$(asked_steps "$f/screen.$k")
		if [ -z "$room" ] || [ "$asked" -le "$room" ]; then
			mv "$f/screen.$k" "$f/screened.jsonl" && rm -f "$f"/screen.*
			say "$(grep -c '"type":"branch"' "$f/plan.jsonl") futures proposed and forecast," \
				"$(grep -c '"type":"branch"' "$f/screened.jsonl") to run${room:+, in $asked steps of $room}"
			return 0
		fi
		k=$((k - 1))
		[ "$k" -gt 0 ] || { barred="of the budget $room steps are left, the smallest fork takes $asked" && return 1; }
	done
	return 1
}

# Plan, forecast, screen, run, race: files in $dir/forks/N, the decision among them; or 1.
fork() {
	f=$dir/forks/$forks barred=''
	# what is on record as decided (a guard was killed right after) is not decided again
	decided
	if [ -f "$d" ] && grep -qxF "$(cat "$d")" "$dir/journal.jsonl"; then
		return 0
	fi
	: >"$dir/worker.log"
	mkdir -p "$f" || return 1
	plan_file
	propose || return 1
	journal_plan
	probe
	run_futures "$f/screened.jsonl" && run_killed "$f/screened.jsonl" || return 1
	# the run's past is evidence too: as it was now, for whoever verifies the decision
	[ -f "$f/run.jsonl" ] || { cp "$dir/run.jsonl" "$f/run.new" && mv "$f/run.new" "$f/run.jsonl"; } 2>>"$dir/worker.log" || return 1
	[ -f "$f/alone" ] || { decide decision.json && confirm_choice; } || return 1
	passed
	rm -rf "$f/branches/state"
	return 0
}

# The plan of the schedule, where the trainer's newest state tells it.
plan_file() {
	plan=''
	for c in "$dir"/live/state-*/state.json "$dir/out/$line"/*/state.json; do
		[ -f "$c" ] && grep -q '"schedule"' "$c" && plan=$c
	done
}

# Written once, also when a killed guard comes here again.
journal_plan() {
	made=forks/$forks/plan.jsonl # where nothing was forecast
	[ ! -f "$f/forecast.jsonl" ] || made=forks/$forks/forecast.jsonl
	grep -qF "\"file\":\"$made\"" "$dir/journal.jsonl" && return
	event "\"planned\",\"fork\":\"$(head -n 1 "$f/plan.jsonl" | field fork)\",\"branches\":\
$(grep -c '"type":"branch"' "$f/plan.jsonl"),\"forecasts\":$(grep -c '"type":"forecast"' "$dir/$made"),\
\"to_run\":$(grep -c '"type":"branch"' "$f/screened.jsonl"),\"file\":\"$made\""
	cat "$f/screened.jsonl" >>"$dir/journal.jsonl"
}

