#!/bin/sh
# lc-train: the held-out blocks are held out, the shards are two, and a batch depends on text, seed and index alone.
. "$TESTS/cli/lib.sh"

# text BLOCK: 40 blocks, the 20th of B, the last of C, the others of A; so only A is learnt from.
text() {
	for _ in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do head -c "$1" /dev/zero | tr '\0' A; done >part
	{
		cat part
		head -c "$1" /dev/zero | tr '\0' B
		cat part
		head -c "$1" /dev/zero | tr '\0' C
	}
}
train() {
	lc-train -q --layers 1 --dim 32 --heads 2 --ctx 32 --batch 8 --lr 3e-3 --warmup 0 --schedule constant \
		--probe-every 0 --val-every 40 "$@"
}
# of KEY: its last value in .out
of() {
	sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" .out | tail -n 1
}

for block in 4096 512; do
	text $block >text
	ok "a text of blocks of $block bytes" train --text text --steps 40
	awk -v l="$(of loss)" -v v="$(of val_loss)" -v t="$(of test_loss)" 'BEGIN { exit !(l < 0.5 && v > 3 && t > 3) }' &&
		pass "what is held out is not learnt" || fail "what is held out is not learnt" "$(tail -n 1 .out)"
	[ "$(of val_loss)" != "$(of test_loss)" ] && pass "A and B differ" || fail "A and B differ"
done

batches() {
	sed -n 's/.*"batch":"\([^"]*\).*/\1/p' .out
}
ok "a run" train --steps 5 --lr 1e-3
batches >a
ok "another init, lr and size" train --steps 5 --lr 9e-3 --seed 5 --layers 2 --dim 64
batches >b
same "has the same batches" a b
ok "another data seed" train --steps 5 --data-seed 2
batches | sort >b
sort a | comm -12 - b >both
[ -s both ] && fail "has others" "$(cat both)" || pass "has others"
equal "no batch comes twice" 5 "$(sort -u a | wc -l)"
# No newline at the end, no text at all but zeroes and bytes above 127: any file is a text.
head -c 50000 "$B/lc-train" >binary
ok "any file" train --text binary --steps 2
