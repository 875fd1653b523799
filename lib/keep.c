/* keep: see keep.h. */
#include "keep.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"

static int by_line(const struct lc_keep_item *a, const struct lc_keep_item *b)
{
	int order = strcmp(a->run, b->run);

	return order ? order : strcmp(a->branch, b->branch);
}

static int by_seq(const void *pa, const void *pb)
{
	const struct lc_keep_item *a = *(struct lc_keep_item *const *)pa,
				  *b = *(struct lc_keep_item *const *)pb;
	int order = by_line(a, b);

	return order ? order : a->seq > b->seq ? -1 : a->seq < b->seq;
}

/* Of one step, the one saved last comes first. */
static int by_step(const void *pa, const void *pb)
{
	const struct lc_keep_item *a = *(struct lc_keep_item *const *)pa,
				  *b = *(struct lc_keep_item *const *)pb;
	int order = by_line(a, b);

	if (order)
		return order;
	return a->step != b->step ? (a->step < b->step ? -1 : 1) : by_seq(pa, pb);
}

/* The i for which age is in 2^i to 2^(i+1) - 1; -1 for age 0. */
static int log2_of(long age)
{
	int i = -1;

	for (; age > 0; age >>= 1)
		i++;
	return i;
}

/* One line, ascending by step. The first of a class is its lowest step. */
static void choose_by_step(struct lc_keep_item **x, size_t n, const struct lc_keep_policy *p)
{
	long greatest = x[n - 1]->step, class = -1;
	int power = -2;

	for (size_t i = 0; i < n; i++) {
		if (p->every > 0 && x[i]->step / p->every != class) {
			x[i]->why |= LC_KEEP_EVERY;
			class = x[i]->step / p->every;
		}
		if (p->log2 && log2_of(greatest - x[i]->step) != power) {
			x[i]->why |= LC_KEEP_LOG2;
			power = log2_of(greatest - x[i]->step);
		}
	}
}

void lc_keep_choose(struct lc_keep_item *items, size_t n, const struct lc_keep_policy *policy)
{
	struct lc_keep_item **x = lc_xalloc(n, sizeof(struct lc_keep_item *));
	size_t first = 0;

	for (size_t i = 0; i < n; i++)
		x[i] = &items[i];
	if (n)
		qsort(x, n, sizeof(*x), by_seq);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || by_line(x[i - 1], x[i]) != 0)
			first = i;
		if (i == first)
			x[i]->why |= LC_KEEP_NEWEST;
		if ((long)(i - first) < policy->last)
			x[i]->why |= LC_KEEP_LAST;
	}
	if (n)
		qsort(x, n, sizeof(*x), by_step);
	for (size_t i = 0, j; i < n; i = j) {
		for (j = i + 1; j < n && by_line(x[i], x[j]) == 0;)
			j++;
		choose_by_step(x + i, j - i, policy);
	}
	free(x);
}

const char *lc_keep_word(enum lc_keep_why why)
{
	switch (why) {
	case LC_KEEP_NEWEST: return "newest";
	case LC_KEEP_LAST: return "last";
	case LC_KEEP_EVERY: return "every";
	case LC_KEEP_LOG2: return "log2";
	case LC_KEEP_TAG: return "tag";
	case LC_KEEP_NAMED: return "named";
	case LC_KEEP_PARENT: return "parent";
	case LC_KEEP_HEAD: return "head";
	}
	return "?";
}
