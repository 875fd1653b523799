/* store_pair: see store_pair.h. */
#include "store_pair.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "store_pair_impl.h"

/* Names for what only holds the rest, or wraps it; they say nothing of which tensor it is. */
static int is_wrapper(const char *p, size_t n)
{
	static const char *const known[] = {
		"model",
		"module",
		"state",
		"state_dict",
		"model_state",
		"model_state_dict",
		"optimizer",
		"optim",
		"opt",
		"optimizer_state",
		"optimizer_state_dict",
		"optimizer_states",
		"opt_state",
		"base_optimizer_state",
		"app",
		"params",
		"weights",
		"net",
		"network",
		"_orig_mod",
		"_forward_module",
		"_fsdp_wrapped_module",
		"_checkpoint_wrapped_module",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i]) == n && memcmp(known[i], p, n) == 0)
			return 1;
	return 0;
}

static int is_number(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)p[i]))
			return 0;
	return n > 0;
}

/* What a component of a name says that a tensor is. A short word does only at the front, where it
 * is no part of a model: attn.v.weight is no second moment. */
static enum lc_part word_part(const char *p, size_t n, int front)
{
	static const struct {
		const char *word;
		int anywhere;
		enum lc_part part;
	} known[] = {
		{"exp_avg", 1, LC_PART_M},
		{"exp_avg_sq", 1, LC_PART_V},
		{"momentum_buffer", 1, LC_PART_M},
		{"master", 1, LC_PART_W},
		{"fp32", 1, LC_PART_W},
		{"m", 0, LC_PART_M},
		{"v", 0, LC_PART_V},
		{"mu", 0, LC_PART_M},
		{"nu", 0, LC_PART_V},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if ((front || known[i].anywhere) && strlen(known[i].word) == n &&
		    memcmp(known[i].word, p, n) == 0)
			return known[i].part;
	return LC_PART_OTHER;
}

/* What a tensor is, from its name; the rest of it, the caller's, is the same for all that belong
 * together. */
static enum lc_part part_of(const char *name, char **stem)
{
	char *out = lc_xalloc(strlen(name) + 2, 1), *to = out;
	enum lc_part part = LC_PART_OTHER, found;
	int front = 1;

	for (const char *p = name, *end; *p; p = *end ? end + 1 : end) {
		size_t n;
		end = p + strcspn(p, ".");
		n = (size_t)(end - p);
		found = part == LC_PART_OTHER ? word_part(p, n, front) : LC_PART_OTHER;
		if (found == LC_PART_OTHER && (!front || !is_wrapper(p, n))) {
			memcpy(to, p, n);
			to += n;
			*to++ = '.';
			front = front && is_number(p, n);
		}
		part = found == LC_PART_OTHER ? part : found;
	}
	if (to > out)
		to[-1] = '\0';
	*stem = out;
	return part == LC_PART_OTHER ? LC_PART_W : part;
}

static int by_stem(const void *pa, const void *pb)
{
	const struct named *a = pa, *b = pb;
	int c = strcmp(a->stem, b->stem);

	return c ? c : a->i < b->i ? -1 : a->i > b->i;
}

static uint64_t elements(const struct lc_span *s)
{
	return s->bytes / (lc_dtype_bits(s->type) / 8);
}

/* Does b, an f32, predict a? Then in which way; else LC_NEARS. */
static enum lc_near how(const struct lc_paired *a, const struct lc_paired *b)
{
	if (b->s->type != LC_F32 || elements(a->s) != elements(b->s))
		return LC_NEARS;
	if (a->s->type != LC_F32)
		return a->part == LC_PART_W && b->part == LC_PART_W && lc_dtype_mantissa(a->s->type)
			       ? LC_MASTER
			       : LC_NEARS;
	if (b->part == LC_PART_M)
		return a->part == LC_PART_M ? LC_NEARS : LC_M1;
	return a->part == LC_PART_W && b->part == LC_PART_V ? LC_V1 : LC_NEARS;
}

/* Among the tensors of one stem, ordered by file: who predicts whom. Those of one file first. */
static void relate_stem(struct lc_paired *t, const struct named *of, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct lc_paired *a = &t[of[i].i];
		size_t from = i > STEM_MAX ? i - STEM_MAX : 0;
		for (int same = 1; same >= 0; same--)
			for (size_t j = from; j < n && j < i + STEM_MAX; j++) {
				const struct lc_paired *b = &t[of[j].i];
				enum lc_near k = how(a, b);
				if (i != j && k < LC_NEARS && a->near[k] == LC_ALONE &&
				    (a->file == b->file) == same)
					a->near[k] = of[j].i;
			}
	}
}

static int pass_of(enum lc_part part, enum lc_dtype type)
{
	if (part == LC_PART_M)
		return 0;
	if (part == LC_PART_V)
		return 1;
	return type == LC_F32 ? 2 : 3;
}

void lc_pair_tensors(struct lc_paired *t, size_t n)
{
	struct named *of = lc_xalloc(n, sizeof(*of));

	for (size_t i = 0; i < n; i++) {
		of[i].i = i;
		t[i].part = part_of(t[i].s->name, &of[i].stem);
		t[i].pass = pass_of(t[i].part, t[i].s->type);
		for (int k = 0; k < LC_NEARS; k++)
			t[i].near[k] = LC_ALONE;
	}
	if (n)
		qsort(of, n, sizeof(*of), by_stem);
	for (size_t i = 0, j; i < n; i = j) {
		for (j = i + 1; j < n && strcmp(of[i].stem, of[j].stem) == 0;)
			j++;
		relate_stem(t, of + i, j - i);
	}
	pair_by_order(t, of, n);
	for (size_t i = 0; i < n; i++)
		free(of[i].stem);
	free(of);
}
/* Do the paths differ only in one number, everywhere the same two? */
static int other_step(const char *now, const char *then, unsigned long *was, unsigned long *is)
{
	int differ = 0;

	*was = *is = 0;

	while (*now && *then) {
		unsigned long a, b;
		char *now_end, *then_end;
		if (!isdigit((unsigned char)*now) || !isdigit((unsigned char)*then)) {
			if (*now++ != *then++)
				return 0;
			continue;
		}
		a = strtoul(now, &now_end, 10);
		b = strtoul(then, &then_end, 10);
		now = now_end;
		then = then_end;
		if (a == b)
			continue;
		if (differ && (a != *is || b != *was))
			return 0;
		differ = 1;
		*is = a;
		*was = b;
	}
	return *now == *then;
}

const struct lc_entry *lc_pair_older(const struct lc_manifest *base, const char *path)
{
	const struct lc_entry *found = NULL;
	unsigned long latest = 0, was = 0, is = 0;

	for (size_t i = 0; base && i < base->n; i++) {
		const struct lc_entry *e = &base->e[i];
		if (e->kind != LC_FILE)
			continue;
		if (strcmp(e->path, path) == 0)
			return e;
		if (!other_step(path, e->path, &was, &is) || was > is || (found && was < latest))
			continue;
		found = e;
		latest = was;
	}
	return found;
}
