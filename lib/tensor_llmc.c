/*
 * tensor_llmc: the files of llm.c (train_gpt2.cu): model_STEP.bin holds 16 parameter tensors, most
 * of them for all layers at once; state_STEP_RANK.bin the first moments, the second moments and, if
 * kept, the masters of a rank, in fp32, each in the order of the parameters. With ZeRO a rank has
 * its part of each tensor of each layer (multi_gpu_get_shard_offset).
 *
 * A state file does not say how its arrays are divided: that follows from the model's file.
 */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "tensor_impl.h"

#define WORDS 256 /* of 32 bits: a header */
#define DATA (4 * WORDS)
#define TENSORS 16
#define SIDE_MAX (1u << 24) /* of anything counted in a header */
#define PARTS_MAX 65536	    /* ranks times layers */

static uint64_t word(const unsigned char *head, int i)
{
	return spans_little(head + 4 * i, 4);
}

/* Shapes in terms of the header's words; 0 ends. */
enum { T = 2, L = 4, C = 6, VP = 7, TIMES3 = 16, TIMES4 = 32, SIDE = 15 };
static const struct {
	const char *name;
	int shape[3];
} layout[TENSORS] = {
	{"wte", {VP, C}},
	{"wpe", {T, C}},
	{"ln1w", {L, C}},
	{"ln1b", {L, C}},
	{"qkvw", {L, C | TIMES3, C}},
	{"qkvb", {L, C | TIMES3}},
	{"attprojw", {L, C, C}},
	{"attprojb", {L, C}},
	{"ln2w", {L, C}},
	{"ln2b", {L, C}},
	{"fcw", {L, C | TIMES4, C}},
	{"fcb", {L, C | TIMES4}},
	{"fcprojw", {L, C, C | TIMES4}},
	{"fcprojb", {L, C}},
	{"lnfw", {C}},
	{"lnfb", {C}},
};

static void add_flat(struct lc_spans *found, const struct lc_reader *r, enum lc_dtype type,
		     const char *name, uint64_t at, uint64_t n)
{
	uint64_t size = lc_dtype_bits(type) / 8;
	struct lc_span s = {.type = type, .dims = 1, .shape = {n}, .at = at, .bytes = n * size};

	spans_add(found, r, &s, lc_path("%s", name));
}

static void find_model(const struct lc_reader *r, const unsigned char *head, struct lc_spans *found)
{
	enum lc_dtype type = word(head, 1) == 3 ? LC_F32 : LC_BF16;
	uint64_t size = type == LC_F32 ? 4 : 2, at = DATA;
	struct lc_span s[TENSORS];

	if (type == LC_BF16 && word(head, 1) != 5)
		return;
	memset(s, 0, sizeof(s));
	for (int i = 0; i < TENSORS && at <= r->size; i++) {
		uint64_t bytes = size;
		s[i].type = type;
		s[i].at = at;
		for (int d = 0; d < 3 && layout[i].shape[d]; d++) {
			int x = layout[i].shape[d];
			uint64_t n = word(head, x & SIDE);
			s[i].shape[s[i].dims++] = n * (x & TIMES3 ? 3 : x & TIMES4 ? 4 : 1);
			if (n > SIDE_MAX || __builtin_mul_overflow(bytes, s[i].shape[d], &bytes))
				bytes = 0;
		}
		s[i].bytes = bytes;
		at = bytes ? at + bytes : UINT64_MAX;
	}
	if (at != r->size) { /* another layout: all parameters as one */
		add_flat(found, r, type, "params", DATA, (r->size - DATA) / size);
		return;
	}
	for (int i = 0; i < TENSORS; i++)
		spans_add(found, r, &s[i], lc_path("%s", layout[i].name));
	found->llmc.layers = (uint32_t)word(head, L);
	found->llmc.params = (r->size - DATA) / size;
}

#define ARRAYS 3
static const char *const arrays[ARRAYS] = {"exp_avg", "exp_avg_sq", "master"};

static void find_state(const struct lc_reader *r, const unsigned char *head, struct lc_spans *found)
{
	struct lc_llmc *l = &found->llmc;

	l->arrays = word(head, 4) == 1 ? 3 : 2;
	l->ranks = (uint32_t)word(head, 2);
	l->rank = (uint32_t)word(head, 3);
	l->exact = word(head, 5) == 0; /* else a shuffled loader adds to the file's end */
	l->bytes = r->size - DATA;
	/* the constants of train_gpt2.cu */
	found->hyper = (struct lc_hyper){.9, .95, 1e-8, (long)word(head, 10)};
	l->params = l->exact ? l->bytes / 4 / l->arrays : 0;
	for (uint32_t i = 0; i < ARRAYS && i < l->arrays && l->params; i++) {
		char *name = lc_path("params.%s", arrays[i]);
		add_flat(found, r, LC_F32, name, DATA + 4 * l->params * i, l->params);
		free(name);
	}
}

void spans_llmc(const struct lc_reader *r, struct lc_spans *found)
{
	unsigned char head[DATA];

	if (r->size <= DATA || r->read(r->ctx, head, sizeof(head), 0) < 0)
		return;
	found->ordered = 1;
	if (word(head, 0) == LLMC_MODEL)
		find_model(r, head, found);
	else
		find_state(r, head, found);
}

static int no_read(void *ctx, void *buf, size_t len, uint64_t at)
{
	(void)ctx, (void)buf, (void)len, (void)at;
	return -1;
}

/* The tensors of a file anew, from those of the model: each whole, or with parts > 1 each layer's
 * part `rank` of it, or all of them (rank < 0), behind byte `at`; array follows the name. */
static void divide(struct lc_spans *found, const struct lc_spans *model, uint64_t at,
		   enum lc_dtype type, uint32_t parts, int64_t rank, const char *array)
{
	const struct lc_reader r = {no_read, NULL, UINT64_MAX / 2};
	uint64_t size = lc_dtype_bits(type) / 8;

	for (size_t i = 0; i < model->n; i++) {
		const struct lc_span *t = &model->s[i];
		int stacked = layout[i].shape[0] == L, d = stacked && parts > 1;
		uint32_t layers = d ? model->llmc.layers : 1;
		for (uint32_t k = 0; k < layers * parts; k++) {
			uint32_t part = k % parts;
			struct lc_span s = *t;
			if (rank >= 0 && part != rank)
				continue;
			s.type = type;
			s.dims = t->dims - d;
			memmove(s.shape, t->shape + d, (size_t)s.dims * sizeof(*s.shape));
			s.at = at;
			s.bytes = t->bytes / (lc_dtype_bits(t->type) / 8) * size / layers / parts;
			if (s.shape[0] % parts)
				s.shape[0] = s.bytes / size, s.dims = 1;
			else
				s.shape[0] /= parts;
			at += s.bytes;
			spans_add(found, &r, &s,
				  parts > 1 ? lc_path("%s.%u.%u%s", t->name, k / parts, part, array)
					    : lc_path("%s%s", t->name, array));
		}
	}
}

/* How many parts of the model a state's arrays are one of: 0, it is none of that model. */
static uint32_t parts_of(const struct lc_llmc *l, const struct lc_spans *model)
{
	for (int whole = 1; whole >= 0; whole--) {
		uint32_t parts = whole ? 1 : l->ranks;
		uint64_t bytes;
		if (parts == 0 || parts * (uint64_t)(model->llmc.layers + 1) > PARTS_MAX ||
		    model->llmc.params % parts)
			continue;
		bytes = model->llmc.params / parts * 4 * l->arrays;
		if (bytes == l->bytes || (bytes < l->bytes && !l->exact))
			return parts;
	}
	return 0;
}

/* Every tensor of every layer can be cut in so many parts. */
static int divides(const struct lc_spans *model, uint32_t parts)
{
	for (size_t i = 0; i < model->n; i++) {
		const struct lc_span *t = &model->s[i];
		uint64_t n = t->bytes / (lc_dtype_bits(t->type) / 8);
		if (layout[i].shape[0] == L)
			n /= model->llmc.layers;
		if (n % parts)
			return 0;
	}
	return 1;
}

static void replace(struct lc_spans *old, struct lc_spans *now)
{
	now->llmc = old->llmc;
	now->hyper = old->hyper;
	now->ordered = 1;
	lc_spans_release(old);
	*old = *now;
	spans_index(old);
}

void llmc_together(struct lc_spans *const *of, size_t n)
{
	struct lc_spans *model = NULL, now;
	uint32_t parts, most = 1;

	for (size_t i = 0; i < n && !model; i++)
		if (of[i]->llmc.params && !of[i]->llmc.arrays && of[i]->n == TENSORS)
			model = of[i];
	for (size_t i = 0; i < n && model; i++) {
		struct lc_llmc *l = &of[i]->llmc;
		if (l->arrays == 0 || (parts = parts_of(l, model)) == 0 || !divides(model, parts))
			continue;
		memset(&now, 0, sizeof(now));
		for (uint32_t k = 0; k < ARRAYS && k < l->arrays; k++) {
			char *array = lc_path(".%s", arrays[k]);
			divide(&now, model, DATA + model->llmc.params / parts * 4 * k, LC_F32,
			       parts, parts > 1 ? (int64_t)l->rank : -1, array);
			free(array);
		}
		replace(of[i], &now);
		most = parts > most ? parts : most;
	}
	if (most > 1) {
		memset(&now, 0, sizeof(now));
		divide(&now, model, DATA, model->s[0].type, most, -1, "");
		replace(model, &now);
	}
}
