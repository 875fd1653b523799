/*
 * lc-detect: grep for instability. Step records in, alert records out; see lc-detect(1).
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detect.h"
#include "io.h"
#include "json.h"
#include "option.h"
#include "verbs.h"

#define FIRST_LOOK 100 /* steps after which a name that has not occurred is odd */

static struct lc_detect_conf conf;
static struct lc_names names;
static int first_only, follow, quiet, show_index, strict;
static unsigned long since; /* lines that only teach */
static const char *rule;    /* a peer's, instead of the index */
static long after = -1;	    /* steps up to this raise no alert */

static const char usage[] =
	"usage: lc-detect [-1fq] [-m METRIC=NAME] [-t THRESHOLD] [-w WINDOW] [-s LINES]\n"
	"                 [--index] [--strict] [--rule NAME] [FILE ...]\n"
	"       lc-detect score [-l LABELS] FILE ...\n"
	"Read step records, write an alert record where training becomes unstable.\n"
	"  -1                stop at the first alert\n"
	"  -f                follow a growing (or rotated) file; wait for one that is not there\n"
	"  -m METRIC=NAME    the log's own name of loss, grad_norm, step, ...\n"
	"  -q                print nothing, only the status\n"
	"  -s, --since N     the first N lines set the baseline and raise no alert\n"
	"  --after STEP      steps up to STEP raise no alert (they were judged before)\n"
	"  -t, --threshold X index at which an alert begins (1)\n"
	"  -w, --window N    values the trend is fitted to (96)\n"
	"  --index           also write an index record for every step\n"
	"  --rule NAME       alerts by the rule of another framework (zclip, olmo, llmc, ...)\n"
	"  --strict          a malformed line is an error\n"
	"  -h, --help, --version\n"
	"Status: 0 an alert, 1 none, 2 usage, 3 bad data, 4 system.\n";

static int options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"metric", 1, 0, 'm'}, {"since", 1, 0, 's'},  {"threshold", 1, 0, 't'},
		{"window", 1, 0, 'w'}, {"follow", 0, 0, 'f'}, {"quiet", 0, 0, 'q'},
		{"index", 0, 0, 'I'},  {"after", 1, 0, 'A'},  {"strict", 0, 0, 'S'},
		{"rule", 1, 0, 'R'},   {"help", 0, 0, 'h'},   {"version", 0, 0, 'V'},
		{0, 0, 0, 0},
	};
	struct lc_err err;
	int c;

	conf = lc_detect_defaults;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":1fhm:qs:t:w:", longs, NULL)) != -1) {
		switch (c) {
		case '1': first_only = 1; break;
		case 'f': follow = 1; break;
		case 'q': quiet = 1; break;
		case 'A': after = (long)lc_option_number(optarg, "--after", 0, 1e15); break;
		case 'I': show_index = 1; break;
		case 'S': strict = 1; break;
		case 'R': rule = optarg; break;
		case 's':
			since = (unsigned long)lc_option_number(optarg, "--since", 0, 1e15);
			break;
		case 't':
			conf.threshold = lc_option_number(optarg, "--threshold", 1e-6, 1e6);
			break;
		case 'w':
			conf.window = (int)lc_option_number(optarg, "--window", 16, 100000);
			if (conf.min_steps > conf.window)
				conf.min_steps = conf.window;
			break;
		case 'm':
			if (lc_names_add(&names, optarg, &err) < 0)
				lc_usage("%s", err.text);
			break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		case 'V': puts("lc-detect " LC_VERSION); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (rule && follow)
		lc_usage("--rule reads to the end: no -f");
	if (follow && argc - optind != 1)
		lc_usage("-f follows one file");
	return optind;
}

static int emit(json_t *rec, struct lc_err *err)
{
	int ret = quiet ? 0 : lc_json_emit(stdout, rec, err);

	json_decref(rec);
	return ret;
}

/* Two digits after the point are enough for a score; a channel that is not there is not printed. */
static void set_score(json_t *obj, const char *name, double z)
{
	if (!isnan(z))
		json_object_set_new(obj, name, lc_json_num(isfinite(z) ? round(100 * z) / 100 : z));
}

/* As the index is shown, but that a very low one does not become 0. */
static double threshold_shown(double x)
{
	return x < .01 ? x : round(100 * x) / 100;
}

static json_t *alert_record(const struct lc_alert *a, const struct lc_step *st)
{
	json_t *rec = lc_record_new("alert", 1), *signals = json_object();

	if (st->run[0])
		json_object_set_new(rec, "run", json_string(st->run));
	json_object_set_new(rec, "step", json_integer(a->step));
	json_object_set_new(rec, "index", lc_json_num(round(100 * a->index) / 100));
	json_object_set_new(rec, "threshold", lc_json_num(threshold_shown(a->threshold)));
	json_object_set_new(rec, "kind", json_string(lc_alert_kind_name(a->kind)));
	json_object_set_new(rec, "onset", json_integer(a->onset));
	json_object_set_new(rec, "rewind", json_integer(a->rewind));
	set_score(signals, "loss",
		  a->kind == LC_NONFINITE && !isfinite(st->v[LC_LOSS]) ? INFINITY : a->loss_z);
	set_score(signals, "grad_norm", a->grad_z);
	json_object_set_new(rec, "signals", signals);
	json_object_set_new(rec, "first", json_string(a->first));
	return rec;
}

static json_t *index_record(const struct lc_detect *d, const struct lc_step *st)
{
	json_t *rec = lc_record_new("index", 1), *signals = json_object();

	json_object_set_new(rec, "step", json_integer(st->step));
	json_object_set_new(rec, "index", lc_json_num(lc_detect_index(d)));
	set_score(signals, "loss", lc_detect_score(d, LC_LOSS));
	set_score(signals, "grad_norm", lc_detect_score(d, LC_GRAD_NORM));
	json_object_set_new(rec, "signals", signals);
	return rec;
}

struct tally {
	unsigned long steps, losses, judged, alerts, bad;
	unsigned seen;	      /* metrics, as lc_step.has */
	struct lc_err unsaid; /* the first bad line: said when it is known to be one of many */
};

/* Count a line that is an object but not a good one; name the first. */
static int bad_line(const char *path, unsigned long line, struct tally *t, struct lc_err *err)
{
	struct lc_err why = *err;

	lc_fail(err, LC_DATA, "%s line %lu: %.300s", path, line, why.text);
	if (strict)
		return -1;
	if (t->bad++ == 0)
		t->unsaid = *err;
	return 0;
}

static void say_bad(struct tally *t)
{
	if (t->unsaid.text[0])
		lc_warn("%.400s (passed over)", t->unsaid.text);
	t->unsaid.text[0] = '\0';
}

/* The name given for a metric that no step had: 1 and words for it, or 0. */
static int name_unseen(const struct tally *t, char *text, size_t size)
{
	for (int i = 0; i < names.n; i++) {
		int m = names.map[i].metric;

		if (m < 0 ? t->steps > 0 : t->steps == 0 || t->seen >> m & 1)
			continue;
		snprintf(text, size, "no step has %s as %s", m < 0 ? "step" : lc_metric_name(m),
			 names.map[i].name);
		return 1;
	}
	return 0;
}

/* A followed file has no end to say it at. */
static void say_unseen_so_far(const struct tally *t)
{
	char text[200];

	if (follow && t->steps == FIRST_LOOK && name_unseen(t, text, sizeof(text)))
		lc_warn("%s so far", text);
}

static int one_line(struct lc_detect *d, struct lc_lines *in, const char *line, size_t len,
		    struct tally *t, struct lc_err *err)
{
	struct lc_step st;
	struct lc_alert a;
	int kind = lc_step_parse(line, len, &names, &st, err);

	if (kind < 0)
		return bad_line(in->path, in->line, t, err);
	if (kind == 0)
		return 0;
	say_bad(t);
	t->steps++;
	t->seen |= st.has;
	t->losses += lc_step_has(&st, LC_LOSS) || lc_step_has(&st, LC_GRAD_NORM);
	if (lc_detect_step(d, &st, &a) && in->line > since && a.step > after) {
		t->alerts++;
		if (emit(alert_record(&a, &st), err) < 0)
			return -1;
	}
	say_unseen_so_far(t);
	t->judged += !isnan(lc_detect_index(d));
	return show_index ? emit(index_record(d, &st), err) : 0;
}

static int watch(struct lc_detect *d, const char *path, struct tally *t, struct lc_err *err)
{
	struct lc_lines in;
	char *line;
	size_t len;
	int more;

	if (follow && access(path, F_OK) < 0 && errno == ENOENT)
		lc_warn("%s: not there yet, waiting for it", path);
	if (lc_lines_open(&in, path, follow, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		if (one_line(d, &in, line, len, t, err) < 0) {
			more = -1;
			break;
		}
		if (first_only && t->alerts)
			break;
	}
	lc_lines_close(&in);
	return more < 0 ? -1 : 0;
}

/* Nothing to judge is bad data, in one line; too little to judge is said. */
static void look_back(const struct lc_detect *d, struct tally *t)
{
	struct lc_err err = {LC_DATA, ""};
	int unseen = name_unseen(t, err.text, sizeof(err.text));

	if (t->steps == 0 && !unseen)
		lc_fail(&err, LC_DATA, "no step records in the input%s%.400s",
			t->unsaid.text[0] ? "; " : "", t->unsaid.text);
	else if (t->losses == 0 && !unseen)
		lc_fail(&err, LC_DATA, "no step has a loss or a gradient norm (-m names them)");
	if (t->losses == 0)
		lc_die(&err);
	say_bad(t);
	if (t->bad > 1)
		lc_warn("%lu malformed lines passed over", t->bad);
	if (unseen && !(first_only && t->alerts)) /* it might have come */
		lc_warn("%s", err.text);
	if (t->judged || t->alerts)
		return;
	if (t->seen >> LC_LOSS & 1)
		lc_warn("only %d losses: needs more than %d to judge", lc_detect_losses(d),
			conf.min_steps);
	else if (!unseen)
		lc_warn("no step has a loss: only a gradient norm that is not finite is noticed");
}

int main(int argc, char **argv)
{
	struct tally t = {0};
	struct lc_detect *d;
	struct lc_err err;
	int i;

	lc_setup(argv[0]);
	if (argc > 1 && strcmp(argv[1], "score") == 0)
		return score_main(argc - 1, argv + 1);
	i = options(argc, argv);
	if (rule)
		return rule_main(rule, &names, first_only, quiet, argv + i, argc - i);
	d = lc_detect_open(&conf);
	do {
		if (watch(d, i < argc ? argv[i] : "-", &t, &err) < 0)
			lc_die(&err);
	} while (++i < argc && !(first_only && t.alerts));
	look_back(d, &t);
	lc_detect_close(d);
	return lc_finish(t.alerts ? LC_OK : LC_NO);
}
