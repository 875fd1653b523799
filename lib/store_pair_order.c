/*
 * store_pair_order: tensors are paired by equal shapes in equal order where names do not tell:
 * torch numbers the parameters of an optimizer in the order of its groups ("state.3.exp_avg"), and
 * fp32 masters are often lists. Each group of them (the moments of one optimizer, the narrow
 * weights of one model) is tried against the weights of each model, and takes those it fits best.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "store_pair_impl.h"

#define SCOPES_MAX 64 /* tried for a group */
#define GROUPS_MAX 256

/* Where a component comes in the order in which models are written down, among its siblings, when
 * that is not the order of the alphabet; 0: no matter. */
static int rank_of(const char *p, size_t n)
{
	static const struct {
		const char *word;
		int rank;
	} known[] = {
		{"embed", -3}, {"wte", -3},    {"tok", -3},   {"word", -3},    {"wpe", -2},
		{"pos", -2},   {"q_proj", 1},  {"query", 1},  {"k_proj", 2},   {"key", 2},
		{"v_proj", 3}, {"value", 3},   {"o_proj", 4}, {"out_proj", 4}, {"gate", 5},
		{"up", 6},     {"down", 7},    {"mlp", 8},    {"norm", 9},     {"lm_head", 10},
		{"head", 10},  {"output", 10},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (n >= strlen(known[i].word) &&
		    memcmp(p, known[i].word, strlen(known[i].word)) == 0)
			return known[i].rank;
	return 0;
}

/* Names as a model would list them: by components, numbers as numbers. */
static int by_sense(const char *a, const char *b)
{
	while (*a && *b) {
		size_t n = strcspn(a, "."), k = strcspn(b, ".");
		int ra = rank_of(a, n), rb = rank_of(b, k), c;
		if (n == k && memcmp(a, b, n) == 0) {
			a += n + (a[n] == '.');
			b += k + (b[k] == '.');
			continue;
		}
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			unsigned long x = strtoul(a, NULL, 10), y = strtoul(b, NULL, 10);
			if (x != y)
				return x < y ? -1 : 1;
		}
		if (ra != rb)
			return ra < rb ? -1 : 1;
		c = memcmp(a, b, n < k ? n : k);
		return c ? c : n < k ? -1 : 1;
	}
	return *a ? 1 : *b ? -1 : 0;
}

struct item { /* of either side */
	const struct lc_paired *t;
	const char *stem;
	size_t i;
};

static int by_shape(const struct lc_span *a, const struct lc_span *b)
{
	if (a->dims != b->dims)
		return a->dims < b->dims ? -1 : 1;
	for (int d = 0; d < a->dims; d++)
		if (a->shape[d] != b->shape[d])
			return a->shape[d] < b->shape[d] ? -1 : 1;
	return 0;
}

static int by_shape_and_order(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int c = by_shape(a->t->s, b->t->s);

	if (c == 0)
		c = b->t->ordered - a->t->ordered;
	if (c == 0 && a->t->ordered)
		c = a->t->file != b->t->file	      ? (a->t->file < b->t->file ? -1 : 1)
		    : a->t->s->order < b->t->s->order ? -1
						      : a->t->s->order > b->t->s->order;
	if (c == 0)
		c = by_sense(a->stem, b->stem);
	return c ? c : a->i < b->i ? -1 : a->i > b->i;
}

static int by_shape_and_name(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int c = by_shape(a->t->s, b->t->s);

	if (c == 0)
		c = by_sense(a->stem, b->stem);
	return c ? c : a->i < b->i ? -1 : a->i > b->i;
}

struct scope { /* weights of one model, maybe: of one file, or below one name in it */
	uint32_t file;
	int any_file;
	const char *top; /* NULL: all */
	size_t len;
};

static int in_scope(const struct scope *s, const struct lc_paired *t)
{
	return s->any_file || (s->file == t->file &&
			       (!s->top || (strncmp(t->s->name, s->top, s->len) == 0 &&
					    (t->s->name[s->len] == '.' || !t->s->name[s->len]))));
}

static int same_scope(const struct scope *a, const struct scope *b)
{
	return a->any_file == b->any_file && a->file == b->file && !a->top == !b->top &&
	       a->len == b->len && (!a->top || memcmp(a->top, b->top, a->len) == 0);
}

static size_t add_scope(struct scope *s, size_t n, struct scope one)
{
	for (size_t i = 0; i < n; i++)
		if (same_scope(&s[i], &one))
			return n;
	if (n < SCOPES_MAX)
		s[n++] = one;
	return n;
}

/* Those to try, the nearest first: of equal ones that wins. */
static size_t list_scopes(struct scope *s, const struct item *b, size_t nb, uint32_t file)
{
	size_t n = 0;

	for (int other = 0; other < 2; other++)
		for (size_t j = 0; j < nb; j++) {
			struct scope one = {.file = b[j].t->file};
			if ((one.file != file) != other)
				continue;
			one.top = b[j].t->s->name;
			one.len = strcspn(one.top, ".");
			n = add_scope(s, n, one);
			one.top = NULL;
			one.len = 0;
			n = add_scope(s, n, one);
		}
	return add_scope(s, n < SCOPES_MAX ? n : n - 1, (struct scope){.any_file = 1});
}

/* The k-th of each shape in a goes with the k-th of it in b. Gives the elements that go together
 * less those of this scope that are left over; both are ordered by shape. */
static double match(const struct item *a, size_t na, const struct item *b, size_t nb,
		    const struct scope *s, size_t *to)
{
	double score = 0;
	size_t i = 0, j = 0;

	while (i < na || j < nb) {
		int c;
		if (j < nb && !in_scope(s, b[j].t)) {
			j++;
			continue;
		}
		c = i == na ? 1 : j == nb ? -1 : by_shape(a[i].t->s, b[j].t->s);
		if (c == 0)
			score += (double)a[i].t->s->bytes;
		else
			score -= c < 0 ? (double)a[i].t->s->bytes : (double)b[j].t->s->bytes;
		if (c <= 0)
			to[i++] = c == 0 ? b[j].i : LC_ALONE;
		j += c >= 0;
	}
	return score;
}

/* to[i] is what a[i] goes with, in the scope that fits best, if any does. */
static void match_best(const struct item *a, size_t na, const struct item *b, size_t nb, size_t *to)
{
	struct scope s[SCOPES_MAX];
	size_t n = list_scopes(s, b, nb, a->t->file), *now = lc_xalloc(na, sizeof(*now));
	double best = -1e300, score;

	for (size_t i = 0; i < na; i++)
		to[i] = LC_ALONE;
	for (size_t k = 0; k < n; k++) {
		score = match(a, na, b, nb, &s[k], now);
		if (score <= best)
			continue;
		best = score;
		memcpy(to, now, na * sizeof(*to));
	}
	free(now);
}

/* The part of a name that a group has in common: all but the last component, if that is a number;
 * else the first one. */
static size_t group_len(const char *name, const char *stem)
{
	const char *dot = strrchr(stem, '.'), *last = dot ? dot + 1 : stem;

	if (*last && last[strspn(last, "0123456789")] == '\0') {
		const char *state = strstr(name, last);
		for (const char *p = state; p; p = strstr(p + 1, last))
			state = p;
		return state ? (size_t)(state - name) : 0;
	}
	return strcspn(name, ".");
}

static int same_group(const struct item *a, const struct item *b)
{
	size_t n = group_len(a->t->s->name, a->stem);

	return a->t->file == b->t->file && n == group_len(b->t->s->name, b->stem) &&
	       strncmp(a->t->s->name, b->t->s->name, n) == 0;
}

/* Weights in f32 that a group may go with: not those that are themselves in it. */
static size_t candidates(struct item *b, const struct item *all, size_t n, const struct item *group,
			 const unsigned char *taken)
{
	size_t len = group_len(group->t->s->name, group->stem), nb = 0;

	for (size_t i = 0; i < n; i++) {
		const struct lc_paired *t = all[i].t;
		if (t->part != LC_PART_W || t->s->type != LC_F32 || taken[all[i].i] ||
		    strncmp(t->s->name, "data/", 5) == 0)
			continue;
		if (group->t->part == LC_PART_M && t->file == group->t->file && len &&
		    strncmp(t->s->name, group->t->s->name, len) == 0)
			continue;
		b[nb++] = all[i];
	}
	if (nb)
		qsort(b, nb, sizeof(*b), by_shape_and_order);
	return nb;
}

/* A first moment without weights, or narrow weights without a master. */
static int wants(const struct lc_paired *t, const unsigned char *taken, size_t i)
{
	if (t->part == LC_PART_M)
		return t->s->type == LC_F32 && !taken[i];
	return t->part == LC_PART_W && t->s->type != LC_F32 && lc_dtype_mantissa(t->s->type) &&
	       t->near[LC_MASTER] == LC_ALONE;
}

static void pair_group(struct lc_paired *t, struct item *a, size_t na, const struct item *all,
		       size_t n, unsigned char *taken, const size_t *second)
{
	struct item *b = lc_xalloc(n, sizeof(*b));
	size_t nb = candidates(b, all, n, a, taken), *to = lc_xalloc(na, sizeof(*to));
	int moments = a->t->part == LC_PART_M;

	qsort(a, na, sizeof(*a), moments ? by_shape_and_name : by_shape_and_order);
	match_best(a, na, b, nb, to);
	for (size_t i = 0; i < na; i++) {
		if (to[i] == LC_ALONE)
			continue;
		if (!moments) {
			t[a[i].i].near[LC_MASTER] = to[i];
			continue;
		}
		t[to[i]].near[LC_M1] = a[i].i;
		t[to[i]].near[LC_V1] = second[a[i].i];
		taken[a[i].i] = taken[to[i]] = 1;
	}
	free(to);
	free(b);
}

void pair_by_order(struct lc_paired *t, const struct named *of, size_t n)
{
	struct item *all = lc_xalloc(n, sizeof(*all)), *a = lc_xalloc(n, sizeof(*a));
	unsigned char *taken = lc_xalloc(n, 1), *done = lc_xalloc(n, 1); /* weights, or moments */
	size_t *second = lc_xalloc(n, sizeof(*second)), na, groups = 0;

	for (size_t i = 0; i < n; i++) {
		all[of[i].i] = (struct item){&t[of[i].i], of[i].stem, of[i].i};
		second[i] = LC_ALONE;
	}
	for (size_t i = 0; i < n; i++) {
		size_t m = t[i].near[LC_M1];
		if (m == LC_ALONE)
			continue;
		if (t[i].part == LC_PART_V)
			second[m] = i;
		else
			taken[m] = taken[i] = 1;
	}
	for (int pass = 0; pass < 2; pass++) /* moments first */
		for (size_t i = 0; i < n; i++) {
			if ((t[i].part != LC_PART_M) != pass || done[i] ||
			    !wants(&t[i], taken, i) || groups++ == GROUPS_MAX)
				continue;
			na = 0;
			for (size_t j = i; j < n; j++)
				if (t[j].part == t[i].part && !done[j] && wants(&t[j], taken, j) &&
				    same_group(&all[i], &all[j])) {
					done[j] = 1;
					a[na++] = all[j];
				}
			pair_group(t, a, na, all, n, pass ? done : taken, second);
		}
	free(all), free(a), free(taken), free(done), free(second);
}
