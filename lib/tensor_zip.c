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

static int has(const unsigned char *p, const char *signature)
{
	return memcmp(p, signature, 4) == 0;
}

struct extent { /* of the directory */
	uint64_t at, bytes;
};

/* The directory of a file over 4 GiB, told by what is before the end record, at byte `end`. */
static void zip64(const struct lc_reader *r, uint64_t end, struct extent *dir)
{
	unsigned char p[END64];
	uint64_t at;

	if (end < LOCATOR64 || r->read(r->ctx, p, LOCATOR64, end - LOCATOR64) < 0 ||
	    !has(p, "PK\6\7"))
		return;
	at = spans_little(p + 8, 8);
	if (r->size < END64 || at > r->size - END64 || r->read(r->ctx, p, END64, at) < 0 ||
	    !has(p, "PK\6\6"))
		return;
	dir->bytes = spans_little(p + 40, 8);
	dir->at = spans_little(p + 48, 8);
}

/* Bytes at the end of the file, in which the end record is searched from behind. */
static int end_in(const struct lc_reader *r, size_t len, struct extent *dir)
{
	unsigned char *tail = lc_xalloc(len, 1);
	int ret = -1;

	if (r->read(r->ctx, tail, len, r->size - len) < 0)
		goto out;
	for (size_t left = END; left <= len && ret < 0; left++) {
		const unsigned char *p = tail + len - left;
		if (!has(p, "PK\5\6") || END + spans_little(p + 20, 2) != left)
			continue;
		dir->bytes = spans_little(p + 12, 4);
		dir->at = spans_little(p + 16, 4);
		zip64(r, r->size - left, dir);
		ret = 0;
	}
out:
	free(tail);
	return ret;
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
	uint64_t raw, stored, at, *const wide[3] = {&raw, &stored, &at};
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
	z->m[z->n++] = (struct zip_member){(const char *)p, at, 0, raw};
	return size;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct zip_member *)a)->name, ((const struct zip_member *)b)->name);
}

int zip_read(const struct lc_reader *r, struct zip *z)
{
	struct extent dir;
	unsigned char *p;
	size_t left, n;

	memset(z, 0, sizeof(*z));
	if (r->size < END ||
	    (end_in(r, END, &dir) < 0 &&
	     end_in(r, r->size < END + COMMENT_MAX ? (size_t)r->size : END + COMMENT_MAX, &dir) <
		     0))
		return -1;
	if (dir.bytes > DIRECTORY_MAX || dir.at > r->size || dir.bytes > r->size - dir.at)
		return -1;
	z->directory = lc_xalloc((size_t)dir.bytes, 1);
	if (r->read(r->ctx, z->directory, (size_t)dir.bytes, dir.at) < 0) {
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
	const struct zip_member key = {name, 0, 0, 0};

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

void spans_zip(const struct lc_reader *r, struct lc_spans *found)
{
	struct zip z;

	if (zip_read(r, &z) < 0)
		return;
	if (!spans_torch(r, &z, found))
		find_npz(r, &z, found);
	zip_release(&z);
}
