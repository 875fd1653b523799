/*
 * score: how well does a detector do on runs with labels? See score.h of the library for what
 * counts as what.
 *
 * A file is read once, and each detector goes over it afresh.
 */
#include "score.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect.h"
#include "io.h"
#include "json.h"
#include "option.h"
#include "rule.h"
#include "verbs.h"

#define OWN "lc-detect"
#define OWN_FORECAST OWN ":forecast" /* with --forecast */

static struct lc_score_conf conf;
static struct lc_detect_conf detect_conf;
static struct lc_names names;
static const char *labels_path, *rules[32];
static int nrules, as_json, resamples = 1000;
static unsigned long seed = 1;

static const char usage[] =
	"usage: lc-detect score [-j] [-l LABELS] [--rule NAME]... [option]... FILE ...\n"
	"Score lc-detect and the built-in rules of other frameworks on runs with labels.\n"
	"  -l, --labels FILE  {\"run\":NAME,\"onset\":S,\"damage\":S,\"end\":S,\"kind\":K} a "
	"line;\n"
	"                     a file without a label is healthy throughout\n"
	"  --rule NAME        score this one (repeat); all, if none is named. NAME:X sets its "
	"limit\n"
	"  --within N         an alarm up to N records after the damage is in time (5)\n"
	"  --gap N            firings at most N records apart are one false alarm (50)\n"
	"  --margin N         records around a label that are nobody's (50)\n"
	"  --young N          the first N records of a run count for nothing (0)\n"
	"  --resamples N      of the runs, for the intervals (1000)\n"
	"  --seed N           of the resampling (1)\n"
	"  -m METRIC=NAME     the log's own name of loss, grad_norm, step, ...\n"
	"  -r, --rate R, -t, --threshold X  of lc-detect (3e-5, 1)\n"
	"  -j                 JSON lines\n"
	"Status: 0 done, 2 usage, 3 bad data, 4 system.\n";

static void add_rule(const char *name)
{
	if (nrules == (int)(sizeof(rules) / sizeof(rules[0])))
		lc_usage("--rule: too many");
	rules[nrules++] = name;
}

static int options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"labels", 1, 0, 'l'},	  {"rule", 1, 0, 'R'},	  {"within", 1, 0, 'W'},
		{"gap", 1, 0, 'G'},	  {"margin", 1, 0, 'M'},  {"young", 1, 0, 'Y'},
		{"resamples", 1, 0, 'B'}, {"seed", 1, 0, 'S'},	  {"metric", 1, 0, 'm'},
		{"threshold", 1, 0, 't'}, {"rate", 1, 0, 'r'},	  {"json", 0, 0, 'j'},
		{"help", 0, 0, 'h'},	  {"version", 0, 0, 'V'}, {0, 0, 0, 0},
	};
	struct lc_err err;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":hjl:m:r:t:", longs, NULL)) != -1) {
		switch (c) {
		case 'l': labels_path = optarg; break;
		case 'R': add_rule(optarg); break;
		case 'W': conf.within = (int)lc_option_whole(optarg, "--within", 0, 1000000); break;
		case 'G': conf.gap = (int)lc_option_whole(optarg, "--gap", 0, 1000000); break;
		case 'M': conf.margin = (int)lc_option_whole(optarg, "--margin", 0, 1000000); break;
		case 'Y': conf.young = (int)lc_option_whole(optarg, "--young", 0, 1000000); break;
		case 'B': resamples = (int)lc_option_whole(optarg, "--resamples", 1, 100000); break;
		case 'S':
			seed = (unsigned long)lc_option_whole(optarg, "--seed", 0, 1L << 53);
			break;
		case 't':
			detect_conf.threshold = lc_option_number(optarg, "--threshold", 1e-6, 1e6);
			break;
		case 'r': detect_conf.rate = lc_option_number(optarg, "--rate", 1e-9, .1); break;
		case 'm':
			if (lc_names_add(&names, optarg, &err) < 0)
				lc_usage("%s", err.text);
			break;
		case 'j': as_json = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		case 'V': puts("lc-detect " LC_VERSION); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (optind == argc)
		lc_usage("score: no files");
	return optind;
}

/* The records of a run that a detector can judge. */
struct run {
	struct lc_step *st;
	long *step;
	size_t n, cap;
};

static int read_run(struct run *run, const char *path, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_step st;
	char *line;
	size_t len;
	int more;

	memset(run, 0, sizeof(*run));
	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		if (lc_step_parse(line, len, &names, &st, NULL) <= 0 ||
		    !(lc_step_has(&st, LC_LOSS) || lc_step_has(&st, LC_GRAD_NORM)))
			continue;
		if (run->n == run->cap) {
			run->cap = run->cap ? 2 * run->cap : 1024;
			run->st = lc_xrealloc(run->st, run->cap, sizeof(*run->st));
			run->step = lc_xrealloc(run->step, run->cap, sizeof(*run->step));
		}
		run->step[run->n] = st.step;
		run->st[run->n++] = st;
	}
	lc_lines_close(&in);
	return more;
}

/* Where the detector of this name fires on the run. */
static int fire_own(const struct run *run, int forecast, char *fired)
{
	struct lc_detect_conf own = detect_conf;
	struct lc_detect *d;
	struct lc_alert a;

	own.forecast = forecast;
	d = lc_detect_open(&own);
	for (size_t i = 0; i < run->n; i++)
		fired[i] = (char)lc_detect_step(d, &run->st[i], &a);
	lc_detect_close(d);
	return 0;
}

static int fire_rule(const char *name, const struct run *run, char *fired, struct lc_err *err)
{
	struct lc_rule_fired why;
	struct lc_rule *r;

	if (strcmp(name, OWN) == 0 || strcmp(name, OWN_FORECAST) == 0)
		return fire_own(run, strcmp(name, OWN) != 0, fired);
	if (!(r = lc_rule_open(name, err)))
		return -1;
	for (size_t i = 0; i < run->n; i++)
		fired[i] = (char)lc_rule_step(r, &run->st[i], &why);
	lc_rule_close(r);
	return 0;
}

static json_t *figure_json(const struct lc_figure *f)
{
	json_t *ci = json_array();

	json_array_append_new(ci, lc_json_num(f->low));
	json_array_append_new(ci, lc_json_num(f->high));
	return json_pack("{s:o, s:o}", "x", lc_json_num(f->x), "ci", ci);
}

static double total(const struct lc_tally *t, size_t n, size_t member)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += *(const double *)(const void *)((const char *)&t[i] + member);
	return sum;
}
#define TOTAL(t, n, member) total(t, n, offsetof(struct lc_tally, member))

static int print_json(const char *rule, const struct lc_tally *t, size_t n,
		      const struct lc_figure f[LC_FIGURES], struct lc_err *err)
{
	static const char *const keys[] = {"false_10k", "recall", "in_time", "lead", "delay"};
	json_t *rec = lc_record_new("score", 1);
	int ret;

	json_object_set_new(rec, "rule", json_string(rule));
	json_object_set_new(rec, "runs", json_integer((json_int_t)n));
	json_object_set_new(rec, "healthy", lc_json_num(TOTAL(t, n, records)));
	json_object_set_new(rec, "false_alarms", lc_json_num(TOTAL(t, n, false_alarms)));
	json_object_set_new(rec, "events", lc_json_num(TOTAL(t, n, events)));
	json_object_set_new(rec, "found", lc_json_num(TOTAL(t, n, found)));
	json_object_set_new(rec, "outliers", lc_json_num(TOTAL(t, n, outliers)));
	json_object_set_new(rec, "outliers_alarmed", lc_json_num(TOTAL(t, n, blamed)));
	for (int i = 0; i < LC_FIGURES; i++)
		json_object_set_new(rec, keys[i], figure_json(&f[i]));
	ret = lc_json_emit(stdout, rec, err);
	json_decref(rec);
	return ret;
}

/* "12.3 [10.1, 15]" of this width, or a dash. */
static void cell(const struct lc_figure *f, double scale, int digits, int width)
{
	char text[64] = "-";

	if (!isnan(f->x))
		snprintf(text, sizeof(text), "%.*f [%.*f, %.*f]", digits, scale * f->x, digits,
			 scale * f->low, digits, scale * f->high);
	printf(" %*s", width, text);
}

static void print_row(const char *rule, const struct lc_tally *t, size_t n,
		      const struct lc_figure f[LC_FIGURES])
{
	char outliers[48] = "-";

	if (TOTAL(t, n, outliers) > 0)
		snprintf(outliers, sizeof(outliers), "%.0f of %.0f", TOTAL(t, n, blamed),
			 TOTAL(t, n, outliers));
	printf("%-18s", rule);
	cell(&f[LC_FALSE_10K], 1, 2, 22);
	cell(&f[LC_RECALL], 100, 0, 16);
	cell(&f[LC_IN_TIME], 100, 0, 16);
	cell(&f[LC_LEAD], 1, 0, 18);
	cell(&f[LC_DELAY], 1, 0, 16);
	printf(" %12s\n", outliers);
}

static void print_head(const struct lc_tally *t, size_t n)
{
	printf("%zu runs, %.0f healthy records, %.0f events, %.0f outliers; in brackets 95 %% over "
	       "runs\n",
	       n, TOTAL(t, n, records), TOTAL(t, n, events), TOTAL(t, n, outliers));
	printf("%-18s %22s %16s %16s %18s %16s %12s\n", "rule", "false/10k", "recall %",
	       "in time %", "lead", "delay", "outliers");
}

/* All rules on one file; t is (rules, runs). */
static int score_file(const char *path, const struct lc_labels *labels, struct lc_tally *t,
		      size_t i, size_t n, struct lc_err *err)
{
	struct run run;
	char *fired;
	int ret = read_run(&run, path, err);

	fired = lc_xalloc(run.n + 1, 1);
	for (int r = 0; r < nrules && ret == 0; r++) {
		ret = fire_rule(rules[r], &run, fired, err);
		if (ret == 0)
			lc_score_run(&conf, labels, path, run.step, fired, run.n,
				     &t[(size_t)r * n + i]);
	}
	free(fired);
	free(run.st);
	free(run.step);
	return ret;
}

static int print(const struct lc_tally *t, size_t n, struct lc_err *err)
{
	struct lc_figure f[LC_FIGURES];
	int ret = 0;

	if (!as_json)
		print_head(t, n);
	for (int r = 0; r < nrules && ret == 0; r++, t += n) {
		lc_score_figures(t, n, seed, resamples, f);
		if (as_json)
			ret = print_json(rules[r], t, n, f, err);
		else
			print_row(rules[r], t, n, f);
	}
	return ret;
}

int score_main(int argc, char **argv)
{
	struct lc_labels labels = {0};
	struct lc_tally *t;
	struct lc_err err;
	size_t n, cells;
	int first;

	conf = lc_score_defaults;
	detect_conf = lc_detect_defaults;
	first = options(argc, argv);
	if (nrules == 0) {
		add_rule(OWN);
		add_rule(OWN_FORECAST);
		for (int i = 0; lc_rule_name(i); i++)
			add_rule(lc_rule_name(i));
	}
	if (labels_path && lc_labels_load(&labels, labels_path, &err) < 0)
		lc_die(&err);
	n = (size_t)(argc - first);
	cells = n * (size_t)nrules;
	t = lc_xalloc(cells, sizeof(*t));
	for (size_t i = 0; i < n; i++)
		if (score_file(argv[first + (int)i], &labels, t, i, n, &err) < 0)
			lc_die(&err);
	if (print(t, n, &err) < 0)
		lc_die(&err);
	for (size_t i = 0; i < cells; i++)
		lc_tally_release(&t[i]);
	free(t);
	lc_labels_release(&labels);
	return lc_finish(LC_OK);
}
