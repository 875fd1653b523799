/*
 * body: any bytes as a chunk coded as tensors. Nothing is read or written outside of the buffers,
 * which are as long as they are said to be. The first three bytes are the length of the chunk.
 */
#include <stdlib.h>
#include <string.h>

#include "store_body.h"

#define RAW_MAX 65536
#define REF 4099 /* bytes of each reference: no multiple of anything */

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	static struct lc_work *w;
	static unsigned char *base;
	const void *ref[64];
	size_t raw, reflen[64], n;
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
		lc_body_decode(body, len - 3, w, ref, reflen, out, raw, &err);
	free(out);
	free(body);
	return 0;
}
