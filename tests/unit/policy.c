/*
 * policy: what --reward is made of: one byte at a time against the whole pass, the gradient against
 * finite differences, and the reward of words.
 */
#include <string.h>

#include "../../cmd/lc-train/reward.h"
#include "decode.h"
#include "pgrad.h"
#include "tinygpt.h"

enum { DRAWN = 10, V = LC_GPT_VOCAB };

/* Logits are of size 1 to 10, sums of 32 floats in another order. */
Test(policy, one_byte_at_a_time_is_the_whole_pass)
{
	struct world x;
	struct lc_decode *d;
	const float *whole;

	set_up(&x);
	whole = lc_gpt_logits(&x.g, x.k, x.w, x.tokens, ROWS);
	d = lc_decode_open(&x.g, ROWS);
	for (int again = 0; again < 2; again++) /* position 0 begins anew */
		for (int t = 0; t < CTX; t++) {
			const float *one = lc_decode_step(d, &x.g, x.w, x.tokens, CTX + 1, ROWS, t);

			for (int r = 0; r < ROWS; r++)
				for (int j = 0; j < V; j++) {
					float want = whole[(r * CTX + t) * V + j];

					cr_assert(fabsf(one[r * V + j] - want) < 1e-4f,
						  "row %d, position %d: %g, not %g", r, t,
						  (double)one[r * V + j], (double)want);
				}
		}
	lc_decode_close(d);
	tear_down(&x);
}

static const float advantage[ROWS] = {0.7f, -0.4f, -0.3f};

/* The head of lc-train's rl.c: the last DRAWN places of each row. */
struct head {
	const uint8_t *tokens;
	const float *ref;
	struct lc_pgrad sums;
};

static double head_loss(void *ctx, float *logits)
{
	struct head *h = ctx;

	memset(&h->sums, 0, sizeof(h->sums));
	for (int i = 0; i < ROWS; i++) {
		float *row = logits + i * CTX * V;

		memset(row, 0, (CTX - DRAWN) * V * sizeof(*row));
		lc_pgrad_cpu(&h->sums, row + (CTX - DRAWN) * V, h->ref + i * DRAWN * V,
			     h->tokens + i * (CTX + 1) + CTX + 1 - DRAWN, advantage[i], 0.3f, 1,
			     DRAWN, V);
	}
	return h->sums.loss;
}

static double loss_at(struct world *x, void *head, const float *w)
{
	float *scratch = lc_xalloc(x->g.count, sizeof(*scratch));
	double loss;

	lc_gpt_prepare(&x->g, w);
	loss = lc_gpt_grad_of(&x->g, x->k, w, x->tokens, ROWS, head_loss, head, scratch);
	free(scratch);
	return loss;
}

Test(policy, gradient_is_the_slope_of_the_loss)
{
	struct world x;
	struct lc_rng rng = {11, 80, 0};
	float *ref = lc_xalloc(ROWS * DRAWN * V, sizeof(*ref)), *u;
	struct head h;

	set_up(&x);
	for (int i = 0; i < ROWS * DRAWN * V; i++)
		ref[i] = 2 * (float)lc_rng_normal(&rng);
	h = (struct head){.tokens = x.tokens, .ref = ref};
	lc_gpt_grad_of(&x.g, x.k, x.w, x.tokens, ROWS, head_loss, &h, x.grad);
	u = lc_xalloc(x.g.count, sizeof(*u));
	for (int dir = 0; dir < 6; dir++) {
		char what[] = {'0' + (char)dir, 0};

		for (size_t j = 0; j < x.g.count; j++) {
			double g = (double)x.grad[j], z = lc_rng_normal(&rng);

			u[j] = (float)(dir ? z * (dir < 3 ? 1 : fabs(g)) : g);
		}
		holds_along(&x, loss_at, &h, u, what);
	}
	free(u);
	free(ref);
	tear_down(&x);
}

Test(policy, sums_of_a_known_distribution)
{
	float x[V] = {0}, q[V] = {0};
	uint8_t action = 7;
	struct lc_pgrad s = {0};

	lc_pgrad_cpu(&s, x, q, &action, 2, 0.5f, 1, 1, V);
	cr_assert(fabs(s.entropy - log(V)) < 1e-5 && fabs(s.kl) < 1e-6);
	cr_assert(fabs(s.loss - 2 * log(V)) < 1e-4, "%g", s.loss);
	cr_assert(fabsf(x[7] - 2 * (1.0f / V - 1)) < 1e-6f && fabsf(x[8] - 2.0f / V) < 1e-6f);
	memset(x, 0, sizeof(x));
	for (int j = 0; j < V / 2; j++)
		q[j] = -100; /* p is uniform, q so on half: KL is log 2 short of infinite */
	memset(&s, 0, sizeof(s));
	lc_pgrad_cpu(&s, x, q, &action, 0, 1, 1, 1, V);
	cr_assert(fabs(s.kl - (50 - log(2))) < 1e-3, "%g", s.kl);
}

static double worth(const char *text, const char *row, int prompt)
{
	struct reward *w = reward_open(text, strlen(text));
	double got = reward_of(w, (const uint8_t *)row, prompt, (int)strlen(row));

	reward_close(w);
	return got;
}

Test(policy, words_of_the_text_are_worth_their_letters)
{
	const char *text = "In the beginning God created. He saw";

	cr_assert_eq(worth(text, "...... the God ", 6), 6.0 / 9);
	cr_assert_eq(worth(text, "...... teh Gdo ", 6), 0, "misspelt");
	cr_assert_eq(worth(text, "...... THE god ", 6), 0, "another case");
	cr_assert_eq(worth(text, "...... In He  ", 6), 0, "too short");
	cr_assert_eq(worth(text, "...... the beg", 6), 3.0 / 8, "cut off by the end");
	cr_assert_eq(worth(text,
			   ". begin"
			   "ning. ",
			   7),
		     4.0 / 6, "begun by the prompt");
	cr_assert_eq(worth(text,
			   ". begin"
			   "ing. ",
			   7),
		     0, "and gone astray");
	cr_assert_eq(worth(text, "the the ", 2), 3.0 / 6, "cut off by the beginning");
	cr_assert_eq(worth(text, ". the saw. ", 5), 3.0 / 6, "a word of the prompt alone is not");
	cr_assert_eq(worth(text, "....", 2), 0);
	cr_assert_eq(worth("", "... the ", 3), 0);
}

Test(policy, many_words)
{
	char *text = lc_xalloc(6 * 20000 + 1, 1), row[16] = "..xxxxx. ";
	struct reward *w;

	for (int i = 0; i < 20000; i++) {
		for (int j = 0, n = i; j < 5; j++, n /= 26)
			text[6 * i + j] = (char)('a' + n % 26);
		text[6 * i + 5] = ' ';
	}
	w = reward_open(text, 6 * 20000);
	for (int i = 0; i < 40000; i++) {
		for (int j = 0, n = i; j < 5; j++, n /= 26)
			row[2 + j] = (char)('a' + n % 26);
		cr_assert_eq(reward_of(w, (uint8_t *)row, 2, 9), i < 20000 ? 5.0 / 7 : 0, "%d", i);
	}
	reward_close(w);
	free(text);
}
