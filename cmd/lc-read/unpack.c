/* unpack: see unpack.h. */
#include "unpack.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "io.h"

#define INPUT ((size_t)1 << 16)

struct unpack {
	enum { PLAIN, GZIP, ZSTD } kind;
	int inside; /* a member or frame has begun and not ended */
	int more;   /* inflate may hold output back for want of room */
	z_stream gz;
	ZSTD_DStream *zstd;
	char in[INPUT];
	size_t at, len;
};

static const char gzip_magic[] = {'\x1f', '\x8b'}, zstd_magic[] = {'\x28', '\xb5', '\x2f', '\xfd'};

static int begins(const char *first, size_t n, const char *magic, size_t len)
{
	return memcmp(first, magic, n < len ? n : len) == 0;
}

int unpack_maybe(const char *first, size_t n)
{
	return begins(first, n, gzip_magic, sizeof(gzip_magic)) ||
	       begins(first, n, zstd_magic, sizeof(zstd_magic));
}

struct unpack *unpack_open(const char *first, size_t n)
{
	struct unpack *u = lc_xalloc(1, sizeof(*u));

	if (n >= sizeof(gzip_magic) && begins(first, n, gzip_magic, sizeof(gzip_magic)))
		u->kind = GZIP;
	else if (n == UNPACK_MAGIC && begins(first, n, zstd_magic, sizeof(zstd_magic)))
		u->kind = ZSTD;
	memcpy(u->in, first, n);
	u->len = n;
	if (u->kind == GZIP && inflateInit2(&u->gz, 15 + 16) != Z_OK)
		abort(); /* out of memory */
	if (u->kind == ZSTD && !(u->zstd = ZSTD_createDStream()))
		abort();
	return u;
}

void unpack_close(struct unpack *u)
{
	if (!u)
		return;
	if (u->kind == GZIP)
		inflateEnd(&u->gz);
	ZSTD_freeDStream(u->zstd);
	free(u);
}

static int run_gzip(struct unpack *u, char *buf, size_t cap, size_t *made)
{
	while (*made == 0 && (u->at < u->len || u->more)) {
		int status;

		u->gz.next_in = (Bytef *)u->in + u->at;
		u->gz.avail_in = (uInt)(u->len - u->at);
		u->gz.next_out = (Bytef *)buf;
		u->gz.avail_out = (uInt)cap;
		u->inside = 1;
		status = inflate(&u->gz, Z_NO_FLUSH);
		u->at = u->len - u->gz.avail_in;
		u->more = u->gz.avail_out == 0;
		*made = cap - u->gz.avail_out;
		if (status == Z_STREAM_END) {
			u->inside = u->more = 0;
			inflateReset(&u->gz);
		} else if (status != Z_OK && status != Z_BUF_ERROR) {
			return *made > 0 ? 0 : -1;
		}
	}
	return 0;
}

static int run_zstd(struct unpack *u, char *buf, size_t cap, size_t *made)
{
	ZSTD_inBuffer in = {u->in, u->len, u->at};
	ZSTD_outBuffer out = {buf, cap, 0};
	size_t left;

	do {
		size_t before = in.pos;

		left = ZSTD_decompressStream(u->zstd, &out, &in);
		if (ZSTD_isError(left))
			return *made = out.pos, out.pos > 0 ? 0 : -1;
		if (in.pos > before || out.pos > 0)
			u->inside = left != 0;
		if (in.pos == before)
			break;
	} while (out.pos == 0);
	u->at = in.pos;
	*made = out.pos;
	return 0;
}

static int run_plain(struct unpack *u, char *buf, size_t cap, size_t *made)
{
	*made = u->len - u->at < cap ? u->len - u->at : cap;
	memcpy(buf, u->in + u->at, *made);
	u->at += *made;
	return 0;
}

int unpack_run(struct unpack *u, char *buf, size_t cap, size_t *made)
{
	*made = 0;
	switch (u->kind) {
	case GZIP: return run_gzip(u, buf, cap, made);
	case ZSTD: return run_zstd(u, buf, cap, made);
	case PLAIN: break;
	}
	return run_plain(u, buf, cap, made);
}

char *unpack_input(struct unpack *u, size_t *room)
{
	u->at = u->len = 0;
	*room = sizeof(u->in);
	return u->in;
}

void unpack_got(struct unpack *u, size_t n)
{
	u->len = n;
}

int unpack_is_plain(const struct unpack *u)
{
	return u->kind == PLAIN;
}

int unpack_is_inside(const struct unpack *u)
{
	return u->inside;
}
