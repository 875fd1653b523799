/*
 * sibling: runs of the same data. A step that was bad in all of them is bad by its data.
 *
 * Of each sibling, read whole first, the steps are kept whose loss stood out and came back within
 * BRIEF steps: what stays bad is no batch.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "run.h"

#define BAD 4.0 /* score */
#define CALM 3.0
#define BRIEF 3

struct sibling {
	long first, last; /* steps it has seen */
	long *bad;	  /* in order */
	size_t n;
};

struct siblings {
	int n;
	struct sibling s[];
};

/* The excursion that is on: its steps enter when it turns out to be brief. */
struct excursion {
	long step[BRIEF];
	int n;
};

static void keep(struct sibling *s, long step)
{
	if ((s->n & (s->n - 1)) == 0) /* it may be full at a power of two */
		s->bad = lc_xrealloc(s->bad, s->n ? 2 * s->n : 1, sizeof(long));
	s->bad[s->n++] = step;
}

/* After a rewind the newest wins. */
static void forget_from(struct sibling *s, struct excursion *ex, long step)
{
	while (s->n > 0 && s->bad[s->n - 1] >= step)
		s->n--;
	ex->n = 0;
}

static void look(struct sibling *s, struct excursion *ex, long step, double z)
{
	if (z >= BAD) {
		if (ex->n < BRIEF)
			ex->step[ex->n] = step;
		ex->n++;
	} else if (z < CALM && ex->n > 0) {
		for (int i = 0; i < ex->n && ex->n <= BRIEF; i++)
			keep(s, ex->step[i]);
		ex->n = 0;
	}
}

static void take(struct sibling *s, struct excursion *ex, struct lc_detect *d,
		 const struct lc_step *st)
{
	struct lc_alert a;
	double z;

	if (!lc_step_has(st, LC_LOSS))
		return;
	if (s->last >= 0 && st->step <= s->last)
		forget_from(s, ex, st->step);
	lc_detect_step(d, st, &a);
	if (s->first < 0)
		s->first = st->step;
	s->last = st->step;
	z = lc_detect_score(d, LC_LOSS);
	look(s, ex, st->step, isnan(z) && !isfinite(st->v[LC_LOSS]) ? INFINITY : z);
}

static int read_sibling(struct sibling *s, const struct asked *asked, const char *path,
			struct lc_err *err)
{
	struct lc_detect *d = lc_detect_open(&asked->conf);
	struct excursion ex = {.n = 0};
	struct lc_lines in;
	struct lc_step st;
	char *line;
	size_t len;
	int more = -1;

	s->first = s->last = -1;
	if (lc_lines_open(&in, path, 0, err) == 0) {
		while ((more = lc_lines_next(&in, &line, &len, err)) > 0)
			if (lc_step_parse(line, len, &asked->names, &st, NULL) > 0)
				take(s, &ex, d, &st);
		lc_lines_close(&in);
	}
	lc_detect_close(d);
	if (more == 0 && s->first < 0)
		return lc_fail(err, LC_DATA, "%s: no step records with a loss", path);
	return more;
}

struct siblings *siblings_open(const struct asked *asked, struct lc_err *err)
{
	struct siblings *s = lc_xalloc(1, sizeof(*s) + (size_t)asked->nsiblings * sizeof(s->s[0]));

	for (; s->n < asked->nsiblings; s->n++)
		if (read_sibling(&s->s[s->n], asked, asked->siblings[s->n], err) < 0) {
			s->n++;
			siblings_close(s);
			return NULL;
		}
	return s;
}

void siblings_close(struct siblings *s)
{
	for (int i = 0; s && i < s->n; i++)
		free(s->s[i].bad);
	free(s);
}

static int compare(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

int siblings_agree(const struct siblings *all, long step)
{
	int there = 0;

	for (int i = 0; i < all->n; i++) {
		const struct sibling *s = &all->s[i];

		if (step < s->first || step > s->last)
			continue;
		there++;
		if (!s->n || !bsearch(&step, s->bad, s->n, sizeof(step), compare))
			return 0;
	}
	return there > 0;
}
