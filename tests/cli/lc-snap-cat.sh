# lc-snap-cat: files and tensors of a snapshot on stdout: exact, verified, and only what is needed is read. And init.
. "$TESTS/cli/lib.sh"
unset LC_STORE

# le N WIDTH: an integer, little-endian
le() {
	n=$1 w=$2
	while [ "$w" -gt 0 ]; do
		printf "\\$(printf %03o $((n % 256)))"
		n=$((n / 256)) w=$((w - 1))
	done
}
# safetensors HEADER: the bytes of the tensors on stdin
safetensors() {
	le ${#1} 8
	printf %s "$1"
	cat
}
flip() { # flip FILE OFFSET: one bit
	byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	printf "\\$(printf %03o $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# init
ok "init" lc-snap init
match "it says what it did" 'lc-store: an empty store' .err
ok "init again" lc-snap init lc-store
match "it says that it is there" 'a store already' .err
mkdir empty full && : >full/thing
ok "init an empty directory" lc-snap init -q empty
equal "-q says nothing" "" "$(cat .err)"
status "a directory of something else" 3 lc-snap init full
absent "is left alone" full/packs full/lc-store
status "a place that is not there to be had" 4 lc-snap init /proc/store
status "two stores" 2 lc-snap init a b
equal "nothing is in it" "" "$(lc-snap list)"

# files
lc-train -q --text "$B/kjv.txt" --layers 1 --dim 64 --heads 2 --ctx 16 --batch 2 --total 20 --warmup 5 --val-every 0 \
	--probe-every 0 --save-every 1 --steps 3 --out ck >/dev/null
mkdir -p "ck/step-00000003/a:b"
printf 'x\0y' >"ck/step-00000003/a:b/c d"
: >ck/step-00000003/none
ln -s none ck/step-00000003/link
head -c 5000000 /dev/urandom >ck/step-00000003/noise
for n in 1 2 3; do lc-snap save -q ck/step-0000000$n; done >/dev/null
for f in model.safetensors optimizer.safetensors state.json noise none "a:b/c d"; do
	ok "cat $f" lc-snap cat @3 "$f"
	same "$f is as it was" "ck/step-00000003/$f" .out
done
ok "a name as show writes it" lc-snap cat @3 'a:b/c%20d'
same "is found" "ck/step-00000003/a:b/c d" .out
ok "of a run" lc-snap cat run@2 state.json
same "the snapshot that was named" ck/step-00000002/state.json .out
ok "of a step" lc-snap cat --step 1 state.json
same "likewise" ck/step-00000001/state.json .out
status "no such file" 3 lc-snap cat @3 nothing
status "a directory" 3 lc-snap cat @3 a:b
status "a link" 3 lc-snap cat @3 link
status "no such snapshot" 3 lc-snap cat @9 state.json
status "no path" 2 lc-snap cat @3
status "--npy without a tensor" 2 lc-snap cat @3 state.json --npy
lc-snap cat @3 noise >/dev/full 2>.err
equal "a full disk" 4 $?
lc-snap cat @3 noise 2>.err | head -c 10 >/dev/null
equal "a reader that goes away: no word" "" "$(cat .err)"

# tensors
w=embed.weight
ok "list" lc-snap cat @3 model.safetensors -l
match "a tensor" '^f32 +256x64 +65536  embed.weight$' .out
ok "list as records" lc-snap cat @3 model.safetensors -lj
rec=$(grep '"name":"embed.weight"' .out)
equal "one a tensor" "$(grep -c '"type":"tensor","v":1' .out)" "$(wc -l <.out)"
at=${rec##*'"at":'} at=${at%%,*} bytes=${rec##*'"bytes":'} bytes=${bytes%\}}
tail -c +$((at + 1)) ck/step-00000003/model.safetensors | head -c "$bytes" >want
ok "--tensor" lc-snap cat @3 model.safetensors --tensor $w
same "its bytes" want .out
ok "PATH:TENSOR" lc-snap cat @3 model.safetensors:$w
same "the same" want .out
ok "list all files" lc-snap cat @3 -l
match "with their names" ' optimizer.safetensors:embed.weight.exp_avg_sq$' .out
status "no such tensor" 3 lc-snap cat @3 model.safetensors:no
ok "--npy" lc-snap cat @3 model.safetensors:$w --npy
mkdir n && cp .out n/step-1.npy
tail -c "$bytes" .out >got
same "ends with its bytes" want got
equal "its header ends at a multiple of 64, with a newline" "0 0a" \
	"$((($(wc -c <.out) - bytes) % 64)) $(head -c $(($(wc -c <.out) - bytes)) .out | tail -c 1 | od -An -tx1 | tr -d ' ')"
head -c 128 .out | tr -d '\0' >head
match "and says what it is" "'descr': '<f4', 'fortran_order': False, 'shape': \(256, 64,?\)" head
if python3 -c 'import numpy' 2>/dev/null; then
	equal "numpy reads it" "(256, 64) float32" "$(python3 -c 'import numpy; a = numpy.load("n/step-1.npy"); print(a.shape, a.dtype)')"
fi
lc-snap save -q n/step-1.npy --step 1 --run npy >/dev/null
ok "a .npy is read back" lc-snap cat npy@1 -lj
match "as what it was" '"name":"array","dtype":"f32","shape":\[256,64\],"at":128,"bytes":65536' .out

# narrow types: bf16 1 -2 nan, f16 1 2^-24 -inf, i16 -1
mkdir -p t/step-1
{
	printf '\200\077\000\300\300\177'
	printf '\000\074\001\000\000\374'
	printf '\377\377'
	printf '\000\000\200\077'
} >payload
safetensors '{"b":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]},"h":{"dtype":"F16","shape":[3],"data_offsets":[6,12]},"i":{"dtype":"I16","shape":[1],"data_offsets":[12,14]},"s":{"dtype":"F32","shape":[],"data_offsets":[14,18]}}' <payload >t/step-1/m.safetensors
lc-snap save -q t/step-1 --run narrow >/dev/null
hex() { od -An -tx1 .out | tr -d ' \n'; }
ok "bf16" lc-snap cat narrow@1 m.safetensors:b
equal "as it is" 803f00c0c07f "$(hex)"
ok "bf16 as f32" lc-snap cat narrow@1 m.safetensors:b --f32
equal "is exact" 0000803f000000c00000c07f "$(hex)"
ok "f16 as f32" lc-snap cat narrow@1 m.safetensors:h --f32
equal "is exact too, the smallest and infinity as well" 0000803f00008033000080ff "$(hex)"
ok "bf16 as npy" lc-snap cat narrow@1 m.safetensors:b --npy
match "a word tells of uint16" 'npy knows no bf16: written as uint16' .err
match "so does the header" "'<u2'" .out
ok "a scalar as npy" lc-snap cat narrow@1 m.safetensors:s --npy
match "has no dimension" "'shape': \(\)" .out
status "integers as f32" 2 lc-snap cat narrow@1 m.safetensors:i --f32

# only what is needed is read: the last bytes of the pack of a file of many chunks are damaged
lc-snap save -q -s other --step 1 ck/step-00000003/noise >/dev/null
mkdir big && {
	head -c 8000000 /dev/urandom
} >big/payload
mkdir big/step-1
safetensors '{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]},"b":{"dtype":"F32","shape":[1000000],"data_offsets":[4000000,8000000]}}' <big/payload >big/step-1/m.safetensors
lc-snap save -q -s two big/step-1 >/dev/null
pack=$(ls two/packs/*.pack)
flip "$pack" 4300000
ok "a tensor whose chunks are sound" lc-snap cat -s two @1 m.safetensors:a
head -c 4000000 big/payload >want
same "is given" want .out
status "one that is damaged" 3 lc-snap cat -s two @1 m.safetensors:b
status "the file" 3 lc-snap cat -s two @1 m.safetensors
