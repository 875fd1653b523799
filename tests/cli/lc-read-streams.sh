# lc-read: what streams do: go back, grow, are rotated, compressed, cut off, damaged, never end; statuses.
. "$TESTS/cli/lib.sh"

logs=$TESTS/golden/logs

# lines FROM TO [LOSS]: of nanoGPT, after updates FROM to TO
lines() {
	awk -v a="$1" -v b="$2" -v l="${3:-2}" 'BEGIN { for (s = a; s <= b; s++) printf "iter %d: loss %s, time 1.00ms, mfu 1.00%%\n", s - 1, l }'
}
records() {
	awk -v a="$1" -v b="$2" -v l="${3:-2}" 'BEGIN { for (s = a; s <= b; s++) printf "{\"step\":%d,\"loss\":%s}\n", s, l }'
}
rewind() { printf '{"type":"rewind","v":1,"from":%d,"to":%d}\n' "$1" "$2"; }
has_lines() { [ "$(wc -l <"$2")" -ge "$1" ]; }

# rewinds
{
	lines 1 100
	lines 51 80 3
	lines 31 90 4
	lines 91 95 5
	lines 94 99 6
} >resumed
{
	records 1 100
	rewind 100 51
	records 51 80 3
	rewind 80 31
	records 31 90 4
	records 91 95 5
	rewind 95 94
	records 94 99 6
} >all
{
	records 1 30
	rewind 80 31
	records 31 90 4
	records 91 93 5
	rewind 95 94
	records 94 99 6
} >newest
ok "a resumed run" lc-read resumed
same "a file: the newest of each step" newest .out
ok "-r" lc-read -r resumed
same "-r: all of them" all .out
ok "a pipe" sh -c 'cat resumed | lc-read'
same "a pipe: all of them" all .out
head -n 100 resumed >part1
tail -n +101 resumed >part2
ok "two files" lc-read part1 part2
same "two files are one run" newest .out
{
	echo '{"step":1000,"loss":2}'
	echo '{"step":1,"val_loss":2.5}'
	echo '{"step":1001,"loss":2}'
	echo '{"step":2,"val_loss":2.5}'
} >epochs
ok "a held-out loss that counts epochs" lc-read epochs
same "is no rewind" epochs .out

# compression
records 1 100 >want
lines 1 100 >log
gzip -c log >log.gz
zstd -q -c log >log.zst 2>/dev/null || skip "zstd" "no zstd program"
for packed in log.gz log.zst; do
	[ -s $packed ] || continue
	ok "$packed" lc-read $packed
	same "$packed: records" want .out
	ok "$packed in a pipe" sh -c "cat $packed | lc-read"
	same "$packed in a pipe: records" want .out
	{
		lines 101 200 >more
		case $packed in *.gz) gzip -c more ;; *) zstd -q -c more ;; esac
	} >second
	cat $packed second >both
	records 1 200 >want2
	ok "$packed: one after the other" lc-read both
	same "$packed: one after the other: records" want2 .out
	head -c $(($(wc -c <$packed) - 3)) $packed >cut
	lc-read cut >.out 2>.err
	equal "$packed, cut: status, lines on stderr" "0 1" "$? $(wc -l <.err)"
	match "$packed, cut: is said" '^lc-read: cut byte [0-9]*: the compressed data breaks off' .err
	status "$packed, cut: --strict" 3 lc-read --strict cut
done
gzip -c "$logs/run-7c8ddm8c.wandb" >w.gz
lc-read "$logs/run-7c8ddm8c.wandb" >want
ok "a compressed W&B file" lc-read w.gz
same "a compressed W&B file: records" want .out

# -f: growth, half lines, a pause
: >grow
rm -f live # of before: it is emptied only when the command starts, and that may be late
lc-read -f grow >live 2>err &
pid=$!
lines 1 10 >>grow
ok "-f: records come at once" until_ok has_lines 10 live
printf 'iter 10: lo' >>grow
until_ok has_read $pid grow
printf 'ss 2, time 1.00ms, mfu 1.00%%\n' >>grow
ok "-f: half a line is waited for" until_ok has_lines 11 live
lines 5 6 >>grow
ok "-f: a rewind" until_ok has_lines 14 live
lines 1 3 >grow # starts anew
ok "-f: a file that starts anew" until_ok has_lines 18 live
mv grow grow.1
cp "$logs"/tensorboard/*.1.0 grow.new
mv grow.new grow
ok "-f: rotated, to another format even" until_ok has_lines 57 live
ok "-f: the last step is not held back" until_ok has_lines 59 live
kill -TERM $pid
wait $pid
equal "-f ends on SIGTERM" 143 $?
{
	records 1 11
	rewind 11 5
	records 5 6
	rewind 6 1
	records 1 3
	rewind 3 1
	lc-read "$logs"/tensorboard/*.1.0
} >want
same "-f: all of it" want live
equal "-f: no word" "" "$(cat err)"

# -f: a TensorBoard file written in pieces
: >tb
rm -f live
lc-read -f tb >live 2>err &
pid=$!
for at in 0 1000 2000 3000 4000 5000 6000 7000 8000 9000; do
	tail -c +$((at + 1)) "$logs"/tensorboard/*.1.0 | head -c 1000 >>tb
	until_ok has_read $pid tb
done
ok "-f: an event file in pieces" until_ok has_lines 40 live
kill $pid
wait $pid 2>/dev/null
lc-read "$logs"/tensorboard/*.1.0 >want
same "-f: an event file in pieces: records" want live

# -f: a document that is written anew at each save
echo '{"log_history":[{"step":1,"loss":2}]}' >state.json
rm -f live
lc-read -f state.json >live 2>err &
pid=$!
ok "-f: a document" until_ok has_lines 1 live
echo '{"log_history":[{"step":1,"loss":2},{"step":2,"loss":2}]}' >state.new
mv state.new state.json
ok "-f: the next document" until_ok has_lines 3 live
kill $pid
wait $pid 2>/dev/null
records 1 1 >want
records 1 2 >>want
same "-f: a document: records" want live

# -f: a directory in which a resumed run begins a new file
mkdir run
cp "$logs"/tensorboard/*.1.0 run
rm -f live
lc-read -f run >live 2>err &
pid=$!
ok "-f: a directory" until_ok has_lines 40 live
cp "$logs"/tensorboard/*.2.0 run
ok "-f: a new file in it" until_ok has_lines 61 live
kill $pid
wait $pid 2>/dev/null
lc-read -r "$logs/tensorboard" | sed 's/,"wall_s":.*/}/' >want
sed 's/,"wall_s":.*/}/' live >got
same "-f: a new file in it: records" want got

# a pipe that stays open
mkfifo fifo
rm -f live
lc-read fifo >live &
pid=$!
exec 3>fifo
lines 1 5 >&3
ok "a pipe: records come at once" until_ok has_lines 5 live
exec 3>&-
wait $pid
equal "then the end of the pipe" 0 $?

# damage is named once, and passed over
cp "$logs"/tensorboard/*.1.0 bad
for at in 500 3000 6000; do
	printf '\377' | dd of=bad bs=1 seek=$at conv=notrunc 2>/dev/null
done
lc-read bad >.out 2>.err
equal "wrong checksums: status" 0 $?
equal "wrong checksums: records" 40 "$(wc -l <.out)"
equal "wrong checksums: the first is named, and how many" 2 "$(wc -l <.err)"
match "wrong checksums: where" '^lc-read: bad byte [0-9]+: checksum \(CRC-32C\)' .err
match "wrong checksums: how many" '3 damaged places' .err
ok "-q" lc-read -q bad
equal "-q says nothing" "" "$(cat .err)"
status "--strict" 3 lc-read --strict bad
match "--strict names it" '^lc-read: bad byte [0-9]+: checksum' .err
cp "$logs/run-7c8ddm8c.wandb" bad.wandb
printf '\377' | dd of=bad.wandb bs=1 seek=9000 conv=notrunc 2>/dev/null
lc-read bad.wandb >.out 2>.err
equal "wandb, a wrong checksum: status, words" "0 1" "$? $(wc -l <.err)"
match "wandb, a wrong checksum: where" '^lc-read: bad.wandb byte [0-9]+: checksum \(CRC-32\)' .err
{
	records 1 3
	echo '{"step":4,"loss":'
	echo 'text'
	echo '{"step":5,"loss":2}'
	printf '{"step":6,"lo'
} >bad.jsonl
lc-read bad.jsonl >.out 2>.err
equal "bad lines: status, records, words" "0 4 2" "$? $(wc -l <.out) $(wc -l <.err)"
match "bad lines: where" '^lc-read: bad.jsonl line 4: ' .err
{
	lines 1 3
	printf 'iter 3: loss 2.3'
} >half
lc-read half >.out 2>.err
equal "half a last line is no record" "0 3" "$? $(wc -l <.out)"
match "and is said" '^lc-read: half line 4: has no end' .err
printf '{"step":1,"loss":2}' >whole
ok "a last line that is a whole object" lc-read --strict whole
equal "is a record" '{"step":1,"loss":2}' "$(cat .out)"

# nothing to read
: >empty
status "an empty file" 3 lc-read empty
match "what was looked for" 'empty: no step records; looked for wandb, tensorboard, .*mlflow' .err
status "an empty pipe" 3 sh -c ': | lc-read'
status "text" 3 sh -c 'echo hello | lc-read'
status "bytes" 3 sh -c 'head -c 5000 "$B/lc-read" | lc-read'
mkdir dir
status "a directory without a log" 3 lc-read dir
match "what was looked for there" 'looked for event files' .err
status "unknown names" 3 sh -c 'echo "{\"step\":1,\"my/cost\":2}" | lc-read'
match "are told" 'names: my/cost \(-m loss=NAME' .err
lc-read empty whole >.out 2>.err
equal "one of two is empty: status, records, words" "3 1 1" "$? $(wc -l <.out) $(wc -l <.err)"
status "no such file" 4 lc-read absent
status "of another format" 3 lc-read -F wandb log
status "a W&B file of another version" 3 sh -c 'printf ":W&B\341\276\001" | lc-read'

# options
ok "-F help" lc-read -F help
match "lists the formats" '^megatron  ' .out
for bad in '-F x' '-m loss' '-m nothing=x' '-f log half' '-f' '--no-such-option'; do
	# shellcheck disable=SC2086
	lc-read $bad >.out 2>.err </dev/null
	equal "usage: $bad" 2 $?
done
ok "--help" lc-read --help
match "--help is on stdout" '^usage: lc-read ' .out
ok "--version" lc-read --version
match "--version says which" '^lc-read [0-9]' .out

# where records go
if [ -w /dev/full ]; then
	status "a full disk" 4 sh -c 'lc-read log >/dev/full'
	status "a full disk, --help" 4 sh -c 'lc-read --help >/dev/full'
else
	skip "a full disk" "no /dev/full"
fi
sh -c '{ lc-read resumed; echo $? >rc; } 2>.err | head -n 1 >/dev/null'
equal "a reader that goes away: no word" "" "$(cat .err)"

# memory
peak() { # KILOBYTES of the command
	sh -c 'ulimit -v "$1"; shift; exec "$@"' sh "$@"
}
if [ "${LC_SANITIZED:-}" ] || ! peak 30000 lc-read --version >/dev/null 2>&1; then
	skip "constant memory" "no limit of address space that lc-read can live in"
else
	lines 1 300000 >long
	ok "300000 steps in 30 MB of address space" peak 30000 lc-read long
	awk 'BEGIN { print "{\"log_history\": ["; for (s = 1; s <= 100000; s++) printf "{\"step\": %d, \"loss\": 2},\n", s; print "{}]}" }' >long.json
	ok "a document of 100000 steps" peak 30000 lc-read long.json
	equal "is read" 100000 "$(wc -l <.out)"
fi
