# lib.sh: what every tests/cli and tests/fault script opens with: . "$TESTS/cli/lib.sh"
#
# tests/run gives B (the build directory) and TESTS (this tree's tests/), both absolute, and a fresh
# directory to work in. Each function below is one case, and prints one line for it:
#
#	ok - NAME, not ok - NAME, skip - NAME # WHY
#
# What went wrong follows a failed case, on lines that start with #. The script's status is 1 when any failed.
# The last command's stdout and stderr are left in .out and .err.
#
# shellcheck shell=sh

: "${B:?tests/run sets B}" "${TESTS:?tests/run sets TESTS}"
PATH=$B:$PATH
failed=0
trap finish EXIT

finish() {
	end=$?
	[ $end = 0 ] && end=$failed
	exit $end
}

pass() {
	printf 'ok - %s\n' "$1"
}

# fail NAME WHY...: the case failed.
fail() {
	printf 'not ok - %s\n' "$1"
	shift
	printf '%s\n' "$@" | sed 's/^/# /'
	failed=1
	return 0
}

# skip NAME WHY: the case cannot be run here.
skip() {
	printf 'skip - %s # %s\n' "$1" "$2"
}

# need_torch NAME: $python is one with torch (LC_PYTHON, or python3); where there is none, NAME is skipped.
need_torch() {
	for python in ${LC_PYTHON:-} python3 /usr/bin/python3; do
		"$python" -c 'import torch' 2>/dev/null && return
	done
	skip "$1" "no python with torch (Debian: python3-torch), or set LC_PYTHON"
	exit 0
}

show_err() {
	sed 's/^/# stderr: /' .err | head -n 20
}

# ok NAME CMD...: CMD exits 0. Its output is in .out.
ok() {
	ok_name=$1
	shift
	"$@" >.out 2>.err
	got=$?
	if [ $got = 0 ]; then
		pass "$ok_name"
	else
		fail "$ok_name" "status $got: $*"
		show_err
	fi
}

# status NAME N CMD...: CMD exits N; where that is 2 or more, with exactly one line on stderr.
status() {
	st_name=$1 want=$2
	shift 2
	"$@" >.out 2>.err
	got=$?
	if [ "$got" != "$want" ]; then
		fail "$st_name" "status $got, not $want: $*"
		show_err
	elif [ "$want" -ge 2 ] && [ "$(wc -l <.err)" != 1 ]; then
		fail "$st_name" "$(wc -l <.err) lines on stderr, not 1: $*"
		show_err
	else
		pass "$st_name"
	fi
}

# same NAME FILE1 FILE2: both hold the same bytes.
same() {
	if cmp -s "$2" "$3"; then
		pass "$1"
	else
		fail "$1" "$(cmp "$2" "$3" 2>&1)"
		diff "$2" "$3" 2>/dev/null | head -n 10 | cut -c 1-200 | sed 's/^/# /'
	fi
}

# match NAME REGEX FILE: some line of FILE matches the extended regular expression.
match() {
	if grep -Eq -e "$2" "$3"; then
		pass "$1"
	else
		fail "$1" "no line of $3 matches $2"
		head -n 10 "$3" | cut -c 1-200 | sed 's/^/# /'
	fi
}

# absent NAME FILE...: none of the files is there.
absent() {
	ab_name=$1
	shift
	for file; do
		if [ -e "$file" ] || [ -L "$file" ]; then
			fail "$ab_name" "$file is there"
			return
		fi
	done
	pass "$ab_name"
}

# equal NAME WANT GOT: two words.
equal() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "wanted: $2" "got: $3"
	fi
}

# until_ok CMD...: wait until CMD succeeds, at most two minutes: a machine may be slow. Status 1 when it never did.
until_ok() {
	un_end=$(($(date +%s) + 120))
	until "$@"; do
		[ "$(date +%s)" -lt $un_end ] || return 1
		sleep 0.05
	done
}

# gone PID...: none of these processes runs any more; a zombie does not.
gone() {
	for gone_pid; do
		case $(sed 's/^.*) \(.\).*/\1/' "/proc/$gone_pid/stat" 2>/dev/null) in '' | Z | X) ;; *) return 1 ;; esac
	done
}

# has_read PID FILE: that process has FILE open, and has read all that is in it now.
has_read() {
	for hr_fd in "/proc/$1/fd"/*; do
		[ "$hr_fd" -ef "$2" ] || continue
		hr_at=$(sed -n 's/^pos:[^0-9]*//p' "/proc/$1/fdinfo/${hr_fd##*/}" 2>/dev/null)
		[ "${hr_at:-0}" -ge "$(wc -c <"$2")" ] && return
	done
	return 1
}

# taken PID: no signal waits for that process.
taken() {
	! grep -Eq '^(SigPnd|ShdPnd):.*[1-9a-f]' "/proc/$1/status"
}
