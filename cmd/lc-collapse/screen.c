/*
 * screen: which of the proposed futures are worth running (card.h), as far as the steps allowed and
 * what is left of the run reach.
 *
 * What the others are judged against always runs, but for the case that no arm does. Every arm gets
 * a record that says whether it was kept, and why.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"
#include "io.h"
#include "json.h"
#include "option.h"

static int keep_arms = 8, quiet;
static long max_cost;
static struct lc_schedule plan;

static const char usage[] =
	"usage: lc-collapse screen [-q] [-k N] [-p PLAN] [--max-cost N] [FILE]\n"
	"Read branch and forecast records, write those of the futures worth running, and a screen\n"
	"record for each arm that says why it was kept or dropped.\n"
	"  -k N             arms to keep (8), beside control, clean, null and jitter branches\n"
	"  -p, --plan FILE  the plan of the lr, or a state.json: what it leaves no time to read is "
	"dropped\n"
	"  --max-cost N     steps that all futures may take together\n"
	"  -q               no summary on standard error\n"
	"Status: 0 there are futures to run, 1 no arm is worth it.\n";

static int report(const struct evidence *ev, const struct card *c, int kept, struct lc_err *err)
{
	int ret = 0, alike = 0;

	for (int i = 0; i < c->n && ret == 0; i++) {
		const struct future *f = &ev->f[c->bet[i].index];
		int is = c->kept[c->bet[i].index];
		json_t *rec = lc_record_new("screen", 1);

		alike += !is && strncmp(c->why[c->bet[i].index], "like", 4) == 0;
		json_object_set(rec, "fork", json_object_get(f->rec, "fork"));
		json_object_set_new(rec, "branch", json_string(f->id));
		json_object_set_new(rec, "kept", json_boolean(is));
		if (c->forecasts)
			json_object_set_new(rec, "p_best",
					    lc_json_num(round(1e4 * c->bet[i].best) / 1e4));
		json_object_set_new(rec, "why", json_string(c->why[c->bet[i].index]));
		ret = lc_json_emit(stdout, rec, err);
		json_decref(rec);
	}
	if (!quiet && kept < c->n)
		lc_warn("%d of %d arms kept; of those dropped, %d are like one that is kept", kept,
			c->n, alike);
	return ret;
}

/* A cooldown is only read when something lasting runs. */
static int put(const struct future *f, int any_persistent, struct lc_err *err)
{
	json_t *readout = json_object_get(f->rec, "readout");
	int ret = 0;

	if (any_persistent || !json_object_get(readout, "cool")) {
		if (printf("%s\n", f->line) < 0 || fflush(stdout) == EOF)
			ret = lc_fail_sys(err, "write a record");
	} else {
		json_object_del(readout, "cool");
		ret = lc_json_emit(stdout, f->rec, err);
	}
	return ret == 0 && f->forecast ? lc_json_emit(stdout, f->forecast, err) : ret;
}

/* 1 when futures are to be run, 0 when no arm is worth it. */
static int screen(const struct evidence *ev, struct lc_err *err)
{
	struct card c;
	int any = 0, ret = 0, kept;

	card_deal(&c, ev, max_cost, plan.shape ? (long)plan.total : 0);
	if (c.n > 0 && !c.forecasts && !quiet)
		lc_warn("no arm has a forecast: they are taken by their kind alone");
	kept = card_choose(&c, ev, keep_arms);
	for (int i = 0; i < ev->n; i++) {
		c.kept[i] |= strcmp(ev->f[i].role, "arm") != 0 &&
			     !card_repeats_dropped(&c, ev, &ev->f[i]) && (kept > 0 || c.n == 0);
		any |= c.kept[i] && is_persistent(&ev->f[i]);
	}
	for (int i = 0; i < ev->n && ret == 0; i++)
		if (c.kept[i])
			ret = put(&ev->f[i], any, err);
	if (ret == 0)
		ret = report(ev, &c, kept, err) < 0 ? -1 : kept > 0 || c.n == 0;
	card_release(&c);
	return ret;
}

static const char *options(int argc, char **argv)
{
	static const struct option longs[] = {{"keep", 1, 0, 'k'},     {"plan", 1, 0, 'p'},
					      {"max-cost", 1, 0, 'M'}, {"quiet", 0, 0, 'q'},
					      {"help", 0, 0, 'h'},     {0, 0, 0, 0}};
	struct lc_err err;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":k:p:q", longs, NULL)) != -1) {
		switch (c) {
		case 'k': keep_arms = (int)lc_option_whole(optarg, "-k", 1, 100000); break;
		case 'p':
			if (lc_schedule_load(&plan, optarg, &err) < 0)
				lc_die(&err);
			break;
		case 'M': max_cost = lc_option_whole(optarg, "--max-cost", 1, 1000000000000); break;
		case 'q': quiet = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (argc - optind > 1)
		lc_usage("screen: unexpected %s", argv[optind + 1]);
	return optind < argc ? argv[optind] : "-";
}

int verb_screen(int argc, char **argv)
{
	const char *path = options(argc, argv);
	struct evidence ev;
	struct lc_err err;
	int some;

	if (evidence_read(&ev, path, &err) < 0)
		lc_die(&err);
	if (ev.n == 0) {
		lc_fail(&err, LC_DATA, "%s: step records but no branch records", path);
		lc_die(&err);
	}
	some = screen(&ev, &err);
	if (some < 0)
		lc_die(&err);
	evidence_release(&ev);
	return lc_finish(some ? LC_OK : LC_NO);
}
