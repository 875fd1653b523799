# lc-snap-archive: export gives archives that others read, import takes theirs, and refuses what is hostile.
. "$TESTS/cli/lib.sh"
unset LC_STORE

id_of() { sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p' "$1"; }
size_of() { wc -c <"$1" | tr -d ' '; }

mkdir -p ck/step-7/sub/empty
head -c 2500000 /dev/urandom >ck/step-7/model.safetensors
echo '{"rng":1}' >ck/step-7/state.json
: >ck/step-7/zero
echo x >ck/step-7/--x
ln -s ../state.json ck/step-7/sub/last
chmod 600 ck/step-7/zero
chmod 555 ck/step-7/sub
chmod 750 ck/step-7
ok "a checkpoint is saved" lc-snap save -t why=test --run 'a run' ck/step-7
id=$(id_of .out)

status "a form that cannot be written" 2 lc-snap export @7 -o x.tar.xz
absent "is not written" x.tar.xz
ok "tgz" lc-snap export @7 -o x.tgz
ok "is tar.gz" gzip -t x.tgz
head -c 1000 x.tgz >cut.tgz
status "one cut short" 3 lc-snap import -s cut cut.tgz
match "is named" '^lc-snap: cut\.tgz: ' .err

# export, import: the same id, whatever the form, through a file and through a pipe
for form in tar tar.gz tar.zst zip; do
	ok "export to $form" lc-snap export @7 -o "x.$form"
	ok "import of $form" lc-snap import -s "s.$form" "x.$form"
	equal "the same id" "$id" "$(id_of .out)"
	ok "it is whole" lc-snap verify -q -s "s.$form"
	equal "nothing is left in tmp" "" "$(ls "s.$form/tmp")"
	TZ=Asia/Tokyo LC_ALL=C lc-snap export --format $form @7 >again
	same "the same snapshot, the same $form" "x.$form" again
	cat "x.$form" | lc-snap import -s "p.$form" - >.out 2>.err
	equal "and through a pipe" "$id" "$(id_of .out)"
done
ok "restored" lc-snap restore -s s.zip @7 out
ok "it is as it was" diff -r --no-dereference ck/step-7 out
equal "with its modes" "$(cd ck/step-7 && stat -c '%a %n' . ./*)" "$(cd out && stat -c '%a %n' . ./*)"

mkdir plain
ok "tar reads it" tar -xf x.tar -C plain
rm -f plain/.lightcone.json
ok "and finds the same" diff -r --no-dereference ck/step-7 plain
if command -v python3 >/dev/null; then
	ok "a zip that others read" python3 -m zipfile -t x.zip
else
	skip "a zip that others read" "no python3"
fi
ok "no notes with --plain" lc-snap export --plain -o plain.tar @7
equal "tar sees none" "" "$(tar -tf plain.tar | grep lightcone)"
status "an archive without notes needs a step" 2 lc-snap import -s n plain.tar
ok "of the option" lc-snap import -s n --step 9 plain.tar
match "step and run" '"run":"run","step":9,' .out
cp plain.tar step-12.tar
ok "or of its name" lc-snap import -s n step-12.tar
match "which tells it" '"step":12,' .out
ok "options overrule notes" lc-snap import -s n --run b --step 5 -t why=other -t more=1 x.tar
match "all of them" '"run":"b","step":5,.*"tags":\{"more":"1","why":"other"\}' .out

# one file, names of any bytes, what tar makes
echo alone >one-3.npy
lc-snap save one-3.npy >.one 2>/dev/null
for form in tar zip; do
	lc-snap export -o one.$form @3
	ok "a single file, by $form" lc-snap import -s one.$form.store one.$form
	equal "is one" "$(id_of .one)" "$(id_of .out)"
done
mkdir odd-4
echo 1 >odd-4/"$(printf 'e\314\201 \303\251 n\nl')"
echo 2 >odd-4/"$(printf '\377')"
ln -s "$(printf '\376')" odd-4/l
ok "odd names are saved" lc-snap save odd-4
odd=$(id_of .out)
ok "odd names go into a tar" lc-snap export -o odd.tar @4
ok "and come out" lc-snap import -s odd odd.tar
equal "as they were" "$odd" "$(id_of .out)"
status "a zip cannot tell them" 3 lc-snap export -o odd.zip @4
absent "and is not made" odd.zip
for how in gnu pax ustar; do
	tar --format=$how -cf t-7.tar -C ck/step-7 .
	ok "what tar makes, $how" lc-snap import -q -s "t.$how" --run 'a run' -t why=test t-7.tar
	equal "has the same id" "$id" "$(id_of .out)"
done
ln ck/step-7/zero ck/hard
tar -cf hard.tar -C ck step-7 hard
ok "another name for a file" lc-snap import -q -s hard --step 1 hard.tar
truncate -s 100M holes
tar -cSf holes.tar holes
ok "a file with holes" lc-snap import -q -s hs --step 1 holes.tar
match "of its size" '"bytes":104857600,' .out
rm -rf holes holes.tar

# what is damaged or cut
flip() { # flip FILE OFFSET
	byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	printf "\\$(printf %03o $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
refused() { # refused NAME ARCHIVE [OPTION...]: status 3, nothing is kept
	re_name=$1 re_file=$2
	shift 2
	rm -rf none
	status "$re_name" 3 lc-snap import -s none --step 1 "$@" "$re_file"
	equal "$re_name: nothing is kept" "" "$(ls none/packs none/snapshots none/tmp | grep -v :)"
}
for form in tar tar.gz tar.zst zip; do
	cp x.$form bad.$form
	flip bad.$form 1200000
	refused "a flipped bit in $form" bad.$form
	size=$(size_of x.$form)
	for cut in 1 600 1500 2000000; do
		head -c $((size - cut)) x.$form >bad.$form
		# the last blocks of a tar are zeros that nobody needs
		[ $form = tar ] && [ $cut -lt 1024 ] && continue
		refused "$form without its last $cut bytes" bad.$form
	done
done
tar -cf short.tar -C ck/step-7 model.safetensors state.json
head -c $((2500000 / 512 * 512 + 1024)) short.tar >bad.tar
refused "a tar cut where a member ends" bad.tar
head -c 100000 /dev/urandom >noise
refused "noise" noise
: >empty
refused "an empty file" empty
head -c 2048 /dev/zero >zeros
status "no such archive" 4 lc-snap import -s none nowhere.tar
if [ -w /dev/full ]; then
	status "a full disk" 4 sh -c 'lc-snap export @7 >/dev/full'
fi
status "a wrong form" 2 lc-snap export --format rar @7
pack=$(ls -S lc-store/packs/* | head -n 1)
cp "$pack" kept
flip "$pack" 900000
status "a damaged chunk" 3 lc-snap export -o y.tar @7
absent "does not go out" y.tar
cp kept "$pack"

# hostile ones
cat >make.py <<'PY'
import io, tarfile, zipfile, sys
def tar(name, *members):
    t = tarfile.open(name, 'w', format=tarfile.PAX_FORMAT)
    for m in members:
        i = tarfile.TarInfo(m[0])
        i.type = m[1]
        i.mode = 0o755 # a directory that a user can go into
        if m[1] == tarfile.REGTYPE:
            i.size = len(m[2])
            t.addfile(i, io.BytesIO(m[2]))
        else:
            i.linkname = m[2] if len(m) > 2 else ''
            t.addfile(i)
    t.close()
F, D, L, H = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
tar('up.tar', ('../evil', F, b'x'))
tar('inner.tar', ('a/../../evil', F, b'x'))
tar('abs.tar', ('/tmp/evil', F, b'x'))
tar('twice.tar', ('a', F, b'x'), ('./a', F, b'y'))
tar('dirs.tar', ('a', D), ('a', D))
tar('kind.tar', ('a', F, b'x'), ('a', D))
tar('through.tar', ('a', L, 'sub'), ('a/evil', F, b'x'))
tar('below.tar', ('a', F, b'x'), ('a/evil', F, b'x'))
tar('overlink.tar', ('sub', D), ('a', L, 'sub/x'), ('a', F, b'x'))
tar('linkabs.tar', ('a', L, '/etc/passwd'))
tar('linkup.tar', ('d', D), ('d/a', L, '../../x'))
tar('linkdown.tar', ('d', D), ('d/a', L, '../x'), ('x', F, b'x'))
tar('hardabs.tar', ('a', H, '/etc/passwd'))
tar('hardup.tar', ('a', H, '../../etc/passwd'))
tar('hardlink.tar', ('l', L, 'x'), ('a', H, 'l'))
tar('fifo.tar', ('a', tarfile.FIFOTYPE))
tar('dev.tar', ('a', tarfile.CHRTYPE))
tar('root.tar', ('.', F, b'x'))
tar('notes.tar', ('.lightcone.json', F, b'{"type":"archive","v":9}'))
tar('notes2.tar', ('.lightcone.json', D))
tar('after.tar', ('.lightcone.json', F, b'{}'), ('a', F, b'x'))
tar('none.tar')
with zipfile.ZipFile('up.zip', 'w') as z: z.writestr('../evil', 'x')
with zipfile.ZipFile('abs.zip', 'w') as z: z.writestr('/tmp/evil', 'x')
with zipfile.ZipFile('bomb.zip', 'w', zipfile.ZIP_DEFLATED) as z:
    with z.open('a', 'w', force_zip64=True) as f:
        for _ in range(300): f.write(bytes(1 << 20))
i = tarfile.TarInfo('a')
i.size = 1 << 62
open('huge.tar', 'wb').write(i.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
PY
if python3 make.py 2>.err; then
	for a in up inner abs twice dirs kind through below overlink linkabs linkup hardabs hardup hardlink fifo dev root \
		notes notes2 after huge; do
		refused "hostile: $a.tar" $a.tar
	done
	for a in up abs bomb; do
		refused "hostile: $a.zip" $a.zip
	done
	match "a bomb is called one" 'bombs' .err
	absent "nothing came out" ../evil /tmp/evil none/evil
	ok "a link within the tree is none" lc-snap import -q -s l --step 1 linkdown.tar
	ok "what leads out can be wanted" lc-snap import -q -s l --step 1 --any-link linkabs.tar
	ok "a large one too" lc-snap import -q -s l --step 1 --max-size 2G bomb.zip
	refused "above --max-size" bomb.zip --max-size 1M
	match "which is said" 'larger than --max-size' .err
	ok "notes that are none of ours" lc-snap import -q -s l --step 1 --plain notes.tar
else
	skip "hostile archives" "no python3: $(tail -n 1 .err)"
fi

# killed in the middle: nothing is kept, and the next one clears up
mkfifo pipe
lc-snap import -s killed --step 1 - <pipe >/dev/null 2>&1 &
pid=$!
{
	head -c 1500000 x.tar
	at_work() { ls killed/tmp/import-*/-/model.safetensors >/dev/null 2>&1; }
	until_ok at_work
	kill -9 $pid
} >pipe
wait $pid 2>/dev/null
equal "a killed import leaves its directory" 1 "$(ls killed/tmp | wc -l | tr -d ' ')"
ok "the next" lc-snap import -q -s killed x.tar
equal "removes it" "" "$(ls killed/tmp)"
chmod -R u+w ck out plain
