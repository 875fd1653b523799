/* race: the decision over a stream of branch, step and result records. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collapse.h"
#include "history.h"
#include "io.h"
#include "json.h"
#include "option.h"
#include "rungs.h"

#define ALPHA_LEAST 1e-9
#define PRICE_MOST 1e6
#define CONFIRM_MOST 1000

static const char *stop_dir, *wanted_path;
static int anytime;
static struct rule rule = {.alpha = .05, .min_effect = 0};

static const char race_usage[] =
	"usage: lc-collapse race [-a ALPHA] [-e EFFECT] [-p PLAN] [FILE|DIR]...\n"
	"Read branch, step and result records, and the run's own steps, or the directory of\n"
	"lc-fork run; write the decision record.\n"
	"  -a, --alpha X       error rate, shared out over the arms (.05)\n"
	"  -e, --min-effect X  a gain below this is not worth a change, in nats (0)\n"
	"  -p, --plan FILE     the plan of the lr, {\"schedule\",\"lr\",\"total\",...} or a "
	"state.json\n"
	"  -c, --confirm N     the leader must win again, in N runs on other data (0)\n"
	"      --wanted FILE   what would tell more, as input of lc-fork run\n"
	"  -o, --objective O   min:METRIC or max:METRIC, with :WEIGHT where there are several\n"
	"  -l, --limit L       METRIC<X or METRIC>X, which an arm must keep to be chosen\n"
	"  -n, --noise FILE    a decision of an earlier fork of the run: its noise counts too\n"
	"      --stop DIR      as they come, stop the losers of lc-fork run -d DIR\n"
	"      --anytime       look at them 16 times on the way, not 4\n"
	"      --max-cost N    steps that all futures may take together\n"
	"      --price X       what a step of a future costs, in steps of the run (0)\n"
	"Status: 0 a better future, 1 none.\n";

/* Add the noise that a decision saw of its own nulls (or was told of). */
static void pool_read(struct rule *r, const json_t *noise)
{
	struct lc_noise ret, cool;

	ret = (struct lc_noise){lc_json_get_num(noise, "return", NAN),
				lc_json_get_num(noise, "df", 0)};
	cool = (struct lc_noise){lc_json_get_num(noise, "cool", NAN),
				 lc_json_get_num(noise, "cool_df", 0)};
	if (ret.sd > 0)
		r->ret = lc_noise_join(r->ret, ret);
	if (cool.sd > 0)
		r->cool = lc_noise_join(r->cool, cool);
}

static void pool(const char *path)
{
	struct lc_err err;
	json_t *d = decision_read(path, NULL, &err);

	if (!d)
		lc_die(&err);
	pool_read(&rule, json_object_get(d, "noise"));
	json_decref(d);
}

int rule_read(struct rule *r, const json_t *decision, struct lc_err *err)
{
	long runs;

	memset(r, 0, sizeof(*r));
	r->alpha = lc_json_get_num(decision, "alpha", rule.alpha);
	r->min_effect = lc_json_get_num(decision, "min_effect", rule.min_effect);
	if (!(r->alpha >= ALPHA_LEAST && r->alpha < 1) || !(r->min_effect >= 0))
		return lc_fail(err, LC_DATA, "the decision's alpha or min_effect is none");
	runs = lc_json_get_int(json_object_get(decision, "confirm"), "runs", 0);
	r->max_cost = lc_json_get_int(decision, "max_cost", 0);
	r->price = lc_json_get_num(decision, "price", 0);
	if (runs < 0 || runs > CONFIRM_MOST || !(r->price >= 0 && r->price <= PRICE_MOST))
		return lc_fail(err, LC_DATA, "the decision's confirm or price is none");
	r->confirm = (int)runs;
	pool_read(r, json_object_get(json_object_get(decision, "noise"), "pooled"));
	if (goal_read(&r->goal, decision, err) < 0)
		return -1;
	if (json_object_get(decision, "plan"))
		return lc_schedule_parse(&r->plan, json_object_get(decision, "plan"), err);
	r->plan = (struct lc_schedule){LC_SCHED_NONE};
	return 0;
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"alpha", 1, 0, 'a'},	  {"min-effect", 1, 0, 'e'},
		{"confirm", 1, 0, 'c'},	  {"noise", 1, 0, 'n'},
		{"objective", 1, 0, 'o'}, {"limit", 1, 0, 'l'},
		{"stop", 1, 0, 'D'},	  {"anytime", 0, 0, 'A'},
		{"max-cost", 1, 0, 'M'},  {"price", 1, 0, 'P'},
		{"plan", 1, 0, 'p'},	  {"wanted", 1, 0, 'w'},
		{"help", 0, 0, 'h'},	  {0, 0, 0, 0},
	};
	struct lc_err err;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":a:c:e:l:n:o:p:", longs, NULL)) != -1) {
		switch (c) {
		case 'a': rule.alpha = lc_option_number(optarg, "--alpha", ALPHA_LEAST, .5); break;
		case 'e': rule.min_effect = lc_option_number(optarg, "--min-effect", 0, 1e9); break;
		case 'p':
			if (lc_schedule_load(&rule.plan, optarg, &err) < 0)
				lc_die(&err);
			break;
		case 'c':
			rule.confirm = (int)lc_option_whole(optarg, "--confirm", 0, CONFIRM_MOST);
			break;
		case 'n': pool(optarg); break;
		case 'o':
			if (goal_add(&rule.goal, optarg, &err) < 0)
				lc_die(&err);
			break;
		case 'l':
			if (goal_limit(&rule.goal, optarg, &err) < 0)
				lc_die(&err);
			break;
		case 'D': stop_dir = optarg; break;
		case 'A': anytime = 1; break;
		case 'M':
			rule.max_cost = lc_option_whole(optarg, "--max-cost", 1, 1000000000000);
			break;
		case 'w': wanted_path = optarg; break;
		case 'P': rule.price = lc_option_number(optarg, "--price", 0, PRICE_MOST); break;
		case 'h': fputs(race_usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
}

/* Arms whose change ends, read too soon after it. */
static void say_short(const json_t *decision)
{
	const json_t *s = json_object_get(decision, "short_return");

	if (s)
		lc_warn("what ends was read after %ld steps back on plan; %ld would tell more",
			lc_json_get_int(s, "steps", 0), lc_json_get_int(s, "wanted", 0));
}

/* The branches that would tell more, for lc-fork run; an empty file: none. */
static int put_wanted(const json_t *decision, struct lc_err *err)
{
	const json_t *again = json_object_get(decision, "confirm"),
		     *look = json_object_get(decision, "look");
	const json_t *wanted =
		json_object_get(json_object_get(again, "wanted") ? again : look, "wanted");
	char *text = NULL;
	size_t size, i;
	json_t *rec;
	FILE *f = open_memstream(&text, &size);
	int ret = 0;

	if (!f)
		return lc_fail_sys(err, "write %s", wanted_path);
	json_array_foreach(wanted, i, rec)
		ret |= lc_json_emit(f, rec, err);
	if (fclose(f) == EOF && ret == 0)
		ret = lc_fail_sys(err, "write %s", wanted_path);
	if (ret == 0)
		ret = lc_write_file(wanted_path, text, size, err);
	free(text);
	return ret;
}

int verb_race(int argc, char **argv)
{
	static char *const standard_input[] = {"-"};
	struct evidence ev;
	struct rungs rungs;
	struct lc_err err;
	json_t *rec;
	int status;

	options(argc, argv);
	rungs_init(&rungs, &rule, stop_dir, anytime);
	if (evidence_follow(&ev, optind < argc ? argv + optind : standard_input,
			    optind < argc ? argc - optind : 1, &rule.goal,
			    stop_dir ? rungs_watch : NULL, &rungs, &err) < 0)
		lc_die(&err);
	rungs_release(&rungs);
	history_pool(&ev, &rule);
	rec = judge(&ev, &rule, &err);
	if (!rec || lc_json_emit(stdout, rec, &err) < 0)
		lc_die(&err);
	if (wanted_path && put_wanted(rec, &err) < 0)
		lc_die(&err);
	say_short(rec);
	status = decision_status(rec);
	json_decref(rec);
	evidence_release(&ev);
	return lc_finish(status);
}
