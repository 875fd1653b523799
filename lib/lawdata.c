/* lawdata: see lawdata.h. */
#include "lawdata.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "stat.h"

#define LR_MAX 1e6	     /* no learning rate is higher: a log that says so is wrong */
#define LOSS_MAX 1e12	     /* a loss above this is lost, and its square no number to a float */
#define MOST_ROWS (1L << 19) /* of a series; 24 MB */

static int add_series(struct lc_past *p, const char *name)
{
	struct lc_series *s;

	p->series = lc_xrealloc(p->series, (size_t)p->n + 1, sizeof(*p->series));
	s = &p->series[p->n];
	memset(s, 0, sizeof(*s));
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->parent = p->n ? 0 : -1;
	s->from = -1;
	return p->n++;
}

void lc_past_init(struct lc_past *p)
{
	memset(p, 0, sizeof(*p));
	p->onset = p->rewind = -1;
	p->setup = (struct lc_setup){NAN, NAN, NAN, NAN, NAN, NAN, ""};
	add_series(p, "");
}

void lc_past_release(struct lc_past *p)
{
	for (int i = 0; i < p->n; i++)
		free(p->series[i].row);
	free(p->series);
	memset(p, 0, sizeof(*p));
}

int lc_past_find(const struct lc_past *p, const char *name)
{
	for (int i = p->n - 1; i >= 0; i--)
		if (strcmp(p->series[i].name, name) == 0)
			return i;
	return -1;
}

static int find_or_add(struct lc_past *p, const char *name)
{
	int i = lc_past_find(p, name);

	return i >= 0 ? i : add_series(p, name);
}

static double value(const struct lc_step *st, enum lc_metric m)
{
	return lc_step_has(st, m) ? st->v[m] : NAN;
}

/* A loss that was lost is infinite: NaN is one that was not logged. */
static double loss_of(const struct lc_step *st, enum lc_metric m)
{
	double loss = value(st, m);

	return lc_step_has(st, m) && !(fabs(loss) <= LOSS_MAX) ? INFINITY : loss;
}

static double lr_of(const struct lc_step *st)
{
	double lr = value(st, LC_LR);

	return lr >= 0 && lr <= LR_MAX ? lr : NAN;
}

static void merge(double *to, double from)
{
	if (!isnan(from))
		*to = from;
}

/* Of two neighbours the later stays, if the other has nothing rarer. It takes what it lacks. */
static struct lc_row keep_one(const struct lc_row *a, const struct lc_row *b)
{
	int second = isnan(a->val_loss) == isnan(b->val_loss) ? isinf(b->loss) || !isinf(a->loss)
							      : isnan(a->val_loss);
	struct lc_row r = second ? *b : *a;
	const struct lc_row *o = second ? a : b;

	r.loss = isnan(r.loss) ? o->loss : r.loss;
	r.lr = isnan(r.lr) ? o->lr : r.lr;
	r.gvar = isnan(r.gvar) ? o->gvar : r.gvar;
	r.grad_norm = isnan(r.grad_norm) ? o->grad_norm : r.grad_norm;
	return r;
}

/* Room for one row more: a series that is full keeps every second one, and of what follows too. */
static void make_room(struct lc_series *s)
{
	if (s->n < s->cap)
		return;
	if (s->cap >= MOST_ROWS) {
		for (long i = 0; i < s->n / 2; i++)
			s->row[i] = keep_one(&s->row[2 * i], &s->row[2 * i + 1]);
		s->n /= 2;
		s->every = s->every ? 2 * s->every : 2;
	} else {
		s->cap = s->cap ? 2 * s->cap : 256;
		s->row = lc_xrealloc(s->row, (size_t)s->cap, sizeof(*s->row));
	}
	memset(s->row + s->n, 0, (size_t)(s->cap - s->n) * sizeof(*s->row));
}

/* A row of a step beyond the last. */
static void push(struct lc_series *s, const struct lc_row *r)
{
	if (s->n && s->held < s->every) {
		s->row[s->n - 1] = keep_one(&s->row[s->n - 1], r);
		s->held++;
		return;
	}
	make_room(s);
	s->row[s->n++] = *r;
	s->held = 1;
}

void lc_past_add(struct lc_past *p, const struct lc_step *st)
{
	int at = find_or_add(p, st->branch);
	struct lc_series *s = &p->series[at];
	struct lc_row *row, now;

	while (s->n && s->row[s->n - 1].step > st->step)
		s->n--;
	/* the trunk went back over the incident: it is not in the past any more */
	if (at == 0 && p->onset >= 0 && st->step <= p->onset && s->n < s->cap &&
	    s->row[s->n].step > st->step)
		p->onset = -1;
	now = (struct lc_row){st->step,	 loss_of(st, LC_LOSS), loss_of(st, LC_VAL_LOSS),
			      lr_of(st), value(st, LC_GVAR),   value(st, LC_GRAD_NORM)};
	if (!s->n || s->row[s->n - 1].step < st->step) {
		push(s, &now);
		return;
	}
	row = &s->row[s->n - 1];
	merge(&row->loss, now.loss);
	merge(&row->val_loss, now.val_loss);
	merge(&row->lr, now.lr);
	merge(&row->gvar, now.gvar);
	merge(&row->grad_norm, now.grad_norm);
}

void lc_past_alert(struct lc_past *p, const json_t *alert)
{
	long step = lc_json_get_int(alert, "step", -1);

	p->onset = lc_json_get_int(alert, "onset", step);
	p->rewind = lc_json_get_int(alert, "rewind", -1);
	snprintf(p->kind, sizeof(p->kind), "%s", lc_json_get_str(alert, "kind", ""));
}

long lc_past_clean(const struct lc_past *p)
{
	if (p->onset < 0)
		return LONG_MAX;
	return p->rewind >= p->onset / 2 && p->rewind < p->onset ? p->rewind : p->onset - 1;
}

void lc_past_branch(struct lc_past *p, const json_t *branch)
{
	const json_t *from = json_object_get(branch, "from");
	const char *name = lc_json_get_str(branch, "branch", "");
	const char *parent = lc_json_get_str(from, "branch", "");
	const char *fork = lc_json_get_str(branch, "fork", "");
	int at, up;

	if (!*name || strcmp(name, parent) == 0)
		return;
	up = find_or_add(p, parent);
	at = find_or_add(p, name);
	if (p->series[at].fork[0] && strcmp(p->series[at].fork, fork) != 0)
		at = add_series(p, name);
	snprintf(p->series[at].fork, sizeof(p->series[at].fork), "%s", fork);
	/* a parent is always the earlier series, so that no chain of parents can be a ring */
	p->series[at].parent = up < at ? up : 0;
	p->series[at].from = lc_json_get_int(from, "step", -1);
	p->series[at].order = lc_json_get_int(branch, "order", 0);
}

void lc_past_setup(struct lc_past *p, const json_t *setup)
{
	struct lc_setup *s = &p->setup;

	s->params = lc_json_get_num(setup, "params", s->params);
	s->batch = lc_json_get_num(setup, "batch", s->batch);
	s->tokens = lc_json_get_num(setup, "tokens", s->tokens);
	s->weight_decay = lc_json_get_num(setup, "weight_decay", s->weight_decay);
	s->clip = lc_json_get_num(setup, "clip", s->clip);
	s->beta2 = lc_json_get_num(setup, "beta2", s->beta2);
	if (json_object_get(setup, "optimizer"))
		snprintf(s->optimizer, sizeof(s->optimizer), "%s",
			 lc_json_get_str(setup, "optimizer", ""));
}

static void add_other(struct lc_past *p, const char *line, size_t len)
{
	json_t *rec;

	if (len == 0 || line[0] != '{' ||
	    (!strstr(line, "\"alert\"") && !strstr(line, "\"branch\"") &&
	     !strstr(line, "\"setup\"")))
		return;
	rec = lc_json_parse(line, len, "history", NULL);
	if (rec && lc_record_is(rec, "alert", 1, NULL) == 1)
		lc_past_alert(p, rec);
	else if (rec && lc_record_is(rec, "branch", 1, NULL) == 1)
		lc_past_branch(p, rec);
	else if (rec && lc_record_is(rec, "setup", 1, NULL) == 1)
		lc_past_setup(p, rec);
	json_decref(rec);
}

int lc_past_read(struct lc_past *p, const char *path, const struct lc_names *names,
		 struct lc_err *err)
{
	struct lc_lines lines;
	struct lc_step st;
	struct lc_err why;
	char *line;
	size_t len;
	int got;

	if (lc_lines_open(&lines, path, 0, err) < 0)
		return -1;
	while ((got = lc_lines_next(&lines, &line, &len, err)) > 0) {
		int kind = lc_step_parse(line, len, names, &st, &why);
		if (kind == 1 && st.step >= 0)
			lc_past_add(p, &st);
		else if (kind == 0)
			add_other(p, line, len);
		else if (kind < 0 && !lines.torn && !p->bad++)
			snprintf(p->first_bad, sizeof(p->first_bad), "%s line %lu: %.300s", path,
				 lines.line, why.text);
	}
	lc_lines_close(&lines);
	return got;
}

void lc_lrpath_init(struct lc_lrpath *path)
{
	memset(path, 0, sizeof(*path));
}

void lc_lrpath_release(struct lc_lrpath *path)
{
	free(path->at);
	free(path->lr);
	lc_lrpath_init(path);
}

void lc_lrpath_add(struct lc_lrpath *path, double at, double lr)
{
	if (path->n == path->cap) {
		path->cap = path->cap ? 2 * path->cap : 16;
		path->at = lc_xrealloc(path->at, (size_t)path->cap, sizeof(double));
		path->lr = lc_xrealloc(path->lr, (size_t)path->cap, sizeof(double));
	}
	path->at[path->n] = at;
	path->lr[path->n++] = lr;
}

double lc_lrpath_at(const struct lc_lrpath *path, double at)
{
	int lo = 0, hi = path->n - 1;

	if (path->n == 0)
		return NAN;
	if (at <= path->at[0])
		return path->lr[0];
	if (at >= path->at[hi])
		return path->lr[hi];
	while (hi - lo > 1) {
		int mid = (lo + hi) / 2;
		*(path->at[mid] <= at ? &lo : &hi) = mid;
	}
	return path->lr[lo] +
	       (path->lr[hi] - path->lr[lo]) * (at - path->at[lo]) / (path->at[hi] - path->at[lo]);
}

/*
 * Streaming thinning: a point is kept only when no straight line from the last kept one passes
 * within 0.1 % of all points since ("swinging door"). lo and hi bound that line's slope; held is
 * the last point seen.
 */
struct door {
	struct lc_lrpath *path;
	int open;
	double at, lr, lo, hi;
};

static void door_push(struct door *d, double at, double lr)
{
	double tol = 1e-3 * lr, dt, at0, lr0;

	if (d->path->n == 0) {
		lc_lrpath_add(d->path, at, lr);
		return;
	}
	for (int again = 0; again < 2; again++) {
		at0 = d->path->at[d->path->n - 1];
		lr0 = d->path->lr[d->path->n - 1];
		dt = at - at0;
		if (!d->open) {
			d->lo = (lr - tol - lr0) / dt;
			d->hi = (lr + tol - lr0) / dt;
			break;
		}
		if ((lr - lr0) / dt >= d->lo && (lr - lr0) / dt <= d->hi) {
			d->lo = fmax(d->lo, (lr - tol - lr0) / dt);
			d->hi = fmin(d->hi, (lr + tol - lr0) / dt);
			break;
		}
		lc_lrpath_add(d->path, d->at, d->lr);
		d->open = 0;
	}
	d->open = 1;
	d->at = at;
	d->lr = lr;
}

static void door_close(struct door *d)
{
	if (d->open)
		lc_lrpath_add(d->path, d->at, d->lr);
	d->open = 0;
}

long lc_series_from(const struct lc_series *s)
{
	return s->from >= 0 ? s->from : s->n ? s->row[0].step - 1 : 0;
}

double lc_past_lr_peak(const struct lc_past *p)
{
	const struct lc_series *s = &p->series[0];
	double *lr = lc_xalloc((size_t)s->n + 1, sizeof(*lr)), peak;
	size_t n = 0;

	for (long i = 0; i < s->n && s->row[i].step <= lc_past_clean(p); i++)
		if (isfinite(s->row[i].lr) && s->row[i].lr > 0)
			lr[n++] = s->row[i].lr;
	peak = n ? lc_quantile(lr, n, .95) : 0;
	free(lr);
	return peak;
}

/* The parent's lr holds to the fork, the branch's own (r is its first row) from there on. */
static void leave_parent(struct lc_lrpath *path, long from, const struct lc_row *r)
{
	if (path->n && path->at[path->n - 1] < from)
		lc_lrpath_add(path, (double)from, path->lr[path->n - 1]);
	if (r->step > from + 1)
		lc_lrpath_add(path, (double)from + 1, r->lr);
}

static void push_series(const struct lc_past *p, int series, long until, struct door *d)
{
	const struct lc_series *s = &p->series[series];
	long from = lc_series_from(s);
	int first = 1;

	if (s->parent >= 0) {
		push_series(p, s->parent, until < 0 || from < until ? from : until, d);
		door_close(d);
	}
	for (long i = 0; i < s->n; i++) {
		const struct lc_row *r = &s->row[i];
		if (until >= 0 && r->step > until)
			break;
		if ((s->parent >= 0 && r->step <= from) || !isfinite(r->lr) || r->lr < 0)
			continue;
		if (first && s->parent >= 0)
			leave_parent(d->path, from, r);
		first = 0;
		door_push(d, (double)r->step, r->lr);
	}
}

void lc_past_lrpath(const struct lc_past *p, int series, long until, struct lc_lrpath *path)
{
	struct door d = {.path = path};

	push_series(p, series, until, &d);
	door_close(&d);
}
