/* verify: reads and hashes all that snapshots are made of, and says what is damaged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "pool.h"
#include "snap.h"

#define BATCH 16

struct damage { /* the files of a snapshot that are damaged, and of the first of them why */
	size_t files;
	char *path, *why;
	json_t *all;
};

struct verifier {
	const struct opts *o;
	struct lc_store *st;
	struct lc_pool *pool;
	size_t damaged;
	struct damage at; /* of the snapshot at hand */
	uint64_t done, total;
	struct lc_id *seen; /* chunks that snapshots refer to, in no order */
	size_t nseen, cap;
	/* one batch of a file's chunks */
	const struct lc_id *ids;
	char *buf[BATCH];
	size_t len[BATCH];
	struct lc_err err[BATCH];
	/* chunks that no snapshot refers to */
	size_t loose[BATCH];
};

/* A file of the snapshot at hand. */
static void note_file(struct verifier *v, const char *path, const char *why)
{
	char *shown = lc_path_encode(path);

	if (!v->at.all)
		v->at.all = json_array();
	json_array_append_new(v->at.all, json_pack("{s:s,s:s}", "path", shown, "why", why));
	if (v->at.files++ == 0) {
		v->at.path = shown;
		v->at.why = lc_path("%s", why);
		return;
	}
	free(shown);
}

/* One line a snapshot: files of it, or (no file) its manifest; id NULL: of the store itself. */
static void report(struct verifier *v, const struct lc_id *id, const struct lc_manifest *m,
		   const char *why)
{
	char hex[LC_HEX_LEN + 1] = "-", *name, *more = lc_path("%s", "");
	json_t *o;

	v->damaged++;
	if (id)
		lc_id_hex(id, hex);
	if (v->at.files > 1) {
		free(more);
		more = lc_path(" (and %zu more of its files)", v->at.files - 1);
	}
	name = m ? lc_path("%s@%ld", m->run, m->step) : lc_path("-");
	if (v->o->json) {
		o = json_pack("{s:s,s:i,s:s,s:s}", "type", "damage", "v", 1, "snapshot", hex, "why",
			      why);
		if (m)
			json_object_update_new(o,
					       json_pack("{s:s,s:I,s:O}", "run", m->run, "step",
							 (json_int_t)m->step, "files", v->at.all));
		lc_json_emit(stdout, o, NULL);
		json_decref(o);
	} else {
		printf("%.12s  %s  %s: %s%s\n", hex, name, v->at.path ? v->at.path : "-", why,
		       more);
	}
	free(name);
	free(more);
}

static void report_files(struct verifier *v, const struct lc_snapshot *s)
{
	if (v->at.files)
		report(v, &s->id, &s->m, v->at.why);
	free(v->at.path);
	free(v->at.why);
	json_decref(v->at.all);
	v->at = (struct damage){0};
}

static void get_task(void *ctx, int i)
{
	struct verifier *v = ctx;

	v->err[i].code = LC_OK;
	v->buf[i] = lc_xrealloc(v->buf[i], v->len[i], 1);
	lc_store_get(v->st, &v->ids[i], v->buf[i], v->len[i], &v->err[i]);
}

/* Read n chunks, which must exist. */
static int check_batch(struct verifier *v, const struct lc_id *ids, int n, struct lc_err *err)
{
	v->ids = ids;
	for (int i = 0; i < n; i++)
		if (lc_store_size(v->st, &ids[i], &v->len[i], err) < 0)
			return -1;
	lc_pool_run(v->pool, n, get_task, v);
	for (int i = 0; i < n; i++) {
		if (v->err[i].code != LC_OK)
			return lc_fail(err, v->err[i].code, "%s", v->err[i].text);
		v->done += v->len[i];
	}
	progress(v->o, v->done, v->total);
	return 0;
}

static int check_file(struct verifier *v, const struct lc_entry *e, struct lc_err *err)
{
	uint64_t before = v->done;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < e->nchunks; i += BATCH)
		ret = check_batch(v, e->chunks + i,
				  (int)(e->nchunks - i < BATCH ? e->nchunks - i : BATCH), err);
	if (ret == 0 && v->done - before != e->size)
		return lc_fail(err, LC_DATA, "its chunks do not add up to its size");
	return ret;
}

static void see(struct verifier *v, const struct lc_entry *e)
{
	if (e->nchunks == 0)
		return;
	while (v->nseen + e->nchunks > v->cap) {
		v->cap = v->cap ? 2 * v->cap : 1024;
		v->seen = lc_xrealloc(v->seen, v->cap, sizeof(*v->seen));
	}
	memcpy(v->seen + v->nseen, e->chunks, e->nchunks * sizeof(*e->chunks));
	v->nseen += e->nchunks;
}

static void check_snapshot(struct verifier *v, const struct lc_snapshot *s)
{
	for (size_t i = 0; i < s->m.n; i++) {
		const struct lc_entry *e = &s->m.e[i];
		struct lc_err err;
		if (e->kind != LC_FILE)
			continue;
		if (check_file(v, e, &err) < 0) {
			if (err.code == LC_SYS)
				lc_die(&err);
			note_file(v, e->path, err.text);
		}
		see(v, e);
	}
	report_files(v, s);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct lc_id));
}

static void loose_task(void *ctx, int i)
{
	struct verifier *v = ctx;

	v->err[i].code = LC_OK;
	lc_store_check(v->st, v->loose[i], &v->err[i]);
}

/* What no snapshot refers to (its saver was killed) counts too: a later save would build on it. */
static void check_rest(struct verifier *v)
{
	struct lc_err err;
	size_t n = lc_store_chunks(v->st, &err), at = 0;
	const char *why;

	if (err.code != LC_OK)
		lc_die(&err);
	for (size_t i = 0; (why = lc_store_bad_pack(v->st, i)); i++)
		report(v, NULL, NULL, why);
	qsort(v->seen, v->nseen, sizeof(*v->seen), by_id);
	while (at < n) {
		int k = 0;
		for (; at < n && k < BATCH; at++)
			if (!v->nseen || !bsearch(lc_store_chunk(v->st, at), v->seen, v->nseen,
						  sizeof(*v->seen), by_id))
				v->loose[k++] = at;
		lc_pool_run(v->pool, k, loose_task, v);
		for (int i = 0; i < k; i++)
			if (v->err[i].code != LC_OK)
				report(v, NULL, NULL, v->err[i].text);
	}
}

/* The list left them out: read them again to say what is wrong with each. */
static void report_manifests(struct verifier *v)
{
	struct lc_id *ids;
	struct lc_err err;
	size_t n;

	if (lc_store_ids(v->st, &ids, &n, &err) < 0)
		lc_die(&err);
	for (size_t i = 0; i < n; i++) {
		struct lc_snapshot s;
		if (lc_store_read(v->st, &ids[i], &s, &err) < 0)
			report(v, &ids[i], NULL, err.text);
		else
			lc_snapshot_release(&s);
	}
	free(ids);
}

/* The snapshots to look at: those named, else all. Damaged manifests are reported. */
static void check_list(struct verifier *v, const struct snap_list *list, int argc, char **argv)
{
	struct lc_err err;

	for (size_t i = 0; argc == 0 && i < list->n; i++)
		v->total += lc_manifest_bytes(&list->s[i].m);
	for (size_t i = 0; argc == 0 && i < list->n; i++)
		check_snapshot(v, &list->s[i]);
	for (int i = 0; i < argc; i++) {
		struct lc_snapshot s;
		if (snap_pick(v->st, argv[i], v->o, &s, &err) < 0)
			lc_die(&err);
		v->total += lc_manifest_bytes(&s.m);
		check_snapshot(v, &s);
		lc_snapshot_release(&s);
	}
	if (argc == 0 && list->bad)
		report_manifests(v);
}

int verb_verify(const struct opts *o, int argc, char **argv)
{
	struct verifier v = {.o = o};
	struct snap_list list = {0};
	struct lc_err err;
	size_t damaged;

	v.st = lc_store_open(o->store, 0, &err);
	if (!v.st || (argc == 0 && snap_list_load(v.st, o, &list, &err) < 0))
		lc_die(&err);
	v.pool = lc_pool_open(lc_cpu_count());
	if (!v.pool) {
		lc_fail_sys(&err, "start threads");
		lc_die(&err);
	}
	check_list(&v, &list, argc, argv);
	if (argc == 0)
		check_rest(&v);
	progress(o, 0, 0);
	damaged = v.damaged;
	if (damaged)
		lc_warn("%s: %zu damaged", o->store, damaged);
	else if (!o->quiet)
		lc_warn("%s: %llu bytes read, all whole", o->store, (unsigned long long)v.done);
	for (int i = 0; i < BATCH; i++)
		free(v.buf[i]);
	free(v.seen);
	lc_pool_close(v.pool);
	snap_list_release(&list);
	lc_store_close(v.st);
	return damaged ? LC_NO : LC_OK;
}
