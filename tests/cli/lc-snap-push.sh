# lc-snap-push: snapshots to and from another store that is a directory: only what is missing travels, and only
# what is whole arrives.
. "$TESTS/cli/lib.sh"
unset LC_STORE LC_SSH LC_RCLONE

id_of() { sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p' "$1"; }
number() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" .out; }
flip() { # flip FILE OFFSET
	byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	printf "\\$(printf %03o $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
packs() { (cd "$1/packs" && ls) 2>/dev/null; }
same_tree() { # same_tree NAME STORE SNAPSHOT DIR: it restores to that
	rm -rf out
	ok "$1: restores" lc-snap restore -s "$2" "$3" out
	ok "$1: as it was" diff -r "$4" out
}
last_line() { # CMD...: only the last of what it says, for what says several things
	"$@" 2>.all
	rc=$?
	tail -n 1 .all >&2
	return $rc
}

# states one update apart are predicted from one another: their packs need each other
lc-train -q --text "$B/kjv.txt" --layers 1 --dim 64 --heads 2 --ctx 16 --batch 4 --micro 1 --total 60 --warmup 5 \
	--steps 3 --save-every 1 --val-every 0 --probe-every 0 --out ck >/dev/null 2>.err || cat .err
n=0
for state in ck/step-*; do
	n=$((n + 1))
	lc-snap save -q --run a "$state" >.$n
	last=$state
done
mkdir other-9
head -c 300000 /dev/urandom >other-9/w.bin
lc-snap save -q --run b other-9 >.b
id=$(id_of .$n)
match "states build on one another" '"base"' "lc-store/snapshots/$id.json"

status "push where?" 2 lc-snap push
status "push what?" 2 lc-snap push far
absent "nothing was made" far
status "all, or some" 2 lc-snap push far --all "$id"
status "no such snapshot" 3 lc-snap push far ffffffffffff
status "no snapshot of such a run" 3 lc-snap push far --run nope
absent "nothing was made for it" far
ok "a dry run" lc-snap push -q -n far "$id"
equal "says all that would go" $((n + 1)) "$(wc -l <.out | tr -d ' ')"
absent "and sends nothing" far
ok "one snapshot" lc-snap push -j far "$id"
equal "is one" 1 "$(number sent)"
equal "goes with what it is predicted from" $n "$(number packs)"
match "the summary tells" '^lc-snap: push far: 1 of 1 snapshots and [0-9]+ packs went' .err
ok "the other store is whole" lc-snap verify -s far
same_tree "over there" far "$id" "$last"
ok "again" lc-snap push -j far "$id"
equal "nothing goes" "0 0 0" "$(number sent) $(number packs) $(number bytes)"
ok "a run" lc-snap push -j far --run a
equal "needs no more packs" "$((n - 1)) 0" "$(number sent) $(number packs)"
ok "all" lc-snap push -j far --all
equal "one pack more" "1 1" "$(number sent) $(number packs)"
equal "all are there" "$(packs lc-store)" "$(packs far)"
lc-snap list | cut -c 1-90 >here
lc-snap list -s far | cut -c 1-90 >there
same "the lists are the same" here there

# torn and damaged there
pack=far/packs/$(ls -S far/packs | head -n 1)
truncate -s 1000 "$pack"
ok "a torn pack" lc-snap push -j far --all
equal "is sent again" "0 1" "$(number sent) $(number packs)"
flip "$pack" 5000
ok "a damaged one" lc-snap push -q far --all
status "looks whole" 1 lc-snap verify -q -s far
ok "--verify reads it" lc-snap push -j --verify far --all
equal "and sends it again" 1 "$(number packs)"
match "which is said" 'is damaged there: it is sent again' .err
ok "it is whole" lc-snap verify -q -s far
flip "far/snapshots/$id.json" 60
ok "a damaged snapshot looks whole too" lc-snap push -j far --all
ok "--verify reads it" lc-snap push -j --verify far --all
equal "and sends it again" "1 0" "$(number sent) $(number packs)"
match "which is said" "$id.json is damaged there: it is sent again" .err
ok "it is whole" lc-snap verify -q -s far
rm "$pack"
ok "a lost pack" lc-snap push -j far --all
equal "is sent again too" 1 "$(number packs)"
echo garbage >"far/snapshots/$id.json"
ok "a torn snapshot" lc-snap push -j far --all
equal "likewise" 1 "$(number sent)"
ok "all is whole" lc-snap verify -q -s far
echo torn >far/packs/0000000000000000000000000000000000000000000000000000000000000000.pack
ok "a stranger's torn pack is none of ours" lc-snap push -q far --all
rm far/packs/0000*

# damaged here: it does not spread
mine=lc-store/packs/$(ls -S lc-store/packs | head -n 1)
cp "$mine" kept
flip "$mine" 5000
rm -rf far2
status "what is damaged here" 3 last_line lc-snap push -q far2 --all
equal "is not sent" $n "$(grep -c 'is not sent: ' .all)"
equal "the rest is" 1 "$(lc-snap list -q -s far2 -j | grep -c '"run":"b"')"
ok "and whole" lc-snap verify -q -s far2
cp kept "$mine"

# pull
status "pull from nowhere" 4 lc-snap pull -s new nowhere --all
status "from no store" 3 lc-snap pull -s new ck --all
absent "nothing was made here" new
ok "pull by digits of an id" lc-snap pull -j -s new far "$(echo "$id" | cut -c 1-8)"
equal "brings what it needs" "1 $n" "$(number sent) $(number packs)"
same_tree "here" new "$id" "$last"
ok "pull by name" lc-snap pull -q -s new2 far b@9
equal "one" 1 "$(lc-snap list -j -s new2 | wc -l | tr -d ' ')"
ok "the rest" lc-snap pull -j -s new far --all
equal "is what was missing" "$n 1" "$(number sent) $(number packs)"
ok "again" lc-snap pull -j -s new far --all
equal "nothing comes" "0 0" "$(number sent) $(number packs)"
ok "all is whole" lc-snap verify -s new
lc-snap list -s new -j | sed 's/.*"id":"\([0-9a-f]*\)".*"time":"\([^"]*\)".*/\1 \2/' | sort >a
lc-snap list -j | sed 's/.*"id":"\([0-9a-f]*\)".*"time":"\([^"]*\)".*/\1 \2/' | sort >b
same "the same snapshots, of the same time" b a
equal "nothing is left of it" "" "$(ls -d new/pull new/tmp/* 2>/dev/null)"
ok "a dry run of pull" lc-snap pull -q -n -s dry far --all
match "tells packs" '^packs/[0-9a-f]*\.pack [0-9]+$' .out
equal "and brings none" "" "$(packs dry)"
rm -rf new3
ok "what is here already" lc-snap save -q -s new3 --run b other-9
ok "does not travel" lc-snap pull -q -s new3 far b@9
ok "it goes on being whole" lc-snap verify -q -s new3

# what is damaged here comes again
cp -r far mend
flip "mend/snapshots/$id.json" 60
pack=mend/packs/$(ls -S far/packs | head -n 1)
flip "$pack" $(($(wc -c <"$pack") - 100))
status "damaged here" 1 lc-snap verify -q -s mend
ok "pull mends a snapshot and the index of a pack" lc-snap pull -j -s mend far --all
equal "with one pack" 1 "$(number packs)"
ok "all is whole" lc-snap verify -q -s mend

# a store and itself
status "pull from itself" 2 lc-snap pull -s far far/. --all
status "push to itself" 2 lc-snap push -s far far --all
cp -r "$TESTS/golden/store-1" itself
chmod -R u+w itself
status "of an old version" 2 timeout 60 lc-snap push -s itself itself --all

# what comes may be damaged, or made up
for kind in body index cut name; do
	rm -rf bad got
	cp -r far bad
	pack=bad/packs/$(ls -S far/packs | head -n 1)
	case $kind in
	body) flip "$pack" 5000 ;;
	index) flip "$pack" $(($(wc -c <"$pack") - 100)) ;;
	cut) truncate -s 4000 "$pack" ;;
	name) cp "bad/packs/$(ls -rS far/packs | head -n 1)" "$pack" ;;
	esac
	status "pull finds a damaged $kind" 3 last_line lc-snap pull -q -s got bad --all
	ok "what is whole is here ($kind)" lc-snap verify -q -s got
	equal "the other run came ($kind)" 1 "$(lc-snap list -j -s got | grep -c '"run":"b"')"
	ok "from a good one the rest comes ($kind)" lc-snap pull -q -s got far --all
	same_tree "then ($kind)" got "$id" "$last"
done
rm -rf bad got
cp -r far bad
sed -i '1s/"step":/"step":1/' "bad/snapshots/$id.json"
status "a snapshot that was changed" 3 last_line lc-snap pull -q -s got bad --all
match "is named" "$id.json is damaged there" .all
equal "the others came" $n "$(lc-snap list -j -s got | wc -l | tr -d ' ')"
sed '2s/"seq":[0-9]*/"seq":9007199254740992/' "far/snapshots/$id.json" >"bad/snapshots/$id.json"
rm -rf got
ok "a number made up" lc-snap pull -q -s got bad --all
ok "is not taken over" lc-snap save -q -s got --run c other-9
ok "and all is well" lc-snap list -s got
rm -rf bad got
cp -r far bad
line=$(sed -n '1s/"size":/"size":1/p' "far/snapshots/$id.json")
lie=$(printf %s "$line" | sha256sum | cut -d ' ' -f 1)
{ printf '%s\n' "$line"; sed -n 2p "far/snapshots/$id.json"; } >"bad/snapshots/$lie.json"
status "a manifest whose sizes are made up" 3 last_line lc-snap pull -q -s got bad --all
match "is named" 'do not add up' .all
ok "and does not come" lc-snap verify -q -s got
printf 'lc-store 99\n' >bad/lc-store
status "a store of a later version is not read" 3 lc-snap pull -s got bad --all
status "nor written" 3 lc-snap push bad --all
mkdir foreign
echo x >foreign/y
status "a directory that is no store" 3 lc-snap push foreign --all
equal "is left alone" y "$(ls foreign)"
cp -r "$TESTS/golden/store-1" old
chmod -R u+w old
ok "a store of version 1" lc-snap push -q old --all
ok "is brought up" lc-snap verify -q -s old
cp -r "$TESTS/golden/store-1" old1
ok "pull from version 1" lc-snap pull -q -s from1 old1 --all
ok "is whole" lc-snap verify -q -s from1

# the far store's own order tells what is latest there, whatever is here already and in which order it came
for step in 1 2 3; do lc-snap save -q -s order --run o --step $step other-9 >.o$step; done
lc-snap save -q -s order --run o --step 2 "$last" >.o4
ok "a first one" lc-snap pull -q -s lately order o@3
for i in 1 2 3; do
	ok "the latest there, time $i" lc-snap pull -qj -s lately order latest
	match "is the one saved last there, time $i" "\"snapshots\":\[\"$(id_of .o4)\"\]" .out
done
equal "and no other came" 2 "$(lc-snap list -j -s lately | wc -l | tr -d ' ')"
printf x >>"order/snapshots/$(id_of .o4).json"
ok "one whose last line is damaged there" lc-snap pull -q -s lately order latest
match "is named and passed over" 'passed over' .err
ok "is whole here" lc-snap show -s lately "$(id_of .o4)"

# many at once, and killed ones
for i in 1 2 3 4; do lc-snap push -q many --all 2>.many$i & done
wait
equal "four at once, no word" "" "$(cat .many?)"
ok "are whole" lc-snap verify -q -s many
for i in 1 2 3; do lc-snap pull -q -s many2 far --all 2>.many$i & done
wait
equal "three pulls at once, no word" "" "$(cat .many?)"
ok "are whole too" lc-snap verify -q -s many2
equal "each is there once" $((n + 1)) "$(lc-snap list -j -s many2 | wc -l | tr -d ' ')"
ok "what a killed push leaves" lc-snap init -s dead
: >dead/tmp/0123456789abcdef
ok "is removed by the next" lc-snap push -q dead --all
equal "all of it" "" "$(ls dead/tmp)"
mkdir -p many2/pull/0123456789abcdef/packs
ok "gc removes what an interrupted pull left" lc-snap gc -q -s many2
absent "of it" many2/pull
ok "and nothing else" lc-snap verify -q -s many2
if [ "$(id -u)" != 0 ]; then
	mkdir -p ro && chmod 555 ro
	status "no right to write" 4 lc-snap push ro/x --all
else
	skip "no right to write" "root may write everywhere"
fi
