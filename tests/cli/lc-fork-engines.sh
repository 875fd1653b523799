# lc-fork run -e: branches elsewhere behave as they do here, by parallel, by commands of one's own, and by an indexed Job.
. "$TESTS/cli/lib.sh"
unset LC_STORE

mkdir -p ckpt/step-100
echo 100 >ckpt/step-100/step
id=$(lc-snap save -q ckpt/step-100 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
# Waits while wait.BRANCH is there, fails where fail.BRANCH is, and leaves a state.
cat >train <<'END'
#!/bin/sh
cd "$(dirname "$0")" || exit 4
[ -f "$LC_STATE/step" ] || [ -d "$LC_STATE" ] || exit 9
echo "$LC_BRANCH $PLACE" >>starts
case $LC_BRANCH in a*) n=${LC_BRANCH#a} ;; *) n=0 ;; esac
s=$1 last=$(($1 + 5))
while [ $s -lt $last ]; do
	s=$((s + 1))
	echo "{\"step\":$s,\"loss\":3.$s$n}"
	while [ -e "wait.$LC_BRANCH" ]; do sleep 0.05; done
done
[ -e "fail.$LC_BRANCH" ] && exit 7
mkdir -p "$LC_OUT/step-$last"
END
sed -i 's/^s=$1 last=.*/last=$1 s=$(($1 - 5))/' train
chmod +x train
train="$PWD/train {steps}"
branch() { # ID ROLE ACTIONS [READOUT]
	printf '{"type":"branch","v":1,"fork":"F1","branch":"%s","role":"%s","from":{"snapshot":"%s","step":100},"horizon":5,%s"actions":%s}\n' \
		"$1" "$2" "$id" "${4:+\"readout\":$4,}" "$3"
}
{
	branch c control '{}' '{"return":5}'
	for b in a1 a2 a3 a4; do branch $b arm "{\"x_n\":\"$b\"}"; done
} >plan
results() { grep '"type":"result"' "$1" | grep -o '"branch":"[^"]*","status":"[^"]*"' | cut -d '"' -f 4,8 | sort | tr '"\n' '= '; }
has_begun() { grep -q "^$1" starts 2>/dev/null; }
good="a1=done a2=failed a3=done a4=done c=done c.return=done "
: >fail.a2

ok "local" lc-fork run -q -d local -j 2 -x "$train" <plan
cp .out ev
equal "local: all in order" "$good" "$(results ev)"
grep -v '"type":"result"' ev | sort >all
rm starts

# what each engine must do as the local one does
same_as_local() { # NAME OUTPUT
	equal "$1: the same results" "$good" "$(results "$2")"
	grep -v '"type":"result"' "$2" | sort >got
	same "$1: the same records" all got
	equal "$1: each was started once" "6 6" "$(wc -l <starts) $(sort -u starts | wc -l)"
	rm starts
}

if command -v parallel >/dev/null 2>&1; then
	mkdir home && HOME=$PWD/home && export HOME
	# ssh that goes nowhere, to where no $SHELL is set
	printf '#!/bin/sh\nunset SHELL\nwhile :; do case $1 in -*) shift ;; *) break ;; esac; done\nshift\n[ "$1" = -- ] && shift\necho x >>"%s/sshs"\nexec sh -c "$*"\n' "$PWD" >ssh
	chmod +x ssh
	ok "parallel" lc-fork run -q -e parallel -j 2 -o --ssh="$PWD/ssh" -o --sshlogin=2/far --slot PLACE=x,y -d par -x "$train" <plan
	cp .out ev
	equal "parallel: places" "x y" "$(cut -d ' ' -f 2 starts | sort -u | tr '\n' ' ' | sed 's/ $//')"
	sed 's/ .*//' starts >s && mv s starts
	same_as_local parallel ev
	ok "parallel: went by ssh" test -s sshs
	: >wait.a1
	lc-fork run -q -e parallel -j 2 -o --sshlogin=: -d par2 -x "$train" <plan >ev 2>err &
	fork=$!
	until_ok has_begun a1
	kill -KILL $fork
	wait $fork 2>/dev/null
	none_of() { ! pgrep -f "lc-fork one .*$1" >/dev/null; }
	until_ok none_of par2
	rm wait.a1
	ok "parallel: a killed lc-fork leaves nothing, and goes on" lc-fork run -q -e parallel -o --sshlogin=: -d par2 -x "$train" <plan
	equal "parallel: each is counted once" "$good" "$(results .out)"
	rm starts
else
	skip "lc-fork run -e parallel" "no parallel(1)"
fi

# a queue made of three commands
printf '#!/bin/sh\n[ -e down ] && exit 1\n"$@" >>log 2>&1 &\necho "Your job has been queued: $!"\n' >sub
printf '#!/bin/sh\nkill -0 "$1" 2>/dev/null\n' >stat
printf '#!/bin/sh\nkill "$1"\n' >del
chmod +x sub stat del
cmd() { # DIR
	lc-fork run -q -e cmd --submit './sub {command}' --poll './stat {id}' --cancel './del {id}' -d "$1" -x "$train" <plan
}
ok "cmd" cmd cmd1
cp .out ev
same_as_local cmd ev
: >down
status "cmd: a queue that takes nothing" 4 cmd cmd2
rm down
status "cmd without its commands" 2 lc-fork run -e cmd --submit x -x "$train"

# killed, and run again: what runs on is taken over
runs() { grep -qs '"status":"running"' "$1/status.json"; }
: >wait.a1
cmd cmd3 >ev 2>err &
sh=$!
until_ok has_begun a1
fork=$(pgrep -P $sh -x lc-fork || echo $sh)
kill -KILL "$fork"
wait $sh 2>/dev/null
ok "cmd: a branch outlives the lc-fork that was killed" until_ok runs cmd3/a1
rm wait.a1
ok "cmd: run again" cmd cmd3
cp .out ev
same_as_local "cmd: taken over" ev

# asked to end, it cancels
: >wait.a1
: >wait.a3
cmd cmd4 >ev 2>err &
sh=$!
until_ok runs cmd4/a1
until_ok runs cmd4/a3
fork=$(pgrep -P $sh -x lc-fork || echo $sh)
kill -TERM "$fork"
wait $sh
ok "cmd: SIGTERM ends what it runs" until_ok none_of cmd4
equal "cmd: which has not ended, and will be run again" 1 "$(grep -c '"status":"running"' cmd4/a1/status.json)"
rm wait.a1 wait.a3 starts

# an indexed Job: its YAML is run as Kubernetes would
cat >apply <<'END'
#!/bin/sh
cp "$1" job.yaml
n=$(sed -n 's/^  completions: //p' "$1")
run=$(sed -n "/- -c/{n;s/^ *- '//;s/'\$//;s/''/'/g;p;}" "$1")
i=0
while [ $i -lt "$n" ]; do
	JOB_COMPLETION_INDEX=$i sh -c "$run" >>log 2>&1 &
	i=$((i + 1))
done
END
chmod +x apply
ok "k8s" lc-fork run -q -e k8s --image registry/train:1 --claim vol:/mnt --submit './apply {file}' -d k8s -x "$train" <plan
cp .out ev
same_as_local k8s ev
match "k8s: an indexed Job" '^  completionMode: Indexed$' job.yaml
match "k8s: its volume" "^            claimName: 'vol'$" job.yaml
if python3 -c 'import yaml' 2>/dev/null; then
	ok "k8s: is YAML" python3 -c 'import yaml; j = yaml.safe_load(open("job.yaml")); assert j["kind"] == "Job" and j["spec"]["template"]["spec"]["volumes"]'
else
	skip "k8s: is YAML" "no python3 yaml"
fi
status "k8s without an image" 2 lc-fork run -q -e k8s -d k8s2 -x "$train" <plan

# a node restores states for itself, once
ok "--node-dir" lc-fork run -q -e cmd --submit './sub {command}' --poll './stat {id}' --cancel './del {id}' --node-dir "$PWD/node" -d nd -x "$train" <plan
equal "--node-dir: all in order" "$good" "$(results .out)"
equal "--node-dir: one state, there and not here" "1 0" "$(find node -mindepth 1 -maxdepth 1 -type d | wc -l) $(find nd/state -mindepth 1 | wc -l)"
# a runner twice
ok "one that has ended is not run again" lc-fork one nd a1
equal "and was not" 1 "$(grep -c '^a1' starts)"
status "one: no such branch" 4 lc-fork one nd nowhere
status "one: no such line" 3 lc-fork one --list plan --index 99 nd
status "one: a name that is a path" 3 lc-fork one nd ../x
status "one: no branch" 2 lc-fork one nd
