# ---- checkpoints: kept in the store as they appear, and dropped as they grow old ----

# What a checkpoint looks like from outside: names, sizes, times.
fingerprint() {
	{ ls -lnR --time-style=full-iso "$1" 2>/dev/null || ls -lnR "$1" 2>/dev/null; } | cksum | tr ' ' -
}

# Is a checkpoint done being written? One that appears by rename is; for others, when it has looked the same for 10 looks
# (1 s), or when its writer has gone on to the next, or has ended. settled PATH FINGERPRINT NEWEST
settled() {
	[ "$trainer" ] && [ "$1" = "$3" ] || return 0
	was='' looks=0
	[ -f "$dir/settling" ] && read -r was looks <"$dir/settling"
	[ "$2" = "$was" ] || looks=0
	echo "$2 $((looks + 1))" 2>/dev/null >"$dir/settling"
	[ "$looks" -ge 10 ]
}

# Does a snapshot hold what the one before it held? One cut short, by our own SIGTERM perhaps, is smaller or lacks a role:
# it is kept, but not gone on from. What all lack is said once.
whole() {
	bytes=$(printf '%s\n' "$1" | field bytes)
	list=$(printf '%s\n' "$1" | field missing)
	n=$(printf '%s' "$list" | tr -cd , | wc -c)
	[ "$list" = '[]' ] || n=$((n + 1))
	if [ "$n" -gt "$lacks" ] || [ "$bytes" -lt $((kept / 10 * 9)) ]; then
		warn "checkpoint $2 holds less than the one before it: nothing goes on from it"
		return 1
	fi
	kept=$bytes lacks=$n
	if [ "$n" -gt 0 ] && ! [ "$warned" ]; then
		warned=1
		say "the checkpoints hold no $(printf '%s' "$list" | tr -d '[]"'): a future resumed from one may differ"
	fi
}

# One save at a time, beside the training, by a process of its own: a store that answers slowly, or not at all, holds up
# nobody. The snapshot's parent is the one before it. Where the store was is not made another. save NAME FINGERPRINT
# shellcheck disable=SC2016 # expanded by that shell
keep_one='[ -z "$1" ] || [ -f "$2/lc-store" ] || { echo "$2: the store is gone" >&2; exit 4; }
exec lc-snap save -q -s "$2" --run "$3" -t "parent=$1" "$4"'
save() {
	: >"$dir/snap.out" && : >"$dir/snap.log"
	start snap "$dir/snap.out" sh -c "$keep_one" sh "$head" "$dir/store" "$run_name" "$dir/out/$line/$1"
	saver=$pid saving="$1 $2" save_began=$(date +%s)
}

# Is nothing on its way to the store any more? With a trainer to be watched, that is asked for a second at most.
saved() {
	[ "$saver" ] || return 0
	looks=0
	while [ "$trainer" ] && alive "$saver"; do
		looks=$((looks + 1))
		[ "$looks" -le 20 ] || { slow && return 1; }
		sleep 0.05
	done
	wait "$saver"
	code_saved=$?
	set -- "${saving% *}" "${saving##* }"
	saver='' saving='' && rm -f "$dir/snap.pid"
	if [ "$code_saved" -eq 0 ]; then kept "$1" "$2"; else not_kept "$1" "$2"; fi
}

# It takes its time: said once. (Always true.)
slow() {
	[ $(($(date +%s) - save_began)) -ge "$store_wait" ] && [ -z "$store_away" ] || return 0
	store_away=slow
	event "\"store slow\",\"why\":\"checkpoint ${saving% *} has been on its way for $store_wait s\""
	say "the store is slow: checkpoint ${saving% *} has been on its way for $store_wait s; the command goes on"
	stands
}

kept() { # NAME FINGERPRINT
	rec=$(cat "$dir/snap.out")
	journal_once "$rec"
	note saved "$line/$1 $2"
	# once it is decided where to go on from, what is kept late of the line that was left is only kept
	whole "$rec" "$1" && [ "$phase" != launch ] && head=$(printf '%s\n' "$rec" | field id) at=$(printf '%s\n' "$rec" | field step)
	mark "$phase"
	saves=$((saves + 1))
	[ "$store_away" ] || return 0
	store_away='' store_pause=0
	event '"store back"'
	say "the store is back"
}

# A store that is full or gone (status 4), or a save that was killed, is tried again, after ever longer, up to a minute; a
# checkpoint that cannot be read five times, and again when it has changed. Training goes on in any case.
not_kept() { # NAME FINGERPRINT
	why=$(last "$dir/snap.log")
	if [ "$code_saved" -eq 4 ] || [ "$code_saved" -gt 128 ]; then
		room_here
		store_pause=$((store_pause * 2))
		[ "$store_pause" -gt 0 ] || store_pause=1
		[ "$store_pause" -le 60 ] || store_pause=60
		store_next=$(($(date +%s) + store_pause))
		[ "$code_saved" -eq 4 ] && ! [ "$store_away" ] || return 0
		store_away=away
		event "\"store away\",\"why\":\"$why\""
		warn "checkpoint $1 is not kept yet: $why; the command goes on"
		stands
		return
	fi
	note failed "$line/$1 $2"
	tries=$(grep -cxF "$line/$1 $2" "$dir/failed")
	[ "$tries" -eq 1 ] && warn "checkpoint $1 is not kept: $why"
	[ "$tries" -ge 5 ] && note saved "$line/$1 $2"
	return 0
}
note() { printf '%s\n' "$2" 2>/dev/null >>"$dir/$1"; }

# Every tenth save, drop what is old and give back its room, beside the training. What a decision went on from stays: it can
# be looked at, and resumed. A store that somebody is reading is left alone until the next time; killed at any moment,
# nothing is lost.
# shellcheck disable=SC2016 # expanded by that shell
keep_house='store=$1 n=$2
shift 2
for id; do lc-snap show -q -s "$store" "$id" >/dev/null 2>&1 && set -- "$@" --keep "$id"; shift; done
lc-snap prune -q -s "$store" --keep-last "$n" --keep-log2 "$@" || exit
why=$(lc-snap gc -q -s "$store" --grace 0 --no-wait 2>&1) && exit
rc=$?
case $why in *": in use") ;; *) printf "%s\n" "$why" >&2 ;; esac
exit $rc'
tidy() {
	[ "$keep" -gt 0 ] && [ "$saves" -ge 10 ] && ! alive "$keeper" || return 0
	saves=0
	if [ "$keeper" ]; then
		wait "$keeper"
		case $? in
		0 | 4 | 143) ;;
		*) [ "$untidy" ] || warn "old snapshots are not removed: $(last "$dir/keeper.log")"; untidy=1 ;;
		esac
	fi
	set -- "$head"
	for f in "$dir"/launch.json "$dir"/forks/*/decision.json "$dir"/forks/*/passed.json; do
		[ -f "$f" ] && id=$(field snapshot <"$f") && [ "$id" ] && set -- "$@" "$id"
	done
	start keeper "$dir/keeper.log" sh -c "$keep_house" sh "$dir/store" "$keep" "$@"
	keeper=$pid
}
# A fork chooses from what there is: nothing goes while it does.
stop_tidying() {
	end_group "$keeper"
	[ "$keeper" ] && wait "$keeper" 2>/dev/null
	keeper='' && rm -f "$dir/keeper.pid"
}

# The checkpoints of the line, oldest first: by the step in their names, those without one by their age.
in_order() {
	# shellcheck disable=SC2010 # no checkpoint has a newline in its name
	ls -1tr "$dir/out/$line" 2>/dev/null | grep -vE '\.tmp|^latest' |
		sed 's/^\(.*[^0-9]\)\{0,1\}\([0-9]\{1,18\}\)\([^0-9]*\)$/\2 &/; t
s/^/0 /' | sort -s -n -k 1,1 | cut -d ' ' -f 2-
}

# With no trainer to be watched: the same, and again for a while where the store does not take them.
save_all() {
	for _ in 1 2 3 4 5; do
		code_saved=0
		save_new
		[ "$code_saved" -ne 0 ] || return 0
		sleep "$store_pause"
	done
	return 0
}

# Of $dir/seen those that are not kept yet, and the newest: one process, however many a trainer lets stand.
only_new() {
	awk -v line="$line/" -v newest="$newest" 'FILENAME == ARGV[1] { sub(/ [^ ]*$/, ""); kept[$0]; next }
		$0 == newest || !((line $0) in kept)' "$dir/saved" "$dir/seen" 2>/dev/null >"$dir/unseen" &&
		mv "$dir/unseen" "$dir/seen"
}

# Keep every checkpoint that has appeared or changed. All are looked at when the writer has ended and every 50th time;
# else the new ones and the newest.
save_new() {
	saved && { [ -z "$trainer" ] || [ "$(date +%s)" -ge "$store_next" ]; } || return 0
	in_order 2>/dev/null >"$dir/seen" # cut short on a full disk: the rest comes later
	newest=$(tail -n 1 "$dir/seen")
	turn=$(((turn + 1) % 50))
	[ -z "$trainer" ] || [ "$turn" -eq 0 ] || only_new
	while read -r c; do
		print=$(fingerprint "$dir/out/$line/$c")
		grep -qxF "$line/$c $print" "$dir/saved" && continue
		settled "$c" "$print" "$newest" || return 0
		rm -f "$dir/settling"
		save "$c" "$print"
		saved && [ "$code_saved" -eq 0 ] || return 0
	done <"$dir/seen"
}

