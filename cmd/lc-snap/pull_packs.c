/*
 * pull_packs: which packs of the other store hold what is needed, and how they get here.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "pull.h"

#define TAIL ((uint64_t)1 << 15) /* bytes that hold the index of most packs: 584 chunks */

/* The index of a far pack from its last len bytes. 1; 0 when more bytes are needed, *more; -1. */
static int read_index(const struct far_file *f, const unsigned char *tail, size_t len,
		      struct pack *p, uint64_t *more, struct lc_err *err)
{
	const unsigned char *t = tail + len - LC_PACK_TRAILER;
	uint64_t at;
	size_t n;

	*p = (struct pack){.f = *f};
	if (len < LC_PACK_TRAILER)
		return lc_fail(err, LC_DATA, "truncated");
	if (lc_pack_trailer(t, f->size, &at, &n, err) < 0)
		return -1;
	*more = f->size - at;
	if (*more > len)
		return 0;
	p->c = lc_xalloc(n, sizeof(*p->c));
	p->n = n;
	if (lc_pack_index(tail + len - *more, n, t, p->c, err) == 0)
		return 1;
	free(p->c);
	return -1;
}

/* One whose index is longer than the others'. */
static int long_index(struct puller *p, const struct far_file *f, uint64_t len, struct pack *k,
		      struct lc_err *err)
{
	struct bytes b = {0};
	struct sink s = {bytes_take, &b, 0};
	int ret = remote_tail(&p->r, f, 1, len, &s, err);

	if (ret == 0)
		ret = read_index(f, b.buf, b.len, k, &len, err);
	free(b.buf);
	return ret;
}

static void add_index(struct puller *p, const struct far_file *f, const unsigned char *tail,
		      size_t len)
{
	struct lc_err why = {LC_DATA, "truncated"};
	uint64_t more = 0;
	struct pack k;
	int got = read_index(f, tail, len, &k, &more, &why);

	if (got == 0)
		got = long_index(p, f, more, &k, &why);
	if (got == 1) {
		packs_add(&p->far, &k);
		return;
	}
	if (why.code == LC_SYS)
		lc_die(&why);
	if (p->far.unread++ == 0)
		lc_fail(&p->far.why, LC_DATA, "%s there: %.200s", f->name, why.text);
}

static int has_pack(const struct packs *ps, const char *name)
{
	for (size_t i = 0; i < ps->n; i++)
		if (strcmp(ps->p[i].f.name, name) == 0)
			return 1;
	return 0;
}

int pull_here(const struct puller *p, const char *name)
{
	char *path = lc_path("%s/%s", p->o->store, name);
	int yes = access(path, F_OK) == 0;

	free(path);
	return yes;
}

/* A pack whose index is damaged here comes again, and takes its place. */
static int here_whole(const struct puller *p, const char *name)
{
	char *path = lc_path("%s/%s", p->o->store, name);
	struct lc_chunk *c = NULL;
	size_t n;
	int yes = access(path, F_OK) == 0 &&
		  (!lc_store_bad_pack(p->st, 0) || lc_pack_load(path, &c, &n, NULL) == 0);

	free(c);
	free(path);
	return yes;
}

/* The indices of all packs that are there and not here. */
static int learn_far(struct puller *p, struct lc_err *err)
{
	struct far_list miss = {0};
	struct bytes b = {0};
	struct sink s = {bytes_take, &b, 0};
	size_t at = 0;
	int ret = 0;

	p->know_far = 1;
	lc_store_chunks(p->st, err); /* which packs are damaged here is known from then on */
	if (err->code != LC_OK)
		return -1;
	for (size_t i = 0; i < p->l.n; i++) {
		const struct far_file *f = &p->l.f[i];
		if (strncmp(f->name, "packs/", 6) == 0 && !here_whole(p, f->name) &&
		    !has_pack(&p->staged, f->name))
			far_list_add(&miss, f->name, f->size);
	}
	if (miss.n > 0)
		ret = remote_tail(&p->r, miss.f, miss.n, TAIL, &s, err);
	for (size_t i = 0; ret == 0 && i < miss.n; i++) {
		size_t len = miss.f[i].size < TAIL ? (size_t)miss.f[i].size : TAIL;
		if (len > b.len - at)
			ret = lc_fail(err, LC_SYS, "%.200s: the end of %s did not come", p->r.what,
				      miss.f[i].name);
		else
			add_index(p, &miss.f[i], b.buf + at, len);
		at += len;
	}
	packs_index(&p->far);
	far_list_release(&miss);
	free(b.buf);
	return ret;
}

int pull_need(void *ctx, const struct lc_id *id, unsigned below, struct lc_err *err)
{
	struct puller *p = ctx;

	(void)below;
	(void)err;
	if (p->nneed == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 1024;
		p->need = lc_xrealloc(p->need, p->cap, sizeof(*p->need));
	}
	p->need[p->nneed++] = *id;
	return 0;
}

int pull_staged(struct puller *p, struct lc_err *err)
{
	char *dir = lc_path("%s/packs", p->stage.dir);
	int ret;

	packs_release(&p->staged);
	ret = packs_load(&p->staged, dir, err);
	free(dir);
	return ret;
}

/* Which far packs hold what is needed; marks them as wanted, by `seen`. Those of no use are passed
 * over: a snapshot that lacks a chunk is found at the end. */
static size_t choose(struct puller *p)
{
	size_t n = 0, len;

	p->far.walks++;
	for (size_t i = 0; i < p->nneed; i++) {
		long k;
		if (lc_store_size(p->st, &p->need[i], &len, NULL) == 0 ||
		    packs_find(&p->staged, &p->need[i], LC_DEPTH_ANY) >= 0)
			continue;
		k = packs_find(&p->far, &p->need[i], LC_DEPTH_ANY);
		if (k < 0 || p->far.p[k].bad || p->far.p[k].seen == p->far.walks)
			continue;
		p->far.p[k].seen = p->far.walks;
		n++;
	}
	return n;
}

static int fetch_one(struct puller *p, struct pack *k, struct lc_err *err)
{
	struct lc_err why;

	if (p->o->dry_run) {
		transfer_plan(&p->t, k->f.name, k->f.size);
		k->bad = 1; /* not twice */
		return 0;
	}
	if (stage_pack(&p->stage, &p->r, &k->f, &why) < 0) {
		if (why.code != LC_DATA)
			return lc_fail(err, why.code, "%s", why.text);
		lc_warn("%s", why.text);
		k->bad = 1;
		return 0;
	}
	p->t.packs++;
	p->t.bytes += k->f.size;
	return 0;
}

/* Until nothing more is needed: each round brings packs, whose chunks may be predicted from others.
 */
int pull_fetch(struct puller *p, struct lc_err *err)
{
	for (;;) {
		for (size_t i = 0; i < p->staged.n; i++)
			if (packs_refs(&p->staged.p[i], pull_need, p, err) < 0)
				p->staged.p[i].bad = 1; /* found again when it is checked */
		if (!p->know_far && learn_far(p, err) < 0)
			return -1;
		if (choose(p) == 0)
			return 0;
		for (size_t i = 0; i < p->far.n; i++)
			if (p->far.p[i].seen == p->far.walks)
				p->r.total += p->far.p[i].f.size;
		for (size_t i = 0; i < p->far.n; i++)
			if (p->far.p[i].seen == p->far.walks && fetch_one(p, &p->far.p[i], err) < 0)
				return -1;
		if (p->o->dry_run)
			return 0;
		if (pull_staged(p, err) < 0)
			return -1;
	}
}

/* Whole packs join the store; a damaged one goes, to be fetched again another time. */
int pull_place(struct puller *p, struct lc_err *err)
{
	char *dir = lc_path("%s/packs", p->o->store);
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < p->staged.n; i++) {
		struct pack *k = &p->staged.p[i];
		char *to = lc_path("%s/%s", p->o->store, k->f.name);
		if (k->bad) {
			lc_warn("%s: %s is damaged there", p->r.what, k->f.name);
			unlink(k->path);
		} else if (rename(k->path, to) < 0) {
			ret = lc_fail_sys(err, "rename to %s", to);
		}
		free(to);
	}
	if (ret == 0)
		ret = lc_fsync_dir(dir, err);
	free(dir);
	return ret;
}
