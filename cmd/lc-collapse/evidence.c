/* evidence: the records of one fork, by branch. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "action.h"
#include "collapse.h"
#include "io.h"
#include "json.h"
#include "record.h"

/* The slot that holds id, or the empty one where it belongs (FNV-1a; at most half are taken). */
static int slot_of(const struct evidence *ev, const char *id)
{
	unsigned h = 2166136261u;
	int at;

	for (const char *p = id; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	at = (int)(h & (unsigned)(ev->nslots - 1));
	while (ev->slots[at] >= 0 && strcmp(ev->f[ev->slots[at]].id, id) != 0)
		at = (at + 1) & (ev->nslots - 1);
	return at;
}

static void index_all(struct evidence *ev)
{
	ev->nslots = 2 * ev->cap; /* cap is a power of two */
	ev->slots = lc_xrealloc(ev->slots, (size_t)ev->nslots, sizeof(*ev->slots));
	for (int i = 0; i < ev->nslots; i++)
		ev->slots[i] = -1;
	for (int i = 0; i < ev->n; i++)
		ev->slots[slot_of(ev, ev->f[i].id)] = i;
}

struct future *evidence_find(const struct evidence *ev, const char *id)
{
	int at = id && ev->n ? ev->slots[slot_of(ev, id)] : -1;

	return at < 0 ? NULL : &ev->f[at];
}

static int add_branch(struct evidence *ev, json_t *rec, const char *line, struct lc_err *err)
{
	struct future *f;
	json_t *from = json_object_get(rec, "from");

	if (ev->n == ev->cap) {
		ev->cap = ev->cap ? 2 * ev->cap : 64;
		ev->f = lc_xrealloc(ev->f, (size_t)ev->cap, sizeof(*ev->f));
		index_all(ev);
	}
	f = &ev->f[ev->n];
	memset(f, 0, sizeof(*f));
	f->id = lc_json_get_str(rec, "branch", "");
	f->role = lc_json_get_str(rec, "role", "arm");
	f->kind = lc_json_get_str(rec, "kind", "restorative");
	f->parent = lc_json_get_str(from, "branch", NULL);
	f->from_step = lc_json_get_int(from, "step", -1);
	f->horizon = lc_json_get_int(rec, "horizon", 0);
	f->actions = json_object_get(rec, "actions");
	if (!*f->id || f->from_step < 0 || f->horizon < 1 || f->from_step > INT_MAX ||
	    f->horizon > INT_MAX)
		return lc_fail(err, LC_DATA,
			       "a branch record without branch, from.step or horizon");
	if (evidence_find(ev, f->id))
		return lc_fail(err, LC_DATA, "branch %s is there twice", f->id);
	if (lc_actions_check(f->actions, err) < 0)
		return -1;
	if (lc_hasher_init(&f->told, err) < 0)
		return -1;
	f->rec = json_incref(rec);
	f->line = lc_path("%s", line);
	ev->slots[slot_of(ev, f->id)] = ev->n++;
	return 0;
}

/* Of a future that is not there it is no evidence. */
static struct future *add_result(struct evidence *ev, json_t *rec)
{
	struct future *f = evidence_find(ev, lc_json_get_str(rec, "branch", ""));

	if (!f)
		return NULL;
	json_decref(f->result);
	f->result = json_incref(rec);
	f->status = lc_json_get_str(rec, "status", NULL);
	f->why = lc_json_get_str(rec, "why", "");
	f->wall_s = lc_json_get_num(rec, "wall_s", 0);
	return f;
}

static void add_forecast(struct evidence *ev, json_t *rec)
{
	struct future *f = evidence_find(ev, lc_json_get_str(rec, "branch", ""));

	if (!f)
		return;
	json_decref(f->forecast);
	f->forecast = json_incref(rec);
}

/* The future of a step: mostly that of the last step, or the next, as branches run side by side. */
static struct future *future_of(struct evidence *ev, const char *id)
{
	struct future *f;

	for (int i = 0; i < 2 && ev->n > 0; i++) {
		f = &ev->f[(ev->last + i) % ev->n];
		if (strcmp(f->id, id) == 0) {
			ev->last = (int)(f - ev->f);
			return f;
		}
	}
	f = evidence_find(ev, id);
	if (f)
		ev->last = (int)(f - ev->f);
	return f;
}

/* *whose: the future that the line tells of, or ev->run; NULL: it is no evidence. */
static int take(struct evidence *ev, const char *line, size_t len, struct future **whose,
		struct lc_err *err)
{
	struct lc_step st;
	json_t *rec;
	int is;

	ev->seen = *whose = NULL;
	if (lc_step_parse(line, len, ev->goal ? &ev->goal->names : NULL, &st, NULL) == 1) {
		struct future *f = st.step > INT_MAX ? NULL
				   : st.branch[0]    ? future_of(ev, st.branch)
						     : &ev->run;
		ev->logged |= st.has;
		if (f)
			future_read(ev->goal, f, &st);
		ev->seen = f == &ev->run ? NULL : f;
		*whose = f;
		return 0;
	}
	rec = json_loadb(line, len, 0, NULL);
	if (!rec)
		return 0;
	if ((is = lc_record_is(rec, "branch", 1, err)) != 0) {
		is = is < 0 ? -1 : add_branch(ev, rec, line, err);
		*whose = is < 0 ? NULL : &ev->f[ev->n - 1];
	} else if ((is = lc_record_is(rec, "result", 1, err)) != 0) {
		*whose = is > 0 ? add_result(ev, rec) : NULL;
	} else if ((is = lc_record_is(rec, "forecast", 1, err)) > 0) {
		add_forecast(ev, rec);
	}
	json_decref(rec);
	return is < 0 ? -1 : 0;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct lc_id));
}

/*
 * How the lines of branches lie among each other says only which was faster: a fork that was run on
 * after a kill prints the same lines in another order. So each future's are hashed by themselves,
 * and the run's own, and the hashes in the order of their bytes.
 */
static int hash_all(struct evidence *ev, struct lc_err *err)
{
	struct lc_id *id = lc_xalloc((size_t)ev->n + 1, sizeof(*id));
	int ret = lc_hasher_done(&ev->run.told, &id[ev->n], err);

	for (int i = 0; i < ev->n && ret == 0; i++)
		ret = lc_hasher_done(&ev->f[i].told, &id[i], err);
	qsort(id, (size_t)ev->n + 1, sizeof(*id), by_bytes);
	if (ret == 0)
		ret = lc_sha256(id, ((size_t)ev->n + 1) * sizeof(*id), &ev->hash, err);
	free(id);
	return ret;
}

struct watcher {
	evidence_watch *watch;
	void *arg;
};

/* What lc-fork run printed, when path is the directory of its fork. The caller's. */
static char *file_of(const char *path)
{
	struct stat st;

	if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return lc_path("%s/evidence.jsonl", path);
	return lc_path("%s", path);
}

static int read_file(struct evidence *ev, const char *path, const struct watcher *w,
		     struct lc_err *err)
{
	struct lc_lines in;
	struct lc_err why = {LC_DATA, ""};
	struct future *whose;
	char *line;
	size_t len;
	int more, ret = -1;

	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		if (take(ev, line, len, &whose, &why) < 0) {
			lc_fail(err, why.code, "%s line %lu: %.400s", path, in.line, why.text);
			goto out;
		}
		line[len] = '\n'; /* where the newline was, or the NUL after a torn line */
		if (whose && lc_hasher_add(&whose->told, line, len + 1, err) < 0)
			goto out;
		if (w->watch && ev->seen && w->watch(ev, ev->seen, w->arg, err) < 0)
			goto out;
	}
	ret = more;
out:
	lc_lines_close(&in);
	return ret;
}

int evidence_follow(struct evidence *ev, char *const *paths, int n, const struct goal *goal,
		    evidence_watch *watch, void *arg, struct lc_err *err)
{
	struct watcher w = {watch, arg};
	int ret;

	memset(ev, 0, sizeof(*ev));
	ev->goal = goal && goal->terms + goal->limits > 0 ? goal : NULL;
	ret = lc_hasher_init(&ev->run.told, err);
	for (int i = 0; i < n && ret == 0; i++) {
		char *file = file_of(paths[i]);
		ret = read_file(ev, file, &w, err);
		free(file);
	}
	if (ret == 0)
		ret = hash_all(ev, err);
	if (ret == 0 && ev->n == 0 && ev->run.n == 0)
		ret = lc_fail(err, LC_DATA, "%s: no branch records", n ? paths[n - 1] : "");
	if (ret < 0)
		evidence_release(ev);
	return ret;
}

int evidence_read_all(struct evidence *ev, char *const *paths, int n, struct lc_err *err)
{
	return evidence_follow(ev, paths, n, NULL, NULL, NULL, err);
}

int evidence_read(struct evidence *ev, const char *path, struct lc_err *err)
{
	char *paths[] = {(char *)path};

	return evidence_read_all(ev, paths, 1, err);
}

void evidence_release(struct evidence *ev)
{
	lc_hasher_done(&ev->run.told, NULL, NULL);
	for (int i = 0; i < ev->n; i++) {
		lc_hasher_done(&ev->f[i].told, NULL, NULL);
		json_decref(ev->f[i].rec);
		json_decref(ev->f[i].forecast);
		json_decref(ev->f[i].result);
		free(ev->f[i].line);
		free(ev->f[i].r);
		free(ev->f[i].also);
		free(ev->f[i].now);
	}
	free(ev->run.r);
	free(ev->run.also);
	free(ev->run.now);
	free(ev->f);
	free(ev->slots);
	memset(ev, 0, sizeof(*ev));
}
