# lc-snap-roundtrip: what is saved comes back byte for byte, under whatever name it is asked for.
. "$TESTS/cli/lib.sh"
unset LC_STORE
umask 022

field() { # field KEY: of the record in .out
	sed -n "s/.*\"$1\":\"*\([^\",}]*\).*/\1/p" .out
}

ck=ck/step-00000100
mkdir -p $ck/sub/hollow $ck/sub/shut ck/step-00000200
head -c 2500001 /dev/urandom >$ck/model.safetensors
head -c 3000000 /dev/zero >$ck/optimizer.safetensors
echo '{"step":100,"run":"a1","rng":{"index":7},"data":{"at":3},"schedule":{"peak":1e-3}}' >$ck/state.json
: >$ck/empty
printf '\001' >"$ck/sub/-n w
line"
printf '\002' >"$ck/$(printf 'no-utf8-\377%%41')"
printf '\003' >"$ck/+plus" # sorts before "."
printf x >$ck/sub/shut/in
ln -s ../state.json $ck/sub/link
ln -s /nowhere/at/all $ck/dangling
chmod 640 $ck/state.json
chmod 755 $ck/empty
chmod 555 $ck/sub/shut

ok "save" lc-snap save $ck
id=$(field id)
equal "step comes from state.json" 100 "$(field step)"
equal "run comes from state.json" a1 "$(field run)"
match "roles" '"roles":\["weights","optimizer","rng","data","scheduler"\],"missing":\[\]' .out
equal "default store" "lc-store 3" "$(cat lc-store/lc-store)"
ok "save again" lc-snap save $ck
equal "the same state has the same id" "$id" "$(field id)"
equal "and costs nothing" 0 "$(field stored)"
equal "one snapshot, one pack" "1 1" "$(ls lc-store/packs | wc -l) $(ls lc-store/snapshots | wc -l)"
equal "the first line of a manifest has the id as its hash" "$id" \
	"$(head -n 1 "lc-store/snapshots/$id.json" | tr -d '\n' | sha256sum | cut -c 1-64)"

listing() { # of directory $1: modes, sizes, names, links
	(cd "$1" && find . -printf '%m %y %P %l\n' | sort)
}
ok "restore by id" lc-snap restore "$id" out/a
ok "byte for byte" diff -r --no-dereference $ck out/a
listing $ck >want
listing out/a >got
same "modes, links, empty directories" want got
ok "saving what was restored" lc-snap save out/a
equal "gives the id again" "$id" "$(field id)"

mkdir empty
ok "restore into an empty directory, by prefix" lc-snap restore "$(echo "$id" | cut -c 1-8)" empty/
ok "it is filled" diff -r --no-dereference $ck empty
ok "restore latest, read-only" lc-snap restore --read-only latest ro
equal "files cannot be written" "" "$(find ro -type f ! -perm 444)"
status "an existing directory is left alone" 2 lc-snap restore latest ro
status "and an existing file" 2 lc-snap restore latest want

cp $ck/model.safetensors ck/step-00000200
printf Z | dd of=ck/step-00000200/model.safetensors bs=1 seek=2400000 conv=notrunc 2>/dev/null
ok "the name gives the step" lc-snap save --run a1 --branch b03 -t why=test ck/step-00000200/
equal "step 200" 200 "$(field step)"
match "what is missing is said" '"missing":\["optimizer","rng","data"\]' .out
match "tags" '"tags":\{"branch":"b03","why":"test"\}' .out
equal "only the changed chunk is new" 1 "$(($(field stored) < 600000))"
ok "by step" lc-snap restore @200 s200
same "step 200 restored" ck/step-00000200/model.safetensors s200/model.safetensors
ok "by --step" lc-snap restore --step 100 s100
same "step 100 restored" $ck/model.safetensors s100/model.safetensors
ok "by --before" lc-snap restore --before 199 s199
ok "that is step 100" diff -r --no-dereference $ck s199

ok "list" lc-snap list
equal "a head and a line a snapshot" 3 "$(wc -l <.out)"
ok "list -j" lc-snap list -j
equal "oldest first" "100 200 " "$(field step | tr '\n' ' ')"
ok "list --before" lc-snap list --before 250 -j
equal "the newest at or before" 200 "$(field step)"
ok "list --before 199" lc-snap list -j --before 199
equal "and no later one" "$id" "$(field id)"
status "nothing that early is the answer no" 1 lc-snap list --before 99
ok "list by tag" lc-snap list -j --branch b03
equal "has it" 200 "$(field step)"
ok "list by run" lc-snap list --run other
equal "is empty" 0 "$(wc -c <.out)"

ok "show" lc-snap show @100
match "sizes, hashes and roles" "^file 0644 +2500001  [0-9a-f]{64}  weights" .out
match "odd names are spelt out" ' sub/-n%20w%0aline$' .out
ok "show -j" lc-snap show -j --step 200
match "files of the record" '"files":\[\{"path":"\.","kind":"dir","mode":"0755"\},\{"path":"model' .out
ok "verify" lc-snap verify
ok "verify one" lc-snap verify -q "$id"
equal "-q is quiet" 0 "$(cat .out .err | wc -c)"

ok "a single file" lc-snap save -s one --step 5 $ck/model.safetensors
ok "restored" lc-snap restore -s one @5 one-out
same "under its name" $ck/model.safetensors one-out/model.safetensors
LC_STORE=one ok "LC_STORE" lc-snap list -j
equal "is taken" 5 "$(field step)"

# Hugging Face and llm.c layouts
mkdir -p hf/checkpoint-500 llmc
for f in model.safetensors optimizer.pt scheduler.pt rng_state_0.pth training_args.bin; do
	echo $f >hf/checkpoint-500/$f
done
echo '{"global_step": 500}' >hf/checkpoint-500/trainer_state.json
ok "a Hugging Face checkpoint" lc-snap save -s hf-store hf/checkpoint-500
match "is complete" '"step":500.*"roles":\["weights","optimizer","rng","data","scheduler"\],"missing":\[\]' .out
echo w >llmc/model_00000020.bin
echo s >llmc/state_00000020_00000.bin
ok "an llm.c checkpoint" lc-snap save -s hf-store --step 20 llmc
match "is complete too" '"roles":\["weights","optimizer","rng","data"\],"missing":\[\]' .out
chmod -R u+w .
