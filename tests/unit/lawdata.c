/* lawdata: a long past is thinned, and stays what it was. */
#include <criterion/criterion.h>
#include <math.h>

#include "lawdata.h"

static void add(struct lc_past *p, long step, enum lc_metric m, double v)
{
	struct lc_step st = {.step = step};

	st.v[m] = v;
	st.has = 1u << m;
	lc_past_add(p, &st);
}

/* Values of every 1000th step are as many as before, and near where they were. */
Test(lawdata, long_pasts_are_thinned_but_rare_values_stay)
{
	struct lc_past p;
	long vals = 0;

	lc_past_init(&p);
	for (long i = 1; i <= 3000000; i++) {
		add(&p, i, LC_LOSS, (double)i);
		if (i % 1000 == 0)
			add(&p, i, LC_VAL_LOSS, (double)i);
	}
	cr_assert_leq(p.series[0].n, 1 << 19);
	cr_assert_leq(p.series[0].cap, 1 << 19);
	cr_assert_geq(p.series[0].n, 1 << 18);
	for (long i = 0; i < p.series[0].n; i++) {
		const struct lc_row *r = &p.series[0].row[i];
		cr_assert(i == 0 || r->step > r[-1].step);
		cr_assert(fabs(r->loss - (double)r->step) < 16);
		cr_assert(isnan(r->val_loss) || r->val_loss == (double)r->step);
		vals += !isnan(r->val_loss);
	}
	/* evenly: as many rows in the first half as in the second */
	cr_assert_float_eq((double)p.series[0].row[p.series[0].n / 2].step, 1500000, 1000);
	cr_assert_eq(vals, 3000, "%ld", vals);
	/* a resume far back drops what followed */
	add(&p, 1500000, LC_LOSS, 7);
	cr_assert_eq(p.series[0].row[p.series[0].n - 1].step, 1500000);
	cr_assert_eq(p.series[0].row[p.series[0].n - 1].loss, 7);
	lc_past_release(&p);
}
