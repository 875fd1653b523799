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
	cr_assert(s.n == 1 && s.s[0].shape[0] == 5 && s.s[0].shape[1] == 3, "columns first");
	lc_spans_release(&s);
}

static void put_word(unsigned char *p, int i, uint32_t x)
{
	for (int k = 0; k < 4; k++)
		p[4 * i + k] = (unsigned char)(x >> 8 * k);
}

Test(tensor, llmc_of_another_layout)
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

static char *golden(const char *name)
{
	const char *tests = getenv("TESTS");

	return lc_path("%s/golden/%s", tests ? tests : "tests", name);
}

static char *load(const char *name, size_t *len)
{
	char *path = golden(name), *buf;
	struct lc_err err;

	cr_assert(lc_read_file(path, &buf, len, &err) == 0, "%s", err.text);
	free(path);
	return buf;
}

/* A line for each tensor that has a name, as in the samples' lists. */
static char *list(const struct lc_spans *s)
{
	static const char *const type[] = {"", "f32", "bf16", "f16", "i32", "i16"};
	char *out = lc_path("%s", ""), *more;

	for (size_t i = 0; i < s->n; i++) {
		const struct lc_span *t = &s->s[i];
		if (strncmp(t->name, "data/", 5) == 0)
			continue;
		more = lc_path("%s%s %s ", out, t->name, type[t->type]);
		for (int d = 0; d < t->dims; d++) {
			free(out);
			out = more;
			more = lc_path("%s%s%llu", out, d ? "x" : "",
				       (unsigned long long)t->shape[d]);
		}
		free(out);
		out = lc_path("%s%s %llu\n", more, t->dims ? "" : "1", (unsigned long long)t->at);
		free(more);
		cr_assert(lc_spans_get(s, t->name), "%s is there by name", t->name);
	}
	return out;
}

Test(tensor, torch)
{
	static const char *const samples[] = {
		"tied-adamw", "tied-adamw-p4", "tied-adamw-p5", "zip64",  "compressed", "legacy",
		"everything", "views",	       "list",		"module", "unsigned",
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		char *pt = lc_path("tensor-torch/%s.pt", samples[i]);
		char *txt = lc_path("tensor-torch/%s.txt", samples[i]);
		size_t len, n;
		char *raw = load(pt, &len), *want = load(txt, &n), *got;
		struct lc_spans s = find(raw, len);
		got = list(&s);
		cr_expect(strcmp(got, want) == 0, "%s: got\n%swanted\n%s", pt, got, want);
		lc_spans_release(&s);
		for (size_t cut = 0; cut < len; cut += 1 + len / 400) { /* no end, no directory */
			s = find(raw, cut);
			cr_assert(s.n == 0, "%s cut at %zu", pt, cut);
			lc_spans_release(&s);
		}
		free(got), free(raw), free(want), free(pt), free(txt);
	}
}

Test(tensor, distributed_checkpoint)
{
	static const char *const path[] = {"it3/.metadata", "it3/__0_0.distcp", "__1_0.distcp"};
	size_t mlen, len, n;
	char *m = load("dcp/.metadata", &mlen), *raw = load("dcp/__0_0.distcp", &len);
	char *want = load("dcp/list.txt", &n), *got;
	struct lc_spans meta = find(m, mlen), s = find(raw, len), other = find(raw, len);
	struct lc_spans *const of[] = {&meta, &s, &other};

	cr_assert(meta.n == 0 && s.n > 0 && s.s[0].name[0] == '@');
	lc_spans_together(of, path, 3);
	got = list(&s);
	cr_expect(strcmp(got, want) == 0, "got\n%swanted\n%s", got, want);
	cr_expect(other.s[0].name[0] == '@', "another file");
	for (size_t i = 0; i < 3; i++)
		lc_spans_release(of[i]);
	for (size_t cut = 0; cut < mlen; cut += 7) {
		meta = find(m, cut);
		cr_assert(meta.n == 0 && meta.nnames == 0);
		lc_spans_release(&meta);
	}
	free(m), free(raw), free(want), free(got);
}

Test(tensor, hyper_parameters)
{
	static const char *const samples[] = {"tied-adamw", "tied-adamw-p5", "zip64", "everything"};

	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		char *pt = lc_path("tensor-torch/%s.pt", samples[i]);
		size_t len;
		char *raw = load(pt, &len);
		struct lc_spans s = find(raw, len);
		cr_expect(s.hyper.beta1 == .9 && s.hyper.beta2 == .95, "%s", pt);
		cr_expect(s.hyper.eps == 1e-8 && s.hyper.updates == 3, "%s", pt);
		lc_spans_release(&s);
		free(raw), free(pt);
	}
}

Test(tensor, the_rest_of_a_storage_is_found)
{
	size_t len;
	char *raw = load("tensor-torch/views.pt", &len);
	struct lc_spans s = find(raw, len);
	const struct lc_span *part = lc_spans_get(&s, "of_big"), *rest;

	cr_assert(part && part > s.s);
	rest = part - 1;
	cr_assert(strncmp(rest->name, "data/", 5) == 0 && strstr(rest->name, "[0]"));
	cr_assert(rest->type == LC_F32 && rest->bytes == 16000 && rest->at + 16000 == part->at);
	lc_spans_release(&s);
	free(raw);
}

Test(tensor, npz)
{
	size_t len;
	char *raw = load("tensor-torch/arrays.npz", &len);
	struct lc_spans s = find(raw, len);
	const struct lc_span *w = lc_spans_get(&s, "w"), *f = lc_spans_get(&s, "f");
	float x;

	cr_assert(s.n == 2 && w && f, "no doubles, nothing big-endian");
	cr_assert(w->type == LC_F32 && w->dims == 2 && w->shape[0] == 3 && w->shape[1] == 4);
	memcpy(&x, raw + w->at + 20, 4);
	cr_assert(x == 5);
	cr_assert(f->type == LC_F16 && f->shape[0] == 3 && f->shape[1] == 2);
	lc_spans_release(&s);
	free(raw);
	raw = load("tensor-torch/deflated.npz", &len);
	s = find(raw, len);
	cr_assert(s.n == 0);
	lc_spans_release(&s);
	free(raw);
}

/* A model of llm.c: T 8, V 10 padded to 12, L 2, heads 1, C 4; in all 12*4 + 8*4 + 2*(12*16 + 13*4)
 * + 2*4 parameters. */
#define LLMC_N 576

static unsigned char *llmc_model(int version, size_t *len)
{
	static const uint32_t head[] = {20240326, 0, 8, 10, 2, 1, 4, 12};
	unsigned char *p;

	*len = 1024 + LLMC_N * (version == 3 ? 4 : 2);
	p = lc_xalloc(*len, 1);
	for (int i = 0; i < 8; i++)
		put_word(p, i, head[i]);
	put_word(p, 1, (uint32_t)version);
	return p;
}

static unsigned char *llmc_state(int ranks, int rank, int masters, int extra, size_t n, size_t *len)
{
	unsigned char *p;

	*len = 1024 + n * 4 * (masters ? 3 : 2) + (size_t)extra;
	p = lc_xalloc(*len, 1);
	put_word(p, 0, 20240527);
	put_word(p, 1, 1);
	put_word(p, 2, (uint32_t)ranks);
	put_word(p, 3, (uint32_t)rank);
	put_word(p, 4, (uint32_t)masters);
	put_word(p, 5, extra > 0);
	return p;
}

static void is_span(const struct lc_spans *s, const char *name, uint64_t at, int dims,
		    uint64_t rows, uint64_t cols)
{
	const struct lc_span *t = lc_spans_get(s, name);

	cr_assert(t, "%s is there", name);
	cr_assert(t->at == at, "%s is at %llu", name, (unsigned long long)t->at);
	cr_assert(t->dims == dims && t->shape[0] == rows && t->shape[dims - 1] == cols,
		  "%s: %d %llu", name, t->dims, (unsigned long long)t->shape[0]);
}

static size_t bytes_read;

static int count_bytes(void *ctx, void *buf, size_t len, uint64_t at)
{
	bytes_read += len;
	return read_bytes(ctx, buf, len, at);
}

static size_t put(unsigned char *p, const char *sig, const size_t field[][2], size_t n, size_t len)
{
	memset(p, 0, len);
	memcpy(p, sig, 4);
	for (size_t i = 0; i < n; i++)
		memcpy(p + field[i][0], &field[i][1], 2); /* all are below 65536 */
	return len;
}

/* Two thousand names for one npy whose header claims 60000 bytes; or as many empty zip files, each
 * with a comment: that would be megabytes for each look. */
Test(tensor, absurd_zips_are_not_read_many_times)
{
	enum { N = 2000, HEAD = 60000 };
	unsigned char *buf = lc_xalloc(200000 + 64 * N, 1), *p = buf;
	struct bytes b = {buf, 0};
	struct lc_reader r = {count_bytes, &b, 0};
	struct lc_spans s;
	size_t dir, name = 5;

	p += put(p, "PK\3\4", (const size_t[][2]){{18, HEAD}, {22, HEAD}, {26, name}}, 3, 30);
	memcpy(p, "a.npy", name);
	memcpy(p + name, "\x93NUMPY\x01\x00\x00\xe0", 10);
	p += name + HEAD;
	dir = (size_t)(p - buf);
	for (size_t i = 0; i < N; i++, p += name) {
		p += put(p, "PK\1\2", (const size_t[][2]){{20, HEAD}, {24, HEAD}, {28, name}}, 3,
			 46);
		memcpy(p, "a.npy", name);
	}
	p += put(p, "PK\5\6", NULL, 0, 22);
	memcpy(p - 10, &(uint32_t){(uint32_t)((size_t)(p - buf) - 22 - dir)}, 4);
	memcpy(p - 6, &(uint32_t){(uint32_t)dir}, 4);
	r.size = b.len = (size_t)(p - buf);
	bytes_read = 0;
	lc_spans_find(&r, &s);
	lc_spans_release(&s);
	cr_assert_lt(bytes_read, (size_t)10 << 20);

	p = buf + put(buf, "PK\3\4", NULL, 0, 70000);
	for (size_t i = 0; i < N; i++)
		p += put(p, "PK\5\6", (const size_t[][2]){{20, 1}}, 1, 23);
	r.size = b.len = (size_t)(p - buf);
	bytes_read = 0;
	lc_spans_find(&r, &s);
	lc_spans_release(&s);
	cr_assert_lt(bytes_read, (size_t)10 << 20);
	free(buf);
}

Test(tensor, llmc)
{
	size_t len, slen;
	unsigned char *m = llmc_model(5, &len), *p;
	struct lc_spans model = find(m, len), state, *both[] = {&state, &model};
	const char *const path[] = {"state", "model"};

	cr_assert(model.n == 16 && model.s[15].at + model.s[15].bytes == len);
	is_span(&model, "wpe", 1024 + 2 * 48, 2, 8, 4);
	is_span(&model, "qkvw", 1024 + 2 * (48 + 32 + 16), 3, 2, 4);
	is_span(&model, "fcprojw", 1024 + 2 * (568 - 8 - 128), 3, 2, 16);
	is_span(&model, "lnfb", 1024 + 2 * 572, 1, 4, 4);
	for (int extra = 0; extra < 9; extra += 8) { /* of a shuffled loader */
		p = llmc_state(2, 1, 1, extra, LLMC_N, &slen);
		state = find(p, slen);
		cr_assert(state.n == (extra ? 0 : 3), "alone it tells nothing of its parts");
		lc_spans_together(both, path, 2);
		cr_assert(state.n == 48 && model.n == 16);
		is_span(&state, "wte.exp_avg", 1024, 2, 12, 4);
		is_span(&state, "qkvw.exp_avg_sq", 1024 + 4 * (LLMC_N + 96), 3, 2, 4);
		is_span(&state, "lnfb.master", 1024 + 4 * (2 * LLMC_N + 572), 1, 4, 4);
		lc_spans_release(&state);
		free(p);
	}
	free(m);
	lc_spans_release(&model);
}

Test(tensor, llmc_in_parts)
{
	size_t len, slen;
	unsigned char *m = llmc_model(3, &len), *p = llmc_state(2, 1, 0, 0, LLMC_N / 2, &slen);
	struct lc_spans model = find(m, len), state = find(p, slen), *both[] = {&model, &state};
	const char *const path[] = {"model", "state"};

	lc_spans_together(both, path, 2);
	/* four tensors of all layers, twelve of each; both parts are in the model */
	cr_assert(model.n == 2 * (4 + 24) && state.n == 2 * (4 + 24));
	is_span(&model, "wte.0.1", 1024 + 4 * 24, 2, 6, 4);
	is_span(&model, "qkvw.1.1", 1024 + 4 * (96 + 48 + 24), 2, 6, 4);
	is_span(&state, "wte.0.1.exp_avg", 1024, 2, 6, 4);
	is_span(&state, "qkvw.1.1.exp_avg", 1024 + 4 * (48 + 24), 2, 6, 4);
	is_span(&state, "lnfb.0.1.exp_avg_sq", 1024 + 4 * (LLMC_N / 2 + 286), 1, 2, 2);
	cr_assert(!lc_spans_get(&state, "wte.0.0.exp_avg"), "of another rank");
	lc_spans_release(&state);
	lc_spans_release(&model);
	free(p);
	p = llmc_state(2, 1, 0, 0, LLMC_N / 2 + 1, &slen);
	model = find(m, len);
	state = find(p, slen);
	lc_spans_together(both, path, 2);
	cr_assert(model.n == 16 && state.n == 2, "a state of another model");
	lc_spans_release(&state);
	lc_spans_release(&model);
	free(p), free(m);
}
