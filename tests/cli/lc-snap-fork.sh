# lc-snap-fork: a fork is the same state under another name, costs no bytes, and is as durable as any snapshot.
. "$TESTS/cli/lib.sh"
unset LC_STORE

field() { # field KEY: of the record in .out
	sed -n "s/.*\"$1\":\"*\([^\",}]*\).*/\1/p" .out
}
mkdir ck
head -c 3000000 /dev/urandom >ck/model.safetensors
ln -s model.safetensors ck/link
status "of a store that is not there" 4 lc-snap fork --run b latest
absent "none is made" lc-store
ok "a snapshot" lc-snap save --run a --step 10 -t why=nightly ck
id=$(field id)
packs=$(ls lc-store/packs)

ok "fork to a branch" lc-snap fork --branch b1 a@10
fork=$(field id)
equal "stores nothing" 0 "$(field stored)"
equal "has the run and the step" "a 10" "$(field run) $(field step)"
match "its branch and its parent, no other tag" "\"tags\":\{\"branch\":\"b1\",\"parent\":\"$id\"\}" .out
ok "again" lc-snap fork --branch b1 "$id"
equal "is the same" "$fork" "$(field id)"
ok "fork to another run" lc-snap fork --run b -t lr=half "$id"
equal "of which it is" b "$(field run)"
ok "a fork of a fork" lc-snap fork --run c b@latest
match "has that as its parent" "\"parent\":\"$(lc-snap show -j b@10 | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')\"" .out
equal "no pack has come" "$packs" "$(ls lc-store/packs)"
ok "it restores" lc-snap restore c@10 out
ok "to the same bytes" diff -r --no-dereference ck out
rm "lc-store/snapshots/$id.json"
ok "without the one forked from" lc-snap restore "$fork" again
ok "too" diff -r --no-dereference ck again
ok "all is whole" lc-snap verify
ok "list" lc-snap list
match "shows branch and parent" "  weights  branch=b1,parent=$(echo "$id" | cut -c-12)$" .out

status "of nothing" 3 lc-snap fork --run b a@11
status "to nothing else" 2 lc-snap fork "$fork"
status "of two" 2 lc-snap fork "$fork" "$fork"
status "a parent is not given" 2 lc-snap fork -t parent=1234 "$fork"
status "nor a step" 2 lc-snap fork --step 4 "$fork"
for i in 1 2 3 4 5 6 7 8; do
	lc-snap fork -q --branch "many$i" "$fork" >>many &
done
wait
equal "eight at once" 8 "$(lc-snap list -j | grep -c '"branch":"many')"
