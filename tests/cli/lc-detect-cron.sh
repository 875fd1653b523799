# lc-detect: -c: many runs, read on; twice, killed, rotated, cut.
. "$TESTS/cli/lib.sh"

steps() {
	awk -v a="$1" -v b="$2" -v at="${3:-3}" 'BEGIN {
		for (s = a; s <= b; s++) printf "{\"step\":%d,\"loss\":%.4f}\n", s, at + .01 * (s * 7919 % 13 - 6)
	}'
}
alerts() { grep -c '"type":"alert"' "$1"; }

mkdir runs
steps 1 200 >runs/a.jsonl
steps 1 200 >runs/b.jsonl
steps 201 210 5 >>runs/b.jsonl
ok "an alert in one of two" lc-detect -c mem runs/a.jsonl runs/b.jsonl
match "names the file" '^\{"type":"alert","v":1,"file":"runs/b.jsonl","step":20[123],' .out
equal "once" 1 "$(alerts .out)"
same "and is in the journal" .out mem/alerts.jsonl
status "again: nothing new" 1 lc-detect -c mem runs/*.jsonl
equal "and nothing written" "" "$(cat .out)"

steps 201 204 4 >>runs/a.jsonl
printf '{"step":205,"lo' >>runs/a.jsonl
ok "what was appended" lc-detect -c mem runs/*.jsonl
equal "is found" 1 "$(alerts .out)"
match "in its file" '"file":"runs/a.jsonl","step":20[1-4],' .out
printf 'ss":3}\n' >>runs/a.jsonl
steps 206 300 >>runs/a.jsonl
steps 211 300 >>runs/b.jsonl
status "the rest of a line, and calm" 1 lc-detect -c mem runs/*.jsonl
equal "ends both" 2 "$(grep -c '"type":"end"' .out)"

# piecewise is the same as at once
lc-detect -c mem2 runs/*.jsonl >all
sort mem/alerts.jsonl >one
sort mem2/alerts.jsonl >two
same "in pieces as at once" one two

# rotation: the rest of the old file, then the new one
steps 301 340 >>runs/a.jsonl
mv runs/a.jsonl runs/a.jsonl.1
steps 341 345 6 >runs/a.jsonl
ok "a rotated file" lc-detect -c mem runs/a.jsonl
match "goes on" '"step":34[1-4],.*"onset":341' .out
# the same, but the old file is gone
steps 346 500 >>runs/a.jsonl
lc-detect -c mem runs/a.jsonl >/dev/null
rm runs/a.jsonl
steps 501 506 6 >runs/a.jsonl
ok "a file that was replaced" lc-detect -c mem runs/a.jsonl
match "goes on too" '"onset":501' .out
# cut, and begun anew
steps 1 100 >runs/b.jsonl
steps 101 104 6 >>runs/b.jsonl
ok "a run that was started again" lc-detect -c mem runs/b.jsonl
match "is one" '"step":10[1-4],' .out
status "and again nothing" 1 lc-detect -c mem runs/*.jsonl

# killed at any time: each alert in the journal once, and all of them on stdout
mkdir many
for i in 1 2 3 4 5 6 7 8; do
	steps 1 400 >many/$i.jsonl
	steps 401 410 $((i + 4)) >>many/$i.jsonl
	steps 411 3000 >>many/$i.jsonl
done
lc-detect -c whole many/*.jsonl >want
for wait in 1 3 5 8 12 16 20 25 30 40 60; do
	timeout -s KILL 0.0$wait lc-detect -c killed many/*.jsonl >>said 2>/dev/null
	[ $wait -ge 10 ] || timeout -s KILL 0.00$wait lc-detect -c killed many/*.jsonl >>said 2>/dev/null
done 2>/dev/null
lc-detect -c killed many/*.jsonl >>said
sort want >want.sorted
sort killed/alerts.jsonl >got.sorted
same "killed: the journal has each once" got.sorted want.sorted
sort -u said >said.sorted
same "killed: none is lost on stdout" said.sorted want.sorted
# killed between the journal and the memory: what no memory knows of is cut
printf '{"type":"alert","v":1,"file":"many/9.jsonl","ste' >>killed/alerts.jsonl
status "a journal with a torn end" 1 lc-detect -c killed many/*.jsonl
sort killed/alerts.jsonl >got.sorted
same "is cut" got.sorted want.sorted
# killed before it was noted that it was said
echo 0 >killed/said
status "what was not noted as said" 1 lc-detect -c killed many/*.jsonl
same "is said again" .out killed/alerts.jsonl

# two at once
for i in 1 2 3 4; do lc-detect -c crowd many/*.jsonl >crowd.$i & done
wait
cat crowd.? | sort >got.sorted
same "four at once: each alert once" got.sorted want.sorted

status "one that is not there" 4 lc-detect -c mem runs/none.jsonl runs/a.jsonl
match "is said" '^lc-detect: open runs/none.jsonl: No such file' .err
: >runs/empty.jsonl
status "an empty file is no trouble" 1 lc-detect -c mem runs/empty.jsonl
echo hello >runs/text.jsonl
status "a file without steps is" 3 lc-detect -c mem runs/text.jsonl
echo hello >"$(find mem -name '*.state' | head -n 1)"
lc-detect -c mem runs/*.jsonl >/dev/null 2>.err
match "a broken memory is said" '^lc-detect: mem/[0-9a-f]*\.state: no detector state' .err
# a detector that cannot be gone on with is made anew: nothing is raised twice, and what comes is
mkdir other
{ steps 1 150; steps 151 160 6; steps 161 200; } >other/run.jsonl
ok "an alert" lc-detect -c anew other/run.jsonl
status "other options: none is raised again" 1 lc-detect -c anew -r 1e-5 other/run.jsonl
match "it is said" 'detector state made with other options: made anew from what was read$' .err
{ steps 201 250; steps 251 260 6; steps 261 300; } >>other/run.jsonl
ok "what comes is" lc-detect -c anew -r 1e-5 other/run.jsonl
equal "and nothing is said" "" "$(cat .err)"
equal "each alert once" 2 "$(alerts anew/alerts.jsonl)"

for bad in '-f' '-1' '--state x'; do
	# shellcheck disable=SC2086
	status "usage: -c $bad" 2 lc-detect -c mem $bad runs/a.jsonl
done
status "usage: -c without files" 2 lc-detect -c mem
if [ -w /dev/full ]; then
	status "a full disk" 4 sh -c 'lc-detect -c full many/1.jsonl >/dev/full'
	ok "is no loss" sh -c 'lc-detect -c full many/1.jsonl >.late; test -s .late'
fi
status "no files at all" 2 lc-detect -c none
match "is said to be that" 'of which files' .err
absent "and nothing was made" none
