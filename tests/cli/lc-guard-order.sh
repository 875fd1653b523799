# lc-guard: what comes first, the end of the command, its states, its alert, the store's absence: each order that a fast or a slow
# machine may bring about, forced.
. "$TESTS/cli/lib.sh"
. "$TESTS/guard.sh"

guard_trainer
opts="-w 12 -k 2 -j 2 --horizon 20 --readout 10 --nulls 3 --grace 2 --no-probes"
await() { until_ok "$@" || fail "waited for: $*" "in vain"; }
has() { grep -q "$1" "$2" 2>/dev/null; }

# Programs are looked for beside lc-guard first. Here a state is not saved while a file keep-STATE is there; a follower sees nothing
# while there is a file blind; no fork is planned while there is a file mute; each look of the guard is a line in ./looks.
mkdir bin
for p in "$B"/lc-* "$B"/*.json; do [ -f "$p" ] && ln -s "$p" bin/; done
rm bin/lc-snap bin/lc-detect bin/lc-fork bin/lc-guard
cp "$B/lc-guard" bin/
cat >bin/lc-snap <<END2
#!/bin/sh
for last; do :; done
[ "\$1" = save ] && while [ -e "$HERE/keep-\${last##*/}" ]; do /bin/sleep 0.1; done
exec "$B/lc-snap" "\$@"
END2
cat >bin/lc-detect <<END2
#!/bin/sh
[ -e "$HERE/blind" ] && case " \$* " in *" -f "*) exec /bin/sleep 600 ;; esac
exec "$B/lc-detect" "\$@"
END2
cat >bin/lc-fork <<END2
#!/bin/sh
[ "\$1" = plan ] && [ -e "$HERE/mute" ] && : >"$HERE/asked" && exec /bin/sleep 600
exec "$B/lc-fork" "\$@"
END2
cat >bin/sleep <<END2
#!/bin/sh
[ "\$1" != 0.1 ] || echo "\$PPID " >>"$HERE/looks"
exec /bin/sleep "\$@"
END2
# The trainer; the run itself ends only when a file end is there.
cat >slow <<'END2'
#!/bin/sh
./train "$@" || exit
[ "${LC_BRANCH:-main}" != main ] || until [ -e end ]; do /bin/sleep 0.1; done
END2
chmod +x bin/* slow
# looked DIR N: so many looks more of the guard there
looked() {
	who=$(guard_pid "$1")
	upto=$(($(grep -c "^$who " looks) + $2))
	await eval '[ "$(grep -c "^$who " looks)" -ge "$upto" ]'
}
: >looks

# An alert before the first state is in the store: it is on its way there.
: >keep-step-00000010
: >wait-90
echo >ill-60
# shellcheck disable=SC2086
bin/lc-guard -q -d first $opts -- ./train {horizon} {actions} >.out 2>.err &
guard=$!
await test -s first/alert.new
await test -f first/status.json
looked first 3
rm keep-step-00000010
await has '"event":"decided"' first/journal.jsonl
rm wait-90
wait $guard
equal "an alert before any state is kept waits for the first: status" 0 $?
equal "and is treated" "1 0" "$(events decided first) $(events 'only watching' first)"

# The same, where none can be kept: it is written down.
cat >none <<'END2'
#!/bin/sh
mkdir "$LC_OUT/.other" && LC_OUT=$LC_OUT/.other exec ./train "$@"
END2
chmod +x none
echo >ill-60
# shellcheck disable=SC2086
ok "an alert without any state" bin/lc-guard -q -d none-kept $opts -- ./none {horizon} {actions}
match "is written down" '"event":"only watching","of":"alert","why":"there is no state yet' none-kept/journal.jsonl

# The command has ended when its alert is seen, and the store is away.
: >blind
echo >ill-100
# shellcheck disable=SC2086
bin/lc-guard -q -d away $opts -- ./slow {horizon} {actions} >.out 2>.err &
guard=$!
await has '"newest":{"snapshot":"[0-9a-f]*","step":160}' away/status.json
mv away/store away/gone
: >end
await has '"event":"store away"' away/journal.jsonl
mv away/gone away/store
wait $guard
equal "an alert seen at the end waits for the store: status" 0 $?
equal "and is treated" "1 0" "$(events decided away) $(events 'fork failed' away)"
match "beside what it did where there was room for it" '"role":"control".*"step":130\}' away/journal.jsonl
rm blind end

# The run comes to its end while --every is about to look at step 60.
tiny="--layers 1 --dim 16 --heads 1 --ctx 16 --batch 2 --total 160 --lr 5e-3 --val-every 5 --val-bytes 1024 --save-every 10"
cat >done <<'END2'
#!/bin/sh
lc-train -q "$@" || exit
[ "${LC_BRANCH:-main}" != main ] || while [ -e keep-step-00000070 ]; do /bin/sleep 0.1; done
END2
chmod +x done
: >keep-step-00000070
{
	until_ok has phase=fork every/guard.state
	rm -f keep-step-00000070
} &
# shellcheck disable=SC2086
ok "a run that has ended before --every looks" bin/lc-guard -q -d every --horizon 10 --readout 10 --nulls 3 -w 24 --every 60 --every-budget 100% -- \
	./done $tiny --resume {state} --out {out} --steps {horizon} {actions}
wait
match "is not looked at beyond its end" '"event":"only watching","of":"every","why":"step 160 is too near' every/journal.jsonl
equal "no future is run" 0 "$(cat every/forks/*/evidence.jsonl 2>/dev/null | wc -l)"

# It is told to end while it asks what the smallest fork takes, of a store that is silent.
: >mute
: >wait-120
echo >ill-60
# shellcheck disable=SC2086
bin/lc-guard -q -d silent $opts --budget 1000 --store-wait 600 -- ./train {horizon} {actions} >.out 2>.err &
guard=$!
await test -e asked
kill -TERM $guard
gone() { ! kill -0 $guard 2>/dev/null; }
ok "a signal is heard while a store is silent" until_ok gone
rm mute
wait $guard
equal "and ends it" 143 $?
