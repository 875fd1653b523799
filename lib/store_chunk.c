/* store_chunk: the chunks of a store: the table of where each lies, and the new pack. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "pool.h"
#include "store_impl.h"

static size_t home(const struct lc_store *st, const struct lc_id *id)
{
	size_t h;

	memcpy(&h, id->b, sizeof(h));
	return h & st->mask;
}

/* The first place of id at or after slot *i of the table, or NULL; *i is where to go on from. */
static struct place *find_from(const struct lc_store *st, const struct lc_id *id, size_t *i)
{
	for (; st->table && st->table[*i]; *i = (*i + 1) & st->mask) {
		struct place *p = &st->at[st->table[*i] - 1];
		if (memcmp(p->c.id.b, id->b, 32) == 0)
			return p;
	}
	return NULL;
}

size_t store_copies(const struct lc_store *st, const struct lc_id *id, struct place *copy,
		    size_t *number)
{
	const struct place *p;
	size_t i, n = 0;

	pthread_rwlock_rdlock(&st->cache->table);
	for (i = home(st, id); n < COPIES_MAX && (p = find_from(st, id, &i));
	     i = (i + 1) & st->mask)
		if (p->pack >= 0) {
			if (number)
				number[n] = (size_t)(p - st->at);
			copy[n++] = *p;
		}
	pthread_rwlock_unlock(&st->cache->table);
	return n;
}

int store_depth(const struct lc_store *st, const struct lc_id *id)
{
	const struct place *p;
	int depth = -1;
	size_t i;

	pthread_rwlock_rdlock(&st->cache->table);
	for (i = home(st, id); (p = find_from(st, id, &i)); i = (i + 1) & st->mask)
		if (p->pack != PACK_COMING && p->sound != DAMAGED &&
		    (depth < 0 || p->c.depth < depth))
			depth = p->c.depth;
	pthread_rwlock_unlock(&st->cache->table);
	return depth;
}

static void table_add(struct lc_store *st, size_t number)
{
	size_t i = home(st, &st->at[number].c.id);

	while (st->table[i])
		i = (i + 1) & st->mask;
	st->table[i] = (uint32_t)(number + 1);
}

static void place_add(struct lc_store *st, const struct lc_chunk *c, int pack)
{
	if (st->n == st->cap) {
		st->cap = st->cap ? 2 * st->cap : 1024;
		st->at = lc_xrealloc(st->at, st->cap, sizeof(*st->at));
		free(st->table);
		st->mask = 2 * st->cap - 1;
		st->table = lc_xalloc(2 * st->cap, sizeof(*st->table));
		for (size_t i = 0; i < st->n; i++)
			table_add(st, i);
	}
	st->at[st->n] = (struct place){*c, pack, UNSEEN};
	table_add(st, st->n++);
}

static int by_offset(const void *a, const void *b)
{
	const struct lc_chunk *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void load_pack(struct lc_store *st, const char *name)
{
	char *path = lc_path("%s/packs/%s", st->dir, name);
	struct lc_chunk *c;
	struct lc_err err;
	size_t n;

	if (lc_pack_load(path, &c, &n, &err) < 0) {
		st->bad = lc_xrealloc(st->bad, st->nbad + 1, sizeof(*st->bad));
		st->bad[st->nbad++] = lc_path("%s", err.text);
		free(path);
		return;
	}
	st->packs = lc_xrealloc(st->packs, (size_t)st->npacks + 1, sizeof(*st->packs));
	st->packs[st->npacks] = path;
	if (n) /* at[] is in the order in which packs are read best */
		qsort(c, n, sizeof(*c), by_offset);
	for (size_t i = 0; i < n; i++)
		place_add(st, &c[i], st->npacks);
	st->npacks++;
	free(c);
}

static int is_pack(const struct dirent *de)
{
	size_t n = strlen(de->d_name);

	return n > 5 && strcmp(de->d_name + n - 5, ".pack") == 0;
}

int store_load(struct lc_store *st, struct lc_err *err)
{
	struct dirent **names;
	char *dir;
	int n;

	if (st->loaded)
		return 0;
	dir = lc_path("%s/packs", st->dir);
	n = scandir(dir, &names, is_pack, alphasort);
	if (n < 0)
		lc_fail_sys(err, "read %s", dir);
	free(dir);
	if (n < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		load_pack(st, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	st->cache = store_cache_new();
	st->loaded = 1;
	st->first_new = st->n;
	return 0;
}

void store_chunks_release(struct lc_store *st)
{
	writer_abort(st->writer);
	lc_pool_close(st->pool);
	store_cache_release(st);
	for (int i = 0; i < st->npacks; i++)
		free(st->packs[i]);
	for (size_t i = 0; i < st->nbad; i++)
		free(st->bad[i]);
	free(st->packs);
	free(st->bad);
	free(st->at);
	free(st->table);
	*st = (struct lc_store){.dir = st->dir, .lock = st->lock, .planes = st->planes};
}

int store_start_pool(struct lc_store *st, struct lc_err *err)
{
	int threads = lc_cpu_count();

	if (!st->pool)
		st->pool = lc_pool_open(threads < THREADS_MAX ? threads : THREADS_MAX);
	return st->pool ? 0 : lc_fail_sys(err, "start threads");
}

long store_register(struct lc_store *st, const struct lc_id *id, size_t len, int anew)
{
	struct lc_chunk c = {.id = *id, .raw = (uint32_t)len};
	const struct place *p;
	long number = -1;
	int known = 0;
	size_t i;

	pthread_rwlock_wrlock(&st->cache->table);
	for (i = home(st, id); !known && (p = find_from(st, id, &i)); i = (i + 1) & st->mask)
		known = p->pack < 0 || (p->sound == SOUND && !anew);
	if (!known) {
		number = (long)st->n;
		place_add(st, &c, PACK_COMING);
	}
	pthread_rwlock_unlock(&st->cache->table);
	return number;
}

int store_append(struct lc_store *st, long number, struct lc_chunk *c, const void *body,
		 struct lc_err *err)
{
	if (!st->writer && (writer_open(&st->writer, st->dir, err) < 0 ||
			    writer_add(st->writer, LC_PACK_MAGIC, LC_PACK_HEAD, err) < 0))
		return -1;
	c->at = writer_end(st->writer);
	if (writer_add(st->writer, body, c->stored, err) < 0)
		return -1;
	pthread_rwlock_wrlock(&st->cache->table);
	st->at[number].c = *c;
	st->at[number].pack = PACK_NEW;
	pthread_rwlock_unlock(&st->cache->table);
	return 0;
}

/* What is in the new pack is from now on in the finished one. */
static void add_pack(struct lc_store *st, char *path)
{
	st->packs = lc_xrealloc(st->packs, (size_t)st->npacks + 1, sizeof(*st->packs));
	for (size_t i = st->first_new; i < st->n; i++) {
		st->at[i].pack = st->npacks;
		st->at[i].sound = SOUND;
	}
	st->packs[st->npacks++] = path;
	st->first_new = st->n;
}

/* What was found known may be of a saver that was killed between its rename and this. */
static int sync_packs(const struct lc_store *st, struct lc_err *err)
{
	char *dir = lc_path("%s/packs", st->dir);
	int ret = lc_fsync_dir(dir, err);

	free(dir);
	return ret;
}

int lc_store_flush(struct lc_store *st, uint64_t *stored, struct lc_err *err)
{
	size_t n = st->n - st->first_new, len;
	char *tail, *path, hex[LC_HEX_LEN + 1];
	struct writer *w = st->writer;
	struct lc_chunk *c;
	struct lc_id name;
	uint64_t end;
	int ret;

	*stored = 0;
	if (st->broken)
		return lc_fail(err, LC_SYS, "%s: what was put before has failed", st->dir);
	if (!w) /* else writer_commit does it */
		return sync_packs(st, err);
	c = lc_xalloc(n, sizeof(*c));
	for (size_t i = 0; i < n; i++)
		c[i] = st->at[st->first_new + i].c;
	end = writer_end(w);
	ret = lc_pack_tail(c, n, end, &tail, &len, &name, err);
	free(c);
	if (ret < 0)
		return -1;
	lc_id_hex(&name, hex);
	path = lc_path("%s/packs/%s.pack", st->dir, hex);
	ret = writer_add(w, tail, len, err);
	free(tail);
	if (ret == 0) {
		st->writer = NULL;
		ret = writer_commit(w, path, err);
	}
	if (ret < 0) {
		st->broken = 1;
		free(path);
		return -1;
	}
	add_pack(st, path);
	*stored = end + len;
	return 0;
}
