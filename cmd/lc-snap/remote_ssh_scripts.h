/*
 * remote_ssh_scripts: what sh(1) runs at the other end. $1 is the store's path, which the command
 * line quotes; the other words are ours.
 */
#ifndef REMOTE_SSH_SCRIPTS_H
#define REMOTE_SSH_SCRIPTS_H

#define GO_THERE "LC_ALL=C CDPATH=; export LC_ALL; unset CDPATH; cd -- \"$1\" || exit 4\n"

/* PATH look|read|write VERSION hold|go: make the store if need be, and say what is there. */
static const char script_open[] =
	"LC_ALL=C; export LC_ALL; unset CDPATH\n"
	"if [ \"$2\" = look ] && ! [ -e \"$1\" ]; then echo none; exit; fi\n"
	"if [ \"$2\" = write ]; then mkdir -p -- \"$1\" || exit 4; fi\n"
	"cd -- \"$1\" || exit 4\n"
	"if ! [ -f lc-store ]; then\n"
	"	[ \"$2\" = read ] && { echo 'not a store' >&2; exit 3; }\n"
	"	for f in * .*; do case $f in\n"
	"	'*' | '.*' | . | .. | packs | snapshots | tmp | lock | seq) ;;\n"
	"	*) [ -f lc-store ] || { echo 'not a store, and not empty' >&2; exit 3; } ;;\n"
	"	esac; done\n"
	"	[ \"$2\" = look ] && { echo none; exit; }\n"
	"	mkdir -p packs snapshots tmp || exit 4\n"
	"	echo \"lc-store $3\" >tmp/version.$$ && mv -f tmp/version.$$ lc-store || exit 4\n"
	"fi\n"
	"if [ \"$2\" = write ]; then\n"
	"	mkdir -p tmp packs snapshots || exit 4\n"
	"	[ -e lock ] || : >>lock || exit 4\n"
	"fi\n"
	"if [ \"$4\" = hold ] && [ -r lock ] && command -v flock >/dev/null 2>&1; then\n"
	"	exec 9<lock\n"
	"	flock -s 9 || exit 4\n"
	"	[ \"$2\" != write ] || for f in tmp/push-*; do\n"
	"		[ ! -f \"$f\" ] || flock -n \"$f\" rm -f \"$f\"\n"
	"	done\n"
	"fi\n"
	"echo version; cat lc-store || exit 4\n"
	"for d in packs snapshots; do echo $d; [ ! -d $d ] || ls -ln $d || exit 4; done\n"
	"echo end\n"
	"[ \"$4\" = go ] || exec cat >/dev/null\n";

/* PATH WORD NAME SIZE: stdin appears there as NAME, whole. A save there takes a temporary without a
 * lock for a dead writer's, and removes it. */
static const char script_put[] =
	GO_THERE "t=tmp/push-$2\n"
		 "trap 'rm -f \"$t\"' 0\n"
		 "trap 'exit 4' 1 2 13 15\n"
		 "exec 8>\"$t\" || exit 4\n"
		 "if command -v flock >/dev/null 2>&1; then flock 8 || exit 4; fi\n"
		 "[ -f \"$t\" ] || exec 8>\"$t\"\n"
		 "cat >&8 || exit 4\n"
		 "n=$(wc -c <\"$t\") || exit 4\n"
		 "[ \"$n\" -eq \"$4\" ] || { echo \"$n of $4 bytes came\" >&2; exit 4; }\n"
		 "sync \"$t\" 2>/dev/null || sync || exit 4\n"
		 "mv -f \"$t\" \"$3\" || exit 4\n"
		 "sync \"${3%/*}\" 2>/dev/null || sync\n";

static const char script_get[] = GO_THERE "shift\nexec cat \"$@\"\n";

/* PATH BYTES NAME... */
static const char script_tail[] =
	GO_THERE "n=$2\nshift 2\nfor f; do tail -c \"$n\" \"$f\" || exit 4; done\n";

static const char script_version[] =
	GO_THERE "echo \"lc-store $2\" >tmp/version.$$ && mv -f tmp/version.$$ lc-store\n";

#endif
