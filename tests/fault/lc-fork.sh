# lc-fork run: trainers that hang, and ends of its own: whatever happens no trainer outlives it, and what was finished is kept.
. "$TESTS/cli/lib.sh"
unset LC_STORE

# A trainer that says that it started, has a child of its own, prints its steps, and then sleeps as long as $HANG says.
cat >train <<'END'
#!/bin/sh
echo "$LC_BRANCH" >>starts
[ "$DEAF" ] && trap '' TERM
sleep 300 &
echo "$$ $!" >>pids
for s in 101 102 103 104 105; do echo "{\"step\":$s,\"loss\":3.$s$(printf %d "'$LC_BRANCH")}"; done
case $HANG in
*"$LC_BRANCH "*) while :; do sleep 0.1; done ;;
esac
[ "$MEET" ] || exit 0
# each waits for the other: only two at a time can end
: >"meet.$LC_BRANCH"
n=0
while [ $n -lt 1200 ]; do
	[ "$(ls meet.* | wc -l)" -ge 2 ] && exit 0
	sleep 0.05
	n=$((n + 1))
done
exit 9
END
chmod +x train
mkdir -p ckpt/step-100
echo 100 >ckpt/step-100/step
id=$(lc-snap save -q ckpt/step-100 | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)
branch() {
	printf '{"type":"branch","v":1,"fork":"f1","branch":"%s","role":"%s","from":{"snapshot":"%s","step":100},"horizon":5,"actions":%s}\n' "$1" "$2" "$id" "$3"
}
{
	branch a control '{}'
	branch b arm '{"x_n":1}'
	branch c arm '{"x_n":2}'
	branch d arm '{"x_n":3}'
} >plan
export HANG="" MEET="" DEAF=""

# is any of the processes in `pids` (trainers and their children) alive?
left() {
	# shellcheck disable=SC2013
	for pid in $(cat pids 2>/dev/null); do
		case $(sed 's/^.*) \(.\).*/\1/' "/proc/$pid/stat" 2>/dev/null) in
		'' | Z) ;;
		*) echo "$pid" ;;
		esac
	done
}
no_left() { [ -z "$(left)" ]; }
none_left() {
	until_ok no_left
	equal "$1: no trainer is left, and no child of one" "" "$(left)"
}
# begin N: lc-fork in the background; wait for N trainers to have started
begin() {
	lc-fork run -q -j 2 -d fork -x ./train <plan >ev 2>err &
	fork=$!
	until_ok started "$1"
}
started() { [ "$(cat pids 2>/dev/null | wc -l)" -ge "$1" ]; }
fresh() {
	rm -rf fork pids starts meet.*
}

MEET=1
lc-fork run -q -j 2 -d fork -x ./train <plan >ev
equal "two at a time" 4 "$(grep -c '"status":"done"' ev)"
none_left "an ordinary end"
MEET=''

fresh
HANG="b "
lc-fork run -q -j 2 -t 10 -d fork -x ./train <plan >ev 2>err # the others are to end within it
equal "a trainer that hangs: status" 0 $?
match "it has failed" '"branch":"b","status":"failed","why":"longer than the 10 s' ev
equal "the others are done" 3 "$(grep -c '"status":"done"' ev)"
none_left "a trainer that hangs"

fresh
HANG="b " DEAF=1
lc-fork run -q -j 4 -t 1 -d fork -x ./train <plan >ev 2>err
match "one that is deaf to SIGTERM has failed too" '"branch":"b","status":"failed"' ev
none_left "a deaf trainer"
DEAF=''

for sig in TERM INT HUP; do
	fresh
	HANG="a b c d "
	case $sig in
	INT) # a background job of sh(1) ignores SIGINT; env(1) puts that right
		env --default-signal=INT lc-fork run -q -j 2 -d fork -x ./train <plan >ev 2>err &
		fork=$!
		until_ok started 2 ;;
	*) begin 2 ;;
	esac
	kill -$sig $fork
	wait $fork
	rc=$?
	case $sig in TERM) want=143 ;; INT) want=130 ;; HUP) want=129 ;; esac
	equal "SIG$sig: it dies of it" $want $rc
	none_left "SIG$sig"
done

# SIGKILL, and again from what is there
fresh
HANG="c d "
begin 4
while [ "$(grep -l '"status":"done"' fork/*/status.json | wc -l)" -lt 2 ]; do
	kill -0 $fork 2>/dev/null || break
	sleep 0.05
done
kill -KILL $fork
wait $fork 2>/dev/null
none_left "SIGKILL"
equal "two had ended" 2 "$(grep -l '"status":"done"' fork/*/status.json | wc -l)"
HANG=""
lc-fork run -q -j 2 -d fork -x ./train <plan >ev
equal "run again" "0 4" "$? $(grep -c '"status":"done"' ev)"
equal "what had ended is not run again, what had not is run anew" "a 1 b 1 c 2 d 2" "$(sort starts | uniq -c | awk '{ print $2, $1 }' | tr '\n' ' ' | sed 's/ $//')"
equal "and its first try is no evidence" 5 "$(grep -c '"step":.*"branch":"c"' ev)"
none_left "run again"

# a reader that goes away
fresh
HANG="c d "
lc-fork run -q -j 2 -d fork -x ./train <plan 2>err | head -n 5 >/dev/null &
wait $! # for head: lc-fork ends when it writes the next step
none_left "a reader that goes away"
HANG=""

# an status.json that was cut off is no end
fresh
lc-fork run -q -j 2 -d fork -x ./train <plan >first
: >starts
head -c 20 fork/b/status.json >cut && cat cut >fork/b/status.json
lc-fork run -q -j 2 -d fork -x ./train <plan >ev
equal "a damaged status.json: that branch is run again" b "$(cat starts)"
# another plan under the same name
sed 's/"x_n":2/"x_n":9/' plan >other
: >starts
lc-fork run -q -j 2 -d fork -x ./train <other >ev
equal "another plan under the name: only the branch that changed is run" c "$(cat starts)"
none_left "at last"
