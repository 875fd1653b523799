/* store_pair: see store_pair.h. */
#include "store_pair.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

struct named {
	char *stem;
	size_t i; /* of the tensor */
};

/* What a tensor is, from its name; the rest of the name, the caller's, is the same for all that
 * belong together. */
static enum lc_part part_of(const char *name, char **stem)
{
	static const struct {
		const char *before, *after;
		enum lc_part part;
	} known[] = {
		{"", ".exp_avg_sq", LC_PART_V}, {"", ".exp_avg", LC_PART_M},
		{"", ".master", LC_PART_W},	{"", ".fp32", LC_PART_W},
		{"exp_avg_sq.", "", LC_PART_V}, {"exp_avg.", "", LC_PART_M},
		{"m.", "", LC_PART_M},		{"v.", "", LC_PART_V},
		{"master.", "", LC_PART_W},	{"fp32.", "", LC_PART_W},
	};
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t a = strlen(known[i].before), b = strlen(known[i].after);
		if (n > a + b && strncmp(name, known[i].before, a) == 0 &&
		    strcmp(name + n - b, known[i].after) == 0) {
			*stem = lc_path("%.*s", (int)(n - a - b), name + a);
			return known[i].part;
		}
	}
	*stem = lc_path("%s", name);
	return LC_PART_W;
}

static int by_stem(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->stem, ((const struct named *)b)->stem);
}

static uint64_t elements(const struct lc_span *s)
{
	return s->bytes / (lc_dtype_bits(s->type) / 8);
}

static void relate(struct lc_paired *t, size_t from, size_t to, enum lc_near how)
{
	if (elements(t[from].s) == elements(t[to].s))
		t[from].near[how] = to;
}

/* Among the tensors of one stem: who predicts whom. */
static void relate_stem(struct lc_paired *t, const struct named *of, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			const struct lc_paired *a = &t[of[i].i], *b = &t[of[j].i];
			if (i == j || b->s->type != LC_F32)
				continue;
			if (a->s->type == LC_BF16 && b->part == LC_PART_W)
				relate(t, of[i].i, of[j].i, LC_MASTER);
			if (a->s->type != LC_F32)
				continue;
			if (a->part != LC_PART_M && b->part == LC_PART_M)
				relate(t, of[i].i, of[j].i, LC_M1);
			if (a->part == LC_PART_W && b->part == LC_PART_V)
				relate(t, of[i].i, of[j].i, LC_V1);
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
		for (j = i + 1; j < n && by_stem(&of[i], &of[j]) == 0;)
			j++;
		if (j - i <= 8) /* more of one name are no state of an optimizer */
			relate_stem(t, of + i, j - i);
	}
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
