/*
 * base: which older snapshot a new one is predicted from. See snap.h.
 *
 * One update apart, it is the one before: the optimizer's rule tells nearly all. Such chains end
 * after CHAIN links, and everything else builds on the snapshot at their root, which needs none:
 * further apart, it is nearly as good as the one before, and a restore reads one base, not many.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

#define CHAIN 16

static const char *tag(const struct lc_manifest *m, const char *key)
{
	const char *v = lc_manifest_get_tag(m, key);

	return v ? v : "";
}

/* How much b is to be preferred as what comes before m; negative: it does not. */
static long nearness(const struct lc_snapshot *b, const struct lc_manifest *m)
{
	const char *parent = tag(m, "parent");
	char hex[LC_HEX_LEN + 1];

	lc_id_hex(&b->id, hex);
	if (strlen(parent) >= 4 && strncmp(hex, parent, strlen(parent)) == 0)
		return LONG_MAX;
	if (strcmp(b->m.run, m->run) != 0 || b->m.step > m->step)
		return -1;
	return 2 * b->m.step + (strcmp(tag(&b->m, "branch"), tag(m, "branch")) == 0);
}

/* The one that is nearest, the newest of several. */
static int find_nearest(const struct lc_store *st, const struct lc_manifest *m,
			struct lc_snapshot *base)
{
	struct lc_snapshot s;
	long best = -1, near;
	struct lc_id *ids;
	size_t n;

	if (lc_store_ids(st, &ids, &n, NULL) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (lc_store_read(st, &ids[i], &s, NULL) < 0)
			continue;
		near = nearness(&s, m);
		if (near < 0 || near < best || (near == best && s.seq < base->seq)) {
			lc_snapshot_release(&s);
			continue;
		}
		if (best >= 0)
			lc_snapshot_release(base);
		*base = s;
		best = near;
	}
	free(ids);
	return best >= 0;
}

int base_find(const struct lc_store *st, const struct lc_manifest *m, struct lc_snapshot *base)
{
	struct lc_snapshot below;

	memset(base, 0, sizeof(*base));
	if (!find_nearest(st, m, base))
		return 0;
	if (base->m.step + 1 == m->step && base->links < CHAIN)
		return 1;
	while (base->links > 0) {
		/* damaged, or made up: what claims to lie below must have fewer links */
		if (lc_store_read(st, &base->base, &below, NULL) < 0)
			return 0;
		if (below.links >= base->links) {
			lc_snapshot_release(&below);
			return 0;
		}
		lc_snapshot_release(base);
		*base = below;
	}
	return 1;
}
