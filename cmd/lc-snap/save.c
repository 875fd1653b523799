/* save: reads a checkpoint into the store and prints its snapshot record. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "snap.h"

#define PIECE (16 * (size_t)LC_CHUNK) /* bytes read at once */

/* Fill buf as far as the file goes; the bytes read, or -1. */
static ssize_t read_full(int fd, char *buf, size_t len)
{
	size_t n = 0;

	while (n < len) {
		ssize_t got = read(fd, buf + n, len - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

struct saver {
	const struct opts *o;
	struct lc_store *st;
	char *buf;
	uint64_t done, total;
};

/* Put the e->size bytes that fd must give, and not one more. */
static int save_bytes(struct saver *sv, int fd, const char *path, struct lc_entry *e,
		      struct lc_hasher *whole, struct lc_err *err)
{
	uint64_t left = e->size;
	struct lc_id *ids = e->chunks;

	for (;;) {
		ssize_t n = read_full(fd, sv->buf, PIECE);
		if (n < 0)
			return lc_fail_sys(err, "read %s", path);
		if ((uint64_t)n > left || (n == 0 && left > 0))
			return lc_fail(err, LC_DATA, "%s: changed while it was read", path);
		if (n == 0)
			return 0;
		if (lc_store_put(sv->st, sv->buf, (size_t)n, ids, whole, err) < 0)
			return -1;
		ids += ((size_t)n + LC_CHUNK - 1) / LC_CHUNK;
		left -= (uint64_t)n;
		progress(sv->o, sv->done += (uint64_t)n, sv->total);
	}
}

static int save_file(struct saver *sv, const char *path, struct lc_entry *e, struct lc_err *err)
{
	struct lc_hasher whole = {NULL};
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), ret = -1;

	if (fd < 0)
		return lc_fail_sys(err, "open %s", path);
	e->nchunks = (size_t)((e->size + LC_CHUNK - 1) / LC_CHUNK);
	e->chunks = lc_xalloc(e->nchunks, sizeof(*e->chunks));
	if (lc_hasher_init(&whole, err) == 0) {
		ret = save_bytes(sv, fd, path, e, &whole, err);
		if (lc_hasher_done(&whole, ret < 0 ? NULL : &e->hash, err) < 0)
			ret = -1;
	}
	close(fd);
	return ret;
}

static int save_tree(const struct opts *o, struct lc_store *st, const struct tree *t,
		     struct lc_err *err)
{
	struct saver sv = {o, st, lc_xalloc(PIECE, 1), 0, lc_manifest_bytes(t->m)};
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < t->m->n; i++) {
		char *path = tree_path(t, i);
		if (t->m->e[i].kind == LC_FILE)
			ret = save_file(&sv, path, &t->m->e[i], err);
		free(path);
	}
	progress(o, 0, 0);
	free(sv.buf);
	return ret < 0 ? -1 : tree_recheck(t, err);
}

static int name_it(const struct opts *o, const struct tree *t, struct lc_manifest *m,
		   struct lc_err *err)
{
	struct lc_err ignored, why = {LC_OK, ""};

	m->step = o->step >= 0 ? o->step : tree_step(t, &why);
	if (m->step < 0)
		return lc_fail(err, LC_USAGE, "%s: of which step is it? say --step N", t->root);
	if (why.code != LC_OK && !o->quiet)
		lc_warn("%.400s: step %ld is taken from elsewhere", why.text, m->step);
	m->run = o->run ? lc_path("%s", o->run) : tree_run(t);
	if (!m->run)
		m->run = lc_path("run");
	for (size_t i = 0; i < o->tags.ntags; i++)
		lc_manifest_tag(m, o->tags.tags[i].key, o->tags.tags[i].value, &ignored);
	return 0;
}

int verb_save(const struct opts *o, int argc, char **argv)
{
	struct lc_snapshot s = {0};
	struct lc_store *st = NULL;
	struct tree t = {0};
	struct lc_err err;
	json_t *record;
	int ret = -1;

	if (argc != 1)
		lc_usage("save takes one PATH");
	/* the store is made last, not for nothing */
	if (tree_walk(&t, argv[0], o->store, &s.m, &err) == 0 && name_it(o, &t, &s.m, &err) == 0 &&
	    (st = lc_store_open(o->store, 1, &err)) && save_tree(o, st, &t, &err) == 0 &&
	    lc_store_flush(st, &s.stored, &err) == 0)
		ret = lc_store_add(st, &s, &err);
	if (ret == 0) {
		record = snap_record(&s);
		ret = lc_json_emit(stdout, record, &err);
		json_decref(record);
	}
	tree_release(&t);
	lc_store_close(st);
	lc_snapshot_release(&s);
	if (ret < 0)
		lc_die(&err);
	return LC_OK;
}
