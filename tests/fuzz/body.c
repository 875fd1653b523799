/*
 * body: any bytes as a chunk coded as tensors. Nothing is read or written outside of the buffers,
 * which are as long as they are said to be. The first three bytes are the length of the chunk. What
 * decodes also fits, and the beginning of a body tells the same as all of it, or nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "store_body.h"

#define RAW_MAX 65536
#define REF 4099 /* bytes of each reference: no multiple of anything */

static void check_fits(const unsigned char *body, size_t len, size_t raw, int decoded)
{
	int all = lc_body_fits(body, len, len, raw), some;
	unsigned char *part;

	if (all < 0 || (decoded && !all))
		abort();
	for (size_t have = 0; have < len; have += have / 2 + 1) {
		part = malloc(have ? have : 1);
		memcpy(part, body, have);
		some = lc_body_fits(part, have, len, raw);
		if (have >= LC_BODY_HEAD && some >= 0 && some != all)
			abort();
		free(part);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	static struct lc_work *w;
	static unsigned char *base;
	const void *ref[64];
	size_t raw, reflen[64], n;
	int decoded = 0;
	unsigned char *out, *body;
	struct lc_err err;

	if (!w) {
		w = lc_work_new();
		base = malloc(REF);
		for (size_t i = 0; i < REF; i++)
			base[i] = (unsigned char)(i * i >> 3);
	}
	for (int i = 0; i < 64; i++) {
		ref[i] = base;
		reflen[i] = REF - (size_t)i;
	}
	if (len < 3)
		return 0;
	raw = (data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16) % RAW_MAX + 1;
	body = malloc(len - 3 ? len - 3 : 1);
	memcpy(body, data + 3, len - 3);
	out = malloc(raw);
	if (lc_body_refs(body, len - 3, &n) && n <= 64)
		decoded = lc_body_decode(body, len - 3, w, ref, reflen, out, raw, &err) == 0;
	check_fits(body, len - 3, raw, decoded);
	free(out);
	free(body);
	return 0;
}
