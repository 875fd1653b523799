# lc-guard: wrong usage, commands that fail, words of the command.
. "$TESTS/cli/lib.sh"
opts="-w 12 -k 1 --horizon 10 --readout 10 --nulls 2"
# guard DIR COMMAND...
guard() {
	d=$1
	shift
	# shellcheck disable=SC2086
	lc-guard -d "$d" $opts -- "$@"
}

ok "--help" lc-guard --help
match "--help is on stdout" '^usage: lc-guard ' .out
ok "--version" lc-guard --version
match "--version says which" '^lc-guard [0-9]' .out
status "no command" 2 lc-guard
status "no command after --" 2 lc-guard -d none --
absent "nothing was made" none lc-guard.d
# What a fork would refuse is refused before the run, not at the first alert in the middle of the night.
for bad in '--no-such' '-w' '-w x' '-w -5' '-w 12.5' '-w 4' '-w 8 --nulls 5' '--nulls 1' '--horizon 0' '--readout 0' '-k 0' '-j 0' \
	'--min-effect x' '--grace x' '--max-forks -1' '-o reward' '-o max:x:y' '--profile x'; do
	n=$((${n:-0} + 1))
	# shellcheck disable=SC2086
	status "usage: $bad" 2 lc-guard -q -d "bad.$n" $bad -- sh -c 'exit 0; : {state} {out}'
done
status "a path with a space" 2 lc-guard -q -d 'a b' -- true
: >file
status "a directory that is a file" 4 lc-guard -q -d file -- true

guard seven sh -c 'echo "no data" >&2; exit 7; : {state} {out}' >.out 2>.err
equal "a command that fails: its status" 7 $?
match "and what it said last" 'status 7: no data' .err
match "are in the journal" '"event":"failed","status":7' seven/journal.jsonl
guard nocmd no-such-command-anywhere {state} {out} >.out 2>.err
equal "a command that is not there" 127 $?
lc-guard -q -d q $opts -- sh -c 'echo "no data" >&2; exit 7; : {state} {out}' >.out 2>.err
equal "-q: a failure is still said, in one line" 1 "$(wc -l <.err)"
guard hole sh -c ': {stat} {out}' >.out 2>.err
equal "a hole that nothing fills" 2 $?
match "is named" '\{stat\}' .err

# the words arrive as they were given
guard words sh -c 'for w; do echo "[$w]"; done >words.txt' sh 'a b' "it's" '$HOME' '' '*' '{state}' '--x={horizon}' {actions} '"q"' >.out 2>.err
equal "a command that prints no records ends as it ends" 0 $?
printf '[%s]\n' 'a b' "it's" '$HOME' '' '*' none --x=none '"q"' >want
same "words arrive whole" want words.txt
# shellcheck disable=SC2016
ok "the environment" guard env sh -c 'echo "$LC_STATE $LC_OUT" >env.txt; : {state} {out}'
equal "of lc-trainer(7)" "none $(pwd -P)/env/out/1" "$(cat env.txt)"
ok "no {state}, no {out}" guard noholes true
match "is said" 'no \{state\} or no \{out\}' .err

# a run that breaks before there is any state to go back to: there is nothing to choose among
cat >nan.sh <<'END'
echo '{"step":1,"loss":2}'
echo '{"step":2,"loss":NaN}'
sleep 1
END
lc-guard -q -d nostate $opts -- sh nan.sh {state} {out} >.out 2>.err
equal "an alert before there is any state: the command goes on" 0 $?
match "the alert is in the journal" '"kind":"nonfinite"' nostate/journal.jsonl
equal "and no fork was tried" 0 "$(ls nostate/forks | wc -l)"

# with no forks to spend an alert is written down, also when the run ends as fast as this
ok "--max-forks 0" lc-guard -q -d watch $opts --max-forks 0 -- sh nan.sh {state} {out}
equal "the alert is in the journal, once" 1 "$(grep -c '"type":"alert"' watch/journal.jsonl)"
equal "and nothing else happened" 0 "$(ls watch/forks | wc -l)"
sed -i '/sleep/d' nan.sh
ok "--max-forks 0, a fast command" lc-guard -q -d watch2 $opts --max-forks 0 -- sh nan.sh {state} {out}
equal "the alert is in the journal of it, once" 1 "$(grep -c '"type":"alert"' watch2/journal.jsonl)"

# two guards
mkfifo go
guard two sh -c 'read x <go; : {state} {out}' >one.out 2>one.err &
first=$!
until_ok test -f two/trainer.pid
status "a second guard on the same directory" 4 lc-guard -q -d two $opts -- true
match "says why" 'another lc-guard' .err
ok "leaves the first alone" kill -0 $first
echo >go
wait $first
equal "which ends well" 0 $?
