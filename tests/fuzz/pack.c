/*
 * pack: any bytes as a pack. Its hashes are made right first, or no input would get past them; then
 * every chunk that the index lists is read.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io.h"
#include "store_pack.h"

static uint64_t le64(const unsigned char *p)
{
	uint64_t x = 0;

	for (int i = 0; i < 8; i++)
		x |= (uint64_t)p[i] << 8 * i;
	return x;
}

/* A copy with magic numbers and the index's hash in place, and its offset made to fit: the rest is
 * as given. */
static unsigned char *mend(const unsigned char *data, size_t len)
{
	unsigned char *p = lc_xalloc(len, 1), *t = p + len - LC_PACK_TRAILER;
	struct lc_id id;
	uint64_t n, at;

	memcpy(p, data, len);
	memcpy(p, LC_PACK_MAGIC, LC_PACK_HEAD);
	memcpy(t + 56, "LCINDEX1", 8);
	memset(t + 48, 0, 8);
	n = le64(t + 8);
	if (n <= (len - LC_PACK_TRAILER - LC_PACK_HEAD) / LC_PACK_ENTRY) {
		at = len - LC_PACK_TRAILER - n * LC_PACK_ENTRY;
		for (int i = 0; i < 8; i++)
			t[i] = (unsigned char)(at >> 8 * i);
		if (lc_sha256(p + at, n * LC_PACK_ENTRY, &id, NULL) == 0)
			memcpy(t + 16, id.b, 32);
	}
	return p;
}

static void read_all(const unsigned char *data, size_t len)
{
	int fd = memfd_create("pack", 0);
	char path[64];
	struct lc_chunk *c;
	struct lc_err err;
	size_t n;

	if (fd < 0 || lc_write_all(fd, data, len, "pack", &err) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (lc_pack_load(path, &c, &n, &err) == 0) {
		for (size_t i = 0; i < n && i < 8; i++) {
			void *raw = malloc(c[i].raw), *body = malloc(c[i].stored);
			if (!raw || !body || c[i].stored > len || c[i].depth > 64)
				abort();
			if (lc_pack_body(fd, &c[i], body, &err) == 0)
				lc_chunk_decode(&c[i], body, raw, &err);
			free(raw);
			free(body);
		}
		free(c);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	unsigned char *p;

	read_all(data, len);
	if (len < LC_PACK_HEAD + LC_PACK_TRAILER)
		return 0;
	p = mend(data, len);
	read_all(p, len);
	free(p);
	return 0;
}
