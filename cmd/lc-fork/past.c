/* past: see past.h. */
#include "past.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "io.h"
#include "json.h"

int metric_init(struct metric *m, const char *name, struct lc_err *err)
{
	char arg[128];

	memset(m, 0, sizeof(*m));
	for (int i = 0; i < LC_OWN1; i++)
		if (strcmp(lc_metric_name((enum lc_metric)i), name) == 0) {
			m->which = i;
			return 0;
		}
	if (strlen(name) > 90)
		return lc_fail(err, LC_DATA, "metric %.40s...: too long a name", name);
	m->which = LC_OWN1;
	snprintf(arg, sizeof(arg), "own1=%s", name);
	return lc_names_add(&m->names, arg, err);
}

static void add_mark(struct past *b, const struct lc_step *st, const struct metric *m)
{
	struct mark k = {st->step, st->v[LC_LOSS], st->v[LC_LR], st->v[m->which], ""}, *old;

	memcpy(k.batch, st->batch, sizeof(k.batch));
	while (b->n > 0 && b->m[b->n - 1].step > k.step)
		b->n--;
	if (b->n > 0 && b->m[b->n - 1].step == k.step) { /* a metric may have a line of its own */
		old = &b->m[b->n - 1];
		if (lc_step_has(st, LC_LOSS))
			old->loss = k.loss;
		if (lc_step_has(st, LC_LR))
			old->lr = k.lr;
		if (lc_step_has(st, m->which))
			old->value = k.value;
		if (k.batch[0])
			memcpy(old->batch, k.batch, sizeof(k.batch));
		return;
	}
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 64;
		b->m = lc_xrealloc(b->m, (size_t)b->cap, sizeof(*b->m));
	}
	b->m[b->n++] = k;
}

struct past *pasts_find(struct pasts *ps, const char *id)
{
	if (ps->last < ps->n && strcmp(ps->b[ps->last].id, id) == 0)
		return &ps->b[ps->last];
	for (int i = 0; i < ps->n; i++)
		if (strcmp(ps->b[i].id, id) == 0) {
			ps->last = i;
			return &ps->b[i];
		}
	return NULL;
}

static int add_branch(struct pasts *ps, json_t *rec, struct lc_err *err)
{
	const json_t *from = json_object_get(rec, "from");
	struct past b = {.rec = rec};

	b.id = lc_json_get_str(rec, "branch", "");
	b.role = lc_json_get_str(rec, "role", "arm");
	b.parent = lc_json_get_str(from, "branch", NULL);
	b.actions = json_object_get(rec, "actions");
	b.from_step = lc_json_get_int(from, "step", -1);
	b.horizon = lc_json_get_int(rec, "horizon", 0);
	if (!*b.id || b.from_step < 0 || b.horizon < 1)
		return lc_fail(err, LC_DATA,
			       "a branch record without branch, from.step or horizon");
	if (lc_actions_check(b.actions, err) < 0)
		return -1;
	if (pasts_find(ps, b.id))
		return 0;
	json_incref(rec);
	if (ps->n == ps->cap) {
		ps->cap = ps->cap ? 2 * ps->cap : 64;
		ps->b = lc_xrealloc(ps->b, (size_t)ps->cap, sizeof(*ps->b));
	}
	ps->b[ps->n++] = b;
	return 0;
}

static void add_result(struct pasts *ps, json_t *rec)
{
	struct past *b = pasts_find(ps, lc_json_get_str(rec, "branch", ""));

	if (!b)
		return;
	json_decref(b->result);
	b->result = json_incref(rec);
	b->status = lc_json_get_str(rec, "status", NULL);
}

static int take_line(struct pasts *ps, const char *line, size_t len, const struct metric *m,
		     struct lc_err *err)
{
	struct lc_step st;
	struct past *b;
	json_t *rec;
	int is;

	if (lc_step_parse(line, len, &m->names, &st, NULL) == 1) {
		b = st.branch[0] ? pasts_find(ps, st.branch) : NULL;
		if (b)
			add_mark(b, &st, m);
		return 0;
	}
	rec = json_loadb(line, len, 0, NULL);
	is = rec ? lc_record_is(rec, "branch", 1, err) : 0;
	if (is > 0)
		is = add_branch(ps, rec, err);
	else if (rec && is == 0 && (is = lc_record_is(rec, "result", 1, err)) > 0)
		add_result(ps, rec);
	json_decref(rec);
	return is < 0 ? -1 : 0;
}

int pasts_read(struct pasts *ps, const char *path, const struct metric *m, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_err why;
	char *line;
	size_t len;
	int more;

	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0)
		if (take_line(ps, line, len, m, &why) < 0) {
			lc_fail(err, why.code, "%s line %lu: %.380s", path, in.line, why.text);
			more = -1;
			break;
		}
	lc_lines_close(&in);
	return more;
}

void past_release(struct past *b)
{
	json_decref(b->rec);
	json_decref(b->result);
	free(b->m);
	memset(b, 0, sizeof(*b));
}

void pasts_release(struct pasts *ps)
{
	for (int i = 0; i < ps->n; i++)
		past_release(&ps->b[i]);
	free(ps->b);
	memset(ps, 0, sizeof(*ps));
}

int past_read_run(struct past *run, const char *path, const struct metric *m, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_step st;
	char *line;
	size_t len;
	int more;

	memset(run, 0, sizeof(*run));
	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0)
		if (lc_step_parse(line, len, &m->names, &st, NULL) == 1)
			add_mark(run, &st, m);
	lc_lines_close(&in);
	return more;
}

const struct mark *past_at(const struct past *b, long step)
{
	long lo = 0, hi = b->n;

	while (lo < hi) {
		long mid = (lo + hi) / 2;
		if (b->m[mid].step < step)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->n && b->m[lo].step == step ? &b->m[lo] : NULL;
}
