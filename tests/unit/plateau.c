/*
 * plateau: progress that stops dead is found; what slows down, wanders or never moved is none.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "plateau.h"
#include "rng.h"

#define SD .01

struct found {
	long begins, ends, excused; /* the value at which it was; 0: never */
	int n;
	double back, score;
};

/* A loss of value i, and its learning rate. stop is for them to use. */
typedef double curve(double i, double stop);

static struct found go(curve *loss, curve *lr, double stop, long n, uint64_t seed)
{
	struct lc_plateau p = {0};
	struct lc_rng rng = {seed, 0, 0};
	struct found f = {0};
	double back = 0, score = 0;

	for (long i = 1; i <= n; i++) {
		double x = loss((double)i, stop) + SD * lc_rng_normal(&rng);

		if (lr)
			lc_plateau_lr(&p, lr((double)i, stop));
		switch (lc_plateau_take(&p, x, SD, &back, &score)) {
		case LC_PLATEAU_BEGINS:
			if (!f.n++) {
				f.begins = i;
				f.back = back;
				f.score = score;
			}
			break;
		case LC_PLATEAU_ENDS: f.ends = i; break;
		case LC_PLATEAU_EXCUSED: f.excused = i; break;
		case LC_PLATEAU_NONE: break;
		}
	}
	return f;
}

static double falls(double i, double stop)
{
	(void)stop;
	return 2 + 6 * pow(i + 10, -.4);
}

static double stops_dead(double i, double stop)
{
	return falls(fmin(i, stop), 0);
}

/* Falls on 2000 later from where it stopped. */
static double goes_on(double i, double stop)
{
	return falls(i < stop ? i : fmax(stop, i - 2000), 0);
}

static double exponential(double i, double stop)
{
	return 1 + exp(-i / stop);
}

static double flat(double i, double stop)
{
	(void)i;
	(void)stop;
	return 2;
}

static double epochs(double i, double stop)
{
	return 2 - .3 * floor(i / stop);
}

static double same(double i, double stop)
{
	(void)i;
	(void)stop;
	return 1e-3;
}

static double cosine(double i, double stop)
{
	return i < stop ? 5e-4 * (1 + cos(3.14159265 * i / stop)) + 1e-5 : 1e-5;
}

static double halved(double i, double stop)
{
	return i < stop + 200 ? 1e-3 : 5e-4;
}

Test(plateau, progress_that_stops_dead)
{
	for (uint64_t seed = 1; seed <= 10; seed++)
		for (double stop = 1000; stop <= 9000; stop += 2000) {
			struct found f = go(stops_dead, same, stop, 20000, seed);

			cr_expect_eq(f.n, 1, "stop %g seed %d: %d", stop, (int)seed, f.n);
			cr_expect(f.begins > stop && f.begins < stop + 2048 + 1024,
				  "stop %g seed %d: at %ld", stop, (int)seed, f.begins);
			cr_expect(fabs((double)f.begins - f.back - stop) <= 1024,
				  "stop %g: said to be at %g", stop, (double)f.begins - f.back);
			cr_expect_geq(f.score, 1);
			cr_expect_eq(f.ends, 0);
		}
}

Test(plateau, what_never_stops_is_none)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		cr_expect_eq(go(falls, same, 0, 30000, seed).n, 0, "seed %d", (int)seed);
		cr_expect_eq(go(flat, same, 0, 30000, seed).n, 0, "seed %d", (int)seed);
	}
}

/* It converges: the fall of a block shrinks to nothing, but not all at once. */
Test(plateau, convergence_is_none)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		for (double tau = 50; tau < 5000; tau *= 2)
			cr_expect_eq(go(exponential, same, tau, 20000, seed).n, 0, "tau %g", tau);
}

Test(plateau, steps_down_between_epochs_are_none)
{
	for (double epoch = 100; epoch < 5000; epoch *= 1.7)
		cr_expect_eq(go(epochs, same, epoch, 5 * (long)epoch, 1).n, 0, "epoch %g", epoch);
}

Test(plateau, a_learning_rate_that_ends_explains_it)
{
	cr_expect_eq(go(stops_dead, cosine, 5000, 20000, 1).n, 0);
	cr_expect_eq(go(stops_dead, same, 5000, 20000, 1).n, 1, "and nothing else does");
	cr_expect_eq(go(stops_dead, halved, 5000, 20000, 1).n, 0);
}

Test(plateau, none_without_a_learning_rate)
{
	cr_expect_eq(go(stops_dead, NULL, 5000, 20000, 1).n, 0);
}

Test(plateau, ends_where_it_falls_again)
{
	struct found f = go(goes_on, same, 1000, 20000, 1);

	cr_assert_eq(f.n, 1);
	cr_assert(f.ends > 3000 && f.ends < 5000, "ends at %ld", f.ends);
}

static double later_halved(double i, double stop)
{
	return i < stop + 8000 ? 1e-3 : 5e-4;
}

Test(plateau, another_learning_rate_ends_it)
{
	struct found f = go(stops_dead, later_halved, 3000, 20000, 1);

	cr_assert_eq(f.n, 1);
	cr_assert_eq(f.ends, 0);
	cr_assert_eq(f.excused, 11000);
}

Test(plateau, forgets)
{
	struct lc_plateau p = {0};
	double back, score;

	lc_plateau_lr(&p, 1);
	for (int i = 1; i <= 2000; i++) {
		if (i % 200 == 0)
			lc_plateau_forget(&p);
		cr_assert_eq(lc_plateau_take(&p, i < 1000 ? -i * .01 : -10, SD, &back, &score),
			     LC_PLATEAU_NONE);
	}
}
