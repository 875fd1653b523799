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

# Keep one checkpoint of this line; its parent is the one before it. One that cannot be kept is tried five times, and again
# when it has changed: training goes on in any case. save NAME FINGERPRINT
save() {
	if rec=$(lc-snap save -q -s "$dir/store" --run "$run_name" -t "parent=$head" "$dir/out/$line/$1" 2>"$dir/snap.log"); then
		journal "$rec"
		note saved "$line/$1 $2"
		whole "$rec" "$1" && head=$(printf '%s\n' "$rec" | field id) at=$(printf '%s\n' "$rec" | field step)
		mark "$phase"
		saves=$((saves + 1))
		return
	fi
	note failed "$line/$1 $2"
	tries=$(grep -cxF "$line/$1 $2" "$dir/failed")
	[ "$tries" -eq 1 ] && warn "checkpoint $1 is not kept: $(tail -n 1 "$dir/snap.log")"
	[ "$tries" -ge 5 ] && note saved "$line/$1 $2"
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
		*) [ "$untidy" ] || warn "old snapshots are not removed: $(tail -n 1 "$dir/keeper.log")"; untidy=1 ;;
		esac
	fi
	set -- "$head"
	for f in "$dir"/launch.json "$dir"/forks/*/decision.json; do
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

# Keep every checkpoint that has appeared or changed. All are looked at when the writer has ended and every 50th time;
# else the new ones and the newest.
save_new() {
	in_order 2>/dev/null >"$dir/seen" # cut short on a full disk: the rest comes later
	newest=$(tail -n 1 "$dir/seen")
	turn=$(((turn + 1) % 50))
	while read -r c; do
		if [ "$trainer" ] && [ "$turn" -ne 0 ] && [ "$c" != "$newest" ] && grep -qF "$line/$c " "$dir/saved"; then
			continue
		fi
		print=$(fingerprint "$dir/out/$line/$c")
		grep -qxF "$line/$c $print" "$dir/saved" && continue
		settled "$c" "$print" "$newest" || return 0
		rm -f "$dir/settling"
		save "$c" "$print"
	done <"$dir/seen"
}

