/*
 * push: snapshots to another store: the packs that they need and are not there, then they.
 *
 * A pack is sent after those that its chunks are predicted from, and a snapshot after its packs, so
 * whatever is there can be used, whenever the transfer ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "push.h"
#include "stage.h"

struct job { /* a snapshot on its way */
	const struct lc_snapshot *s;
	size_t *order, n; /* its packs */
	struct far_file f;
	int bad, there; /* bad: nothing of it is sent */
	int gone;	/* dropped meanwhile: that is no failure */
};

/* Is the file there, whole as far as its size tells? */
static int is_there(const struct far_list *l, const struct far_file *f)
{
	const struct far_file *found = far_list_find(l, f->name);

	return found && found->size == f->size;
}

static char *local_path(const struct pusher *p, const struct far_file *f)
{
	return lc_path("%s/%s", p->o->store, f->name);
}

static void complain(struct job *j, const struct lc_err *err)
{
	char hex[LC_HEX_LEN + 1];

	if (err->code != LC_DATA)
		lc_die(err);
	lc_id_hex(&j->s->id, hex);
	lc_warn("snapshot %.12s is not sent: %s", hex, err->text);
	j->bad = 1;
}

/* The file of the snapshot here; 0 when it has been dropped since it was listed. */
static int look_here(struct pusher *p, struct job *j)
{
	char *path = local_path(p, &j->f);
	struct lc_err err;
	struct stat sb;
	int failed = stat(path, &sb) < 0;

	j->gone = failed && errno == ENOENT;
	if (failed && !j->gone) {
		lc_fail_sys(&err, "open %s", path);
		lc_die(&err);
	}
	free(path);
	j->bad |= j->gone;
	if (!failed)
		j->f.size = (uint64_t)sb.st_size;
	return !j->gone;
}

/* What of the snapshot is to be sent. */
static void prepare(struct pusher *p, const struct far_list *l, struct job *j)
{
	char hex[LC_HEX_LEN + 1];
	const struct far_file *found;
	struct lc_err err;

	lc_id_hex(&j->s->id, hex);
	snprintf(j->f.name, sizeof(j->f.name), "snapshots/%s.json", hex);
	if (!look_here(p, j))
		return;
	if (packs_needed(&p->ps, &j->s->m, &j->order, &j->n, &err) < 0)
		complain(j, &err);
	/* its second line, when and where it was saved, may be of another length */
	found = far_list_find(l, j->f.name);
	j->there = found && found->size + 64 > j->f.size;
}

static int send_one(struct pusher *p, struct job *j, struct lc_err *err)
{
	char *path;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < j->n; i++)
		ret = push_pack(p, &p->ps.p[j->order[i]], err);
	if (ret < 0 || j->there || !look_here(p, j))
		return ret;
	path = local_path(p, &j->f);
	ret = remote_put(&p->r, path, &j->f, err);
	free(path);
	p->t.bytes += ret == 0 ? j->f.size : 0;
	p->t.sent += ret == 0;
	return ret;
}

/* Of a snapshot the second line may differ; the hash of the first is its name. 1, 0 or -1. */
static int is_itself(struct pusher *p, const struct far_list *l, const struct job *j,
		     struct lc_err *err)
{
	const struct far_file *f = far_list_find(l, j->f.name);
	struct bytes t = {0};
	struct sink s = {bytes_take, &t, 0};
	const unsigned char *nl;
	struct lc_id id;
	int ret = 0;

	if (!f || f->size > LC_MANIFEST_MAX)
		return 0;
	if (remote_get(&p->r, f, 1, &s, err) < 0)
		ret = -1;
	else if (t.buf && t.buf[t.len - 1] == '\n' && (nl = memchr(t.buf, '\n', t.len)) &&
		 lc_sha256(t.buf, (size_t)(nl - t.buf), &id, err) == 0)
		ret = memcmp(&id, &j->s->id, sizeof(id)) == 0;
	free(t.buf);
	return ret;
}

static int look_at_snapshots(struct pusher *p, const struct far_list *l, struct job *jobs, size_t n,
			     struct lc_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int same = jobs[i].bad || !jobs[i].there ? 1 : is_itself(p, l, &jobs[i], err);
		if (same < 0)
			return -1;
		if (same)
			continue;
		lc_warn("%s: %s is damaged there: it is sent again", p->r.what, jobs[i].f.name);
		jobs[i].there = 0;
	}
	return 0;
}

/* With --verify, what was there before is read too, and sent again when it differs. */
static int look_again(struct pusher *p, struct job *jobs, size_t n, struct lc_err *err)
{
	p->ps.walks++;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; !jobs[i].bad && k < jobs[i].n; k++) {
			struct pack *pack = &p->ps.p[jobs[i].order[k]];
			int same = 1;
			if (pack->there && pack->seen != p->ps.walks)
				same = push_read_back(p, pack, err);
			if (same < 0)
				return -1;
			if (same == 0) {
				lc_warn("%s: %s is damaged there: it is sent again", p->r.what,
					pack->f.name);
				p->r.total += pack->f.size;
				pack->there = 0;
			}
			pack->seen = p->ps.walks;
		}
	return 0;
}

/* All that was sent, as the other side lists it. */
static int all_there(struct pusher *p, struct job *jobs, size_t n, struct lc_err *err)
{
	struct far_list l;
	int ret = remote_list(&p->r, &l, err);

	for (size_t i = 0; ret == 0 && i < n; i++) {
		const char *lost = NULL;
		for (size_t k = 0; !jobs[i].bad && k < jobs[i].n; k++)
			if (!is_there(&l, &p->ps.p[jobs[i].order[k]].f))
				lost = p->ps.p[jobs[i].order[k]].f.name;
		if (!jobs[i].bad && !jobs[i].there && !is_there(&l, &jobs[i].f))
			lost = jobs[i].f.name;
		if (lost)
			ret = lc_fail(err, LC_SYS, "%s: %s was sent, and is not there", p->r.what,
				      lost);
	}
	far_list_release(&l);
	return ret;
}

/* Each pack once: what will travel, and what is there. */
static void count(struct pusher *p, struct job *jobs, size_t n)
{
	p->ps.walks++;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; !jobs[i].bad && k < jobs[i].n; k++) {
			struct pack *pack = &p->ps.p[jobs[i].order[k]];
			if (pack->seen == p->ps.walks)
				continue;
			pack->seen = p->ps.walks;
			p->t.there += pack->there;
			p->r.total += pack->there && !p->o->verify ? 0 : pack->f.size;
			p->r.total += !pack->there && p->o->verify ? pack->f.size : 0;
			if (p->o->dry_run && !pack->there)
				transfer_plan(&p->t, pack->f.name, pack->f.size);
		}
		if (!jobs[i].bad && !jobs[i].there) {
			p->r.total += jobs[i].f.size;
			if (p->o->dry_run)
				transfer_plan(&p->t, jobs[i].f.name, jobs[i].f.size);
		}
	}
}

static int push(struct pusher *p, const struct snap_list *list, struct lc_err *err)
{
	struct job *jobs = lc_xalloc(list->n, sizeof(*jobs));
	struct far_list l;
	int ret = remote_list(&p->r, &l, err), bad = 0, gone = 0;

	for (size_t i = 0; ret == 0 && i < p->ps.n; i++)
		p->ps.p[i].there = is_there(&l, &p->ps.p[i].f);
	for (size_t i = 0; ret == 0 && i < list->n; i++) {
		jobs[i].s = &list->s[i];
		prepare(p, &l, &jobs[i]);
	}
	if (ret == 0)
		count(p, jobs, list->n);
	if (ret == 0 && p->o->verify && !p->o->dry_run)
		ret = look_at_snapshots(p, &l, jobs, list->n, err) < 0
			      ? -1
			      : look_again(p, jobs, list->n, err);
	for (size_t i = 0; ret == 0 && !p->o->dry_run && i < list->n; i++)
		if (!jobs[i].bad && send_one(p, &jobs[i], err) < 0)
			complain(&jobs[i], err);
	if (ret == 0 && !p->o->dry_run && p->t.packs + p->t.sent > 0)
		ret = all_there(p, jobs, list->n, err);
	progress(p->o, 0, 0);
	for (size_t i = 0; i < list->n; i++) {
		bad += jobs[i].bad && !jobs[i].gone;
		gone += jobs[i].gone;
		free(jobs[i].order);
	}
	p->t.snapshots = list->n - (size_t)(bad + gone);
	p->t.bad = (size_t)bad;
	far_list_release(&l);
	free(jobs);
	return ret;
}

int verb_push(const struct opts *o, int argc, char **argv)
{
	struct pusher p = {.o = o};
	struct snap_list list = {0};
	struct lc_store *st;
	struct lc_err err;
	char *packs;
	int status;

	transfer_operands(o, argc, "push");
	transfer_start(&p.t, o, "push", argv[0]);
	st = lc_store_open(o->store, 0, &err);
	if (!st || transfer_pick(st, o, argc - 1, argv + 1, &list, &err) < 0)
		lc_die(&err);
	packs = lc_path("%s/packs", o->store);
	if (packs_load(&p.ps, packs, &err) < 0 ||
	    remote_open(&p.r, o, argv[0], o->dry_run ? REMOTE_LOOK : REMOTE_WRITE, &err) < 0)
		lc_die(&err);
	free(packs);
	if (push(&p, &list, &err) < 0)
		lc_die(&err);
	status = transfer_end(&p.t, &list);
	remote_close(&p.r);
	packs_release(&p.ps);
	snap_list_release(&list);
	lc_store_close(st);
	return status;
}
