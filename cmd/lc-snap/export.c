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

#include "export.h"
#include "io.h"
#include "json.h"
#include "unpack.h"

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
int export_fail(struct exporter *x, const char *path, struct lc_err *err)
{
	char *shown = lc_path_encode(path);

	if (x->write_err.code != LC_OK)
		lc_fail(err, LC_SYS, "%s", x->write_err.text);
	else
		lc_fail(err, LC_SYS, "export %.200s: %s", shown, archive_error_string(x->a));
	free(shown);
	return -1;
}

int export_bad(const char *path, const char *why, struct lc_err *err)
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
		return export_fail(x, f->name, err);
	return 0;
}

static int export(struct exporter *x, const struct lc_snapshot *s, struct lc_err *err)
{
	int ret;

	x->total = lc_manifest_bytes(&s->m);
	x->hashes = json_object();
	x->pool = lc_pool_open(lc_cpu_count());
	ret = x->pool ? start(x, format_of(x->o), &s->m, err) : lc_fail_sys(err, "start threads");
	if (ret == 0)
		ret = export_tree(x, s, err);
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
