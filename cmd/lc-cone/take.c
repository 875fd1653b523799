/* take: records of all kinds into what is known of the run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "take.h"

static void set(char **to, const char *s)
{
	if (!s || (*to && strcmp(*to, s) == 0))
		return;
	free(*to);
	*to = lc_path("%s", s);
}

static void put(struct series *s, const struct lc_step *st, enum lc_metric m)
{
	if (lc_step_has(st, m))
		series_put(s, (double)st->step, st->v[m]);
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

static void take_branch_step(struct fork *f, const struct lc_step *st, const char *path)
{
	struct branch *b = fork_branch(f, st->branch);

	set(&f->evidence, path);
	put(&b->loss, st, LC_LOSS);
	put(&b->val, st, LC_VAL_LOSS);
	if (b->from < 0)
		b->from = st->step - 1;
}

static void take_step(struct cone *c, const struct lc_step *st, const char *path, const char *line,
		      size_t len)
{
	if (st->branch[0]) {
		take_branch_step(step_fork(c, line, len), st, path);
		return;
	}
	if (st->run[0] && !c->run)
		set(&c->run, st->run);
	if (!c->log)
		set(&c->log, path);
	run_step(c, st);
}

static struct fork *fork_of(struct cone *c, const json_t *rec)
{
	return cone_fork(c, lc_json_get_str(rec, "fork", c->nf ? c->f[c->nf - 1].id : "fork"));
}

static void take_branch(struct branch *b, json_t *rec)
{
	json_decref(b->rec);
	b->rec = json_incref(rec);
	set(&b->role, lc_json_get_str(rec, "role", NULL));
	b->from = lc_json_get_int(json_object_get(rec, "from"), "step", b->from);
	b->horizon = lc_json_get_int(rec, "horizon", b->horizon);
}

/* Why a future was forecast only; what ran says more by itself. */
static void take_screen(struct branch *b, const json_t *rec)
{
	if (b->status || !json_is_false(json_object_get(rec, "kept")))
		return;
	set(&b->status, "left");
	set(&b->why, lc_json_get_str(rec, "why", NULL));
}

/* Where a branch stands, out of its directory: its result record, once it is there, is later. */
static void take_status(struct cone *c, json_t *rec)
{
	json_t *of = json_object_get(rec, "record");
	const char *id = lc_json_get_str(rec, "branch", NULL);
	struct branch *b;

	if (!id || !json_is_object(of))
		return;
	b = fork_branch(fork_of(c, of), id);
	take_branch(b, of);
	set(&b->status, lc_json_get_str(rec, "status", NULL));
	set(&b->why, lc_json_get_str(rec, "why", NULL));
}

static void take_future(struct cone *c, json_t *rec, const char *type, const char *path)
{
	const char *id = lc_json_get_str(rec, "branch", NULL);
	struct fork *f;
	struct branch *b;

	if (!id)
		return;
	f = fork_of(c, rec);
	b = fork_branch(f, id);
	if (strcmp(type, "forecast") == 0) {
		json_decref(b->forecast);
		b->forecast = json_incref(rec);
	} else if (strcmp(type, "result") == 0) {
		if (!f->evidence)
			set(&f->evidence, path);
		set(&b->status, lc_json_get_str(rec, "status", NULL));
		set(&b->why, lc_json_get_str(rec, "why", NULL));
	} else if (strcmp(type, "screen") == 0) {
		take_screen(b, rec);
	} else {
		take_branch(b, rec);
	}
}

static void take_decision(struct cone *c, json_t *rec, const char *path)
{
	struct fork *f = fork_of(c, rec);
	json_t *arm;
	size_t i;

	json_decref(f->decision);
	f->decision = json_incref(rec);
	set(&f->decided, path);
	for (i = 0; i < f->n; i++) {
		f->b[i].chosen = 0;
		f->b[i].row = NULL;
	}
	fork_branch(f, lc_json_get_str(rec, "choice", "?"))->chosen = 1;
	json_array_foreach(json_object_get(rec, "arms"), i, arm)
		if (lc_json_get_str(arm, "branch", NULL))
			fork_branch(f, lc_json_get_str(arm, "branch", ""))->row = arm;
}

static int is_one_of(const char *type, const char *const *of)
{
	for (; *of; of++)
		if (strcmp(type, *of) == 0)
			return 1;
	return 0;
}

static const char *const alarms[] = {"alert", "outlier", "warning", "end", NULL};
static const char *const events[] = {"event", "applied", "undone", "review", NULL};
static const char *const futures[] = {"branch", "forecast", "result", "screen", NULL};

/* Records that are kept in lists: each once, by its bytes. */
static json_t *list_of(struct cone *c, const char *type)
{
	return is_one_of(type, alarms)	       ? c->alerts
	       : is_one_of(type, events)       ? c->events
	       : strcmp(type, "cause") == 0    ? c->causes
	       : strcmp(type, "snapshot") == 0 ? c->snapshots
					       : NULL;
}

static void take_record(struct cone *c, json_t *rec, const char *path, const char *line, size_t len)
{
	const char *type = lc_json_get_str(rec, "type", "");
	json_t *list = list_of(c, type);

	if (list == c->alerts && !c->alarmed)
		judge_hush(c);
	if (list && !seen_before(&c->seen, line, len))
		json_array_append(list, rec);
	if (list == c->snapshots && !c->run)
		set(&c->run, lc_json_get_str(rec, "run", NULL));
	if (strcmp(type, "index") == 0)
		index_take(c, line, len, NULL);
	else if (is_one_of(type, futures))
		take_future(c, rec, type, path);
	else if (strcmp(type, "status") == 0)
		take_status(c, rec);
	else if (strcmp(type, "rewind") == 0)
		run_rewind(c, lc_json_get_num(rec, "to", NAN));
	else if (strcmp(type, "decision") == 0)
		take_decision(c, rec, path);
}

/* The record of that line; an alarm without a step has no place in the picture. */
static json_t *parse(const char *line, size_t len, const char *path, struct lc_err *err)
{
	json_t *rec = lc_json_parse(line, len, path, err);
	const char *type = lc_json_get_str(rec, "type", "");

	if (!rec || !is_one_of(type, alarms) || lc_json_get_int(rec, "step", -1) >= 0)
		return rec;
	lc_fail(err, LC_DATA, "%s record without a step", type);
	json_decref(rec);
	return NULL;
}

static void complain(struct cone *c, const char *path, unsigned long line, const struct lc_err *why)
{
	if (c->bad++ == 0)
		lc_fail(&c->why, LC_DATA, "%s line %lu: %.300s", path, line, why->text);
}

void cone_take(struct cone *c, const char *path, unsigned long n, const char *line, size_t len,
	       const struct lc_names *names)
{
	struct lc_step st;
	struct lc_err err;
	json_t *rec;
	int kind;

	if (!c->alerts) {
		c->alerts = json_array();
		c->causes = json_array();
		c->snapshots = json_array();
		c->events = json_array();
	}
	c->lines++;
	if (index_is(line, len)) {
		if (index_take(c, line, len, &err) < 0)
			complain(c, path, n, &err);
		return;
	}
	kind = lc_step_parse(line, len, names, &st, &err);
	if (kind > 0) {
		take_step(c, &st, path, line, len);
	} else if (kind < 0) {
		complain(c, path, n, &err);
	} else if (len && line[0] == '{') {
		rec = parse(line, len, path, &err);
		if (rec)
			take_record(c, rec, path, line, len);
		else
			complain(c, path, n, &err);
		json_decref(rec);
	}
}

int cone_is_empty(const struct cone *c)
{
	for (int k = 0; k < CURVES; k++)
		if (c->c[k].n)
			return 0;
	return c->nf + json_array_size(c->alerts) + json_array_size(c->snapshots) +
		       json_array_size(c->events) + json_array_size(c->causes) ==
	       0;
}
