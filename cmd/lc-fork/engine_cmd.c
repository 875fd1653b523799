/*
 * engine_cmd: branches by any queue, through three commands of the user's own: --submit prints an
 * id, --poll {id} exits 0 as long as the queue has it, --cancel {id}. Holes of --submit: {command}
 * (what is to be run, as words), {branch}, {dir} (the branch's).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "io.h"
#include "template.h"
#include "tool.h"

#define QUIET_S 10.0 /* a runner writes its status more often: the queue is asked only then */

static int call(const char *tmpl, const struct lc_hole *holes, int n, char **out,
		struct lc_err *err)
{
	char *filled = lc_template_fill(tmpl, holes, n, err);
	char *argv[] = {"/bin/sh", "-c", filled, NULL};
	int ret = filled ? engine_call(argv, NULL, out, err) : -1;

	free(filled);
	return ret;
}

/* The last word of what it printed ("Submitted batch job 17") is the id; kept in a file, for an
 * lc-fork that is started again. */
static int take_id(const struct fleet *f, const struct branch *b, char *said, struct lc_err *err)
{
	char *word, *save = NULL, *last = "", *path = lc_path("%s/jobs/%s.id", f->dir, b->id);
	int ret;

	for (word = strtok_r(said, " \t\r\n", &save); word; word = strtok_r(NULL, " \t\r\n", &save))
		last = word;
	ret = lc_put_file(path, last, strlen(last), err);
	free(path);
	return ret;
}

static int submit(struct fleet *f, struct branch *b, struct lc_err *err)
{
	char *tool = lc_tool_path("lc-fork"), *said = NULL;
	char *command[] = {tool, "one", f->dir, (char *)b->id, NULL};
	char *branch[] = {(char *)b->id, NULL}, *dir[] = {b->dir, NULL};
	const struct lc_hole holes[] = {{"command", command}, {"branch", branch}, {"dir", dir}};
	int ret = elsewhere_submit(f, b, "cmd", err);

	if (ret == 0 && call(f->set->submit, holes, 3, &said, err) != 0)
		ret = -1;
	if (ret == 0)
		ret = take_id(f, b, said, err);
	/* the runner may have begun, and written its own: its status is the newer one */
	b->output_at = lc_now();
	free(said);
	free(tool);
	return ret;
}

static int start(struct fleet *f, struct branch **b, int n, struct lc_err *err)
{
	for (int i = 0; i < n; i++)
		if (submit(f, b[i], err) < 0)
			return -1;
	return 0;
}

static int room(const struct fleet *f)
{
	return f->set->jobs - f->nlive;
}

static char *read_id(const struct fleet *f, const struct branch *b)
{
	char *path = lc_path("%s/jobs/%s.id", f->dir, b->id), *id = NULL;
	size_t len;

	if (lc_read_file(path, &id, &len, NULL) < 0)
		id = NULL;
	free(path);
	return id;
}

static int has_it(const struct fleet *f, const struct branch *b, const char *tmpl)
{
	char *id = read_id(f, b), *words[] = {id, NULL};
	const struct lc_hole hole = {"id", words};
	int got = id ? call(tmpl, &hole, 1, NULL, NULL) : 1;

	free(id);
	return got == 0;
}

static int look(struct fleet *f, struct branch *b, FILE *out, struct lc_err *err)
{
	int over = elsewhere_look(f, b, out, err);

	if (over || lc_now() - b->output_at < QUIET_S)
		return over;
	if (has_it(f, b, f->set->poll)) {
		b->missing_at = 0;
		b->output_at = lc_now();
	} else {
		elsewhere_missing(f, b);
	}
	return b->status >= DONE;
}

static void stop(struct fleet *f)
{
	for (int i = 0; i < f->nlive; i++)
		has_it(f, f->live[i], f->set->cancel);
}

const struct engine engine_cmd = {"cmd", 1, elsewhere_open, room, start, look, NULL, stop, NULL};
