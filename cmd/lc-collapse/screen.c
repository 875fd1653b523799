/*
 * screen: which of the proposed futures are worth running.
 *
 * What the others are judged against always runs. Of the arms, one of each kind of remedy first (a
 * forecast cannot tell a moment reset from doing nothing; only a run can), in the order of their
 * forecasts; then the best forecasts. A lasting change on a remedy brings its plain sibling with
 * it, so that the remedy gets the credit for no more than it adds (DESIGN section 8, truth 4).
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collapse.h"
#include "io.h"
#include "json.h"
#include "option.h"

static int keep_arms = 8;

static const char usage[] =
	"usage: lc-collapse screen [-k N] [FILE]\n"
	"Read branch and forecast records, write those of the futures worth running.\n"
	"  -k N   arms to keep (8), beside control, clean, null and jitter branches\n";

struct ranked {
	int index;
	double score;	/* forecast loss at the end, plus what a likely divergence costs; lower is
			   better */
	char class[24]; /* what kind of remedy it is */
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

static double score_of(const struct future *f)
{
	const json_t *end = json_object_get(f->forecast, "end");
	double mean = lc_json_get_num(end ? end : json_object_get(f->forecast, "final"), "mean", 0);
	double diverge = lc_json_get_num(f->forecast, "diverge", 0);

	return isfinite(mean) ? mean + diverge : INFINITY;
}

static int by_score(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return x->index - y->index; /* the simpler first: the plan's own order */
}

static int rank_arms(const struct evidence *ev, struct ranked *rank)
{
	int n = 0;

	for (int i = 0; i < ev->n; i++) {
		if (strcmp(ev->f[i].role, "arm") != 0)
			continue;
		rank[n].index = i;
		rank[n].score = score_of(&ev->f[i]);
		classify(&ev->f[i], rank[n].class);
		n++;
	}
	qsort(rank, (size_t)n, sizeof(*rank), by_score);
	return n;
}

/* Keep an arm, and with it the plain sibling that it must be compared with. The number newly kept.
 */
static int take(const struct evidence *ev, char *chosen, int index)
{
	const struct future *sibling =
		is_persistent(&ev->f[index]) ? evidence_sibling(ev, &ev->f[index]) : NULL;
	int at = sibling ? (int)(sibling - ev->f) : index, n = !chosen[index];

	chosen[index] = 1;
	n += at != index && !chosen[at] && strcmp(sibling->role, "arm") == 0;
	chosen[at] = 1;
	return n;
}

/*
 * The kinds of remedy, in the order in which practice and measured forks support them: back and
 * skip (PaLM, GLM-130B), back with a lower lr (OPT-175B), skip what is still to come, a reset of
 * the moments (SPAM), then a higher lr (recovery is limited by lr), warm-ups, and other lasting
 * changes. Classes not named come after these.
 */
static const char *const kinds[] = {"ws", "wd", "s",  "r", "wsd", "d", "wr",
				    "u",  "w",	"wu", "p", "wp",  "x", "wx"};

static int take_best_of(const struct evidence *ev, const struct ranked *rank, int n, char *chosen,
			const char *kind)
{
	for (int i = 0; i < n; i++)
		if (strcmp(rank[i].class, kind) == 0 && !chosen[rank[i].index])
			return take(ev, chosen, rank[i].index);
	return 0;
}

/* One of each kind, then the best forecasts whatever their kind. */
static void choose(const struct evidence *ev, const struct ranked *rank, int n, char *chosen)
{
	int left = keep_arms;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]) && left > 0; k++)
		left -= take_best_of(ev, rank, n, chosen, kinds[k]);
	for (int i = 0; i < n && left > 0; i++)
		if (!chosen[rank[i].index])
			left -= take(ev, chosen, rank[i].index);
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

static int screen(const struct evidence *ev, struct lc_err *err)
{
	struct ranked *rank = lc_xalloc((size_t)ev->n, sizeof(*rank));
	char *chosen = lc_xalloc((size_t)ev->n, 1);
	int any = 0, ret = 0;

	choose(ev, rank, rank_arms(ev, rank), chosen);
	for (int i = 0; i < ev->n; i++) {
		chosen[i] |= strcmp(ev->f[i].role, "arm") != 0;
		any |= chosen[i] && is_persistent(&ev->f[i]);
	}
	for (int i = 0; i < ev->n && ret == 0; i++)
		if (chosen[i])
			ret = put(&ev->f[i], any, err);
	free(rank);
	free(chosen);
	return ret;
}

int verb_screen(int argc, char **argv)
{
	static const struct option longs[] = {
		{"keep", 1, 0, 'k'}, {"help", 0, 0, 'h'}, {0, 0, 0, 0}};
	struct evidence ev;
	struct lc_err err;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":k:", longs, NULL)) != -1) {
		switch (c) {
		case 'k': keep_arms = (int)lc_option_whole(optarg, "-k", 1, 100000); break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (argc - optind > 1)
		lc_usage("screen: unexpected %s", argv[optind + 1]);
	if (evidence_read(&ev, optind < argc ? argv[optind] : "-", &err) < 0 ||
	    screen(&ev, &err) < 0)
		lc_die(&err);
	evidence_release(&ev);
	return lc_finish(0);
}
