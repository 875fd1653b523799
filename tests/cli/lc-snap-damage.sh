# lc-snap-damage: what is damaged is found and named, and is never restored; what is hostile is refused.
. "$TESTS/cli/lib.sh"
unset LC_STORE

mkdir -p ck/step-7 ck/step-8
head -c 1500000 /dev/urandom >ck/step-7/model.safetensors
echo '{"rng":1}' >ck/step-7/state.json
head -c 70000 /dev/urandom >ck/step-8/model.safetensors
fresh() {
	rm -rf lc-store out
	lc-snap save ck/step-7 >.7 && lc-snap save ck/step-8 >.8
	id7=$(sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' .7)
	pack7=$(ls -S lc-store/packs/* | head -n 1)
}
flip() { # flip FILE OFFSET: one bit
	byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	printf "\\$(printf %03o $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

fresh
flip "$pack7" 500000
status "verify finds a flipped bit" 1 lc-snap verify
equal "one file is damaged" 1 "$(wc -l <.out)"
match "of the right snapshot" "^$(echo "$id7" | cut -c 1-12)  run@7  model.safetensors: " .out
status "verify -j" 1 lc-snap verify -j
match "gives records" "^\{\"type\":\"damage\",\"v\":1,\"snapshot\":\"$id7\",.*\"files\":\[\{\"path\":\"model.safetensors\"" .out
status "restore refuses" 3 lc-snap restore @7 out
absent "and leaves nothing" out
equal "no temporary either" "" "$(ls -d .out.restore-* 2>/dev/null)"
ok "the other snapshot is whole" lc-snap verify @8
ok "and restores" lc-snap restore @8 out
same "as it was" ck/step-8/model.safetensors out/model.safetensors

fresh
size=$(wc -c <"$pack7")
for keep in $((size - 1)) $((size - 60)) 100 5 0; do
	truncate -s $keep "$pack7"
	status "verify, a pack cut to $keep bytes" 1 lc-snap verify
	status "restore" 3 lc-snap restore @7 out
done
absent "nothing restored" out
ok "a pack that cannot be read does not stop others" lc-snap restore @8 out
ok "saving again keeps what is lost anew" lc-snap save ck/step-7
ok "and all is whole" lc-snap verify
rm -rf out
ok "and restores" lc-snap restore "$id7" out
ok "as it was" diff -r ck/step-7 out

fresh
rm "$pack7"
status "a lost pack" 1 lc-snap verify
equal "is one line a snapshot" 1 "$(wc -l <.out)"
match "which counts its files" '^[0-9a-f]{12}  run@7  model.safetensors: .* \(and 1 more of its files\)$' .out

# the second line of a snapshot and the number of the last are no part of any hash
for seq in 9007199254740992 9223372036854775807 -1 1e400; do
	fresh
	sed -i "2s/\"seq\":1,/\"seq\":$seq,/" "lc-store/snapshots/$id7.json"
	rm -f lc-store/seq
	ok "save beside the number $seq" lc-snap save -q --run c ck/step-8
	ok "is a snapshot" lc-snap verify "$(sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' .out)"
	fresh
	sed -i "s/^[0-9]*/$seq/" lc-store/seq
	ok "save after the number $seq" lc-snap save -q --run c ck/step-8
	ok "keeps all well" lc-snap list
done

fresh
flip "lc-store/snapshots/$id7.json" 60
status "a damaged manifest" 1 lc-snap verify
match "is named" "^$(echo "$id7" | cut -c 1-12)  -  -: .*hash does not match" .out
status "list says so" 3 lc-snap list
match "and lists the other" ' 8 ' .out
status "it is not restored" 3 lc-snap restore "$id7" none
truncate -s 30 "lc-store/snapshots/$id7.json"
status "a torn manifest" 1 lc-snap verify
: >"lc-store/snapshots/$id7.json"
status "an empty manifest" 1 lc-snap verify
ok "saving again heals it" lc-snap save ck/step-7
ok "all is whole" lc-snap verify

fresh
# A chunk that no snapshot needs: a later save would build on it
rm "lc-store/snapshots/$id7.json"
flip "$pack7" 500000
status "damage in what nobody refers to" 1 lc-snap verify

fresh
printf 'lc-store 4\n' >lc-store/lc-store
status "a store of a later version" 3 lc-snap list
status "is not written to" 3 lc-snap save ck/step-7

# plant TREE: a snapshot of a hostile writer, whose hash is right
empty=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
plant() {
	rm -rf lc-store out up
	lc-snap save ck/step-8 >/dev/null
	rm lc-store/snapshots/*
	printf '{"type":"manifest","v":2,"run":"r","step":1,"tags":{},"tree":[%s]}' "$1" >line
	bad=$(sha256sum <line | cut -c 1-64)
	{
		cat line
		printf '\n{"seq":1,"time":1.5,"host":"h","stored":0}\n'
	} >"lc-store/snapshots/$bad.json"
}
file() {
	printf '{"path":"%s","kind":"file","mode":"0644","size":0,"roles":[],"chunks":[]}' "$1"
}
plant "$(file good)"
ok "a snapshot made by hand" lc-snap restore "$bad" out
ok "restores" test -f out/good
for path in ../up /up a/../../up . '' ./up; do
	plant "$(file "$path")"
	status "path '$path'" 3 lc-snap restore "$bad" out
done
plant "{\"path\":\"l\",\"kind\":\"link\",\"target\":\"..\"},$(file l/up)"
status "a file below a link" 3 lc-snap restore "$bad" out
plant "$(file a),$(file a)"
status "a name twice" 3 lc-snap restore "$bad" out
absent "nothing came of them" out up
plant '{"path":"big","kind":"file","mode":"0644","size":4000000000000,"roles":[],"chunks":["'$empty'"]}'
status "a size without its chunks" 3 lc-snap restore "$bad" out
