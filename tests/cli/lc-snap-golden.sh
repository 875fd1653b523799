# lc-snap-golden: the store of version 1 in tests/golden is read, and written alike, by every later version.
. "$TESTS/cli/lib.sh"
unset LC_STORE
umask 022

id=a6d703bbc0c663912fbd88e0631072bf9eb5bc49d09e141e9cb675d03f14d343
cp -r "$TESTS/golden/store-1" st
ok "verify" lc-snap verify -s st
ok "show" lc-snap show -s st @3
match "id" "^id       $id$" .out
match "note" '^tag      note=golden$' .out
ok "restore" lc-snap restore -s st $id out
(cd out && find . -type f -exec sha256sum {} + | sort) >got
sort >want <<-END
	1b465fa6b6bcbc06a3199e3d2d8aec35d37494a712f888b6d5536684dd89d0f0  ./model.safetensors
	2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881  ./$(printf 'odd \377%%')
	91b7f1bcc0fa8fc12fcab5ac74b9158ec95bfb79d1cfd5af6038779344642b7c  ./state.json
	ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7  ./optimizer.safetensors
	e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  ./sub/empty
END
same "files" want got
equal "link" ../state.json "$(readlink out/sub/link)"
equal "modes" "755 700 644" "$(stat -c %a out out/sub out/state.json | tr '\n' ' ' | sed 's/ $//')"
ok "save into a copy without tmp" lc-snap save -s st -t note=golden out
match "nothing new" '"stored":0,' .out
new=$(sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' .out)
equal "of this version now" "lc-store 3" "$(cat st/lc-store)"
ok "what was there" lc-snap restore -s st $id again
ok "is as it was" diff -r out again
ok "save into a new store" lc-snap save -s new -t note=golden out
match "same id" "\"id\":\"$new\"" .out

# its cache of the greatest seq: whatever it says, numbers go on
seq_of() {
	lc-snap save -s st -t "n=$1" out | sed 's/.*"seq":\([0-9]*\).*/\1/' >/dev/null
	lc-snap list -s st -j -t "n=$1" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' | while read -r got; do
		sed -n '2s/{"seq":\([0-9]*\),.*/\1/p' "st/snapshots/$got.json"
	done
}
equal "the second" 3 "$(seq_of 1)"
rm st/seq
equal "without seq" 4 "$(seq_of 2)"
head -c 5 st/seq >cut && cp cut st/seq
equal "with a torn one" 5 "$(seq_of 3)"
sed 's/^[0-9]*/900/' st/seq >high && cp high st/seq
touch -d '2001-01-01' st/snapshots
equal "with one of another time" 6 "$(seq_of 4)"
rm "st/snapshots/$new.json"
equal "without one of them" 7 "$(seq_of 5)"
# readers of a medium that cannot be written
rm st/lock
if [ "$(id -u)" = 0 ] && mkdir ro && mount --bind st ro 2>/dev/null && mount -o remount,bind,ro ro 2>/dev/null; then
	ok "restore from a read-only file system" lc-snap restore -s ro $id ro.out
	ok "is as it was too" diff -r out ro.out
	status "nothing is saved there" 4 lc-snap save -s ro -t x=1 out
	umount ro
else
	skip "a read-only file system" "mounting needs root"
fi
