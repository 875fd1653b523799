/*
 * store_chunk: the chunks of a store: the table of where each lies, and putting them.
 *
 * Threads share out hashing and compressing; what ends up in a pack, and in which order, depends
 * on the bytes put alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "crc.h"
#include "io.h"
#include "pool.h"
#include "store_impl.h"

/*
 * States are nearly incompressible (the low mantissa bits are noise): level 1 gets what there is to
 * get. What gains less than 1/64 is kept raw, which restores faster than it decompresses.
 */
#define ZSTD_LEVEL 1
#define WORTH(raw) ((raw) - (raw) / 64)

size_t store_home(const struct lc_store *st, const struct lc_id *id)
{
	size_t h;

	memcpy(&h, id->b, sizeof(h));
	return h & st->mask;
}

/* The first place of id at or after slot *i of the table, or NULL; *i is where to go on from. */
const struct place *store_find_from(const struct lc_store *st, const struct lc_id *id, size_t *i)
{
	for (; st->table && st->table[*i]; *i = (*i + 1) & st->mask) {
		const struct place *p = &st->at[st->table[*i] - 1];
		if (memcmp(p->c.id.b, id->b, 32) == 0)
			return p;
	}
	return NULL;
}

const struct place *store_find(const struct lc_store *st, const struct lc_id *id)
{
	size_t i = store_home(st, id);

	return store_find_from(st, id, &i);
}

static void table_add(struct lc_store *st, size_t number)
{
	size_t i = store_home(st, &st->at[number].c.id);

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
	st->at[st->n] = (struct place){*c, pack};
	table_add(st, st->n++);
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
	st->cache = lc_xalloc(1, sizeof(*st->cache));
	pthread_mutex_init(&st->cache->lock, NULL);
	st->loaded = 1;
	st->first_new = st->n;
	return 0;
}

void store_chunks_release(struct lc_store *st)
{
	lc_tmp_abort(&st->tmp);
	lc_pool_close(st->pool);
	store_cache_release(st);
	for (int i = 0; st->slot && i < BATCH; i++) {
		free(st->slot[i].out);
		free(st->slot[i].in);
		ZSTD_freeCCtx(st->slot[i].z);
	}
	for (int i = 0; i < st->npacks; i++)
		free(st->packs[i]);
	for (size_t i = 0; i < st->nbad; i++)
		free(st->bad[i]);
	free(st->slot);
	free(st->packs);
	free(st->bad);
	free(st->at);
	free(st->table);
	*st = (struct lc_store){.dir = st->dir, .lock = st->lock, .tmp.fd = -1};
}

int store_start_writing(struct lc_store *st, struct lc_err *err)
{
	if (store_load(st, err) < 0)
		return -1;
	if (!st->slot) {
		st->slot = lc_xalloc(BATCH, sizeof(*st->slot));
		st->pool = lc_pool_open(lc_cpu_count());
	}
	return st->pool ? 0 : lc_fail_sys(err, "start threads");
}

void store_compress(struct slot *s)
{
	size_t n;

	if (s->room < SLOT_ROOM) {
		free(s->out);
		s->out = malloc(SLOT_ROOM);
		s->room = s->out ? SLOT_ROOM : 0;
	}
	if (!s->z)
		s->z = ZSTD_createCCtx();
	if (!s->out || !s->z) {
		errno = ENOMEM;
		lc_fail_sys(&s->err, "compress");
		return;
	}
	n = ZSTD_compressCCtx(s->z, s->out, SLOT_ROOM, s->raw, s->len, ZSTD_LEVEL);
	s->depth = 0;
	s->codec = !ZSTD_isError(n) && n < WORTH(s->len) ? LC_CODEC_ZSTD : LC_CODEC_RAW;
	s->stored = s->codec == LC_CODEC_ZSTD ? n : s->len;
}

static void put_task(void *ctx, int i)
{
	struct lc_store *st = ctx;
	struct slot *s = &st->slot[i];

	if (lc_sha256(s->raw, s->len, &s->id, &s->err) < 0)
		return;
	s->known = store_find(st, &s->id) != NULL;
	if (!s->known)
		store_compress(s);
}

int store_append(struct lc_store *st, const struct slot *s, struct lc_err *err)
{
	struct lc_chunk c = {.id = s->id,
			     .stored = (uint32_t)s->stored,
			     .raw = (uint32_t)s->len,
			     .codec = (uint8_t)s->codec,
			     .depth = (uint8_t)s->depth};
	const unsigned char *body = s->codec == LC_CODEC_RAW ? s->raw : s->out;
	char *prefix;
	int ret;

	if (st->end == 0) {
		prefix = lc_path("%s/tmp/", st->dir);
		ret = lc_tmp_file(&st->tmp, prefix, err);
		free(prefix);
		if (ret < 0 ||
		    lc_write_all(st->tmp.fd, LC_PACK_MAGIC, LC_PACK_HEAD, st->dir, err) < 0)
			return -1;
		st->end = LC_PACK_HEAD;
	}
	c.at = st->end;
	c.crc = lc_crc32c(body, s->stored);
	if (lc_write_all(st->tmp.fd, body, s->stored, st->dir, err) < 0)
		return -1;
	st->end += s->stored;
	place_add(st, &c, -1);
	return 0;
}

static int put_batch(struct lc_store *st, int n, struct lc_id *ids, struct lc_err *err)
{
	for (int i = 0; i < n; i++) {
		struct slot *s = &st->slot[i];
		s->raw = st->buf + (size_t)i * LC_CHUNK;
		s->len = i < n - 1 ? LC_CHUNK : st->len - (size_t)i * LC_CHUNK;
		s->err.code = LC_OK;
	}
	lc_pool_run(st->pool, n, put_task, st);
	for (int i = 0; i < n; i++) {
		struct slot *s = &st->slot[i];
		if (s->err.code != LC_OK)
			return lc_fail(err, s->err.code, "%s", s->err.text);
		/* the same bytes twice in one batch are known only now */
		if (!s->known && !store_find(st, &s->id) && store_append(st, s, err) < 0)
			return -1;
		ids[i] = s->id;
	}
	return 0;
}

int lc_store_put(struct lc_store *st, const void *buf, size_t len, struct lc_id *ids,
		 struct lc_err *err)
{
	const unsigned char *p = buf;

	if (store_start_writing(st, err) < 0)
		return -1;
	while (len > 0) {
		size_t part = len < (size_t)BATCH * LC_CHUNK ? len : (size_t)BATCH * LC_CHUNK;
		int n = (int)((part + LC_CHUNK - 1) / LC_CHUNK);
		st->buf = p;
		st->len = part;
		if (put_batch(st, n, ids, err) < 0)
			return -1;
		p += part;
		len -= part;
		ids += n;
	}
	return 0;
}

int lc_store_flush(struct lc_store *st, uint64_t *stored, struct lc_err *err)
{
	size_t n = st->n - st->first_new, len;
	struct lc_chunk *c;
	struct lc_id name;
	char *tail, *path, hex[LC_HEX_LEN + 1];
	int ret = -1;

	*stored = 0;
	if (st->end == 0)
		return 0;
	c = lc_xalloc(n, sizeof(*c));
	for (size_t i = 0; i < n; i++)
		c[i] = st->at[st->first_new + i].c;
	if (lc_pack_tail(c, n, st->end, &tail, &len, &name, err) < 0) {
		free(c);
		return -1;
	}
	lc_id_hex(&name, hex);
	path = lc_path("%s/packs/%s.pack", st->dir, hex);
	if (lc_write_all(st->tmp.fd, tail, len, st->dir, err) == 0 &&
	    lc_tmp_commit(&st->tmp, path, err) == 0) {
		st->packs = lc_xrealloc(st->packs, (size_t)st->npacks + 1, sizeof(*st->packs));
		st->packs[st->npacks++] = path;
		for (size_t i = st->first_new; i < st->n; i++)
			st->at[i].pack = st->npacks - 1;
		*stored = st->end + len;
		st->first_new = st->n;
		st->end = 0;
		path = NULL;
		ret = 0;
	}
	free(path);
	free(tail);
	free(c);
	return ret;
}
