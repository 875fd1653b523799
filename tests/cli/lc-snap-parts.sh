# lc-snap-parts: ranks save their parts in any order, at once, twice, killed; the state is there when all are.
. "$TESTS/cli/lib.sh"
unset LC_STORE

field() { # field KEY: of the record in .out
	sed -n "s/.*\"$1\":\"*\([^\",}]*\).*/\1/p" .out
}
mkdir all
for r in 0 1 2 3; do
	mkdir -p "ck$r/rank$r"
	head -c 400000 /dev/urandom >"ck$r/rank$r/model.safetensors"
	echo '{"rng":1,"data":2}' >"ck$r/state.json"
	cp -R "ck$r/." all
done
part() { # part RANK STEP [OPTION]...
	r=$1 n=$2
	shift 2
	lc-snap save --run a --step "$n" --part "$r/4" "$@" "ck$r"
}
ok "part 1" part 1 5
equal "is no snapshot" parts "$(field type)"
match "is said" '^lc-snap: a@5: part 1 of 4 is in; missing 0,2,3$' .err
ok "part 3" part 3 5
match "who is in, and who is missing" '"in":\[1,3\],"missing":\[0,2\]' .out
status "it cannot be restored" 3 lc-snap restore a@5 out
ok "list" lc-snap list
match "shows it" '^- +a +5 .*parts 1,3 of 4 are in; missing 0,2$' .out
ok "list -j" lc-snap list -j
match "too" '"type":"parts","v":1,"run":"a","step":5,"of":4,"in":\[1,3\],"missing":\[0,2\]' .out
ok "but not of another run" lc-snap list -j --run b
equal "nothing" "" "$(cat .out)"
ok "verify" lc-snap verify
ok "part 3 again" part 3 5
match "replaces it" '"in":\[1,3\]' .out
ok "another step begins anew" part 0 6
match "alone" '"in":\[0\],"missing":\[1,2,3\]' .out
ok "another group, too" part 0 5 --group second
match "alone" '"group":"second"' .out
ok "and another number of ranks" lc-snap save --run a --step 5 --part 0/2 ck0
match "alone" '"of":2,"in":\[0\],"missing":\[1\]' .out
ok "part 0" part 0 5
ok "the last" part 2 5
equal "is the snapshot" snapshot "$(field type)"
id=$(field id)
ok "it restores" lc-snap restore a@5 out
ok "to the whole tree" diff -r all out
ok "saved whole it is the same" lc-snap save --run a --step 5 all
equal "snapshot" "$id" "$(field id)"
ok "a part that comes once more" part 2 5
equal "is in it" "$id" "$(field id)"
ok "list" lc-snap list -j
equal "leaves nothing behind" 0 "$(grep '"group"\|"of":2\|"step":6' -v .out | grep -c '"type":"parts"')"

head -c 400000 /dev/urandom >ck1/rank1/model.safetensors
mkdir -p ck2/rank1 && echo other >ck2/rank1/model.safetensors
ok "a part" part 1 7
status "one name with other bytes" 3 part 2 7
match "names both" '^lc-snap: rank1/model.safetensors: part 2 has other bytes than part 1$' .err
ok "list" lc-snap list -j
match "it is not in" '"step":7,"of":4,"in":\[1\]' .out
rm -r ck2/rank1
echo file >ck2/rank1
status "a file where another has a directory" 3 part 2 7
rm ck2/rank1
ok "put right" part 2 7
printf x | dd of="$(grep -l '"step":7' lc-store/parts/*/1.json)" bs=1 seek=40 conv=notrunc 2>/dev/null
status "a damaged part" 3 lc-snap list
match "is named" 'parts/.*/1.json: damaged' .err
ok "others" part 0 7
ok "come" part 3 7
match "it counts as missing" '"missing":\[1\]' .out
ok "saved again, it heals" part 1 7
equal "all is there" snapshot "$(field type)"

status "a role that all parts lack" 3 lc-snap save --run b --step 1 --part 0/1 --require optimizer ck0
match "is named" 'all 1 parts are in, and lack \["optimizer"\]' .err
ok "the parts stay" grep -q '"run":"b"' lc-store/parts/*/0.json
for words in 4/4 -1/4 0/0 0/99999999 1 1/ /4 1/4/5 a/b ''; do
	status "no part: '$words'" 2 lc-snap save --run a --step 9 --part "$words" ck0
done
status "a group without parts" 2 lc-snap save --run a --step 9 --group x ck0

for i in 1 2 3 4 5; do
	for r in 0 1 2 3; do
		part $r 10$i -q >out.$r 2>err.$r &
	done
	wait
	equal "four at once, $i: one says it is whole" "snapshot" \
		"$(cat out.[0-3] | sed -n 's/.*"type":"\(snapshot\)".*/\1/p' | tr '\n' ' ' | sed 's/ $//')"
	equal "without a word" "" "$(cat err.[0-3])"
done
equal "five snapshots" 5 "$(lc-snap list -j | grep '"type":"snapshot"' | grep -c '"step":10[1-5]')"
ok "all is whole" lc-snap verify -q

# gc: what parts need stays, until they are too old
echo one >one
mkdir half && head -c 900000 /dev/urandom >half/x
ok "a part" lc-snap save -q -s waste --run a --step 1 --part 0/2 half
ok "gc" lc-snap gc -q -s waste --grace 0
ok "young parts stay" lc-snap gc -q -s waste --grace 0 --parts 1h
ok "the other part" lc-snap save -q -s waste --run a --step 1 --part 1/2 one
ok "all is there" lc-snap verify -q -s waste
ok "a part, again" lc-snap save -q -s waste --run a --step 2 --part 0/2 ck0
sleep 1.1
ok "told" lc-snap gc -s waste --grace 0 --parts 0 -n
match "what would be" 'would be: [1-9]' .out
ok "it is still there" grep -q '"step":2' waste/parts/*/0.json
ok "dropped" lc-snap gc -s waste --grace 0 --parts 0
match "is said" 'a@2: part 0 of 2 is dropped' .err
ok "list" lc-snap list -s waste -j
equal "is without it" 1 "$(wc -l <.out)"
ok "the rest is whole" lc-snap verify -q -s waste
