/*
 * detect: runs of kinds that once were judged wrongly: policies, runs that are young, drifts that
 * end badly.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "detect.h"
#include "rng.h"

struct run {
	struct lc_detect *d;
	struct lc_rng rng;
	struct lc_alert a; /* the last */
	int alerts, ends;
};

static struct run begin(uint64_t seed, enum lc_profile profile)
{
	struct lc_detect_conf conf = lc_detect_defaults;

	conf.profile = profile;
	return (struct run){.d = lc_detect_open(&conf), .rng = {seed, 0, 0}};
}

static void take(struct run *r, const struct lc_step *st)
{
	struct lc_event ev;

	r->alerts += lc_detect_step(r->d, st, &r->a);
	while (lc_detect_event(r->d, &ev))
		r->ends += ev.type == LC_END;
}

static void loss(struct run *r, long step, double x)
{
	struct lc_step st = {.step = step, .has = 1u << LC_LOSS};

	st.v[LC_LOSS] = x;
	take(r, &st);
}

/* A policy that learns: its reward rises, its entropy falls, its KL spans decades and its critic's
 * loss leaps now and then, as PPO's do on CartPole. */
struct policy {
	double reward, entropy, kl;
};

static void learn(struct run *r, long step, struct policy by)
{
	struct lc_step st = {.step = step};
	double leap = step % 60 < 3 ? 900 : 0;

	st.v[LC_LOSS] = 20 + leap + 5 * lc_rng_normal(&r->rng);
	st.v[LC_REWARD] =
		by.reward * (200 - 180 * exp((double)-step / 300)) + 1.5 * lc_rng_normal(&r->rng);
	st.v[LC_ENTROPY] =
		by.entropy * (.69 - .0003 * (double)step) + .012 * lc_rng_normal(&r->rng);
	st.v[LC_KL] = by.kl * .003 * exp(.7 * lc_rng_normal(&r->rng)) - (step % 50 == 0) * .01;
	st.has = 1u << LC_LOSS | 1u << LC_REWARD | 1u << LC_ENTROPY | 1u << LC_KL;
	take(r, &st);
}

static const struct policy well = {1, 1, 1};

Test(detect_cases, a_policy_that_learns_is_well)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct run r = begin(seed, LC_PROFILE_RL);

		for (long s = 1; s <= 1000; s++)
			learn(&r, s, well);
		cr_expect_eq(r.alerts, 0, "seed %d: step %ld, first %s", (int)seed, r.a.step,
			     lc_metric_name(r.a.first));
		lc_detect_close(r.d);
	}
}

/* Each of what can go wrong with a policy, from step 701 on, alone. */
Test(detect_cases, a_policy_that_breaks)
{
	static const struct {
		struct policy by;
		enum lc_metric first;
	} cases[] = {{{.6, 1, 1}, LC_REWARD},
		     {{1, .05, 1}, LC_ENTROPY},
		     {{1, 1.6, 1}, LC_ENTROPY},
		     {{1, 1, 300}, LC_KL}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run r = begin(3, LC_PROFILE_RL);

		for (long s = 1; s <= 710; s++)
			learn(&r, s, s <= 700 ? well : cases[i].by);
		cr_expect_eq(r.alerts, 1, "case %d: %d", (int)i, r.alerts);
		cr_expect_eq(r.a.first, cases[i].first, "case %d: %s", (int)i,
			     lc_metric_name(r.a.first));
		cr_expect(r.a.onset >= 699 && r.a.onset <= 703, "case %d: onset %ld", (int)i,
			  r.a.onset);
		lc_detect_close(r.d);
	}
}

/* Without a reward the loss is all there is. */
Test(detect_cases, a_policy_without_a_reward)
{
	struct run r = begin(4, LC_PROFILE_RL);

	for (long s = 1; s <= 310; s++)
		loss(&r, s, (s > 300) + .05 * lc_rng_normal(&r.rng));
	cr_assert_eq(r.alerts, 1);
	cr_assert_eq(r.a.first, LC_LOSS);
	lc_detect_close(r.d);
}

/* A level that has only noise, each value like the one before: the best of its first few means is
 * no best. Was 16 alerts in 120,000 such steps, most in the first 100 of a run. */
Test(detect_cases, a_young_run_that_does_not_fall)
{
	int alerts = 0;

	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct run r = begin(seed, LC_PROFILE_LM);
		double x = 0;

		for (long s = 1; s <= 200; s++) {
			x = .6 * x + .8 * lc_rng_normal(&r.rng);
			loss(&r, s, 2 + .1 * x);
		}
		alerts += r.alerts;
		lc_detect_close(r.d);
	}
	cr_assert_leq(alerts, 2, "%d in 20,000 steps", alerts);
}

/* What still gets worse has not settled: one episode, however long, with another alert where it has
 * come to twice as much. Settled, it ends; what comes then began then. */
Test(detect_cases, a_drift_that_explodes_is_one_episode)
{
	struct run r = begin(5, LC_PROFILE_LM);
	long s;

	for (s = 1; s <= 800; s++)
		loss(&r, s, 2 + .05 * lc_rng_normal(&r.rng));
	for (; s <= 1200; s++)
		loss(&r, s, 2 + .002 * (double)(s - 800) + .05 * lc_rng_normal(&r.rng));
	cr_assert_eq(r.alerts, 2, "%d", r.alerts);
	cr_assert_eq(r.ends, 0);
	for (; s <= 1600; s++)
		loss(&r, s, 5000 * (1 + .3 * lc_rng_normal(&r.rng)));
	cr_assert_eq(r.alerts, 3, "%d", r.alerts);
	cr_assert_eq(r.ends, 1);
	for (; s <= 1620; s++)
		loss(&r, s, 5e6);
	cr_assert_eq(r.alerts, 4, "%d", r.alerts);
	cr_assert(r.a.onset > 1590 && r.a.rewind > 1580, "onset %ld, rewind %ld", r.a.onset,
		  r.a.rewind);
	lc_detect_close(r.d);
}

/* A drift that began before all steps that are held: a state before it is still named. */
Test(detect_cases, an_old_onset_has_a_rewind)
{
	struct run r = begin(6, LC_PROFILE_LM);

	for (long s = 1; s <= 4000 && !r.alerts; s++)
		loss(&r, s,
		     2 + (s > 1000) * 1.1e-4 * (double)(s - 1000) + .05 * lc_rng_normal(&r.rng));
	cr_assert_eq(r.alerts, 1);
	cr_assert_eq(r.a.kind, LC_DRIFT);
	cr_assert(r.a.step - r.a.onset > 512, "alert %ld, onset %ld", r.a.step, r.a.onset);
	cr_assert(r.a.rewind > 0 && r.a.rewind < r.a.onset, "onset %ld, rewind %ld", r.a.onset,
		  r.a.rewind);
	lc_detect_close(r.d);
}

/* A loss that follows a learning rate that comes back every 1000 steps. */
static int restarts(int with_lr)
{
	struct run r = begin(7, LC_PROFILE_LM);
	double x = 3;

	for (long s = 0; s < 4000; s++) {
		double lr = .5 * (1 + cos(M_PI * (double)(s % 1000) / 1000));
		struct lc_step st = {.step = s + 1,
				     .has = 1u << LC_LOSS | (with_lr ? 1u << LC_LR : 0)};

		x += .03 * (2 + .5 * pow((double)s + 50, -.2) + .25 * lr - x);
		st.v[LC_LR] = 1e-3 * lr + 1e-6;
		st.v[LC_LOSS] = x + .05 * lc_rng_normal(&r.rng);
		take(&r, &st);
	}
	lc_detect_close(r.d);
	return r.alerts;
}

Test(detect_cases, a_learning_rate_that_comes_back_is_no_drift)
{
	cr_assert_eq(restarts(1), 0);
	cr_assert_gt(restarts(0), 0, "who does not see it cannot know");
}

/* The threshold of the alert of a loss that leaps 20 steps after lr begins to be as lr_at says. */
static double threshold_at(double (*lr_at)(long))
{
	struct run r = begin(8, LC_PROFILE_LM);

	for (long s = -400; s <= 25; s++) {
		struct lc_step st = {.step = s + 401, .has = 1u << LC_LOSS | 1u << LC_LR};

		st.v[LC_LR] = lr_at(s);
		st.v[LC_LOSS] = 3 + .05 * lc_rng_normal(&r.rng) + 5 * (s > 20);
		take(&r, &st);
	}
	cr_expect_eq(r.alerts, 1);
	lc_detect_close(r.d);
	return r.a.threshold;
}

static double stays(long s)
{
	(void)s;
	return 1e-4;
}

static double rises(long s)
{
	return s < 0 ? 1e-4 : 1e-4 * pow(1.03, (double)s);
}

static double jumps(long s)
{
	return s < 0 ? 1e-4 : 1e-3;
}

/* A schedule is forgiven; a jump beyond all it was is not, at once or later. */
Test(detect_cases, a_learning_rate_that_rises_and_one_that_jumps)
{
	double calm = threshold_at(stays);

	cr_assert_float_eq(calm, 1, .05);
	cr_assert_gt(threshold_at(rises), 1.4);
	cr_assert_float_eq(threshold_at(jumps), calm, .01);
}

/* Loss and, every 50 steps, the largest attention logit. */
static void logit(struct run *r, long step, double up, double x)
{
	struct lc_step st = {.step = step, .has = 1u << LC_LOSS};

	st.v[LC_LOSS] = 2 + up + .05 * lc_rng_normal(&r->rng);
	if (step % 50 == 0) {
		st.v[LC_ATTN_LOGIT_MAX] = x * (1 + .03 * lc_rng_normal(&r->rng));
		st.has |= 1u << LC_ATTN_LOGIT_MAX;
	}
	take(r, &st);
}

/* What is logged every 50 steps and stays out of its range is one excursion: it was not well in
 * the steps between. */
Test(detect_cases, what_is_logged_less_often_is_one_excursion)
{
	struct run r = begin(7, LC_PROFILE_LM);
	long s = 1;

	for (; s <= 4000; s++)
		logit(&r, s, 0, 9);
	cr_assert_eq(r.alerts, 0);
	for (; s <= 4600; s++)
		logit(&r, s, 0, 30);
	cr_assert_eq(r.alerts, 1, "%d", r.alerts);
	cr_assert_eq(r.ends, 0);
	cr_assert_eq(r.a.first, LC_ATTN_LOGIT_MAX);
	for (; s <= 4800; s++)
		logit(&r, s, 0, 9);
	cr_assert_eq(r.alerts, 1, "%d", r.alerts);
	cr_assert_eq(r.ends, 1);
	lc_detect_close(r.d);
}

/* A channel that is not logged any more holds nothing up. */
Test(detect_cases, a_channel_that_is_gone_ends)
{
	struct run r = begin(8, LC_PROFILE_LM);
	long s = 1;

	for (; s <= 4000; s++)
		logit(&r, s, 0, 9);
	for (; s <= 4400; s++)
		logit(&r, s, 0, 30);
	cr_assert_eq(r.ends, 0);
	for (; s <= 4700; s++)
		loss(&r, s, 2 + .05 * lc_rng_normal(&r.rng));
	cr_assert_eq(r.ends, 1);
	cr_assert_eq(r.alerts, 1);
	lc_detect_close(r.d);
}

/* What the inside alone showed is another alert when it is twice as bad, or comes to the loss; both
 * begin where it began. */
Test(detect_cases, an_excursion_that_grows_is_told_again)
{
	for (int outside = 0; outside <= 1; outside++) {
		struct run r = begin(9, LC_PROFILE_LM);
		long s = 1, rewind;

		for (; s <= 4000; s++)
			logit(&r, s, 0, 9);
		for (; s <= 4300; s++)
			logit(&r, s, 0, 20);
		cr_assert_eq(r.alerts, 1, "%d", r.alerts);
		rewind = r.a.rewind;
		for (; s <= 4400; s++)
			logit(&r, s, outside, outside ? 20 : 1e6);
		cr_assert_eq(r.alerts, 2, "%d", r.alerts);
		cr_assert_eq(r.ends, 0);
		cr_assert_eq(r.a.first, outside ? LC_LOSS : LC_ATTN_LOGIT_MAX);
		cr_assert_eq(r.a.rewind, rewind);
		lc_detect_close(r.d);
	}
}

/* Alerts in 20 runs whose gradient leaps for two steps at a step, the loss so far off its level. */
static int leaps(long at, double loss_up)
{
	int alerts = 0;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct run r = begin(seed, LC_PROFILE_LM);

		for (long s = 1; s <= at + 40; s++) {
			struct lc_step st = {.step = s, .has = 1u << LC_LOSS | 1u << LC_GRAD_NORM};
			int leap = s == at || s == at + 1;

			st.v[LC_LOSS] = 2 + leap * loss_up + .05 * lc_rng_normal(&r.rng);
			st.v[LC_GRAD_NORM] = exp(.15 * lc_rng_normal(&r.rng) + leap * log(8));
			take(&r, &st);
		}
		alerts += r.alerts;
		lc_detect_close(r.d);
	}
	return alerts;
}

/* Before a run has shown how its gradients leap, they alone are no alert; with the loss they are.
 */
Test(detect_cases, young_gradients_may_leap)
{
	int young = leaps(500, 0), old = leaps(3000, 0), loss = leaps(500, 1);

	cr_assert_leq(young, 5, "%d", young);
	cr_assert_geq(old, 18, "%d", old);
	cr_assert_geq(loss, 18, "%d", loss);
}
