# lc-collapse apply: the run goes on as the chosen future.
. "$TESTS/cli/lib.sh"
unset LC_STORE

mkdir -p "ckpt/step-100"
printf 'weights' >ckpt/step-100/model.safetensors
head -c 3000000 /dev/urandom >ckpt/step-100/optimizer.safetensors
id=$(lc-snap save -q ckpt/step-100 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
here=$(pwd -P)
state=$here/lc-applied/state-$(printf %.16s "$id")

decision() { # VERDICT ACTIONS [SNAPSHOT]
	printf '{"type":"decision","v":1,"fork":"f1","verdict":"%s","choice":"b03","from":{"snapshot":"%s","step":100},"actions":%s}\n' \
		"$1" "${3:-$id}" "$2"
}
decision better '{"rewind":100,"skip":[101,110],"lr_scale":0.5,"reset":"mv"}' >d
ok "apply" lc-collapse apply d
cp .out once
ok "the state is restored byte for byte" diff -r ckpt/step-100 "$state"
equal "read-only" "" "$(find "$state" -type f -perm /222)"
equal "the applied record" "{\"type\":\"applied\",\"v\":1,\"fork\":\"f1\",\"choice\":\"b03\",\"step\":100,\"state\":\"$state\",\"actions\":{\"rewind\":100,\"skip\":[101,110],\"lr_scale\":0.5,\"reset\":\"mv\"},\"words\":[\"--skip\",\"101-110\",\"--lr-scale\",\"0.5\",\"--reset\",\"mv\"]}" "$(cat once)"
match "actions.json" '^\{"rewind":100,"skip":\[101,110\],"lr_scale":0.5,"reset":"mv"\}$' lc-applied/actions.json
ok "again" lc-collapse apply d
same "is the same" .out once
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
decision better '{"lr_scale":0.5}' none >first
ok "a state of none is the beginning" lc-collapse apply -x 'echo {state} {actions}' first
equal "and said so" "none --lr-scale 0.5" "$(cat .out)"

# --base
ok "a base that is not there yet" lc-collapse apply -b base.json d
equal "what acts once is not in it" '{"skip":[101,110],"lr_scale":0.5}' "$(cat base.json)"
decision better '{"skip":[120,121],"lr_scale":0.25,"lr_warmup":30}' >d2
ok "a second decision" lc-collapse apply -b base.json d2
equal "skips unite, a scale is absolute" '{"skip":[[101,110],[120,121]],"lr_scale":0.25}' "$(cat base.json)"
echo '{"lr_scale":-1}' >bad.json
status "a base that is none" 3 lc-collapse apply -b bad.json d
equal "is left as it was" '{"lr_scale":-1}' "$(cat bad.json)"

# bad input
status "no decision in it" 3 sh -c 'echo "{}" | lc-collapse apply -'
status "an empty one" 3 lc-collapse apply /dev/null
status "no such file" 4 lc-collapse apply absent
status "no argument" 2 lc-collapse apply
decision better '{"lr_scale":"x"}' >bad
status "an action that is none" 3 lc-collapse apply bad
decision better '{}' | sed 's/"snapshot":"[^"]*",//' >bad
status "no snapshot" 3 lc-collapse apply bad
decision better '{}' "$(echo "$id" | tr '0-9a-f' '1-9a-f0')" >bad
status "a snapshot that is not in the store" 3 lc-collapse apply -d nowhere bad
absent "leaves no state behind" nowhere/state-*
find lc-store -type f -size +100k -exec sh -c 'chmod u+w "$1"; printf X | dd of="$1" bs=1 seek=200000 conv=notrunc 2>/dev/null' sh {} \;
status "a damaged store" 3 lc-collapse apply -d damaged d
absent "restores nothing" damaged/state-*
[ -w /dev/full ] && status "a full disk" 4 sh -c 'lc-collapse apply first >/dev/full'
:
