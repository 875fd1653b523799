# ---- the run: started, watched, ended ----

# Is this line's every checkpoint in the store, or given up?
all_kept() {
	in_order >"$dir/seen" 2>/dev/null
	while read -r c; do
		grep -qF "$line/$c " "$dir/saved" || return 1
	done <"$dir/seen"
}

# Start the trainer from $dir/launch.json, on a new line of states. What came before lies in the store; what does not stays.
launch() {
	rm -rf "$dir/live"
	all_kept && rm -rf "$dir/out/$line"
	mend run.jsonl
	rm -f "$dir/plan.json"
	line=$((line + 1)) begun=$head learned='' gone='' told=$(wc -l <"$dir/run.jsonl")
	mark launch
	mkdir -p "$dir/out/$line" || die 4 "mkdir $dir/out/$line"
	start trainer "$dir/run.jsonl" lc-collapse apply --force -s "$dir/store" -d "$dir/live" -J "$dir/journal.jsonl" -H "$dir/run.jsonl" -b "$dir/base.json" \
		-o "$dir/out/$line" -x "unset LC_METRICS; exec $command" "$dir/launch.json"
	trainer=$pid
	state=training
	mark train
}

# Wait, and hear signals. pause SECONDS
pause() {
	start nap /dev/null sleep "$1"
	nap=$pid
	wait "$nap"
	nap='' && rm -f "$dir/nap.pid"
}

# What the store says of the newest state, in $rec. A store that is gone or silent is waited for; of a damaged snapshot the
# parent is taken.
find_head() {
	while [ "$head" ]; do
		# shellcheck disable=SC2016 # expanded by that shell
		ask_store timeout -k 5 "$store_wait" sh -c '[ -f "$1/lc-store" ] || { echo "$1: the store is gone" >&2; exit 4; }
			exec lc-snap show -q -s "$1" -j "$2"' sh "$dir/store" "$head" && rec=$(cat "$dir/head.json") && break
		why=$(last "$dir/worker.log")
		if [ "$code_head" -eq 3 ]; then
			back_to_parent "$why"
			continue
		fi
		room_here
		if ! [ "$store_away" ]; then
			store_away=away
			event "\"store away\",\"why\":\"$why\""
			warn "waiting for the store: ${why:-it is silent}"
		fi
		stands waiting
		pause 2
	done
	[ "$store_away" ] && event '"store back"' && say "the store is back"
	store_away=''
	return 0
}

# Its answer is in head.json, its status in $code_head.
ask_store() {
	code_before=$code
	: >"$dir/worker.log"
	run "$dir/head.json" "$@"
	code_head=$code code=$code_before
	return "$code_head"
}

# What the journal says of a snapshot. kept_as ID
kept_as() { grep "\"id\":\"$1\"" "$dir/journal.jsonl" | grep '"type":"snapshot"' | tail -n 1; }

# The newest state cannot be used: the one before it, as the journal has it.
back_to_parent() {
	old=$head
	head=$(kept_as "$old" | field parent)
	[ "$head" ] || die 3 "snapshot $old cannot be read: $1"
	warn "snapshot $old cannot be read ($1): back to the one before it"
	event "\"snapshot lost\",\"snapshot\":\"$old\",\"why\":\"$1\""
}

# The state to go on from when nothing is decided: the newest of this line, or the beginning.
plan_resume() {
	step=0
	find_head
	[ "$head" ] && step=$(printf '%s\n' "$rec" | field step) && at=$step
	put launch.json "{\"type\":\"decision\",\"v\":1,\"fork\":\"none\",\"verdict\":\"better\",\"choice\":\"main\",\
\"from\":{\"snapshot\":\"${head:-none}\",\"step\":$step},\"actions\":$(cat "$dir/base.json")}"
}

# The words of lc-detect, in $words: the plan of the learning rate too, once a state has told it.
look_words() {
	words="-1 -t $threshold ${profile:+--profile $profile }--since $since --after $after $(quote "$dir/run.jsonl")"
	[ ! -f "$dir/plan.json" ] || words="$words--plan $(quote "$dir/plan.json")--actions $(quote "$dir/live/actions.json")--told $told"
}

# shellcheck disable=SC2120 # it sets its own
watch() {
	: >"$dir/alert.new"
	look_words
	eval "set -- $words"
	start watcher "$dir/alert.new" lc-detect -f "$@"
	watcher=$pid
}

# A new state of this start may tell the plan: then the watcher begins again, with it.
learn_plan() {
	[ "$head" != "$begun" ] && [ "$head" != "$learned" ] && ! [ -f "$dir/plan.json" ] || return 0
	learned=$head
	plan_file
	[ "$plan" ] || return 0
	echo '{"step":1,"loss":1}' | lc-detect -q --plan "$plan" >/dev/null 2>&1
	[ $? -eq 1 ] && cp "$plan" "$dir/plan.new" 2>/dev/null && mv "$dir/plan.new" "$dir/plan.json" || return 0
	alive "$watcher" && end_group "$watcher" && watch
}

# An alert in what the follower may not have come to?
# shellcheck disable=SC2120 # it sets its own
look() {
	look_words
	eval "set -- $words"
	lc-detect "$@"
}
check_alert() { look >"$dir/alert.new" 2>>"$dir/watcher.log"; }

# With nothing left to spend, or no state to fork from, an alert is only written down.
write_down() {
	rec=$(cat "$dir/alert.new")
	journal_once "$rec"
	call watching "$barred" "$rec"
	only_watch alert
	helpless "$barred"
	[ "$head" ] || say "step $(field step <"$dir/alert.new"): $(field kind <"$dir/alert.new"), and no state yet to go back to"
	since=$(wc -l <"$dir/run.jsonl")
	mark train
}

# Has the watcher seen something to be treated? (Not while the store is away, or the first state is on its way there: it would
# have nothing to go on from.)
noticed() {
	alive "$watcher" && return 1
	[ -s "$dir/alert.new" ] && { [ "$store_away" ] || ! { [ "$head" ] || all_kept; }; } && return 1
	if ! [ -s "$dir/alert.new" ]; then # it was killed: another takes its place
		sleep 1
		watch
		return 1
	fi
	what=alert
	may alert "$dir/alert.new" && return 0
	write_down
	watch
	return 1
}

# Is the run no number any more, in the last --lost records of its loss, with no alert of that left to treat? (A fast one
# may have come so far before its alert is seen: that comes first.)
lost() {
	[ "$lost" -gt 0 ] || return 1
	tail -n $((2 * lost)) "$dir/run.jsonl" | lc-read -q -F json 2>/dev/null |
		awk -v least="$lost" '/"loss":"/ { n++; next } /"loss":/ { n = 0 } END { exit n < least }' || return 1
	look >/dev/null 2>&1
	[ $? -eq 1 ] || return 1
	lost_why="the last $lost losses are no numbers, and nothing helped"
}

# What is done every five seconds of training.
every_5s() {
	t=$(date +%s)
	[ $((t - stood)) -lt 5 ] || stands
	[ $((t - looked)) -lt 5 ] && return
	looked=$t
	if lost; then give_up "$lost_why"; fi
}

# Train until the end (status in $code, returns 1), or until there is something to fork for ($what, returns 0).
train() {
	watch
	while alive "$trainer"; do
		save_new
		learn_plan
		tidy
		noticed && return 0
		[ -z "$store_away" ] && due && what=every && return 0
		every_5s
		[ "$tty" ] && show "$(tail -n 1 "$dir/run.jsonl" | cut -c 1-60)"
		sleep 0.1
	done
	wait "$trainer"
	code=$?
	[ "$code" -ne 0 ] || gone=$(now)
	end_group "$trainer" # what it left running
	trainer='' && rm -f "$dir/trainer.pid"
	stop_tidying
	end_group "$watcher"
	watcher='' && rm -f "$dir/watcher.pid"
	save_all
	learn_plan
	check_alert
	case $? in
	0) ;;
	3)
		[ "$code" -ne 0 ] || warn "the run was not watched: $(last "$dir/watcher.log")"
		return 1
		;;
	*) return 1 ;;
	esac
	what=alert
	may alert "$dir/alert.new" && return 0
	write_down
	return 1
}

# It failed by itself. Again from the newest state, after ever longer; not when there is none, when it does not like its
# words (status 2), or after so many failures in a row that brought no new state.
revive() {
	room_here
	[ "$head" ] && [ "$code" -ne 2 ] || return 1
	[ "$head" = "$begun" ] || fails=0
	[ "$fails" -lt "$restarts" ] || return 1
	fails=$((fails + 1))
	wait_s=$(awk -v base="$backoff" -v n="$fails" 'BEGIN { s = base * 2 ^ (n - 1); print s < 600 ? s : 600 }')
	why=$(last "$dir/trainer.log")
	event "\"restarting\",\"status\":$code,\"n\":$fails,\"step\":$at,\"why\":\"$why\""
	warn "the command ended with status $code: again from step $at, in $wait_s s ($fails of $restarts): $why"
	stands waiting
	pause "$wait_s"
	if [ "$head" = "$begun" ]; then
		verify_head
	else
		plan_resume
	fi
}

# It fails from this very state, again: is the state sound? (As it was launched, with its actions, when it is.)
verify_head() {
	find_head
	ask_store lc-snap verify -q -s "$dir/store" "$head"
	[ "$code_head" -eq 3 ] || return 0
	back_to_parent "$(last "$dir/worker.log")"
	plan_resume
}
