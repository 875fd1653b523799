# lc-snap-usage: what is asked wrongly, or of what is not there, gets one line and the right status.
. "$TESTS/cli/lib.sh"
unset LC_STORE
umask 022

ok "--help" lc-snap --help
match "names the verbs" "^  verify " .out
ok "save --help" lc-snap save --help
ok "--version" lc-snap --version
match "version" '^lc-snap [0-9]+\.[0-9]+' .out
status "no verb" 2 lc-snap
status "unknown verb" 2 lc-snap rewind
status "unknown option" 2 lc-snap list --all
status "an option of another verb" 2 lc-snap list --read-only
status "a missing argument" 2 lc-snap save -s
status "no path" 2 lc-snap save
status "two paths" 2 lc-snap save a b
status "no such path" 4 lc-snap save --step 1 nothing
absent "no store is made for it" lc-store
printf x >x
chmod 644 x
status "no step to be found" 2 lc-snap save x
status "a step that is none" 2 lc-snap save --step 1e3 x
status "a negative step" 2 lc-snap save --step -4 x
status "a tag without a value" 2 lc-snap save --step 1 -t key x
status "a tag with an odd key" 2 lc-snap save --step 1 -t 'a b=c' x
status "--step and --before" 2 lc-snap restore --step 1 --before 2 out
absent "still no store" lc-store

for verb in list verify "show latest" "restore latest out"; do
	status "$verb of a missing store" 4 lc-snap $verb
done
mkdir plain
echo hello >plain/file
status "a directory that is no store" 3 lc-snap list -s plain
status "nothing is saved into it" 3 lc-snap save -s plain --step 1 x
equal "it is as it was" file "$(ls plain)"
status "a store inside of what is saved" 2 lc-snap save --step 1 -s plain/deep/store plain
status "saving . into ./lc-store" 2 lc-snap save --step 1 .
absent "is not begun" lc-store plain/deep
mkfifo pipe
status "a pipe is no state" 3 lc-snap save --step 1 pipe

mkdir zero
ok "an empty directory is an empty snapshot" lc-snap save -s empty --step 1 zero
ok "and comes back" lc-snap restore -s empty latest back

# Steps 297 and 790 of this very file have ids that begin with d496 (found by search over steps).
ok "a" lc-snap save --step 297 x
ok "b" lc-snap save --step 790 x
equal "two ids with four digits in common" 2 "$(ls lc-store/snapshots/d496* | wc -l)"
status "an ambiguous prefix" 2 lc-snap show d496
match "says so" 'more than one' .err
status "too short a prefix" 2 lc-snap show d49
status "not a prefix" 2 lc-snap show D496FF
status "an unknown id" 3 lc-snap show ffffffff
status "an unknown step" 3 lc-snap restore @791 out
status "@ without a step" 2 lc-snap restore @ out
status "nothing of that run" 3 lc-snap restore --run other latest out
status "restore without a directory" 2 lc-snap restore latest
absent "nothing was restored" out
ok "a longer prefix" lc-snap show d49689

mkdir step-70 && head -c 10 /dev/zero >step-70/weights && echo '{"step":' >step-70/state.json
ok "a state.json that is no JSON" lc-snap save -s odd step-70
match "has its step from the name" '"step":70,' .out
match "which is said" '^lc-snap: .*/step-70/state\.json: .*: step 70 is taken from elsewhere$' .err
ok "but not with -q" lc-snap save -q -s odd step-70
equal "no word" "" "$(cat .err)"
ok "nor when the step is given" lc-snap save --step 71 -s odd step-70
equal "no word of it there either" "" "$(grep state.json .err)"
