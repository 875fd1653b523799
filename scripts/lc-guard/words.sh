# ---- words, records, and where the run stands ----

# On a terminal, one line that is written over: where the run stands.
show() { printf '\r\033[K%s' "$*" >&2; }
warn() { [ "$tty" ] && printf '\r\033[K' >&2; printf 'lc-guard: %s\n' "$*" >&2; }
say() { [ "$quiet" ] || warn "$@"; }
die() { status=$1; shift; warn "$@"; stop_all; exit "$status"; }
usage_error() { warn "$* (try lc-guard --help)"; exit 2; }

# The first field of that name in a compact record: field NAME < record. Strings come without quotes.
field() { grep -o "\"$1\":\(\"[^\"]*\"\|\[[^]]*\]\|{[^}]*}\|[^,}]*\)" | head -n 1 | sed 's/^[^:]*://; s/^"//; s/"$//'; }

# Append a record to the journal in one write.
journal() { printf '%s\n' "$1" 2>/dev/null >>"$dir/journal.jsonl" || die 4 "write $dir/journal.jsonl"; }
journal_once() { grep -qxF "$1" "$dir/journal.jsonl" || journal "$1"; }
event() { journal "{\"type\":\"event\",\"v\":1,\"time\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"event\":$1}"; }

# The last words of a log, fit for a string of a record: progress bars end in no newline but go back, some colour theirs.
last() {
	tail -c 4096 "$1" 2>/dev/null | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 | plain
}
plain() { LC_ALL=C tr -d '"\\' | LC_ALL=C tr -c '\n -~' '?' | cut -c 1-200; }

# A line that a kill or a full disk cut short is ended, so that the next begins on its own.
mend() { [ -z "$(tail -c 1 "$dir/$1" 2>/dev/null)" ] || echo >>"$dir/$1"; }

# A file that appears whole, also after a power cut.
put() {
	if ! { printf '%s\n' "$2" >"$dir/$1.tmp" && sync "$dir/$1.tmp" && mv "$dir/$1.tmp" "$dir/$1"; } 2>/dev/null; then
		die 4 "write $dir/$1"
	fi
}

# Where the run stands, in one file: what a guard that is started again goes on from.
#   phase  train, fork (an alert is being treated), launch (launch.json is decided, not yet started), done
#   line   number of the present line of states; forks: how many alerts were treated
#   since  lines of run.jsonl that raise no more alerts; after: steps that raise none, since they were judged and nothing
#          better was found (a run whose newest state is older meets them again)
#   head   newest snapshot of the line, or nothing; at: its step; kept: its bytes; lacks: how many roles it lacks
#   what   the last fork is about an alert, or (every) about nothing; treated: how many alerts had a fork
#   told   lines of run.jsonl when the command was last started, with the actions that were then in force
#   gone   the step at which the command ended by itself, since it was last started
#   stretch  of --every, the last one that was looked at; begun: head when the command was last started; fails: how often
#   it has failed in a row without a new state
mark() {
	phase=$1
	put guard.state "phase=$phase line=$line forks=$forks since=$since told=$told gone=$gone after=$after kept=$kept lacks=$lacks what=$what \
treated=$treated stretch=$stretch fails=$fails at=$at begun=$begun head=$head"
	stands
}

# A disk that has no room for what is written here is no place to go on, whatever failed first.
room_here() {
	head -c 65536 /dev/zero 2>/dev/null >"$dir/room.tmp" && rm -f "$dir/room.tmp" && return
	rm -f "$dir/room.tmp"
	die 4 "write in $dir: no room on the disk"
}

# A word for sh(1) whose holes stay holes.
quote() {
	case $1 in
	'' | *[!A-Za-z0-9_+=./,:@%{}-]*) printf "'%s' " "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
	*) printf '%s ' "$1" ;;
	esac
}

