/*
 * store_group: which pieces of a state are read and coded together. See store_cut.h.
 *
 * The moments and the weights at the same elements predict one another: together, each is read
 * once.
 */
#include <stdlib.h>

#include "io.h"
#include "store_cut.h"

static const enum lc_near links[] = {LC_M1, LC_V1, LC_MASTER}; /* within a state */
#define LINKS (sizeof(links) / sizeof(*links))
#define LAST_ALONE 12 /* groups at the end that stay small */

static size_t root(size_t *up, size_t i)
{
	while (up[i] != i)
		i = up[i] = up[up[i]];
	return i;
}

/* up[i] of all pieces that are linked leads to the first of them; size[] of that is their number.
 */
static void join(const struct cut *c, size_t *up, size_t *size)
{
	for (size_t i = 0; i < c->n; i++) {
		up[i] = i;
		size[i] = 1;
	}
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < LINKS; k++) {
			size_t near = c->p[i].near[links[k]], a, b;
			if (near == NONE)
				continue;
			a = root(up, i);
			b = root(up, near);
			if (a == b)
				continue;
			up[a > b ? a : b] = a < b ? a : b;
			size[a < b ? a : b] = size[a] + size[b];
		}
}

static void part(struct piece *p)
{
	for (size_t k = 0; k < LINKS; k++)
		p->near[links[k]] = NONE;
}

static struct group *add_group(struct cut *c, size_t first)
{
	if ((c->ngroups & (c->ngroups - 1)) == 0)
		c->group =
			lc_xrealloc(c->group, c->ngroups ? 2 * c->ngroups : 1, sizeof(*c->group));
	c->group[c->ngroups] = (struct group){.first = first};
	return &c->group[c->ngroups++];
}

struct member {
	size_t root, piece;
	int pass;
};

static int by_root(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->root != y->root)
		return x->root < y->root ? -1 : 1;
	if (x->pass != y->pass)
		return x->pass < y->pass ? -1 : 1;
	return x->piece < y->piece ? -1 : x->piece > y->piece;
}

static struct member *members(struct cut *c)
{
	struct member *m = lc_xalloc(c->n, sizeof(*m));
	size_t *up = lc_xalloc(c->n, sizeof(*up)), *size = lc_xalloc(c->n, sizeof(*size));

	join(c, up, size);
	for (size_t i = 0; i < c->n; i++) {
		size_t r = root(up, i);
		m[i] = (struct member){r, i, c->p[i].pass};
		if (size[r] > RELATED_MAX) {
			part(&c->p[i]);
			m[i].root = i;
		}
	}
	free(up);
	free(size);
	if (c->n)
		qsort(m, c->n, sizeof(*m), by_root);
	return m;
}

/*
 * Buffers are hashed two at a time: of a weight and two moments, one would be left over. So two
 * such groups go together; but not the last ones, so that all threads end at the same time.
 */
static void pair_odd(struct cut *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->ngroups; i++) {
		struct group *g = &c->group[n++], *next = &c->group[i + 1];
		*g = c->group[i];
		if (i + 1 + LAST_ALONE >= c->ngroups || g->n % 2 == 0 || next->n % 2 == 0 ||
		    g->n + next->n > GROUP_PIECES || g->bytes + next->bytes > RELATED_BYTES)
			continue;
		g->n += next->n;
		g->bytes += next->bytes;
		i++;
	}
	c->ngroups = n;
}

void group_all(struct cut *c)
{
	struct member *m = members(c);
	struct group *g = NULL;
	int single = 0; /* g is of pieces that have nothing to do with any */

	c->order = lc_xalloc(c->n, sizeof(*c->order));
	for (size_t i = 0; i < c->n; i++) {
		size_t len = c->p[m[i].piece].len;
		int alone = (i == 0 || m[i - 1].root != m[i].root) &&
			    (i + 1 == c->n || m[i + 1].root != m[i].root);
		int room = g && g->n < GROUP_PIECES && g->bytes + len <= GROUP_BYTES;
		if (!g || (alone ? !single || !room : i > 0 && m[i - 1].root != m[i].root))
			g = add_group(c, i);
		single = alone;
		c->order[i] = m[i].piece;
		g->n++;
		g->bytes += len;
	}
	free(m);
	pair_odd(c);
}
