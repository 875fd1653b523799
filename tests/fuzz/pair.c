/*
 * pair: any names and shapes of tensors: who predicts whom has as many elements and comes before.
 *
 * A line of the input is a tensor: a character for its type, one for its file and one for its
 * shape, then its name.
 */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "store_pair.h"

#define MAX 400

static size_t read_lines(char *p, struct lc_span *s, struct lc_paired *t)
{
	size_t n = 0;

	for (char *end; n < MAX && (end = strchr(p, '\n')) && end - p >= 3; p = end + 1) {
		unsigned file = (unsigned char)p[1], shape = (unsigned char)p[2];
		*end = '\0';
		memset(&s[n], 0, sizeof(s[n]));
		s[n].type = LC_F32 + (unsigned char)p[0] % 5;
		s[n].dims = 1 + (shape >> 3) % 2;
		s[n].shape[0] = 1 + shape % 4;
		s[n].shape[1] = s[n].dims > 1 ? 1 + (shape >> 2) % 2 : 0;
		s[n].bytes = s[n].shape[0] * (s[n].dims > 1 ? s[n].shape[1] : 1) *
			     lc_dtype_bits(s[n].type) / 8;
		s[n].name = p + 3;
		s[n].order = (uint32_t)n;
		t[n] = (struct lc_paired){.s = &s[n], .file = file % 4, .ordered = file >> 2 & 1};
		n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct lc_span *s = lc_xalloc(MAX, sizeof(*s));
	struct lc_paired *t = lc_xalloc(MAX, sizeof(*t));
	char *text = lc_path("%.*s", (int)len, (const char *)data);
	size_t n = read_lines(text, s, t);

	lc_pair_tensors(t, n);
	for (size_t i = 0; i < n; i++)
		for (int how = 0; how < LC_NEARS; how++) {
			const struct lc_paired *b =
				&t[t[i].near[how] == LC_ALONE ? 0 : t[i].near[how]];
			if (t[i].near[how] == LC_ALONE)
				continue;
			if (t[i].near[how] >= n || b->pass >= t[i].pass || b->s->type != LC_F32 ||
			    b->s->bytes / 4 != t[i].s->bytes * 8 / lc_dtype_bits(t[i].s->type))
				abort();
		}
	free(text);
	free(s);
	free(t);
	return 0;
}
