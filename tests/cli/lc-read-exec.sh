# lc-read -x: trainers of other frameworks in the pipe: their status, their signals, their own words.
. "$TESTS/cli/lib.sh"

cat >nano.sh <<'END'
echo "step 0: train loss 10.9874, val loss 10.9812"
for i in 0 1 2 3; do echo "iter $i: loss $((9 - i)).5000, time 12.31ms, mfu 1.10%"; done
exit "${1:-0}"
END
ok "nanoGPT's lines" lc-read -x sh nano.sh
equal "become records" '{"step":0,"val_loss":10.9812}
{"step":1,"loss":9.5}
{"step":2,"loss":8.5}
{"step":3,"loss":7.5}
{"step":4,"loss":6.5}' "$(cat .out)"
ok "-F, --copy" lc-read -F nanogpt --copy -x sh nano.sh
sh nano.sh >want
same "what it printed goes to stderr, as it was" .err want
lc-read -x sh nano.sh 7 >.out 2>.err
equal "the command's status" 7 $?
equal "its records all the same" 5 "$(wc -l <.out)"
ok "words of the command's that look like ours" lc-read -x echo step 1 loss 2 -F nothing --no-such -q

# as the Trainer's callbacks and accelerate's loggers print their dicts
cat >hf.sh <<'END'
echo "***** Running training *****"
echo "  Num examples = 52,002"
for i in 10 20 30; do
	echo "{'loss': 1.$i, 'grad_norm': 0.5, 'learning_rate': 1.5e-05, 'epoch': 0.0$i, 'step': $i}"
done
echo "{'loss': nan, 'grad_norm': nan, 'learning_rate': 1e-05, 'epoch': 0.04, 'step': 40}"
END
ok "dicts of Python" lc-read -q -x sh hf.sh
equal "become records" '{"step":10,"loss":1.1,"grad_norm":0.5,"lr":1.5e-05}
{"step":20,"loss":1.2,"grad_norm":0.5,"lr":1.5e-05}
{"step":30,"loss":1.3,"grad_norm":0.5,"lr":1.5e-05}
{"step":40,"loss":"nan","grad_norm":"nan","lr":1e-05}' "$(cat .out)"
# as the Trainer itself prints: no step anywhere
cat >trainer.sh <<'END'
printf '  0%%|          | 0/30 [00:00<?, ?it/s]\r 33%%|###       | 10/30 [00:01<00:02, 9.9it/s]\n'
echo "{'loss': 2.5, 'grad_norm': 1.5, 'learning_rate': 2e-05, 'epoch': 0.1}"
echo "{'loss': 2.25, 'grad_norm': 1.25, 'learning_rate': 1e-05, 'epoch': 0.2}"
echo "{'eval_loss': 2.125, 'eval_runtime': 1.5, 'eval_samples_per_second': 66.7, 'epoch': 0.2}"
echo "{'loss': 2.0, 'grad_norm': 1.0, 'learning_rate': 0.0, 'epoch': 0.3}"
echo "{'train_runtime': 3.0, 'train_samples_per_second': 10.0, 'train_steps_per_second': 1.0, 'train_loss': 2.25, 'epoch': 0.3}"
END
ok "the Trainer's lines, --every" lc-read -q --every 10 -x sh trainer.sh
equal "are counted" '{"step":10,"loss":2.5,"grad_norm":1.5,"lr":2e-05}
{"step":20,"loss":2.25,"grad_norm":1.25,"lr":1e-05}
{"step":20,"val_loss":2.125}
{"step":30,"loss":2,"grad_norm":1,"lr":0}' "$(cat .out)"
cp .out want
sh trainer.sh >trainer.log
ok "of a file too, which is gone over twice" lc-read -q --every 10 trainer.log
same "the same" .out want
status "without --every they are no steps" 3 lc-read -q trainer.log
mkdir state
printf '{\n  "epoch": 0.5,\n  "global_step": 500,\n  "log_history": [{"loss": NaN}]\n}\n' >state/trainer_state.json
ok "resumed from a state" env LC_STATE=state lc-read -q --every 10 -x sh trainer.sh
match "from where it was" '^\{"step":510,"loss":2.5,' .out
ok "with no such state" env LC_STATE=none lc-read -q --every 10 -x sh trainer.sh
match "from the beginning" '^\{"step":10,"loss":2.5,' .out
status "--every 0" 2 lc-read --every 0 -x true

ok "names of its own" lc-read -q -m loss=my/objective -x echo '{"step":1,"my/objective":2}'
equal "are mapped" '{"step":1,"loss":2}' "$(cat .out)"
ok "a command that prints nothing" lc-read -q -x true
match "is said" 'no step records' .err

lc-read -x ./nothing >.out 2>.err
equal "no such command" 127 $?
: >plain
lc-read -x ./plain >.out 2>.err
equal "no program" 126 $?
status "no command" 2 lc-read -x
status "-x with -f" 2 lc-read -f -x true
lc-read -x sh -c 'kill -KILL $$' >.out 2>.err
equal "a command that is killed" 137 $?
if [ -w /dev/full ]; then
	status "a full disk" 4 sh -c 'lc-read -x sh nano.sh >/dev/full'
else
	skip "a full disk" "no /dev/full"
fi

# records appear as they are printed, not at the end
lc-read -x sh -c 'echo step 1 loss 2; while [ ! -f go ]; do sleep 0.05; done; echo step 2 loss 2' >live 2>/dev/null &
until_ok test -s live
equal "a record at once" '{"step":1,"loss":2}' "$(cat live)"
touch go
wait $!
equal "and the next" 2 "$(wc -l <live)"

# Signals. The trainer notes each SIGTERM, prints one more step, and ends with 5.
cat >term.sh <<'END'
trap 'echo term >>terms; sleep 0.3; echo step 9 loss 3; exit 5' TERM
echo step 1 loss 2
echo $$ >ready
while :; do sleep 0.05; done
END
begin() { # COMMAND...: in the background, until its trainer is ready
	rm -f terms ready
	"$@" >sig 2>/dev/null &
	pid=$!
	until_ok test -s ready
}
begin lc-read -x sh term.sh
kill -TERM $pid
wait $pid
equal "SIGTERM to lc-read alone is passed on" "5 1" "$? $(wc -l <terms)"
equal "what the trainer prints while it ends is read" '{"step":9,"loss":3}' "$(tail -n 1 sig)"
if command -v setsid >/dev/null; then
	begin setsid lc-read -x sh term.sh
	kill -TERM -$pid
	wait $pid
	equal "SIGTERM to its group comes once" "5 1" "$? $(wc -l <terms)"
	equal "and the last step is read" '{"step":9,"loss":3}' "$(tail -n 1 sig)"
	begin setsid lc-read -x sh term.sh
	kill -TERM $pid
	until_ok taken $pid # two that wait are one
	equal "as the leader of a group it does not pass on the first" absent "$(cat terms 2>/dev/null || echo absent)"
	kill -TERM $pid
	wait $pid
	equal "but the second" "5 1" "$? $(wc -l <terms)"
else
	skip "signals to groups" "no setsid"
fi
