/* fleet: see fleet.h. */
#include "fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "action.h"
#include "io.h"
#include "json.h"
#include "template.h"
#include "words.h"

struct branch *fleet_find(const struct fleet *f, const char *id)
{
	for (int i = 0; id && i < f->n; i++)
		if (strcmp(f->b[i]->id, id) == 0)
			return f->b[i];
	return NULL;
}

/* Put a branch at place `at`. Takes rec. */
static int insert(struct fleet *f, int at, json_t *rec, int announced, struct lc_err *err)
{
	struct branch *b = lc_xalloc(1, sizeof(*b));

	if (branch_init(b, rec, f->dir, err) < 0 || lc_actions_check(b->actions, err) < 0 ||
	    fleet_find(f, b->id)) {
		if (b->dir && fleet_find(f, b->id))
			lc_fail(err, LC_DATA, "branch %s: there twice", b->id);
		branch_release(b);
		free(b);
		return -1;
	}
	b->announced = announced;
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 64;
		f->b = lc_xrealloc(f->b, (size_t)f->cap, sizeof(*f->b));
	}
	memmove(f->b + at + 1, f->b + at, (size_t)(f->n - at) * sizeof(*f->b));
	f->b[at] = b;
	f->n++;
	return 0;
}

/* One lc-fork at a time works in a directory; the kernel lets go when it ends, however it ends. */
static int lock_dir(struct fleet *f, struct lc_err *err)
{
	char *path = lc_path("%s/lock", f->dir);
	int ret = 0;

	f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (f->lock < 0)
		ret = lc_fail_sys(err, "open %s", path);
	else if (flock(f->lock, LOCK_EX | LOCK_NB) < 0)
		ret = errno == EWOULDBLOCK
			      ? lc_fail(err, LC_SYS, "%s: another lc-fork is at work there", f->dir)
			      : lc_fail_sys(err, "lock %s", path);
	free(path);
	return ret;
}

/* The first branch record names the fork, and so its directory. */
static int make_dir(struct fleet *f, const char *dir, const json_t *rec, struct lc_err *err)
{
	const char *fork = lc_json_get_str(rec, "fork", "unnamed");
	char *name;

	if (f->dir)
		return 0;
	if (!dir && !good_name(fork))
		return lc_fail(err, LC_DATA, "fork \"%.40s\": not a name", fork);
	name = dir ? lc_path("%s", dir) : lc_path("lc-fork-%s", fork);
	if (lc_mkdirs(name, err) == 0) {
		f->dir = realpath(name, NULL);
		if (!f->dir)
			lc_fail_sys(err, "find %s", name);
	}
	free(name);
	return f->dir ? lock_dir(f, err) : -1;
}

/* Pass a line on; keep it when it is a branch record. */
static int take_line(struct fleet *f, const char *dir, const char *line, size_t len,
		     struct lc_err *err)
{
	json_t *rec = json_loadb(line, len, 0, NULL);
	int is = rec ? lc_record_is(rec, "branch", 1, err) : 0;

	if (is > 0 &&
	    (make_dir(f, dir, rec, err) < 0 || insert(f, f->n, json_incref(rec), 1, err) < 0))
		is = -1;
	json_decref(rec);
	if (is >= 0 && (fwrite(line, 1, len, stdout) != len || putchar('\n') == EOF))
		is = lc_fail_sys(err, "write stdout");
	return is < 0 ? -1 : 0;
}

static int all_have_parents(const struct fleet *f, struct lc_err *err)
{
	for (int i = 0; i < f->n; i++)
		if (f->b[i]->parent && !fleet_find(f, f->b[i]->parent))
			return lc_fail(err, LC_DATA,
				       "branch %s: starts from %s, which is not in the plan",
				       f->b[i]->id, f->b[i]->parent);
	return f->n ? 0 : lc_fail(err, LC_DATA, "no branch records in the input");
}

int fleet_read(struct fleet *f, const char *dir, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_err why;
	char *line;
	size_t len;
	int more;

	lc_lines_open(&in, "-", 0, err);
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0)
		if (take_line(f, dir, line, len, &why) < 0) {
			lc_fail(err, why.code, "line %lu: %.400s", in.line, why.text);
			more = -1;
			break;
		}
	lc_lines_close(&in);
	if (more < 0)
		return -1;
	if (fflush(stdout) == EOF)
		return lc_fail_sys(err, "write stdout");
	return all_have_parents(f, err);
}

int fleet_restore(struct fleet *f, const char *store, struct lc_err *err)
{
	char *states = lc_path("%s/state", f->dir);
	int ret = lc_mkdirs(states, err);

	for (int i = 0; ret == 0 && i < f->n; i++) {
		struct branch *b = f->b[i];
		const char *id = lc_json_get_str(json_object_get(b->rec, "from"), "snapshot", NULL);
		if (b->parent || !id)
			continue;
		b->state = lc_path("%s/%.16s", states, id);
		ret = snapshot_restore(store, id, b->state, err);
	}
	free(states);
	return ret;
}

int fleet_start(struct fleet *f, struct branch *b, const char *tmpl, struct lc_err *err)
{
	json_t *told = lc_actions_over(json_object_get(b->rec, "base"), b->actions);
	struct lc_future future = {b->id, b->state, b->dir, NULL, b->from_step, b->horizon, told};
	char *out = lc_path("%s/stdout.jsonl", b->dir), *errs = lc_path("%s/stderr.txt", b->dir),
	     *filled = NULL;
	struct lc_words w = {.nholes = 0};
	int ret = -1;

	/* what an earlier, unfinished try left is no evidence */
	if (lc_remove_tree(b->dir, err) == 0 && lc_mkdirs(b->dir, err) == 0 &&
	    lc_words_init(&w, &future, err) == 0)
		filled = lc_template_fill(tmpl, w.holes, w.nholes, err);
	if (filled) {
		struct lc_command c = {filled, NULL, out, errs, w.env};
		ret = lc_proc_start(&b->proc, &f->keeper, &c, err);
	}
	if (ret == 0)
		b->status = RUNNING;
	lc_words_release(&w);
	json_decref(told);
	free(filled);
	free(out);
	free(errs);
	return ret;
}

void fleet_sweep(const struct branch *b)
{
	char *mark = lc_path("LC_OUT=%s/out", b->dir);

	lc_proc_sweep(mark);
	free(mark);
}

/* The state a branch wrote at the end of its horizon, or NULL. */
static char *last_state(const struct branch *b)
{
	static const char *const patterns[] = {"step-%08ld", "step-%ld", "checkpoint-%ld",
					       "iter_%07ld", "%ld"};
	char *out = lc_path("%s/out", b->dir), *path = NULL, *name;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		name = lc_path(patterns[i], b->from_step + b->horizon);
#pragma GCC diagnostic pop
		path = lc_path("%s/%s", out, name);
		free(name);
		if (access(path, F_OK) == 0)
			break;
		free(path);
		path = NULL;
	}
	free(out);
	return path;
}

static json_t *segment(const struct branch *b, const char *kind, long steps)
{
	const json_t *base = json_object_get(b->rec, "base");
	json_t *rec = lc_record_new("branch", 1), *actions = lc_actions_in_force(NULL, b->actions);
	char *id = lc_path("%s.%s", b->id, kind);

	json_object_set(rec, "fork", json_object_get(b->rec, "fork"));
	json_object_set_new(rec, "branch", json_string(id));
	json_object_set_new(rec, "role", json_string("probe"));
	json_object_set_new(rec, "kind", json_string(kind));
	json_object_set(rec, "order", json_object_get(b->rec, "order"));
	json_object_set_new(rec, "from",
			    json_pack("{s:s,s:I}", "branch", b->id, "step",
				      (json_int_t)(b->from_step + b->horizon)));
	json_object_set_new(rec, "horizon", json_integer(steps));
	if (base)
		json_object_set(rec, "base", (json_t *)base);
	/* at the control's lr, and over its data: a future is read on common ground, not on its
	 * own; what else it changed for good stays */
	if (json_object_get(b->actions, "lr_scale"))
		json_object_set_new(actions, "lr_scale",
				    json_real(lc_json_get_num(base, "lr_scale", 1)));
	if (json_object_get(b->actions, "reseed"))
		json_object_set_new(actions, "reseed",
				    json_integer(lc_json_get_int(base, "reseed", 0)));
	if (json_object_get(b->actions, "lr_warmup"))
		json_object_set_new(actions, "lr_warmup", json_integer(0));
	if (strcmp(kind, "cool") == 0)
		json_object_set_new(actions, "lr_tail",
				    json_pack("{s:s,s:i,s:I}", "shape", "linear", "to", 0, "steps",
					      (json_int_t)steps));
	json_object_set_new(rec, "actions", actions);
	free(id);
	return rec;
}

/* Did an earlier run of this fork finish the branch of that name? Then its state may be gone. */
static int ended_before(const struct fleet *f, const json_t *rec)
{
	char *end = lc_path("%s/%s/end.json", f->dir, lc_json_get_str(rec, "branch", ""));
	int yes = access(end, F_OK) == 0;

	free(end);
	return yes;
}

int fleet_add_segments(struct fleet *f, int at, struct lc_err *err)
{
	static const char *const kinds[] = {"return", "cool"};
	struct branch *b = f->b[at];
	const json_t *readout = json_object_get(b->rec, "readout");
	char *state = last_state(b);
	int made = 0, ret = 0;

	b->segments_made = 1;
	for (int i = 0; ret == 0 && i < 2; i++) {
		long steps = lc_json_get_int(readout, kinds[i], 0);
		json_t *rec = steps < 1 ? NULL : segment(b, kinds[i], steps);
		/* a plan may hold them already: records of an earlier run, fed back in */
		if (!rec || fleet_find(f, lc_json_get_str(rec, "branch", ""))) {
			json_decref(rec);
		} else if (state || ended_before(f, rec)) {
			ret = insert(f, at + 1 + made++, rec, 0, err);
		} else {
			snprintf(b->why, sizeof(b->why),
				 "it left no state of step %ld: its readouts were not run",
				 b->from_step + b->horizon);
			json_decref(rec);
		}
	}
	free(state);
	return ret;
}

int fleet_ready(const struct fleet *f, struct branch *b)
{
	const struct branch *p = fleet_find(f, b->parent);

	if (b->state)
		return 1;
	if (p->status < DONE)
		return 0;
	if (p->status == DONE && b->from_step == p->from_step + p->horizon)
		b->state = last_state(p);
	if (b->state)
		return 1;
	b->status = FAILED;
	snprintf(b->why, sizeof(b->why), "branch %.100s left no state of step %ld", p->id,
		 b->from_step);
	return -1;
}

void fleet_release(struct fleet *f)
{
	for (int i = 0; i < f->n; i++) {
		lc_proc_kill(&f->b[i]->proc, &f->keeper);
		branch_release(f->b[i]);
		free(f->b[i]);
	}
	lc_keeper_close(&f->keeper);
	if (f->lock > 0)
		close(f->lock);
	free(f->b);
	free(f->dir);
}
