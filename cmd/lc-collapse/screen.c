/*
 * screen: which of the proposed futures are worth running.
 *
 * What the others are judged against always runs. Of the arms, one of each kind of remedy first (a
 * forecast cannot tell a moment reset from doing nothing; only a run can), the most probable best
 * of its kind; then whichever adds most to the lowest end expected of those taken (chance.h), so
 * that k doses of one idea are not taken for k ideas. A lasting change on a remedy brings its plain
 * sibling with it, so that the remedy gets the credit for no more than it adds (DESIGN section 8,
 * truth 4). Every arm gets a record that says whether it was kept, and why.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "collapse.h"
#include "io.h"
#include "json.h"
#include "option.h"

static int keep_arms = 8, quiet;

static const char usage[] =
	"usage: lc-collapse screen [-q] [-k N] [FILE]\n"
	"Read branch and forecast records, write those of the futures worth running, and a screen\n"
	"record for each arm that says why it was kept or dropped.\n"
	"  -k N   arms to keep (8), beside control, clean, null and jitter branches\n"
	"  -q     no summary on standard error\n";

struct card {
	struct bet *bet;
	int n;
	char *kept;	 /* [ev->n] */
	char (*why)[96]; /* [ev->n] */
	int forecasts;	 /* of arms */
	struct chance chance;
};

/* Which factors it changes: rewind, skip, reset, lr down or up, the rest. */
static void classify(const struct future *f, char class[24])
{
	double scale = lc_json_get_num(f->actions, "lr_scale", 1) /
		       lc_json_get_num(json_object_get(f->rec, "base"), "lr_scale", 1);
	int rest = json_object_get(f->actions, "weight_decay_scale") ||
		   json_object_get(f->actions, "batch_scale") ||
		   json_object_get(f->actions, "beta2") || json_object_get(f->actions, "clip");

	snprintf(class, 24, "%s%s%s%s%s%s", json_object_get(f->actions, "rewind") ? "w" : "",
		 json_object_get(f->actions, "skip") ? "s" : "",
		 json_object_get(f->actions, "reset") ? "r" : "",
		 scale < 1   ? "d"
		 : scale > 1 ? "u"
			     : "",
		 json_object_get(f->actions, "lr_warmup") ? "p" : "", rest ? "x" : "");
}

/* Forecast loss at the end, plus what a likely divergence costs; lower is better. */
static double score_of(const struct future *f, double *sd)
{
	const json_t *end = json_object_get(f->forecast, "end");
	double mean;

	if (!end)
		end = json_object_get(f->forecast, "final");
	mean = lc_json_get_num(end, "mean", 0);
	*sd = lc_json_get_num(end, "sd", 0);
	*sd = *sd > 0 && isfinite(*sd) ? *sd : 0;
	return isfinite(mean) ? mean + lc_json_get_num(f->forecast, "diverge", 0) : INFINITY;
}

static void deal(struct card *c, const struct evidence *ev)
{
	const struct future *control = evidence_role(ev, "control");
	double end = INFINITY, sd = 0;

	if (control && control->forecast)
		end = score_of(control, &sd);
	c->bet = lc_xalloc((size_t)ev->n, sizeof(*c->bet));
	c->kept = lc_xalloc((size_t)ev->n, 1);
	c->why = lc_xalloc((size_t)ev->n, sizeof(*c->why));
	for (int i = 0; i < ev->n; i++) {
		const struct future *f = &ev->f[i];
		struct bet *b = &c->bet[c->n];
		double was = lc_json_get_num(json_object_get(f->rec, "base"), "lr_scale", 1);

		if (strcmp(f->role, "arm") != 0)
			continue;
		c->n++;
		c->forecasts += f->forecast != NULL;
		b->index = i;
		b->mean = score_of(f, &b->sd);
		if (!f->forecast && isfinite(end)) /* nothing is known against it, nor for it */
			b->mean = end;
		b->lnlr = log(fmax(lc_json_get_num(f->actions, "lr_scale", was) / was, 1e-9));
		classify(f, b->class);
	}
	chance_init(&c->chance, c->bet, c->n, end, sd);
}

/* Keep an arm, and with it the plain sibling that it must be compared with. The number newly kept.
 */
static int take(const struct evidence *ev, struct card *c, int at, const char *why)
{
	int i = c->bet[at].index, s, n = !c->kept[i];
	const struct future *sibling =
		is_persistent(&ev->f[i]) ? evidence_sibling(ev, &ev->f[i]) : NULL;

	c->kept[i] = 1;
	snprintf(c->why[i], sizeof(c->why[i]), "%s", why);
	chance_take(&c->chance, at);
	s = sibling ? (int)(sibling - ev->f) : i;
	if (c->kept[s] || strcmp(ev->f[s].role, "arm") != 0)
		return n;
	c->kept[s] = 1;
	snprintf(c->why[s], sizeof(c->why[s]), "%.60s is compared with it", ev->f[i].id);
	for (int k = 0; k < c->n; k++)
		if (c->bet[k].index == s)
			chance_take(&c->chance, k);
	return n + 1;
}

/*
 * The kinds of remedy, in the order in which practice and measured forks support them: back and
 * skip (PaLM, GLM-130B), back with a lower lr (OPT-175B), skip what is still to come, a reset of
 * the moments (SPAM), then a higher lr (recovery is limited by lr), warm-ups, and other lasting
 * changes. Classes not named come after these.
 */
static const char *const kinds[] = {"ws", "wd", "s",  "r", "wsd", "d", "wr",
				    "u",  "w",	"wu", "p", "wp",  "x", "wx"};

static int take_best_of(const struct evidence *ev, struct card *c, const char *kind)
{
	char why[96];
	int best = -1;

	for (int i = 0; i < c->n; i++) {
		if (strcmp(c->bet[i].class, kind) != 0)
			continue;
		if (c->kept[c->bet[i].index])
			return 0;
		/* of equals the simpler: the plan's own order */
		if (best < 0 || c->bet[i].mean < c->bet[best].mean)
			best = i;
	}
	if (best < 0)
		return 0;
	snprintf(why, sizeof(why), "%s of its kind",
		 c->forecasts ? "the best forecast" : "the first");
	return take(ev, c, best, why);
}

/* The arm that adds most; of those that add nothing, the best forecast. */
static int take_next(const struct evidence *ev, struct card *c)
{
	char why[96];
	double adds, most = -1;
	int best = -1;

	for (int i = 0; i < c->n; i++) {
		if (c->kept[c->bet[i].index])
			continue;
		adds = chance_adds(&c->chance, i);
		if (best < 0 || adds > most ||
		    (adds == most && c->bet[i].mean < c->bet[best].mean)) {
			best = i;
			most = adds;
		}
	}
	if (best < 0)
		return 0;
	snprintf(why, sizeof(why), "adds %.2g to the best that is expected of those kept", most);
	return take(ev, c, best, why);
}

static void choose(const struct evidence *ev, struct card *c)
{
	int left = keep_arms, n = 1;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]) && left > 0; k++)
		left -= take_best_of(ev, c, kinds[k]);
	for (; left > 0 && n > 0; left -= n)
		n = take_next(ev, c);
}

/* Why an arm was not kept. */
static void explain_drop(const struct evidence *ev, struct card *c, int at)
{
	const struct bet *b = &c->bet[at], *like = NULL;
	char *why = c->why[b->index];
	size_t size = sizeof(c->why[0]);

	for (int i = 0; i < c->n; i++)
		if (c->kept[c->bet[i].index] && chance_alike(b, &c->bet[i]) > .4 &&
		    (!like || chance_alike(b, &c->bet[i]) > chance_alike(b, like)))
			like = &c->bet[i];
	if (isinf(b->mean))
		snprintf(why, size, "it has no forecast that is a number");
	else if (like)
		snprintf(why, size, "like %.60s, which is kept", ev->f[like->index].id);
	else
		snprintf(why, size, "no room: it would add %.2g", chance_adds(&c->chance, at));
}

static int report(const struct evidence *ev, struct card *c, struct lc_err *err)
{
	int ret = 0, kept = 0, alike = 0;

	for (int i = 0; i < c->n && ret == 0; i++) {
		const struct future *f = &ev->f[c->bet[i].index];
		int is = c->kept[c->bet[i].index];
		json_t *rec = lc_record_new("screen", 1);

		if (!is)
			explain_drop(ev, c, i);
		kept += is;
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

/* A branch that repeats an arm over another order goes where the arm goes. */
static int repeats_dropped(const struct evidence *ev, const struct card *c, const struct future *f)
{
	const struct future *of = evidence_find(ev, lc_json_get_str(f->rec, "of", NULL));

	return of && strcmp(of->role, "arm") == 0 && !c->kept[of - ev->f];
}

static int screen(const struct evidence *ev, struct lc_err *err)
{
	struct card c = {.n = 0};
	int any = 0, ret = 0;

	deal(&c, ev);
	if (c.n > 0 && !c.forecasts && !quiet)
		lc_warn("no arm has a forecast: they are taken by their kind alone");
	choose(ev, &c);
	for (int i = 0; i < ev->n; i++) {
		c.kept[i] |=
			strcmp(ev->f[i].role, "arm") != 0 && !repeats_dropped(ev, &c, &ev->f[i]);
		any |= c.kept[i] && is_persistent(&ev->f[i]);
	}
	for (int i = 0; i < ev->n && ret == 0; i++)
		if (c.kept[i])
			ret = put(&ev->f[i], any, err);
	if (ret == 0)
		ret = report(ev, &c, err);
	chance_release(&c.chance);
	free(c.bet);
	free(c.kept);
	free(c.why);
	return ret;
}

int verb_screen(int argc, char **argv)
{
	static const struct option longs[] = {
		{"keep", 1, 0, 'k'}, {"quiet", 0, 0, 'q'}, {"help", 0, 0, 'h'}, {0, 0, 0, 0}};
	const char *path;
	struct evidence ev;
	struct lc_err err;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":k:q", longs, NULL)) != -1) {
		switch (c) {
		case 'k': keep_arms = (int)lc_option_whole(optarg, "-k", 1, 100000); break;
		case 'q': quiet = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (argc - optind > 1)
		lc_usage("screen: unexpected %s", argv[optind + 1]);
	path = optind < argc ? argv[optind] : "-";
	if (evidence_read(&ev, path, &err) < 0)
		lc_die(&err);
	if (ev.n == 0) {
		lc_fail(&err, LC_DATA, "%s: step records but no branch records", path);
		lc_die(&err);
	}
	if (screen(&ev, &err) < 0)
		lc_die(&err);
	evidence_release(&ev);
	return lc_finish(0);
}
