# lc-snap-page: the examples of lc-snap(1), as they stand there.
. "$TESTS/cli/lib.sh"
unset LC_STORE
umask 022

mkdir -p run/step-00001100
echo weights >run/step-00001100/model.safetensors
echo moments >run/step-00001100/optimizer.safetensors
echo '{"step":1100,"rng":{"index":9},"data":{"at":4}}' >run/step-00001100/state.json
cp -r run/step-00001100 run/step-00001200
sed 's/1100/1200/' run/step-00001100/state.json >run/step-00001200/state.json
echo '{"type":"alert","v":1,"step":1203,"onset":1199,"rewind":1100}' >alert.json
printf '#!/bin/sh\n[ -f "$2/model.safetensors" ] && echo "resumed $2"\n' >train.sh
chmod +x train.sh

sed -n 's/^\$ //p' "$TESTS/../man/lc-snap.1" | sed 's/\\e/\\/g; s/\\(aq/'"'"'/g' >commands
equal "the page has examples" 1 "$(($(wc -l <commands) >= 5))"
while IFS= read -r line; do
	ok "$line" sh -c "$line"
done <commands
same "the example's state came back" run/step-00001100/state.json good/state.json
