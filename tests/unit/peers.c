/* peers: their rules beside plain arithmetic, and their state through JSON. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "../../cmd/lc-train/peers.h"
#include "rng.h"

static double draw(struct lc_rng *rng)
{
	return 1 + 0.1 * lc_rng_normal(rng);
}

Test(peers, zclip_is_its_formula)
{
	struct peers p = {0};
	double x[25], mean = 0, var = 0, z, want, got;

	for (int i = 0; i < 25; i++) {
		x[i] = 1 + 0.01 * ((i * 7) % 25);
		mean += x[i] / 25;
		cr_assert_eq(peers_zclip(&p, x[i], 0.5), 0.5, "the plain clip in the warm-up");
	}
	for (int i = 0; i < 25; i++)
		var += (x[i] - mean) * (x[i] - mean) / 25;
	cr_assert_float_eq(p.mean, mean, 1e-14);
	cr_assert_float_eq(p.var, var, 1e-14);
	cr_assert_eq(peers_zclip(&p, mean, 0), 0, "nothing is cut");
	mean = p.mean;
	var = p.var;
	z = (9 - mean) / (sqrt(var) + 1e-6);
	want = mean + 2.5 * sqrt(var) * 2.5 / z;
	got = peers_zclip(&p, 9, 0); /* the macro would ask twice */
	cr_assert_float_eq(got, want, 1e-12);
	cr_assert(want > mean && want < mean + 0.1, "far outliers are cut to the mean: %g", want);
	mean = .97 * mean + .03 * want;
	cr_assert_float_eq(p.mean, mean, 1e-12, "it learns the clipped norm");
	cr_assert_float_eq(p.var, .97 * var + .03 * (want - mean) * (want - mean), 1e-12);
	cr_assert_eq(peers_zclip(&p, 9, 0.25), 0.25, "a smaller clip of one's own holds");
	cr_assert_eq(peers_zclip(&p, 0.01, 0), 0, "small norms are no spikes");
}

Test(peers, zclip_outlives_nan)
{
	struct peers p = {0};

	for (int i = 0; i < 30; i++)
		peers_zclip(&p, 1 + 0.1 * (i % 3), 1);
	cr_assert_eq(peers_zclip(&p, NAN, 1), 1);
	cr_assert_eq(peers_zclip(&p, INFINITY, 1), 1);
	cr_assert(isfinite(p.mean) && isfinite(p.var));
	cr_assert(peers_zclip(&p, 50, 0) > 0);
}

Test(peers, skips_beyond_sigma_on_either_side)
{
	struct peers p = {0};
	struct lc_rng rng = {3, 1, 0};
	double loss, sd, mean = 0, var = 0, last[128];
	int skipped = 0;

	cr_assert_not(peers_skips(&p, 6, 1, 1));
	for (int i = 1; i < 62; i++)
		skipped += peers_skips(&p, 6, draw(&rng), draw(&rng));
	cr_assert_not(peers_skips(&p, 6, 100, 1), "too early to tell");
	memset(&p, 0, sizeof(p));
	for (int i = 0; i < 200; i++) {
		loss = draw(&rng);
		if (i >= 72)
			last[i - 72] = loss;
		skipped += peers_skips(&p, 6, loss, draw(&rng));
	}
	cr_assert_eq(skipped, 0);
	for (int i = 0; i < 128; i++)
		mean += last[i] / 128;
	for (int i = 0; i < 128; i++)
		var += (last[i] - mean) * (last[i] - mean) / 127;
	sd = sqrt(var);
	for (int side = -1; side <= 1; side += 2) {
		struct peers q = p;

		cr_assert_not(peers_skips(&q, 6, mean + side * 5.99 * sd, 1));
		q = p;
		cr_assert(peers_skips(&q, 6, mean + side * 6.01 * sd, 1));
		q = p;
		cr_assert(peers_skips(&q, 6, mean, 1 + side * 0.9), "the norm too");
	}
	cr_assert(peers_skips(&p, 6, NAN, 1));
	cr_assert(peers_skips(&p, 6, 1, INFINITY));
	cr_assert_not(peers_skips(&p, 6, 1, 1), "and goes on");
}

Test(peers, state_is_exact)
{
	static const int lengths[] = {0, 1, 10, 25, 64, 128, 300};
	struct lc_rng rng = {4, 1, 0};
	struct lc_err err;

	for (size_t k = 0; k < sizeof(lengths) / sizeof(*lengths); k++) {
		struct peers p = {0}, q;
		json_t *v, *back = NULL;
		char *text;

		for (int i = 0; i < lengths[k]; i++) {
			double norm = draw(&rng);

			peers_zclip(&p, norm, 1);
			peers_skips(&p, 6, draw(&rng), norm);
		}
		v = peers_to_json(&p);
		text = v ? json_dumps(v, JSON_REAL_PRECISION(17)) : NULL;
		back = text ? json_loads(text, 0, NULL) : NULL;
		cr_assert_eq(peers_from_json(&q, back, "state", &err), 0);
		cr_assert_arr_eq(&p, &q, sizeof(p), "%d steps", lengths[k]);
		free(text);
		json_decref(v);
		json_decref(back);
	}
}

Test(peers, a_broken_state_is_told)
{
	static const char *const bad[] = {
		"{\"zclip\":{}}",
		"{\"zclip\":{\"first\":[1],\"mean\":0}}",
		"{\"zclip\":{\"first\":[\"x\"],\"mean\":0,\"var\":0}}",
		"{\"skip_sigma\":{\"steps\":2,\"loss\":[1],\"norm\":[1,2]}}",
		"{\"skip_sigma\":{\"steps\":-1,\"loss\":[],\"norm\":[]}}",
		"{\"skip_sigma\":7}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		json_t *v = json_loads(bad[i], 0, NULL);
		struct peers p;
		struct lc_err err;

		cr_assert(v);
		cr_assert_eq(peers_from_json(&p, v, "state", &err), -1, "%s", bad[i]);
		cr_assert_eq(err.code, LC_DATA);
		json_decref(v);
	}
}
