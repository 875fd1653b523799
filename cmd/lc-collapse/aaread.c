/* aaread: equal runs, or the null branches of a fork, as series; see aa.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "aa.h"
#include "io.h"
#include "record.h"

static double value_of(const struct lc_step *st, enum metric m)
{
	return st->v[m == VAL ? LC_VAL_LOSS : m == TEST ? LC_TEST_LOSS : LC_LOSS];
}

/* x[step - from], as far as it goes; a later line of a step wins. */
struct series {
	double *x;
	long n, cap;
};

static void put(struct series *s, long at, double x)
{
	if (at < 0 || at > 100000000 || isnan(x))
		return;
	if (at >= s->cap) {
		s->cap = 2 * at + 1024;
		s->x = lc_xrealloc(s->x, (size_t)s->cap, sizeof(double));
	}
	for (; s->n <= at; s->n++)
		s->x[s->n] = NAN;
	s->x[at] = x;
}

static int read_run(const char *path, enum metric m, struct series *s, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_step st;
	char *line;
	size_t len;
	int more;

	memset(s, 0, sizeof(*s));
	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0)
		if (lc_step_parse(line, len, NULL, &st, NULL) == 1)
			put(s, st.step, value_of(&st, m));
	lc_lines_close(&in);
	if (more == 0 && s->n == 0)
		more = lc_fail(err, LC_DATA, "%s: no steps with that metric", path);
	if (more < 0)
		free(s->x);
	return more;
}

/* The control and the nulls of one fork's records. */
static int read_fork(struct aa_runs *runs, const char *path, enum metric m, struct lc_err *err)
{
	struct evidence ev;
	struct series s;

	if (evidence_read(&ev, path, err) < 0)
		return -1;
	runs->x = lc_xalloc((size_t)ev.n, sizeof(*runs->x));
	for (int i = 0; i < ev.n; i++) {
		const struct future *f = &ev.f[i];
		if (f->parent || (strcmp(f->role, "null") != 0 && strcmp(f->role, "control") != 0))
			continue;
		memset(&s, 0, sizeof(s));
		for (int k = 0; k < f->n; k++)
			put(&s, f->r[k].step - f->from_step - 1,
			    m == VAL	? f->r[k].val_loss
			    : m == TEST ? f->r[k].test_loss
					: f->r[k].loss);
		if (s.n == 0)
			continue;
		runs->steps = runs->n == 0 || s.n < runs->steps ? s.n : runs->steps;
		runs->x[runs->n++] = s.x;
	}
	evidence_release(&ev);
	if (runs->n == 0)
		return lc_fail(err, LC_DATA,
			       "%s: one file is a fork's, but it holds no control or null branch "
			       "that was read",
			       path);
	return 0;
}

/* Runs that go on from a state begin late: windows are drawn from where all have begun. */
static void align(struct aa_runs *runs)
{
	long first = 0, at;

	for (int i = 0; i < runs->n; i++) {
		for (at = 0; at < runs->steps && isnan(runs->x[i][at]); at++)
			;
		first = at > first ? at : first;
	}
	runs->steps -= first;
	for (int i = 0; i < runs->n; i++)
		memmove(runs->x[i], runs->x[i] + first, (size_t)runs->steps * sizeof(double));
}

int aa_read(struct aa_runs *runs, char *const *files, int n, const struct aa_plan *plan,
	    struct lc_err *err)
{
	struct series s;

	memset(runs, 0, sizeof(*runs));
	if (n == 1) {
		if (read_fork(runs, files[0], plan->metric, err) == 0)
			return 0;
		aa_release(runs);
		return -1;
	}
	runs->x = lc_xalloc((size_t)n, sizeof(*runs->x));
	for (int i = 0; i < n; i++) {
		if (read_run(files[i], plan->metric, &s, err) < 0) {
			aa_release(runs);
			return -1;
		}
		runs->steps = i == 0 || s.n < runs->steps ? s.n : runs->steps;
		runs->x[runs->n++] = s.x;
	}
	align(runs);
	return 0;
}

void aa_release(struct aa_runs *runs)
{
	for (int i = 0; i < runs->n; i++)
		free(runs->x[i]);
	free(runs->x);
	memset(runs, 0, sizeof(*runs));
}
