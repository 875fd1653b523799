/* store_pack: see store_pack.h. */
#include "store_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "io.h"
#include "store_body.h"

#define INDEX_MAGIC "LCINDEX1"

static void put_le(unsigned char *p, int bytes, uint64_t x)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (unsigned char)(x >> 8 * i);
}

static uint64_t get_le(const unsigned char *p, int bytes)
{
	uint64_t x = 0;

	for (int i = 0; i < bytes; i++)
		x |= (uint64_t)p[i] << 8 * i;
	return x;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct lc_chunk *)a)->id.b, ((const struct lc_chunk *)b)->id.b, 32);
}

int lc_pack_tail(struct lc_chunk *c, size_t n, uint64_t end, char **buf, size_t *len,
		 struct lc_id *name, struct lc_err *err)
{
	unsigned char *index = lc_xalloc(n * LC_PACK_ENTRY + LC_PACK_TRAILER, 1), *p = index;

	qsort(c, n, sizeof(*c), by_id);
	for (size_t i = 0; i < n; i++, p += LC_PACK_ENTRY) {
		memcpy(p, c[i].id.b, 32);
		put_le(p + 32, 8, c[i].at);
		put_le(p + 40, 4, c[i].stored);
		put_le(p + 44, 4, c[i].raw);
		p[48] = c[i].codec;
		p[49] = c[i].depth;
		put_le(p + 52, 4, c[i].crc);
	}
	put_le(p, 8, end);
	put_le(p + 8, 8, n);
	memcpy(p + 56, INDEX_MAGIC, 8);
	if (lc_sha256(index, n * LC_PACK_ENTRY, name, err) < 0) {
		free(index);
		return -1;
	}
	memcpy(p + 16, name->b, 32);
	*buf = (char *)index;
	*len = n * LC_PACK_ENTRY + LC_PACK_TRAILER;
	return 0;
}

int lc_pack_trailer(const unsigned char t[LC_PACK_TRAILER], uint64_t size, uint64_t *at, size_t *n,
		    struct lc_err *err)
{
	uint64_t count = get_le(t + 8, 8);

	*at = get_le(t, 8);
	if (memcmp(t + 56, INDEX_MAGIC, 8) != 0 || get_le(t + 48, 8) != 0)
		return lc_fail(err, LC_DATA, "truncated, or not a pack");
	if (size < LC_PACK_HEAD + LC_PACK_TRAILER || *at < LC_PACK_HEAD ||
	    *at > size - LC_PACK_TRAILER || count > size / LC_PACK_ENTRY ||
	    *at + count * LC_PACK_ENTRY + LC_PACK_TRAILER != size)
		return lc_fail(err, LC_DATA, "its trailer does not fit its size");
	*n = (size_t)count;
	return 0;
}

static int entry_ok(const struct lc_chunk *c, uint64_t end)
{
	if (c->raw == 0 || c->raw > LC_CHUNK_MAX || c->stored == 0 || c->at < LC_PACK_HEAD ||
	    c->at > end || c->stored > end - c->at || c->depth > LC_DEPTH_MAX ||
	    (c->depth > 0 && c->codec != LC_CODEC_TENSOR))
		return 0;
	return c->codec == LC_CODEC_RAW ? c->stored == c->raw : c->stored < c->raw;
}

int lc_pack_index(const unsigned char *index, size_t n, const unsigned char t[LC_PACK_TRAILER],
		  struct lc_chunk *c, struct lc_err *err)
{
	uint64_t end = get_le(t, 8);
	struct lc_id hash;

	if (lc_sha256(index, n * LC_PACK_ENTRY, &hash, err) < 0)
		return -1;
	if (memcmp(hash.b, t + 16, 32) != 0)
		return lc_fail(err, LC_DATA, "its index is damaged");
	for (size_t i = 0; i < n; i++, index += LC_PACK_ENTRY) {
		memcpy(c[i].id.b, index, 32);
		c[i].at = get_le(index + 32, 8);
		c[i].stored = (uint32_t)get_le(index + 40, 4);
		c[i].raw = (uint32_t)get_le(index + 44, 4);
		c[i].codec = index[48];
		c[i].depth = index[49];
		c[i].crc = (uint32_t)get_le(index + 52, 4);
		if (!entry_ok(&c[i], end) || get_le(index + 50, 2) != 0 ||
		    (i > 0 && by_id(&c[i - 1], &c[i]) >= 0))
			return lc_fail(err, LC_DATA, "entry %zu of its index is malformed", i);
	}
	return 0;
}

/* len bytes at `at`, or a failure: a file that ends early is LC_DATA. */
static int read_at(int fd, void *buf, size_t len, uint64_t at, struct lc_err *err)
{
	char *p = buf;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return lc_fail_sys(err, "read");
		if (n == 0)
			return lc_fail(err, LC_DATA, "truncated");
		p += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

static int load_fd(int fd, struct lc_chunk **c, size_t *n, struct lc_err *err)
{
	unsigned char t[LC_PACK_TRAILER], head[LC_PACK_HEAD], *index = NULL;
	uint64_t size, at;
	struct stat sb;
	int ret = -1;

	if (fstat(fd, &sb) < 0)
		return lc_fail_sys(err, "stat");
	size = (uint64_t)sb.st_size;
	if (!S_ISREG(sb.st_mode) || size < LC_PACK_HEAD + LC_PACK_TRAILER)
		return lc_fail(err, LC_DATA, "truncated, or not a pack");
	if (read_at(fd, head, sizeof(head), 0, err) < 0 ||
	    read_at(fd, t, sizeof(t), size - sizeof(t), err) < 0)
		return -1;
	if (memcmp(head, LC_PACK_MAGIC, LC_PACK_HEAD) != 0)
		return lc_fail(err, LC_DATA, "not a pack of a version this program knows");
	if (lc_pack_trailer(t, size, &at, n, err) < 0)
		return -1;
	index = lc_xalloc(*n, LC_PACK_ENTRY);
	*c = lc_xalloc(*n, sizeof(**c));
	if (read_at(fd, index, *n * LC_PACK_ENTRY, at, err) == 0 &&
	    lc_pack_index(index, *n, t, *c, err) == 0)
		ret = 0;
	if (ret < 0) {
		free(*c);
		*c = NULL;
		*n = 0;
	}
	free(index);
	return ret;
}

int lc_pack_load(const char *path, struct lc_chunk **c, size_t *n, struct lc_err *err)
{
	struct lc_err why;
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	*c = NULL;
	*n = 0;
	if (fd < 0)
		return lc_fail_sys(err, "open %s", path);
	ret = load_fd(fd, c, n, &why);
	close(fd);
	return ret < 0 ? lc_fail(err, why.code, "%s: %.300s", path, why.text) : 0;
}

int lc_chunk_check(const struct lc_chunk *c, const void *raw, struct lc_err *err)
{
	struct lc_id id;

	if (lc_sha256(raw, c->raw, &id, err) < 0)
		return -1;
	if (memcmp(id.b, c->id.b, 32) != 0)
		return lc_fail(err, LC_DATA, "damaged: its hash does not match");
	return 0;
}

int lc_chunk_decode(const struct lc_chunk *c, const void *stored, void *raw, struct lc_err *err)
{
	size_t n;

	switch (c->codec) {
	case LC_CODEC_RAW: memcpy(raw, stored, c->raw); break;
	case LC_CODEC_ZSTD:
		n = ZSTD_decompress(raw, c->raw, stored, c->stored);
		if (ZSTD_isError(n) || n != c->raw)
			return lc_fail(err, LC_DATA, "damaged: does not decompress");
		break;
	default: return lc_fail(err, LC_DATA, "codec %u: unknown to this program", c->codec);
	}
	return lc_chunk_check(c, raw, err);
}

int lc_pack_body(int fd, const struct lc_chunk *c, void *body, struct lc_err *err)
{
	return read_at(fd, body, c->stored, c->at, err);
}
