# lightcone.py: with a real torch, where there is one (LC_PYTHON, or python3): its cases, and an incident under lc-guard.
. "$TESTS/cli/lib.sh"

need_torch "lightcone.py"
scripts=$TESTS/../scripts
export OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1

mkdir work
"$python" "$TESTS/lightcone.py" "$scripts" "$B" work 2>err || failed=1
[ -s err ] && sed 's/^/# /' err

# The example's loop, broken at step 130 by a passing fault: every weight times 3. Its command line says nothing to
# lc-guard: all goes through the environment.
cat >faulty.py <<'END'
import os
import sys
import time

sys.path[:0] = [sys.argv.pop(1), sys.argv.pop(1)]
import torch
import lightcone as lc
import torch_loop

poll = lc.poll


def broken(optimizer):
    found = poll(optimizer)
    if lc._controls[optimizer].step == 130 and not os.path.exists("mark"):
        open("mark", "w").close()
        with torch.no_grad():
            for group in optimizer.param_groups:
                for p in group["params"]:
                    p.mul_(3)
    if os.environ.get("LC_BRANCH"):
        open("forked", "w").close()
    while lc._controls[optimizer].step == 150 and not os.path.exists("forked"):
        time.sleep(0.1)  # or it would be at its end before it is ended
    return found


lc.poll = broken
torch_loop.main()
END
ok "an incident under lc-guard" lc-guard -d g -w 8 -k 1 --nulls 2 --horizon 12 --readout 12 -- "$python" faulty.py "$scripts" \
	"$scripts/examples" --text "$B/kjv.txt" --steps 200 --layers 1 --dim 32 --heads 1 --context 16 --save-every 20
match "it is seen" '"type":"alert".*"kind":"spike"' g/journal.jsonl
equal "no future is void: each did what it was told" "" "$(grep '"status":"void"' g/journal.jsonl)"
match "batches and learning rates were checked" '"status":"done".*"checked":\{"lr":12,"batch":12' g/journal.jsonl
match "a future from before it is chosen" '"type":"decision".*"verdict":"better".*"step":120' g/journal.jsonl
equal "the run is whole" 200 "$(grep -o '"step":[0-9]*' g/run.jsonl | sort -u | wc -l)"
match "and its states are complete" '"step":180.*"missing":\[\]' g/journal.jsonl
awk -F'[:,]' '/"step":199,/ { at = $4 } END { exit !(at < 3.2) }' g/run.jsonl && pass "it ends in good health" ||
	fail "it ends in good health" "$(tail -n 1 g/run.jsonl)"

# The same of Hugging Face's Trainer, without an incident.
if "$python" -c 'import transformers, accelerate' 2>/dev/null; then
	head -c 60000 "$B/kjv.txt" >book.txt
	ok "the Trainer's example under lc-guard" lc-guard -d h -- "$python" "$scripts/examples/hf_trainer.py" --text book.txt \
		--steps 12 --layers 1 --dim 16 --heads 1 --context 16 --save-every 5 --val-every 5
	equal "it logs each step" 12 "$(grep -o '^{"step":[0-9]*,"loss"' h/run.jsonl | sort -u | wc -l)"
	match "with losses held out" '"step":10,"val_loss":[0-9]' h/run.jsonl
	match "and its states are complete" '"type":"snapshot".*"step":10.*"missing":\[\]' h/journal.jsonl
else
	skip "the Trainer's example" "no transformers"
fi
