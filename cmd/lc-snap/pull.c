/*
 * pull: snapshots from another store: the packs that they need and are not here, then they.
 *
 * Whoever wrote the other store is not trusted: packs and snapshots wait in a stage until every
 * chunk has been decoded and hashed, and only what is whole joins the store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "stage.h"
#include "transfer.h"

#define TAIL ((uint64_t)1 << 15) /* bytes that hold the index of most packs: 584 chunks */

struct puller {
	const struct opts *o;
	struct remote r;
	struct transfer t;
	struct stage stage;
	struct lc_store *st;
	struct far_list l;
	struct packs staged, far; /* what has come; the indices of what could */
	int know_far;
	int argc; /* of the names of snapshots */
	char **argv;
	/* ids yet to be found */
	struct lc_id *need;
	size_t nneed, cap;
};

/* When all names are digits of ids, no other snapshot need be read. */
static int wanted(void *ctx, const char *name)
{
	const struct puller *p = ctx;

	for (int i = 0; i < p->argc; i++)
		if (strncmp(name + strlen("snapshots/"), p->argv[i], strlen(p->argv[i])) == 0)
			return 1;
	return 0;
}

static int only_ids(const struct puller *p)
{
	for (int i = 0; i < p->argc; i++)
		if (strspn(p->argv[i], "0123456789abcdef") != strlen(p->argv[i]) ||
		    strlen(p->argv[i]) < 4)
			return 0;
	return p->argc > 0;
}

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

static int here(const struct puller *p, const char *name)
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

static int add_need(void *ctx, const struct lc_id *id, unsigned below, struct lc_err *err)
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

static int stage_reload(struct puller *p, struct lc_err *err)
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
static int fetch_packs(struct puller *p, struct lc_err *err)
{
	for (;;) {
		for (size_t i = 0; i < p->staged.n; i++)
			if (packs_refs(&p->staged.p[i], add_need, p, err) < 0)
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
		if (stage_reload(p, err) < 0)
			return -1;
	}
}

/* Whole packs join the store; a damaged one goes, to be fetched again another time. */
static int place_packs(struct puller *p, struct lc_err *err)
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

/* Has the store all chunks of it, and do they add up to its files? */
static int complete(struct lc_store *st, const struct lc_snapshot *s, struct lc_err *err)
{
	for (size_t i = 0; i < s->m.n; i++) {
		const struct lc_entry *e = &s->m.e[i];
		uint64_t sum = 0;
		size_t len;
		for (size_t k = 0; k < e->nchunks; k++, sum += len)
			if (lc_store_size(st, &e->chunks[k], &len, err) < 0)
				return -1;
		if (e->kind == LC_FILE && sum != e->size)
			return lc_fail(err, LC_DATA, "%.200s: its chunks do not add up to its size",
				       e->path);
	}
	return 0;
}

static int adopt(struct puller *p, struct lc_store *st, struct lc_snapshot *s, struct lc_err *err)
{
	char hex[LC_HEX_LEN + 1], *path, *text = NULL, *nl;
	size_t len;
	int ret;

	lc_id_hex(&s->id, hex);
	path = lc_path("%s/snapshots/%s.json", p->stage.dir, hex);
	ret = lc_read_file(path, &text, &len, err);
	nl = ret == 0 ? memchr(text, '\n', len) : NULL;
	if (nl)
		*nl = '\0';
	if (ret == 0)
		ret = lc_store_adopt(st, s, text, err);
	free(text);
	free(path);
	return ret;
}

static int adopt_all(struct puller *p, struct snap_list *list, struct lc_err *err)
{
	struct lc_store *st = lc_store_open(p->o->store, 0, err); /* with the packs that came */
	char hex[LC_HEX_LEN + 1], name[FAR_NAME];
	struct lc_err why;
	int ret = st ? 0 : -1;

	for (size_t i = 0; ret == 0 && i < list->n; i++) {
		lc_id_hex(&list->s[i].id, hex);
		snprintf(name, sizeof(name), "snapshots/%s.json", hex);
		if (complete(st, &list->s[i], &why) < 0) {
			lc_warn("snapshot %.12s did not come whole: %s", hex, why.text);
			p->t.bad++;
			continue;
		}
		p->t.snapshots++;
		p->t.sent += !here(p, name);
		ret = adopt(p, st, &list->s[i], err);
	}
	lc_store_close(st);
	return ret;
}

/* What is needed of the snapshots chosen, and is not here. */
static void need_all(struct puller *p, const struct snap_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; k < list->s[i].m.n; k++)
			for (size_t c = 0; c < list->s[i].m.e[k].nchunks; c++)
				add_need(p, &list->s[i].m.e[k].chunks[c], 0, NULL);
}

static int choose_snapshots(struct puller *p, struct snap_list *list, struct lc_err *err)
{
	struct lc_store *stage;
	size_t lost;
	int ret = stage_snapshots(&p->stage, &p->r, &p->l, only_ids(p) ? wanted : NULL, p, &lost,
				  err);

	if (ret < 0)
		return -1;
	p->t.bad += lost;
	stage = lc_store_open(p->stage.dir, 0, err);
	ret = stage ? transfer_pick(stage, p->o, p->argc, p->argv, list, err) : -1;
	lc_store_close(stage);
	return ret;
}

static void plan_snapshots(struct puller *p, const struct snap_list *list)
{
	char hex[LC_HEX_LEN + 1], name[FAR_NAME];
	const struct far_file *f;

	for (size_t i = 0; i < list->n; i++) {
		lc_id_hex(&list->s[i].id, hex);
		snprintf(name, sizeof(name), "snapshots/%s.json", hex);
		f = far_list_find(&p->l, name);
		if (f && !here(p, name))
			transfer_plan(&p->t, name, f->size);
	}
	p->t.snapshots = list->n;
}

static int pull(struct puller *p, struct snap_list *list, struct lc_err *err)
{
	int ret = remote_list(&p->r, &p->l, err);

	if (ret == 0)
		ret = choose_snapshots(p, list, err);
	if (ret == 0)
		ret = stage_reload(p, err);
	if (ret < 0)
		return -1;
	need_all(p, list);
	p->t.there = p->staged.n;
	ret = fetch_packs(p, err);
	progress(p->o, 0, 0);
	if (ret < 0)
		return -1;
	if (p->o->dry_run) {
		plan_snapshots(p, list);
		return 0;
	}
	if (stage_check(&p->stage, &p->staged, err) < 0 || place_packs(p, err) < 0)
		return -1;
	return adopt_all(p, list, err);
}

int verb_pull(const struct opts *o, int argc, char **argv)
{
	struct puller p = {.o = o, .argc = argc - 1, .argv = argv + 1};
	struct snap_list list = {0};
	struct lc_err err;
	int status;

	transfer_operands(o, argc, "pull");
	transfer_start(&p.t, o, "pull", argv[0]);
	if (remote_open(&p.r, o, argv[0], REMOTE_READ, &err) < 0)
		lc_die(&err);
	p.st = lc_store_open(o->store, 1, &err);
	if (!p.st || stage_open(&p.stage, o->store, argv[0], &err) < 0 || pull(&p, &list, &err) < 0)
		lc_die(&err);
	stage_close(&p.stage, 1);
	status = transfer_end(&p.t, &list);
	remote_close(&p.r);
	packs_release(&p.staged);
	packs_release(&p.far);
	far_list_release(&p.l);
	free(p.need);
	snap_list_release(&list);
	lc_store_close(p.st);
	return status;
}
