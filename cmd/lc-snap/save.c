/* save: reads a checkpoint into the store and prints its snapshot record. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "io.h"
#include "job.h"
#include "json.h"
#include "snap.h"
#include "store_parts.h"
#include "store_state.h"

static void show(void *ctx, uint64_t done, uint64_t total)
{
	progress(ctx, done, total);
}

/* A file that is longer by now would be kept as it was: that is no state that ever was. */
static int save_files(const struct opts *o, struct lc_store *st, const struct tree *t,
		      struct lc_state *s, struct lc_err *err)
{
	int ret = lc_store_put_state(st, s, err);

	progress(o, 0, 0);
	return ret < 0 ? -1 : tree_recheck(t, err);
}

static int save_tree(const struct opts *o, struct lc_store *st, const struct tree *t,
		     struct lc_snapshot *snap, struct lc_err *err)
{
	struct lc_input *in = lc_xalloc(t->m->n, sizeof(*in));
	struct lc_state s = {.in = in, .progress = show, .ctx = (void *)(uintptr_t)o};
	struct lc_snapshot base = {0};
	int ret, found;

	tree_hyper(t, &s.hyper);
	found = base_find(st, &snap->m, &base);
	s.base = found ? &base.m : NULL;

	for (size_t i = 0; i < t->m->n; i++)
		if (t->m->e[i].kind == LC_FILE)
			in[s.n++] = (struct lc_input){.path = tree_path(t, i), .e = &t->m->e[i]};
	ret = save_files(o, st, t, &s, err);
	if (s.base_used) {
		snap->base = base.id;
		snap->links = base.links + 1;
	}
	for (size_t i = 0; i < s.n; i++)
		free((char *)(uintptr_t)in[i].path);
	free(in);
	lc_snapshot_release(&base);
	return ret;
}

static int name_it(const struct opts *o, const struct tree *t, struct lc_manifest *m,
		   struct lc_err *err)
{
	struct lc_err ignored, why = {LC_OK, ""};

	m->step = o->step >= 0 ? o->step : tree_step(t, &why);
	if (m->step < 0)
		return lc_fail(err, LC_USAGE, "%s: of which step is it? say --step N", t->root);
	if (why.code != LC_OK && !o->quiet)
		lc_warn("%.400s: step %ld is taken from elsewhere", why.text, m->step);
	m->run = o->run ? lc_path("%s", o->run) : tree_run(t);
	if (!m->run)
		m->run = lc_path("run");
	for (size_t i = 0; i < o->tags.ntags; i++)
		lc_manifest_tag(m, o->tags.tags[i].key, o->tags.tags[i].value, &ignored);
	return 0;
}

/* Of parts, their whole is asked. */
static int require(const struct opts *o, const struct tree *t, struct lc_err *err)
{
	unsigned found = lc_manifest_roles(t->m), lacks = o->parts ? 0 : o->require & ~found;
	char *has = snap_roles(found), *why = snap_roles(lacks);
	int ret = 0;

	if (lacks)
		ret = lc_fail(err, LC_DATA, "%s: not complete: no %s (found: %s)", t->root, why,
			      has);
	free(has);
	free(why);
	return ret;
}

static void say_roles(const struct opts *o, const struct lc_manifest *m)
{
	unsigned found = lc_manifest_roles(m), lacks = LC_ROLES_NEEDED & ~found;
	char *has = snap_roles(found), *missing = snap_roles(lacks);

	if (!o->quiet)
		lc_warn("%s@%ld: found %s; missing: %s", m->run, m->step, found ? has : "no role",
			lacks ? missing : "nothing");
	free(has);
	free(missing);
}

/* One part: 1 when it was the last; else *record says which there are. */
static int add_part(const struct opts *o, struct lc_store *st, struct lc_snapshot *s,
		    json_t **record, struct lc_err *err)
{
	struct lc_shard p = {*s, o->part, o->parts, (char *)(uintptr_t)(o->group ? o->group : ""),
			     o->require};
	struct lc_parts in = {0};
	struct lc_snapshot whole;
	char *words;
	int ret;

	if (lc_parts_settle(st, err) < 0 && !o->quiet)
		lc_warn("another state: %s", err->text);
	ret = lc_parts_add(st, &p, &whole, &in, err);
	if (ret == 1) {
		lc_snapshot_release(s);
		*s = whole;
	} else if (ret == 0 && in.n > 0) {
		words = parts_words(in.p, in.n);
		if (!o->quiet)
			lc_warn("%s@%ld: %s", s->m.run, s->m.step, words);
		free(words);
		*record = parts_record(in.p, in.n);
	}
	lc_parts_release(&in);
	return ret;
}

#define DEVICE_WORTH ((uint64_t)4 << 30) /* bytes from which a device may pay */

static int use_device(struct lc_store *st, const struct tree *t, struct lc_err *err)
{
	struct lc_device dev;
	int got = lc_device_open(lc_manifest_bytes(t->m) >= DEVICE_WORTH, &dev, err);

	if (got > 0)
		lc_store_use(st, dev.planes);
	return got < 0 ? -1 : 0;
}

/* The store is made last, not for nothing. 1: there is a snapshot, 0: a part of one; or -1. */
static int save(const struct opts *o, const struct tree *t, struct lc_snapshot *s, json_t **record,
		struct lc_err *err)
{
	struct lc_store *st = lc_store_open(o->store, 1, err);
	int ret = -1;

	*record = NULL;
	if (st && use_device(st, t, err) == 0 && save_tree(o, st, t, s, err) == 0 &&
	    lc_store_flush(st, &s->stored, err) == 0)
		ret = o->parts			     ? add_part(o, st, s, record, err)
		      : lc_store_add(st, s, err) < 0 ? -1
						     : 1;
	lc_store_close(st);
	if (ret == 1)
		*record = snap_record(s);
	return ret;
}

static int look(const struct opts *o, const char *path, struct tree *t, struct lc_manifest *m,
		struct lc_err *err)
{
	return tree_walk(t, path, o->store, m, err) < 0 || name_it(o, t, m, err) < 0 ||
			       require(o, t, err) < 0
		       ? -1
		       : 0;
}

int save_path(const struct opts *o, const char *path, json_t **record, struct lc_err *err)
{
	struct lc_snapshot s = {0};
	struct tree t = {0};
	int ret = look(o, path, &t, &s.m, err);

	if (ret == 0)
		ret = save(o, &t, &s, record, err);
	tree_release(&t);
	lc_snapshot_release(&s);
	return ret < 0 ? -1 : 0;
}

/* Looked at, and waited for what is on its way: then looked at again. */
static int prepare(const struct opts *o, const char *path, struct tree *t, struct lc_snapshot *s,
		   struct lc_err *err)
{
	int ret = look(o, path, t, &s->m, err);

	if (ret < 0 || !jobs_wait(o, s->m.run, o->detach ? 2 : 1))
		return ret;
	tree_release(t);
	lc_snapshot_release(s);
	memset(s, 0, sizeof(*s));
	return look(o, path, t, &s->m, err);
}

int verb_save(const struct opts *o, int argc, char **argv)
{
	struct lc_snapshot s = {0};
	struct tree t = {0};
	json_t *record = NULL;
	struct lc_err err;
	int ret, failed = 0;

	if (argc != 1)
		lc_usage("save takes one PATH");
	if (o->group && !o->parts)
		lc_usage("--group is for --part");
	ret = prepare(o, argv[0], &t, &s, &err);
	if (ret == 0) {
		failed = jobs_name(o, 1);
		ret = o->move || o->detach ? save_taken(o, argv[0], &t, &err)
					   : save(o, &t, &s, &record, &err);
	}
	if (record && ret >= 0 && lc_json_emit(stdout, record, &err) < 0)
		ret = -1;
	if (ret == 1 || (ret == 0 && !o->parts))
		say_roles(o, &s.m);
	json_decref(record);
	tree_release(&t);
	lc_snapshot_release(&s);
	if (ret < 0)
		lc_die(&err);
	return failed ? LC_NO : LC_OK;
}
