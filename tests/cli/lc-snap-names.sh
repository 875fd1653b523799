# lc-snap-names: every way to name a snapshot, and what is no name.
. "$TESTS/cli/lib.sh"
unset LC_STORE

keep() { # keep RUN STEP BYTE: prints the id
	echo "$3" >state
	lc-snap save -q --run "$1" --step "$2" state | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/'
}
a10=$(keep a 10 1)
a20=$(keep a 20 2)
b15=$(keep b 15 3)
odd=$(keep 'x y@<=5"' 7 4)
mail=$(keep me@5 8 5)
b15again=$(keep b 15 6)
a12=$(keep a 12 7)
hex=$(keep "$(echo "$b15" | cut -c 1-12)" 3 8)
latest=$(keep latest 4 9)

is() { # is WORD ID: show and restore agree on it
	rm -rf out
	if [ "$(lc-snap show -j "$1" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')" = "$2" ] &&
		[ "$(lc-snap restore -j "$1" out | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')" = "$2" ]; then
		pass "$1"
	else
		fail "$1" "is not $2"
	fi
}
is a@10 "$a10"
is a@20 "$a20"
is b@15 "$b15again"
is "$b15" "$b15"
is "$(echo "$b15" | cut -c 1-10)" "$b15"
is a@latest "$a12"
is b@latest "$b15again"
is 'a@<=19' "$a12"
is 'a@<=20' "$a20"
is 'a@<=9999' "$a20"
is '@<=11' "$a10"
is '@<=7' "$odd"
is @7 "$odd"
is latest "$latest"
is @latest "$latest"
is latest@latest "$latest"
is latest@4 "$latest"
is 'x y@<=5"@7' "$odd"
is 'x y@<=5"@latest' "$odd"
is me@5@8 "$mail"
is 'me@5@<=8' "$mail"
is "$(echo "$b15" | cut -c 1-12)@3" "$hex"
rm -rf out
for word in a@11 c@10 'a@<=9' c@latest 'me@<=4' @5 me@5; do
	status "nothing is $word" 3 lc-snap restore "$word" out
done
for word in a@ a@x a@-1 'a@<=' 'a@<=x' 'a@<10' 'a@ 10' a@1e1 a 'x y' latest@ "a@99999999999999999999" ""; do
	status "no name: '$word'" 2 lc-snap restore "$word" out
done
absent "nothing came of it" out
status "a run that is not --run" 2 lc-snap show --run b a@10
ok "the same one twice" lc-snap show --run a a@10
status "an id of another run" 3 lc-snap show --run a "$b15"
ok "verify takes names" lc-snap verify a@10 'b@<=99' latest
status "and says which is none" 3 lc-snap verify a@10 a@11

printf x | dd of="lc-store/snapshots/$a20.json" bs=1 seek=20 conv=notrunc 2>/dev/null
ok "with one manifest damaged, others have their names" lc-snap show -j a@latest
match "but it is said" '^lc-snap: 1 of the snapshots cannot be read' .err
ok "an id needs no other" lc-snap show -j "$a10"
equal "without a word" "" "$(cat .err)"
status "the damaged one" 3 lc-snap show "$a20"
match "is named" 'hash does not match' .err
