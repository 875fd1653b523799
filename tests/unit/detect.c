/*
 * detect: planted excursions are found where they are, and noise of fixed seeds raises nothing.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "detect.h"
#include "rng.h"

struct run {
	struct lc_detect *d;
	struct lc_rng rng;
	struct lc_alert a; /* the last */
	int alerts;
	long first; /* step of the first alert; 0: none */
};

static struct run begin(uint64_t seed)
{
	return (struct run){.d = lc_detect_open(&lc_detect_defaults), .rng = {seed, 0, 0}};
}

/* One step; has: bit 0 the loss, bit 1 the gradient norm. */
static void give(struct run *r, long step, int has, double loss, double grad)
{
	struct lc_step st = {.step = step};

	st.v[LC_LOSS] = loss;
	st.v[LC_GRAD_NORM] = grad;
	st.has = (has & 1 ? 1u << LC_LOSS : 0) | (has & 2 ? 1u << LC_GRAD_NORM : 0);
	if (lc_detect_step(r->d, &st, &r->a)) {
		if (!r->alerts++)
			r->first = step;
	}
}

/* A healthy run: the loss falls as a power of the step, with noise; so does the gradient norm. */
static double loss_at(struct run *r, long step)
{
	return 2 + 6 * pow((double)step + 10, -.4) + .02 * lc_rng_normal(&r->rng);
}

static double grad_at(struct run *r)
{
	return exp(.15 * lc_rng_normal(&r->rng));
}

static void healthy(struct run *r, long from, long to)
{
	for (long s = from; s <= to; s++) {
		double loss = loss_at(r, s);
		give(r, s, 3, loss, grad_at(r));
	}
}

Test(detect, falling_loss_with_noise_is_quiet)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct run r = begin(seed);
		healthy(&r, 1, 3000);
		cr_expect_eq(r.alerts, 0, "seed %d: alert at step %ld", (int)seed, r.first);
		lc_detect_close(r.d);
	}
}

Test(detect, spike_of_the_loss_alone)
{
	struct run r = begin(3);

	healthy(&r, 1, 400);
	for (long s = 401; s <= 410; s++)
		give(&r, s, 1, loss_at(&r, s) + 1, NAN);
	cr_assert_eq(r.alerts, 1);
	cr_assert_eq(r.a.kind, LC_SPIKE);
	cr_assert(r.first >= 402 && r.first <= 403, "step %ld: two of three are enough", r.first);
	cr_assert_eq(r.a.onset, 401);
	cr_assert_eq(r.a.rewind, 396);
	cr_assert_eq(r.a.first, LC_LOSS);
	cr_assert_geq(r.a.index, r.a.threshold);
	lc_detect_close(r.d);
}

Test(detect, no_gradient_norm_at_all)
{
	struct run r = begin(4);

	for (long s = 1; s <= 400; s++)
		give(&r, s, 1, loss_at(&r, s), NAN);
	cr_assert_eq(r.alerts, 0);
	cr_assert(isnan(lc_detect_score(r.d, LC_GRAD_NORM)));
	for (long s = 401; s <= 405; s++)
		give(&r, s, 1, loss_at(&r, s) + 1, NAN);
	cr_assert_eq(r.alerts, 1);
	cr_assert(isnan(r.a.grad_z));
	lc_detect_close(r.d);
}

/* However far off one loss is, an ordinary gradient norm beside it does not corroborate it (DESIGN
 * 8, truth 9). */
Test(detect, one_step_outlier_is_data)
{
	static const double size[] = {.2, .5, 2, 100};

	for (int i = 0; i < 4; i++) {
		struct run r = begin(5);
		healthy(&r, 1, 400);
		give(&r, 401, 3, loss_at(&r, 401) + size[i], grad_at(&r));
		healthy(&r, 402, 700);
		cr_expect_eq(r.alerts, 0,
			     "%g above: alert at step %ld, index %g, gradient norm score %g",
			     size[i], r.first, r.a.index, r.a.grad_z);
		lc_detect_close(r.d);
	}
}

/* With a gradient norm that stands out too, in the same steps, it is an alert. */
Test(detect, agreement_of_the_gradient_norm)
{
	for (int lag = 0; lag <= 2; lag += 2) {
		struct run r = begin(6);
		healthy(&r, 1, 400);
		give(&r, 401, 3, loss_at(&r, 401), 20);
		cr_assert_eq(r.alerts, 0, "a gradient norm alone raises nothing");
		if (lag)
			healthy(&r, 402, 402);
		give(&r, 401 + lag + !lag, 3, loss_at(&r, 402) + .3, grad_at(&r));
		cr_assert_eq(r.alerts, 1, "lag %d", lag);
		cr_assert_eq(r.a.first, LC_GRAD_NORM);
		cr_assert_eq(r.a.onset, 401);
		lc_detect_close(r.d);
	}
}

Test(detect, slow_drift)
{
	struct run r = begin(7);

	healthy(&r, 1, 500);
	for (long s = 501; s <= 800 && !r.alerts; s++)
		give(&r, s, 3, loss_at(&r, s) + .003 * (double)(s - 500), grad_at(&r));
	cr_assert_eq(r.alerts, 1);
	cr_assert_eq(r.a.kind, LC_DRIFT);
	cr_assert(r.a.onset > 480 && r.a.onset < r.a.step, "onset %ld", r.a.onset);
	lc_detect_close(r.d);
}

Test(detect, a_value_that_is_not_finite_at_once)
{
	static const double bad[] = {NAN, INFINITY, -INFINITY};

	for (int i = 0; i < 3; i++)
		for (int channel = 1; channel <= 2; channel++)
			for (long at = 1; at <= 301; at += 100) {
				struct run r = begin(8);
				healthy(&r, 1, at - 1);
				give(&r, at, 3, channel == 1 ? bad[i] : 3,
				     channel == 2 ? bad[i] : 1);
				cr_assert_eq(r.first, at);
				cr_assert_eq(r.a.kind, LC_NONFINITE);
				cr_assert(isinf(r.a.index));
				cr_assert_eq(r.a.first, channel == 1 ? LC_LOSS : LC_GRAD_NORM);
				cr_assert(r.a.rewind < at);
				lc_detect_close(r.d);
			}
}

Test(detect, one_excursion_is_one_alert_and_the_next_is_another)
{
	struct run r = begin(9);

	healthy(&r, 1, 400);
	for (long s = 401; s <= 430; s++)
		give(&r, s, 3, loss_at(&r, s) + 2, 5);
	cr_assert_eq(r.alerts, 1);
	healthy(&r, 431, 600);
	cr_assert_eq(r.alerts, 1);
	for (long s = 601; s <= 605; s++)
		give(&r, s, 3, loss_at(&r, s) + 2, 5);
	cr_assert_eq(r.alerts, 2);
	lc_detect_close(r.d);
}

/* Values are clipped as they enter the window: a long excursion does not hide the next one. */
Test(detect, an_excursion_does_not_blind)
{
	static const int lengths[] = {6, 20};

	for (int i = 0; i < 2; i++) {
		struct run r = begin(10);
		long end = 400 + lengths[i];
		healthy(&r, 1, 400);
		for (long s = 401; s <= end; s++)
			give(&r, s, 3, 500, 1000);
		healthy(&r, end + 1, end + 30);
		for (long s = end + 31; s <= end + 36; s++)
			give(&r, s, 3, loss_at(&r, s) + 3, 20);
		cr_expect_eq(r.alerts, 2, "%d steps: %d alerts", lengths[i], r.alerts);
		lc_detect_close(r.d);
	}
}

/* The run goes back past its spike: from then on all is as it would be had the spike never been. */
Test(detect, the_newest_wins_after_a_rewind)
{
	struct run r = begin(11), plain = begin(11);
	struct lc_rng at_400;

	healthy(&plain, 1, 400);
	healthy(&r, 1, 400);
	at_400 = r.rng;
	for (long s = 401; s <= 440; s++)
		give(&r, s, 3, 7, 20);
	cr_assert_eq(r.alerts, 1);
	r.rng = at_400;
	for (long s = 401; s <= 600; s++) {
		healthy(&r, s, s);
		healthy(&plain, s, s);
		cr_assert_eq(lc_detect_index(r.d), lc_detect_index(plain.d), "step %ld", s);
		cr_assert_eq(lc_detect_score(r.d, LC_LOSS), lc_detect_score(plain.d, LC_LOSS));
		cr_assert_eq(lc_detect_score(r.d, LC_GRAD_NORM),
			     lc_detect_score(plain.d, LC_GRAD_NORM));
	}
	cr_assert_eq(r.alerts, 1, "no alert from what was taken back");
	lc_detect_close(r.d);
	lc_detect_close(plain.d);
}

Test(detect, back_to_before_all_that_is_held)
{
	struct run r = begin(12);

	healthy(&r, 1, 2000);
	healthy(&r, 3, 2000);
	cr_assert_eq(r.alerts, 0);
	give(&r, 0, 3, NAN, 1);
	cr_assert_eq(r.alerts, 1);
	lc_detect_close(r.d);
}

Test(detect, a_step_with_neither_channel_is_nothing)
{
	struct run r = begin(13), plain = begin(13);

	for (long s = 1; s <= 300; s++) {
		double loss = loss_at(&r, s), grad = grad_at(&r);
		give(&r, s, 3, loss, grad);
		give(&r, s, 0, NAN, NAN); /* val_loss on a line of its own */
		give(&plain, s, 3, loss, grad);
	}
	cr_assert_eq(lc_detect_index(r.d), lc_detect_index(plain.d));
	lc_detect_close(r.d);
	lc_detect_close(plain.d);
}

Test(detect, a_constant_loss_has_a_score)
{
	struct run r = begin(14);

	for (long s = 1; s <= 300; s++)
		give(&r, s, 3, 2, 1);
	cr_assert_eq(r.alerts, 0);
	cr_assert_eq(lc_detect_index(r.d), 0);
	for (long s = 301; s <= 304; s++)
		give(&r, s, 3, 3, 1);
	cr_assert_eq(r.alerts, 1);
	lc_detect_close(r.d);
}

/* A log of every 100th step: the damage may be anywhere after the last good line. */
Test(detect, rewind_of_a_sparse_log_is_before_a_good_line)
{
	struct run r = begin(16);

	for (long s = 1; s <= 410; s++)
		give(&r, 100 * s, 3, loss_at(&r, s) + (s > 400 ? 1 : 0), grad_at(&r));
	cr_assert_eq(r.alerts, 1);
	cr_assert_eq(r.a.onset, 40100);
	cr_assert_leq(r.a.rewind, 40000, "rewind %ld: it may have been damaged since 40000",
		      r.a.rewind);
	lc_detect_close(r.d);
}

Test(detect, no_index_before_min_steps_and_open_close)
{
	struct run r = begin(15);

	healthy(&r, 1, lc_detect_defaults.min_steps);
	cr_assert(isnan(lc_detect_index(r.d)));
	healthy(&r, lc_detect_defaults.min_steps + 1, lc_detect_defaults.min_steps + 1);
	cr_assert_not(isnan(lc_detect_index(r.d)));
	lc_detect_close(r.d);
	lc_detect_close(NULL);
}
