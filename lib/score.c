/* score: see score.h. */
#include "score.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "stat.h"

const struct lc_score_conf lc_score_defaults = {
	.within = 5,
	.margin = 50,
	.gap = 50,
};

/* Null or absent is dflt. */
static int get_step(const json_t *obj, const char *key, long dflt, long *step, struct lc_err *err)
{
	const json_t *v = json_object_get(obj, key);

	*step = dflt;
	if (!v || json_is_null(v))
		return dflt < 0 ? lc_fail(err, LC_DATA, "no %s", key) : 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return lc_fail(err, LC_DATA, "%s is no step", key);
	*step = (long)json_integer_value(v);
	return 0;
}

static int read_label(const json_t *obj, struct lc_label *l, struct lc_err *err)
{
	const char *run = lc_json_get_str(obj, "run", NULL);
	const char *kind = lc_json_get_str(obj, "kind", "spike");
	static const char *const kinds[] = {"spike", "drift", "nonfinite", "outlier"};
	int known = 0;

	if (!run || !*run)
		return lc_fail(err, LC_DATA, "no run");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		known |= strcmp(kind, kinds[i]) == 0;
	if (!known)
		return lc_fail(err, LC_DATA, "%.40s: no such kind", kind);
	l->outlier = strcmp(kind, "outlier") == 0;
	if (get_step(obj, "onset", -1, &l->onset, err) < 0 ||
	    get_step(obj, "damage", l->onset, &l->damage, err) < 0 ||
	    get_step(obj, "end", l->outlier ? l->damage : LONG_MAX, &l->end, err) < 0)
		return -1;
	if (l->damage < l->onset || l->end < l->damage)
		return lc_fail(err, LC_DATA, "onset, damage and end are not in this order");
	l->run = lc_path("%s", run);
	return 0;
}

static int add_line(struct lc_labels *all, const char *line, size_t len, struct lc_err *err)
{
	json_t *obj = lc_json_parse(line, len, "label", err);
	int ret = -1;

	if (!obj)
		return -1;
	all->label = lc_xrealloc(all->label, all->n + 1, sizeof(*all->label));
	memset(&all->label[all->n], 0, sizeof(*all->label));
	if (!json_is_object(obj))
		lc_fail(err, LC_DATA, "no object");
	else
		ret = read_label(obj, &all->label[all->n], err);
	all->n += ret == 0;
	json_decref(obj);
	return ret;
}

int lc_labels_load(struct lc_labels *all, const char *path, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_err why;
	char *line;
	size_t len;
	int more;

	memset(all, 0, sizeof(*all));
	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		if (line[strspn(line, " \t")] == '\0' || add_line(all, line, len, &why) == 0)
			continue;
		more = lc_fail(err, why.code, "%s line %lu: %.300s", path, in.line, why.text);
		break;
	}
	lc_lines_close(&in);
	if (more < 0)
		lc_labels_release(all);
	return more;
}

void lc_labels_release(struct lc_labels *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->label[i].run);
	free(all->label);
	memset(all, 0, sizeof(*all));
}

/* Does the path, less .jsonl, end with this name, at the beginning of one of its parts? */
static int ends_with(const char *path, const char *run)
{
	size_t len = strlen(path), n = strlen(run);

	if (len > 6 && strcmp(path + len - 6, ".jsonl") == 0)
		len -= 6;
	return n <= len && memcmp(path + len - n, run, n) == 0 &&
	       (n == len || path[len - n - 1] == '/');
}

/* Whose a record is: nobody's, healthy, or of label i as i + OF_LABEL. */
enum { HEALTHY, NOBODYS, OF_LABEL };

struct ground {
	const struct lc_score_conf *conf;
	const long *step;
	const char *fired;
	size_t n;
	unsigned *whose;
};

/* The first record with a step of at least this. */
static size_t record_of(const struct ground *g, long step)
{
	size_t i = 0;

	while (i < g->n && g->step[i] < step)
		i++;
	return i;
}

/* The records from from to below to, where no stronger claim is on them. */
static void claim(struct ground *g, size_t from, size_t to, unsigned whose)
{
	for (size_t i = from; i < to && i < g->n; i++)
		if (whose != NOBODYS || g->whose[i] == HEALTHY)
			g->whose[i] = whose;
}

static size_t less(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

/* The records of a label, [*from, *to). */
static void span(const struct ground *g, const struct lc_label *l, size_t *from, size_t *to)
{
	*from = record_of(g, l->onset);
	*to = l->end == LONG_MAX ? g->n : record_of(g, l->end + 1);
	if (l->outlier)
		*to += (size_t)g->conf->within;
}

static void count_event(const struct ground *g, const struct lc_label *l, unsigned whose,
			struct lc_tally *t)
{
	size_t from, to, late = record_of(g, l->damage) + (size_t)g->conf->within;

	span(g, l, &from, &to);
	if (from >= g->n) /* the log ends before */
		return;
	while (from < to && from < g->n && !(g->fired[from] && g->whose[from] == whose))
		from++;
	if (l->outlier) {
		t->outliers++;
		t->blamed += from < to && from < g->n;
		return;
	}
	t->events++;
	if (from >= to || from >= g->n)
		return;
	t->in_time += from <= late;
	t->lead[(int)t->found] = (double)(l->damage - g->step[from]);
	t->delay[(int)t->found++] = (double)(g->step[from] - l->onset);
}

static void count_false(const struct ground *g, struct lc_tally *t)
{
	size_t last = 0;
	int any = 0;

	for (size_t i = 0; i < g->n; i++) {
		int counts = g->whose[i] == HEALTHY && i >= (size_t)g->conf->young;

		t->records += counts;
		if (!g->fired[i])
			continue;
		t->false_alarms += counts && !(any && i - last <= (size_t)g->conf->gap);
		any = 1;
		last = i;
	}
}

/* The length of the longest name that is this path's. */
static size_t name_of(const struct lc_labels *all, const char *path)
{
	size_t longest = 0;

	for (size_t i = 0; i < all->n; i++)
		if (strlen(all->label[i].run) > longest && ends_with(path, all->label[i].run))
			longest = strlen(all->label[i].run);
	return longest;
}

static int is_of(const struct lc_label *l, const char *path, size_t name)
{
	return strlen(l->run) == name && ends_with(path, l->run);
}

void lc_score_run(const struct lc_score_conf *conf, const struct lc_labels *all, const char *path,
		  const long *step, const char *fired, size_t n, struct lc_tally *t)
{
	struct ground g = {conf, step, fired, n, lc_xalloc(n + 1, sizeof(unsigned))};
	size_t name = name_of(all, path), from, to, margin = (size_t)conf->margin, mine = 0;

	memset(t, 0, sizeof(*t));
	for (int outliers = 1; outliers >= 0; outliers--) /* events are the stronger claim */
		for (size_t i = 0; i < all->n; i++) {
			if (!is_of(&all->label[i], path, name) || all->label[i].outlier != outliers)
				continue;
			span(&g, &all->label[i], &from, &to);
			claim(&g, less(from, margin), from, NOBODYS);
			claim(&g, to, to + margin, NOBODYS);
			claim(&g, from, to, OF_LABEL + (unsigned)i);
			mine++;
		}
	t->lead = lc_xalloc(mine + 1, sizeof(double));
	t->delay = lc_xalloc(mine + 1, sizeof(double));
	for (size_t i = 0; i < all->n; i++)
		if (is_of(&all->label[i], path, name))
			count_event(&g, &all->label[i], OF_LABEL + (unsigned)i, t);
	count_false(&g, t);
	free(g.whose);
}

void lc_tally_release(struct lc_tally *t)
{
	free(t->lead);
	free(t->delay);
	memset(t, 0, sizeof(*t));
}

/* The figures of these runs, some of them several times. room holds all leads. */
static void figures(const struct lc_tally *const *runs, size_t n, double *room,
		    double out[LC_FIGURES])
{
	struct lc_tally all = {0};
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		all.records += runs[i]->records;
		all.false_alarms += runs[i]->false_alarms;
		all.events += runs[i]->events;
		all.found += runs[i]->found;
		all.in_time += runs[i]->in_time;
	}
	out[LC_FALSE_10K] = all.records > 0 ? 1e4 * all.false_alarms / all.records : NAN;
	out[LC_RECALL] = all.events > 0 ? all.found / all.events : NAN;
	out[LC_IN_TIME] = all.events > 0 ? all.in_time / all.events : NAN;
	for (size_t i = 0; i < n; i++)
		for (int j = 0; j < (int)runs[i]->found; j++)
			room[k++] = runs[i]->lead[j];
	out[LC_LEAD] = lc_median(room, k);
	k = 0;
	for (size_t i = 0; i < n; i++)
		for (int j = 0; j < (int)runs[i]->found; j++)
			room[k++] = runs[i]->delay[j];
	out[LC_DELAY] = lc_median(room, k);
}

/* The middle 95 % of the finite ones among x. */
static void interval(double *x, size_t n, struct lc_figure *out)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (!isnan(x[i]))
			x[k++] = x[i];
	out->low = lc_quantile(x, k, .025);
	out->high = lc_quantile(x, k, .975);
}

void lc_score_figures(const struct lc_tally *runs, size_t n, uint64_t seed, int resamples,
		      struct lc_figure out[LC_FIGURES])
{
	const struct lc_tally **pick = lc_xalloc(n + 1, sizeof(*pick));
	double *drawn = lc_xalloc((size_t)resamples * LC_FIGURES + 1, sizeof(double));
	double most = 0, x[LC_FIGURES], *room;
	struct lc_rng rng = {seed, 0, 0};

	for (size_t i = 0; i < n; i++) {
		most = fmax(most, runs[i].found);
		pick[i] = &runs[i];
	}
	room = lc_xalloc((size_t)most * n + 1, sizeof(double));
	figures(pick, n, room, x);
	for (int b = 0; b < resamples; b++) {
		double one[LC_FIGURES];

		for (size_t i = 0; i < n; i++)
			pick[i] = &runs[lc_rng_below(&rng, n)];
		figures(pick, n, room, one);
		for (int f = 0; f < LC_FIGURES; f++)
			drawn[f * resamples + b] = one[f];
	}
	for (int f = 0; f < LC_FIGURES; f++) {
		out[f].x = x[f];
		interval(drawn + (size_t)f * (size_t)resamples, (size_t)resamples, &out[f]);
	}
	free(room);
	free(drawn);
	free(pick);
}
