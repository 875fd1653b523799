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

struct future *evidence_role(const struct evidence *ev, const char *role)
{
	for (int i = 0; i < ev->n; i++)
		if (strcmp(ev->f[i].role, role) == 0)
			return &ev->f[i];
	return NULL;
}

struct future *evidence_segment(const struct evidence *ev, const struct future *f, const char *kind)
{
	for (int i = 0; i < ev->n; i++)
		if (ev->f[i].parent && strcmp(ev->f[i].parent, f->id) == 0 &&
		    strcmp(ev->f[i].kind, kind) == 0)
			return &ev->f[i];
	return NULL;
}

/* Changes that go on working after the remedy is over, and so are worth something without any
 * incident. */
static const char *const lasting[] = {"lr_scale",    "lr_tail", "weight_decay_scale",
				      "batch_scale", "beta2",	"clip"};

int is_persistent(const struct future *f)
{
	return strcmp(f->kind, "persistent") == 0;
}

static struct future *with_actions(const struct evidence *ev, const struct future *same_from,
				   const json_t *actions)
{
	const json_t *from = json_object_get(same_from->rec, "from");

	for (int i = 0; i < ev->n; i++) {
		struct future *f = &ev->f[i];
		if (!f->parent && json_equal(f->actions, actions) &&
		    json_equal(json_object_get(f->rec, "from"), from))
			return f;
	}
	return NULL;
}

struct future *evidence_sibling(const struct evidence *ev, const struct future *f)
{
	json_t *plain = json_deep_copy(f->actions);
	struct future *found;

	for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
		json_object_del(plain, lasting[i]);
	found = with_actions(ev, f, plain);
	json_decref(plain);
	return found == f ? NULL : found;
}

struct future *evidence_changed(const struct evidence *ev, const struct future *plain,
				const struct future *f)
{
	json_t *actions = json_deep_copy(plain->actions), *v;
	struct future *found;

	for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
		if ((v = json_object_get(f->actions, lasting[i])))
			json_object_set(actions, lasting[i], v);
	found = with_actions(ev, plain, actions);
	json_decref(actions);
	return found == plain ? NULL : found;
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
	f->rec = json_incref(rec);
	f->line = lc_path("%s", line);
	ev->slots[slot_of(ev, f->id)] = ev->n++;
	return 0;
}

static void add_result(struct evidence *ev, json_t *rec)
{
	struct future *f = evidence_find(ev, lc_json_get_str(rec, "branch", ""));

	if (!f)
		return;
	json_decref(f->result);
	f->result = json_incref(rec);
	f->status = lc_json_get_str(rec, "status", NULL);
	f->why = lc_json_get_str(rec, "why", "");
	f->wall_s = lc_json_get_num(rec, "wall_s", 0);
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

/* 1: part of the evidence, 0: not, -1. */
static int take(struct evidence *ev, const char *line, size_t len, struct lc_err *err)
{
	struct lc_step st;
	struct future *f;
	json_t *rec;
	int is, ret = 0;

	ev->seen = NULL;
	if (lc_step_parse(line, len, NULL, &st, NULL) == 1) {
		f = st.step > INT_MAX ? NULL : st.branch[0] ? future_of(ev, st.branch) : &ev->run;
		if (f)
			future_read(ev->goal, f, &st);
		ev->seen = f == &ev->run ? NULL : f;
		return f != NULL;
	}
	rec = json_loadb(line, len, 0, NULL);
	if (!rec)
		return 0;
	if ((is = lc_record_is(rec, "branch", 1, err)) != 0) {
		ret = is < 0 || add_branch(ev, rec, line, err) < 0 ? -1 : 1;
	} else if ((is = lc_record_is(rec, "result", 1, err)) != 0) {
		ret = is;
		if (is > 0)
			add_result(ev, rec);
	} else if ((is = lc_record_is(rec, "forecast", 1, err)) != 0) {
		ret = is < 0 ? -1 : 0;
		if (is > 0)
			add_forecast(ev, rec);
	}
	json_decref(rec);
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

static int read_file(struct evidence *ev, struct lc_hasher *h, const char *path,
		     const struct watcher *w, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_err why = {LC_DATA, ""};
	char *line;
	size_t len;
	int more, part, ret = -1;

	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		part = take(ev, line, len, &why);
		if (part < 0) {
			lc_fail(err, why.code, "%s line %lu: %.400s", path, in.line, why.text);
			goto out;
		}
		line[len] = '\n'; /* where the newline was, or the NUL after a torn line */
		if (part && lc_hasher_add(h, line, len + 1, err) < 0)
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
	struct lc_hasher h = {NULL};
	int ret = 0;

	memset(ev, 0, sizeof(*ev));
	ev->goal = goal && goal->terms + goal->limits > 0 ? goal : NULL;
	if (lc_hasher_init(&h, err) < 0)
		return -1;
	for (int i = 0; i < n && ret == 0; i++) {
		char *file = file_of(paths[i]);
		ret = read_file(ev, &h, file, &w, err);
		free(file);
	}
	if (ret < 0)
		lc_hasher_done(&h, NULL, NULL);
	else
		ret = lc_hasher_done(&h, &ev->hash, err);
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
	for (int i = 0; i < ev->n; i++) {
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
