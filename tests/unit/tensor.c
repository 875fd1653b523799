/* tensor: what is found in each kind of file, and that a header which lies is not believed. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "tensor.h"

struct bytes {
	const unsigned char *p;
	size_t len;
};

static int read_bytes(void *ctx, void *buf, size_t len, uint64_t at)
{
	const struct bytes *b = ctx;

	cr_assert(at <= b->len && len <= b->len - at, "reads outside of the file");
	memcpy(buf, b->p + at, len);
	return 0;
}

static int fails(void *ctx, void *buf, size_t len, uint64_t at)
{
	(void)ctx, (void)buf, (void)len, (void)at;
	return -1;
}

static struct lc_spans find(const void *p, size_t len)
{
	struct bytes b = {p, len};
	struct lc_reader r = {read_bytes, &b, len};
	struct lc_spans s;

	lc_spans_find(&r, &s);
	return s;
}

/* What is found in a safetensors file with that header and so many bytes of data: how many tensors.
 */
static size_t in_header(const char *header, size_t data)
{
	size_t n = strlen(header), len = 8 + n + data, found;
	unsigned char *p = lc_xalloc(len, 1);
	struct lc_spans s;

	for (int i = 0; i < 8; i++)
		p[i] = (unsigned char)((uint64_t)n >> 8 * i);
	memcpy(p + 8, header, n);
	s = find(p, len);
	found = s.n;
	for (size_t i = 1; i < s.n; i++)
		cr_assert(s.s[i].at >= s.s[i - 1].at + s.s[i - 1].bytes);
	lc_spans_release(&s);
	free(p);
	return found;
}

#define T(name, type, shape, from, to)                                                             \
	"\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" #from        \
	"," #to "]}"

Test(tensor, safetensors)
{
	static const struct {
		const char *header;
		size_t data, found;
	} c[] = {
		{"{" T("w", "F32", "[2,3]", 0, 24) "," T("b", "BF16", "[4]", 24, 32) "}", 32, 2},
		{"{" T("b", "F16", "[4]", 24, 32) "," T("w", "U32", "[6]", 0, 24) "}", 32, 2},
		{"{\"__metadata__\":{\"format\":\"pt\"}," T("w", "F32", "[]", 0, 4) "}", 4, 1},
		{"{" T("d", "F64", "[1]", 0, 8) "}", 8, 0},
		{"{" T("w", "F32", "[0]", 0, 0) "}", 8, 0},
		{"{" T("w", "F32", "[2,3]", 0, 20) "}", 32, 0},
		{"{" T("w", "F32", "[2,3]", 0, 24) "}", 23, 0},
		{"{" T("w", "F32", "[2,3]", 24, 0) "}", 32, 0},
		{"{" T("w", "F32", "[-1]", 0, 24) "}", 32, 0},
		{"{" T("w", "F32", "[4611686018427387904,4]", 0, 0) "}", 32, 0},
		{"{" T("w", "F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", 32, 0},
		{"{" T("w", "F32", "[6]", 9223372036854775807, 9223372036854775807) "}", 32, 0},
		{"{" T("w", "F32", "[6]", 0, 24) "," T("x", "F32", "[6]", 8, 32) "}", 32, 1},
		{"{\"w\":3,\"x\":{},\"y\":[]}", 32, 0},
		{"[]", 8, 0},
		{"{", 8, 0},
		{"{}", 8, 0},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++)
		cr_expect(in_header(c[i].header, c[i].data) == c[i].found, "%s: not %zu tensors",
			  c[i].header, c[i].found);
}

Test(tensor, npy)
{
	unsigned char p[200] = "\x93NUMPY\x01\x00\x50";
	const char *text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }";
	struct lc_spans s;

	memset(p + 10, ' ', 80);
	memcpy(p + 10, text, strlen(text));
	s = find(p, 90 + 60);
	cr_assert(s.n == 1 && s.s[0].type == LC_F32 && s.s[0].dims == 2 && s.s[0].shape[1] == 5);
	cr_assert(s.s[0].at == 90 && s.s[0].bytes == 60);
	lc_spans_release(&s);
	for (size_t len = 0; len < 150;
	     len++) { /* cut anywhere: it does not fit, and is not found */
		s = find(p, len);
		cr_assert(s.n == 0, "cut at %zu", len);
		lc_spans_release(&s);
	}
	memcpy(strstr((char *)p + 10, "False"), "True ", 5);
	s = find(p, 150);
	cr_assert(s.n == 0, "columns first");
	lc_spans_release(&s);
}

static void put_word(unsigned char *p, int i, uint32_t x)
{
	for (int k = 0; k < 4; k++)
		p[4 * i + k] = (unsigned char)(x >> 8 * k);
}

Test(tensor, llmc)
{
	unsigned char p[1024 + 120] = {0};
	struct lc_spans s;

	put_word(p, 0, 20240326);
	put_word(p, 1, 5);
	s = find(p, sizeof(p));
	cr_assert(s.n == 1 && s.s[0].type == LC_BF16 && s.s[0].at == 1024 && s.s[0].bytes == 120);
	cr_assert(lc_spans_get(&s, "params") == s.s && !lc_spans_get(&s, "param"));
	lc_spans_release(&s);
	put_word(p, 0, 20240527);
	put_word(p, 4, 1);
	s = find(p, sizeof(p));
	cr_assert(s.n == 3 && s.s[2].at == 1024 + 80 && s.s[2].bytes == 40);
	cr_assert(lc_spans_get(&s, "params.exp_avg_sq") == &s.s[1]);
	lc_spans_release(&s);
	s = find(p, 1024);
	cr_assert(s.n == 0, "a header alone");
	lc_spans_release(&s);
}

Test(tensor, a_file_that_cannot_be_read_has_none)
{
	struct lc_reader r = {fails, NULL, 1 << 20};
	struct lc_spans s;

	lc_spans_find(&r, &s);
	cr_assert(s.n == 0);
	lc_spans_release(&s);
}
