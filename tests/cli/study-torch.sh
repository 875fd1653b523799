# study, in PyTorch: its trainer says and does what lc-train's words ask, and an incident goes through all that the study does.
. "$TESTS/cli/lib.sh"

need_torch "the study in PyTorch"
export PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
scripts=$TESTS/../scripts/study
train() { # OUT STATE STEPS [WORD...]
	o=$1 s=$2 n=$3
	shift 3
	"$python" "$scripts/torch_train.py" --text "$B/kjv.txt" --layers 1 --dim 32 --heads 2 --ctx 32 --batch 4 --total 30 --warmup 5 \
		--lr 4e-3 --val-every 10 --save-every 10 --probe-every 10 --out "$o" --resume "$s" --steps "$n" "$@"
}
steps() { grep '^{"step"' "$1" | sed 's/"wall_s":[^,]*,//;s/,"attn_entropy".*"batch"/,"batch"/'; }

# ---- the trainer ----
ok "a run" train o none none
cp .out whole
equal "logs each step" 30 "$(steps whole | wc -l)"
match "holds out two shards" '"step":10,.*"val_loss":[0-9.]+,"test_loss":[0-9.]' whole
match "and probes" '"step":10,.*"gvar":[0-9.]+.*"attn_logit_max":[0-9.]' whole
match "its state tells the plan" '"schedule": .*"kind": "wsd", "lr": 0.004' o/step-00000010/state.json
ok "resumed" train o2 o/step-00000020 none
steps whole | tail -n 10 >want
steps .out >got
same "it is the same run, to the bit" want got
ok "a future" train o3 o/step-00000020 2 --lr-scale 0.5 --skip 21-22 --fault lr-bump@22-:4
steps .out >got
equal "has its lr, and its fault's on top" "0.002 0.008" "$(sed 's/.*"lr":\([0-9.]*\).*/\1/' got | xargs)"
match "it is read where it ends" '"step":22,.*"val_loss":[0-9]' .out
sed 's/.*"batch"/"batch"/' got >batches
equal "and batches of no plan" "2 0" "$(wc -l <batches) $(grep -cFf batches want)"
status "a fault that it does not know is refused" 1 train o4 none 1 --fault rain@3
ok "a NaN, once" train o5 o/step-00000020 3 --fault nan@21,once=struck
match "strikes" '"step":21,.*"grad_norm":"nan"' .out
ok "and again" train o6 o/step-00000020 3 --fault nan@21,once=struck
equal "does not" 0 "$(grep -c '"nan"' .out)"
cat >ended.py <<'END'
import os, sys, torch_train
say = torch_train.lc.log
torch_train.lc.log = lambda *a, **b: (say(*a, **b), os.kill(os.getpid(), 15))
sys.argv[1:] = ["--text", sys.argv[1], "--layers", "1", "--dim", "8", "--ctx", "8", "--lr-scale", "0.5"]
torch_train.main()
END
mkdir tmp
TMPDIR=$PWD/tmp PYTHONPATH=$scripts "$python" ended.py "$B/kjv.txt" >.out 2>.err
equal "a signal ends it after its step, and leaves no file" "143 1 0" "$? $(steps .out | wc -l) $(find tmp -type f | wc -l)"
PYTHONPATH=$scripts "$python" - >faults.txt 2>.err <<'END'
import torch, torch_faults
plan = dict(kind="wsd", lr=1.0, min_lr=0, warmup=10, total=100, decay_frac=0.2)
rows = torch.arange(8).reshape(2, 4)
def batch(spec, step, planned=True):
    return torch_faults.Faults([spec], plan).batch(step, rows, planned, None)
print(batch("bad-data@3-5:encoding", 4)[0].tolist(), torch.equal(batch("bad-data@3-5", 4, False)[0], rows), batch("mislabel@3", 3)[1].tolist())
f = torch_faults.Faults(["lr-ramp@21-24:16", "warm-restart@60"], plan)
print(*("%g %s" % f.lr(s, __import__("plan").lr) for s in (20, 22, 24, 30, 90, 100)))
x = [torch.ones(1000), torch.ones(24)]
torch_faults.flip(x, 50, 31, torch.Generator().manual_seed(1))
print(sum(int((t == -1).sum()) for t in x) in range(40, 51), sum(int((t == 1).sum()) for t in x) > 900)
END
same "what faults do" faults.txt - <<'END'
[[0, 0, 1, 0], [4, 0, 5, 0]] True [[5, 6, 7], [1, 2, 3]]
1 True 4 True 16 True 16 True 16 True 0 True
True True
END

# ---- the study ----
study() { python3 "$scripts/study.py" -d "$PWD/here" "$@"; }
ok "an incident" study --study torch-tiny -j 2
cp .out report.txt
match "four policies" '^study torch-tiny, set report: 4 cells$' report.txt
match "are in a table" '^ +nothing +half lr +lightcone +oracle$' report.txt
match "the incident is seen" '^moments, in PyTorch +1 of 1 ' report.txt
match "lightcone decides" '^incidents: lightcone +[1-9][0-9]* +[1-9]' report.txt
python3 - here/cells/*.json >first <<'END'
import json, sys
for path in sys.argv[1:]:
    with open(path) as f:
        for d in json.load(f).get("decisions", [])[:1]:
            print(d["verdict"], d["why"])
END
match "by noise that was read: no future is void" '^(better|none|undecided) ' first
equal "nor does anything lack" 0 "$(grep -c 'null branches were read\|not read' first)"
ok "again" study --study torch-tiny
same "runs nothing" report.txt .out

ok "a full study that has no GPU's cells" study --study full --report -d "$PWD/none" --only nothing
match "says so" '^no PyTorch cells were begun here$' .out
PYTHONPATH=$scripts B=$B python3 - >sizes.txt <<'END'
from torch_size import LEAST, PASSES, SHAPES, choose
with open("text", "wb") as f:
    f.truncate(4096 * 1000)  # of all shapes 1000 steps
def pace(*rates):
    return dict(python="none", pace={words: r for (_, words, _), r in zip(SHAPES, rates)})
for rates, hours in (((20, 40, 80), 6), ((4, 40, 80), 6), ((4, 4, 4), 6), ((4, 4, 4), 100), ((900, 1, 1), 6)):
    got = choose(pace(*rates), hours, "text")
    print(got and (got[0], got[4]), got and LEAST <= got[4] <= 1000 * PASSES)
print(choose(pace(1), 6, "text", False))
END
same "the largest model that the hours and the text allow" sizes.txt - <<'END'
('GPT-2', 6640) True
('GPT-2, smaller', 8000) True
None None
('GPT-2', 8000) True
('GPT-2', 8000) True
None
END
