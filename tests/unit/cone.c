/* cone: curves with fewer points, ticks, and the records that say the run went back. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "../../cmd/lc-cone/axis.h"
#include "../../cmd/lc-cone/source.h"
#include "rng.h"

static struct series wave(size_t n, unsigned seed)
{
	struct series s = {0};
	struct lc_rng r = {.seed = seed};

	for (size_t i = 0; i < n; i++)
		series_add(&s, (double)i, lc_rng_normal(&r));
	return s;
}

static double most(const struct series *s)
{
	double y = -INFINITY;

	for (size_t i = 0; i < s->n; i++)
		if (isfinite(s->y[i]))
			y = fmax(y, s->y[i]);
	return y;
}

Test(cone, thinning_keeps_every_spike)
{
	for (unsigned seed = 1; seed <= 40; seed++) {
		struct series s = wave(20000, seed), thin;
		size_t at = seed * 487;
		s.y[at] = 100 + seed;
		s.y[at / 2] = NAN;
		series_thin(&s, 800, &thin);
		cr_assert_leq(thin.n, 1000, "seed %u: %zu points", seed, thin.n);
		cr_assert_eq(most(&thin), 100 + seed, "seed %u", seed);
		cr_assert(isnan(thin.y[series_from(&thin, (double)(at / 2))]), "seed %u", seed);
		cr_assert_eq(thin.x[0], 0);
		cr_assert_eq(series_end(&thin), 19999);
		for (size_t i = 1; i < thin.n; i++)
			cr_assert_lt(thin.x[i - 1], thin.x[i], "seed %u", seed);
		series_release(&thin);
		series_release(&s);
	}
}

Test(cone, few_points_stay_as_they_are)
{
	struct series s = wave(100, 7), thin;

	series_thin(&s, 100, &thin);
	cr_assert_eq(thin.n, 100);
	cr_assert_eq(memcmp(thin.y, s.y, 100 * sizeof(*s.y)), 0);
	series_release(&thin);
	series_release(&s);
}

Test(cone, the_newest_value_counts)
{
	struct series s = wave(10, 1);

	series_put(&s, 4, 7);
	cr_assert_eq(s.n, 5);
	cr_assert_eq(series_last(&s), 7);
	cr_assert_eq(series_at(&s, 4), 7);
	cr_assert(isnan(series_at(&s, 5)));
	cr_assert_float_eq(series_at(&s, 3.5), (s.y[3] + 7) / 2, 1e-12);
	series_release(&s);
}

Test(cone, ticks_are_round_and_inside)
{
	static const struct axis axes[] = {{0, 1, 0, 100},	   {-3.7, 12.2, 0, 100},
					   {1e-9, 1e9, 1, 100},	   {9, 130, 1, 100},
					   {1e300, 2e300, 0, 100}, {2.5, 2.5000001, 0, 100}};
	double t[16];

	for (size_t i = 0; i < sizeof(axes) / sizeof(*axes); i++)
		for (int max = 3; max <= 16; max += 4) {
			int n = axis_ticks(&axes[i], max, t);
			cr_assert(n >= 1 && n <= max, "axis %zu, at most %d: %d", i, max, n);
			for (int k = 0; k < n; k++)
				cr_assert(t[k] >= axes[i].lo && t[k] <= axes[i].hi, "axis %zu", i);
		}
}

static void tell(struct cone *c, const char *line)
{
	static const struct lc_names names;

	cone_take(c, "test", 1, line, strlen(line), &names);
}

Test(cone, what_was_gone_back_from_is_kept_apart)
{
	struct cone c = {0};
	char line[80];

	for (int i = 1; i <= 30; i++) {
		snprintf(line, sizeof(line), "{\"step\":%d,\"loss\":%d}", i, i);
		tell(&c, line);
	}
	tell(&c, "{\"step\":30,\"loss\":30}");
	cr_assert_eq(c.nleft, 0, "a record that comes twice is no rewind");
	tell(&c, "{\"type\":\"rewind\",\"v\":1,\"from\":30,\"to\":21}");
	tell(&c, "{\"step\":21,\"loss\":5}");
	cr_assert_eq(c.c[LOSS].n, 21);
	cr_assert_eq(c.left[0].of, LOSS);
	cr_assert_eq(c.left[0].s.n, 10);
	cr_assert_eq(c.left[0].s.y[0], 21);
	cone_release(&c);
}

Test(cone, index_records_stand_in_for_steps)
{
	struct cone c = {0};

	tell(&c, "{\"type\":\"index\",\"v\":1,\"step\":1,\"index\":\"nan\",\"signals\":{},"
		 "\"metrics\":{\"loss\":3}}");
	tell(&c, "{\"type\":\"index\",\"v\":1,\"step\":2,\"index\":0.5,\"signals\":{\"loss\":2.5},"
		 "\"metrics\":{\"loss\":2}}");
	cr_assert_eq(c.c[LOSS].n, 2);
	cr_assert_eq(c.c[INDEX].n, 1);
	cr_assert_str_eq(c.sig[0].name, "loss");
	tell(&c, "{\"step\":2,\"loss\":7}");
	cr_assert_eq(c.c[LOSS].n, 1, "step records say more");
	cr_assert_eq(c.c[INDEX].n, 1);
	cone_release(&c);
}
