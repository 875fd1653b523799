# lc-snap-rclone: push and pull through rclone, to a directory and to its own WebDAV and SFTP servers.
. "$TESTS/cli/lib.sh"
. "$TESTS/port.sh"
unset LC_STORE

if ! command -v rclone >/dev/null; then
	skip "push and pull through rclone" "no rclone"
	exit
fi
number() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" .out; }
whole() { # whole NAME STORE: it is, and holds all
	ok "$1 is whole" lc-snap verify -q -s "$2"
	equal "$1 holds all" 3 "$(lc-snap list -j -s "$2" | wc -l | tr -d ' ')"
}
for i in 1 2 3; do
	mkdir ck-$i
	head -c 1500000 /dev/urandom >ck-$i/w.bin
	lc-snap save -q --run a ck-$i >/dev/null
done
port=$(free_port)
cat >conf <<EOF
[dav]
type = webdav
url = http://127.0.0.1:$port
vendor = other
[mem]
type = memory
EOF
LC_RCLONE="rclone --config '$PWD/conf' --retries 1 --low-level-retries 1"
export LC_RCLONE

ok "push to a directory" lc-snap push -j "rclone:$PWD/local" --all
equal "all goes" "3 3" "$(number sent) $(number packs)"
whole "it" local
equal "nothing is left in tmp" "" "$(ls local/tmp 2>/dev/null)"
ok "again" lc-snap push -j "rclone:$PWD/local" --all
equal "nothing goes" "0 0 3" "$(number sent) $(number packs) $(number there)"
ok "pull" lc-snap pull -j -s back "rclone:$PWD/local" --all
equal "all comes" "3 3" "$(number sent) $(number packs)"
whole "what came" back
ok "one" lc-snap pull -q -s one "rclone:$PWD/local" a@2
equal "is one" 1 "$(lc-snap list -j -s one | wc -l | tr -d ' ')"
odd="$PWD/a \"b\" 'c' \$(touch x) \\ d"
ok "an odd path" lc-snap push -q "rclone:$odd" --all
whole "it" "$odd"
absent "nothing of it was run" x
status "nothing there" 3 lc-snap pull -s none "rclone:$PWD/nowhere" --all
status "no such remote" 4 lc-snap push rclone:nobody:x --all
match "which rclone says" 'nobody' .err
status "no remote" 2 lc-snap push rclone: --all
mkdir foreign
echo x >foreign/y
status "what is no store" 3 lc-snap push "rclone:$PWD/foreign" --all
equal "is left alone" y "$(ls foreign)"
LC_RCLONE=nowhere/rclone
status "no rclone" 4 lc-snap push "rclone:$PWD/local" --all
LC_RCLONE="rclone --config '$PWD/conf' --retries 1 --low-level-retries 1"

# where nothing can be renamed, as in object stores
cat >bucket <<EOF
#!/bin/sh
case \$* in
*'backend features'*) echo '{"Features":{"Move":false}}' ;;
*moveto*) echo moved >>"$PWD/moved" ;;
*) exec rclone --config "$PWD/conf" "\$@" ;;
esac
EOF
chmod +x bucket
LC_RCLONE=./bucket
ok "push as to an object store" lc-snap push -q "rclone:$PWD/bucket-store" --all
whole "it" bucket-store
absent "nothing is moved" moved bucket-store/tmp
LC_RCLONE="rclone --config '$PWD/conf' --retries 1 --low-level-retries 1"

# torn, damaged, lost
pack=local/packs/$(ls local/packs | head -n 1)
truncate -s 1000 "$pack"
ok "a torn pack" lc-snap push -j "rclone:$PWD/local" --all
equal "is sent again" 1 "$(number packs)"
printf x | dd of="$pack" bs=1 seek=5000 conv=notrunc 2>/dev/null
lc-snap pull -q -s bad "rclone:$PWD/local" --all 2>.err
equal "pull finds a damaged one" 3 $?
match "and names it" "packs/.* is damaged there" .err
ok "--verify sends it again" lc-snap push -j --verify "rclone:$PWD/local" --all
equal "that one" 1 "$(number packs)"
ok "the rest comes" lc-snap pull -q -s bad "rclone:$PWD/local" --all
whole "then it" bad

# its own servers
serve() { # serve KIND: rclone's server of DIR served, until stopped
	mkdir -p served
	rclone --config conf serve "$@" --addr 127.0.0.1:$port served >server.log 2>&1 &
	server=$!
	until_ok rclone --config conf --retries 1 --low-level-retries 1 lsf "$remote" >/dev/null 2>&1
}
stop() {
	kill $server 2>/dev/null
	wait $server 2>/dev/null
	return 0
}
trap 'stop; finish' EXIT
remote=dav:
serve webdav
ok "push to WebDAV" lc-snap push -j rclone:dav:store --all
equal "all goes" "3 3" "$(number sent) $(number packs)"
whole "it" served/store
ok "pull from WebDAV" lc-snap pull -q -s fromdav rclone:dav:store --all
whole "what came" fromdav
ok "again" lc-snap push -j rclone:dav:store --all
equal "nothing goes" "0 0" "$(number sent) $(number packs)"
# killed while it sends, slowly
LC_RCLONE="$LC_RCLONE --bwlimit 400k"
lc-snap push -q rclone:dav:killed --all >/dev/null 2>&1 &
pid=$!
at_work() { find served/killed/tmp/push-* served/killed/packs/* 2>/dev/null | grep -q .; }
until_ok at_work
kill -9 $pid
wait $pid 2>/dev/null
LC_RCLONE="rclone --config '$PWD/conf' --retries 1 --low-level-retries 1"
ok "after a kill" lc-snap push -q rclone:dav:killed --all
whole "it" served/killed
stop
status "the server is gone" 4 lc-snap push rclone:dav:store --all
match "which rclone says" 'refused' .err
remote=:sftp,host=127.0.0.1,port=$port,user=u,pass=$(rclone obscure p):
serve sftp --user u --pass p
ok "push to SFTP" lc-snap push -j "rclone:${remote}sftp" --all
whole "it" served/sftp
ok "pull from SFTP" lc-snap pull -q -s fromsftp "rclone:${remote}sftp" --all
whole "what came" fromsftp
