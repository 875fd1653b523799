/* lc-proxy fit: the law of a run's past, as a file; and what predict needs to get one. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "proxy.h"

void read_history(const struct options *o, struct lc_past *past)
{
	struct lc_err err;

	lc_past_init(past);
	for (int i = 0; i < o->nhistory; i++)
		if (lc_past_read(past, o->history[i], &o->names, &err) < 0)
			lc_die(&err);
	if (past->bad && !o->quiet)
		lc_warn("%lu bad line%s passed over, the first: %s", past->bad,
			past->bad == 1 ? "" : "s", past->first_bad);
}

void die_of_history(const struct options *o, const struct lc_err *why)
{
	struct lc_err err;

	if (o->nhistory > 1)
		lc_fail(&err, why->code, "%s and %d more: %s", o->history[0], o->nhistory - 1,
			why->text);
	else
		lc_fail(&err, why->code, "%s: %s", o->nhistory ? o->history[0] : "history",
			why->text);
	lc_die(&err);
}

static void read_plan(const char *path, struct lc_schedule *plan)
{
	struct lc_err err;

	if (lc_schedule_load(plan, path, &err) < 0)
		lc_die(&err);
}

/* The first alert record of the file: one JSON text, or lines of records. */
static json_t *read_alert(const char *path)
{
	struct lc_lines lines;
	struct lc_err err;
	char *line;
	size_t len;
	int got;

	if (lc_lines_open(&lines, path, 0, &err) < 0)
		lc_die(&err);
	while ((got = lc_lines_next(&lines, &line, &len, &err)) > 0) {
		json_t *j = lc_json_parse(line, len, path, NULL);
		int is = j ? lc_record_is(j, "alert", 1, &err) : 0;
		if (is < 0)
			lc_die(&err);
		if (is) {
			lc_lines_close(&lines);
			return j;
		}
		json_decref(j);
	}
	if (got == 0)
		lc_fail(&err, LC_DATA, "%s: no alert record", path);
	lc_die(&err);
}

static void read_law(const char *path, struct lc_law *law)
{
	struct lc_err err;
	json_t *j = lc_json_load(path, &err);

	if (j && lc_record_is(j, "model", 1, NULL) == 1)
		lc_usage("-l %s: a model of past runs; give the run's own -H too", path);
	if (!j || lc_law_parse(law, j, &err) < 0)
		lc_die(&err);
	json_decref(j);
}

/*
 * The model that comes with lc-proxy: in LC_DATADIR, beside the program (the build tree) or in the
 * share of where it is installed. NULL: none of them is there, and the law has no more than its own
 * prior.
 */
static char *default_model(void)
{
	const char *env = getenv("LC_DATADIR");
	char exe[4096], *slash, *path = NULL;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	const char *const dirs[] = {"", "/../share/lightcone"};

	exe[n > 0 ? n : 0] = '\0';
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	for (int i = env && *env ? -1 : 0; i < 2; i++) {
		path = lc_path("%s%s/model.json", i < 0 ? env : exe, i < 0 ? "" : dirs[i]);
		if (access(path, R_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

struct lc_law_model *read_model(const struct options *o)
{
	char *path = o->law ? lc_path("%s", o->law) : default_model();
	struct lc_law_model *m;
	struct lc_err err;
	json_t *j;

	if (!path || strcmp(path, "none") == 0) {
		free(path);
		return NULL;
	}
	m = lc_xalloc(1, sizeof(*m));
	j = lc_json_load(path, &err);
	free(path);
	if (j && lc_record_is(j, "law", 1, NULL) == 1)
		lc_usage("give either -H or -l: %s is the law of another past", o->law);
	if (!j || lc_model_parse(m, j, &err) < 0)
		lc_die(&err);
	json_decref(j);
	return m;
}

void get_law(const struct options *o, struct lc_law *law, struct lc_schedule *plan)
{
	struct lc_law_model *model;
	struct lc_past past;
	struct lc_err err;
	json_t *j;

	memset(plan, 0, sizeof(*plan));
	if (o->plan)
		read_plan(o->plan, plan);
	if (!o->nhistory && !o->law)
		lc_usage("give -H, or -l with a law");
	if (o->law && !o->nhistory) {
		if (o->alert)
			lc_usage("-a: an incident is cleaned away when the law is fitted; give it "
				 "to fit");
		read_law(o->law, law);
		return;
	}
	model = read_model(o);
	read_history(o, &past);
	if (o->alert) {
		j = read_alert(o->alert);
		lc_past_alert(&past, j);
		json_decref(j);
	}
	if (lc_law_fit_model(law, &past, (double)plan->total, model, &err) < 0)
		die_of_history(o, &err);
	if (model)
		lc_model_release(model);
	free(model);
	if (!(law->eta_ref > 0) && !o->quiet)
		lc_warn("%s: no lr logged: forecasts know the lr only as multiples of what it was",
			o->history[0]);
	lc_past_release(&past);
}

int cmd_fit(const struct options *o)
{
	struct lc_schedule plan;
	struct lc_law law;
	struct lc_err err;
	json_t *j;

	if (!o->out)
		lc_usage("fit: -o FILE is missing");
	if (o->narg)
		return cmd_learn(o);
	get_law(o, &law, &plan);
	j = lc_law_json(&law);
	if (strcmp(o->out, "-") == 0 ? lc_json_emit(stdout, j, &err) < 0
				     : lc_json_save(o->out, j, &err) < 0)
		lc_die(&err);
	if (!o->quiet)
		lc_warn("%s: %s, %d observations, misfit %.2f", o->out, lc_metric_name(law.metric),
			law.nobs, law.chi2);
	json_decref(j);
	lc_law_release(&law);
	return LC_OK;
}
