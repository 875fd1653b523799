# install: what shells complete, what a C program links, and the Debian packages: there when installed, gone when removed.
. "$TESTS/cli/lib.sh"

case $B in
*-san)
	skip "install" "sanitized programs are not for installing"
	exit 0
	;;
esac
here=$TESTS/..
programs=$(cd "$B" && for p in lc-*; do [ -x "$p" ] && ! [ -d "$p" ] && echo "$p"; done)
ok "make install" make -s -C "$here" install B="$B" PREFIX=/opt/lc DESTDIR="$PWD/stage"
at=$PWD/stage/opt/lc
equal "nothing is compiled again for it" "" "$(grep -E '^(CC|AR|LD) ' .out)"

# --help fits a terminal
wide() {
	for p in $programs; do
		"$B/$p" --help
		for verb in $(sed -n "s/^\t\(.[^)]*\)) words=.*/\1/p" "$at/share/bash-completion/completions/$p" | grep -v '^\*'); do
			"$B/$p" "$verb" --help
		done
	done | awk 'length > 100'
}
equal "no line of a --help is wider than 100 columns" "" "$(wide)"

# bash: every long option that a --help line begins with is completed, and verbs are
complete() { # WORD...: what bash proposes for the last of them
	bash --norc -c '. "$1"
		shift
		name=$1
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		"_${name//-/_}" && printf "%s\n" "${COMPREPLY[@]}"' bash "$at/share/bash-completion/completions/$1" "$@"
}
for p in $programs; do
	missing=
	for long in $("$B/$p" --help | grep -oE '^ +(-[A-Za-z0-9], )?--[a-z0-9-]+' | grep -oE -e '--.*'); do
		complete "$p" -x --x "$long" 2>.err | grep -qx -e "$long" || missing="$missing $long"
	done
	equal "$p: all its options are completed" "" "$missing$(cat .err 2>/dev/null)"
done
equal "verbs" "race restore run review" \
	"$(complete lc-collapse ra) $(complete lc-snap rest) $(complete lc-fork ru) $(complete lc-collapse revi)"
equal "options of a verb" "--undo" "$(complete lc-collapse apply --und)"
equal "and none of another" "" "$(complete lc-collapse race --und)"
touch some-file
equal "files" "some-file" "$(complete lc-detect some-f)"
for shell in bash zsh fish; do
	if command -v $shell >.out 2>&1; then
		ok "$shell reads them" sh -c 'for f in '"$at"'/share/'"$(case $shell in bash) echo bash-completion/completions/ ;; zsh) echo zsh/site-functions/_ ;; fish) echo fish/vendor_completions.d/ ;; esac)"'*; do '$shell' -n "$f" || exit; done'
	else
		skip "$shell reads its completions" "no $shell"
	fi
done
match "zsh: an option with its words" "'--undo\[back to where the run was" "$at/share/zsh/site-functions/_lc-collapse"
match "fish: a verb with its words" "complete -c lc-snap -n __fish_use_subcommand -a gc -d 'give back the room" "$at/share/fish/vendor_completions.d/lc-snap.fish"

# the library
cat >user.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include "json.h"
#include "store.h"
int main(int argc, char **argv)
{
	struct lc_err err;
	struct lc_store *st = argc > 1 ? lc_store_open(argv[1], 0, &err) : NULL;
	char buf[LC_NUM_LEN];
	if (!st) return fprintf(stderr, "%s\n", err.text), 1;
	lc_store_close(st);
	return puts(lc_num(buf, 2.3)) < 0;
}
END
if command -v pkg-config >.out 2>&1; then
	flags=$(PKG_CONFIG_PATH=$at/lib/pkgconfig pkg-config --define-variable=prefix="$at" --cflags --libs lightcone)
	# shellcheck disable=SC2086
	ok "a program finds the library by pkg-config" "${CC:-cc}" -o user user.c $flags
	lc-snap init st >.out
	ok "and runs with it" ./user st
	equal "what it says" 2.3 "$(cat .out)"
else
	skip "pkg-config" "no pkg-config"
fi
ok "make uninstall" make -s -C "$here" uninstall B="$B" PREFIX=/opt/lc DESTDIR="$PWD/stage"
equal "leaves no file" "" "$(find stage -type f)"

# the packages
if ! command -v dpkg-shlibdeps >.out 2>&1; then
	skip "packages" "no dpkg-dev"
	exit $failed
fi
ok "packages of what is built" "$here/scripts/deb" "$B" out
deb=$(ls "$PWD"/out/lightcone_*.deb)
match "what it needs" '^Depends: .*libc6.*libjansson4.*libzstd1' "$(dpkg-deb -f "$deb" >fields; echo fields)"
mkdir -p r/var/lib/dpkg/info r/var/lib/dpkg/updates
touch r/var/lib/dpkg/status r/var/lib/dpkg/available
package() { dpkg --root="$PWD/r" --force-not-root --force-depends --force-script-chrootless --log="$PWD/log" "$@"; }
ok "installs" package -i "$deb"
equal "what is installed runs" "$(lc-detect --version)" "$(r/usr/bin/lc-detect --version)"
ok "and finds its text" sh -c 'r/usr/bin/lc-train -q --total 2 --layers 1 --dim 16 --heads 1 --ctx 16 --batch 2 --val-bytes 1024 >.steps && [ -s .steps ]'
if command -v man >.out 2>&1; then
	ok "its pages are there" sh -c 'man -M r/usr/share/man -w lc-snap'
fi
ok "is removed" package -P lightcone
equal "and leaves no file" "" "$(find r -path r/var -prune -o -type f -print)"
if [ -f "$B/liblc-cuda.so" ]; then
	equal "the CUDA plug-in has a package of its own" "./usr/lib/liblc-cuda.so" "$(dpkg-deb -c out/lightcone-cuda_*.deb | grep -o '\./usr/lib/.*so')"
	equal "and is in no other" "" "$(dpkg-deb -c "$deb" | grep cuda)"
fi
:
