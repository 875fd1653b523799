/*
 * lc-detect: grep for instability. Step records in, alert records out; see lc-detect(1).
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect.h"
#include "io.h"
#include "json.h"

static struct lc_detect_conf conf;
static struct lc_names names;
static int first_only, follow, quiet, show_index, strict;
static unsigned long since; /* lines that only teach */
static long after = -1;	    /* steps up to this raise no alert */

static const char usage[] =
	"usage: lc-detect [-1fq] [-m METRIC=NAME] [-t THRESHOLD] [-w WINDOW] [-s LINES]\n"
	"                 [--index] [--strict] [FILE ...]\n"
	"Read step records, write an alert record where training becomes unstable.\n"
	"  -1                stop at the first alert\n"
	"  -f                follow a growing (or rotated) file\n"
	"  -m METRIC=NAME    the log's own name of loss, grad_norm, step, ...\n"
	"  -q                print nothing, only the status\n"
	"  -s, --since N     the first N lines set the baseline and raise no alert\n"
	"  --after STEP      steps up to STEP raise no alert (they were judged before)\n"
	"  -t, --threshold X index at which an alert begins (1)\n"
	"  -w, --window N    values the trend is fitted to (96)\n"
	"  --index           also write an index record for every step\n"
	"  --strict          a malformed line is an error\n"
	"Status: 0 an alert, 1 none, 2 usage, 3 bad data, 4 system.\n";

static double number(const char *arg, const char *opt, double min, double max)
{
	char *end;
	double x = strtod(arg, &end);

	if (!*arg || *end || !(x >= min && x <= max))
		lc_usage("%s %s: wants a number from %g to %g", opt, arg, min, max);
	return x;
}

static int options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"metric", 1, 0, 'm'}, {"since", 1, 0, 's'},   {"threshold", 1, 0, 't'},
		{"window", 1, 0, 'w'}, {"follow", 0, 0, 'f'},  {"quiet", 0, 0, 'q'},
		{"index", 0, 0, 'I'},  {"after", 1, 0, 'A'},   {"strict", 0, 0, 'S'},
		{"help", 0, 0, 'h'},   {"version", 0, 0, 'V'}, {0, 0, 0, 0},
	};
	struct lc_err err;
	int c;

	conf = lc_detect_defaults;
	while ((c = getopt_long(argc, argv, "1fm:qs:t:w:", longs, NULL)) != -1) {
		switch (c) {
		case '1': first_only = 1; break;
		case 'f': follow = 1; break;
		case 'q': quiet = 1; break;
		case 'A': after = (long)number(optarg, "--after", 0, 1e15); break;
		case 'I': show_index = 1; break;
		case 'S': strict = 1; break;
		case 's': since = (unsigned long)number(optarg, "--since", 0, 1e15); break;
		case 't': conf.threshold = number(optarg, "--threshold", 1e-6, 1e6); break;
		case 'w':
			conf.window = (int)number(optarg, "--window", 16, 100000);
			if (conf.min_steps > conf.window)
				conf.min_steps = conf.window;
			break;
		case 'm':
			if (lc_names_add(&names, optarg, &err) < 0)
				lc_usage("%s", err.text);
			break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		case 'V': puts("lc-detect " LC_VERSION); exit(lc_finish(0));
		default: exit((fputs(usage, stderr), LC_USAGE));
		}
	}
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

static json_t *alert_record(const struct lc_alert *a, const struct lc_step *st)
{
	json_t *rec = lc_record_new("alert", 1), *signals = json_object();

	if (st->run[0])
		json_object_set_new(rec, "run", json_string(st->run));
	json_object_set_new(rec, "step", json_integer(a->step));
	json_object_set_new(rec, "index", lc_json_num(round(100 * a->index) / 100));
	json_object_set_new(rec, "threshold", lc_json_num(a->threshold));
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

/* Count a line that is an object but not a good one; name the first. */
static int bad_line(const char *path, unsigned long line, unsigned long *bad, struct lc_err *err)
{
	struct lc_err why = *err;

	if (strict)
		return lc_fail(err, LC_DATA, "%s line %lu: %.300s", path, line, why.text);
	if ((*bad)++ == 0)
		lc_warn("%s line %lu: %s (passed over)", path, line, why.text);
	return 0;
}

struct tally {
	unsigned long steps, losses, alerts, bad;
};

static int one_line(struct lc_detect *d, struct lc_lines *in, const char *line, size_t len,
		    struct tally *t, struct lc_err *err)
{
	struct lc_step st;
	struct lc_alert a;
	int kind = lc_step_parse(line, len, &names, &st, err);

	if (kind < 0)
		return bad_line(in->path, in->line, &t->bad, err);
	if (kind == 0)
		return 0;
	t->steps++;
	t->losses += lc_step_has(&st, LC_LOSS) || lc_step_has(&st, LC_GRAD_NORM);
	if (lc_detect_step(d, &st, &a) && in->line > since && a.step > after) {
		t->alerts++;
		if (emit(alert_record(&a, &st), err) < 0)
			return -1;
	}
	return show_index ? emit(index_record(d, &st), err) : 0;
}

static int watch(struct lc_detect *d, const char *path, struct tally *t, struct lc_err *err)
{
	struct lc_lines in;
	char *line;
	size_t len;
	int more;

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

int main(int argc, char **argv)
{
	struct tally t = {0};
	struct lc_detect *d;
	struct lc_err err;
	int i;

	lc_setup(argv[0]);
	i = options(argc, argv);
	d = lc_detect_open(&conf);
	do {
		if (watch(d, i < argc ? argv[i] : "-", &t, &err) < 0)
			lc_die(&err);
	} while (++i < argc && !(first_only && t.alerts));
	lc_detect_close(d);
	if (t.steps == 0 || t.losses == 0) {
		lc_fail(&err, LC_DATA,
			t.steps ? "no step has a loss or a gradient norm (-m names them)"
				: "no step records in the input");
		lc_die(&err);
	}
	if (t.bad > 1)
		lc_warn("%lu malformed lines passed over", t.bad);
	return lc_finish(t.alerts ? LC_OK : LC_NO);
}
