/* pair: which tensors go together, by their names or by their shapes, in states as frameworks
 * write them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "store_pair.h"

#define MAX 64

struct state {
	struct lc_span s[MAX];
	struct lc_paired t[MAX];
	size_t n;
	int file, ordered;
};

/* One more, of rows x cols (cols 0: of one dimension); gives its number. */
static size_t add(struct state *st, const char *name, enum lc_dtype type, uint64_t rows,
		  uint64_t cols)
{
	struct lc_span *s = &st->s[st->n];

	cr_assert(st->n < MAX);
	s->name = strdup(name);
	s->type = type;
	s->dims = cols ? 2 : 1;
	s->shape[0] = rows;
	s->shape[1] = cols;
	s->bytes = rows * (cols ? cols : 1) * lc_dtype_bits(type) / 8;
	s->order = (uint32_t)st->n;
	st->t[st->n] =
		(struct lc_paired){.s = s, .file = (uint32_t)st->file, .ordered = st->ordered};
	return st->n++;
}

static void forget(struct state *st)
{
	for (size_t i = 0; i < st->n; i++)
		free(st->s[i].name);
}

static size_t number(const struct state *st, const char *name)
{
	for (size_t i = 0; i < st->n; i++)
		if (strcmp(st->s[i].name, name) == 0)
			return i;
	cr_assert(0, "%s is there", name);
	return 0;
}

/* w is predicted from the moments of that stem: stem.exp_avg and, from it, stem.exp_avg_sq. */
static void trains(const struct state *st, const char *w, const char *stem)
{
	const struct lc_paired *t = &st->t[number(st, w)];
	char m[200], v[200];

	snprintf(m, sizeof(m), "%s.exp_avg", stem);
	snprintf(v, sizeof(v), "%s.exp_avg_sq", stem);
	cr_assert(t->near[LC_M1] != LC_ALONE && t->near[LC_V1] != LC_ALONE, "%s has none", w);
	cr_expect_str_eq(st->s[t->near[LC_M1]].name, m, "of %s", w);
	cr_expect_str_eq(st->s[t->near[LC_V1]].name, v, "of %s", w);
	cr_expect(st->t[number(st, v)].near[LC_M1] == number(st, m));
	cr_expect(st->t[number(st, m)].pass < st->t[number(st, v)].pass &&
		  st->t[number(st, v)].pass < t->pass);
}

static void copies(const struct state *st, const char *narrow, const char *master)
{
	const struct lc_paired *t = &st->t[number(st, narrow)];

	cr_assert(t->near[LC_MASTER] != LC_ALONE, "%s has no master", narrow);
	cr_expect_str_eq(st->s[t->near[LC_MASTER]].name, master);
	cr_expect(st->t[t->near[LC_MASTER]].pass < t->pass);
}

static void adam(struct state *st, const char *stem, uint64_t rows, uint64_t cols)
{
	char name[200];

	snprintf(name, sizeof(name), "%s.exp_avg", stem);
	add(st, name, LC_F32, rows, cols);
	snprintf(name, sizeof(name), "%s.exp_avg_sq", stem);
	add(st, name, LC_F32, rows, cols);
}

Test(pair, by_name)
{
	static const struct {
		const char *w, *m, *v;
	} c[] = {
		{"a.w", "a.w.exp_avg", "a.w.exp_avg_sq"},
		{"a.w", "m.a.w", "v.a.w"},
		{"a.w.master", "a.w.exp_avg", "a.w.exp_avg_sq"},
		{"model.a.w", "optimizer.state.a.w.exp_avg", "optimizer.state.a.w.exp_avg_sq"},
		{"model._orig_mod.a.w", "optim.state.module.a.w.exp_avg",
		 "optim.state.module.a.w.exp_avg_sq"},
		{"params.a.w", "opt_state.0.mu.a.w", "opt_state.0.nu.a.w"},
		{"module.a.w", "optimizer.state.exp_avg.module.a.w",
		 "optimizer.state.exp_avg_sq.module.a.w"},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		struct state st = {0};
		size_t w = add(&st, c[i].w, LC_F32, 8, 9), x = add(&st, "x.w", LC_F32, 8, 9);
		size_t v = add(&st, c[i].v, LC_F32, 8, 9), m = add(&st, c[i].m, LC_F32, 8, 9);
		lc_pair_tensors(st.t, st.n);
		cr_expect(st.t[w].near[LC_M1] == m && st.t[w].near[LC_V1] == v, "%s", c[i].m);
		cr_expect(st.t[v].near[LC_M1] == m && st.t[x].near[LC_M1] == LC_ALONE);
		forget(&st);
	}
}

Test(pair, a_value_projection_is_no_moment)
{
	struct state st = {0};
	size_t v = add(&st, "h.attn.v.weight", LC_F32, 8, 8);
	size_t w = add(&st, "h.attn.weight", LC_F32, 8, 8);

	lc_pair_tensors(st.t, st.n);
	cr_assert(st.t[v].part == LC_PART_W && st.t[w].near[LC_V1] == LC_ALONE);
	forget(&st);
}

/* torch.save({model, optimizer}): two groups of parameters, and an average of the weights. */
static void checkpoint(struct state *st, const char *first, const char *second)
{
	static const char *const name[] = {"wte",     "h.0.qkv", "h.0.fc",  "h.0.bias",
					   "h.1.qkv", "h.1.fc",	 "h.1.bias"};
	char path[200];

	st->ordered = 1;
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < 7; i++) {
			snprintf(path, sizeof(path), "%s.%s", k ? second : first, name[i]);
			add(st, path, LC_F32, i == 0 ? 99 : 8,
			    i % 3 ? (i % 3 == 1 ? 24 : 32)
			    : i	  ? 0
				  : 8);
		}
	for (int i = 0; i < 7; i++) { /* with decay: all but the biases */
		static const int of[] = {0, 1, 2, 4, 5, 3, 6};
		const struct lc_span *s = &st->s[of[i]];
		snprintf(path, sizeof(path), "optimizer.state.%d", i);
		adam(st, path, s->shape[0], s->dims > 1 ? s->shape[1] : 0);
	}
}

Test(pair, numbered_state_of_torch)
{
	struct state st = {0};

	checkpoint(&st, "model", "ema");
	lc_pair_tensors(st.t, st.n);
	trains(&st, "model.wte", "optimizer.state.0");
	trains(&st, "model.h.0.qkv", "optimizer.state.1");
	trains(&st, "model.h.0.fc", "optimizer.state.2");
	trains(&st, "model.h.1.qkv", "optimizer.state.3");
	trains(&st, "model.h.1.fc", "optimizer.state.4");
	trains(&st, "model.h.0.bias", "optimizer.state.5");
	trains(&st, "model.h.1.bias", "optimizer.state.6");
	cr_assert(st.t[number(&st, "ema.wte")].near[LC_M1] == LC_ALONE);
	forget(&st);
}

Test(pair, more_than_nine_in_order_of_numbers)
{
	struct state st = {.ordered = 1};
	char path[50], stem[50];

	for (int i = 0; i < 12; i++) {
		snprintf(path, sizeof(path), "model.%d.weight", i);
		add(&st, path, LC_F32, 70, 70);
	}
	for (int i = 0; i < 12; i++) { /* as old torch wrote its storages: in order of texts */
		static const int text[] = {0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9};
		snprintf(path, sizeof(path), "optimizer.state.%d", text[i]);
		adam(&st, path, 70, 70);
	}
	lc_pair_tensors(st.t, st.n);
	for (int i = 0; i < 12; i++) {
		snprintf(path, sizeof(path), "model.%d.weight", i);
		snprintf(stem, sizeof(stem), "optimizer.state.%d", i);
		trains(&st, path, stem);
	}
	forget(&st);
}

/* model.safetensors, in order of the alphabet, beside optimizer.pt, numbered as the model was
 * made: embedding, then layer by layer q, k, v, o, gate, up, down, then the head. */
Test(pair, hugging_face)
{
	static const char *const made[] = {
		"model.embed_tokens.weight",
		"model.layers.2.self_attn.q_proj.weight",
		"model.layers.2.self_attn.k_proj.weight",
		"model.layers.2.self_attn.v_proj.weight",
		"model.layers.2.self_attn.o_proj.weight",
		"model.layers.2.mlp.gate_proj.weight",
		"model.layers.2.mlp.up_proj.weight",
		"model.layers.10.self_attn.q_proj.weight",
		"model.layers.10.self_attn.k_proj.weight",
		"model.layers.10.self_attn.v_proj.weight",
		"model.layers.10.self_attn.o_proj.weight",
		"model.layers.10.mlp.gate_proj.weight",
		"model.layers.10.mlp.up_proj.weight",
		"lm_head.weight",
	};
	static const int alphabet[] = {13, 0, 11, 12, 8, 10, 7, 9, 5, 6, 2, 4, 1, 3};
	struct state st = {0};
	char stem[50];

	for (int i = 0; i < 14; i++)
		add(&st, made[alphabet[i]], LC_F32, 64, 64);
	st.file = 1;
	st.ordered = 1;
	for (int i = 0; i < 14; i++) {
		snprintf(stem, sizeof(stem), "state.%d", i);
		adam(&st, stem, 64, 64);
	}
	lc_pair_tensors(st.t, st.n);
	for (int i = 0; i < 14; i++) {
		snprintf(stem, sizeof(stem), "state.%d", i);
		trains(&st, made[i], stem);
	}
	forget(&st);
}

/* Two ranks, a file each: flat fp32 groups with their moments; names are the same in both. */
Test(pair, deepspeed)
{
	struct state st = {.ordered = 1};

	for (st.file = 0; st.file < 2; st.file++) {
		add(&st, "optimizer_state_dict.single_partition_of_fp32_groups.0", LC_F32, 9000, 0);
		adam(&st, "optimizer_state_dict.base_optimizer_state.state.0", 9000, 0);
	}
	lc_pair_tensors(st.t, st.n);
	for (size_t k = 0; k < 6; k += 3) {
		cr_expect(st.t[k].near[LC_M1] == k + 1 && st.t[k].near[LC_V1] == k + 2);
		cr_expect(st.t[k + 2].near[LC_M1] == k + 1);
	}
	forget(&st);
}

/* bf16 weights, masters in a list, moments by number. */
Test(pair, megatron)
{
	struct state st = {.ordered = 1};

	add(&st, "model.language_model.embedding", LC_BF16, 99, 8);
	add(&st, "model.language_model.0.qkv", LC_BF16, 8, 24);
	add(&st, "model.language_model.1.qkv", LC_BF16, 8, 24);
	add(&st, "optimizer.fp32_from_fp16_params.0.0", LC_F32, 99, 8);
	add(&st, "optimizer.fp32_from_fp16_params.0.1", LC_F32, 8, 24);
	add(&st, "optimizer.fp32_from_fp16_params.0.2", LC_F32, 8, 24);
	adam(&st, "optimizer.optimizer.state.0", 99, 8);
	adam(&st, "optimizer.optimizer.state.1", 8, 24);
	adam(&st, "optimizer.optimizer.state.2", 8, 24);
	lc_pair_tensors(st.t, st.n);
	trains(&st, "optimizer.fp32_from_fp16_params.0.0", "optimizer.optimizer.state.0");
	trains(&st, "optimizer.fp32_from_fp16_params.0.1", "optimizer.optimizer.state.1");
	trains(&st, "optimizer.fp32_from_fp16_params.0.2", "optimizer.optimizer.state.2");
	copies(&st, "model.language_model.embedding", "optimizer.fp32_from_fp16_params.0.0");
	copies(&st, "model.language_model.0.qkv", "optimizer.fp32_from_fp16_params.0.1");
	copies(&st, "model.language_model.1.qkv", "optimizer.fp32_from_fp16_params.0.2");
	forget(&st);
}

Test(pair, two_models_two_optimizers)
{
	struct state st = {.ordered = 1};

	add(&st, "netG.w", LC_F32, 50, 60);
	add(&st, "netG.x", LC_F32, 50, 61);
	add(&st, "netD.w", LC_F32, 70, 60);
	add(&st, "netD.x", LC_F32, 70, 61);
	adam(&st, "optD.state.0", 70, 60);
	adam(&st, "optD.state.1", 70, 61);
	adam(&st, "optG.state.0", 50, 60);
	adam(&st, "optG.state.1", 50, 61);
	lc_pair_tensors(st.t, st.n);
	trains(&st, "netG.w", "optG.state.0");
	trains(&st, "netG.x", "optG.state.1");
	trains(&st, "netD.w", "optD.state.0");
	trains(&st, "netD.x", "optD.state.1");
	forget(&st);
}

Test(pair, nothing_to_pair)
{
	struct state st = {0};

	lc_pair_tensors(st.t, 0);
	add(&st, "", LC_F32, 5, 0);
	add(&st, "...", LC_BF16, 5, 0);
	add(&st, "exp_avg", LC_F32, 5, 0);
	add(&st, ".exp_avg_sq.", LC_F32, 5, 0);
	add(&st, "w", LC_I32, 5, 0);
	lc_pair_tensors(st.t, st.n);
	for (size_t i = 0; i < st.n; i++)
		for (int k = 0; k < LC_NEARS; k++)
			cr_assert(st.t[i].near[k] == LC_ALONE || st.t[i].near[k] < st.n);
	forget(&st);
}

Test(pair, the_file_gone_on_from)
{
	static const struct {
		const char *path, *found; /* among those below */
	} c[] = {
		{"model.pt", "model.pt"},
		{"global_step300/rank_01.pt", "global_step200/rank_01.pt"},
		{"global_step300/rank_02.pt", NULL},
		{"state_00000300_00001.bin", "state_00000200_00001.bin"},
		{"state_00000150_00000.bin", "state_00000100_00000.bin"},
		{"state_00000050_00000.bin", NULL},
		{"state_00000300_00009.bin", NULL},
		{"it9/model9.pt", "it8/model8.pt"},
		{"it9/model7.pt", NULL},
		{"other.pt", NULL},
	};
	struct lc_entry e[] = {
		{.path = "global_step200"},
		{.path = "global_step200/rank_00.pt"},
		{.path = "global_step200/rank_01.pt"},
		{.path = "it8/model8.pt"},
		{.path = "model.pt"},
		{.path = "state_00000100_00000.bin"},
		{.path = "state_00000200_00000.bin"},
		{.path = "state_00000200_00001.bin"},
	};
	struct lc_manifest base = {.e = e, .n = sizeof(e) / sizeof(*e)};

	e[0].kind = LC_DIR;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		const struct lc_entry *found = lc_pair_older(&base, c[i].path);
		cr_expect(!found == !c[i].found && (!found || !strcmp(found->path, c[i].found)),
			  "%s: %s", c[i].path, found ? found->path : "none");
	}
	cr_assert(!lc_pair_older(NULL, "model.pt"));
}
