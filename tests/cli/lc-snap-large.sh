# lc-snap-large: a state of 4 GiB, most of it a hole: in little memory, in little room, and back again.
. "$TESTS/cli/lib.sh"
unset LC_STORE
export MALLOC_ARENA_MAX=2 # what a thread may reserve, and does not use, counts below too

case $B in
*-san)
	skip "little memory" "the address sanitizer wants all there is to address"
	exit 0
	;;
esac
mkdir -p large
head -c 30000000 /dev/urandom >large/model.safetensors
truncate -s 4294967296 large/model.safetensors
printf end >>large/model.safetensors
if [ "$(du -k large/model.safetensors | cut -f 1)" -gt 100000 ]; then
	skip "a hole" "this file system has none"
	exit 0
fi
# what may be addressed, in KiB: much of it never is, but all of it is a small part of the state
little() {
	(
		ulimit -v 600000
		exec lc-snap "$@"
	)
}
ok "save" little save -q --step 1 large
match "all of it" '"bytes":4294967299,' .out
equal "in the room of what there is" 1 $(($(sed 's/.*"stored":\([0-9]*\).*/\1/' .out) < 31000000))
ok "once more, known" little save -q --step 2 large
match "costs nothing" '"stored":0,' .out
ok "verify" little verify
ok "restore" little restore @1 out
equal "a hole again" 1 $(($(du -k out/model.safetensors | cut -f 1) < 100000))
equal "as long" 4294967299 "$(stat -c %s out/model.safetensors)"
equal "it begins the same" "$(head -c 30100000 large/model.safetensors | sha256sum)" "$(head -c 30100000 out/model.safetensors | sha256sum)"
equal "and ends the same" end "$(tail -c 3 out/model.safetensors)"
