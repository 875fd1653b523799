/*
 * words: what one future's command line and environment are filled with.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "words.h"

static char dir[] = "words.XXXXXX";

static void make_dir(void)
{
	cr_assert(mkdtemp(dir));
}

static void remove_dir(void)
{
	lc_remove_tree(dir, NULL);
}

TestSuite(words, .init = make_dir, .fini = remove_dir);

static void expect(struct lc_words *w, const char *tmpl, const char *want)
{
	struct lc_err err = {0};
	char *got = lc_template_fill(tmpl, w->holes, w->nholes, &err);

	cr_assert(got, "%s: %s", tmpl, err.text);
	cr_expect_str_eq(got, want);
	free(got);
}

static void expect_env(const struct lc_words *w, const char *want)
{
	for (char *const *e = w->env; *e; e++)
		if (strcmp(*e, want) == 0)
			return;
	cr_expect_fail("no %s in the environment", want);
}

Test(words, of_a_branch)
{
	json_t *actions =
		       json_loads("{\"lr_scale\":0.5,\"skip\":[8,9],\"x_mix\":\"a b\"}", 0, NULL),
	       *kept;
	struct lc_future f = {"b03", "/s", dir, NULL, 100, 40, actions, NULL};
	struct lc_words w;
	struct lc_err err = {0};
	char *want, *path = lc_path("%s/actions.json", dir);

	cr_assert_eq(lc_words_init(&w, &f, &err), 0, "%s", err.text);
	expect(&w, "{state} {branch} {horizon} {steps}", "/s b03 40 140");
	expect(&w, "{actions}", "--lr-scale 0.5 --skip 8-9 --x-mix 'a b'");
	expect(&w, "{lr_scale} {skip} {x_mix}", "0.5 8-9 'a b'");
	expect(&w, "{lr_warmup} {lr_tail} {weight_decay_scale} {clip}", "none none none none");
	expect(&w, "{beta2} {reset} {batch_scale} {reseed} {jitter} {rewind}",
	       "none none none none none none");
	want = lc_path("%s/out %s/control.json", dir, dir);
	expect(&w, "{out} {control}", want);
	free(want);
	expect_env(&w, "LC_BRANCH=b03");
	expect_env(&w, "LC_STATE=/s");
	want = lc_path("LC_METRICS=%s/metrics.jsonl", dir);
	expect_env(&w, want);
	free(want);
	want = lc_path("LC_ACTIONS=%s", path);
	expect_env(&w, want);
	free(want);
	want = lc_path("LC_CONTROL=%s/control.json", dir);
	expect_env(&w, want);
	free(want);
	kept = lc_json_load(path, &err);
	cr_assert(json_equal(kept, actions), "actions.json");
	json_decref(kept);
	json_decref(actions);
	free(path);
	lc_words_release(&w);
}

Test(words, of_the_run_itself)
{
	json_t *actions = json_object();
	struct lc_future f = {NULL, "none", dir, "/elsewhere", 0, 0, actions, NULL};
	struct lc_words w;

	cr_assert_eq(lc_words_init(&w, &f, NULL), 0);
	expect(&w, "t {state} {branch} {horizon} {steps} {out}{actions}",
	       "t none none none none /elsewhere");
	expect_env(&w, "LC_BRANCH=");
	expect_env(&w, "LC_OUT=/elsewhere");
	lc_words_release(&w);
	json_decref(actions);
}

Test(words, a_directory_that_is_not_there)
{
	json_t *actions = json_object();
	struct lc_future f = {"b", "/s", "no/such/dir", NULL, 0, 1, actions, NULL};
	struct lc_words w;
	struct lc_err err = {0};

	cr_assert_eq(lc_words_init(&w, &f, &err), -1);
	cr_expect_eq(err.code, LC_SYS);
	lc_words_release(&w);
	json_decref(actions);
}

/* More of the user's own actions than there are holes: the rest are still in {actions}. */
Test(words, many_actions)
{
	json_t *actions = json_object();
	struct lc_future f = {"b", "/s", dir, NULL, 0, 1, actions, NULL};
	struct lc_words w;
	char name[16], *all;

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "x_%d", i);
		json_object_set_new(actions, name, json_integer(i));
	}
	cr_assert_eq(lc_words_init(&w, &f, NULL), 0);
	all = lc_template_fill("{actions}", w.holes, w.nholes, NULL);
	cr_assert(strstr(all, "--x-99 99"));
	free(all);
	lc_words_release(&w);
	json_decref(actions);
}
