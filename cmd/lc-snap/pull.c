/*
 * pull: snapshots from another store: the packs that they need and are not here, then they.
 *
 * Whoever wrote the other store is not trusted: packs and snapshots wait in a stage until every
 * chunk has been decoded and hashed, and only what is whole joins the store.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "pull.h"

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
		p->t.sent += !pull_here(p, name);
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
				pull_need(p, &list->s[i].m.e[k].chunks[c], 0, NULL);
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
		if (f && !pull_here(p, name))
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
		ret = pull_staged(p, err);
	if (ret < 0)
		return -1;
	need_all(p, list);
	p->t.there = p->staged.n;
	ret = pull_fetch(p, err);
	progress(p->o, 0, 0);
	if (ret < 0)
		return -1;
	if (p->o->dry_run) {
		plan_snapshots(p, list);
		return 0;
	}
	if (stage_check(&p->stage, &p->staged, err) < 0 || pull_place(p, err) < 0)
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
