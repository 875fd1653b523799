# ---- processes: each in a group of its own, so that nothing outlives us ----

# What a started command's shell does first: tell who it is (its number, and when and since which start of the machine it
# was born, which another process of that number was not), then see whether its guard still lives; so it is known to the next guard, or ends by itself.
# shellcheck disable=SC2016 # expanded by that shell
child='echo "$$ $(sed "s/^.*) //" /proc/$$/stat | cut -d " " -f 20) $(cat /proc/sys/kernel/random/boot_id)" >"$1"
kill -0 "$2" 2>/dev/null || exit 143
shift 2
exec "$@"'

start() { # start NAME OUT COMMAND...: its process id is in $pid, and in $dir/NAME.pid
	name=$1 out=$2
	shift 2
	setsid sh -c "$child" sh "$dir/$name.pid" $$ "$@" >>"$out" 2>>"$dir/$name.log" 9>&- &
	pid=$!
}

# When a process was born, in ticks since boot.
born() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# Does a process of this group work for our directory? Its leader may have died before it (and so long as one lives, no other
# process gets the group's number).
works_here() {
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^\([0-9]*\) (.*) /\1 /' | while read -r p state _ group _; do
		[ "$group" = "$1" ] && [ "$state" != Z ] && grep -qzF "=$dir/" "/proc/$p/environ" 2>/dev/null && echo yes && break
	done | grep -q yes
}

# End what a killed guard left running under $dir/NAME.pid.
end_left() {
	[ -f "$dir/$1.pid" ] && read -r p b boot <"$dir/$1.pid" && [ "$b" ] && [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ] &&
		{ [ "$(born "$p")" = "$b" ] || { ! [ -e "/proc/$p" ] && works_here "$p"; }; } && end_group "$p"
	rm -f "$dir/$1.pid"
}

alive() { [ "$1" ] && kill -0 "$1" 2>/dev/null; }

# Does a process of this group live? (One that is dead and not yet waited for does not; proc(5): state, parent, group.)
group_lives() {
	kill -0 "$1" 2>/dev/null || kill -0 "-$1" 2>/dev/null || return 1
	[ -r /proc/self/stat ] || return 0
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^[0-9]* (.*) //' | while read -r state _ group _; do
		[ "$group" = "$1" ] && [ "$state" != Z ] && echo yes && break
	done | grep -q yes
}

# End a group: SIGTERM, then SIGKILL after the grace.
end_group() {
	[ "$1" ] || return 0
	kill -TERM "-$1" 2>/dev/null || kill -TERM "$1" 2>/dev/null # so young that it has no group yet
	i=0
	while group_lives "$1" && [ "$i" -lt $((grace * 5)) ]; do
		sleep 0.2
		i=$((i + 1))
	done
	kill -KILL "-$1" 2>/dev/null
	return 0
}

stop_all() {
	last=${!:-} # what was started last may have no name yet
	[ "$last" ] && [ "$(sed 's/^.*) //' "/proc/$last/stat" 2>/dev/null | cut -d ' ' -f 2)" = $$ ] || last=''
	for p in $last $trainer $watcher $worker $keeper $saver $hook $nap; do end_group "$p"; done
	trainer='' watcher='' worker='' keeper='' saver='' saving='' hook='' nap=''
	rm -f "$dir"/*.pid
}

on_signal() {
	trap '' INT TERM HUP
	say "ending on signal"
	stop_all
	if ! [ "$store_away" ]; then save_new; fi
	event '"interrupted"'
	stands interrupted
	exit "$1"
}

# Run a command in the background and wait, so that a signal is heard at once. Its status is ours.
run() { # run OUT COMMAND...: OUT holds what it prints and nothing else
	out=$1
	shift
	: >"$out" || return 4
	stands
	start worker "$out" "$@"
	worker=$pid
	[ "$tty" ] && while alive "$worker"; do
		show "$(find "$dir/forks/$forks/branches" -name status.json \
			-exec grep -lE '"status":"(done|killed|failed)"' {} + 2>/dev/null | wc -l) futures and readouts run"
		sleep 0.5
	done
	wait "$worker"
	code=$?
	worker='' && rm -f "$dir/worker.pid"
	return $code
}

