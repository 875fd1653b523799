#!/bin/sh
# lc-train: the examples of its manual pages do what the pages say.
. "$TESTS/cli/lib.sh"

# example PAGE: the literal block under EXAMPLES
example() {
	awk '/^\.Sh/ { on = /EXAMPLES/ } on && /^\.Ed/ { exit } on && in_block { print } on && /^\.Bd/ { in_block = 1 }' \
		"$TESTS/../man/$1"
}

example lc-train.1 >train.sh
equal "lc-train.1 has an example" 2 "$(wc -l <train.sh)"
ok "lc-train.1" sh -e train.sh
equal "the branch goes on where it should" '{"step":41' "$(head -n 1 b1.jsonl | cut -d, -f1)"
match "at half the learning rate" '"lr":0.00041,' b1.jsonl
equal "the plan's batch comes back after the skip" "$(sed -n '47s/.*"batch":\("[^"]*"\).*/\1/p' run.jsonl)" \
	"$(sed -n '6s/.*"batch":\("[^"]*"\).*/\1/p' b1.jsonl)"
rm -r run
example lc-trainer.7 >trainer.sh
ok "lc-trainer.7" sh -e trainer.sh
equal "the branch of lc-trainer.7 ends at 40" '{"step":40' "$(tail -n 1 branch.jsonl | cut -d, -f1)"

# every option is in the page or only in --help, and every option of the page exists
ok "--help" lc-train --help
for option in $(sed -n 's/^\.\(It \)\{0,1\}Fl //p' "$TESTS/../man/lc-train.1" | tr ' ' '\n' | sed -n 's/^-\([a-z][a-z0-9-]*\)$/\1/p' | sort -u); do
	[ "$option" = help ] || grep -q "^  --$option " .out || fail "lc-train.1 speaks of --$option"
done
pass "every option in lc-train.1 exists"
