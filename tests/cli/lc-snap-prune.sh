# lc-snap-prune: what stays and why, by every policy; what must stay whatever is said.
. "$TESTS/cli/lib.sh"
unset LC_STORE

mkdir s
save() { # save STEP OPTION...: a small state of its own
	echo "$*" >s/state.bin
	lc-snap save -q --step "$@" s | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/'
}
steps() { # steps OPTION...: what is there
	lc-snap list -j "$@" | sed 's/.*"step":\([0-9]*\).*/\1/' | tr '\n' ' ' | sed 's/ $//'
}
fresh() {
	rm -rf lc-store
	for n in 10 20 30 40 50 60 70 80 90; do save $n --run a >/dev/null; done
}

fresh
status "no policy" 2 lc-snap prune
status "none to keep" 2 lc-snap prune --keep-last 0
status "no number" 2 lc-snap prune --keep-last x
status "an operand" 2 lc-snap prune --keep-last 1 a
status "no store" 4 lc-snap prune --keep-last 1 -s none
ok "only told" lc-snap prune --keep-last 2 -n
equal "two stay" 2 "$(grep -c '^keep' .out)"
equal "seven would go" 7 "$(grep -c '^drop' .out)"
match "said" '2 kept, 7 would be dropped' .err
equal "nothing is gone" 9 "$(lc-snap list -j | wc -l)"
ok "as records" lc-snap prune --keep-last 2 -nj
match "one that stays" '^{"type":"prune","v":1,"id":"[0-9a-f]{64}","run":"a","branch":"","step":90,"keep":true,"why":\["newest","last"\]}$' .out
match "one that goes" '"step":70,"keep":false,"why":\[\]}$' .out
ok "done" lc-snap prune --keep-last 2
equal "the last two" "80 90" "$(steps)"
ok "again" lc-snap prune --keep-last 2
match "nothing more goes" '2 kept, 0 dropped' .err
ok "they are whole" lc-snap verify -q

fresh
ok "--keep-every" lc-snap prune -q --keep-every 40
equal "the first at or after each multiple, and the newest" "10 40 80 90" "$(steps)"
fresh
ok "--keep-log2" lc-snap prune -q --keep-log2
equal "one of each age: 80, 60, 30, 10, 0" "10 30 60 80 90" "$(steps)"
fresh
ok "two policies" lc-snap prune -q --keep-last 1 --keep-every 80
equal "what either keeps" "10 80 90" "$(steps)"

# named, tagged, filtered
fresh
save 15 --run a -t good=yes >/dev/null
save 16 --run a -t good=no >/dev/null
ok "--keep-tag" lc-snap prune -q --keep-last 1 --keep-tag good=yes
equal "stays" "15 16" "$(steps)"
fresh
ok "--keep" lc-snap prune -q --keep a@20 --keep @40
equal "stay, and the newest" "20 40 90" "$(steps)"
status "one that is not there" 3 lc-snap prune --keep @7
status "no tag" 2 lc-snap prune --keep-tag x
fresh
for n in 1 2 3; do save $n --run b >/dev/null; done
for n in 1 2 3; do save $n --run b --branch x >/dev/null; done
ok "of one run" lc-snap prune -q --run b --keep-last 1
equal "the newest of it and of its branch" "10 20 30 40 50 60 70 80 90 3 3" "$(steps)"
ok "of one branch" lc-snap prune -q --branch x --keep-last 1
equal "nothing else" 11 "$(lc-snap list -j | wc -l)"
ok "each line by itself" lc-snap prune -q --keep-last 1
equal "has its newest" "90 3 3" "$(steps)"

# parents: of the same line they are history, of another they are where it came from
rm -rf lc-store
p1=$(save 1 --run a)
p2=$(save 2 --run a -t parent=$p1)
p3=$(save 3 --run a -t parent=$p2)
save 4 --run a -t parent=$p3 >/dev/null
save 3 --run f -t parent=$p2 >/dev/null
ok "parents" lc-snap prune --keep-last 1
match "where a run that stays came from" '^keep .* a .* 2  parent$' .out
equal "stays" "2 4 3" "$(steps)"
ok "--drop-parents" lc-snap prune -q --keep-last 1 --drop-parents
equal "goes" "4 3" "$(steps)"
ok "all are whole" lc-snap verify -q

# damage, a read-only store, a full disk
fresh
first=$(ls lc-store/snapshots/* | head -n 1)
cp "$first" kept
echo x >"$first"
status "a damaged snapshot" 3 lc-snap prune --keep-last 1
match "nothing is dropped, and it is named" "nothing is dropped [^:]*: .*$(basename "$first")" .err
equal "nothing is gone" 9 "$(ls lc-store/snapshots | wc -l)"
ok "it can be passed over" lc-snap prune -q --keep-last 1 --ignore-damaged
ok "and is left" test -e "$first"
fresh
lc-snap prune --keep-last 1 -n >/dev/full 2>/dev/null
equal "a full disk" 4 $?
if [ "$(id -u)" != 0 ]; then
	chmod 555 lc-store/snapshots
	status "a read-only store" 4 lc-snap prune --keep-last 1
	chmod 755 lc-store/snapshots
fi
# two at once
fresh
lc-snap prune -q --keep-last 3 >/dev/null 2>err1 &
lc-snap prune -q --keep-last 3 >/dev/null 2>err2
r=$?
wait $!
equal "two at once" "0 0" "$r $?"
equal "three stay" "70 80 90" "$(steps)"
