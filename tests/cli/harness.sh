# harness: the harness itself: a case that should fail does, whatever way it breaks.
. "$TESTS/cli/lib.sh"

# try NAME WANT SCRIPT-LINE...: a tree with that one test; tests/run's last line is WANT.
try() {
	name=$1 want=$2
	shift 2
	rm -rf tree
	mkdir -p tree/tests/cli tree/build
	cp "$TESTS/run" "$TESTS/one" tree/tests
	cp "$TESTS/cli/lib.sh" tree/tests/cli
	{
		echo '. "$TESTS/cli/lib.sh"'
		printf '%s\n' "$@"
	} >tree/tests/cli/a.sh
	B=build T=2 tree/tests/run >all 2>&1
	rc=$?
	tail -n 1 all >last
	equal "$name" "$want" "$(cat last)"
	case $want in
	*" 0 failed"*) equal "$name: status" 0 $rc ;;
	*) equal "$name: status" 1 $rc ;;
	esac
}

try "one good case" "1 passed, 0 failed" 'ok a true'
try "good, bad, skipped" "1 passed, 1 failed, 1 skipped" 'ok a true' 'ok b false' 'skip c why'
try "a test without a case" "0 passed, 1 failed" ':'
try "a test that dies" "1 passed, 1 failed" 'ok a true' 'kill -9 $$'
try "a test that hangs" "1 passed, 1 failed" 'ok a true' 'sleep 60'
try "a process left behind" "1 passed, 1 failed" 'ok a true' 'setsid true & sleep 47 &'
try "a wrong status" "0 passed, 1 failed" 'status a 3 false'
try "two lines on stderr" "0 passed, 1 failed" 'status a 2 sh -c "echo a >&2; echo b >&2; exit 2"'
try "one line on stderr" "1 passed, 0 failed" 'status a 2 sh -c "echo a >&2; exit 2"'
try "other bytes" "0 passed, 1 failed" 'echo 1 >x; echo 2 >y; same a x y'
try "no such line" "0 passed, 1 failed" 'echo 1 >x; match a "^2$" x'
try "a file that should be gone" "0 passed, 1 failed" 'touch x; absent a y x'
