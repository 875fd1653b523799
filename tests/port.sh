# port.sh: a port for a test's own server: . "$TESTS/port.sh"
#
# shellcheck shell=sh

# free_port [FROM]: prints a TCP port that nobody uses, from FROM on; without it, from one of this process's own that lies
# below those that the system gives to connections.
free_port() {
	port=${1:-$((20000 + $$ % 10000))}
	while cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qi ":$(printf %04X "$port") "; do port=$((port + 7)); done
	echo "$port"
}
