/* tell: a transaction's state is restored, and its trainer told of it; see put.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "put.h"
#include "tool.h"
#include "words.h"

static char *state_path(const struct put *p, const json_t *rec)
{
	const char *snapshot = lc_json_get_str(json_object_get(rec, "from"), "snapshot", "none");

	if (json_object_get(rec, "control") || strcmp(snapshot, "none") == 0)
		return NULL;
	return lc_path("%s/state-%.16s", p->dir, snapshot);
}

int put_restore(const struct put *p, const json_t *rec, struct lc_err *err)
{
	const char *snapshot = lc_json_get_str(json_object_get(rec, "from"), "snapshot", NULL);
	char *path = state_path(p, rec);
	char *argv[] = {"lc-snap",	  "restore",	    "-q", "--read-only", "-s",
			(char *)p->store, (char *)snapshot, path, NULL};
	json_t *said = NULL;
	int ret = lc_mkdirs(p->dir, err);

	if (ret == 0 && path && access(path, F_OK) < 0) {
		said = lc_tool_records(argv, err);
		ret = said ? 0 : -1;
	}
	json_decref(said);
	free(path);
	return ret;
}

/* Become the command; returns only when that fails. */
static int become(const char *tmpl, struct lc_words *w, struct lc_err *err)
{
	char *command = lc_template_fill(tmpl, w->holes, w->nholes, err);

	if (!command)
		return -1;
	for (char **e = w->env; *e; e++)
		putenv(*e);
	fflush(stdout);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	lc_fail_sys(err, "run /bin/sh");
	free(command);
	return -1;
}

int put_tell(const struct put *p, const json_t *rec, struct lc_err *err)
{
	char *dir = realpath(p->dir, NULL), *path = state_path(p, rec), *state;
	struct lc_future f = {.out = p->out, .actions = json_object_get(rec, "actions")};
	struct lc_words w = {.nholes = 0};
	json_t *told = json_copy((json_t *)rec);
	int ret = -1;

	state = path ? realpath(path, NULL)
		     : lc_path("%s", json_object_get(rec, "control") ? "live" : "none");
	f.dir = dir;
	f.state = state;
	json_object_set_new(told, "state", json_string(state ? state : "none"));
	json_object_del(told, "files");
	if (!dir || !state)
		lc_fail_sys(err, "find %s", dir ? path : p->dir);
	else if (!p->tmpl)
		ret = lc_json_emit(stdout, told, err);
	else if (lc_words_init(&w, &f, err) == 0)
		ret = become(p->tmpl, &w, err);
	lc_words_release(&w);
	json_decref(told);
	free(path);
	free(state);
	free(dir);
	return ret;
}
