#!/bin/sh
# lc-train: what cannot be done is one line on stderr and the right status, and nothing half-written.
. "$TESTS/cli/lib.sh"
. "$TESTS/train.sh"

args="$tiny --total 10 --val-every 0 --probe-every 0"
# full CMD...: with stdout on a full disk.
full() {
	"$@" >/dev/full
}

ok "--help" lc-train --help
match "help is on stdout" '^usage: lc-train' .out
ok "--version" lc-train --version
match "version" '^lc-train [0-9]' .out
status "unknown option" 2 train --nope
status "a word that is no option" 2 train nope
status "a value is missing" 2 train --lr
status "not a number" 2 train --lr fast
status "a negative number" 2 train --steps -3
status "no such schedule" 2 train --schedule square
status "sizes that do not go together" 2 train --dim 33
status "no layers" 2 train --layers 0
match "that is the cause" 'layers 0: must be from 1 to 999' .err
status "no heads" 2 train --heads 0
match "that is the cause too" 'heads 0: must be from 1' .err
status "a wide context" 2 train --ctx 32768
match "has a limit" 'ctx 32768: must be a multiple of 16, at most 16384' .err
status "an uneven batch" 2 train --batch 5 --micro 2
status "no such fault" 2 train --fault melt@3
status "a fault without its step" 2 train --fault nan@
status "a bump without its factor" 2 train --fault lr-bump@3-5
status "an action out of its domain" 2 train --lr-scale -1
status "a skip that is no range" 2 train --skip 9-3
status "a tail that is no JSON" 2 train --lr-tail linear
status "a BLAS nobody knows" 2 env LC_BLAS=abacus lc-train -q --steps 1
status "a missing text" 4 train --text nowhere.txt
printf 'too short' >short.txt
status "a text too short" 3 train --text short.txt
: >empty.txt
status "an empty text" 3 train --text empty.txt
status "stdout is full" 4 full train
status "a checkpoint that is not there" 4 train --resume nowhere
mkdir nothing
status "a directory without checkpoints" 4 train --resume nothing
: >file
status "--out is a file" 4 train --out file
status "--out is no place to write" 4 train --out /proc/nowhere

ok "a run to break" train --out good --steps 3
state=good/step-00000003
broken() { # NAME: a fresh copy of the state in ./broken
	rm -rf broken && cp -r $state broken
}
for file in model optimizer; do
	for bytes in 0 7 8 500 20000; do
		broken && head -c $bytes $state/$file.safetensors >broken/$file.safetensors
		status "$file.safetensors cut to $bytes bytes" 3 train --resume broken
	done
	broken && rm broken/$file.safetensors
	status "$file.safetensors gone" 4 train --resume broken
	broken && printf x >>broken/$file.safetensors
	status "$file.safetensors with a byte too many" 3 train --resume broken
done
for bytes in 0 1 100 400; do
	broken && head -c $bytes $state/state.json >broken/state.json
	status "state.json cut to $bytes bytes" 3 train --resume broken
done
for edit in 's/"v":1/"v":2/' 's/"dim":32/"dim":64/' 's/"dim":32/"dim":33/' 's/"kind":"wsd"/"kind":"odd"/' \
	's/"m_updates":3,//' 's/"actions":{}/"actions":{"melt":1}/' 's/"actions":{}/"actions":{"lr_scale":-1}/' 's/"vocab":256/"vocab":99/'; do
	broken && sed "$edit" $state/state.json >broken/state.json
	status "state.json after $edit" 3 lc-train -q --resume broken
done
{ cat "$B/kjv.txt" && echo; } >other.txt
status "another text" 3 train --text other.txt --resume $state
match "both texts are named" 'trained on the text [0-9a-f]{16}, other.txt is [0-9a-f]{16}$' .err
ok "a state of another text" train --text other.txt --out elsewhere --steps 1
status "resumed without it" 3 train --resume elsewhere
match "is told of --text" ', the bundled one is [0-9a-f]{16}: name it with --text$' .err
for option in "--dim 64" "--lr 1" "--total 11" "--seed 9" "--data-seed 9" "--schedule cosine" "--batch 8"; do
	# shellcheck disable=SC2086
	status "the state says otherwise: $option" 2 train --resume $state $option
done
ok "the same options again" train --resume $state --lr 2e-3 --seed 1 --schedule wsd --clip 1

# A disk that fills up while a checkpoint is written: the old ones stay, nothing half-written is left.
ok "a run" train --out disk --steps 2
status "no room for a checkpoint" 4 sh -c 'ulimit -f 40; trap "" XFSZ; exec "$@"' - lc-train -q --resume disk --out disk --steps 2
equal "only the complete one is there" "step-00000002" "$(ls -A disk)"
