# ---- -n: say what would be done, and do nothing ----

# Nothing in the directory is written to, and no process is touched; what is worked out goes to a place of its own.
dry() {
	would() { printf 'would %s\n' "$*" || exit 4; }
	[ -f "$dir/guard.state" ] || { would "begin: $command" && exit 0; }
	dir=$(cd "$dir" && pwd)
	flock -s -n "$dir/lock" true 2>/dev/null || printf 'an lc-guard is at work in %s: this is what one after it would do\n' "$dir"
	eval "$(cat "$dir/guard.state")"
	[ "$phase" = 'done' ] && { printf 'the run has ended: nothing would be done\n' && exit 0; }
	[ "$treated" ] || treated=$forks
	dry_left
	[ "$budget" ] && printf 'of the budget for alerts %s steps are left\n' "$(left alert)"
	[ "$every" ] && printf 'of the budget of --every %s steps are left\n' "$(left every)"
	if [ "$phase" = fork ]; then
		would "go on with fork $forks, about $([ "$what" = alert ] && echo "the alert of step $(field step <"$dir/alert.json")" || echo "step $at")"
	elif rec=$(look 2>/dev/null); then
		what=alert
		dry_fork "treat the alert of step $(printf '%s\n' "$rec" | field step) ($(printf '%s\n' "$rec" | field kind))"
	elif [ "$every" ] && [ "$head" ] && [ $((at / every)) -gt "$stretch" ]; then
		what=every
		dry_fork "look for a better way from step $at"
	fi
	if [ "$head" ]; then would "go on from step $at (snapshot $head): $command"; else would "begin again: $command"; fi
	exit 0
}

# Processes an earlier guard left, and checkpoints it did not keep.
dry_left() {
	for n in trainer watcher worker keeper snap hook; do
		[ -f "$dir/$n.pid" ] && read -r p b boot <"$dir/$n.pid" && [ "$b" ] && [ "$(born "$p")" = "$b" ] && would "end process $p ($n)"
	done
	in_order | while read -r c; do
		grep -qxF "$line/$c $(fingerprint "$dir/out/$line/$c")" "$dir/saved" || would "keep checkpoint $c"
	done
}

# The futures that would be run, of all that would be thought of.
dry_fork() {
	tmp=$(mktemp -d) || exit 4
	printf '%s\n' "$rec" >"$tmp/alert.json"
	may "$what" "$tmp/alert.json" || { would "only write down: $1: $barred" && rm -rf "$tmp" && return; }
	said=$1
	plan_file
	[ "$what" = alert ] || plan_size
	plan_words "$tmp/alert.json"
	eval "set -- $words"
	if [ "$again" ]; then
		would "$said: does it come again? One future, in $asked steps with the way back"
	elif lc-fork plan "$@" >"$tmp/plan" 2>"$tmp/log" && set -- &&
		{ [ "$what" != alert ] || set -- -a "$tmp/alert.json"; } && lc-proxy predict -q -H "$dir/run.jsonl" "$@" ${plan:+--plan "$plan"} <"$tmp/plan" >"$tmp/forecast" 2>"$tmp/log" &&
		dry_screen; then
		would "$said: $(grep -c '"type":"branch"' "$tmp/plan") futures, of them run $(grep -c '"type":"branch"' "$tmp/screened"), in" \
			"$(asked_steps "$tmp/screened") steps and what it takes to confirm one"
		sed -n 's/^{"type":"branch".*"branch":"\([^"]*\)","role":"\([^"]*\)".*"from":{[^}]*"step":\([0-9]*\)}.*"actions":\({.*}\)}$/  \1 \2 from step \3 \4/p' "$tmp/screened" |
			sed 's/,"about":.*//'
	else
		would "$said, but: $(tail -n 1 "$tmp/log")"
	fi
	rm -rf "$tmp"
}

# As many arms as there is room for.
dry_screen() {
	room=$(allowed "$what") k=$arms
	[ -z "$now" ] || k=1
	while lc-collapse screen -q -k "$k" "$tmp/forecast" >"$tmp/screened" 2>"$tmp/log"; do
		[ -z "$room" ] || [ "$(asked_steps "$tmp/screened")" -gt "$room" ] || return 0
		[ "$room" ] || return 0
		k=$((k - 1))
		[ "$k" -gt 0 ] || { echo "the budget has no room for it" >"$tmp/log" && return 1; }
	done
	return 1
}
