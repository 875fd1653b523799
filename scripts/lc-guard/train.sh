# ---- the run: started, watched, ended ----

# Start the trainer from $dir/launch.json, on a new line of states. What came before lies in the store.
launch() {
	rm -rf "$dir/live" "$dir/out/$line"
	line=$((line + 1))
	mark launch
	mkdir -p "$dir/out/$line" || die 4 "mkdir $dir/out/$line"
	start trainer "$dir/run.jsonl" lc-collapse apply --force -s "$dir/store" -d "$dir/live" -J "$dir/journal.jsonl" -H "$dir/run.jsonl" -b "$dir/base.json" \
		-o "$dir/out/$line" -x "unset LC_METRICS; exec $command" "$dir/launch.json"
	trainer=$pid
	mark train
}

# The state to go on from when nothing is decided: the newest of this line, or the beginning.
plan_resume() {
	step=0
	if [ "$head" ]; then
		step=$(lc-snap show -s "$dir/store" -j "$head" | field step) || die 3 "snapshot $head cannot be read"
	fi
	put launch.json "{\"type\":\"decision\",\"v\":1,\"fork\":\"none\",\"verdict\":\"better\",\"choice\":\"main\",\
\"from\":{\"snapshot\":\"${head:-none}\",\"step\":$step},\"actions\":$(cat "$dir/base.json")}"
}

watch() {
	: >"$dir/alert.new"
	start watcher "$dir/alert.new" lc-detect -1 -f -t "$threshold" --since "$since" --after "$after" "$dir/run.jsonl"
	watcher=$pid
}

# An alert in what the follower may not have come to?
check_alert() {
	lc-detect -1 -t "$threshold" --since "$since" --after "$after" "$dir/run.jsonl" >"$dir/alert.new" 2>>"$dir/watcher.log"
}

# With nothing left to spend, or no state to fork from, an alert is only written down.
write_down() {
	journal_once "$(cat "$dir/alert.new")"
	only_watch alert
	[ "$head" ] || say "step $(field step <"$dir/alert.new"): $(field kind <"$dir/alert.new"), and no state yet to go back to"
}

# Has the watcher seen something to be treated?
noticed() {
	alive "$watcher" && return 1
	if ! [ -s "$dir/alert.new" ]; then # it was killed: another takes its place
		sleep 1
		watch
		return 1
	fi
	what=alert
	may alert && return 0
	write_down
	since=$(wc -l <"$dir/run.jsonl")
	mark train
	watch
	return 1
}

# Train until the end (status in $code, returns 1), or until there is something to fork for ($what, returns 0).
train() {
	watch
	while alive "$trainer"; do
		save_new
		tidy
		noticed && return 0
		due && what=every && return 0
		[ "$tty" ] && show "$(tail -n 1 "$dir/run.jsonl" | cut -c 1-60)"
		sleep 0.1
	done
	wait "$trainer"
	code=$?
	trainer='' && rm -f "$dir/trainer.pid"
	stop_tidying
	end_group "$watcher"
	watcher='' && rm -f "$dir/watcher.pid"
	save_new
	check_alert
	case $? in
	0) ;;
	3)
		[ "$code" -ne 0 ] || warn "the run was not watched: $(tail -n 1 "$dir/watcher.log")"
		return 1
		;;
	*) return 1 ;;
	esac
	what=alert
	may alert && return 0
	write_down
	return 1
}

