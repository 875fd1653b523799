/* verify: reads and hashes all that snapshots are made of, and says what is damaged. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "snap.h"
#include "store_fetch.h"

struct damage { /* the files of a snapshot that are damaged, and of the first of them why */
	size_t files;
	char *path, *why;
	json_t *all;
};

enum { SOUND = 1, BAD };

struct bad { /* a copy of a chunk */
	struct lc_id id;
	size_t at; /* its number, as of lc_store_chunk */
	char *why;
	int elsewhere; /* another copy is sound */
};

struct verifier {
	const struct opts *o;
	struct lc_store *st;
	size_t damaged;
	struct damage at; /* of the snapshot at hand */
	uint64_t done, total;
	struct lc_id *seen; /* chunks that snapshots refer to, in no order until all are read */
	size_t nseen, cap;
	char *wanted; /* of each copy of a chunk: 0, SOUND, or BAD when it was found to be */
	pthread_mutex_t lock;
	struct bad *bad; /* by id */
	size_t nbad;
	struct lc_err err; /* the system refused */
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

static void see_snapshot(struct verifier *v, const struct lc_snapshot *s)
{
	for (size_t i = 0; i < s->m.n; i++)
		see(v, &s->m.e[i]);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct lc_id));
}

static int is_seen(const struct verifier *v, const struct lc_id *id)
{
	return v->nseen && bsearch(id, v->seen, v->nseen, sizeof(*v->seen), by_id);
}

static uint64_t size_of(const struct verifier *v, size_t i)
{
	size_t len = 0;

	lc_store_size(v->st, lc_store_chunk(v->st, i), &len, NULL);
	return len;
}

static void checked(void *ctx, size_t i, const struct lc_err *err)
{
	struct verifier *v = ctx;

	pthread_mutex_lock(&v->lock);
	if (err && err->code == LC_SYS)
		v->err = *err;
	if (err) {
		v->wanted[i] = BAD;
		v->bad = lc_xrealloc(v->bad, v->nbad + 1, sizeof(*v->bad));
		v->bad[v->nbad++] = (struct bad){
			.id = *lc_store_chunk(v->st, i), .at = i, .why = lc_path("%s", err->text)};
	}
	v->done += size_of(v, i);
	progress(v->o, v->done, v->total);
	pthread_mutex_unlock(&v->lock);
}

static struct bad *find_bad(const struct verifier *v, const struct lc_id *id)
{
	return v->nbad ? bsearch(id, v->bad, v->nbad, sizeof(*v->bad), by_id) : NULL;
}

/* Any sound copy will do: those of which there is one are no damage. */
static void drop_elsewhere(struct verifier *v, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n && v->nbad; i++) {
		struct bad *b =
			v->wanted[i] == SOUND ? find_bad(v, lc_store_chunk(v->st, i)) : NULL;
		while (b && b > v->bad && by_id(b - 1, b) == 0)
			b--;
		for (; b && b < v->bad + v->nbad && by_id(b, lc_store_chunk(v->st, i)) == 0; b++)
			b->elsewhere = 1;
	}
	for (size_t i = 0; i < v->nbad; i++) {
		if (v->bad[i].elsewhere)
			free(v->bad[i].why);
		else
			v->bad[kept++] = v->bad[i];
	}
	v->nbad = kept;
}

/* Each copy of each chunk is read once: of all, or (some) of the snapshots that were named. */
static void check_chunks(struct verifier *v, int some)
{
	struct lc_err err;
	size_t n = lc_store_chunks(v->st, &err);

	if (err.code != LC_OK)
		lc_die(&err);
	if (v->nseen)
		qsort(v->seen, v->nseen, sizeof(*v->seen), by_id);
	v->wanted = lc_xalloc(n, 1);
	for (size_t i = 0; i < n; i++) {
		v->wanted[i] = !some || is_seen(v, lc_store_chunk(v->st, i));
		v->total += v->wanted[i] ? size_of(v, i) : 0;
	}
	if (lc_store_check_all(v->st, v->wanted, checked, v, &err) < 0)
		lc_die(&err);
	progress(v->o, 0, 0);
	if (v->err.code)
		lc_die(&v->err);
	if (v->nbad)
		qsort(v->bad, v->nbad, sizeof(*v->bad), by_id);
	drop_elsewhere(v, n);
}

static int check_file(struct verifier *v, const struct lc_entry *e, struct lc_err *err)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < e->nchunks; i++) {
		const struct bad *b = find_bad(v, &e->chunks[i]);
		size_t len;
		if (b)
			return lc_fail(err, LC_DATA, "%s", b->why);
		if (lc_store_size(v->st, &e->chunks[i], &len, err) < 0)
			return -1;
		sum += len;
	}
	return sum == e->size ? 0 : lc_fail(err, LC_DATA, "its chunks do not add up to its size");
}

static void check_snapshot(struct verifier *v, const struct lc_snapshot *s)
{
	for (size_t i = 0; i < s->m.n; i++) {
		const struct lc_entry *e = &s->m.e[i];
		struct lc_err err;
		if (e->kind == LC_FILE && check_file(v, e, &err) < 0)
			note_file(v, e->path, err.text);
	}
	report_files(v, s);
}

/* What no snapshot refers to (its saver was killed) counts too, but not what a gc has left of it.
 */
static void check_rest(struct verifier *v)
{
	const char *why;

	for (size_t i = 0; (why = lc_store_bad_pack(v->st, i)); i++)
		report(v, NULL, NULL, why);
	for (size_t i = 0; i < v->nbad; i++)
		if (!is_seen(v, &v->bad[i].id) && !lc_store_is_leftover(v->st, v->bad[i].at))
			report(v, NULL, NULL, v->bad[i].why);
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

/* The snapshots named, or all that the options leave. */
static void load(struct verifier *v, struct snap_list *list, int argc, char **argv)
{
	struct lc_err err;

	if (argc == 0) {
		if (snap_list_load(v->st, v->o, list, &err) < 0)
			lc_die(&err);
		return;
	}
	list->s = lc_xalloc((size_t)argc, sizeof(*list->s));
	for (; list->n < (size_t)argc; list->n++)
		if (snap_pick(v->st, argv[list->n], v->o, &list->s[list->n], &err) < 0)
			lc_die(&err);
}

static void release(struct verifier *v)
{
	for (size_t i = 0; i < v->nbad; i++)
		free(v->bad[i].why);
	free(v->bad);
	free(v->wanted);
	free(v->seen);
	lc_store_close(v->st);
}

int verb_verify(const struct opts *o, int argc, char **argv)
{
	struct verifier v = {.o = o, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct snap_list list = {0};
	struct lc_err err;

	v.st = lc_store_open(o->store, 0, &err);
	if (!v.st)
		lc_die(&err);
	load(&v, &list, argc, argv);
	for (size_t i = 0; i < list.n; i++)
		see_snapshot(&v, &list.s[i]);
	check_chunks(&v, argc > 0);
	for (size_t i = 0; i < list.n; i++)
		check_snapshot(&v, &list.s[i]);
	if (argc == 0 && list.bad)
		report_manifests(&v);
	if (argc == 0)
		check_rest(&v);
	if (v.damaged)
		lc_warn("%s: %zu damaged", o->store, v.damaged);
	else if (!o->quiet)
		lc_warn("%s: %llu bytes read, all whole", o->store, (unsigned long long)v.done);
	snap_list_release(&list);
	release(&v);
	return v.damaged ? LC_NO : LC_OK;
}
