# lc-snap-formats: the files of PyTorch and llm.c: what is in them is found and paired, through to the bytes stored.
. "$TESTS/cli/lib.sh"
unset LC_STORE
umask 022

field() { # field KEY: of the record in .out
	sed -n "s/.*\"$1\":\"*\([^\",}]*\).*/\1/p" .out
}
# takes STATE LIMIT: save it, restore it, and it took less than LIMIT percent of its bytes
takes() {
	ok "save $1" lc-snap save -s "$store" --step "${1##*/}" "$1"
	id=$(field id)
	percent=$((100 * $(field stored) / $(field bytes)))
	if [ "$percent" -lt "$2" ]; then
		pass "$1 takes less than $2 % of its bytes"
	else
		fail "$1 takes less than $2 % of its bytes: $percent"
	fi
	rm -rf out
	ok "restore $1" lc-snap restore -s "$store" "$id" out
	ok "as it was" diff -r "$1" out
}
python=
python3 -c 'import ctypes; ctypes.CDLL("libzstd.so.1")' 2>/dev/null && python=1

# what torch itself wrote
store=golden
ok "save what torch wrote" lc-snap save -s golden --step 1 "$TESTS/golden/tensor-torch"
ok "restore it" lc-snap restore -s golden @1 golden.out
ok "as it was" diff -r "$TESTS/golden/tensor-torch" golden.out
ok "save a distributed checkpoint" lc-snap save -s golden --step 2 "$TESTS/golden/dcp"
ok "restore it" lc-snap restore -s golden @2 dcp.out
ok "as it was" diff -r "$TESTS/golden/dcp" dcp.out
ok "a tensor of it by its name" lc-snap cat -s golden @1 tied-adamw.pt:optimizer.state.1.exp_avg
tail -c +4161 "$TESTS/golden/tensor-torch/tied-adamw.pt" | head -c 144 >want
same "is what it is" want .out

if [ ! $python ]; then
	skip "checkpoints of PyTorch and llm.c" "no python3 with libzstd"
	exit
fi

# {model, optimizer} in one file, the optimizer's state by number; then with weights in halves
lc-train -q --text "$B/kjv.txt" --layers 1 --dim 96 --heads 2 --ctx 16 --batch 4 --micro 1 --total 60 --warmup 5 \
	--val-every 0 --probe-every 0 --keep 9 --out ck --steps 30 >/dev/null
lc-train -q --text "$B/kjv.txt" --layers 1 --dim 96 --heads 2 --ctx 16 --batch 4 --micro 1 --total 60 --warmup 5 \
	--val-every 0 --probe-every 0 --keep 9 --out ck --resume ck --steps 1 >/dev/null
for n in 30 31; do
	mkdir -p torch/$n half/$n hf/$n
	ok "write a torch file" python3 "$TESTS/torch_zip.py" ck/step-000000$n torch/$n/checkpoint.pt
	ok "and one of halves" python3 "$TESTS/torch_zip.py" ck/step-000000$n half/$n/checkpoint.pt f16
	ok "and one of the optimizer" python3 "$TESTS/torch_zip.py" ck/step-000000$n hf/$n/optimizer.pt optimizer
	cp ck/step-000000$n/model.safetensors hf/$n
done
for store in torch half hf; do
	mkdir $store-x
	mv $store $store-x/in
	store=$store-x/store
	state=${store%/store}/in
	takes $state/30 84
	takes $state/31 35
	[ $store = half-x/store ] && half=$id
done
ok "the second reader" python3 "$TESTS/read_store.py" half-x/store "$half" out2
ok "gets the same" diff -r half-x/in/31 out2

# llm.c: the step is in the names of the files; one rank, then two with their parts of masters
store=llmc/store
ok "write llm.c's files" python3 "$TESTS/llmc.py" llmc/f32 5,6 1 f32
takes llmc/f32/5 84
takes llmc/f32/6 40
store=llmc/store2
ok "write those of two ranks" python3 "$TESTS/llmc.py" llmc/bf16 5,6 2 bf16
takes llmc/bf16/5 77
takes llmc/bf16/6 35
rm -rf out2
ok "the second reader" python3 "$TESTS/read_store.py" "$store" "$id" out2
ok "gets the same" diff -r llmc/bf16/6 out2

# twice the same, and what is constant: next to nothing
store=twice
mkdir -p twice/in/1
ok "write a torch file" python3 "$TESTS/torch_zip.py" ck/step-00000030 twice/in/1/a.pt
cp ck/step-00000030/model.safetensors twice/in/1
ok "save it" lc-snap save -s twice/store --step 1 twice/in/1
first=$(field stored)
mkdir twice/in/2
cp twice/in/1/a.pt twice/in/2
ok "alone" lc-snap save -s twice/alone --step 1 twice/in/2
equal "the weights in another file cost less than a fiftieth of themselves" 1 \
	$(((first - $(field stored)) * 50 < $(wc -c <twice/in/1/model.safetensors)))
mkdir constant
python3 - <<'E'
import struct
for name, x in ("zero", 0.0), ("one", 1.5):
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000, 1000), }".ljust(117) + "\n"
    with open("constant/%s.npy" % name, "wb") as f:
        f.write(b"\x93NUMPY\1\0" + struct.pack("<H", 118) + head.encode() + struct.pack("<f", x) * 1000000)
E
ok "save constant tensors" lc-snap save -s constant-store --step 1 constant
equal "they cost less than a thousandth" 1 $(($(field stored) * 1000 < 8000000))
