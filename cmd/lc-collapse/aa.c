/*
 * aa: the choice among runs that are equal: how often does it find a winner?
 *
 * A trial draws a window of steps and, without replacement, a control, null branches and K arms
 * from files that differ in nothing but luck, and judges them as a fork (judge.c). Each winner is a
 * false one. Where asked to, one arm's losses are lowered first: how often is that one found?
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aa.h"
#include "io.h"
#include "json.h"
#include "option.h"
#include "stat.h"

static struct aa_plan plan = {.arms = 8, .nulls = 4, .horizon = 200, .trials = 1000, .skip = .1};
static struct rule rule = {.alpha = .05};
static int json;

static const char usage[] =
	"usage: lc-collapse aa [-K ARMS] [-n TRIALS] [OPTION ...] FILE...\n"
	"Judge equal runs (step records, one file each; or one fork's records: its nulls and\n"
	"control) as if they were futures, and print how often a winner is found.\n"
	"  -K, --arms N      arms beside the control (8)\n"
	"  -n, --trials N    how often (1000)\n"
	"  -a, --alpha X     as of race (.05)\n"
	"  -c, --confirm N   as of race (0)\n"
	"  -g, --gain X      one arm is better by X standard deviations of a run: is it found?\n"
	"  -H, --horizon N   steps of a future (200)\n"
	"  -m, --metric NAME loss, val_loss or test_loss (loss)\n"
	"      --nulls N     null branches (4)\n"
	"      --seed N      of the draws (1)\n"
	"      --skip X      how much of the start of the runs is not used (.1)\n"
	"  -j, --json        a record\n"
	"Status: 0 the rate is compatible with alpha, 1 it is above.\n";

/* The exact interval of Clopper and Pearson (1934), through Student's relative, the beta
 * distribution, inverted by bisection on the binomial tail. */
static double tail(int k, int n, double p)
{
	double sum = 0;

	for (int i = k; i <= n; i++)
		sum += exp(lgamma(n + 1.) - lgamma(i + 1.) - lgamma(n - i + 1.) + i * log(p) +
			   (n - i) * log1p(-p));
	return sum; /* P(at least k of n) */
}

static void interval(int k, int n, double *lo, double *hi)
{
	double a, b;

	*lo = 0;
	*hi = 1;
	for (int side = 0; side < 2; side++) {
		if (side ? k == n : k == 0)
			continue;
		for (a = 1e-12, b = 1 - 1e-12; b - a > 1e-9;) {
			double p = (a + b) / 2;
			int high = side ? 1 - tail(k + 1, n, p) < .025 : tail(k, n, p) > .025;
			*(high ? &b : &a) = p;
		}
		*(side ? hi : lo) = (a + b) / 2;
	}
}

static void print_rate(const char *what, int k, int n)
{
	double lo, hi;

	interval(k, n, &lo, &hi);
	printf("  %-34s %6.1f %%  (%.1f to %.1f)\n", what, 100. * k / n, 100 * lo, 100 * hi);
}

static json_t *rate(int k, int n)
{
	double lo, hi;

	interval(k, n, &lo, &hi);
	return json_pack("{s:i,s:i,s:o,s:[o,o]}", "n", n, "found", k, "rate",
			 lc_json_num((double)k / n), "ci", lc_json_num(round(1e5 * lo) / 1e5),
			 lc_json_num(round(1e5 * hi) / 1e5));
}

static void tell(const struct aa_count *c, int runs)
{
	printf("%d trials with %d arms, %d nulls and a control from %d equal runs, %ld steps:\n",
	       plan.trials, plan.arms, plan.nulls, runs, plan.horizon);
	print_rate("false winners", c->won, plan.trials);
	print_rate("paired t over steps, each arm", c->naive, plan.trials);
	if (plan.gain > 0) {
		printf("and where one arm is better by %g standard deviations of a run:\n",
		       plan.gain);
		print_rate("it is found", c->found, plan.trials);
		print_rate("another is", c->wrong, plan.trials);
	}
	puts("(the interval is of the draws from these runs; other runs differ)");
}

static int tell_json(const struct aa_count *c, int runs, struct lc_err *err)
{
	json_t *rec = lc_record_new("aa", 1);
	int ret;

	json_object_set_new(rec, "arms", json_integer(plan.arms));
	json_object_set_new(rec, "nulls", json_integer(plan.nulls));
	json_object_set_new(rec, "runs", json_integer(runs));
	json_object_set_new(rec, "horizon", json_integer(plan.horizon));
	json_object_set_new(rec, "alpha", lc_json_num(rule.alpha));
	json_object_set_new(rec, "confirm", json_integer(rule.confirm));
	json_object_set_new(rec, "seed", json_integer((json_int_t)plan.seed));
	json_object_set_new(rec, "false_winners", rate(c->won, plan.trials));
	json_object_set_new(rec, "naive", rate(c->naive, plan.trials));
	if (plan.gain > 0) {
		json_object_set_new(rec, "gain", lc_json_num(plan.gain));
		json_object_set_new(rec, "found", rate(c->found, plan.trials));
		json_object_set_new(rec, "wrong", rate(c->wrong, plan.trials));
	}
	ret = lc_json_emit(stdout, rec, err);
	json_decref(rec);
	return ret;
}

static enum metric metric_of(const char *name)
{
	if (strcmp(name, "val_loss") == 0)
		return VAL;
	if (strcmp(name, "test_loss") == 0)
		return TEST;
	if (strcmp(name, "loss") != 0)
		lc_usage("--metric: loss, val_loss or test_loss, not %s", name);
	return TRAIN;
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"arms", 1, 0, 'K'},	{"trials", 1, 0, 'n'}, {"alpha", 1, 0, 'a'},
		{"confirm", 1, 0, 'c'}, {"gain", 1, 0, 'g'},   {"horizon", 1, 0, 'H'},
		{"metric", 1, 0, 'm'},	{"nulls", 1, 0, 'N'},  {"seed", 1, 0, 's'},
		{"skip", 1, 0, 'S'},	{"json", 0, 0, 'j'},   {"help", 0, 0, 'h'},
		{0, 0, 0, 0},
	};
	int c;

	opterr = 0;
	plan.seed = 1;
	plan.metric = TRAIN;
	while ((c = getopt_long(argc, argv, ":K:n:a:c:g:H:m:j", longs, NULL)) != -1) {
		switch (c) {
		case 'K': plan.arms = (int)lc_option_whole(optarg, "--arms", 1, 1000); break;
		case 'n':
			plan.trials = (int)lc_option_whole(optarg, "--trials", 1, 10000000);
			break;
		case 'a': rule.alpha = lc_option_number(optarg, "--alpha", 1e-9, .5); break;
		case 'c': rule.confirm = (int)lc_option_whole(optarg, "--confirm", 0, 64); break;
		case 'g': plan.gain = lc_option_number(optarg, "--gain", 0, 1e6); break;
		case 'H': plan.horizon = lc_option_whole(optarg, "--horizon", 2, 1000000000); break;
		case 'm': plan.metric = metric_of(optarg); break;
		case 'N': plan.nulls = (int)lc_option_whole(optarg, "--nulls", 2, 64); break;
		case 's':
			plan.seed = (unsigned long)lc_option_whole(optarg, "--seed", 0, 1L << 53);
			break;
		case 'S': plan.skip = lc_option_number(optarg, "--skip", 0, 1); break;
		case 'j': json = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (optind == argc)
		lc_usage("aa: wants files of equal runs");
}

int verb_aa(int argc, char **argv)
{
	struct aa_runs runs;
	struct aa_count count;
	struct lc_err err;
	double lo, hi;

	options(argc, argv);
	if (aa_read(&runs, argv + optind, argc - optind, &plan, &err) < 0 ||
	    aa_trials(&runs, &plan, &rule, &count, &err) < 0)
		lc_die(&err);
	if (!json)
		tell(&count, runs.n);
	else if (tell_json(&count, runs.n, &err) < 0)
		lc_die(&err);
	aa_release(&runs);
	interval(count.won, plan.trials, &lo, &hi);
	return lc_finish(lo > rule.alpha ? LC_NO : LC_OK);
}
