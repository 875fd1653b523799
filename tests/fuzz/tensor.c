/*
 * tensor: any bytes as a checkpoint file. What is found lies inside of it, in order, without an
 * overlap, and is as long as its shape says.
 */
#include <stdlib.h>
#include <string.h>

#include "tensor_keys.h"

struct bytes {
	const unsigned char *p;
	size_t len;
};

static int read_bytes(void *ctx, void *buf, size_t len, uint64_t at)
{
	const struct bytes *b = ctx;

	if (at > b->len || len > b->len - at) /* asked for more than there is */
		abort();
	memcpy(buf, b->p + at, len);
	return 0;
}

/* Each byte of a key is there. */
static int see_key(void *ctx, const char *key, size_t len, int depth)
{
	unsigned *sum = ctx;

	for (size_t i = 0; i < len; i++)
		*sum += (unsigned char)key[i];
	return depth > 1 ? (abort(), 0) : (int)(*sum & 1);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct bytes b = {data, len};
	struct lc_reader r = {read_bytes, &b, len};
	struct lc_spans found;
	uint64_t done = 0;
	unsigned sum = 0;

	lc_spans_find(&r, &found);
	for (size_t i = 0; i < found.n; i++) {
		const struct lc_span *s = &found.s[i];
		uint64_t bytes = lc_dtype_bits(s->type) / 8;
		for (int d = 0; d < s->dims; d++)
			bytes *= s->shape[d];
		if (!s->name || s->at < done || s->bytes == 0 || s->bytes != bytes ||
		    s->at + s->bytes > len)
			abort();
		done = s->at + s->bytes;
	}
	lc_spans_release(&found);
	lc_keys_find(&r, see_key, &sum);
	return 0;
}
