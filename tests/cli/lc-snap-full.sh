# lc-snap-full: a full disk, and a state that changes while it is read.
. "$TESTS/cli/lib.sh"
unset LC_STORE

mkdir -p ck/step-1 ck/step-2
head -c 300000 /dev/urandom >ck/step-1/model.safetensors
head -c 3000000 /dev/urandom >ck/step-2/model.safetensors

full() {
	lc-snap "$@" >/dev/full
}
ok "a snapshot" lc-snap save ck/step-1
for words in "save ck/step-1" list "list -j" "show latest" "show -j latest" --help --version; do
	status "stdout on a full disk: $words" 4 full $words
done
ok "the store is whole" lc-snap verify

mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=1m,mode=755 lc-test small 2>/dev/null; then
	ok "a small disk takes a small state" lc-snap save -s small/st ck/step-1
	status "but not a large one" 4 lc-snap save -s small/st ck/step-2
	match "the reason is said" 'No space left' .err
	equal "no temporary is left" "" "$(ls -A small/st/tmp)"
	equal "one snapshot is there" 1 "$(lc-snap list -s small/st -j | wc -l)"
	ok "and whole" lc-snap verify -s small/st
	ok "a large one, elsewhere" lc-snap save ck/step-2
	status "no room to restore the large one" 4 lc-snap restore @2 small/out
	absent "nothing half-written" small/out
	equal "nor hidden" "st" "$(ls -A small)"
	umount small
else
	skip "a full disk" "mounting a tmpfs needs root"
fi

if [ "$(id -u)" != 0 ]; then
	mkdir shut
	chmod 555 shut
	status "a store that cannot be made" 4 lc-snap save -s shut/st ck/step-1
else
	skip "a store that cannot be made" "root may write everywhere"
fi

# a writer that never stops
mkdir live
head -c 30000000 /dev/zero >live/model.safetensors
sh -c 'while [ ! -e stop ]; do echo x >>live/log.txt; done' &
writer=$!
while [ ! -s live/log.txt ]; do :; done
step=100
refused() { # on a machine with much to do the writer may stand still while a save reads
	step=$((step + 1))
	lc-snap save --step $step live >.out 2>.err
	[ $? = 3 ]
}
ok "a state that grows while it is read is refused" until_ok refused
: >stop
wait $writer
match "says which file" 'log.txt: changed while it was read' .err
status "is not in the store" 3 lc-snap show @$step
ok "once it holds still" lc-snap save --step 3 live
