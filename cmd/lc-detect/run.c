/*
 * run: see run.h.
 */
#include "run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

#define FIRST_LOOK 100 /* steps after which a name that has not occurred is odd */
#define WITHIN 200     /* steps ahead that a crossing is worth a word, unless said otherwise */

void run_open(struct run *r, const struct asked *asked, FILE *out)
{
	*r = (struct run){.asked = asked, .out = out, .d = lc_detect_open(&asked->conf)};
}

void run_close(struct run *r)
{
	lc_detect_close(r->d);
}

/* Takes rec. */
static int emit(const struct run *r, json_t *rec, struct lc_err *err)
{
	int ret = r->asked->quiet ? 0 : lc_json_emit(r->out, rec, err);

	json_decref(rec);
	return ret;
}

/* Count a line that is an object but not a good one; name the first. */
static int bad_line(struct run *r, const char *where, unsigned long number, struct lc_err *err)
{
	struct lc_err why = *err;

	lc_fail(err, LC_DATA, "%s line %lu: %.300s", where, number, why.text);
	if (r->asked->strict)
		return -1;
	if (r->bad++ == 0)
		r->unsaid = *err;
	return 0;
}

static void say_bad(struct run *r)
{
	if (r->unsaid.text[0])
		lc_warn("%.400s (passed over)", r->unsaid.text);
	r->unsaid.text[0] = '\0';
}

/* The name given for a metric that no step had: 1 and words for it, or 0. */
static int name_unseen(const struct run *r, char *text, size_t size)
{
	const struct lc_names *names = &r->asked->names;

	for (int i = 0; i < names->n; i++) {
		int m = names->map[i].metric;
		const char *metric = m < 0 ? "step" : lc_metric_name((enum lc_metric)m);

		if (m < 0 ? r->steps > 0 : r->steps == 0 || r->seen >> m & 1)
			continue;
		if (m >= LC_OWN1 && r->asked->own[m - LC_OWN1][0])
			metric = r->asked->own[m - LC_OWN1];
		snprintf(text, size, "no step has %s as %s", metric, names->map[i].name);
		return 1;
	}
	return 0;
}

/* A followed file has no end to say it at. */
static void say_unseen_so_far(const struct run *r)
{
	char text[200];

	if (r->asked->follow && r->steps == FIRST_LOOK && name_unseen(r, text, sizeof(text)))
		lc_warn("%s so far", text);
}

/* A line that is no step record: a rewind takes steps back, all else is nothing to us. */
static int other_record(struct run *r, const char *line, size_t len, struct lc_err *err)
{
	json_t *rec;
	long to;
	int is;

	if (!memmem(line, len, "\"rewind\"", 8))
		return 0;
	rec = lc_json_parse(line, len, "record", NULL);
	is = rec ? lc_record_is(rec, "rewind", 1, err) : 0;
	to = is > 0 ? lc_json_get_int(rec, "to", -1) : -1;
	json_decref(rec);
	if (to >= 0)
		lc_detect_rewind(r->d, to);
	return is < 0 ? -1 : 0;
}

static int emit_events(struct run *r, const struct lc_step *st, int hush, struct lc_err *err)
{
	struct lc_event ev;

	while (lc_detect_event(r->d, &ev))
		if (!hush && emit(r, record_event(r, &ev, st), err) < 0)
			return -1;
	return 0;
}

/*
 * An lr off its plan, in what was logged since the actions in force were told: they are read at the
 * first line of that, when a trainer that was told them has begun.
 */
static int take_lr(struct run *r, const struct lc_step *st, unsigned long number, int hush,
		   struct lc_err *err)
{
	unsigned long before =
		r->asked->told >= 0 ? (unsigned long)r->asked->told : r->asked->since;
	struct lc_alert a;

	hush |= number <= before;
	if (number > before && !r->told) {
		r->told = 1;
		offplan_reset(&r->off);
		if (r->asked->actions && offplan_actions(&r->off, r->asked->actions, err) < 0)
			return -1;
	}
	if (!offplan_step(&r->off, st, &a) || hush)
		return 0;
	r->alerts++;
	return emit(r, record_alert(r, &a, st), err);
}

static int one_step(struct run *r, const struct lc_step *st, unsigned long number,
		    struct lc_err *err)
{
	struct lc_alert a;
	int hush = number <= r->asked->since || st->step <= r->asked->after;

	if (r->siblings && siblings_agree(r->siblings, st->step))
		lc_detect_blame_data(r->d, st->step);
	if (lc_detect_step(r->d, st, &a) && !hush) {
		r->alerts++;
		if (emit(r, record_alert(r, &a, st), err) < 0)
			return -1;
	}
	if (!(r->asked->first_only && r->alerts) && take_lr(r, st, number, hush, err) < 0)
		return -1;
	if (emit_events(r, st, hush || r->asked->first_only, err) < 0)
		return -1;
	r->judged += !isnan(lc_detect_index(r->d));
	return r->asked->show_index ? emit(r, record_index(r, st), err) : 0;
}

int run_line(struct run *r, const char *line, size_t len, const char *where, unsigned long number,
	     struct lc_err *err)
{
	static const unsigned values =
		~(1u << LC_LR | 1u << LC_VAL_LOSS | 1u << LC_TEST_LOSS | 1u << LC_TOKENS |
		  1u << LC_WALL_S | 1u << LC_GVAR | 1u << LC_UPDATE_RATIO);
	struct lc_step st;
	int kind = lc_step_parse(line, len, &r->asked->names, &st, err);

	if (kind < 0)
		return bad_line(r, where, number, err);
	if (kind == 0)
		return other_record(r, line, len, err);
	say_bad(r);
	r->steps++;
	r->seen |= st.has;
	r->valued += (st.has & values) != 0;
	if (one_step(r, &st, number, err) < 0)
		return -1;
	say_unseen_so_far(r);
	return 0;
}

int run_look_back(struct run *r, int restored, struct lc_err *err)
{
	int unseen;

	*err = (struct lc_err){LC_DATA, ""};
	unseen = name_unseen(r, err->text, sizeof(err->text));
	if (r->valued == 0 && !restored) {
		if (r->steps == 0 && !unseen)
			lc_fail(err, LC_DATA, "no step records in the input%s%.400s",
				r->unsaid.text[0] ? "; " : " (lc-read makes them of other logs)",
				r->unsaid.text);
		else if (!unseen)
			lc_fail(err, LC_DATA,
				"no step has a loss or a gradient norm (-m names them)");
		return -1;
	}
	say_bad(r);
	if (r->bad > 1)
		lc_warn("%lu malformed lines passed over", r->bad);
	if (unseen && !(r->asked->first_only && r->alerts)) /* it might have come */
		lc_warn("%s", err->text);
	if (!r->judged && !r->alerts && !unseen && r->valued)
		lc_warn("only %d values: needs more than %d to judge", lc_detect_values(r->d),
			r->asked->conf.min_steps);
	return 0;
}

int asked_add_name(struct asked *asked, const char *arg, struct lc_err *err)
{
	size_t len = strcspn(arg, "=");
	char *as;
	int ret, k = 0;

	if (lc_names_add(&asked->names, arg, err) == 0)
		return 0;
	if (len == 0 || len >= sizeof(asked->own[0]) || arg[len] != '=' ||
	    strspn(arg, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
		return -1;
	while (k < 4 && asked->own[k][0])
		k++;
	if (k == 4)
		return lc_fail(err, LC_USAGE, "%s: more than 4 channels of your own", arg);
	as = lc_path("own%d%s", k + 1, arg + len);
	ret = lc_names_add(&asked->names, as, err);
	free(as);
	if (ret == 0)
		memcpy(asked->own[k], arg, len);
	return ret;
}

/* The channel of that name, or -1. */
static int find_channel(const struct asked *asked, const char *name, size_t len)
{
	for (int m = LC_ATTN_ENTROPY; m < LC_METRICS; m++) {
		const char *own = m >= LC_OWN1 ? asked->own[m - LC_OWN1] : "";
		const char *is = own[0] ? own : lc_metric_name((enum lc_metric)m);

		if (m != LC_UPDATE_RATIO && strlen(is) == len && memcmp(is, name, len) == 0)
			return m;
	}
	return -1;
}

int asked_add_cross(struct asked *asked, const char *arg, struct lc_err *err)
{
	size_t len = strcspn(arg, "=");
	int m = find_channel(asked, arg, len), n = 0;
	struct lc_cross *c = &asked->conf.cross[asked->conf.ncross];

	if (asked->conf.ncross == LC_CROSSES)
		return lc_fail(err, LC_USAGE, "--cross: more than %d", LC_CROSSES);
	if (m < 0)
		return lc_fail(err, LC_USAGE, "--cross %s: no such channel", arg);
	c->metric = (enum lc_metric)m;
	c->within = WITHIN;
	if (sscanf(arg + len, "=%lf%n:%lf%n", &c->level, &n, &c->within, &n) < 1 ||
	    arg[len + (size_t)n] || !isfinite(c->level) || !(c->within > 0))
		return lc_fail(err, LC_USAGE, "--cross %s: wants METRIC=LEVEL[:STEPS]", arg);
	asked->conf.ncross++;
	return 0;
}
