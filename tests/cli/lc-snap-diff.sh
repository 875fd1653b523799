# lc-snap-diff: what differs between two snapshots, in numbers that can be checked by hand.
. "$TESTS/cli/lib.sh"
unset LC_STORE

le() { # le N WIDTH: an integer, little-endian
	n=$1 w=$2
	while [ "$w" -gt 0 ]; do
		printf "\\$(printf %03o $((n % 256)))"
		n=$((n / 256)) w=$((w - 1))
	done
}
safetensors() { # safetensors HEADER: the bytes of the tensors on stdin
	le ${#1} 8
	printf %s "$1"
	cat
}
head='{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"h":{"dtype":"F16","shape":[2],"data_offsets":[16,20]},"i":{"dtype":"I32","shape":[1],"data_offsets":[20,24]},"z":{"dtype":"F32","shape":[1],"data_offsets":[24,28]}}'
mkdir -p a/step-1/sub b/step-2/sub
# w: 1 2 3 4, then 1 2 3 5; h: 1 inf, then 1 1; i: -1, then 1; z: 7 both
one='\000\000\200\077\000\000\000\100\000\000\100\100'
printf "$one"'\000\000\200\100\000\074\000\174\377\377\377\377\000\000\340\100' | safetensors "$head" >a/step-1/m.safetensors
printf "$one"'\000\000\240\100\000\074\000\074\001\000\000\000\000\000\340\100' | safetensors "$head" >b/step-2/m.safetensors
echo same | tee a/step-1/same >b/step-2/same
echo gone >a/step-1/gone
echo new >b/step-2/new
printf 'abc' >a/step-1/text
printf 'abXdef' >b/step-2/text
ln -s one a/step-1/link
ln -s two b/step-2/link
chmod 600 a/step-1/sub && chmod 700 b/step-2/sub
chmod 644 a/step-1/* b/step-2/* 2>/dev/null
chmod 755 a/step-1/sub
chmod 700 b/step-2/sub
lc-snap save -q a/step-1 >/dev/null
lc-snap save -q b/step-2 >/dev/null
status "they differ" 1 lc-snap diff @1 @2
cat .out >table
match "words say how much" '4 files differ, 3 tensors in them' .err
match "a tensor by hand" '^tensor +1 +25.000% +0.183 +1 +0/0  m.safetensors:w \(f32 2x2\)$' table
match "what is no longer there" '^removed +5 .* gone$' table
match "what is new" '^added +4 .* new$' table
match "bytes of no tensor" '^changed +4 .* text$' table
match "a mode" '^mode .* sub \(0700, was 0755\)$' table
match "a link" '^changed .* link$' table
equal "what is equal is not named" 0 "$(grep -cE 'same|m.safetensors:z|rest' table)"
status "as records" 1 lc-snap diff -j @1 @2
equal "each one" "$(wc -l <.out)" "$(grep -c '^{"type":"difference","v":1,.*}$' .out)"
match "the same tensor" '"tensor":"w","dtype":"f32","shape":\[2,2\],"bytes":1,"elements":4,"changed":1,"relative_l2":0.1825741858350553[0-9]*,"max":1' .out
match "infinite before, and not after" '"tensor":"h".*"relative_l2":0,"max":0,"nonfinite":\[1,0\]' .out
match "integers" '"tensor":"i".*"relative_l2":2,"max":2' .out
match "sizes" '"path":"text","kind":"file","bytes":4,"sizes":\[3,6\]' .out
cp .out records
status "again" 1 lc-snap diff -j @1 @2
same "the same order, the same numbers" records .out
status "the other way round" 1 lc-snap diff -j @2 @1
match "a is what comes first" '"relative_l2":0.16012815380508713' .out
ok "with itself" lc-snap diff @1 @1
equal "nothing" "" "$(cat .out)"
status "with a directory" 1 lc-snap diff -j @1 b/step-2
same "is the same" records .out
ok "with the directory that was saved" lc-snap diff -q @1 a/step-1
equal "no word" "" "$(cat .err)"
ok "two directories" lc-snap diff b/step-2/ ./b/step-2
status "one operand" 2 lc-snap diff @1
status "no such snapshot" 3 lc-snap diff @1 @7
lc-snap diff @1 @2 >/dev/full 2>/dev/null
equal "a full disk" 4 $?

# another header: tensors are compared, wherever they lie
head2='{"i":{"dtype":"I32","shape":[1],"data_offsets":[20,24]},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"h":{"dtype":"F16","shape":[2],"data_offsets":[16,20]},"y":{"dtype":"I32","shape":[1],"data_offsets":[24,28]}}      '
mkdir -p c/step-3
printf "$one"'\000\000\200\100\000\074\000\174\377\377\377\377\000\000\340\100' | safetensors "$head2" >c/step-3/m.safetensors
lc-snap save -q c/step-3 >/dev/null
mkdir -p d/step-4
cp a/step-1/m.safetensors d/step-4
lc-snap save -q d/step-4 >/dev/null
status "another header" 1 lc-snap diff @4 @3
match "one tensor is gone" '^removed +4 .*m.safetensors:z ' .out
match "one is new" '^added +4 .*m.safetensors:y ' .out
match "and the header differs" '^rest +[1-9][0-9]* .*m.safetensors \(in no tensor\)$' .out
equal "the others are equal" 0 "$(grep -c '^tensor' .out)"
sed 's/"shape":\[2,2\]/"shape":[4,1]/' d/step-4/m.safetensors >c/step-3/m.safetensors
lc-snap save -q --run shaped c/step-3 >/dev/null
status "another shape" 1 lc-snap diff @4 shaped@3
match "is said" '^shape +16 .*m.safetensors:w ' .out

# what is the same is not read: damage there is not met, and numbers do not depend on how files are cut
lc-train -q --text "$B/kjv.txt" --layers 2 --dim 128 --heads 2 --ctx 16 --batch 2 --total 20 --warmup 5 --val-every 0 \
	--probe-every 0 --save-every 1 --steps 2 --out ck >/dev/null
lc-snap save -q -s st ck/step-00000001 >/dev/null
cp -R ck/step-00000001 ck/step-00000009
sed 's/"step":1/"step":9/' ck/step-00000001/state.json >ck/step-00000009/state.json
lc-snap save -q -s st ck/step-00000009 >/dev/null
lc-snap save -q -s st ck/step-00000002 >/dev/null
for pack in st/packs/*; do
	[ "$(wc -c <"$pack")" -gt 1000000 ] || continue
	dd if=/dev/zero of="$pack" bs=1 seek=300000 count=64 conv=notrunc 2>/dev/null
	break
done
rm -rf whole && status "the pack is damaged" 1 lc-snap verify -q -s st
status "only state.json differs, and the rest is not read" 1 lc-snap diff -s st @1 @9
equal "one file" 1 "$(wc -l <.err)"
match "state.json" '1 file differs, 0 tensors' .err
lc-snap save -q -s st2 ck/step-00000001 >/dev/null
lc-snap save -q -s st2 ck/step-00000002 >/dev/null
status "stored" 1 lc-snap diff -j -s st2 @1 @2
cp .out stored
status "and on disk" 1 lc-snap diff -j -s st2 ck/step-00000001 ck/step-00000002
same "give the same numbers" stored .out
