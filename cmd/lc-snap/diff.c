/*
 * diff: what differs between two snapshots, file by file and tensor by tensor.
 *
 * What lies in chunks of the same names is equal without being read. A directory may stand for a
 * snapshot; of it all is read.
 */
#include <stdlib.h>
#include <string.h>

#include "differ.h"
#include "io.h"

static int side_open(struct side *s, const struct opts *o, struct lc_store *st, const char *word,
		     struct lc_err *err)
{
	struct stat sb;

	s->st = st;
	if (strchr(word, '/') && stat(word, &sb) == 0) {
		s->on_disk = 1;
		return tree_walk(&s->tree, word, o->store, &s->snap.m, err);
	}
	return snap_pick(st, word, o, &s->snap, err);
}

static void side_release(struct side *s)
{
	if (s->on_disk)
		tree_release(&s->tree);
	lc_snapshot_release(&s->snap);
}

static int same_chunks(const struct lc_entry *a, const struct lc_entry *b)
{
	return a->size == b->size && a->nchunks == b->nchunks &&
	       (a->nchunks == 0 ||
		memcmp(a->chunks, b->chunks, a->nchunks * sizeof(*a->chunks)) == 0);
}

static int alone(struct differ *d, const struct lc_entry *e, int k, struct lc_err *err)
{
	d->found = 1;
	d->files += e->kind == LC_FILE;
	return show_entry(d, k ? "added" : "removed", k ? NULL : e, k ? e : NULL, e->size, err);
}

static int pair_of_files(struct differ *d, size_t i, size_t j, struct lc_err *err)
{
	const struct lc_entry *a = &d->side[0].snap.m.e[i], *b = &d->side[1].snap.m.e[j];
	struct file_fate f;
	int ret;

	if (!d->side[0].on_disk && !d->side[1].on_disk && same_chunks(a, b)) {
		d->done += a->size;
		progress(d->o, d->done, d->total);
		return 0;
	}
	ret = file_fate_find(d, i, j, &f, err);
	if (ret == 0 && f.bytes > 0) {
		d->found = 1;
		d->files++;
		ret = show_file(d, &f, err);
	}
	file_fate_release(&f);
	return ret;
}

/* Entries of the same path. */
static int pair(struct differ *d, size_t i, size_t j, struct lc_err *err)
{
	const struct lc_entry *a = &d->side[0].snap.m.e[i], *b = &d->side[1].snap.m.e[j];

	if (a->kind != b->kind)
		return alone(d, a, 0, err) < 0 ? -1 : alone(d, b, 1, err);
	if (a->mode != b->mode) {
		d->found = 1;
		if (show_entry(d, "mode", a, b, 0, err) < 0)
			return -1;
	}
	if (a->kind == LC_FILE)
		return pair_of_files(d, i, j, err);
	if (a->kind == LC_LINK && strcmp(a->target, b->target) != 0) {
		d->found = 1;
		return show_entry(d, "changed", a, b, 0, err);
	}
	return 0;
}

/* Entries of both, in the order of their paths: those of one name meet. */
static int walk(struct differ *d, struct lc_err *err)
{
	const struct lc_manifest *a = &d->side[0].snap.m, *b = &d->side[1].snap.m;
	size_t i = 0, j = 0;

	d->total = lc_manifest_bytes(a);
	while (i < a->n || j < b->n) {
		int order = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->e[i].path, b->e[j].path);
		int ret = order < 0   ? alone(d, &a->e[i], 0, err)
			  : order > 0 ? alone(d, &b->e[j], 1, err)
				      : pair(d, i, j, err);
		if (ret < 0)
			return -1;
		i += order <= 0;
		j += order >= 0;
	}
	return 0;
}

/* After what stdout still holds: the two may be one. */
static void say(const struct differ *d)
{
	fflush(stdout);
	if (!d->found)
		lc_warn("nothing differs");
	else
		lc_warn("%zu file%s differ%s, %zu tensor%s in them", d->files,
			d->files == 1 ? "" : "s", d->files == 1 ? "s" : "", d->tensors,
			d->tensors == 1 ? "" : "s");
}

int verb_diff(const struct opts *o, int argc, char **argv)
{
	struct differ d = {.o = o};
	struct lc_store *st;
	struct lc_err err;
	int ret = -1;

	if (argc != 2)
		lc_usage("diff takes two snapshots, or a snapshot and a directory");
	st = lc_store_open(o->store, 0, &err);
	d.pool = lc_pool_open(lc_cpu_count());
	if (st && side_open(&d.side[0], o, st, argv[0], &err) == 0 &&
	    side_open(&d.side[1], o, st, argv[1], &err) == 0)
		ret = walk(&d, &err);
	progress(o, 0, 0);
	if (ret == 0 && !o->quiet)
		say(&d);
	for (int k = 0; k < 2; k++)
		side_release(&d.side[k]);
	lc_pool_close(d.pool);
	lc_store_close(st);
	if (ret < 0)
		lc_die(&err);
	return d.found ? LC_NO : LC_OK;
}
