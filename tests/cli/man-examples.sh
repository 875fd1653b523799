# man-examples: what stands under EXAMPLES in the manual runs.
#
# Each .Bd -literal block there is a piece of shell, run with sh -e and no input. The blocks of one page run in
# their order in one directory, which holds at first what the examples may speak of:
#
#	run.jsonl   200 steps of lc-train --total 300, with a fault at step 160; its alert is in alert.json
#	ckpt/       its checkpoints, step-00000050 to step-00000200; lc-store keeps them too
#	model.bin   some bytes
#
# (or nothing, where the page says .\" in an empty directory).
#
# The block's status is 0, or 1, an answer. One that cannot be run in a test (it never ends, it needs another machine) has a line
# .\" not run: WHY just before its .Bd, and is listed as skipped. A page of section 1 must have a block that runs.
. "$TESTS/cli/lib.sh"

# Write block N of the EXAMPLES of page $1 to N.sh, or its WHY to N.skip.
extract() {
	awk -v dir="$2" '
		/^\.Sh / { examples = /EXAMPLES/ }
		!examples { next }
		/^\.\\" not run: / { why = substr($0, 14); next }
		/^\.Bd .*-literal/ { n++; inside = 1; file = dir "/" n ".sh"
			if (why != "") { print why >(dir "/" n ".skip"); why = "" } else printf "" >file
			skip = (dir "/" n ".skip" in seen); next }
		/^\.Ed/ { inside = 0; next }
		inside {
			gsub(/\\e/, "\001"); gsub(/\\-/, "-"); gsub(/\\&/, ""); gsub(/\\\(dq/, "\""); gsub(/\\\(aq/, "\047")
			gsub(/\001/, "\\")
			print >>file
		}' "$1"
}

prepare() {
	mkdir -p scene && cd scene || exit 4
	lc-train -q --total 300 --steps 200 --save-every 50 --out ckpt --fault lr-bump@160-166:20 >run.jsonl 2>fault.err &&
		lc-detect -1 run.jsonl >alert.json &&
		for state in ckpt/step-*; do lc-snap save -q --run run "$state" || return 1; done >/dev/null &&
		head -c 100000 "$B/kjv.txt" >model.bin
	rc=$?
	rm -f fault.err
	cd ..
	return $rc
}

ok "prepare the scene" prepare
for page in "$TESTS"/../man/*.[157]; do
	name=$(basename "$page")
	rm -rf blocks work
	mkdir blocks
	extract "$page" blocks
	if grep -q '^[.][\]" in an empty directory' "$page"; then mkdir work; else cp -R scene work; fi
	ran=0
	for block in blocks/*.sh; do
		[ -f "$block" ] || continue
		n=$(basename "$block" .sh)
		if [ -f "blocks/$n.skip" ]; then
			skip "$name: example $n" "$(cat "blocks/$n.skip")"
			continue
		fi
		ran=$((ran + 1))
		(cd work && sh -e "../$block") >.out 2>.err </dev/null
		rc=$?
		if [ $rc -le 1 ]; then
			pass "$name: example $n"
		else
			fail "$name: example $n" "status $rc" "$(cat "$block")"
			show_err
		fi
	done
	case $name in
	*.1) [ $ran -gt 0 ] || fail "$name: has an example that runs" "no .Bd -literal under EXAMPLES" ;;
	esac
done
