# lc-snap-tensors: states with tensors: byte for byte again, whatever predicts them, by two readers; in fewer bytes.
. "$TESTS/cli/lib.sh"
unset LC_STORE
umask 022

field() { # field KEY: of the record in .out
	sed -n "s/.*\"$1\":\"*\([^\",}]*\).*/\1/p" .out
}
flip() { # flip FILE OFFSET: one bit
	byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	printf "\\$(printf %03o $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
python=
python3 -c 'import ctypes; ctypes.CDLL("libzstd.so.1")' 2>/dev/null && python=1
second() { # second STORE ID WANT: what the second reader makes of it
	if [ $python ]; then
		rm -rf second.out
		ok "the second reader reads $3" python3 "$TESTS/read_store.py" "$1" "$2" second.out
		ok "and gets the same" diff -r --no-dereference "$3" second.out
	else
		skip "the second reader reads $3" "no python3 with libzstd"
	fi
}

# a run: one step apart, then several, then a fork that says who its parent is
train() {
	lc-train -q --text "$B/kjv.txt" --layers 1 --dim 64 --heads 2 --ctx 16 --batch 4 --micro 1 --total 60 --warmup 5 \
		--val-every 0 --probe-every 0 --keep 100 "$@" >/dev/null
}
train --out ck --steps 30
for n in 1 1 8; do
	train --out ck --resume ck --steps $n
done
train --out fork --resume ck/step-00000032 --lr-scale 0.5 --steps 4
for state in ck/step-00000030 ck/step-00000031 ck/step-00000032 ck/step-00000040; do
	ok "save $state" lc-snap save $state
	echo "$state $(field id) $(field stored) $(field bytes)" >>saved
done
parent=$(sed -n '2s/[^ ]* \([0-9a-f]*\) .*/\1/p' saved)
ok "save a fork" lc-snap save -t "parent=$parent" fork/step-00000036
echo "fork/step-00000036 $(field id) $(field stored) $(field bytes)" >>saved
ok "all is whole" lc-snap verify
while read -r state id stored bytes; do
	ok "restore $state" lc-snap restore "$id" "out/$state"
	ok "it is as it was" diff -r "$state" "out/$state"
done <saved
# these bounds hold with room to spare: the point is which of the predictions was used
while read -r state id stored bytes; do
	case $state in
	*30) want=120 ;;
	*31 | *32) want=230 ;;
	*) want=123 ;;
	esac
	equal "$state takes less than 100/$want of its bytes" 1 $((stored * want < bytes * 100))
done <saved
second lc-store "$(sed -n '3s/[^ ]* \([0-9a-f]*\) .*/\1/p' saved)" ck/step-00000032

# ids do not depend on how a state is coded
ok "the same state in a store of its own" lc-snap save -s alone ck/step-00000032
equal "has the same id" "$(sed -n '3s/[^ ]* \([0-9a-f]*\) .*/\1/p' saved)" "$(field id)"

# a damaged base: named, and nothing is restored; what does not need it is whole
first=$(sed -n '1s/[^ ]* \([0-9a-f]*\) .*/\1/p' saved)
cp -r lc-store hurt
pack=$(ls -S hurt/packs/* | head -n 1)
flip "$pack" 100000
status "a state whose base is damaged" 3 lc-snap restore -s hurt @31 hurt.out
match "says so, and where" 'its base: hurt/packs/.*damaged' .err
absent "nothing is restored" hurt.out
status "verify finds it" 1 lc-snap verify -s hurt
match "in the base" "^$(echo "$first" | cut -c 1-12)  " .out
match "and in what needs it" "^$(sed -n '2s/[^ ]* \(............\).*/\1/p' saved)  " .out
ok "a save beside a damaged base" lc-snap save -s hurt -t again=1 ck/step-00000040
rm "$pack"
status "a base that is gone" 3 lc-snap restore -s hurt @31 hurt.out
match "what is missing is named" 'chunk [0-9a-f]* is in no pack' .err
ok "a save without it" lc-snap save -s hurt --run other ck/step-00000030
ok "brings it back" lc-snap restore -s hurt @31 hurt.out
ok "whole" diff -r ck/step-00000031 hurt.out

# files that are no tensors, or lie about them
octal() { # bytes by their octal codes
	printf "$1"
}
mkdir -p odd
head -c 300000 /dev/urandom >odd/noise.safetensors
head -c 300000 /dev/zero >odd/zero.npy
{
	octal '\110\0\0\0\0\0\0\0'
	printf '%-72s' '{"w":{"dtype":"F32","shape":[100,500],"data_offsets":[0,200000]}}'
	head -c 199999 /dev/urandom
} >odd/short.safetensors
{
	octal '\240\0\0\0\0\0\0\0'
	printf '%-160s' '{"w":{"dtype":"F32","shape":[10000],"data_offsets":[0,40000]},"x":{"dtype":"BF16","shape":[20000],"data_offsets":[3,40003]},"e":{"dtype":"F32","shape":[0],"data_offsets":[7,7]}}'
	head -c 50001 "$B/kjv.txt"
} >odd/overlap.safetensors
printf x >odd/one.npy
octal '\377\377\377\377\377\377\377\177{' >odd/huge.safetensors
ok "save odd files" lc-snap save -s odd-store --step 1 odd
equal "noise costs less than a thousandth" 1 $(($(field stored) < 300000 + 200000 + 60000))
odd=$(field id)
ok "restore them" lc-snap restore -s odd-store @1 odd.out
ok "as they were" diff -r odd odd.out
second odd-store "$odd" odd

# the golden stores: 2, and 3 with narrow copies and bytes of all kinds besides
golden() { # golden VERSION STEP...
	version=$1
	shift
	rm -rf golden g
	cp -r "$TESTS/golden/store-$version" golden
	ok "golden $version: verify" lc-snap verify -s golden
	for n; do
		ok "golden $version: restore @$n" lc-snap restore -s golden @$n g/$n
		if [ $python ]; then
			id=$(lc-snap show -s golden -j @$n | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
			ok "golden $version: the second reader reads @$n" python3 "$TESTS/read_store.py" golden "$id" g2.$version.$n
			ok "golden $version: and gets the same" diff -r --no-dereference g/$n g2.$version.$n
		fi
	done
	(cd g && find . -type f -exec sha256sum {} + | sed 's|  \./|  |' | sort -k2) >got
	same "golden $version: the files are what they were" "$TESTS/golden/store-$version.sha256" got
}
golden 2 1 40 41 48
golden 3 1 40 41
