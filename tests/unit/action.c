/*
 * action: what is an action and what is none; words there and back; what stays in force.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "json.h"

static json_t *parse(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

	cr_assert(v, "not JSON: %s", text);
	return v;
}

Test(action, check)
{
	static const char *const good[] = {
		"{}",
		"{\"lr_scale\":0.5}",
		"{\"lr_scale\":2}",
		"{\"lr_warmup\":0}",
		"{\"lr_tail\":{\"shape\":\"linear\",\"to\":0,\"steps\":200}}",
		"{\"lr_tail\":{\"shape\":\"cosine\",\"to\":0.1,\"from\":0.5,\"steps\":1}}",
		"{\"lr_tail\":{\"shape\":\"points\",\"to\":0,\"points\":[1,0.5],\"steps\":9}}",
		"{\"skip\":[100,150]}",
		"{\"skip\":[[1,1],[3,4]]}",
		"{\"weight_decay_scale\":0}",
		"{\"clip\":0.1}",
		"{\"beta2\":0}",
		"{\"reset\":\"mv\"}",
		"{\"batch_scale\":2}",
		"{\"reseed\":7}",
		"{\"lr_scale\":0.5,\"lr_for\":20}",
		"{\"data_shift\":-50}",
		"{\"jitter\":1e-6}",
		"{\"rewind\":1100}",
		"{\"rewind\":\"ab12\"}",
		"{\"x_mixture\":\"clean\"}",
		"{\"x_a1_b\":true}",
		"{\"x_n\":3}",
	};
	static const char *const bad[] = {
		"[]",
		"3",
		"{\"lr_scale\":0}",
		"{\"lr_for\":-1}",
		"{\"data_shift\":1.5}",
		"{\"data_shift\":9007199254740993}",
		"{\"lr_scale\":-1}",
		"{\"lr_scale\":\"0.5\"}",
		"{\"lr_scale\":null}",
		"{\"lr_warmup\":1.5}",
		"{\"lr_warmup\":-1}",
		"{\"lr_tail\":{}}",
		"{\"lr_tail\":{\"shape\":\"square\",\"to\":0,\"steps\":2}}",
		"{\"lr_tail\":{\"shape\":\"linear\",\"to\":-1,\"steps\":2}}",
		"{\"lr_tail\":{\"shape\":\"linear\",\"to\":0,\"steps\":0}}",
		"{\"lr_tail\":{\"shape\":\"linear\",\"to\":0,\"steps\":2,\"typo\":1}}",
		"{\"lr_tail\":{\"shape\":\"points\",\"to\":0,\"steps\":9}}",
		"{\"lr_tail\":{\"shape\":\"points\",\"to\":0,\"points\":[],\"steps\":9}}",
		"{\"lr_tail\":{\"shape\":\"points\",\"to\":0,\"points\":[-1],\"steps\":9}}",
		"{\"lr_tail\":{\"shape\":\"points\",\"to\":0,\"points\":[\"1\"],\"steps\":9}}",
		"{\"lr_tail\":{\"shape\":\"points\",\"to\":0,\"steps\":9,"
		"\"points\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}}",
		"{\"lr_tail\":{\"shape\":\"linear\",\"to\":0,\"points\":[1],\"steps\":9}}",
		"{\"skip\":[]}",
		"{\"skip\":[150,100]}",
		"{\"skip\":[-1,5]}",
		"{\"skip\":[1,2,3]}",
		"{\"skip\":[[1,2],[4,3]]}",
		"{\"skip\":\"1-2\"}",
		"{\"weight_decay_scale\":-0.1}",
		"{\"clip\":0}",
		"{\"beta2\":1}",
		"{\"reset\":\"x\"}",
		"{\"reset\":\"vm\"}",
		"{\"batch_scale\":0}",
		"{\"reseed\":-1}",
		"{\"reseed\":0.5}",
		"{\"jitter\":-1}",
		"{\"rewind\":-1}",
		"{\"rewind\":\"\"}",
		"{\"x_\":1}",
		"{\"x_A\":1}",
		"{\"x_a\":{}}",
		"{\"x_a\":null}",
		"{\"lr-scale\":0.5}",
		"{\"lrscale\":0.5}",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct lc_err err = {0};
		json_t *a = parse(good[i]);
		cr_expect_eq(lc_actions_check(a, &err), 0, "%s: %s", good[i], err.text);
		json_decref(a);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct lc_err err = {0};
		json_t *a = parse(bad[i]);
		cr_expect_eq(lc_actions_check(a, &err), -1, "%s is taken", bad[i]);
		cr_expect_eq(err.code, LC_DATA, "%s", bad[i]);
		json_decref(a);
	}
	cr_assert_eq(lc_actions_check(NULL, NULL), -1);
}

Test(action, an_error_names_the_key)
{
	struct lc_err err;
	json_t *a = parse("{\"lr_scale\":1,\"clip\":-1}");

	lc_actions_check(a, &err);
	cr_assert(strstr(err.text, "clip"), "%s", err.text);
	json_decref(a);
}

static void joins(const char *actions, const char *want)
{
	json_t *a = parse(actions);
	char **words = lc_actions_words(a), got[400] = "";

	for (char **w = words; *w; w++) {
		strcat(got, got[0] ? " " : "");
		strcat(got, *w);
	}
	cr_expect_str_eq(got, want);
	lc_words_free(words);
	json_decref(a);
}

Test(action, words)
{
	joins("{}", "");
	joins("{\"lr_scale\":0.7}", "--lr-scale 0.7");
	joins("{\"rewind\":100}", ""); /* which state is resumed, no word */
	joins("{\"skip\":[100,150],\"reset\":\"mv\",\"rewind\":90}", "--skip 100-150 --reset mv");
	joins("{\"skip\":[[1,2],[5,5]]}", "--skip 1-2,5-5");
	joins("{\"weight_decay_scale\":2,\"jitter\":1e-6}",
	      "--weight-decay-scale 2 --jitter 1e-06");
	joins("{\"lr_tail\":{\"shape\":\"linear\",\"to\":0,\"steps\":9}}",
	      "--lr-tail {\"shape\":\"linear\",\"to\":0,\"steps\":9}");
	joins("{\"x_data_mix\":\"a b\",\"x_on\":true}", "--x-data-mix a b --x-on true");
}

Test(action, value)
{
	json_t *a = parse("{\"lr_scale\":0.5,\"skip\":[1,2],\"x_a\":\"v w\"}");
	const char *names[] = {"lr_scale", "skip", "x_a", "clip", "x_b"};
	const char *want[] = {"0.5", "1-2", "v w", "none", "none"};

	for (int i = 0; i < 5; i++) {
		char *got = lc_action_value(a, names[i]);
		cr_expect_str_eq(got, want[i]);
		free(got);
	}
	cr_assert_null(lc_action_value(a, "lr"));
	json_decref(a);
}

/* What a trainer reads from a word is what lc-fork made a word of. */
Test(action, word_and_back)
{
	static const char *const all =
		"{\"lr_scale\":0.30000000000000004,\"lr_warmup\":100,"
		"\"lr_tail\":{\"shape\":\"cosine\",\"to\":0.1,\"steps\":5},"
		"\"skip\":[[1,2],[5,9007199254740993]],\"weight_decay_scale\":0.0,\"clip\":0.1,"
		"\"beta2\":0.95,\"reset\":\"v\",\"batch_scale\":1.5,\"reseed\":3,\"jitter\":1e-6,"
		"\"rewind\":12}";
	json_t *a = parse(all), *back = json_object(), *v;
	struct lc_err err;
	const char *name;

	json_object_foreach(a, name, v) {
		char *word = lc_action_value(a, name);
		cr_expect_eq(lc_action_parse(back, name, word, &err), 0, "%s: %s", name, err.text);
		free(word);
	}
	cr_assert(json_equal(a, back), "%s", json_dumps(back, 0));
	json_decref(a);
	json_decref(back);
}

Test(action, parse_removes_and_refuses)
{
	static const char *const bad[][2] = {
		{"lr_scale", "0"},
		{"lr_scale", "0.5x"},
		{"lr_scale", "nan"},
		{"lr_scale", "inf"},
		{"lr_scale", "-1"},
		{"skip", "5"},
		{"skip", "5-"},
		{"skip", "9-5"},
		{"skip", "1-2,"},
		{"skip", "1-2;3-4"},
		{"reseed", "1.5"},
		{"reseed", "-2"},
		{"reseed", "99999999999999999999"},
		{"reset", "all"},
		{"lr_tail", "{"},
		{"beta2", "1"},
		{"unheard_of", "1"},
	};
	json_t *a = parse("{\"clip\":1}");
	struct lc_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(lc_action_parse(a, bad[i][0], bad[i][1], &err), -1, "%s %s is taken",
			     bad[i][0], bad[i][1]);
		cr_expect_eq(err.code, LC_USAGE);
		cr_expect_eq(json_object_size(a), 1, "%s was left behind", bad[i][0]);
	}
	cr_assert_eq(lc_action_parse(a, "clip", "none", &err), 0);
	cr_assert_eq(json_object_size(a), 0);
	json_decref(a);
}

static void in_force(const char *base, const char *now, const char *want)
{
	json_t *b = parse(base), *n = parse(now), *w = parse(want),
	       *got = lc_actions_in_force(b, n);
	json_t *b_was = parse(base), *n_was = parse(now);
	char *text = lc_json_text(got);

	cr_expect(json_equal(got, w), "%s over %s: %s", now, base, text);
	cr_expect(json_equal(b, b_was) && json_equal(n, n_was),
		  "its arguments are left as they were");
	free(text);
	json_decref(b);
	json_decref(n);
	json_decref(w);
	json_decref(got);
	json_decref(b_was);
	json_decref(n_was);
}

Test(action, what_stays_in_force)
{
	in_force("{}", "{}", "{}");
	in_force("{\"lr_scale\":0.5}", "{}", "{\"lr_scale\":0.5}");
	in_force("{\"lr_scale\":0.5}", "{\"lr_scale\":0.35}", "{\"lr_scale\":0.35}"); /* absolute */
	in_force("{\"clip\":1}", "{\"lr_scale\":2}", "{\"clip\":1,\"lr_scale\":2}");
	/* these act once */
	in_force("{}", "{\"rewind\":5,\"reset\":\"m\",\"jitter\":1e-6,\"lr_warmup\":9}", "{}");
	/* ranges unite */
	in_force("{\"skip\":[1,2]}", "{}", "{\"skip\":[1,2]}");
	in_force("{\"skip\":[1,2]}", "{\"skip\":[5,6]}", "{\"skip\":[[1,2],[5,6]]}");
	in_force("{\"skip\":[1,2]}", "{\"skip\":[1,2]}", "{\"skip\":[1,2]}");
	in_force("{\"skip\":[[1,2],[5,6]]}", "{\"skip\":[[5,6],[8,9]]}",
		 "{\"skip\":[[1,2],[5,6],[8,9]]}");
}

Test(action, a_tail_as_numbers)
{
	static const struct {
		const char *text;
		double d, want;
	} cases[] = {
		{"{\"shape\":\"linear\",\"to\":0,\"steps\":10}", 5, .4},
		{"{\"shape\":\"linear\",\"to\":0.2,\"from\":1,\"steps\":10}", 99, .2},
		{"{\"shape\":\"cosine\",\"to\":0,\"from\":1,\"steps\":4}", 2, .5},
		{"{\"shape\":\"constant\",\"to\":3,\"from\":1,\"steps\":4}", 1, 3},
		{"{\"shape\":\"points\",\"to\":0,\"from\":1,\"points\":[2,1],\"steps\":6}", 2, 2},
		{"{\"shape\":\"points\",\"to\":0,\"from\":1,\"points\":[2,1],\"steps\":6}", 3, 1.5},
		{"{\"shape\":\"points\",\"to\":0,\"from\":1,\"points\":[2,1],\"steps\":6}", 7, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *j = json_loads(cases[i].text, 0, NULL);
		struct lc_tail t;
		lc_tail_read(&t, j, .8);
		cr_assert_float_eq(lc_tail_at(&t, cases[i].d), cases[i].want, 1e-12, "%s",
				   cases[i].text);
		json_decref(j);
	}
}

/* A scale that ends by itself leaves what was in force before it. */
Test(action, held_for_a_while)
{
	json_t *base = parse("{\"lr_scale\":0.5,\"clip\":2}");
	json_t *now = parse("{\"lr_scale\":2,\"lr_for\":20,\"reset\":\"m\"}");
	json_t *want = parse("{\"lr_scale\":0.5,\"clip\":2}"), *got;

	got = lc_actions_in_force(base, now);
	cr_assert(json_equal(got, want), "%s", lc_json_text(got));
	json_decref(got);
	json_decref(base);
	json_decref(now);
	json_decref(want);
}
