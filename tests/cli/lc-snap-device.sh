#!/bin/sh
# lc-snap: what LC_DEVICE says.
. "$TESTS/cli/lib.sh"

echo 'a state' >state
LC_DEVICE=abacus status "LC_DEVICE is no device" 2 lc-snap save --step 1 state
LC_DEVICE=cpu ok "LC_DEVICE=cpu" lc-snap save --step 1 state
if [ -e "$B/liblc-cuda.so" ] && [ -e /dev/nvidia0 ]; then
	LC_DEVICE=cuda ok "LC_DEVICE=cuda" lc-snap save --step 2 state
else
	LC_DEVICE=cuda status "LC_DEVICE=cuda without a device" 4 lc-snap save --step 2 state
fi
ok "without a word" lc-snap save --step 3 state
