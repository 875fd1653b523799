# lc-snap-ssh: push and pull over ssh: with a command in ssh's place that runs the far shell here, and with sshd where
# there is one.
. "$TESTS/cli/lib.sh"
. "$TESTS/port.sh"
unset LC_STORE LC_SSH

number() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" .out; }
mkdir ck-1 ck-2 ck-3 there
for i in 1 2 3; do
	head -c 2000000 /dev/urandom >ck-$i/w.bin
	lc-snap save -q --run a ck-$i >/dev/null
done
whole() { # whole NAME STORE: it is, and holds all
	ok "$1 is whole" lc-snap verify -q -s "$2"
	equal "$1 holds all" 3 "$(lc-snap list -j -s "$2" | wc -l | tr -d ' ')"
}
with() { # with SSH CMD...
	with_ssh=$1
	shift
	LC_SSH=$with_ssh "$@"
}
# The other side: a login shell that starts in a directory of its own. FAR_SHELL says which.
cat >fake <<EOF
#!/bin/sh
echo "\$@" >>"$PWD/calls"
[ "\$1" != -p ] || { shift 2; }
host=\$1
shift
[ "\$host" != down ] || { echo "ssh: connect to host down port 22: Connection refused" >&2; exit 255; }
cd "$PWD/there" && exec \${FAR_SHELL:-sh} -c "\$*"
EOF
chmod +x fake
LC_SSH="'$PWD/fake'"
export LC_SSH

ok "push host:path" lc-snap push -q host:store --all
whole "it" there/store
ok "pull ssh://host:port/path" lc-snap pull -q -s back "ssh://me@host:2222$PWD/there/store" --all
whole "what came" back
match "the port and the user are passed on" '^-p 2222 me@host ' calls
ok "again" lc-snap push -j 'host:~/store' --all
equal "nothing goes" "0 0 3" "$(number sent) $(number packs) $(number there)"
ok "in brackets" lc-snap push -j '[::1]:store' --all
match "an address with colons" '^::1 ' calls

# dropped here while the others are sent
cp -R lc-store mine
dropped=$(lc-snap list -j -s mine | sed -n '2s/.*"id":"\([0-9a-f]*\)".*/\1/p')
printf '#!/bin/sh\nrm -f "%s"\nexec "%s" "$@"\n' "$PWD/mine/snapshots/$dropped.json" "$PWD/fake" >pruning
chmod +x pruning
ok "one that is dropped meanwhile is no failure" with "'$PWD/pruning'" lc-snap push -j -s mine host:less --all
equal "the others went" 2 "$(number sent)"
ok "whole" lc-snap verify -q -s there/less
equal "they alone" 2 "$(lc-snap list -j -s there/less | wc -l | tr -d ' ')"
rm -rf there/less

# a path is one word, whatever is in it
odd=$(printf 'a b"c'\''d$(touch x)`touch y`\\ ;|&*\nend')
ok "a path with all that a shell reads" lc-snap push -q "host:$odd" --all
whole "it" "there/$odd"
ok "and back" lc-snap pull -q -s odd "ssh://host$PWD/there/$odd" --all
whole "what came" odd
absent "nothing of it was run" x y there/x there/y
equal "no other directory was made" 2 "$(ls -1b there | wc -l | tr -d ' ')"
ok "a path that begins with a dash" lc-snap push -q host:-p --all
whole "it" there/-p
status "no such path" 4 lc-snap pull -s none host:none --all
match "the far side's words are passed on, on one line" '^lc-snap: host:none: .*cd.*none' .err
mkdir there/foreign
echo x >there/foreign/.y
status "no store" 3 lc-snap pull -s none host:foreign --all
status "a directory that is somebody's" 3 lc-snap push host:foreign --all
equal "is left alone" .y "$(ls -A there/foreign)"
status "nobody answers" 4 lc-snap push down:store --all
match "which ssh says" 'Connection refused' .err
status "no ssh" 4 with nowhere/ssh lc-snap push host:store --all
status "a host that would be an option" 2 lc-snap push ssh://-oProxyCommand=x/y --all
status "no path" 2 lc-snap push ssh://host --all
status "no port" 2 lc-snap push ssh://host:x/y --all
ok "a dry run" lc-snap push -n -q host:dry --all
absent "makes nothing there" there/dry
printf 'lc-store 99\n' >version
cp -r there/store there/later
cp version there/later/lc-store
status "a store of a later version" 3 lc-snap push host:later --all
cp -r "$TESTS/golden/store-2" there/old
chmod -R u+w there/old
ok "one of an older" lc-snap push -q host:old --all
match "is brought up" '^lc-store 3$' there/old/lc-store

# other shells, and one without flock
for shell in dash bash ksh mksh posh; do
	command -v $shell >/dev/null || continue
	rm -rf there/other other
	FAR_SHELL=$shell
	export FAR_SHELL
	ok "a login shell that is $shell" lc-snap push -q host:other --all
	ok "pull from $shell" lc-snap pull -q -s other host:other --all
	whole "$shell's" other
	unset FAR_SHELL
done
mkdir bare
for tool in sh cat mkdir ls mv rm wc sync tail; do
	ln -s "$(command -v $tool)" bare/$tool
done
sed "s|exec .*|PATH=$PWD/bare exec sh -c \"\$*\"|" fake >bare-fake
chmod +x bare-fake
ok "without flock, and with few tools" with ./bare-fake lc-snap push -q host:bare --all
whole "it" there/bare

# a line that is cut: nothing torn is taken for a pack, and what was whole does not go again
cat >cut <<EOF
#!/bin/sh
case \$* in
*'exec 8>'*)
	n=\$(cat "$PWD/count" 2>/dev/null || echo 0)
	echo \$((n + 1)) >"$PWD/count"
	[ \$n -lt 2 ] || { head -c 700000 | "$PWD/fake" "\$@"; exit 255; } ;;
esac
exec "$PWD/fake" "\$@"
EOF
chmod +x cut
status "a connection that breaks" 4 with ./cut lc-snap push host:broken --all
match "is told" 'bytes came' .err
equal "the first pack is there, no other" 1 "$(ls there/broken/packs | wc -l | tr -d ' ')"
equal "nothing torn is left" "" "$(ls there/broken/tmp)"
ok "what is there is whole" lc-snap verify -q -s there/broken
ok "the next" lc-snap push -j host:broken --all
equal "sends the rest" 2 "$(number packs)"
whole "it" there/broken

# killed while the far side receives
cat >slow <<EOF
#!/bin/sh
case \$* in
*'exec 8>'*)
	{ head -c 900000; touch "$PWD/started"; while [ ! -e "$PWD/dead" ]; do sleep 0.1; done; cat; } | "$PWD/fake" "\$@" ;;
*) exec "$PWD/fake" "\$@" ;;
esac
EOF
chmod +x slow
LC_SSH=./slow lc-snap push -q host:killed --all >/dev/null 2>&1 &
pid=$!
until_ok test -e started
kill -9 $pid
wait $pid 2>/dev/null
: >dead
ok "what a killed push left is whole" lc-snap verify -q -s there/killed
ok "a push after it" lc-snap push -j host:killed --all
whole "it" there/killed

# pull, cut in the middle: what came whole is not fetched again
cat >cutpull <<EOF
#!/bin/sh
case \$* in
*'exec cat "'*packs*)
	n=\$(cat "$PWD/pulls" 2>/dev/null || echo 0)
	echo \$((n + 1)) >"$PWD/pulls"
	[ \$n -lt 2 ] || { "$PWD/fake" "\$@" | head -c 500000; echo "Connection reset" >&2; exit 255; } ;;
esac
exec "$PWD/fake" "\$@"
EOF
chmod +x cutpull
status "a pull that breaks" 4 with ./cutpull lc-snap pull -s resume host:store --all
match "says how" 'Connection reset' .err
equal "nothing is placed yet" "" "$(ls resume/packs resume/snapshots | grep -v :)"
mkdir ck-4
echo other >ck-4/w.bin
ok "a save between" lc-snap save -q -s resume --run b ck-4
ok "the next pull" lc-snap pull -j -s resume host:store --all
equal "fetches one pack" 1 "$(number packs)"
ok "and has all" lc-snap verify -q -s resume
equal "of them" 4 "$(lc-snap list -j -s resume | wc -l | tr -d ' ')"

# gc there waits while a push is at work, and a far side that lies is not believed
if command -v flock >/dev/null; then
	cat >locked <<EOF
#!/bin/sh
case \$* in *'exec 8>'*) flock -n -x "$PWD/there/held/lock" true && touch "$PWD/not-held" ;; esac
exec "$PWD/fake" "\$@"
EOF
	chmod +x locked
	ok "push to a store under gc" with ./locked lc-snap push -q host:held --all
	absent "it was locked all the while" not-held
else
	skip "push holds the lock there" "no flock"
fi
cat >liar <<EOF
#!/bin/sh
case \$* in
*'exec cat "'*packs*) cat /dev/zero ;;
*) exec "$PWD/fake" "\$@" ;;
esac
EOF
chmod +x liar
with ./liar lc-snap pull -s lied host:store --all >.out 2>.err
equal "a far side that sends without end" 3 $?
match "is stopped" '^lc-snap: host:store: more bytes came' .err
equal "and nothing is kept" "" "$(ls lied/packs lied/snapshots | grep -v :)"

# the real thing
PATH=$PATH:/usr/sbin
if ! command -v sshd >/dev/null || ! command -v ssh-keygen >/dev/null; then
	skip "over sshd" "no sshd"
	exit
fi
mkdir -m 700 keys bin
ssh-keygen -q -t ed25519 -N '' -f keys/host
ssh-keygen -q -t ed25519 -N '' -f keys/me
cp keys/me.pub keys/authorized
port=$(free_port)
cat >keys/conf <<EOF
ListenAddress 127.0.0.1
Port $port
HostKey $PWD/keys/host
PidFile $PWD/keys/pid
AuthorizedKeysFile $PWD/keys/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
EOF
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
"$(command -v sshd)" -D -f "$PWD/keys/conf" -E "$PWD/keys/log" &
sshd=$!
trap 'kill $sshd 2>/dev/null || :; finish' EXIT
cat >bin/ssh <<EOF
#!/bin/sh
exec $(command -v ssh) -F none -i "$PWD/keys/me" -o UserKnownHostsFile="$PWD/keys/known" \\
	-o StrictHostKeyChecking=accept-new -o IdentitiesOnly=yes -o BatchMode=yes "\$@"
EOF
chmod +x bin/ssh
listens() { grep -q 'Server listening' keys/log 2>/dev/null || gone $sshd; }
until_ok listens
if ! bin/ssh -p $port 127.0.0.1 true 2>.err; then
	skip "over sshd" "it takes no connection: $(tail -n 1 .err)"
	exit
fi
far=ssh://127.0.0.1:$port$PWD/sshd
unset LC_SSH
mkdir -m 700 rt
XDG_RUNTIME_DIR=$PWD/rt
export XDG_RUNTIME_DIR
PATH=$PWD/bin:$PATH
ok "push over sshd, one connection for all" lc-snap push -j "$far" --all
equal "all goes" "3 3" "$(number sent) $(number packs)"
whole "it" sshd
ok "a connection each" with "$PWD/bin/ssh -C" lc-snap push -j "$far" --all --verify
equal "nothing more to go" 0 "$(number packs)"
ok "pull over sshd" lc-snap pull -q -s fromsshd "$far" --all
whole "what came" fromsshd
ok "the odd path over sshd" lc-snap push -q "$far/$odd" --all
whole "it" "sshd/$odd"
mv keys/authorized keys/none
status "no permission" 4 lc-snap push "$far" --all
match "is ssh's word" 'Permission denied' .err
mv keys/none keys/authorized
equal "no socket is left" "" "$(ls rt)"
# killed while sshd receives
lc-snap push -q "ssh://127.0.0.1:$port$PWD/sshd2" --all >/dev/null 2>&1 &
pid=$!
at_work() { ls sshd2/tmp/push-* >/dev/null 2>&1 || gone $pid; }
until_ok at_work
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
ok "after a kill over sshd" lc-snap push -q "ssh://127.0.0.1:$port$PWD/sshd2" --all
whole "it" sshd2
kill $sshd
wait $sshd 2>/dev/null
status "sshd is gone" 4 lc-snap push "$far" --all
match "refused" 'refused' .err
