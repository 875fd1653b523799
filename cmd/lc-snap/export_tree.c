/* export_tree: the members of an archive, each chunk checked before its bytes go out. */
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "io.h"
#include "json.h"
#include "unpack.h"

static int header(struct exporter *x, const char *path, const struct lc_entry *e,
		  struct lc_err *err)
{
	static const unsigned type[] = {AE_IFREG, AE_IFDIR, AE_IFLNK};
	struct archive_entry *ae = archive_entry_new();
	json_t *utf8 = json_string(path);
	int ret;

	json_decref(utf8);
	archive_entry_set_pathname(ae, path);
	archive_entry_set_filetype(ae, type[e->kind]);
	archive_entry_set_perm(ae, (mode_t)(e->kind == LC_LINK ? 0777 : e->mode));
	archive_entry_set_mtime(ae, 0, 0);
	archive_entry_set_uid(ae, 0);
	archive_entry_set_gid(ae, 0);
	if (e->kind == LC_FILE)
		archive_entry_set_size(ae, (la_int64_t)e->size);
	if (e->kind == LC_LINK)
		archive_entry_set_symlink(ae, e->target);
	/* a warning: a name that is no UTF-8 is written as it is, and said to be binary */
	ret = archive_write_header(x->a, ae);
	archive_entry_free(ae);
	if (!utf8 && x->zip)
		return export_bad(path, "its name is no UTF-8, which a zip cannot tell", err);
	return x->write_err.code == LC_OK && (ret == ARCHIVE_OK || ret == ARCHIVE_WARN)
		       ? 0
		       : export_fail(x, path, err);
}

static void get_task(void *ctx, int i)
{
	struct exporter *x = ctx;

	x->err[i].code = LC_OK;
	x->buf[i] = lc_xrealloc(x->buf[i], x->len[i], 1);
	lc_store_get(x->st, &x->ids[i], x->buf[i], x->len[i], &x->err[i]);
}

static int write_batch(struct exporter *x, const struct lc_entry *e, size_t at, int n,
		       struct lc_hasher *h, struct lc_err *err)
{
	struct lc_err why;

	x->ids = e->chunks + at;
	for (int i = 0; i < n; i++)
		if (lc_store_size(x->st, &x->ids[i], &x->len[i], &why) < 0)
			return why.code == LC_SYS ? lc_fail(err, LC_SYS, "%s", why.text)
						  : export_bad(e->path, why.text, err);
	lc_pool_run(x->pool, n, get_task, x);
	for (int i = 0; i < n; i++) {
		if (x->err[i].code != LC_OK)
			return x->err[i].code == LC_SYS ? lc_fail(err, LC_SYS, "%s", x->err[i].text)
							: export_bad(e->path, x->err[i].text, err);
		if (lc_hasher_add(h, x->buf[i], x->len[i], err) < 0)
			return -1;
		if (archive_write_data(x->a, x->buf[i], x->len[i]) != (la_ssize_t)x->len[i] ||
		    x->write_err.code != LC_OK)
			return x->write_err.code != LC_OK || archive_errno(x->a)
				       ? export_fail(x, e->path, err)
				       : export_bad(e->path, "is not of its size", err);
		x->done += x->len[i];
	}
	progress(x->o, x->done, x->total);
	return 0;
}

static int write_file(struct exporter *x, const struct lc_entry *e, struct lc_err *err)
{
	uint64_t end = x->done + e->size;
	char hex[LC_HEX_LEN + 1], *path;
	struct lc_hasher h;
	struct lc_id id;
	int ret = lc_hasher_init(&h, err);

	for (size_t i = 0; ret == 0 && i < e->nchunks; i += BATCH)
		ret = write_batch(x, e, i, (int)(e->nchunks - i < BATCH ? e->nchunks - i : BATCH),
				  &h, err);
	if (lc_hasher_done(&h, ret < 0 ? NULL : &id, ret < 0 ? NULL : err) < 0 || ret < 0)
		return -1;
	if (x->done != end)
		return export_bad(e->path, "its chunks do not add up to its size", err);
	lc_id_hex(&id, hex);
	path = lc_path_encode(e->path);
	json_object_set_new(x->hashes, path, json_string(hex));
	free(path);
	return 0;
}

int export_notes(struct exporter *x, const struct lc_snapshot *s, struct lc_err *err)
{
	json_t *o = lc_record_new("archive", 1), *tags = json_object();
	struct lc_entry e = {.kind = LC_FILE, .mode = 0644};
	char hex[LC_HEX_LEN + 1], *text, *line, mode[8];
	int ret;

	lc_id_hex(&s->id, hex);
	json_object_set_new(o, "id", json_string(hex));
	json_object_set_new(o, "run", json_string(s->m.run));
	json_object_set_new(o, "step", json_integer(s->m.step));
	for (size_t i = 0; i < s->m.ntags; i++)
		json_object_set_new(tags, s->m.tags[i].key, json_string(s->m.tags[i].value));
	json_object_set_new(o, "tags", tags);
	for (size_t i = 0; i < s->m.n; i++) {
		if (strcmp(s->m.e[i].path, ".") != 0)
			continue;
		snprintf(mode, sizeof(mode), "%04o", s->m.e[i].mode & 0777);
		json_object_set_new(o, "mode", json_string(mode));
	}
	json_object_set(o, "files", x->hashes);
	text = lc_json_text(o);
	line = lc_path("%s\n", text);
	e.size = strlen(line);
	ret = header(x, LC_NOTES, &e, err);
	if (ret == 0 && archive_write_data(x->a, line, e.size) != (la_ssize_t)e.size)
		ret = export_fail(x, LC_NOTES, err);
	free(line);
	free(text);
	json_decref(o);
	return ret;
}

int export_tree(struct exporter *x, const struct lc_snapshot *s, struct lc_err *err)
{
	for (size_t i = 0; i < s->m.n; i++) {
		const struct lc_entry *e = &s->m.e[i];
		if (strcmp(e->path, LC_NOTES) == 0 && !x->o->plain)
			return lc_fail(err, LC_DATA,
				       "it has a file " LC_NOTES
				       ", as the archive's notes are called: use --plain");
		if (strcmp(e->path, ".") == 0)
			continue;
		if (header(x, e->path, e, err) < 0 ||
		    (e->kind == LC_FILE && write_file(x, e, err) < 0))
			return -1;
	}
	if (!x->o->plain && export_notes(x, s, err) < 0)
		return -1;
	return archive_write_close(x->a) == ARCHIVE_OK && x->write_err.code == LC_OK
		       ? 0
		       : export_fail(x, "archive", err);
}
