# lc-read: what each framework's log becomes. Expected records are made here, from what the logs were made of or by awk.
. "$TESTS/cli/lib.sh"

logs=$TESTS/golden/logs

# becomes NAME ARGUMENT...: lc-read says nothing and prints what is in the file want.
becomes() {
	be_name=$1
	shift
	lc-read "$@" >got 2>err
	equal "$be_name: status" 0 $?
	same "$be_name: records" want got
	equal "$be_name: no word" "" "$(cat err)"
}

# What tests/golden/logs/make logged: series FROM TO STEP-FACTOR HELD-OUT-EVERY [DIGITS [NAN-AT [GRAD-NORM? [LR]]]]
series() {
	awk -v a="$1" -v b="$2" -v k="$3" -v every="$4" -v most="${5:-6}" -v nan="${6:-35}" -v gn="${7:-1}" -v lr="${8-,\"lr\":0.0003}" '
	function short(x,  p, t) {
		for (p = 6; p <= most; p++) {
			t = sprintf("%." p "g", x)
			if (t + 0 == x) break
		}
		return t
	}
	BEGIN {
		for (s = a; s <= b; s++) {
			printf "{\"step\":%d,\"loss\":%s", s * k, s == nan ? "\"nan\"" : short(3 - s / 100)
			if (gn) printf ",\"grad_norm\":%s", short(.5 + s % 7 / 10)
			printf "%s", lr
			if (every && s % every == 0) printf ",\"val_loss\":%s", short(3.1 - s / 100)
			print "}"
		}
	}'
}
without_time() { sed 's/,"wall_s":[0-9.]*//'; }

# TensorBoard
series 1 40 1 10 >want
lc-read "$logs"/tensorboard/*.1.0 >all 2>err
equal "tensorboard: status" 0 $?
without_time <all >got
same "tensorboard: simple values" want got
lc-read "$logs/tensorboard-v2" | without_time >got
same "tensorboard: tensors, in a directory" want got
match "tensorboard: seconds since the first metric" '^{"step":10,.*"wall_s":9.5}$' all
series 1 30 1 10 >want
echo '{"type":"rewind","v":1,"from":40,"to":31}' >>want
series 31 50 1 10 >>want
lc-read "$logs/tensorboard" | without_time >got
same "tensorboard: two files, the newest wins" want got
series 1 40 1 10 >want
echo '{"type":"rewind","v":1,"from":40,"to":31}' >>want
series 31 50 1 10 >>want
lc-read -r "$logs/tensorboard" | without_time >got
same "tensorboard: -r keeps both" want got
cat "$logs"/tensorboard/* | lc-read -F tensorboard | without_time >got
same "tensorboard: a pipe has both too" want got

# W&B: the log's own step, not wandb's; a nested name
series 1 60 10 10 17 >want
lc-read "$logs/run-7c8ddm8c.wandb" >all 2>err
equal "wandb: status, no word" "0 " "$? $(cat err)"
without_time <all >got
same "wandb: records" want got
lc-read -m step=_step "$logs/run-7c8ddm8c.wandb" | sed -n 's/.*"step":\([0-9]*\),.*/\1/p' >got
seq 0 59 >want
same "wandb: -m step=_step" want got

# Hugging Face
lc-read "$logs/hf/trainer_state.json" >all
sed 's/,"lr":[0-9.e-]*//; /val_loss/d' all >got
series 1 60 1 0 6 35 1 '' | sed 's/\("step":36,.*"grad_norm":\)[0-9.]*/\1"inf"/' >want
same "hf: loss and gradient norm" want got
grep val_loss all >got
for s in 20 40 60; do echo "{\"step\":$s,\"val_loss\":$(awk -v s=$s 'BEGIN { print 3.1 - s / 100 }')}"; done >want
same "hf: held-out loss" want got
mkdir -p out/checkpoint-900 out/checkpoint-1000
cp "$logs/hf/trainer_state.json" out/checkpoint-1000
echo '{"log_history":[{"step":1,"loss":9}]}' >out/checkpoint-900/trainer_state.json
lc-read out >got
same "hf: of a directory of checkpoints, the newest" all got
printf '\n [ {"step": 1, "loss": 2},\n  {"step": 2, "loss": NaN} ]\n' >array.json
printf '{"step":1,"loss":2}\n{"step":2,"loss":"nan"}\n' >want
sed 1d array.json >array2.json
becomes "an array of objects" -F hf array.json

# MLflow
lc-read "$logs/mlflow" | without_time >got
series 1 30 1 10 17 25 0 >want
same "mlflow: records" want got
lc-read -F mlflow "$logs/mlflow/metrics" | without_time >got2
same "mlflow: the folder of metrics" got got2

# Lightning
cat >want <<'EOF'
{"step":9,"loss":2.5}
{"step":9,"lr":0.0003}
{"step":19,"loss":2.25}
{"step":19,"val_loss":2.375}
{"step":29,"loss":"nan"}
EOF
becomes "csv: sparse columns" "$logs/lightning/metrics.csv"
becomes "csv: found in its directory" "$logs/lightning"
printf '"step","my/loss"\r\n1,"2.50"\r\n2,3e0\r\nstep,my/loss,lr\r\n3,4,5\r\n' >quoted.csv
printf '{"step":1,"loss":2.5}\n{"step":2,"loss":3}\n{"step":3,"loss":4,"lr":5}\n' >want
becomes "csv: quotes, CRLF, another header" -m loss=my/loss quoted.csv

# Megatron: a line without a loss
awk '/ iteration/ { gsub(/[|\/:]/, " "); for (i = 1; i < NF; i++) { if ($i == "iteration" && i < 3) s = $(i+1); if ($i == "loss" && $(i-1) == "lm") l = $(i+1)
	if ($i == "norm") g = $(i+1); if ($i == "rate") r = $(i+1); if ($i == "tokens") t = $(i+1) }
	printf "{\"step\":%d,\"loss\":%.10g,\"grad_norm\":%.10g,\"lr\":%.10g,\"tokens\":%.15g}\n", s, l, g, r, t }' "$logs/megatron.log" >want
becomes "megatron: lines" "$logs/megatron.log"
line() { echo " [2024-05-01 10:00:00] iteration $1/ 100 | learning rate: 1.0E-05 | $2 loss scale: 1.0 | grad norm: nan | number of skipped iterations: $3 | number of nan iterations: $4 |"; }
{
	line 1 'lm loss: 2.0E+00 |' 0 0
	line 2 '' 0 0
	line 3 '' 1 0
	line 4 '' 1 1
	echo ' validation loss at iteration 4 | lm loss value: 2.914E+00 | lm loss PPL: 1.84E+01 |'
	echo ' validation loss at iteration 4 on test set | lm loss value: 2.915E+00 | lm loss PPL: 1.84E+01 |'
} >megatron
cat >want <<'EOF'
{"step":1,"loss":2,"grad_norm":"nan","lr":1e-05}
{"step":2,"loss":"nan","grad_norm":"nan","lr":1e-05}
{"step":3,"grad_norm":"nan","lr":1e-05}
{"step":4,"loss":"nan","grad_norm":"nan","lr":1e-05}
{"step":4,"val_loss":2.914}
{"step":4,"test_loss":2.915}
EOF
becomes "megatron: no loss is nan, unless the scaler skipped the update" megatron
line 5 'lm loss: 2.0E+00 | loss@@: 3 |' 0 0 | tr @ '\000' >nul
lc-read -q --all nul >got 2>/dev/null
match "megatron: a NUL in a name makes it no other" '"loss":2,.*"loss[?][?]":3' got

# llm.c: stdout and main.log have the same steps
awk -F '[: ]' '$3 == "tel" { printf "{\"step\":%d,\"val_loss\":%.10g}\n", $2, $4 }
	$3 == "trl" { printf "{\"step\":%d,\"loss\":%.10g,\"grad_norm\":%.10g,\"lr\":%.10g}\n", $2 + 1, $4, $8, $6 }' "$logs/llmc-main.log" >want
becomes "llmc: main.log" "$logs/llmc-main.log"
{
	echo '{"step":0,"val_loss":"nan"}'
	sed -n 's/^step *\([0-9]*\)\/.* lr \([0-9.e-]*\) .*/\1 \2/p' "$logs/llmc-stdout.log" |
		awk '{ printf "{\"step\":%d,\"loss\":\"nan\",\"grad_norm\":\"nan\",\"lr\":%.10g}\n", $1, $2 }'
} >want
becomes "llmc: stdout" "$logs/llmc-stdout.log"
{
	echo 'val loss 5'
	echo 'step 101/200 | loss 4.5 (+0.10z)| norm 1.0000 (+nanz)| lr 1.00e-04 | 10.00 ms | 5.0% bf16 MFU | 9 tok/s'
	echo 'val loss 4.25'
	echo '+-----------------------+----------+'
	echo 'val loss 4.5'
	echo 'step 101/200 | loss 4.4 (+0.10z)| norm 1.0000 (+nanz)| lr 1.00e-04 | 10.00 ms | 5.0% bf16 MFU | 9 tok/s'
} >resumed
cat >want <<'EOF'
{"step":100,"val_loss":5}
{"step":101,"loss":4.5,"grad_norm":1,"lr":0.0001}
{"step":101,"val_loss":4.25}
{"step":100,"val_loss":4.5}
{"step":101,"loss":4.4,"grad_norm":1,"lr":0.0001}
EOF
becomes "llmc: a val loss has the updates done, before a resumed run's first line too" resumed

# nanoGPT, modded-nanogpt, torchtitan
cat >want <<'EOF'
{"step":0,"val_loss":4.2823}
{"step":1,"loss":4.2652}
{"step":11,"loss":3.1461}
{"step":21,"loss":2.7318}
{"step":250,"val_loss":2.0652}
{"step":251,"loss":2.0398}
{"step":261,"loss":"nan"}
EOF
becomes "nanogpt" "$logs/nanogpt.log"
lc-read -m loss=est_train_loss "$logs/nanogpt.log" | head -n 1 >got
equal "nanogpt: its mean over many batches has a name" '{"step":0,"loss":4.2874,"val_loss":4.2823}' "$(cat got)"
awk -F '[:/ ]' '{ printf "{\"step\":%d,\"%s\":%.10g}\n", $2, $4 == "val_loss" ? $4 : "loss", $5 }' "$logs/modded-nanogpt.log" >want
becomes "modded-nanogpt" "$logs/modded-nanogpt.log"
{
	echo 'import torch'
	echo 'step, loss = train(x)  # step:1/2 is printed'
	echo '        print(f"step:{step}/{total} train_loss:{loss:.4f}")'
	cat "$logs/modded-nanogpt.log"
} >source
becomes "modded-nanogpt: after its own source" source
cat >want <<'EOF'
{"step":1,"loss":8.1309,"grad_norm":1.25}
{"step":10,"loss":4.9925,"grad_norm":2.6422}
{"step":10,"val_loss":4.8821}
EOF
becomes "torchtitan: colours, the other rank's line, validation" "$logs/torchtitan.log"
sed '/rank1/d; s/^\[rank0\]://' "$logs/torchtitan.log" | sed p >twice
becomes "torchtitan: lines of ranks that bear no mark" twice

# other lines
cat >pairs <<'EOF'
starting at 2024-05-01T10:00:00, seed=17
epoch 1 | step 100/2000 | loss 2.345 | lr 1e-4 | 17,012 tok/s
2024-05-01 10:00:01,123 INFO trainer: Step: 101, Loss: 2.25, LR=1.0E-04, gnorm = 0.5
{'step': 102, 'loss': nan, 'learning_rate': 0.0001}
 50%|#####     | 103/200 [00:10<00:10, loss=2.2, step=103]
EOF
cat >want <<'EOF'
{"step":100,"loss":2.345,"lr":0.0001}
{"step":101,"loss":2.25,"grad_norm":0.5,"lr":0.0001}
{"step":102,"loss":"nan","lr":0.0001}
{"step":103,"loss":2.2}
EOF
becomes "pairs: names with values, however written" pairs
printf 'step=1 loss=2\r 10%%\rstep=2 loss=1\n' >bar
printf '{"step":1,"loss":2}\n{"step":2,"loss":1}\n' >want
becomes "pairs: a progress bar on one line" bar

# JSON lines
cat >json <<'EOF'
{"config": {"lr": 1}}
{"train":{"global_step":1,"loss":2.50},"optim":{"lr":3.0E-04},"note":"x, \"y\""}
{"type":"alert","v":1,"step":2,"kind":"spike"}
{"_step":2,"loss":Infinity,"train/grad_norm":"-inf","val":{"loss":100000000000000000000},"run":"a\"b","tokens":123456789012}
{"step":3,"loss":0.1000000000000000055511151231257827,"lr":1e-7,"grad_norm":-0.0}
EOF
cat >want <<'EOF'
{"step":1,"loss":2.5,"lr":0.0003}
{"type":"alert","v":1,"step":2,"kind":"spike"}
{"step":2,"loss":"inf","grad_norm":"-inf","val_loss":1e+20,"tokens":123456789012,"run":"a\"b"}
{"step":3,"loss":0.1,"grad_norm":-0,"lr":1e-07}
EOF
becomes "json: nested names, odd numbers, records of another type" json
printf '{"step":1,"my/name":2,"loss":7,"acc":{"top1":0.50},"acc/top1":0.25,"x\\u0009":1}\n' >own
printf '%s\n' '{"step":1,"loss":2,"acc/top1":0.25,"x\t":1}' >want
becomes "-m and -a: a name once" -a -m loss=my/name own
ok "what comes out goes in: records are unchanged" sh -c 'lc-read json >1 && lc-read 1 >2 && cmp 1 2'
if command -v jq >/dev/null; then
	for log in "$logs"/*.log "$logs"/*.wandb "$logs/tensorboard" "$logs/hf" json own; do
		lc-read -a "$log" | jq -e . >/dev/null || echo "$log"
	done >bad
	equal "all of it is strict JSON" "" "$(cat bad)"
else
	skip "all of it is strict JSON" "no jq"
fi

# Names are remembered from row to row: by their place, and only while they are the same.
cat >names.jsonl <<-'END'
	{"step":1,"":9,"lr":0.5}
	{"":8,"step":2,"grad_norm":3}
	{"step":3,"loss":1,"gnorm":2}
	{"step":4,"loss_":1,"loss":2}
END
ok "rows with other names" lc-read -F json names.jsonl
equal "each by its own names" '{"step":1,"lr":0.5}
{"step":2,"grad_norm":3}
{"step":3,"loss":1,"grad_norm":2}
{"step":4,"loss":2}' "$(cat .out)"
