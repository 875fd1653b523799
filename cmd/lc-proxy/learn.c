/*
 * lc-proxy fit RUN...: what past runs teach, as a model (lib/lawmodel.h).
 *
 * A RUN is the log of one run, with its branches where it has them; a directory is a fork of the
 * run named before it, as lc-fork run leaves them. Each run is fitted by itself, then they are kept
 * side by side: what a new run takes from each is decided when it is known.
 */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "lawlearn.h"
#include "proxy.h"

static int is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * What lc-fork run says of a branch's end, where it does: which step it left its run at, and that
 * it was stopped for a loss that the log need not have.
 */
static void read_end(struct lc_series *s, const char *fork, const char *name)
{
	char *path = lc_path("%s/%s/status.json", fork, name);
	json_t *j = access(path, R_OK) == 0 ? lc_json_load(path, NULL) : NULL;
	const json_t *from = json_object_get(json_object_get(j, "record"), "from");
	long at = lc_json_get_int(from, "step", -1);

	if (at >= 0 && at < s->row[0].step)
		s->from = at;
	if (strstr(lc_json_get_str(j, "why", ""), "non-finite") && !isinf(s->row[s->n - 1].loss)) {
		struct lc_row end = s->row[s->n - 1];
		end.step++;
		end.loss = INFINITY;
		end.val_loss = NAN;
		s->row = lc_xrealloc(s->row, (size_t)s->n + 1, sizeof(*s->row));
		s->cap = s->n + 1;
		s->row[s->n++] = end;
	}
	json_decref(j);
	free(path);
}

/* A branch's own log, named by its directory; rows that name no branch are its. */
static void read_branch(const struct options *o, struct lc_past *past, const char *file,
			const char *fork, const char *name)
{
	struct lc_past one;
	struct lc_err err;
	struct lc_series *s;
	int take = 0;

	lc_past_init(&one);
	if (lc_past_read(&one, file, &o->names, &err) < 0)
		lc_die(&err);
	for (int i = 1; i < one.n; i++)
		if (one.series[i].n > one.series[take].n)
			take = i;
	if (one.series[take].n) {
		past->series = lc_xrealloc(past->series, (size_t)past->n + 1, sizeof(*s));
		s = &past->series[past->n++];
		*s = one.series[take];
		one.series[take].row = NULL;
		snprintf(s->name, sizeof(s->name), "%.63s", name);
		snprintf(s->fork, sizeof(s->fork), "%.63s", fork);
		s->parent = 0;
		s->from = s->row[0].step - 1;
		read_end(s, fork, name);
	}
	lc_past_release(&one);
}

/* DIR/BRANCH/{metrics,stdout}.jsonl: what the trainer wrote, else what it printed. */
static void read_fork(const struct options *o, struct lc_past *past, const char *dir)
{
	static const char *const files[] = {"metrics.jsonl", "stdout.jsonl"};
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort);
	struct lc_err err;

	if (n < 0) {
		lc_fail_sys(&err, "read %s", dir);
		lc_die(&err);
	}
	for (int i = 0; i < n; i++) {
		int done = list[i]->d_name[0] == '.';
		for (int k = 0; k < 2 && !done; k++) {
			char *file = lc_path("%s/%s/%s", dir, list[i]->d_name, files[k]);
			struct stat st;
			if (stat(file, &st) == 0 && st.st_size > 0) {
				read_branch(o, past, file, dir, list[i]->d_name);
				done = 1;
			}
			free(file);
		}
		free(list[i]);
	}
	free(list);
}

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What could not be learned from: how many runs, and why the first of them. */
struct passed {
	int n;
	char why[600];
};

static int learn_run(const char *name, struct lc_past *past, struct lc_law_model *model,
		     struct passed *passed)
{
	struct lc_run run;
	struct lc_law law;
	struct lc_err err;
	const char *why = err.text;

	if (lc_law_fit_member(&law, past, &err) == 0) {
		lc_run_features(&run, &law, past);
		why = law.eta_ref > 0 ? "its lr never fell" : "no lr logged";
		if (lc_model_add(model, base(name), &run, &law))
			why = NULL;
		lc_law_release(&law);
	}
	if (why && !passed->n++)
		snprintf(passed->why, sizeof(passed->why), "%.200s: %.300s", name, why);
	return why ? -1 : 0;
}

/* What the branches of run r say of divergence; a run that teaches nothing else does too. */
static int learn_forks(const struct lc_past *past, int r, struct lc_hazard_fork **all, int n)
{
	*all = lc_xrealloc(*all, (size_t)(n + past->n), sizeof(**all));
	for (int s = 1; s < past->n; s++)
		if (past->series[s].parent == 0)
			n += lc_hazard_fork(past, s, r, &(*all)[n]);
	return n;
}

int cmd_learn(const struct options *o)
{
	struct lc_law_model model = {0};
	struct lc_hazard_fork *fork = NULL;
	struct passed passed = {0};
	struct lc_pupil *run = lc_xalloc((size_t)o->narg, sizeof(*run));
	int n = 0, nfork = 0;
	struct lc_err err;
	json_t *j;

	if (o->nhistory)
		lc_usage("fit: either -H, for a law of one run, or runs, for a model of them");
	if (is_dir(o->arg[0]))
		lc_usage("fit: %s: a fork comes after the log of its run", o->arg[0]);
	for (int i = 0; i < o->narg;) {
		const char *name = o->arg[i];
		struct lc_past *past = lc_xalloc(1, sizeof(*past));
		lc_past_init(past);
		if (lc_past_read(past, name, &o->names, &err) < 0)
			lc_die(&err);
		for (i++; i < o->narg && is_dir(o->arg[i]); i++)
			read_fork(o, past, o->arg[i]);
		nfork = learn_forks(past, i, &fork, nfork);
		run[n] = (struct lc_pupil){base(name), past};
		if (learn_run(name, past, &model, &passed) == 0) {
			n++;
			continue;
		}
		lc_past_release(past);
		free(past);
	}
	if (model.n == 0) {
		lc_fail(&err, LC_DATA, "fit: nothing to learn from: %s", passed.why);
		lc_die(&err);
	}
	lc_model_learn(&model, run, n);
	if (nfork)
		lc_hazard_learn(fork, nfork, &model.hazard);
	free(fork);
	for (int i = 0; i < n; i++) {
		lc_past_release(run[i].past);
		free(run[i].past);
	}
	free(run);
	if (passed.n && !o->quiet)
		lc_warn("%d run%s passed over, the first: %s", passed.n, passed.n == 1 ? "" : "s",
			passed.why);
	j = lc_model_json(&model);
	if (strcmp(o->out, "-") == 0 ? lc_json_emit(stdout, j, &err) < 0
				     : lc_json_save(o->out, j, &err) < 0)
		lc_die(&err);
	if (!o->quiet)
		lc_warn("%s: a model of %d run%s; %d of %d branches diverged", o->out, model.n,
			model.n == 1 ? "" : "s", model.hazard.diverged, model.hazard.forks);
	json_decref(j);
	lc_model_release(&model);
	return LC_OK;
}
