/*
 * mlflow: a run of MLflow's file store: mlruns/EXPERIMENT/RUN, of which metrics/ has one file a
 *metric (in folders, where its name has slashes) with lines
 *
 *	1795302608297 2.99 1
 *
 * of milliseconds, value and step. The files are merged by time, then step, one line of each in
 * memory.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io.h"
#include "num.h"
#include "text.h"

struct series {
	char *path;
	const char *name; /* the end of path */
	struct source in;
	int more;
	double time, step;
	char num[64]; /* the value as it is in the line */
};

struct store {
	struct series *series;
	size_t n, cap;
};

static int add_series(struct store *st, char *path, size_t name_at, struct lc_err *err)
{
	struct series *s;

	if (st->n == st->cap) {
		st->cap = st->cap ? 2 * st->cap : 16;
		st->series = lc_xrealloc(st->series, st->cap, sizeof(*st->series));
	}
	s = &st->series[st->n++];
	memset(s, 0, sizeof(*s));
	s->path = path;
	s->name = path + name_at;
	return source_open(&s->in, path, 0, err);
}

/* All files under dir; their names start at name_at of their paths. */
static int add_folder(struct store *st, const char *dir, size_t name_at, int depth,
		      struct lc_err *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat sb;
	int ret = 0;

	if (!d)
		return lc_fail_sys(err, "open %s", dir);
	while (ret == 0 && (e = readdir(d))) {
		char *path;

		if (e->d_name[0] == '.')
			continue;
		path = lc_path("%s/%s", dir, e->d_name);
		memset(&sb, 0, sizeof(sb));
		if (stat(path, &sb) == 0 && S_ISREG(sb.st_mode)) {
			ret = add_series(st, path, name_at, err); /* the store's now */
			continue;
		}
		if (S_ISDIR(sb.st_mode) && depth < 8)
			ret = add_folder(st, path, name_at, depth + 1, err);
		free(path);
	}
	closedir(d);
	return ret;
}

static void close_store(struct store *st)
{
	for (size_t i = 0; i < st->n; i++) {
		source_close(&st->series[i].in);
		free(st->series[i].path);
	}
	free(st->series);
}

/* "time value step"; files of old versions have no step. */
static int parse(struct series *s, const char *line, size_t len)
{
	struct text t = {line, line + len}, time, value, step;
	size_t n;
	double x;

	if (!text_word(&t, &time) || !text_word(&t, &value))
		return 0;
	n = (size_t)(time.end - time.p);
	if (lc_num_parse(time.p, n, &s->time) != n)
		return 0;
	s->step = 0;
	if (text_word(&t, &step) && (!text_step(&step, &s->step) || step.p != step.end))
		return 0;
	n = (size_t)(value.end - value.p);
	if (n >= sizeof(s->num) || lc_num_parse(value.p, n, &x) != n)
		return 0;
	memcpy(s->num, value.p, n);
	s->num[n] = '\0';
	return 1;
}

/* The series' next good line: 0, also when there is none, or -1. */
static int advance(struct reader *r, struct series *s, struct lc_err *err)
{
	struct reader at = *r;
	char *line;
	size_t len;
	int ret = 0;

	while ((s->more = source_line(&s->in, &line, &len, err)) > 0) {
		if (len == 0)
			continue;
		if (!s->in.torn && parse(s, line, len))
			break;
		at.path = s->path;
		ret = reader_bad(&at, "line", s->in.line, "is no time, value and step", err);
		r->bad = at.bad;
		if (ret < 0)
			return -1;
	}
	return s->more < 0 ? -1 : 0;
}

static struct series *earliest(struct store *st)
{
	struct series *first = NULL;

	for (size_t i = 0; i < st->n; i++) {
		struct series *s = &st->series[i];

		if (s->more > 0 && (!first || s->time < first->time ||
				    (s->time == first->time && s->step < first->step)))
			first = s;
	}
	return first;
}

static int merge(struct reader *r, struct store *st, struct lc_err *err)
{
	struct series *s;

	for (size_t i = 0; i < st->n; i++)
		if (advance(r, &st->series[i], err) < 0)
			return -1;
	while ((s = earliest(st))) {
		if (out_at(r->out, s->step, err) < 0)
			return -1;
		out_text(r->out, s->name, strlen(s->name), s->num, strlen(s->num));
		out_time(r->out, s->time / 1000);
		if (advance(r, s, err) < 0)
			return -1;
	}
	return 0;
}

static int run(struct reader *r, struct lc_err *err)
{
	char *dir = lc_path("%s/metrics", r->path);
	struct store st = {NULL, 0, 0};
	struct stat sb;
	int ret;

	if (stat(dir, &sb) < 0) {
		free(dir);
		dir = lc_path("%s", r->path);
	}
	ret = add_folder(&st, dir, strlen(dir) + 1, 0, err);
	if (ret == 0)
		ret = merge(r, &st, err);
	close_store(&st);
	free(dir);
	return ret;
}

const struct format format_mlflow = {
	"mlflow", "a run of MLflow's file store (a directory with metrics/)", NULL, run, NULL};
