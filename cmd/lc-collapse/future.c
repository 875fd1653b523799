/* future: what is read of one future, step by step. */
#include <math.h>

#include "collapse.h"
#include "io.h"

static int is_nonfinite(const struct lc_step *st, int m)
{
	return m >= 0 && lc_step_has(st, m) && !isfinite(st->v[m]);
}

/* The goal's sum in place of the losses, from all lines of the step so far. */
static void score(const struct goal *g, struct future *f, const struct lc_step *st,
		  struct reading *r)
{
	int same = f->n > 0 && f->r[f->n - 1].step == r->step;

	if (!f->now)
		f->now = lc_xalloc(LC_METRICS, sizeof(*f->now));
	for (int m = 0; m < LC_METRICS; m++)
		if (!same || lc_step_has(st, m))
			f->now[m] = st->v[m];
	if (!g->terms)
		return;
	r->val_loss = r->loss = goal_score(g, f->now, 0);
	r->test_loss = goal_score(g, f->now, 1);
	for (int i = 0; i < g->terms; i++)
		if (is_nonfinite(st, (int)g->term[i].metric) || is_nonfinite(st, g->term[i].twin))
			f->nonfinite = 1;
}

static void add_also(const struct goal *g, struct future *f)
{
	for (int i = 0; i < g->limits; i++)
		f->also[(f->n - 1) * g->limits + i] = f->now[g->limit[i].metric];
}

void future_read(const struct goal *g, struct future *f, const struct lc_step *st)
{
	struct reading r = {(int)st->step,	 (float)st->v[LC_LR],
			    st->v[LC_LOSS],	 st->v[LC_VAL_LOSS],
			    st->v[LC_TEST_LOSS], g ? NAN : (float)st->v[LC_GVAR]};

	for (int m = LC_LOSS; m <= LC_TEST_LOSS; m++)
		if (m != LC_LR && m != LC_GRAD_NORM && lc_step_has(st, m) && !isfinite(st->v[m]))
			f->nonfinite = 1;
	while (f->n > 0 && f->r[f->n - 1].step > r.step) /* the newest wins */
		f->n--;
	if (g)
		score(g, f, st, &r);
	/* a second line of the same step adds to the first (a trainer may log val_loss apart) */
	if (f->n > 0 && f->r[f->n - 1].step == r.step) {
		struct reading *old = &f->r[f->n - 1];
		old->loss = isnan(r.loss) ? old->loss : r.loss;
		old->val_loss = isnan(r.val_loss) ? old->val_loss : r.val_loss;
		old->test_loss = isnan(r.test_loss) ? old->test_loss : r.test_loss;
		old->gvar = isnan(r.gvar) ? old->gvar : r.gvar;
	} else {
		if (f->n == f->cap) {
			f->cap += f->cap / 4 + 64; /* millions of them: little is left unused */
			f->r = lc_xrealloc(f->r, (size_t)f->cap, sizeof(*f->r));
			if (g && g->limits)
				f->also = lc_xrealloc(f->also, (size_t)f->cap * (size_t)g->limits,
						      sizeof(*f->also));
		}
		f->r[f->n++] = r;
	}
	if (g)
		add_also(g, f);
}
