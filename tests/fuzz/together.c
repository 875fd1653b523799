/*
 * together: any bytes as the names of files and the headers of llm.c in them: a model's and two
 * states'. What is found together lies inside of each file, in order; then all of it is paired.
 *
 * The input is three headers of 12 words, each followed by the file's length in 3 bytes; what they
 * leave open is zero.
 */
#include <stdlib.h>
#include <string.h>

#include "store_pair.h"

#define WORDS 12
#define FILES 3

struct bytes {
	unsigned char head[1024];
	uint64_t len;
};

static int read_bytes(void *ctx, void *buf, size_t len, uint64_t at)
{
	const struct bytes *b = ctx;

	if (at > b->len || len > b->len - at)
		abort();
	memset(buf, 0, len);
	if (at < sizeof(b->head))
		memcpy(buf, b->head + at,
		       len < sizeof(b->head) - at ? len : sizeof(b->head) - (size_t)at);
	return 0;
}

static void check(const struct lc_spans *s, uint64_t len)
{
	uint64_t done = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct lc_span *t = &s->s[i];
		uint64_t bytes = lc_dtype_bits(t->type) / 8;
		for (int d = 0; d < t->dims; d++)
			bytes *= t->shape[d];
		if (t->at < done || t->bytes == 0 || t->bytes != bytes || t->at + bytes > len)
			abort();
		done = t->at + t->bytes;
		if (!lc_spans_get(s, t->name))
			abort();
	}
}

static void pair(const struct lc_spans *s)
{
	size_t n = 0, k = 0;
	struct lc_paired *t;

	for (int i = 0; i < FILES; i++)
		n += s[i].n;
	if (n > 5000)
		return;
	t = calloc(n + 1, sizeof(*t));
	for (uint32_t i = 0; i < FILES; i++)
		for (size_t j = 0; j < s[i].n; j++)
			t[k++] = (struct lc_paired){
				.s = &s[i].s[j], .file = i, .ordered = s[i].ordered};
	lc_pair_tensors(t, n);
	for (size_t i = 0; i < n; i++)
		for (int how = 0; how < LC_NEARS; how++)
			if (t[i].near[how] != LC_ALONE &&
			    (t[i].near[how] >= n || t[t[i].near[how]].pass >= t[i].pass))
				abort();
	free(t);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct bytes b[FILES];
	struct lc_spans s[FILES], *of[FILES];
	const char *const path[FILES] = {"0", "1", "2"};

	memset(b, 0, sizeof(b));
	for (int i = 0; i < FILES; i++) {
		size_t n = len < 4 * WORDS ? len : 4 * WORDS;
		memcpy(b[i].head, data, n);
		data += n;
		len -= n;
		for (int k = 0; k < 3 && len > 0; k++, len--)
			b[i].len |= (uint64_t)*data++ << 8 * k;
		lc_spans_find(&(struct lc_reader){read_bytes, &b[i], b[i].len}, &s[i]);
		of[i] = &s[i];
	}
	lc_spans_together(of, path, FILES);
	for (int i = 0; i < FILES; i++)
		check(&s[i], b[i].len);
	pair(s);
	for (int i = 0; i < FILES; i++)
		lc_spans_release(&s[i]);
	return 0;
}
