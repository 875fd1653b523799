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
match "same id, nothing new" "\"id\":\"$id\".*\"stored\":0," .out
ok "save into a new store" lc-snap save -s new -t note=golden out
match "same id" "\"id\":\"$id\"" .out
