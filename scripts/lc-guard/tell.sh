# ---- telling somebody: the status file, and --on-alert ----

# Where the run stands, for whoever looks: status.json, replaced by rename. A full disk is no reason to stop. stands [STATE]
stands() {
	[ "${1:-}" ] && state=$1
	{
		printf '{"type":"guard","v":1,"time":"%s","run":"%s","state":"%s","pid":%d,"step":%d,"line":%d,"forks":%d' \
			"$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$run_name" "$state" $$ "$(now)" "$line" "$forks"
		[ "$head" ] && printf ',"newest":{"snapshot":"%s","step":%d}' "$head" "$at"
		[ -s "$dir/alert.json" ] && printf ',"alert":%s' "$(cat "$dir/alert.json")"
		[ "$budget" ] && printf ',"budget_left":%d' "$(left alert)"
		[ "$every" ] && printf ',"every_left":%d' "$(left every)"
		[ "$watching" ] && printf ',"only_watching":"%s"' "$watching"
		[ "$fails" -gt 0 ] && printf ',"failed_in_a_row":%d' "$fails"
		printf ',"store":"%s"}\n' "${store_away:-ok}"
	} 2>/dev/null >"$dir/status.tmp" && mv "$dir/status.tmp" "$dir/status.json" 2>/dev/null
	stood=$(date +%s)
}

# Call for somebody, by --on-alert: WHAT WHY RECORD. It has a minute, and nobody waits for it but the next call, and the end.
call() {
	[ "$on_alert" ] || return 0
	called
	# shellcheck disable=SC2016 # expanded by that shell
	LC_GUARD_WHAT=$1 LC_GUARD_WHY=$2 LC_GUARD_DIR=$dir LC_GUARD_RUN=$run_name LC_GUARD_STEP=$(now) start hook "$dir/hook.log" \
		sh -c 'printf "%s\n" "$2" | timeout -k 5 60 sh -c "$1"' sh "$on_alert" "$3"
	hook=$pid
}
called() {
	[ "$hook" ] && wait "$hook"
	hook='' && rm -f "$dir/hook.pid"
}

# Nothing that is tried helps: how often in a row, and is that enough? helpless WHY
helpless() {
	hopeless=$((hopeless + 1))
	[ "$give_up" -gt 0 ] && [ "$hopeless" -ge "$give_up" ] || return 0
	give_up "$1"
}

# End the run, and say so to everybody. give_up WHY
give_up() {
	stop_trainer
	event "\"gave up\",\"why\":\"$(echo "$1" | plain)\""
	stands "gave up"
	warn "giving up: $1"
	call "gave up" "$1" "$(tail -n 1 "$dir/journal.jsonl")"
	called
	stop_all
	exit 1
}
