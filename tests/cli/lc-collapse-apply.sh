# lc-collapse apply: the run goes on as the chosen future.
. "$TESTS/cli/lib.sh"
unset LC_STORE

mkdir -p "ckpt/step-100"
printf 'weights' >ckpt/step-100/model.safetensors
head -c 3000000 /dev/urandom >ckpt/step-100/optimizer.safetensors
id=$(lc-snap save -q ckpt/step-100 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
here=$(pwd -P)
state=$here/lc-applied/state-$(printf %.16s "$id")

fork=f1
decision() { # VERDICT ACTIONS [SNAPSHOT]
	printf '{"type":"decision","v":1,"fork":"'$fork'","verdict":"%s","choice":"b03","from":{"snapshot":"%s","step":100},"actions":%s}\n' \
		"$1" "${3:-$id}" "$2"
}
decision better '{"rewind":100,"skip":[101,110],"lr_scale":0.5,"reset":"mv"}' >d
ok "apply" lc-collapse apply d
cp .out once
ok "the state is restored byte for byte" diff -r ckpt/step-100 "$state"
equal "read-only" "" "$(find "$state" -type f -perm /222)"
match "the applied record" "^\{\"type\":\"applied\",\"v\":1,\"n\":1,\"time\":\"[^\"]*Z\",\"fork\":\"f1\",\"choice\":\"b03\",\"from\":\{\"snapshot\":\"$id\",\"step\":100\},\"step\":100,\"actions\":\{\"rewind\":100,\"skip\":\[101,110\],\"lr_scale\":0.5,\"reset\":\"mv\"\},\"words\":\[\"--skip\",\"101-110\",\"--lr-scale\",\"0.5\",\"--reset\",\"mv\"\],\"run\":\"run\",\"decision\":\"sha256:$(head -n 1 d | tr -d '\n' | sha256sum | cut -d ' ' -f 1)\"" once
match "says where the state lies" "\"state\":\"$state\"\}\$" once
equal "the ref of the run" "{\"type\":\"ref\",\"v\":1,\"run\":\"run\",\"snapshot\":\"$id\",\"step\":100,\"seq\":1," \
	"$(grep -o '.*"seq":1,' lc-store/refs/*.json)"
equal "the journal: applied, settled" "applied settled" "$(grep -o '^{"type":"[a-z]*' lc-applied/journal.jsonl | cut -d '"' -f 4 | tr '\n' ' ' | sed 's/ $//')"
match "actions.json" '^\{"rewind":100,"skip":\[101,110\],"lr_scale":0.5,"reset":"mv"\}$' lc-applied/actions.json
ok "again" lc-collapse apply d
same "is the same" .out once
equal "and writes nothing" 2 "$(wc -l <lc-applied/journal.jsonl)"
ok "from standard input" sh -c 'lc-collapse apply - <d'
same "is the same, too" .out once
{
	echo '{"step":1,"loss":2}'
	decision better '{"x_n":1}'
	cat d
	echo '{"type":"unheard-of"}'
} >many
ok "of a journal" lc-collapse apply many
same "the last decision" .out once

# -x
ok "-x runs the command" lc-collapse apply -d there -o 'out dir' -x 'printf "%s\n" {state} {out} {branch} {horizon} {skip} {actions}' d
equal "with its holes filled" "$here/there/state-$(printf %.16s "$id") out dir none none 101-110 --skip 101-110 --lr-scale 0.5 --reset mv" \
	"$(tr '\n' ' ' <.out | sed 's/ $//')"
# shellcheck disable=SC2016
ok "and the environment" lc-collapse apply -d there -x 'echo "$LC_STATE|$LC_BRANCH|$LC_OUT|$(cat "$LC_ACTIONS")|$LC_METRICS|$LC_CONTROL"' d
equal "of lc-trainer(7)" "$here/there/state-$(printf %.16s "$id")||$here/there/out|$(cat lc-applied/actions.json)|$here/there/metrics.jsonl|$here/there/control.json" "$(cat .out)"
lc-collapse apply -x 'exit 7' d >.out 2>.err
equal "the command's status is passed on" 7 $?
lc-collapse apply -x 'no-such-command' d >.out 2>.err
equal "127 too" 127 $?
lc-collapse apply -x 'kill -9 $$' d >.out 2>.err
equal "and its signal" 137 $?
status "an unknown hole" 2 lc-collapse apply -x 'train {stat}' d

# nothing to apply
for verdict in none undecided; do
	decision $verdict '{}' >no
	lc-collapse apply -d not -x 'touch ran' no >.out 2>.err
	equal "$verdict: status 1" 1 $?
	equal "$verdict: one line says so" 1 "$(wc -l <.err)"
	absent "$verdict: nothing was done" not ran
	ok "$verdict --force" lc-collapse apply --force -d "forced-$verdict" no
	match "the control: no words" '"words":\[\]' .out
done
fork=f2
decision better '{"lr_scale":0.5}' none >first
ok "a state of none is the beginning" lc-collapse apply -d first-d -x 'echo {state} {actions}' first
equal "and said so" "none --lr-scale 0.5" "$(cat .out)"
ok "a journal elsewhere" lc-collapse apply -d gone -J gone.jsonl first
sed -i '/"settled"/d' gone.jsonl
rm -r gone
ok "killed before it was settled, its directory cleared away since" lc-collapse apply -d gone -J gone.jsonl first
equal "it is finished" '{"lr_scale":0.5}' "$(cat gone/actions.json)"
match "and settled" '"type":"settled","v":1,"n":1' gone.jsonl

# --base
ok "a base that is not there yet" lc-collapse apply -d based -b base.json d
equal "what acts once is not in it" '{"skip":[101,110],"lr_scale":0.5}' "$(cat base.json)"
fork=f3
decision better '{"skip":[120,121],"lr_scale":0.25,"lr_warmup":30}' >d2
ok "a second decision" lc-collapse apply -d based -b base.json d2
equal "skips unite, a scale is absolute" '{"skip":[[101,110],[120,121]],"lr_scale":0.25}' "$(cat base.json)"
echo '{"lr_scale":-1}' >bad.json
status "a base that is none" 3 lc-collapse apply -d based -b bad.json d
equal "is left as it was" '{"lr_scale":-1}' "$(cat bad.json)"

# --undo: back to where it was decided, file by file
ok "undo" lc-collapse apply --undo -d based -b base.json
equal "the base of before" '{"skip":[101,110],"lr_scale":0.5}' "$(cat base.json)"
match "is told to the trainer" '"type":"undone",.*"actions":\{"skip":\[101,110\],"lr_scale":0.5\},"words":\["--skip","101-110","--lr-scale","0.5"\].*"of":2' .out
ok "undo the one before it" lc-collapse apply --undo -d based -b base.json d
equal "nothing is in force" '{}' "$(cat base.json)"
lc-collapse apply --undo -d based -b base.json >.out 2>.err
equal "there is no more to undo" "1 1" "$? $(wc -l <.err)"
ok "it can be applied again" lc-collapse apply -d based -b base.json d
lc-collapse apply --undo -d based -b base.json d2 >.out 2>.err
equal "an undo of what was not applied last: 1" 1 $?

# where the run stands decides whether a decision is stale
mkdir -p states/step-200 states/step-250 states/step-400
for s in 200 250 400; do echo $s >states/step-$s/model.bin; done
keep() { lc-snap save -q -s live --run r states/step-"$1" | grep -o '"id":"[^"]*"' | cut -d '"' -f 4; }
s200=$(keep 200) s250=$(keep 250)
about() { # FORK CHOSEN ACTIONS [BASE]: decided at step 250, futures to 350
	printf '{"type":"decision","v":1,"fork":"%s","verdict":"better","choice":"a","from":{"snapshot":"%s","step":200},"actions":%s,' "$1" "$2" "$3"
	printf '"present":{"snapshot":"%s","step":250,"horizon":100},"base":%s}\n' "$s250" "${4:-"{}"}"
}
about g1 "$s200" '{"rewind":200,"lr_scale":0.5}' >g1
about g2 "$s250" '{"reset":"mv"}' >g2
about g1 "$s250" '{"reset":"m"}' >g1b
equal "the newest state is where it goes on from" "$s250" "$(lc-snap show -s live -j r@head | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)"
ok "a decision about the run as it is" lc-collapse apply -s live -d l -b b.json g1
equal "the run's head is where it was put" "$s200" "$(lc-snap show -s live -j r@head | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)"
equal "its newest state is another" "$s250" "$(lc-snap show -s live -j r@latest | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)"
stale() { # NAME WHY DECISION
	lc-collapse apply -s live -d l -b b.json "$3" >.out 2>.err
	equal "$1: refused" 1 $?
	match "$1: and why" "stale: $2" .err
	equal "$1: nothing was journaled" 2 "$(wc -l <l/journal.jsonl)"
}
stale "another decision of a fork that was decided" "another decision of fork g1 is in force" g1b
stale "one made with other actions in force" "the actions in force are not those" g2
about g2 "$s250" '{"reset":"mv"}' '{"lr_scale":0.5}' >g2
stale "one about a future that was left" "the run was put back to step 200 since" g2
ok "the same, again" lc-collapse apply -s live -d l -b b.json g1
ok "undo" lc-collapse apply -s live -d l -b b.json --undo
equal "the head is where it was decided" "$s250" "$(lc-snap show -s live -j r@head | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)"
ok "which is restored too" grep -q 250 "l/state-$(printf %.16s "$s250")/model.bin"
keep 400 >s400
equal "a newer state is the head" "$(cat s400)" "$(lc-snap show -s live -j r@head | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)"
lc-collapse apply -s live -d l -b b.json g1 >.out 2>.err
equal "one about long ago: refused" 1 $?
match "and why" 'stale: the run has moved on to step 400, its futures ended at 350' .err
ok "--force" lc-collapse apply --force -s live -d l -b b.json g1
equal "is heard" "$s200" "$(lc-snap show -s live -j r@head | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)"
ok "prune" lc-snap prune -q -s live --keep-last 1
equal "keeps the head" "2 400 200" "$(lc-snap list -q -s live -j | wc -l | tr -d ' ') $(lc-snap list -s live -j | grep -o '"step":[0-9]*' | cut -d : -f 2 | sort -rn | tr '\n' ' ' | sed 's/ $//')"

keep 250 >.out

# a trainer that runs on
about g3 "$s250" '{"lr_scale":0.5,"reseed":3}' >g3
ok "-c" lc-collapse apply --force -s live -d c -c c.json -b cb.json g3
equal "writes the control file" '{"lr_scale":0.5,"reseed":3}' "$(cat c.json)"
absent "restores nothing" c/state-*
match "says so" '"state":"live"' .out
ok "undo" lc-collapse apply --undo -s live -d c -b cb.json
equal "tells it what changes nothing" '{"lr_scale":1,"reseed":0}' "$(cat c.json)"
equal "and has nothing in force" '{}' "$(cat cb.json)"
lc-collapse apply --force -s live -d c -c c.json g1 >.out 2>.err
equal "a decision that goes back: 1" 1 $?
about g4 "$s250" '{"clip":0.5}' >g4
ok "a clip" lc-collapse apply --force -s live -d c -c c.json g4
lc-collapse apply --undo -s live -d c >.out 2>.err
equal "that cannot be taken back: 1" 1 $?
match "is named" 'clip cannot be taken back' .err
status "-c with -x" 2 lc-collapse apply -c c.json -x true g3

# a journal that others write to, and one that ends torn
printf '{"type":"event","v":1}\n{"type":"appl' >torn
ok "a torn journal" lc-collapse apply --force -s live -d t -J torn g3
ok "again" lc-collapse apply -s live -d t -J torn g3
equal "is added to on a line of its own" "4" "$(wc -l <torn)"
status "a journal of a later version" 3 sh -c 'sed "s/\"applied\",\"v\":1/\"applied\",\"v\":2/" torn >later && lc-collapse apply -d t -J later g3'

# two at once: one of them does it
for i in 1 2 3 4; do lc-collapse apply --force -s live -d two -b two.json g3 >two.$i 2>&1 & done
wait
equal "four at once: one transaction" 2 "$(wc -l <two/journal.jsonl)"
ok "all say the same" sh -c 'cmp two.1 two.2 && cmp two.1 two.3 && cmp two.1 two.4'

# bad input
status "no decision in it" 3 sh -c 'echo "{}" | lc-collapse apply -'
status "an empty one" 3 lc-collapse apply /dev/null
status "no such file" 4 lc-collapse apply absent
status "no argument" 2 lc-collapse apply
decision better '{"lr_scale":"x"}' >bad
status "an action that is none" 3 lc-collapse apply -d bad-d bad
decision better '{}' | sed 's/"snapshot":"[^"]*",//' >bad
status "no snapshot" 3 lc-collapse apply -d bad-d bad
decision better '{}' "$(echo "$id" | tr '0-9a-f' '1-9a-f0')" >bad
status "a snapshot that is not in the store" 3 lc-collapse apply -d nowhere bad
absent "leaves no state behind" nowhere/state-*
find lc-store -type f -size +100k -exec sh -c 'chmod u+w "$1"; printf X | dd of="$1" bs=1 seek=200000 conv=notrunc 2>/dev/null' sh {} \;
status "a damaged store" 3 lc-collapse apply -d damaged d
absent "restores nothing" damaged/state-*
[ -w /dev/full ] && status "a full disk" 4 sh -c 'lc-collapse apply -d full first >/dev/full'
:
