# lc-snap-partial: some files of a snapshot; and what can be given of one that is damaged.
. "$TESTS/cli/lib.sh"
unset LC_STORE

mkdir -p ck/a/b ck/ab ck/hollow
head -c 2500000 /dev/urandom >ck/model.safetensors
head -c 1200000 /dev/urandom >ck/a/optimizer.bin
head -c 300000 /dev/urandom >ck/a/b/deep
echo '{"rng":1}' >ck/ab/state.json
echo x >"ck/a b"
ln -s a/b/deep ck/link
chmod 555 ck/a/b
ok "save" lc-snap save -q --run r --step 5 ck
tree() { (cd "$1" && find . ! -name . -printf '%P\n' | sort | tr '\n' ' '); }

ok "one file" lc-snap restore r@5 one model.safetensors
equal "alone" "model.safetensors " "$(tree one)"
same "as it was" ck/model.safetensors one/model.safetensors
ok "a directory, and a file with a blank" lc-snap restore r@5 two ./a/ "a b"
equal "with all below" "a a b a/b a/b/deep a/optimizer.bin " "$(tree two)"
ok "as they were" diff -r ck/a two/a
equal "with their modes" 555 "$(stat -c %a two/a/b)"
ok "deep down" lc-snap restore --step 5 three a/b/deep link
equal "with the directories on the way" "a a/b a/b/deep link " "$(tree three)"
ok "after --" lc-snap restore r@5 four -- hollow
equal "an empty one" "hollow " "$(tree four)"
for path in mod model.safetensors/x a/b/dee ../ck "" . /model.safetensors; do
	[ "$path" = . ] && continue
	status "not there: '$path'" 3 lc-snap restore r@5 five model.safetensors "$path"
done
absent "nothing came of it" five

# damage: a bit in the body of one chunk of a/optimizer.bin
ok "save it elsewhere" lc-snap save -q --run s --step 1 -s hurt ck/a/optimizer.bin
ok "then all" lc-snap save -q --run r --step 5 -s hurt ck
pack=$(ls -t hurt/packs/*.pack | tail -n 1)
[ "$(wc -c <"$pack")" -lt 1300000 ] || fail "the pack is that of the one file" "$(ls -l hurt/packs)"
printf '\377\000\377' | dd of="$pack" bs=1 seek=600000 conv=notrunc 2>/dev/null
status "verify" 1 lc-snap verify -s hurt
equal "names both snapshots" 2 "$(grep -c optimizer.bin .out)"
status "restore refuses" 3 lc-snap restore -s hurt r@5 out
absent "and leaves nothing" out
ok "the others can be had alone" lc-snap restore -s hurt r@5 rest model.safetensors ab
status "--partial" 1 lc-snap restore -s hurt --partial r@5 part
equal "one word" 1 "$(wc -l <.err)"
match "names it" '^lc-snap: a/optimizer.bin: is left out: ' .err
absent "it is left out" part/a/optimizer.bin
ok "all else is there" diff -r --no-dereference -x optimizer.bin ck part
status "-j" 1 lc-snap restore -j -q -s hurt --partial r@5 partj
match "too" '"lost":\[\{"path":"a/optimizer.bin","why":"' .out
status "--keep-damaged" 1 lc-snap restore -s hurt --partial --keep-damaged r@5 kept
match "says so" '^lc-snap: a/optimizer.bin: is damaged: ' .err
equal "it has its size" 1200000 "$(wc -c <kept/a/optimizer.bin)"
equal "and what is sound of it" "$(tail -c 100000 ck/a/optimizer.bin | cksum)" "$(tail -c 100000 kept/a/optimizer.bin | cksum)"
ok "nothing is lost: status 0" lc-snap restore -j --partial r@5 whole
match "and nothing is listed" '"lost":\[\]' .out
ok "all of it" diff -r --no-dereference ck whole
rm "$pack"
status "a pack that is gone" 1 lc-snap restore -s hurt --partial r@5 gone
absent "costs its file" gone/a/optimizer.bin
ok "and nothing else" diff -r --no-dereference -x optimizer.bin ck gone
status "--keep-damaged without --partial" 2 lc-snap restore --keep-damaged r@5 x
