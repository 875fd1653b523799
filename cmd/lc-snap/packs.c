/* packs: see packs.h. */
#include "packs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crc.h"
#include "io.h"

static int by_id(const void *pa, const void *pb)
{
	const struct place_of *a = pa, *b = pb;
	int c = memcmp(a->id.b, b->id.b, sizeof(a->id.b));

	return c ? c : a->pack < b->pack ? -1 : a->pack > b->pack;
}

void packs_add(struct packs *ps, const struct pack *p)
{
	if ((ps->n & (ps->n - 1)) == 0)
		ps->p = lc_xrealloc(ps->p, ps->n ? 2 * ps->n : 1, sizeof(*ps->p));
	ps->p[ps->n++] = *p;
}

void packs_index(struct packs *ps)
{
	size_t k = 0;

	free(ps->at);
	ps->nat = 0;
	for (size_t i = 0; i < ps->n; i++)
		ps->nat += ps->p[i].n;
	ps->at = lc_xalloc(ps->nat, sizeof(*ps->at));
	for (size_t i = 0; i < ps->n; i++)
		for (size_t j = 0; j < ps->p[i].n; j++)
			ps->at[k++] = (struct place_of){ps->p[i].c[j].id, i, ps->p[i].c[j].depth};
	qsort(ps->at, ps->nat, sizeof(*ps->at), by_id);
}

static void load_one(struct packs *ps, const char *dir, const char *name)
{
	struct pack p = {.path = lc_path("%s/%s", dir, name)};
	struct far_list l = {0};
	struct lc_err err;
	struct stat sb;
	char *full = lc_path("packs/%s", name);

	if (far_list_add(&l, full, 0) == 0 && lstat(p.path, &sb) == 0 && S_ISREG(sb.st_mode)) {
		p.f = l.f[0];
		p.f.size = (uint64_t)sb.st_size;
		if (lc_pack_load(p.path, &p.c, &p.n, &err) == 0) {
			packs_add(ps, &p);
			p.path = NULL;
		} else if (ps->unread++ == 0) {
			ps->why = err;
		}
	}
	far_list_release(&l);
	free(full);
	free(p.path);
}

int packs_load(struct packs *ps, const char *dir, struct lc_err *err)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);

	memset(ps, 0, sizeof(*ps));
	if (n < 0)
		return lc_fail_sys(err, "read %s", dir);
	for (int i = 0; i < n; i++) {
		load_one(ps, dir, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	packs_index(ps);
	return 0;
}

void packs_release(struct packs *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		free(ps->p[i].path);
		free(ps->p[i].c);
	}
	free(ps->p);
	free(ps->at);
	memset(ps, 0, sizeof(*ps));
}

long packs_find(const struct packs *ps, const struct lc_id *id, unsigned below)
{
	size_t lo = 0, hi = ps->nat;
	long found = -1;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (memcmp(ps->at[mid].id.b, id->b, sizeof(id->b)) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < ps->nat && memcmp(&ps->at[lo].id, id, sizeof(*id)) == 0; lo++) {
		const struct place_of *at = &ps->at[lo];
		if (at->depth < below &&
		    (found < 0 || (ps->p[at->pack].there && !ps->p[found].there)))
			found = (long)at->pack;
	}
	return found;
}

static int chunk_refs(const struct pack *p, int fd, const struct lc_chunk *c,
		      int (*fn)(void *ctx, const struct lc_id *id, unsigned below,
				struct lc_err *err),
		      void *ctx, struct lc_err *err)
{
	unsigned char *body = malloc(c->stored);
	const unsigned char *ids = NULL;
	struct lc_id id;
	size_t n = 0;
	int ret = body ? lc_pack_body(fd, c, body, err) : lc_fail_sys(err, "read %s", p->path);

	if (ret == 0 && !(ids = lc_body_refs(body, c->stored, &n)))
		ret = lc_fail(err, LC_DATA, "damaged: its references are malformed");
	for (size_t i = 0; ret == 0 && i < n; i++) {
		memcpy(id.b, ids + sizeof(id.b) * i, sizeof(id.b));
		ret = fn(ctx, &id, c->depth, err);
	}
	free(body);
	return ret;
}

static int open_pack(const struct pack *p, struct lc_err *err)
{
	int fd = open(p->path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? lc_fail_sys(err, "open %s", p->path) : fd;
}

int packs_refs(const struct pack *p,
	       int (*fn)(void *ctx, const struct lc_id *id, unsigned below, struct lc_err *err),
	       void *ctx, struct lc_err *err)
{
	int fd = open_pack(p, err), ret = fd < 0 ? -1 : 0;
	struct lc_err why;

	for (size_t i = 0; ret == 0 && i < p->n; i++)
		if (p->c[i].codec == LC_CODEC_TENSOR &&
		    chunk_refs(p, fd, &p->c[i], fn, ctx, &why) < 0)
			ret = lc_fail(err, why.code, "%.200s: %.200s", p->f.name, why.text);
	if (fd >= 0)
		close(fd);
	return ret;
}

struct walk {
	struct packs *ps;
	size_t *order, n;
};

static int want(void *ctx, const struct lc_id *id, unsigned below, struct lc_err *err)
{
	struct walk *w = ctx;
	long i = packs_find(w->ps, id, below);
	char hex[LC_HEX_LEN + 1];
	struct pack *p;

	if (i < 0) {
		lc_id_hex(id, hex);
		return lc_fail(err, LC_DATA, "chunk %.16s: in no pack%s%.200s", hex,
			       w->ps->unread ? ": " : "", w->ps->unread ? w->ps->why.text : "");
	}
	p = &w->ps->p[i];
	if (p->seen == w->ps->walks)
		return 0;
	p->seen = w->ps->walks;
	if (packs_refs(p, want, w, err) < 0)
		return -1;
	w->order[w->n++] = (size_t)i;
	return 0;
}

int packs_needed(struct packs *ps, const struct lc_manifest *m, size_t **order, size_t *n,
		 struct lc_err *err)
{
	struct walk w = {.ps = ps, .order = lc_xalloc(ps->n, sizeof(*w.order))};
	int ret = 0;

	ps->walks++;
	for (size_t i = 0; ret == 0 && i < m->n; i++)
		for (size_t k = 0; ret == 0 && k < m->e[i].nchunks; k++)
			ret = want(&w, &m->e[i].chunks[k], LC_DEPTH_ANY, err);
	*order = w.order;
	*n = w.n;
	return ret;
}

int packs_check(const struct pack *p, struct lc_err *err)
{
	int fd = open_pack(p, err), ret = fd < 0 ? -1 : 0;

	for (size_t i = 0; ret == 0 && i < p->n; i++) {
		const struct lc_chunk *c = &p->c[i];
		unsigned char *body = malloc(c->stored);
		struct lc_err why;
		if (!body)
			ret = lc_fail_sys(err, "read %s", p->path);
		else if (lc_pack_body(fd, c, body, &why) < 0)
			ret = lc_fail(err, why.code, "%s: %.200s", p->path, why.text);
		else if (c->crc && lc_crc32c(body, c->stored) != c->crc)
			ret = lc_fail(err, LC_DATA, "%s: damaged: a body does not match its sum",
				      p->path);
		free(body);
	}
	if (fd >= 0)
		close(fd);
	return ret;
}
