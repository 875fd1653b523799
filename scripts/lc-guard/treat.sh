# ---- what to do about an alert, or when --every says so ----

tell_alert() {
	say "step $(field step <"$dir/alert.json"): $(field kind <"$dir/alert.json")," \
		"index $(field index <"$dir/alert.json"), since step $(field onset <"$dir/alert.json")" \
		"($(field first <"$dir/alert.json") first)"
}

journal_fork() {
	if better; then change=true; else change=false; fi
	grep -qxF "$(cat "$d")" "$dir/journal.jsonl" && return
	spend
	grep '"type":"result"' "$f/evidence.jsonl" >>"$dir/journal.jsonl"
	for d in "$f/decision.json" "$f/passed.json"; do [ ! -f "$d" ] || cat "$d" >>"$dir/journal.jsonl"; done
	event "\"decided\",\"fork\":\"$(field fork <"$f/plan.jsonl")\",\"of\":\"$what\",\"step\":$at,\"change\":$change"
	[ -f "$f/decision.json" ] || return 0
	set --
	[ "$what" = alert ] && set -- -a "$dir/alert.json"
	run "$dir/memory.out" lc-collapse memory --add -s "$dir/store" --run "$run_name" "$@" \
		"$f/decision.json" "$f/run.jsonl" "$f/evidence.jsonl" || warn "the fork is not remembered: $(last "$dir/worker.log")"
	look_back
}

# What came of the decisions so far goes into the store's memory.
look_back() {
	set --
	for e in "$dir"/forks/*/evidence.jsonl; do [ -f "$e" ] && [ -f "${e%/*}/decision.json" ] && set -- "$@" "$e"; done
	[ $# -gt 0 ] || return 0
	run "$dir/review.jsonl" lc-collapse review -j --remember -s "$dir/store" -J "$dir/journal.jsonl" -H "$dir/run.jsonl" "$@"
	[ $? -le 1 ] || warn "what came of the decisions is not known: $(last "$dir/worker.log")"
}

# The steps up to the last one logged, and a few that belong to them, have been judged (but where nobody asked).
judged() {
	[ "$what" = alert ] || return 0
	last=$(now)
	after=$((last + 20))
	since=$(wc -l <"$dir/run.jsonl")
}

collapse() {
	f=$dir/forks/$forks
	if better; then
		cp "$d" "$dir/launch.json.tmp" && mv "$dir/launch.json.tmp" "$dir/launch.json"
		hopeless=0
		head=$(field snapshot <"$d") at=$(field step <"$d")
		after=0
		since=$(wc -l <"$dir/run.jsonl")
		say "$(field choice <"$d"): from step $(field step <"$d"), actions $(field actions <"$d")," \
			"$(if [ "$d" = "$f/passed.json" ]; then field why <"$d"; else
				echo "gain $(field gain <"$d") in $(field ci <"$d") on $(field reported_on <"$d") (measured $(field measured_gain <"$d"))"
			fi)"
	else
		judged
		# to change nothing is what the control did, from where it began: a newer state may be damaged, or no number
		id=$(field present <"$d" | field snapshot)
		[ "$what" = alert ] && [ "$id" ] && head=$id
		plan_resume
		say "$(field verdict <"$d"): $(field why <"$d"); going on as before, from step $at"
		no_help "$(field verdict <"$d"): $(field why <"$d")"
	fi
	[ -f "$f/decision.json" ] || return 0
	d=$f/decision.json
	[ "$(field saved_steps <"$d")" = 0 ] || say "$(field saved_steps <"$d") steps were spared by stopping losers"
	short=$(field short_return <"$d")
	[ -z "$short" ] || say "what ends was read after $(echo "$short" | field steps) steps back on plan; $(echo "$short" | field wanted) would tell more"
}

# An alert that the follower had not come to comes first.
rather_alert() {
	[ "$what" = every ] && ! [ -f "$dir/forks/$forks/plan.jsonl" ] && check_alert || return 0
	what=alert
	if may alert "$dir/alert.new"; then
		take_alert
	else
		write_down
		what=every
	fi
	mark fork
}

take_alert() {
	mv "$dir/alert.new" "$dir/alert.json"
	rec=$(cat "$dir/alert.json")
	journal_once "$rec"
	call alert "" "$rec"
	tell_alert
}

# A fast command may have come near its end, or to it, before it was ended. Then what it would do from its newest state cannot be
# compared: that begins at the newest that leaves room for it, of those since it fell ill.
before_end() {
	plan_total
	end=${total:-$gone}
	[ "$end" ] || return 0
	onset=$(field onset <"$dir/alert.json") id=$head n=$at
	while [ "$id" ] && [ $((n + horizon + readout)) -gt "$end" ]; do
		id=$(kept_as "$id" | field parent)
		n=$(kept_as "$id" | field step)
		[ "${n:-0}" -ge "$onset" ] || return 0
	done
	[ "$id" ] && [ "$id" != "$head" ] || return 0
	head=$id
	find_head
	at=$(printf '%s\n' "$rec" | field step)
}

# From the alert, or the step of --every, to $dir/launch.json.
treat() {
	state=forking
	mark fork
	stop_trainer
	find_head # when the store is there
	[ -z "$head" ] || at=$(printf '%s\n' "$rec" | field step)
	state=forking
	rather_alert
	[ "$what" != alert ] || before_end
	[ "$what" = alert ] || say "step $at: is there a better way from here?"
	if fork; then
		journal_fork
		collapse
	else # a guard that cannot help does not stand in the way
		give_back
	fi
	throw_away
	forks=$((forks + 1))
	[ "$what" = alert ] && treated=$((treated + 1))
	mark launch
}

# No decision came of it: on as before.
give_back() {
	if [ "$barred" ]; then
		why=$barred
		only_watch "$what"
	else
		room_here # or it is gone on with, when there is room again
		why=$(last "$dir/worker.log")
		event "\"fork failed\",\"status\":$code,\"why\":\"$why\""
		warn "no fork: $why; going on as before"
	fi
	spend
	judged
	plan_resume
	no_help "$why"
}

# An alert with nothing better to do about it.
no_help() {
	[ "$what" = alert ] || return 0
	call undecided "$1" "$(cat "$dir/alert.json")"
	helpless "$1"
}

