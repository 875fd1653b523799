/* store_merge: see store_merge.h. */
#include "store_merge.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"

/* The same: for a directory that is in several parts, the first says the mode. */
static int equal(const struct lc_entry *a, const struct lc_entry *b)
{
	if (a->kind != b->kind)
		return 0;
	if (a->kind == LC_LINK)
		return strcmp(a->target, b->target) == 0;
	return a->kind == LC_DIR ||
	       (a->size == b->size && a->nchunks == b->nchunks &&
		(a->nchunks == 0 ||
		 memcmp(a->chunks, b->chunks, a->nchunks * sizeof(*a->chunks)) == 0));
}

struct from { /* an entry, and the part it comes from */
	const struct lc_entry *e;
	int part;
};

static int by_path(const void *pa, const void *pb)
{
	const struct from *a = pa, *b = pb;
	int c = strcmp(a->e->path, b->e->path);

	return c ? c : a->part - b->part;
}

/* The entries of n parts, each path once: m borrows them. */
static int merge(const struct lc_shard *p, size_t n, struct lc_manifest *m, struct lc_err *err)
{
	struct from *all;
	size_t total = 0, at = 0;
	int ret = 0;

	for (size_t i = 0; i < n; i++)
		total += p[i].s.m.n;
	all = lc_xalloc(total, sizeof(*all));
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < p[i].s.m.n; k++)
			all[at++] = (struct from){&p[i].s.m.e[k], p[i].part};
	qsort(all, total, sizeof(*all), by_path);
	*m = p[0].s.m;
	m->e = lc_xalloc(total, sizeof(*m->e));
	m->n = 0;
	for (size_t i = 0, first = 0; i < total && ret == 0; i++) {
		if (i > 0 && strcmp(all[first].e->path, all[i].e->path) == 0) {
			if (!equal(all[first].e, all[i].e))
				ret = lc_fail(err, LC_DATA,
					      "%.300s: part %d has other bytes than part %d",
					      all[i].e->path, all[i].part, all[first].part);
			continue;
		}
		first = i;
		m->e[m->n++] = *all[i].e;
	}
	free(all);
	if (ret < 0)
		free(m->e);
	return ret;
}

/* The tree of all, as its reader takes it: nothing below what is no directory. */
int lc_merge_parts(const struct lc_shard *p, size_t n, struct lc_snapshot *whole,
		   struct lc_err *err)
{
	struct lc_manifest m;
	struct lc_err why;
	char *text;
	int ret;

	memset(whole, 0, sizeof(*whole));
	if (merge(p, n, &m, err) < 0)
		return -1;
	text = lc_manifest_text(&m);
	ret = lc_manifest_parse(text, strlen(text), &whole->m, &why);
	free(text);
	free(m.e);
	if (ret < 0)
		return lc_fail(err, LC_DATA, "the parts do not fit together: %.300s", why.text);
	for (size_t i = 0; i < n; i++) {
		whole->stored += p[i].s.stored;
		if (p[i].s.links > whole->links) {
			whole->links = p[i].s.links;
			whole->base = p[i].s.base;
		}
	}
	return 0;
}

/* Is all of m in the snapshot already? Then the part comes late, or once more. */
static int holds(const struct lc_manifest *whole, const struct lc_manifest *m)
{
	size_t k = 0;

	if (strcmp(whole->run, m->run) != 0 || whole->step != m->step || whole->ntags != m->ntags)
		return 0;
	for (size_t i = 0; i < m->ntags; i++)
		if (strcmp(whole->tags[i].key, m->tags[i].key) != 0 ||
		    strcmp(whole->tags[i].value, m->tags[i].value) != 0)
			return 0;
	for (size_t i = 0; i < m->n; i++) {
		while (k < whole->n && strcmp(whole->e[k].path, m->e[i].path) < 0)
			k++;
		if (k == whole->n || strcmp(whole->e[k].path, m->e[i].path) != 0 ||
		    !equal(&whole->e[k], &m->e[i]))
			return 0;
	}
	return 1;
}

int lc_merge_find(const struct lc_store *st, const struct lc_manifest *m, struct lc_snapshot *whole)
{
	struct lc_id *ids;
	size_t n;
	int found = 0;

	if (lc_store_ids(st, &ids, &n, NULL) < 0)
		return 0;
	for (size_t i = 0; i < n && !found; i++) {
		if (lc_store_read(st, &ids[i], whole, NULL) < 0)
			continue;
		found = holds(&whole->m, m);
		if (!found)
			lc_snapshot_release(whole);
	}
	free(ids);
	return found;
}
