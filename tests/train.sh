# train.sh: a small lc-train, and what its tests ask of its records: . "$TESTS/train.sh"
#
# A test sets args, the words that all its runs have in common.
#
# shellcheck shell=sh

# shellcheck disable=SC2034 # the tests use it
tiny="--layers 1 --dim 32 --heads 2 --ctx 32 --batch 4"
args=''

train() {
	# shellcheck disable=SC2086
	lc-train -q $args "$@"
}

# of KEY: its value in each record of .out, one a line
of() {
	sed "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/" .out
}

# list KEY: these in one line
list() {
	of "$1" | tr '\n' ' ' | sed 's/ $//'
}

# no_clock [FILE...]: the steps of a log, without what differs from run to run
no_clock() {
	sed '/"type":"setup"/d; s/,"wall_s":[^,}]*//' "$@"
}
