/*
 * detect: planted excursions are found where they are, and noise of fixed seeds raises nothing.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
	static const int lengths[] = {6, 20, 40, 150};

	for (int i = 0; i < 4; i++) {
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
static void rewound_is_as_if_it_had_not_been(int forecast)
{
	struct run r = begin(11), plain = begin(11);
	struct lc_detect_conf conf = lc_detect_defaults;
	struct lc_rng at_400;

	conf.forecast = forecast;
	lc_detect_close(r.d);
	lc_detect_close(plain.d);
	r.d = lc_detect_open(&conf);
	plain.d = lc_detect_open(&conf);
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

Test(detect, the_newest_wins_after_a_rewind)
{
	rewound_is_as_if_it_had_not_been(0);
}

Test(detect, the_newest_wins_after_a_rewind_with_forecasters)
{
	rewound_is_as_if_it_had_not_been(1);
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

/* ---- episodes, events, states ---- */

/* What a step made known, all of it. */
struct said {
	int begins, nevents;
	struct lc_alert a;
	struct lc_event ev[4];
	double index;
	int nsignals;
	struct lc_signal sig[64];
};

static struct said ask(struct lc_detect *d, const struct lc_step *st)
{
	struct said s;

	memset(&s, 0, sizeof(s));
	s.begins = lc_detect_step(d, st, &s.a);
	if (!s.begins)
		memset(&s.a, 0, sizeof(s.a));
	while (s.nevents < 4 && lc_detect_event(d, &s.ev[s.nevents]))
		s.nevents++;
	s.index = lc_detect_index(d);
	s.nsignals = lc_detect_signals(d, s.sig, 64);
	return s;
}

static int same_number(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static void same_said(const struct said *a, const struct said *b, int cut, int i)
{
	cr_assert(same_number(a->index, b->index), "cut %d, line %d: index", cut, i);
	cr_assert_eq(a->begins, b->begins, "cut %d, line %d", cut, i);
	cr_assert(memcmp(&a->a, &b->a, sizeof(a->a)) == 0, "cut %d, line %d: alert", cut, i);
	cr_assert_eq(a->nevents, b->nevents, "cut %d, line %d", cut, i);
	cr_assert(memcmp(a->ev, b->ev, sizeof(a->ev)) == 0, "cut %d, line %d: events", cut, i);
	cr_assert_eq(a->nsignals, b->nsignals);
	for (int k = 0; k < a->nsignals; k++)
		cr_assert(same_number(a->sig[k].score, b->sig[k].score) &&
				  same_number(a->sig[k].p, b->sig[k].p),
			  "cut %d, line %d: signal %d", cut, i, k);
}

static struct lc_step line_of(long step, unsigned has, double loss, double grad)
{
	struct lc_step st = {.step = step, .has = has};

	st.v[LC_LOSS] = loss;
	st.v[LC_GRAD_NORM] = grad;
	return st;
}

#define BOTH (1u << LC_LOSS | 1u << LC_GRAD_NORM)
#define LINES 1500

/* Spikes, an outlier, a NaN, a loss that is gone, steps in two lines, steps that go back. */
static void eventful(struct lc_step *st)
{
	struct run r = begin(21);
	long step = 1;

	for (int i = 0; i < LINES; i++, step++) {
		double loss = loss_at(&r, step), grad = grad_at(&r);

		if ((i > 300 && i < 320) || (i > 900 && i < 1250))
			loss += 1;
		if (i == 600)
			loss += 3;
		if (i == 700 || i == 1100)
			step -= i == 700 ? 30 : 650;
		st[i] = line_of(step, BOTH, i == 1400 ? NAN : loss, i > 296 && i < 310 ? 30 : grad);
		if (i % 97 == 5 || i == 302) { /* the step in two lines */
			st[i].has = 1u << LC_LOSS;
			if (i + 1 < LINES)
				st[++i] = line_of(step, 1u << LC_GRAD_NORM, NAN, grad);
		}
		if (i == 800)
			st[i].has = 1u << LC_GRAD_NORM;
	}
	lc_detect_close(r.d);
}

static void cut_anywhere_is_the_whole(const struct lc_detect_conf *conf)
{
	static struct lc_step st[LINES];
	static struct said whole[LINES];
	struct lc_detect *d = lc_detect_open(conf), *e;
	struct lc_err err;
	char *end, *buf;
	size_t end_len, len;
	int alerts = 0, events = 0;

	eventful(st);
	for (int i = 0; i < LINES; i++) {
		whole[i] = ask(d, &st[i]);
		alerts += whole[i].begins;
		events += whole[i].nevents;
	}
	cr_assert(alerts >= 3 && events >= 4, "%d alerts, %d events", alerts, events);
	lc_detect_save(d, &end, &end_len);
	lc_detect_close(d);
	for (int cut = 0; cut <= LINES; cut += cut % 50 == 0 || (cut > 290 && cut < 330) ? 1 : 7) {
		d = lc_detect_open(conf);
		for (int i = 0; i < cut; i++)
			ask(d, &st[i]);
		lc_detect_save(d, &buf, &len);
		lc_detect_close(d);
		e = lc_detect_open(conf);
		cr_assert_eq(lc_detect_restore(e, buf, len, &err), 0, "cut %d: %s", cut, err.text);
		free(buf);
		for (int i = cut; i < LINES; i++) {
			struct said s = ask(e, &st[i]);
			same_said(&whole[i], &s, cut, i);
		}
		lc_detect_save(e, &buf, &len);
		cr_assert(len == end_len && memcmp(buf, end, len) == 0, "cut %d: the end", cut);
		free(buf);
		lc_detect_close(e);
	}
	free(end);
}

Test(detect, a_stream_cut_anywhere_is_the_whole)
{
	cut_anywhere_is_the_whole(&lc_detect_defaults);
}

Test(detect, with_forecasters_too)
{
	struct lc_detect_conf conf = lc_detect_defaults;

	conf.forecast = 1;
	cut_anywhere_is_the_whole(&conf);
}

Test(detect, a_damaged_state_is_refused_and_nothing_changed)
{
	struct run r = begin(22);
	struct lc_detect_conf other = lc_detect_defaults;
	struct lc_detect *fresh = lc_detect_open(&lc_detect_defaults), *d;
	struct lc_err err;
	char *buf, *before, *after;
	size_t len, n;

	healthy(&r, 1, 200);
	lc_detect_save(r.d, &buf, &len);
	lc_detect_save(fresh, &before, &n);
	for (size_t i = 0; i < len; i += i < 200 ? 1 : 997) {
		buf[i] ^= 16;
		cr_assert_eq(lc_detect_restore(fresh, buf, len, &err), -1, "byte %zu", i);
		buf[i] ^= 16;
	}
	for (size_t i = 0; i < len; i += i < 200 ? 1 : 997)
		cr_assert_eq(lc_detect_restore(fresh, buf, i, &err), -1, "%zu bytes", i);
	lc_detect_save(fresh, &after, &n);
	cr_assert(memcmp(before, after, n) == 0);
	other.rate = 1e-3;
	d = lc_detect_open(&other);
	cr_assert_eq(lc_detect_restore(d, buf, len, &err), -1);
	cr_assert(strstr(err.text, "other options"), "%s", err.text);
	cr_assert_eq(lc_detect_restore(fresh, buf, len, &err), 0);
	lc_detect_close(d);
	lc_detect_close(fresh);
	lc_detect_close(r.d);
	free(buf);
	free(before);
	free(after);
}

/* The last events of each type, and how many there were. */
struct tally {
	int n[3];
	struct lc_event last[3];
};

static void count_events(struct run *r, struct tally *t)
{
	struct lc_event ev;

	while (lc_detect_event(r->d, &ev)) {
		t->n[ev.type]++;
		t->last[ev.type] = ev;
	}
}

static void healthy_counted(struct run *r, long from, long to, struct tally *t)
{
	for (long s = from; s <= to; s++) {
		healthy(r, s, s);
		count_events(r, t);
	}
}

Test(detect, an_outlier_is_an_event_and_an_episode_has_an_end)
{
	struct run r = begin(23);
	struct tally t = {.n = {0}};

	healthy_counted(&r, 1, 400, &t);
	give(&r, 401, 3, loss_at(&r, 401) + 1, grad_at(&r));
	count_events(&r, &t);
	cr_assert_eq(t.n[LC_OUTLIER], 0, "it has not come back yet");
	healthy_counted(&r, 402, 500, &t);
	cr_assert_eq(t.n[LC_OUTLIER], 1);
	cr_assert_eq(t.last[LC_OUTLIER].step, 401);
	cr_assert_eq(r.alerts, 0);
	for (long s = 501; s <= 510; s++) {
		give(&r, s, 3, loss_at(&r, s) + 1, grad_at(&r));
		count_events(&r, &t);
	}
	cr_assert_eq(r.alerts, 1);
	healthy_counted(&r, 511, 600, &t);
	cr_assert_eq(t.n[LC_END], 1);
	cr_assert_eq(t.last[LC_END].alert.step, r.a.step);
	cr_assert(t.last[LC_END].recovered);
	cr_assert(t.last[LC_END].score >= r.a.index);
	cr_assert_eq(t.n[LC_OUTLIER], 1, "what was an alert is no outlier");
	lc_detect_close(r.d);
}

/* The loss stays at another level: after a while that is the new one, and a spike above it is seen.
 */
Test(detect, what_has_settled_is_the_new_normal)
{
	struct run r = begin(24);
	struct tally t = {.n = {0}};

	healthy_counted(&r, 1, 400, &t);
	for (long s = 401; s <= 900; s++) {
		give(&r, s, 1, loss_at(&r, s) + 1 + (s > 800 && s < 810), NAN);
		count_events(&r, &t);
	}
	cr_assert_eq(r.alerts, 2);
	cr_assert_eq(r.a.onset, 801);
	cr_assert_eq(t.n[LC_END], 2);
	lc_detect_close(r.d);
}

Test(detect, a_loss_that_is_left_out)
{
	struct run r = begin(25);
	struct tally t = {.n = {0}};

	healthy_counted(&r, 1, 100, &t);
	give(&r, 101, 2, NAN, 1);
	count_events(&r, &t);
	cr_assert_eq(r.alerts, 0, "one may be a skipped step");
	cr_assert_eq(t.n[LC_OUTLIER], 1);
	cr_assert_eq(t.last[LC_OUTLIER].cause, LC_CAUSE_MISSING);
	healthy_counted(&r, 102, 110, &t);
	give(&r, 111, 2, NAN, 1);
	give(&r, 112, 2, NAN, 1);
	cr_assert_eq(r.first, 112);
	cr_assert_eq(r.a.kind, LC_NONFINITE);
	cr_assert_eq(r.a.first, LC_LOSS);
	lc_detect_close(r.d);
}

/* A gradient norm on every step and a loss on every fifth: none is missing. */
Test(detect, a_loss_that_is_logged_less_often)
{
	struct run r = begin(26);

	for (long s = 1; s <= 600; s++)
		give(&r, s, s % 5 == 0 ? 3 : 2, loss_at(&r, s), grad_at(&r));
	cr_assert_eq(r.alerts, 0);
	lc_detect_close(r.d);
}

Test(detect, blame_goes_to_the_data)
{
	struct run r = begin(27), plain = begin(27);
	struct tally t = {.n = {0}};

	healthy(&r, 1, 400);
	healthy(&plain, 1, 400);
	for (long s = 401; s <= 403; s++) {
		lc_detect_blame_data(r.d, s);
		give(&r, s, 3, loss_at(&r, s) + 2, 40);
		grad_at(&r);
		healthy(&plain, s, s);
		count_events(&r, &t);
	}
	cr_assert_eq(r.alerts, 0);
	cr_assert_eq(t.n[LC_OUTLIER], 3);
	cr_assert_eq(t.last[LC_OUTLIER].cause, LC_CAUSE_DATA);
	healthy(&r, 404, 600);
	cr_assert_eq(r.alerts, 0);
	lc_detect_close(r.d);
	lc_detect_close(plain.d);
}

Test(detect, a_channel_on_its_way_is_warned_of_in_time_and_once)
{
	struct lc_detect_conf conf = lc_detect_defaults;
	struct run r = begin(28);
	struct tally t = {.n = {0}};
	long warned = 0;

	conf.ncross = 1;
	conf.cross[0] = (struct lc_cross){LC_ATTN_LOGIT_MAX, 50, 100};
	lc_detect_close(r.d);
	r.d = lc_detect_open(&conf);
	for (long s = 10; s <= 10000; s += 10) { /* crosses 50 at step 8000 */
		struct lc_step st = {.step = s, .has = 1u << LC_ATTN_LOGIT_MAX};

		st.v[LC_ATTN_LOGIT_MAX] = 10 + .005 * (double)s + .1 * lc_rng_normal(&r.rng);
		lc_detect_step(r.d, &st, &r.a);
		count_events(&r, &t);
		if (t.n[LC_WARNING] && !warned)
			warned = s;
	}
	cr_assert_eq(t.n[LC_WARNING], 1);
	cr_assert(warned >= 7850 && warned <= 7990, "at step %ld", warned);
	cr_assert(fabs((double)warned + t.last[LC_WARNING].steps - 8000) < 60, "in %g",
		  t.last[LC_WARNING].steps);
	lc_detect_close(r.d);
}

/* Entropies are bad either way; a reward that falls, in its profile. */
Test(detect, other_channels)
{
	static const struct {
		enum lc_metric m;
		double by;
		int alerts;
	} cases[] = {{LC_ATTN_ENTROPY, 1, 1}, {LC_ATTN_ENTROPY, -1, 1},
		     {LC_REWARD, -1, 1},      {LC_REWARD, 1, 0},
		     {LC_KL, 1, 1},	      {LC_OWN1, -1, 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lc_detect_conf conf = lc_detect_defaults;
		struct run r = begin(29);

		conf.profile = LC_PROFILE_RL;
		lc_detect_close(r.d);
		r.d = lc_detect_open(&conf);
		for (long s = 1; s <= 440; s++) {
			struct lc_step st = {.step = s, .has = 1u << cases[i].m};

			st.v[cases[i].m] =
				3 + .05 * lc_rng_normal(&r.rng) + (s > 400) * cases[i].by;
			r.alerts += lc_detect_step(r.d, &st, &r.a);
		}
		cr_expect_eq(r.alerts, cases[i].alerts, "%s %+g: %d alerts",
			     lc_metric_name(cases[i].m), cases[i].by, r.alerts);
		lc_detect_close(r.d);
	}
}

/* Long after: the detector of some steps earlier, not one that has seen what was taken back. */
Test(detect, far_back_the_newest_wins_too)
{
	struct run r = begin(30);

	healthy(&r, 1, 5000);
	for (long s = 5001; s <= 6000; s++)
		give(&r, s, 3, 9, 30);
	r.alerts = 0;
	healthy(&r, 3000, 4000);
	cr_assert_eq(r.alerts, 0, "at step %ld", r.a.step);
	for (long s = 4001; s <= 4010; s++)
		give(&r, s, 3, loss_at(&r, s) + .5, 30);
	cr_assert_eq(r.alerts, 1);
	lc_detect_close(r.d);
}

static void with_lr(struct run *r, long step, double loss, double lr)
{
	struct lc_step st = {.step = step, .has = 1u << LC_LOSS | 1u << LC_LR};

	st.v[LC_LOSS] = loss;
	st.v[LC_LR] = lr;
	r->alerts += lc_detect_step(r->d, &st, &r->a);
}

/* Progress stops dead at step 2000, and after 6000 the learning rate is another. */
Test(detect, a_plateau_and_its_end)
{
	struct run r = begin(31);
	struct lc_event ev;

	for (long s = 1; s <= 6000; s++) {
		double fell = 2 + 6 * pow((double)(s < 2000 ? s : 2000) + 10, -.4);

		with_lr(&r, s, fell + .01 * lc_rng_normal(&r.rng), 1e-3);
	}
	cr_assert_eq(r.alerts, 1);
	cr_assert_eq(r.a.kind, LC_PLATEAU);
	cr_assert_str_eq(lc_alert_kind_name(r.a.kind), "plateau");
	cr_assert(r.a.step > 2000 && r.a.step < 4000, "step %ld", r.a.step);
	cr_assert(r.a.onset > 1500 && r.a.onset < r.a.step, "onset %ld", r.a.onset);
	cr_assert(r.a.rewind < r.a.onset && r.a.rewind > 0, "rewind %ld", r.a.rewind);
	cr_assert_geq(r.a.index, r.a.threshold);
	with_lr(&r, 6001, 2.3, 1e-4);
	cr_assert_eq(lc_detect_event(r.d, &ev), 1);
	cr_assert_eq(ev.type, LC_END);
	cr_assert_eq(ev.alert.kind, LC_PLATEAU);
	cr_assert_eq(ev.alert.step, r.a.step);
	cr_assert_eq(ev.recovered, 0);
	lc_detect_close(r.d);
}
