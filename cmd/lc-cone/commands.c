/* commands: what to type next, with the names of the files that were read. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "tell.h"

/* A word of a shell: quoted where it must be. The caller's. */
static char *word(const char *s)
{
	char *out, *to;

	if (*s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "@%_-+=:,./") == strlen(s))
		return lc_path("%s", *s == '-' ? lc_path("./%s", s) : s);
	out = to = lc_xalloc(4 * strlen(s) + 3, 1);
	*to++ = '\'';
	for (; *s; s++) {
		if (*s == '\'') {
			memcpy(to, "'\\''", 4);
			to += 4;
		} else {
			*to++ = *s;
		}
	}
	*to = '\'';
	return out;
}

/* FILE's neighbour, when it is there: a word, or "". The caller's. */
static char *beside(const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	char *path = lc_path("%.*s%s", slash ? (int)(slash - file) + 1 : 0, file, name), *w;

	w = access(path, R_OK) == 0 ? word(path) : lc_path("%s", "");
	free(path);
	return w;
}

static int is_stdin(const char *path)
{
	return !path || strcmp(path, "-") == 0;
}

static void of_fork(struct tellings *l, const struct fork *f)
{
	char *decided, *evidence, *run;

	if (!f->decision || is_stdin(f->decided))
		return;
	decided = word(f->decided);
	evidence = is_stdin(f->evidence) ? lc_path("%s", "") : word(f->evidence);
	run = is_stdin(f->evidence) ? lc_path("%s", "") : beside(f->evidence, "run.jsonl");
	tell_add(l, "the decision in words, every arm with its gain",
		 lc_path("lc-collapse explain %s %s", decided, evidence));
	if (*evidence)
		tell_add(l, "does it follow from the evidence, bit for bit?",
			 lc_path("lc-collapse verify %s%s%s %s", decided, *run ? " " : "", run,
				 evidence));
	free(decided);
	free(evidence);
	free(run);
}

static void of_states(struct tellings *l, const struct cone *c, const json_t *alert)
{
	char *store = c->dir ? lc_path("%s/store", c->dir) : NULL, *quoted, *s;
	const json_t *last = json_array_get(c->snapshots, json_array_size(c->snapshots) - 1);
	const char *run = lc_json_get_str(last, "run", NULL);
	long rewind = lc_json_get_int(alert, "rewind", -1);
	char *name = lc_path("%s@<=%ld", run ? run : "", rewind);

	quoted = store ? word(store) : NULL;
	s = quoted ? lc_path(" -s %s", quoted) : lc_path("%s", "");
	free(quoted);
	quoted = word(name);
	if (rewind >= 0)
		tell_add(l, "the newest state from before it",
			 lc_path("lc-snap restore%s %s before-%ld", s, quoted,
				 lc_json_get_int(alert, "step", 0)));
	tell_add(l, "the states that are kept", lc_path("lc-snap list%s", s));
	free(quoted);
	free(name);
	free(store);
	free(s);
}

struct told *tell_commands(const struct cone *c)
{
	struct tellings l = {0};
	const struct fork *f = c->nf ? &c->f[c->nf - 1] : NULL;
	const json_t *alert = tell_alert(c, f);
	char *dir = c->dir ? word(c->dir) : NULL, *log = is_stdin(c->log) ? NULL : word(c->log);

	if (f)
		of_fork(&l, f);
	if (json_array_size(c->snapshots))
		of_states(&l, c, alert);
	if (dir)
		tell_add(&l, "the board of what runs now", lc_path("lc-cone --tty -f %s", dir));
	if (log && alert)
		tell_add(&l, "each alert as a record, with its signals",
			 lc_path("lc-detect %s", log));
	if (log && alert && !f)
		tell_add(&l, "futures from before it, if the states are kept (lightcone(7))",
			 lc_path("lc-detect -1 %s | lc-fork plan -a -", log));
	free(dir);
	free(log);
	return l.t;
}
