# examples: nanoGPT and llm.c under lc-guard, by scripts/examples/restart.py, in an incident each. In their place: stand-ins
# with their command lines, lines, checkpoint files and schedules (tests/trainers).
. "$TESTS/cli/lib.sh"

if ! command -v python3 >.out 2>&1; then
	skip "examples" "no python3"
	exit 0
fi
export PYTHONDONTWRITEBYTECODE=1
examples=$(cd "$TESTS/../scripts/examples" && pwd)
cp -R "$TESTS/trainers" trainers
cp trainers/nanogpt/*.py .
python3 - "$B/kjv.txt" <<'END2'
import os, struct, sys
text = [b % 16 for b in open(sys.argv[1], "rb").read(60000)]
head = struct.pack("<256i", 20240520, 1, 10000, *([0] * 253))
words = lambda t: struct.pack("<%dH" % len(t), *t)
os.makedirs("data/tiny")
for path, t in [("data/tiny/train.bin", words(text[:50000])), ("data/tiny/val.bin", words(text[50000:]))] + [
        ("train_%d.bin" % i, head + words(text[10000 * i:10000 * (i + 1)])) for i in range(5)] + [
        ("val.bin", head + words(text[50000:]))]:
    open(path, "wb").write(t)
END2
sed -i 's|(os.path.abspath(__file__)), "\.\.")|(os.path.abspath(__file__)), "trainers")|' model.py

tail='{"shape":"linear","to":0,"steps":10}'
restart() { # STATE OUT STEPS [ACTION...]: to be followed by -- COMMAND
	from=$1 to=$2 end=$3
	shift 3
	python3 "$examples/restart.py" --state "$from" --out "$to" --steps "$end" "$@"
}
# by NAME FILE FILE: each lr of the second over that of the first, of the steps of both
by() { awk 'NR == FNR { lr[$1] = $2; next } $1 in lr { printf "%s%.3g", n++ ? " " : "", $2 / lr[$1] }' "$1" "$2"; }

# ---- nanoGPT ----
nano="python3 train.py --dataset=tiny --batch_size=4 --block_size=32 --eval_iters=4 --eval_interval=10 --warmup_iters=5
	--lr_decay_iters=200 --learning_rate=0.05 --min_lr=0.005"
# shellcheck disable=SC2086
nano() { name=$1; shift; LRS=$name.lr restart "$@" -- $nano --max_iters=40 >"$name"; }
ok "nanoGPT: a run" nano whole none n none
equal "its states" "step-00000010 step-00000020 step-00000030 step-00000040" "$(echo n/* | sed 's|n/||g')"
from=n/step-00000020
ok "a future that ends" nano plain $from n1 30
ok "its state" test -f n1/step-00000030/ckpt.pt
equal "and no other" 1 "$(ls n1 | wc -l)"
equal "no step more" 30 "$(lc-read -F nanogpt plain | tail -n 1 | grep -o '"step":[0-9]*' | cut -d : -f 2)"
ok "half the lr" nano half $from n2 30 --lr-scale 0.5
equal "is half the lr at each step" 0.5 "$(by plain.lr half.lr | tr ' ' '\n' | sort -u)"
ok "a cooldown" nano cool $from n3 30 --lr-tail "$tail"
equal "ends at no lr" 0 "$(sed -n 's/^30 //p' cool.lr)"
ok "another order" nano other $from n4 30 --reseed 1
ok "has other losses" sh -c '! cmp -s plain other'
ok "the same twice" nano again $from n5 30 --reseed 1
for f in other again; do grep -o '^iter [0-9]*: loss [0-9.]*' $f >$f.losses; done
same "but for the time" other.losses again.losses
status "what nanoGPT has no word for is refused" 2 nano no $from n6 30 --weight-decay-scale 2
head -c 3000 n/step-00000020/ckpt.pt >cut
mkdir torn && mv cut torn/ckpt.pt
status "a state that is cut short is refused" 2 nano no torn n7 30

# ---- llm.c ----
llmc="trainers/llmc/train_gpt2cu -i train_*.bin -j val.bin -b 4 -t 32 -l 0.05 -u 5 -q 0.1 -v 10 -m 4 -n 10"
# shellcheck disable=SC2086
llmc() { name=$1; shift; set -f; restart "$@" -- $llmc -x 60 -nk 2 >"$name"; got=$?; set +f; return $got; }
lr_of() { lc-read -F llmc "$1" | sed -n 's/.*"step":\([0-9]*\).*"lr":\([0-9.e-]*\).*/\1 \2/p' >"$1.lr"; }
ok "llm.c: a run" llmc whole none l none
equal "its states, also those it removed" 6 "$(ls -d l/step-* | wc -l)"
from=l/step-00000020
ok "a future that ends" llmc plain $from l1 30
equal "is the run's own, bit for bit" "$(grep '^step   2[1-9]' whole | cut -d '|' -f 1-4)" "$(grep '^step   2[1-9]' plain | cut -d '|' -f 1-4)"
equal "its state" "DONE_00000030 model_00000030.bin state_00000030_00000.bin" "$(cd l1/step-00000030 && echo *)"
ok "a cooldown" llmc cool $from l2 30 --lr-tail "$tail"
lr_of plain && lr_of cool
equal "is a line down to no lr" "0.9 0" "$(by plain.lr cool.lr | tr ' ' '\n' | sed -n '1p;$p' | tr '\n' ' ' | sed 's/ $//')"
ok "another order" llmc other $from l3 30 --reseed 1
ok "has other losses" sh -c '! cmp -s plain other'
status "an order beyond its shards is refused" 2 llmc no $from l4 30 --reseed 5
status "and a skip" 2 llmc no $from l4 30 --skip 3-4

# ---- an incident of each, as restart.py says ----
guard() { # DIR FORMAT SPACE COMMAND...
	d=$1 format=$2 space=$3
	shift 3
	lc-guard -d "$d" -F "$format" -S "$examples/$space.json" -j 2 --no-probes -w 12 -k 2 --horizon 10 --readout 10 --nulls 2 -- \
		python3 "$examples/restart.py" --state {state} --out {out} --steps {steps} {actions} -- "$@"
}
told() { # DIR NAME LAST
	match "$2: the alert" '"type":"alert".*"kind":"nonfinite"' "$1/journal.jsonl"
	# which of the two depends on whether a dead state was kept before the guard came
	match "$2: a decision" '"type":"decision",.*"verdict":"(better|none)"' "$1/journal.jsonl"
	match "$2: readouts were run" '"branch":"b000.cool","status":"(done|killed)"' "$1/journal.jsonl"
	match "$2: its states are read" '"type":"snapshot".*"roles":\["weights","optimizer"' "$1/journal.jsonl"
	equal "$2: the run is whole" "$3" "$(grep -o '^{"step":[0-9]*,"loss"' "$1/run.jsonl" | sort -u | wc -l)"
	match "$2: and ends finite" "^\{\"step\":$3,\"loss\":[0-9.]+" "$1/run.jsonl"
}
# shellcheck disable=SC2086
FAULT="80:$PWD/nano.mark" ok "an incident of nanoGPT" guard gn nanogpt nanogpt $nano --max_iters=139
told gn nanoGPT 140
set -f
# shellcheck disable=SC2086
FAULT="80:$PWD/llmc.mark" ok "an incident of llm.c" guard gl llmc llmc $llmc -x 140
set +f
told gl llm.c 140
match "llm.c: learning rates were checked" '"status":"done".*"checked":\{"lr":[0-9]' gl/journal.jsonl
