# lc-detect: what streams do: grow, are cut off and rotated, never end; bad lines; full disks; statuses.
. "$TESTS/cli/lib.sh"

# steps FROM TO [LOSS]: a noise that has a spread and no trend
steps() {
	awk -v a="$1" -v b="$2" -v at="${3:-3}" 'BEGIN {
		for (s = a; s <= b; s++) printf "{\"step\":%d,\"loss\":%.4f}\n", s, at + .01 * (s * 7919 % 13 - 6)
	}'
}

# -1 on a stream that never ends
{
	steps 1 200
	steps 201 210 5
	exec sh -c 'echo $$ >sleeper; exec sleep 47'
} | {
	lc-detect -1 >alert 2>err
	echo $? >rc
} &
pipe=$!
ok "-1 ends while the writer still writes" until_ok test -s rc
equal "with an alert" "0 1" "$(cat rc) $(wc -l <alert)"
kill "$(cat sleeper)"
wait $pipe

# an alert is written at once, not when a buffer is full
mkfifo fifo
rm -f live # of before: it is emptied only when the command starts, and that may be late
lc-detect fifo >live &
pid=$!
exec 3>fifo
steps 1 210 >&3
steps 211 214 5 >&3
ok "an alert is flushed as it begins" until_ok test -s live
exec 3>&-
wait $pid
equal "then the end of the stream" 0 $?

# -f: growth
: >grow
rm -f alert
lc-detect -1 -f grow >alert &
pid=$!
steps 1 150 >>grow
until_ok has_read $pid grow
steps 151 200 >>grow
printf '{"step":201,' >>grow # half a line is no bad line
until_ok has_read $pid grow
ok "-f waits at the end" kill -0 $pid
printf '"loss":5}\n' >>grow
steps 202 204 5 >>grow
ok "-f sees what is appended" until_ok gone $pid
wait $pid
equal "-f -1 ends with 0" 0 $?
match "its alert" '"step":20[1-4],' alert

# -f: the file starts anew, shorter; the run that is told there went back
steps 1 300 >cut
rm -f alert
lc-detect -1 -f cut >alert &
pid=$!
until_ok has_read $pid cut
steps 1 100 >cut
until_ok has_read $pid cut
steps 101 104 5 >>cut
ok "-f follows a truncated file" until_ok gone $pid
match "to an alert in it" '"step":10[1-4],' alert
kill $pid 2>/dev/null

# -f: rotation
steps 1 200 >log
rm -f alert
lc-detect -1 -f log >alert &
pid=$!
until_ok has_read $pid log
mv log log.1
steps 201 204 5 >log.new
mv log.new log
ok "-f goes over to a rotated file" until_ok gone $pid
match "to an alert there" '"step":20[1-4],' alert
kill $pid 2>/dev/null

lc-detect -f log.1 >/dev/null &
pid=$!
until_ok has_read $pid log.1
kill -TERM $pid
wait $pid
equal "-f ends on SIGTERM" 143 $?
status "-f of two files" 2 lc-detect -f log log.1
rm -f alert
lc-detect -1 -f later.jsonl >alert 2>err.later &
pid=$!
ok "-f waits for a file that is not there" until_ok test -s err.later
steps 1 200 >later.jsonl
steps 201 204 5 >>later.jsonl
ok "and reads it when it is" until_ok gone $pid
match "to an alert in it" '"step":20[1-4],' alert
equal "after one word" "lc-detect: later.jsonl: not there yet, waiting for it" "$(cat err.later)"
status "-f of no place" 4 lc-detect -f later.jsonl/x

# bad lines
{
	steps 1 100
	echo '{"step":101,"loss":'
	echo 'text is no bad line'
	echo '{"step":102,"loss":3'
	echo '{"type":"alert","v":1,"step":5}'
	echo '{"type":"unheard-of","v":7,"step":9}'
	echo '{"step":103,"loss":}'
	steps 104 200
} >bad.jsonl
lc-detect bad.jsonl >.out 2>.err
equal "bad lines are passed over" 1 $?
equal "the first is named, and how many there are" 2 "$(wc -l <.err)"
match "named by file and line" '^lc-detect: bad\.jsonl line 101: ' .err
match "counted" '^lc-detect: 3 malformed' .err
status "--strict" 3 lc-detect --strict bad.jsonl
match "--strict names it" '^lc-detect: bad\.jsonl line 101: ' .err
{
	steps 1 100
	printf '{"step":101,"lo'
} >torn.jsonl
status "a torn last line" 1 lc-detect torn.jsonl
equal "is said in one line" 1 "$(wc -l <.err)"
printf '{"step":101,"lo' >torn1.jsonl
status "nothing but a torn line" 3 lc-detect torn1.jsonl
match "is told as it is" '^lc-detect: no step records in the input; torn1.jsonl line 1: object broken off' .err
{
	printf '\033[32m{"step": 1, "loss": "3.0"}\033[0m\r\n'
	printf '{"step": 2, "loss": 3.0, "loss": NaN}\r\n'
} >odd.jsonl
ok "ANSI colours, CRLF, a number as a string, a key given twice" lc-detect --strict odd.jsonl
match "the last of two keys wins" '"step":2,.*"kind":"nonfinite"' .out

# too little to judge
for n in 1 40 41; do
	steps 1 $n >few.jsonl
	status "$n losses" 1 lc-detect few.jsonl
	[ $n = 41 ] || equal "are said to be too few" "lc-detect: only $n values: needs more than 40 to judge" "$(cat .err)"
done
equal "41 are not" "" "$(cat .err)"
status "20 losses, -w 16" 1 lc-detect -w 16 few.jsonl
equal "are enough" "" "$(cat .err)"
sed 's/"loss"/"grad_norm"/' few.jsonl >grads.jsonl
status "gradient norms only" 1 lc-detect grads.jsonl
equal "are judged like any" "" "$(cat .err)"
sed 's/"loss"/"my\/own"/' few.jsonl >named.jsonl
status "-m loss=nope, no loss" 3 lc-detect -m loss=nope few.jsonl
equal "is said" "lc-detect: no step has loss as nope" "$(cat .err)"
status "-m lr=nope, of no use" 1 lc-detect -m lr=nope few.jsonl
equal "is said too" "lc-detect: no step has lr as nope" "$(cat .err)"
steps 1 150 >grow2
lc-detect -f -m loss=nope grow2 >/dev/null 2>err.nope &
pid=$!
ok "-f -m loss=nope is said while it follows" until_ok grep -q '^lc-detect: no step has loss as nope so far$' err.nope
kill $pid
wait $pid
status "-m step=nope" 3 lc-detect -m step=nope few.jsonl
equal "is said as well" "lc-detect: no step has step as nope" "$(cat .err)"
status "-m loss=my/own" 1 lc-detect -m loss=my/own named.jsonl
equal "a name that occurs needs no word" "" "$(cat .err)"

# nothing to read
status "an empty stream" 3 lc-detect /dev/null
status "text only" 3 sh -c 'echo hello | lc-detect'
status "steps without a loss" 3 sh -c 'echo "{\"step\":1,\"lr\":1}" | lc-detect'
match "tells of -m" 'm names' .err
status "no such file" 4 lc-detect absent.jsonl
status "a directory" 4 lc-detect .

# options
for bad in '-w 7' '-w 1e9' '-t 0' '-t x' '-t nan' '-s -1' '-m loss' '-m Nothing=x'; do
	# shellcheck disable=SC2086
	status "usage: $bad" 2 lc-detect $bad log
done
for program in lc-detect lc-train lc-proxy lc-snap; do
	verb=
	[ $program = lc-snap ] && verb=list
	# shellcheck disable=SC2086
	{
		status "$program: an unknown option" 2 $program $verb --nosuch
		equal "is named" "$program: unknown option --nosuch (try $program${verb:+ $verb} --help)" "$(cat .err)"
		status "$program: an unknown letter" 2 $program $verb -Z
		equal "is named too" "$program: unknown option -Z (try $program${verb:+ $verb} --help)" "$(cat .err)"
	}
	ok "$program --help" $program --help
	cp .out help
	ok "$program -h" $program -h
	same "$program -h is --help" .out help
	ok "$program --version" $program --version
	match "$program says which" "^$program [0-9]" .out
	status "$program -V is no option" 2 $program -V
done
status "a value is missing" 2 lc-detect log -t
equal "and that is said" "lc-detect: option -t: wants a value (try lc-detect --help)" "$(cat .err)"
status "a value too many" 2 lc-detect --quiet=1 log
equal "and that too" "lc-detect: option --quiet: takes no value (try lc-detect --help)" "$(cat .err)"
ok "--help" lc-detect --help
match "--help is on stdout" '^usage: lc-detect ' .out
ok "--version" lc-detect --version
match "--version says which" '^lc-detect [0-9]' .out

# where the alert goes
steps 1 200 >spike.jsonl
steps 201 204 5 >>spike.jsonl
if [ -w /dev/full ]; then
	status "a full disk" 4 sh -c 'lc-detect spike.jsonl >/dev/full'
	status "a full disk, --help" 4 sh -c 'lc-detect --help >/dev/full'
else
	skip "a full disk" "no /dev/full"
fi
sh -c '{ lc-detect --index spike.jsonl; echo $? >rc; } 2>.err | head -n 1 >/dev/null'
equal "a reader that goes away: no word" "" "$(cat .err)"

# memory: the same for a stream a hundred times as long, and for a line without end
peak() { # KILOBYTES of the command
	sh -c 'ulimit -v "$1"; shift; exec "$@"' sh "$@"
}
if [ "${LC_SANITIZED:-}" ] || ! peak 30000 lc-detect --version >/dev/null 2>&1; then
	skip "constant memory" "no limit of address space that lc-detect can live in"
else
	steps 1 300000 >long.jsonl
	status "300000 steps in 30 MB of address space" 1 peak 30000 lc-detect long.jsonl
fi
