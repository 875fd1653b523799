# lc-collapse race on futures that differ in nothing but noise: how often does it find a winner? At most as often as alpha
# says, however many arms there are; and a gain as large as the one it calls detectable is found.
. "$TESTS/cli/lib.sh"

# forks N K GAIN: files fork-1 to fork-N, each a control, 4 nulls and K arms, with independent normal readings of sd .01
# (Park and Miller's generator, Box and Muller); the first arm's are GAIN lower.
forks() {
	rm -f fork-*
	awk -v n="$1" -v k="$2" -v gain="$3" '
		function u() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
		function normal() { return sqrt(-2 * log(u())) * cos(6.283185307179586 * u()) }
		function future(id, role, actions, loss) {
			printf "{\"type\":\"branch\",\"v\":1,\"fork\":\"f\",\"branch\":\"%s\",\"role\":\"%s\",\"kind\":\"restorative\",", id, role >out
			printf "\"from\":{\"snapshot\":\"s\",\"step\":100},\"horizon\":10,\"actions\":%s}\n", actions >out
			printf "{\"step\":110,\"loss\":3,\"val_loss\":%.9f,\"branch\":\"%s\"}\n", loss, id >out
			printf "{\"type\":\"result\",\"v\":1,\"branch\":\"%s\",\"status\":\"done\",\"steps\":10}\n", id >out
		}
		BEGIN {
			seed = 4711
			for (f = 1; f <= n; f++) {
				out = "fork-" f
				future("c", "control", "{}", 2 + .01 * normal())
				for (i = 1; i <= 4; i++)
					future("n" i, "null", "{\"reseed\":" i "}", 2 + .01 * normal())
				for (i = 1; i <= k; i++)
					future("a" i, "arm", "{\"x_n\":" i "}", 2 + .01 * normal() - (i == 1 ? gain : 0))
				close(out)
			}
		}'
}
# How many of the forks have a winner (or fail to be judged).
winners() {
	won=0
	for fork in fork-*; do
		lc-collapse race "$fork" >>decisions
		case $? in
		0) won=$((won + 1)) ;;
		1) ;;
		*) won=9999 ;;
		esac
	done
	echo $won
}

# noise N K MOST: .05 and three standard deviations of a binomial of N are MOST
noise() {
	forks "$1" "$2" 0
	won=$(winners)
	name="$1 forks of pure noise with $2 arms: $won false winners"
	[ "$won" -le "$3" ] && pass "$name" || fail "$name" "more than $3: 5 % and three standard deviations"
}
noise 400 8 33
noise 200 1 19
equal "all were judged" 600 "$(wc -l <decisions)"

# one arm: (t(.95; 3) + t(.8; 3)) sqrt(2) .01 = .0471 is found four times out of five, roughly: the sd is estimated
forks 100 1 .0471
won=$(winners)
name="100 forks with a gain that is called detectable: $won found"
[ "$won" -ge 65 ] && [ "$won" -le 95 ] && pass "$name" || fail "$name" "not between 65 and 95"
