/*
 * tensor_zip: where the stored members of a zip file lie.
 *
 * The directory at the end is what counts (APPNOTE.TXT of PKWARE, 4.3). libarchive reads members
 * in a stream and does not say where their bytes are, so the directory is read here.
 */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "tensor_impl.h"

#define END 22 /* bytes of the end record, without its comment */
#define COMMENT_MAX 65535
#define END64 56
#define LOCATOR64 20
#define ENTRY 46 /* bytes of an entry of the directory, without its name */
#define LOCAL 30
#define DIRECTORY_MAX (32 << 20)
#define MEMBERS_MAX (1u << 19)
#define ZIPS_MAX (1 << 17) /* in one file */

static int has(const unsigned char *p, const char *signature)
{
	return memcmp(p, signature, 4) == 0;
}

struct extent { /* of the directory */
	uint64_t at, bytes;
};

/* The directory of a file over 4 GiB, told by what is just before the end record, at byte `end`.
 * Gives where what follows the directory begins. */
static uint64_t zip64(const struct lc_reader *r, uint64_t end, struct extent *dir)
{
	unsigned char p[END64 + LOCATOR64];

	if (end < sizeof(p) || r->read(r->ctx, p, sizeof(p), end - sizeof(p)) < 0 ||
	    !has(p, "PK\6\6") || !has(p + END64, "PK\6\7"))
		return end;
	dir->bytes = spans_little(p + 40, 8);
	dir->at = spans_little(p + 48, 8);
	return end - sizeof(p);
}

/* In the last len bytes before `end`, from behind, the end record; gives where what follows the
 * directory begins, or 0. */
static uint64_t end_in(const struct lc_reader *r, uint64_t end, size_t len, struct extent *dir)
{
	unsigned char *tail = lc_xalloc(len, 1);
	uint64_t after = 0;

	if (r->read(r->ctx, tail, len, end - len) < 0)
		goto out;
	for (size_t left = END; left <= len && after == 0; left++) {
		const unsigned char *p = tail + len - left;
		if (!has(p, "PK\5\6") || END + spans_little(p + 20, 2) != left)
			continue;
		dir->bytes = spans_little(p + 12, 4);
		dir->at = spans_little(p + 16, 4);
		after = zip64(r, end - left, dir);
	}
out:
	free(tail);
	return after;
}

/* Sizes and places that do not fit in 32 bits are in an extra field, in this order. */
static void wide_fields(const unsigned char *extra, size_t len, uint64_t *const field[3])
{
	while (len >= 4) {
		size_t size = (size_t)spans_little(extra + 2, 2);
		if (size > len - 4)
			return;
		if (spans_little(extra, 2) == 1) {
			const unsigned char *p = extra + 4;
			for (int i = 0; i < 3; i++)
				if (*field[i] == UINT32_MAX && p + 8 <= extra + 4 + size) {
					*field[i] = spans_little(p, 8);
					p += 8;
				}
			return;
		}
		extra += 4 + size;
		len -= 4 + size;
	}
}

/* One entry at p; gives its length, or 0 when it is none. The name is moved over what is read. */
static size_t entry(struct zip *z, unsigned char *p, size_t len)
{
	uint64_t raw = 0, stored = 0, at = 0, *const wide[3] = {&raw, &stored, &at};
	size_t name, extra, size;
	unsigned flags, method;

	if (len < ENTRY || !has(p, "PK\1\2"))
		return 0;
	name = (size_t)spans_little(p + 28, 2);
	extra = (size_t)spans_little(p + 30, 2);
	size = ENTRY + name + extra + (size_t)spans_little(p + 32, 2);
	if (size > len)
		return 0;
	flags = (unsigned)spans_little(p + 8, 2);
	method = (unsigned)spans_little(p + 10, 2);
	stored = spans_little(p + 20, 4);
	raw = spans_little(p + 24, 4);
	at = spans_little(p + 42, 4);
	wide_fields(p + ENTRY + name, extra, wide);
	if (method != 0 || (flags & 1) || raw != stored)
		return size;
	if ((z->n & (z->n - 1)) == 0)
		z->m = lc_xrealloc(z->m, z->n ? 2 * z->n : 1, sizeof(*z->m));
	memmove(p, p + ENTRY, name);
	p[name] = '\0';
	if (!__builtin_add_overflow(at, z->start, &at))
		z->m[z->n++] = (struct zip_member){(const char *)p, at, 0, raw, 0};
	return size;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct zip_member *)a)->name, ((const struct zip_member *)b)->name);
}

int zip_read(const struct lc_reader *r, uint64_t end, struct zip *z)
{
	size_t most = end < END + COMMENT_MAX ? (size_t)end : END + COMMENT_MAX, left, n;
	struct extent dir;
	unsigned char *p;
	uint64_t after;

	memset(z, 0, sizeof(*z));
	if (end < END || ((after = end_in(r, end, END, &dir)) == 0 &&
			  (end < r->size || (after = end_in(r, end, most, &dir)) == 0)))
		return -1;
	if (dir.bytes > DIRECTORY_MAX || dir.bytes > after || dir.at > after - dir.bytes)
		return -1;
	z->start = after - dir.bytes - dir.at;
	z->directory = lc_xalloc((size_t)dir.bytes, 1);
	if (r->read(r->ctx, z->directory, (size_t)dir.bytes, after - dir.bytes) < 0) {
		zip_release(z);
		return -1;
	}
	p = (unsigned char *)z->directory;
	left = (size_t)dir.bytes;
	while (z->n < MEMBERS_MAX && (n = entry(z, p, left)) > 0) {
		p += n;
		left -= n;
	}
	if (z->n)
		qsort(z->m, z->n, sizeof(*z->m), by_name);
	return 0;
}

void zip_release(struct zip *z)
{
	free(z->directory);
	free(z->m);
	memset(z, 0, sizeof(*z));
}

struct zip_member *zip_get(const struct zip *z, const char *name)
{
	const struct zip_member key = {name, 0, 0, 0, 0};

	return z->n ? bsearch(&key, z->m, z->n, sizeof(*z->m), by_name) : NULL;
}

uint64_t zip_data(const struct lc_reader *r, struct zip_member *m)
{
	unsigned char p[LOCAL];
	uint64_t at;

	if (m->at)
		return m->at;
	if (r->size < LOCAL || m->header > r->size - LOCAL ||
	    r->read(r->ctx, p, LOCAL, m->header) < 0 || !has(p, "PK\3\4"))
		return 0;
	at = m->header + LOCAL + spans_little(p + 26, 2) + spans_little(p + 28, 2);
	return m->at = at <= r->size && m->bytes <= r->size - at ? at : 0;
}

/* numpy.savez: one npy a member. */
static void find_npz(const struct lc_reader *r, const struct zip *z, struct lc_spans *found)
{
	for (size_t i = 0; i < z->n; i++) {
		size_t n = strlen(z->m[i].name);
		uint64_t at;
		char *name;
		if (n < 5 || strcmp(z->m[i].name + n - 4, ".npy") != 0 ||
		    (at = zip_data(r, &z->m[i])) == 0)
			continue;
		name = lc_path("%.*s", (int)(n - 4), z->m[i].name);
		spans_npy(r, at, z->m[i].bytes, name, found);
		free(name);
	}
}

/* Those of one zip file among several join the rest, under the place where it starts. */
static void join(struct lc_spans *found, struct lc_spans *one, const struct lc_reader *r,
		 const struct zip *z)
{
	for (size_t i = 0; i < one->n; i++) {
		struct lc_span s = one->s[i];
		const char *name = s.name;
		spans_add(
			found, r, &s,
			lc_path("@%llu%s%s", (unsigned long long)z->start, *name ? "." : "", name));
	}
	lc_spans_release(one);
}

/* The last, and what ends where it starts, and so on: torch.distributed.checkpoint writes one for
 * each tensor. */
void spans_zip(const struct lc_reader *r, struct lc_spans *found)
{
	uint64_t end = r->size;
	struct zip z;

	for (int i = 0; i < ZIPS_MAX && end > 0 && zip_read(r, end, &z) == 0; i++) {
		struct lc_spans one = {0}, *to = z.start || i ? &one : found;
		if (!spans_torch(r, &z, to))
			find_npz(r, &z, to);
		if (to == &one)
			join(found, &one, r, &z);
		end = z.start;
		zip_release(&z);
	}
}
