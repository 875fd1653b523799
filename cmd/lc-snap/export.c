/*
 * export: a snapshot as an archive, each chunk checked before its bytes go out.
 *
 * The same snapshot gives the same bytes: members in the order of the manifest, no times, no
 * owners. The last member is LC_NOTES (unpack.h): run, step and tags, and the hash of each file.
 */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_calls.h"
#include "io.h"
#include "json.h"
#include "pool.h"
#include "snap.h"
#include "unpack.h"

#define BATCH 16 /* chunks decoded at once */

struct exporter {
	const struct opts *o;
	struct lc_store *st;
	struct lc_pool *pool;
	struct archive *a;
	int zip;
	FILE *f;
	json_t *hashes; /* of the files, by path */
	uint64_t done, total;
	struct lc_err write_err; /* of the callback */
	int given_up;
	/* a batch of a file's chunks */
	const struct lc_id *ids;
	char *buf[BATCH];
	size_t len[BATCH];
	struct lc_err err[BATCH];
};

static const struct format {
	const char *name;
	int zip;
	char filter; /* gzip, zstd, or - */
	const char *options;
} formats[] = {
	{"tar", 0, '-', NULL},
	{"tar.gz", 0, 'g', "gzip:compression-level=1,gzip:!timestamp"},
	{"tar.zst", 0, 'z', "zstd:compression-level=1"},
	{"zip", 1, '-', "zip:compression=store"},
};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

/* The one asked for, else by the file's ending, else tar. */
static const struct format *format_of(const struct opts *o)
{
	static const char *const no[] = {".tar.xz", ".tar.bz2", ".txz", ".tbz2", ".7z"};
	size_t n = o->out ? strlen(o->out) : 0;

	for (size_t i = 0; i < FORMATS; i++) {
		size_t len = strlen(formats[i].name);
		if (o->format ? strcmp(o->format, formats[i].name) == 0
			      : n > len && o->out[n - len - 1] == '.' &&
					strcmp(o->out + n - len, formats[i].name) == 0)
			return &formats[i];
	}
	if (!o->format && n > 4 && strcmp(o->out + n - 4, ".tgz") == 0)
		return &formats[1];
	for (size_t i = 0; !o->format && i < sizeof(no) / sizeof(no[0]); i++)
		if (n > strlen(no[i]) && strcmp(o->out + n - strlen(no[i]), no[i]) == 0)
			lc_usage("%s: cannot write that form; tar, tar.gz, tar.zst and zip can be "
				 "written",
				 o->out);
	if (o->format)
		lc_usage("--format %s: not tar, tar.gz, tar.zst or zip", o->format);
	return &formats[0];
}

/*
 * A failed write is kept for whoever looks, and is no failure to libarchive, which would not clean
 * up after one. Once all is given up nothing more goes out, not even what ends a member.
 */
static la_ssize_t write_out(struct archive *a, void *ctx, const void *buf, size_t len)
{
	struct exporter *x = ctx;

	if (x->given_up) {
		archive_set_error(a, EIO, "given up");
		return -1;
	}
	if (x->write_err.code == LC_OK && fwrite(buf, 1, len, x->f) != len)
		lc_fail_sys(&x->write_err, "write %s",
			    x->o->out ? x->o->out : "to standard output");
	return (la_ssize_t)len;
}

/* Of a member, by its path, or of the whole: what libarchive or the file says. */
static int fail(struct exporter *x, const char *path, struct lc_err *err)
{
	char *shown = lc_path_encode(path);

	if (x->write_err.code != LC_OK)
		lc_fail(err, LC_SYS, "%s", x->write_err.text);
	else
		lc_fail(err, LC_SYS, "export %.200s: %s", shown, archive_error_string(x->a));
	free(shown);
	return -1;
}

static int bad(const char *path, const char *why, struct lc_err *err)
{
	char *shown = lc_path_encode(path);

	lc_fail(err, LC_DATA, "export %.200s: %.250s", shown, why);
	free(shown);
	return -1;
}

/* Names are bytes; readers that take them for UTF-8 may bring them into another normal form. */
static int all_ascii(const struct lc_manifest *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const char *name[] = {m->e[i].path, m->e[i].target ? m->e[i].target : ""};
		for (int k = 0; k < 2; k++)
			for (const char *p = name[k]; *p; p++)
				if (*p & 0x80)
					return 0;
	}
	return 1;
}

static int add_filter(struct archive *a, char filter)
{
	return filter == 'g'   ? archive_write_add_filter_gzip(a)
	       : filter == 'z' ? archive_write_add_filter_zstd(a)
			       : archive_write_add_filter_none(a);
}

static int start(struct exporter *x, const struct format *f, const struct lc_manifest *m,
		 struct lc_err *err)
{
	x->zip = f->zip;
	if (lc_archive_open(err) < 0)
		return -1;
	x->a = archive_write_new();
	if (!x->a)
		return lc_fail(err, LC_SYS, "start an archive: no memory");
	if ((f->zip ? archive_write_set_format_zip(x->a)
		    : archive_write_set_format_pax_restricted(x->a)) != ARCHIVE_OK ||
	    add_filter(x->a, f->filter) != ARCHIVE_OK ||
	    (f->options && archive_write_set_options(x->a, f->options) != ARCHIVE_OK) ||
	    (!f->zip && !all_ascii(m) &&
	     archive_write_set_options(x->a, "pax:hdrcharset=BINARY") != ARCHIVE_OK) ||
	    archive_write_set_bytes_in_last_block(x->a, 1) != ARCHIVE_OK ||
	    archive_write_open(x->a, x, NULL, write_out, NULL) != ARCHIVE_OK)
		return fail(x, f->name, err);
	return 0;
}

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
		return bad(path, "its name is no UTF-8, which a zip cannot tell", err);
	return x->write_err.code == LC_OK && (ret == ARCHIVE_OK || ret == ARCHIVE_WARN)
		       ? 0
		       : fail(x, path, err);
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
						  : bad(e->path, why.text, err);
	lc_pool_run(x->pool, n, get_task, x);
	for (int i = 0; i < n; i++) {
		if (x->err[i].code != LC_OK)
			return x->err[i].code == LC_SYS ? lc_fail(err, LC_SYS, "%s", x->err[i].text)
							: bad(e->path, x->err[i].text, err);
		if (lc_hasher_add(h, x->buf[i], x->len[i], err) < 0)
			return -1;
		if (archive_write_data(x->a, x->buf[i], x->len[i]) != (la_ssize_t)x->len[i] ||
		    x->write_err.code != LC_OK)
			return x->write_err.code != LC_OK || archive_errno(x->a)
				       ? fail(x, e->path, err)
				       : bad(e->path, "is not of its size", err);
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
		return bad(e->path, "its chunks do not add up to its size", err);
	lc_id_hex(&id, hex);
	path = lc_path_encode(e->path);
	json_object_set_new(x->hashes, path, json_string(hex));
	free(path);
	return 0;
}

static int write_notes(struct exporter *x, const struct lc_snapshot *s, struct lc_err *err)
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
		ret = fail(x, LC_NOTES, err);
	free(line);
	free(text);
	json_decref(o);
	return ret;
}

static int write_tree(struct exporter *x, const struct lc_snapshot *s, struct lc_err *err)
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
	if (!x->o->plain && write_notes(x, s, err) < 0)
		return -1;
	return archive_write_close(x->a) == ARCHIVE_OK && x->write_err.code == LC_OK
		       ? 0
		       : fail(x, "archive", err);
}

static int export(struct exporter *x, const struct lc_snapshot *s, struct lc_err *err)
{
	int ret;

	x->total = lc_manifest_bytes(&s->m);
	x->hashes = json_object();
	x->pool = lc_pool_open(lc_cpu_count());
	ret = x->pool ? start(x, format_of(x->o), &s->m, err) : lc_fail_sys(err, "start threads");
	if (ret == 0)
		ret = write_tree(x, s, err);
	progress(x->o, 0, 0);
	x->given_up = ret < 0;
	archive_write_free(x->a);
	lc_pool_close(x->pool);
	json_decref(x->hashes);
	for (int i = 0; i < BATCH; i++)
		free(x->buf[i]);
	return ret;
}

static int export_to(struct exporter *x, const struct lc_snapshot *s, struct lc_err *err)
{
	struct lc_newfile nf;
	int ret;

	if (!x->o->out || strcmp(x->o->out, "-") == 0) {
		x->f = stdout;
		if (isatty(STDOUT_FILENO))
			lc_usage("an archive is not for a terminal: -o FILE");
		return export(x, s, err);
	}
	if (lc_newfile_open(&nf, x->o->out, err) < 0)
		return -1;
	x->f = nf.f;
	ret = export(x, s, err);
	if (ret < 0) {
		lc_newfile_abort(&nf);
		return -1;
	}
	return lc_newfile_commit(&nf, err);
}

int verb_export(const struct opts *o, int argc, char **argv)
{
	int by_step = o->step >= 0 || o->before >= 0;
	struct exporter x = {.o = o};
	struct lc_snapshot s = {0};
	struct lc_err err;
	int ret = -1;

	if (argc != 1 - by_step)
		lc_usage("export takes one snapshot");
	format_of(o); /* a wrong one is said first */
	setlocale(LC_CTYPE, "C.UTF-8");
	x.st = lc_store_open(o->store, 0, &err);
	if (!x.st)
		lc_die(&err);
	if (snap_pick(x.st, by_step ? NULL : argv[0], o, &s, &err) == 0)
		ret = export_to(&x, &s, &err);
	lc_snapshot_release(&s);
	lc_store_close(x.st);
	if (ret < 0)
		lc_die(&err);
	return LC_OK;
}
