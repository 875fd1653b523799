/* read: records of all kinds into what is known of the run. */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cone.h"
#include "io.h"
#include "json.h"

static void set(char **to, const char *s)
{
	if (!s)
		return;
	free(*to);
	*to = lc_path("%s", s);
}

/* The run went back to before x: what it had from there on is drawn apart. */
static void go_back(struct cone *c, double x)
{
	struct series gone = {0}, *s = &c->c[LOSS];

	for (size_t i = series_from(s, x); i < s->n; i++)
		series_add(&gone, s->x[i], s->y[i]);
	for (int k = 0; k < CURVES; k++)
		c->c[k].n = series_from(&c->c[k], x);
	if (gone.n < 2) {
		series_release(&gone);
		return;
	}
	c->left = lc_xrealloc(c->left, c->nleft + 1, sizeof(*c->left));
	c->left[c->nleft++] = gone;
}

static void put(struct series *s, const struct lc_step *st, enum lc_metric m)
{
	if (!lc_step_has(st, m))
		return;
	s->n = series_from(s, (double)st->step); /* the newest wins */
	series_add(s, (double)st->step, st->v[m]);
}

/* The fork's name is no part of struct lc_step: it is found as it is written. */
static struct fork *step_fork(struct cone *c, const char *line, size_t len)
{
	static const char key[] = "\"fork\":\"";
	const char *p = memmem(line, len, key, sizeof(key) - 1), *end;
	char name[64];

	if (!p)
		return cone_fork(c, c->nf ? c->f[c->nf - 1].id : "fork");
	p += sizeof(key) - 1;
	end = memchr(p, '"', len - (size_t)(p - line));
	if (!end || (size_t)(end - p) >= sizeof(name))
		return cone_fork(c, "fork");
	memcpy(name, p, (size_t)(end - p));
	name[end - p] = '\0';
	return cone_fork(c, name);
}

static int same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static void take_step(struct cone *c, const struct lc_step *st, const char *line, size_t len)
{
	static const enum lc_metric metric[] = {LC_LOSS, LC_VAL_LOSS, LC_GRAD_NORM, LC_LR};
	const struct series *loss = &c->c[LOSS];

	if (st->branch[0]) {
		struct branch *b = fork_branch(step_fork(c, line, len), st->branch);
		put(&b->loss, st, LC_LOSS);
		put(&b->val, st, LC_VAL_LOSS);
		if (b->from < 0)
			b->from = st->step - 1;
		return;
	}
	if (st->run[0] && !c->run)
		set(&c->run, st->run);
	if (lc_step_has(st, LC_LOSS) && loss->n && (double)st->step <= loss->x[loss->n - 1]) {
		size_t at = series_from(loss, (double)st->step);
		if (loss->x[at] == (double)st->step && same(loss->y[at], st->v[LC_LOSS]))
			return; /* the same record from another file */
		go_back(c, (double)st->step);
	}
	for (int k = LOSS; k <= RATE; k++)
		put(&c->c[k], st, metric[k]);
}

static void add_once(json_t *list, json_t *rec)
{
	json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
		if (json_equal(other, rec))
			return;
	json_array_append(list, rec);
}

static void take_branch(struct cone *c, json_t *rec, const char *type)
{
	const char *id = lc_json_get_str(rec, "branch", NULL);
	struct branch *b;

	if (!id)
		return;
	b = fork_branch(
		cone_fork(c, lc_json_get_str(rec, "fork", c->nf ? c->f[c->nf - 1].id : "fork")),
		id);
	if (strcmp(type, "forecast") == 0) {
		json_decref(b->forecast);
		b->forecast = json_incref(rec);
	} else if (strcmp(type, "result") == 0) {
		set(&b->status, lc_json_get_str(rec, "status", NULL));
		set(&b->why, lc_json_get_str(rec, "why", NULL));
	} else {
		json_decref(b->rec);
		b->rec = json_incref(rec);
		set(&b->role, lc_json_get_str(rec, "role", NULL));
		b->from = lc_json_get_int(json_object_get(rec, "from"), "step", b->from);
		b->horizon = lc_json_get_int(rec, "horizon", 0);
	}
}

static void take_decision(struct cone *c, json_t *rec)
{
	struct fork *f = cone_fork(c, lc_json_get_str(rec, "fork", "fork"));

	json_decref(f->decision);
	f->decision = json_incref(rec);
	for (size_t i = 0; i < f->n; i++)
		f->b[i].chosen = 0;
	fork_branch(f, lc_json_get_str(rec, "choice", "?"))->chosen = 1;
}

static void take_index(struct cone *c, const json_t *rec)
{
	struct series *s = &c->c[INDEX];
	double step = lc_json_get_num(rec, "step", NAN), y = lc_json_get_num(rec, "index", NAN);

	if (!isfinite(step) || isnan(y)) /* a young run has none */
		return;
	s->n = series_from(s, step);
	series_add(s, step, y);
}

static void take_record(struct cone *c, json_t *rec)
{
	static const char *const alarms[] = {"alert", "outlier", "warning", "end"};
	const char *type = lc_json_get_str(rec, "type", "");

	for (size_t i = 0; i < sizeof(alarms) / sizeof(*alarms); i++)
		if (strcmp(type, alarms[i]) == 0) {
			add_once(c->alerts, rec);
			return;
		}
	if (strcmp(type, "snapshot") == 0) {
		json_array_append(c->snapshots, rec);
		if (!c->run)
			set(&c->run, lc_json_get_str(rec, "run", NULL));
	}
	if (strcmp(type, "event") == 0)
		json_array_append(c->events, rec);
	else if (strcmp(type, "index") == 0)
		take_index(c, rec);
	else if (strcmp(type, "rewind") == 0)
		go_back(c, lc_json_get_num(rec, "to", INFINITY));
	else if (strcmp(type, "decision") == 0)
		take_decision(c, rec);
	else if (strcmp(type, "branch") == 0 || strcmp(type, "forecast") == 0 ||
		 strcmp(type, "result") == 0)
		take_branch(c, rec, type);
}

static void complain(struct cone *c, const char *path, unsigned long line, const struct lc_err *why)
{
	if (c->bad++ == 0)
		lc_fail(&c->why, LC_DATA, "%s line %lu: %.300s", path, line, why->text);
}

static void take_line(struct cone *c, const char *path, unsigned long n, const char *line,
		      size_t len, const struct lc_names *names)
{
	struct lc_step st;
	struct lc_err err;
	json_t *rec;
	int kind = lc_step_parse(line, len, names, &st, &err);

	c->lines++;
	if (kind > 0) {
		take_step(c, &st, line, len);
	} else if (kind < 0) {
		complain(c, path, n, &err);
	} else if (len && line[0] == '{') {
		rec = lc_json_parse(line, len, path, &err);
		if (rec)
			take_record(c, rec);
		else
			complain(c, path, n, &err);
		json_decref(rec);
	}
}

static int read_lines(struct cone *c, const char *path, const struct lc_names *names,
		      struct lc_err *err)
{
	struct lc_lines ls;
	char *line;
	size_t len;
	int got;

	if (lc_lines_open(&ls, path, 0, err) < 0)
		return -1;
	while ((got = lc_lines_next(&ls, &line, &len, err)) > 0)
		take_line(c, path, ls.line, line, len, names);
	lc_lines_close(&ls);
	return got;
}

static int is_number(const struct dirent *de)
{
	return strspn(de->d_name, "0123456789") == strlen(de->d_name);
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	return atoi((*a)->d_name) - atoi((*b)->d_name);
}

static int read_if_there(struct cone *c, char *path, const struct lc_names *names,
			 struct lc_err *err)
{
	struct stat st;
	int ret = stat(path, &st) == 0 ? read_lines(c, path, names, err) : 0;

	free(path);
	return ret;
}

/* What lc-guard keeps: its journal, the run's records, and of each fork what was seen. */
static int read_guard(struct cone *c, const char *dir, const struct lc_names *names,
		      struct lc_err *err)
{
	char *forks = lc_path("%s/forks", dir), *journal = lc_path("%s/journal.jsonl", dir);
	struct dirent **names_of = NULL;
	int n = scandir(forks, &names_of, is_number, by_number), ret;

	ret = read_lines(c, journal, names, err);
	free(journal);
	if (ret == 0)
		ret = read_if_there(c, lc_path("%s/run.jsonl", dir), names, err);
	for (int i = 0; i < n; i++) {
		if (ret == 0)
			ret = read_if_there(
				c, lc_path("%s/%s/evidence.jsonl", forks, names_of[i]->d_name),
				names, err);
		free(names_of[i]);
	}
	free(names_of);
	free(forks);
	return ret;
}

int cone_read(struct cone *c, const char *path, const struct lc_names *names, struct lc_err *err)
{
	struct stat st;

	if (!c->alerts) {
		c->alerts = json_array();
		c->snapshots = json_array();
		c->events = json_array();
	}
	if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return read_guard(c, path, names, err);
	return read_lines(c, path, names, err);
}
