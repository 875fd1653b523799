# lc-snap-crowd: savers killed at any moment, and several at once: what is listed is whole.
. "$TESTS/cli/lib.sh"
unset LC_STORE

# killed in the middle of work, again and again
killed=0 i=0
while [ $i -lt 12 ]; do
	i=$((i + 1))
	mkdir -p "k/step-$i"
	head -c 12000000 /dev/urandom >"k/step-$i/model.safetensors"
	lc-snap save -q "k/step-$i" >/dev/null 2>&1 &
	saver=$!
	sleep "0.0$((i * 7 % 10))"
	kill -9 $saver 2>/dev/null
	wait $saver 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
done
ok "some savers were killed ($killed of 12)" test $killed -gt 0
ok "a save after them" lc-snap save k/step-1
ok "all that is listed is whole" lc-snap verify
equal "what they left is gone" "" "$(ls -A lc-store/tmp)"

# four at once, into a store that is not there yet, with files in common
mkdir -p c/common
head -c 5000000 /dev/urandom >c/common/model.safetensors
for n in 1 2 3 4; do
	mkdir -p "c/$n/step-$n"
	cp c/common/model.safetensors "c/$n/step-$n"
	head -c 3000000 /dev/urandom >"c/$n/step-$n/optimizer.safetensors"
	sh -c "for k in 1 2 3 4 5; do lc-snap save -s crowd -t k=\$k c/$n/step-$n || exit; done" \
		>"log.$n" 2>&1 &
done
wait
# shellcheck disable=SC2126
equal "twenty records" 20 "$(cat log.* | grep -c '^{"type":"snapshot"')"
equal "twenty snapshots" 20 "$(lc-snap list -j -s crowd | wc -l)"
ok "all whole" lc-snap verify -s crowd
for n in 1 2 3 4; do
	ok "restore $n" lc-snap restore -s crowd "@$n" "out.$n"
	ok "is what saver $n saved" diff -r "c/$n/step-$n" "out.$n"
done

# readers see whole snapshots, or none, while savers come and go
(
	for n in 11 12 13 14 15 16; do
		mkdir -p "r/step-$n"
		head -c 2000000 /dev/urandom >"r/step-$n/model.safetensors"
		lc-snap save -q -s crowd "r/step-$n" >/dev/null || echo "save $n" >>wrong
	done
	: >ready
) &
while [ ! -e ready ]; do
	lc-snap verify -q -s crowd >>wrong 2>&1
	lc-snap list -s crowd >/dev/null 2>>wrong
done
wait
equal "readers beside savers" "" "$(cat wrong)"
