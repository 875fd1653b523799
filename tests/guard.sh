# guard.sh: a trainer in sh for tests of lc-guard, and what they all ask: . "$TESTS/guard.sh"
#
# guard_trainer writes ./train: TOTAL steps (160), a state every 10 with what it is made of, PAUSE seconds for ten of them in the run
# (FORKPAUSE in a branch). Where a file ill-STEP is, the run falls ill there, once: its losses are higher from then on, in every
# state after (with a NaN in it: not finite). Where die-STEP is, the run ends there with the status in it, and removes the file
# when it says once; while a file wait-STEP is there, it stands before it; while a file storm is, it does not end. SIGTERM ends it
# between two states, never within one: what it logs, the state and the end of a fault are done together. While a file hold is
# there, branches after the first N starts (the number in it) stand. Where a file once is, one that starts while another of its
# name lives writes so to ./twice. What it has written is in ./states. It prints a loss that is worse the more steps it did under other data (luck), and says which data it saw.
#
# shellcheck shell=sh

guard_trainer() {
	HERE=$(pwd -P)
	export HERE
	cat >train <<'END2'
#!/bin/sh
seed=0 lr=1 luck=0
horizon=$1
shift
while [ $# -gt 0 ]; do
	case $1 in
	--reseed) seed=$2 ;;
	--lr-scale) lr=$2 ;;
	esac
	shift 2
done
step=0 sick=0
[ "$LC_STATE" = none ] || read -r step sick luck <"$LC_STATE/state" || exit 5
[ "$seed" = 0 ] || luck=$seed # what other data it saw stays with it
if [ "$horizon" = none ]; then end=${TOTAL:-160}; else end=$((step + horizon)); fi
who=${LC_BRANCH:-main}
if [ -e "$HERE/once" ]; then
	while read -r pid name _; do
		[ "$name" = "$who" ] || continue
		case $(sed 's/^.*) \(.\).*/\1/' "/proc/$pid/stat" 2>/dev/null) in '' | Z) ;; *) echo "$who: $pid and $$" >>"$HERE/twice" ;; esac
	done <"$HERE/starts"
fi
echo "$$ $who $step" >>"$HERE/starts"
trap 'exit 143' TERM
if [ "$who" != main ]; then
	until ! read -r n <"$HERE/hold" || [ "$(grep -vc ' main ' "$HERE/starts")" -le "$n" ]; do sleep 0.1; done 2>/dev/null
fi
[ "$who" = main ] && pause=${PAUSE:-0} || pause=${FORKPAUSE:-0}
more() { [ "$step" -lt "$end" ] || { [ "$who" = main ] && [ -e "$HERE/storm" ] && end=$((step + 10)); }; }
while more; do
	n=$((end - step))
	[ $n -gt 10 ] && n=10
	next=$((step + n))
	if [ "$who" = main ]; then
		if [ -e "$HERE/ill-$next" ]; then
			read -r how <"$HERE/ill-$next"
			sick=${how:-1}
		fi
		if [ -e "$HERE/die-$next" ]; then
			read -r how once <"$HERE/die-$next"
			[ "$once" ] && rm "$HERE/die-$next"
			echo "out of memory at step $next" >&2
			[ "$how" = KILL ] && kill -KILL $$
			exit "$how"
		fi
		until ! [ -e "$HERE/wait-$next" ]; do sleep 0.1; done
	fi
	[ "$pause" = 0 ] || sleep "$pause"
	(
	trap '' TERM
	[ "$who" = main ] && rm -f "$HERE/ill-$next"
	awk -v a="$step" -v n="$n" -v sick="$sick" -v luck="$luck" -v seed="$seed" -v lr="$lr" 'BEGIN {
		for (s = a + 1; s <= a + n; s++) {
			noise = ((s * 7919 + seed * 104729) % 101 - 50) / 5000 + luck * luck % 7 / 2000
			loss = sick == "nan" ? "NaN" : sprintf("%.4f", 3 - .001 * s + noise + 2 * sick)
			printf "{\"step\":%d,\"loss\":%s,\"val_loss\":%s,\"lr\":%g,\"batch\":\"%d-%d\"}\n", s, loss, loss, .001 * lr, seed, s
		}
	}'
	mkdir -p "$LC_OUT/.tmp-$$" && printf '%-40s\n' "$next $sick $luck" >"$LC_OUT/.tmp-$$/state" &&
		mv "$LC_OUT/.tmp-$$" "$LC_OUT/step-$(printf %08d "$next")" || exit 6
	[ "$who" != main ] || echo "${LC_OUT##*/}/step-$(printf %08d "$next")" >>"$HERE/states"
	) || exit
	step=$next
done
exit 0
END2
	chmod +x train
	: >starts
}

# How often the journal of a directory holds an event.
events() { grep -c "\"event\":\"$1\"" "$2/journal.jsonl"; }

# How many steps a run has logged.
logged() { grep -o '"step":[0-9]*' "$1/run.jsonl" | sort -u | wc -l; }

# The process of the guard at work in a directory.
guard_pid() { sed 's/.*"pid":\([0-9]*\).*/\1/' "$1/status.json"; }

guard_alive() { case $(sed 's/^.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) in '' | Z) false ;; esac; }

# What of the guard in ./DIR still runs: its trainers, and the tools that work on its directory.
guard_left() {
	while read -r pid name; do guard_alive "$pid" && echo "$pid $name"; done <starts
	for pid in /proc/[0-9]*; do
		what=$({ tr '\0' ' ' <"$pid/cmdline"; } 2>/dev/null)
		case $what in lc-*"$HERE/$1"*) guard_alive "${pid#/proc/}" && echo "${pid#/proc/} $what" ;; esac
	done
}
guard_none_left() { [ -z "$(guard_left "$1")" ]; }
