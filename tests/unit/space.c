/*
 * space: spaces, their errors with lines, rules, points and actions; and the samplers, on functions
 * whose best point is known.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "expr.h"
#include "json.h"
#include "jsonline.h"
#include "sampler.h"

static struct lc_space parse(const char *text)
{
	struct lc_space s;
	struct lc_err err;

	cr_assert_eq(lc_space_parse(&s, text, strlen(text), "t", &err), 0, "%s", err.text);
	return s;
}

Test(space, parts)
{
	struct lc_space s = parse(
		"{\"type\":\"space\",\"v\":1,\"variables\":{\n"
		"\"lr_scale\":{\"log\":[0.1,4]}, \"x_p\":{\"linear\":[0,0.5]},\n"
		"\"reset\":{\"choice\":[\"none\",\"m\"]}, \"lr_warmup\":{\"linear\":[0,100]},\n"
		"\"lr_tail\":{\"schedule\":{\"shape\":[\"linear\"],\"to\":[0,1],\"steps\":[10,"
		"90]}}},\n"
		"\"fixed\":{\"clip\":0.5},\"constraints\":[\"lr_scale < 1 or x_p == 0\"],\n"
		"\"objective\":{\"metric\":\"my/reward\",\"direction\":\"max\",\"read\":\"end\"},\n"
		"\"budget\":{\"branches\":16,\"steps\":9000}}");

	cr_assert_eq(s.n, 7); /* the schedule is three */
	cr_assert_str_eq(s.dim[4].name, "lr_tail.shape");
	cr_assert_eq(s.dim[3].whole, 1);
	cr_assert_eq(s.nrules, 1);
	cr_assert_str_eq(s.metric, "my/reward");
	cr_assert(s.maximise);
	cr_assert_str_eq(s.read, "end");
	cr_assert_eq(s.branches, 16);
	cr_assert_eq(s.steps, 9000);
	lc_space_release(&s);
	s = parse("{\"variables\":{\"lr_scale\":{\"log\":[0.1,4]}}}");
	cr_assert_str_eq(s.metric, "val_loss");
	cr_assert_str_eq(s.read, "return");
	cr_assert_not(s.maximise);
	lc_space_release(&s);
}

Test(space, errors_name_the_line)
{
	static const struct {
		const char *text, *starts;
	} bad[] = {
		{"", "t:1: "},
		{"[]", "t:1: "},
		{"{\n\"variables\":{\n\"lr_scale\":{\"log\":[0.1,4]}},,}", "t:3: "},
		{"{\n}", "t:1: a space has variables"},
		{"{\n\"variables\":{},\n\"typo\":1}", "t:3: typo: no part of a space"},
		{"{\"variables\":{\n\"lr_scale\":{\"log\":[0.1,4]},\n\"lr_scale\":{\"log\":[1,2]}}"
		 "}",
		 "t:3: duplicate"},
		{"{\"variables\":{\n\"lr_scale\":{\n\"log\":[0,4]}}}", "t:3: lr_scale: wants"},
		{"{\"variables\":{\n\"lr_scale\":{\"log\":[4,1]}}}", "t:2: lr_scale: wants"},
		{"{\"variables\":{\n\"lr_scale\":{\"linear\":[-1,4]}}}",
		 "t:2: action lr_scale: wants"},
		{"{\"variables\":{\n\n\"lr_scale\":{\"square\":[1,4]}}}",
		 "t:3: lr_scale: wants one"},
		{"{\"variables\":{\n\n\"lr_scale\":{\"log\":[1,4],\"linear\":[1,2]}}}",
		 "t:3: lr_scale: wants one"},
		{"{\"variables\":{\n\"learning\":{\"log\":[1,4]}}}",
		 "t:2: action learning: no such action"},
		{"{\"variables\":{\n\"reset\":{\"choice\":[\"m\",\n\"w\"]}}}",
		 "t:2: action reset: wants"},
		{"{\"variables\":{\n\"reset\":{\"choice\":[]}}}", "t:2: reset: wants a list"},
		{"{\"variables\":{\n\"lr_warmup\":{\"linear\":[0.5,9]}}}",
		 "t:2: lr_warmup: its ends"},
		{"{\"variables\":{\n\"beta2\":{\"linear\":[0.5,1]}}}", "t:2: action beta2"},
		{"{\"variables\":{\n\"clip\":{\"schedule\":{}}}}", "t:2: clip: only lr_tail"},
		{"{\"variables\":{\n\"lr_tail\":{\"schedule\":{\"shape\":[\"square\"],\"to\":[0,1],"
		 "\"steps\":[1,2]}}}}",
		 "t:2: lr_tail: a shape"},
		{"{\"variables\":{\"clip\":{\"log\":[1,4]}},\n\"fixed\":{\"clip\":0}}",
		 "t:2: action"},
		{"{\"variables\":{\"clip\":{\"log\":[1,4]}},\n\"fixed\":{\"clip\":1}}",
		 "t:2: clip: fixed"},
		{"{\"variables\":{\"clip\":{\"log\":[1,4]}},\n\"constraints\":[\"clip < 3\",\n"
		 "\"clop < 3\"]}",
		 "t:3: \"clop < 3\": clop is no variable"},
		{"{\"variables\":{\"clip\":{\"log\":[1,4]}},\n\"constraints\":[\"clip\"]}",
		 "t:2: \"clip\": wants a comparison"},
		{"{\"variables\":{\"clip\":{\"log\":[1,4]}},\n\"objective\":{\"direction\":\"up\"}"
		 "}",
		 "t:2: direction"},
		{"{\"variables\":{\"clip\":{\"log\":[1,4]}},\n\"objective\":{\"read\":\"now\"}}",
		 "t:2: read"},
		{"{\"variables\":{\"clip\":{\"log\":[1,4]}},\n\"budget\":{\"steps\":0}}",
		 "t:2: steps"},
		{"{\"type\":\"space\",\n\"v\":2,\"variables\":{\"clip\":{\"log\":[1,4]}}}",
		 "t:1: no"},
	};
	struct lc_space s;
	struct lc_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_assert_lt(lc_space_parse(&s, bad[i].text, strlen(bad[i].text), "t", &err), 0,
			     "%s", bad[i].text);
		cr_assert_eq(err.code, LC_DATA);
		cr_assert(strncmp(err.text, bad[i].starts, strlen(bad[i].starts)) == 0,
			  "%s\ngives %s, not %s", bad[i].text, err.text, bad[i].starts);
	}
}

Test(space, lines)
{
	static const char text[] = "{ \"a\" : [1,\n{\"b\\\"\":\n\"x\", \"c\"\n: {}}\n],\"d\":0}";
	static const struct {
		const char *path;
		int line;
	} all[] = {{"", 1}, {"a", 1}, {"a/0", 1}, {"a/1", 2}, {"a/1/c", 3}, {"d", 5}, {"a/7", 1}};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		cr_assert_eq(lc_json_line(text, strlen(text), all[i].path), all[i].line, "%s: %d",
			     all[i].path, lc_json_line(text, strlen(text), all[i].path));
}

Test(space, rules)
{
	static const struct {
		const char *rule, *actions;
		int holds;
	} all[] = {
		{"lr_scale <= 1", "{\"lr_scale\":1}", 1},
		{"lr_scale < 1", "{\"lr_scale\":1}", 0},
		{"lr_scale < 1", "{}", 0}, /* a scale that is absent is 1 */
		{"lr_warmup == 0", "{}", 1},
		{"lr_scale * batch_scale <= 2 + 1", "{\"lr_scale\":2,\"batch_scale\":2}", 0},
		{"lr_scale * batch_scale <= 2 + 1", "{\"lr_scale\":2}", 1},
		{"1 + 2 * 3 == 7 and 8 / 2 / 2 == 2", "{}", 1},
		{"(1 + 2) * 3 == 9", "{}", 1},
		{"-clip < -0.5", "{\"clip\":0.6}", 1},
		{"5 - 2 - 1 == 2", "{}", 1},
		{"reset == 'm' or lr_scale > 1", "{\"reset\":\"m\"}", 1},
		{"reset == \"mv\" or lr_scale > 1", "{\"reset\":\"m\"}", 0},
		{"reset == 'none'", "{}", 1},
		{"reset != 'm'", "{\"reset\":\"m\"}", 0},
		{"reset < 3", "{\"reset\":\"m\"}", 0}, /* a text is no number */
		{"1 == 2 and 1 == 1 or 1 == 1", "{}", 1},
	};
	static const char *const bad[] = {"",	   "1",	      "1 <",	 "(1 < 2", "1 < 2)",
					  "< 1",   "a b",     "1 < 2 3", "'a' ==", "'a",
					  "a = 1", "1 + < 2", "A < 1",	 "1 << 2", "1e < 2x",
					  "or",	   "1<2 and"};
	struct lc_err err;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct lc_expr *e = lc_expr_parse(all[i].rule, &err);
		json_t *a = json_loads(all[i].actions, 0, NULL);

		cr_assert(e, "%s: %s", all[i].rule, err.text);
		cr_assert_eq(lc_expr_holds(e, a), all[i].holds, "%s", all[i].rule);
		json_decref(a);
		lc_expr_free(e);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_assert_null(lc_expr_parse(bad[i], &err), "%s", bad[i]);
	for (int i = 0; i < 2; i++) { /* as deep as it is long */
		char deep[1200];

		memset(deep, i ? '(' : '-', sizeof(deep) - 1);
		deep[i ? 900 : 1199] = '\0';
		cr_assert_null(lc_expr_parse(deep, &err));
	}
}

static const char six[] =
	"{\"variables\":{\"lr_scale\":{\"log\":[0.1,4]},\"weight_decay_scale\":{\"linear\":[0,3]},"
	"\"reset\":{\"choice\":[\"none\",\"m\",\"mv\"]},\"lr_warmup\":{\"linear\":[0,90]},"
	"\"skip\":{\"linear\":[0,200]},"
	"\"lr_tail\":{\"schedule\":{\"shape\":[\"linear\",\"cosine\"],\"to\":[0,1],\"steps\":[10,"
	"90]}}},\"fixed\":{\"clip\":0.5}}";

Test(space, points_and_back)
{
	struct lc_space s = parse(six);
	struct lc_rng rng = {1, 2, 0};
	struct lc_err err;
	double u[16], v[16];

	for (int k = 0; k < 500; k++) {
		json_t *a, *b, *skip;

		for (int i = 0; i < s.n; i++)
			u[i] = k < 2 ? k : lc_rng_uniform(&rng);
		a = lc_space_actions(&s, u);
		cr_assert_eq(lc_space_locate(&s, a, v), 0);
		b = lc_space_actions(&s, v);
		cr_assert(json_equal(a, b), "%s is not %s", lc_json_text(a), lc_json_text(b));
		skip = json_object_get(a, "skip"); /* a count, which the planner turns into steps */
		cr_assert(json_is_integer(skip));
		json_object_del(a, "skip");
		cr_assert_eq(lc_actions_check(a, &err), 0, "%s: %s", lc_json_text(a), err.text);
		json_decref(a);
		json_decref(b);
	}
	lc_space_release(&s);
}

Test(space, outside)
{
	struct lc_space s = parse("{\"variables\":{\"lr_scale\":{\"log\":[0.5,2]}}}");
	static const char *const out[] = {"{\"lr_scale\":0.1}", "{\"lr_scale\":1,\"clip\":1}",
					  "{\"reset\":\"m\"}", "{\"lr_scale\":\"x\"}"};
	double u[1];
	json_t *a;

	for (int i = 0; i < 4; i++) {
		a = json_loads(out[i], 0, NULL);
		cr_assert_lt(lc_space_locate(&s, a, u), 0, "%s", out[i]);
		json_decref(a);
	}
	a = json_object(); /* a scale that is absent is 1 */
	cr_assert_eq(lc_space_locate(&s, a, u), 0);
	cr_assert_float_eq(u[0], .5, 1e-12);
	json_decref(a);
	lc_space_release(&s);
}

Test(sampler, cover)
{
	struct lc_space s = parse(six);
	double *out = calloc((size_t)(64 * s.n), sizeof(*out));
	double again[64];
	int n;

	cr_assert_eq(lc_sample(&s, LC_LHS, 3, NULL, 0, 60, out), 60);
	for (int i = 0; i < s.n; i++) { /* each sixtieth once */
		int seen[60] = {0};
		for (int k = 0; k < 60; k++)
			seen[(int)(out[k * s.n + i] * 60)]++;
		for (int k = 0; k < 60; k++)
			cr_assert_eq(seen[k], 1);
	}
	memcpy(again, out, sizeof(again));
	lc_sample(&s, LC_LHS, 3, NULL, 0, 60, out);
	cr_assert_arr_eq(again, out, sizeof(again));
	lc_sample(&s, LC_LHS, 4, NULL, 0, 60, out);
	cr_assert_arr_neq(again, out, sizeof(again));
	lc_space_release(&s);
	s = parse("{\"variables\":{\"lr_scale\":{\"log\":[0.25,4]},\"reset\":{\"choice\":[\"none\","
		  "\"m\",\"v\"]},\"clip\":{\"linear\":[1,2]}}}");
	n = lc_sample(&s, LC_GRID, 1, NULL, 0, 64, out); /* 4 x 3 x 4 */
	cr_assert_eq(n, 48);
	for (int k = 0; k < n; k++)
		for (int j = 0; j < k; j++)
			cr_assert_arr_neq(out + k * 3, out + j * 3, 3 * sizeof(*out));
	cr_assert_eq(lc_sample(&s, LC_GRID, 1, NULL, 0, 10, out), 10); /* no more than asked for */
	lc_space_release(&s);
	free(out);
}

Test(sampler, rules_are_kept)
{
	struct lc_space s = parse("{\"variables\":{\"lr_scale\":{\"log\":[0.1,4]},"
				  "\"clip\":{\"linear\":[0.1,2]}},"
				  "\"constraints\":[\"lr_scale * clip < 0.5\"]}");
	struct lc_trial past[8];
	double u[8][2], out[200 * 2];

	lc_sample(&s, LC_RANDOM, 1, NULL, 0, 8, u[0]);
	for (int i = 0; i < 8; i++)
		past[i] = (struct lc_trial){u[i], i, 1};
	for (int how = 0; how < LC_SAMPLERS; how++) {
		int n = lc_sample(&s, (enum lc_sampler)how, 1, past, 8, 100, out);
		cr_assert_gt(n, 20, "%d", how);
		for (int k = 0; k < n; k++)
			cr_assert(lc_point_allowed(&s, out + 2 * k));
	}
	lc_space_release(&s);
	s = parse("{\"variables\":{\"clip\":{\"linear\":[1,2]}},\"constraints\":[\"clip > 3\"]}");
	for (int how = 0; how < LC_SAMPLERS; how++)
		cr_assert_eq(lc_sample(&s, (enum lc_sampler)how, 1, past, 8, 10, out), 0, "%d",
			     how);
	lc_space_release(&s);
}

/* A bowl around lr_scale 0.5, clip 1.5, best with reset m; 0 at the best, with a little noise. */
static double bowl(const struct lc_space *s, const double *u, struct lc_rng *rng)
{
	json_t *a = lc_space_actions(s, u);
	double lr = log(lc_json_get_num(a, "lr_scale", 1) / .5),
	       c = lc_json_get_num(a, "clip", 1) - 1.5;
	double y = lr * lr + c * c + (strcmp(lc_json_get_str(a, "reset", "none"), "m") ? .5 : 0);

	json_decref(a);
	return y + (rng ? .02 * lc_rng_normal(rng) : 0);
}

static const char bowl_space[] =
	"{\"variables\":{\"lr_scale\":{\"log\":[0.05,20]},\"clip\":{\"linear\":[0.1,4]},"
	"\"reset\":{\"choice\":[\"none\",\"m\",\"v\",\"mv\"]}}}";

/* The true value at the best of 5 rounds of 10 by how, the first round a hypercube. */
static double search(const struct lc_space *s, enum lc_sampler how, uint64_t seed)
{
	struct lc_rng rng = {seed, 9, 0};
	struct lc_trial past[50];
	double u[50][3], best = INFINITY, seen = INFINITY;

	for (int round = 0; round < 5; round++) {
		lc_sample(s, round ? how : LC_LHS, seed + (uint64_t)round, past, 10 * round, 10,
			  u[10 * round]);
		for (int i = 10 * round; i < 10 * round + 10; i++) {
			past[i] = (struct lc_trial){u[i], bowl(s, u[i], &rng), 1};
			if (past[i].value < seen) {
				seen = past[i].value;
				best = bowl(s, u[i], NULL);
			}
		}
	}
	return best;
}

/* Over 40 searches: which ends nearer to the known best? The seeds are fixed. */
static int wins(enum lc_sampler how, double *mean, double *mean_random)
{
	struct lc_space s = parse(bowl_space);
	int n = 0;

	*mean = *mean_random = 0;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		double x = search(&s, how, 100 * seed), y = search(&s, LC_RANDOM, 100 * seed);
		n += x < y;
		*mean += x / 40;
		*mean_random += y / 40;
	}
	lc_space_release(&s);
	return n;
}

Test(sampler, tpe_beats_random)
{
	double mean, mean_random;
	int n = wins(LC_TPE, &mean, &mean_random);

	cr_log_info("tpe %.4f, random %.4f, %d of 40", mean, mean_random, n);
	cr_assert_geq(n, 30);
	cr_assert_lt(mean, .5 * mean_random);
}

Test(sampler, pbt_beats_random)
{
	double mean, mean_random;
	int n = wins(LC_PBT, &mean, &mean_random);

	cr_log_info("pbt %.4f, random %.4f, %d of 40", mean, mean_random, n);
	cr_assert_geq(n, 26);
	cr_assert_lt(mean, mean_random);
}

/* Incidents seen elsewhere move the first round toward what was good there. */
Test(sampler, tpe_uses_a_prior)
{
	struct lc_space s = parse(bowl_space);
	struct lc_trial past[20];
	double u[20][3], out[20][3], with = 0, without = 0;

	lc_sample(&s, LC_RANDOM, 7, NULL, 0, 20, u[0]);
	for (int i = 0; i < 20; i++)
		past[i] = (struct lc_trial){u[i], bowl(&s, u[i], NULL), .5};
	for (uint64_t seed = 1; seed <= 20; seed++) {
		lc_sample(&s, LC_TPE, seed, past, 20, 10, out[0]);
		for (int i = 0; i < 10; i++)
			with += bowl(&s, out[i], NULL);
		lc_sample(&s, LC_TPE, seed, NULL, 0, 10, out[0]);
		for (int i = 0; i < 10; i++)
			without += bowl(&s, out[i], NULL);
	}
	cr_assert_lt(with, .75 * without, "%g %g", with, without);
	lc_space_release(&s);
}

/* Trials that diverged, and such of value NaN, are the worst: the points keep away from them. */
Test(sampler, divergence_is_the_worst)
{
	struct lc_space s = parse("{\"variables\":{\"lr_scale\":{\"log\":[0.1,10]}}}");
	struct lc_trial past[20];
	double u[20], out[8];
	int high = 0;

	for (int i = 0; i < 20; i++) {
		u[i] = (i + .5) / 20;
		past[i] = (struct lc_trial){&u[i], u[i] > .5 ? (i % 2 ? NAN : INFINITY) : -u[i], 1};
	}
	for (uint64_t seed = 1; seed <= 5; seed++) {
		lc_sample(&s, LC_TPE, seed, past, 20, 8, out);
		for (int i = 0; i < 8; i++)
			high += out[i] > .6;
	}
	cr_assert_leq(high, 8, "%d of 40, where 16 are by chance", high);
	lc_space_release(&s);
}

Test(sampler, names)
{
	cr_assert_eq(lc_sampler_find("tpe"), LC_TPE);
	cr_assert_eq(lc_sampler_find("grid"), LC_GRID);
	cr_assert_lt(lc_sampler_find("annealing"), 0);
}
