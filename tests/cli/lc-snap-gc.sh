# lc-snap-gc: gives back the room of what no snapshot needs, and never of what one does, nor of what a damaged one might.
. "$TESTS/cli/lib.sh"
unset LC_STORE

train() {
	lc-train -q --text "$B/kjv.txt" --layers 1 --dim 64 --heads 2 --ctx 16 --batch 2 --total 60 --warmup 5 --val-every 0 \
		--probe-every 0 --save-every 1 --keep 100 "$@" >/dev/null
}
size() { cat st/packs/*.pack 2>/dev/null | wc -c; }
drop() { lc-snap prune -q -s st --keep-tag none=none --keep "$1" >/dev/null; }
field() { sed -n "s/.*\"$1\":\"*\([^\",}]*\).*/\1/p" "${2:-.out}"; }
train --out ck --steps 8
i=0
# unrelated bytes, so that nothing is predicted from anything: each save has a pack of its own
while [ $i -lt 5 ]; do
	i=$((i + 1))
	mkdir -p n/step-$i
	head -c 300000 /dev/urandom >n/step-$i/x
done

status "no store" 4 lc-snap gc -s none
absent "none is made" none
status "an operand" 2 lc-snap gc x
status "no time" 2 lc-snap gc --grace 5y
lc-snap init -q st
ok "an empty store" lc-snap gc -s st
for k in 1 2 3 4 5; do lc-snap save -q -s st n/step-$k >/dev/null; done
before=$(size)
ok "nothing to give" lc-snap gc -s st --grace 0 -j
match "nothing given" '"type":"gc","v":1,"dry_run":false,.*"chunks":0,"removed":0,"rewritten":0,"recoded":0,"damaged":0}' .out
equal "not a byte" "$before" "$(size)"

# whole packs
ok "drop four" lc-snap prune -q -s st --keep-last 1
ok "young ones stay" lc-snap gc -s st -j
equal "for an hour" "$before" "$(size)"
match "which is told" "\"young\":[1-9]" .out
ok "in words too" lc-snap gc -s st
match "what stays, and for what" '[0-9] MB stay for --grace$' .out
ok "told" lc-snap gc -s st --grace 0 -nj
match "what would be" '"dry_run":true,"before":[0-9]*,"after":3[0-9]{5},.*"removed":4' .out
equal "and not done" "$before" "$(size)"
told=$(field after)
ok "done" lc-snap gc -s st --grace 0 -j
equal "as told" "$told $told" "$(field after) $(size)"
ok "what is left is whole" lc-snap verify -q -s st
ok "and is given" lc-snap restore -q -s st @5 out
ok "as it was" diff -r n/step-5 out
touch -d '2 hours ago' st/packs/*.pack
mkdir m && head -c 300000 /dev/urandom >m/x
lc-snap save -q -s st --step 9 m >/dev/null
ok "without the newest" lc-snap prune -q -s st --keep @9
ok "the default grace" lc-snap gc -s st
equal "what is older goes" "" "$(lc-snap list -s st -j | grep '"step":5')"
ok "whole" lc-snap verify -q -s st

# a pack of which a part is needed is written anew
rm -rf st out
mkdir -p h/step-1 h/step-2
head -c 4000000 /dev/urandom >h/step-1/big
head -c 1000000 /dev/urandom >h/step-1/small
cp h/step-1/small h/step-2/small
lc-snap save -q -s st h/step-1 >/dev/null
lc-snap save -q -s st h/step-2 >/dev/null
equal "two share a pack" 1 "$(ls st/packs | wc -l)"
old=$(ls st/packs)
ok "the larger goes" lc-snap prune -q -s st --keep-last 1
ok "gc" lc-snap gc -s st --grace 0 -j
match "one written anew" '"chunks":4,"removed":0,"rewritten":1' .out
equal "one pack" 1 "$(ls st/packs | wc -l)"
absent "another" "st/packs/$old"
ok "smaller" test "$(size)" -lt 1100000
ok "whole" lc-snap verify -q -s st
ok "restores" lc-snap restore -q -s st @2 out
ok "as it was" diff -r h/step-2 out
# a little that is not needed is not worth it
rm -rf st
head -c 200000 /dev/urandom >h/step-1/big
head -c 1000000 /dev/urandom >h/step-1/small
cp h/step-1/small h/step-2/small
lc-snap save -q -s st h/step-1 >/dev/null
lc-snap save -q -s st h/step-2 >/dev/null
lc-snap prune -q -s st --keep-last 1
ok "less than a quarter" lc-snap gc -s st --grace 0 -j
match "stays" '"rewritten":0' .out

# leftovers of a killed saver go; chunks that it had made durable too, once they are old
rm -rf st
lc-snap save -q -s st n/step-1 >/dev/null
echo rest >st/tmp/0123456789abcdef
lc-snap save -q -s st n/step-2 >/dev/null
rm "st/snapshots/$(lc-snap list -j -s st | grep '"step":2' | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/').json"
ok "after a crash" lc-snap gc -s st --grace 0 -j
match "a pack without a snapshot" '"removed":1' .out
equal "a temporary" "" "$(ls -A st/tmp)"

# damage: nothing is removed while a snapshot might need it
base() {
	rm -rf st
	for k in 1 2 3; do lc-snap save -q -s st ck/step-0000000$k >/dev/null; done
	lc-snap save -q -s st n/step-4 --run noise >/dev/null
	for id in $(lc-snap list -j -s st | grep '"step":[14]' | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/'); do
		rm "st/snapshots/$id.json"
	done
	before=$(size)
}
refused() { # refused NAME REGEX: a gc that does nothing
	status "$1" 3 lc-snap gc -s st --grace 0
	match "$1: it says what" "$2" .err
	equal "$1: nothing is gone" "$before" "$(size)"
}
base
m=$(ls st/snapshots/* | head -n 1)
cp "$m" kept
head -c 200 kept >"$m"
refused "a torn manifest" "nothing is removed [^:]*: snapshot $(basename "$m" | cut -c 1-12): .*truncated"
ok "it can be ignored" lc-snap gc -s st --grace 0 --ignore-damaged
match "it is named all the same" 'damaged: snapshot' .err
ok "and is left" test -e "$m"
ok "some room is given" test "$(size)" -lt "$before"
base
p=$(ls -S st/packs/* | tail -n 1)
cp "$p" kept
head -c -10 kept >"$p"
before=$(size)
refused "a torn pack" 'nothing is removed [^:]*: st/packs/.*(truncated|not a pack)'
rm "$p"
before=$(size)
refused "a pack that is gone" 'nothing is removed [^:]*: snapshot .* (are in no pack|is in no pack)'
cp kept "$p"
before=$(size)
ok "put back" lc-snap gc -s st --grace 0
ok "all is well" lc-snap verify -q -s st
# every byte of what a body refers to, flipped: noticed or harmless
base
big=$(ls -S st/packs/* | tail -n 2 | head -n 1)
lost='' n=8
cp "$big" kept
while [ $n -lt 60 ]; do
	cp kept "$big"
	byte=$(od -An -tu1 -j $n -N 1 kept | tr -d ' ')
	printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$big" bs=1 seek=$n conv=notrunc 2>/dev/null
	rm -rf try && cp -R st try
	lc-snap gc -q -s try --grace 0 >/dev/null 2>&1
	# the damaged pack repaired: everything that was named must be there
	for f in try/packs/*; do [ "$(basename "$f")" = "$(basename "$big")" ] && cp kept "$f"; done
	[ -e "try/packs/$(basename "$big")" ] || cp kept "try/packs/$(basename "$big")"
	lc-snap verify -q -s try >log 2>&1 || lost="$lost $n"
	n=$((n + 1))
done
equal "a flipped bit where a body begins, and repaired later: nothing is lost" "" "$lost"

# a state that others are predicted from is dropped: they are coded anew, from one another
chain() { # chain KEEP...: what stays of eight states, one step apart
	rm -rf st
	for k in 1 2 3 4 5 6 7 8; do lc-snap save -q -s st ck/step-0000000$k >/dev/null; done
	keep=
	for k; do keep="$keep --keep @$k"; done
	# shellcheck disable=SC2086
	lc-snap prune -q -s st $keep
	lc-snap list -s st -j | sed 's/.*"id":"\([^"]*\)".*/\1/' >ids
	before=$(size)
}
given() { # given STEP...: all that stays is as it was
	for k; do
		rm -rf out
		lc-snap restore -q -s st @$k out >log 2>&1 && diff -r ck/step-0000000$k out >log 2>&1 || echo "$k: $(cat log)"
	done
}
one=$(lc-snap save -q -s alone ck/step-00000008 | field stored /dev/stdin)
chain 8
ok "as it was coded" lc-snap gc -s st --grace 0 --no-recode -j
equal "the whole chain is held" "$before 0" "$(size) $(field chunks)"
ok "of a chain the last" lc-snap gc -s st --grace 0 -j
match "is coded anew" '"held":0,.*"recoded":1' .out
ok "and takes what it takes alone ($(size) of $before, alone $one)" test "$(size)" -le $((one + 1000))
equal "is whole" "" "$(given 8)"
lc-snap list -s st -j | sed 's/.*"id":"\([^"]*\)".*/\1/' >ids2
same "ids stay" ids ids2
equal "it says that it needs none" 0 "$(grep -c '"base"' st/snapshots/*)"
chain 2 3 4 5 6 7 8
ok "the keyframe of a chain is dropped" lc-snap gc -s st --grace 0 -j
match "one is coded anew" '"held":0,.*"recoded":1' .out
ok "less room ($(size) of $before)" test "$(size)" -lt "$before"
equal "all are whole" "" "$(given 2 3 4 5 6 7 8)"
if python3 -c 'import ctypes; ctypes.CDLL("libzstd.so.1")' 2>/dev/null; then
	rm -rf out
	ok "the second reader reads it" python3 "$TESTS/read_store.py" st "$(tail -n 1 ids)" out
	ok "and gets the same" diff -r ck/step-00000008 out
else
	skip "the second reader reads it" "no python3 with libzstd"
fi
chain 3 6 8
ok "with gaps" lc-snap gc -q -s st --grace 0
ok "less room ($(size) of $before)" test "$(size)" -lt "$before"
equal "whole" "" "$(given 3 6 8)"
after=$(size)
ok "again" lc-snap gc -s st --grace 0 -j
match "nothing is left to do" '"chunks":0,"removed":0,"rewritten":0,"recoded":0' .out
equal "not a byte" "$after" "$(size)"
ok "the next state" lc-snap save -q -s st ck/step-00000007
ok "is whole" lc-snap verify -q -s st
equal "too" "" "$(given 7)"
chain 8
ok "told" lc-snap gc -s st --grace 0 -nj
equal "nothing is coded" "$before 0" "$(size) $(field recoded)"
ok "young" lc-snap gc -s st -j
equal "nothing either" "$before 0" "$(size) $(field recoded)"

# in use
base
mkfifo hold
(exec 8<>st/lock && flock -s 8 && echo >ready && read -r _ <hold) &
holder=$!
until_ok test -e ready
status "in use, --no-wait" 4 lc-snap gc -s st --grace 0 --no-wait
match "it says so" 'st: in use$' .err
ok "a dry run needs not wait" lc-snap gc -s st --grace 0 -n
rm -f gc.err
lc-snap gc -s st --grace 0 >gc.out 2>gc.err &
gc=$!
until_ok grep -qs waiting gc.err
match "it says that it waits" 'st: in use: waiting' gc.err
equal "and does nothing" "$before" "$(size)"
echo >hold
wait $gc
equal "it goes on" 0 $?
wait $holder
ok "room was given" test "$(size)" -lt "$before"

# two at once, and savers
base
lc-snap gc -q -s st --grace 0 2>err1 &
one=$!
lc-snap gc -q -s st --grace 0 2>err2 &
two=$!
lc-snap save -q -s st ck/step-00000005 >/dev/null 2>err3
r=$?
wait $one
r="$r $?"
wait $two
equal "two and a saver" "0 0 0" "$r $?"
ok "whole" lc-snap verify -q -s st

# of two copies the newer is predicted from what is damaged: the older one stays
rm -rf st two out
lc-snap save -q -s st ck/step-00000001 >/dev/null
base=$(ls st/packs/*)
lc-snap save -q -s st ck/step-00000002 >/dev/null
lc-snap save -q -s two ck/step-00000002 >/dev/null
touch -d '1 hour ago' two/packs/*
cp -p two/packs/* st/packs/
for at in 5000 20000 50000 $(($(wc -c <"$base") / 2)); do
	printf 'XY' | dd of="$base" bs=1 seek="$at" conv=notrunc 2>/dev/null
done
status "the base is damaged" 1 lc-snap verify -q -s st @1
ok "what was predicted from it has another copy" lc-snap restore -q -s st @2 out
ok "gc" lc-snap gc -q -s st --grace 0
rm -rf out
ok "leaves that" lc-snap restore -q -s st @2 out
ok "as it was" diff -r ck/step-00000002 out

# a gc that ended midway: of two that no snapshot needs, the one that the other is predicted from is gone
rm -rf st
lc-snap init -q st
: >kept
for k in 1 2 3; do
	ok "state $k" lc-snap save -q -s st "ck/step-0000000$k"
	for pack in st/packs/*; do
		grep -q "${pack##*/}" kept || { echo "${pack##*/}" >>kept && echo "$pack" >"pack$k"; }
	done
done
ok "a newer one of nothing else" lc-snap save -q -s st --run run --step 9 n/step-1
ok "they are dropped" lc-snap prune -q -s st --keep-tag none=none --keep @9
rm "$(cat pack1)"
ok "what is left of them is no damage" lc-snap verify -q -s st
printf 'damaged!' | dd of="$(cat pack3)" bs=1 seek=2000 conv=notrunc 2>/dev/null
status "a wrong byte in it is" 1 lc-snap verify -q -s st
match "and is told" 'chunk [0-9a-f]{16}' .out
ok "gc" lc-snap gc -q -s st --grace 0
ok "removes it" lc-snap verify -q -s st
