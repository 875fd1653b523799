/*
 * import: an archive into the store, as a snapshot.
 *
 * It is unpacked into a private directory in the store's tmp, which whoever opens the store next
 * removes when this is killed, and saved from there.
 */
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "snap.h"
#include "store_tmp.h"
#include "unpack.h"

/* What the tree is called while it is saved: like the archive, whose name may tell the step. */
static char *tree_name(const char *archive)
{
	static const char *const ends[] = {".tar.gz", ".tar.zst", ".tar.xz", ".tar.bz2",
					   ".tgz",    ".tar",	  ".zip"};
	const char *slash = strrchr(archive, '/'), *base = slash ? slash + 1 : archive;
	size_t n = strlen(base);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t len = strlen(ends[i]);
		if (n > len && strcmp(base + n - len, ends[i]) == 0) {
			n -= len;
			break;
		}
	}
	if (n == 0 || n > 200 || strncmp(base, ".", n) == 0 || strncmp(base, "..", n) == 0)
		return lc_path("archive");
	return lc_path("%.*s", (int)n, base);
}

#define WHICH "the archive: " /* as lib/unpack.c calls it, which knows no name */

struct source {
	const struct opts *o;
	uint64_t size; /* of the archive; 0: not known */
};

static void show(void *ctx, uint64_t done)
{
	struct source *s = ctx;

	if (s->size > 0)
		progress(s->o, done < s->size ? done : s->size, s->size);
}

/* What the archive says, where the options are silent. tags are the caller's. */
static void take_notes(struct opts *o, const json_t *notes)
{
	struct lc_manifest tags = {0};
	const char *key;
	json_t *v;

	if (!o->run)
		o->run = lc_json_get_str(notes, "run", NULL);
	if (o->step < 0)
		o->step = lc_json_get_int(notes, "step", -1);
	json_object_foreach(json_object_get(notes, "tags"), key, v)
		lc_manifest_tag(&tags, key, json_string_value(v), NULL);
	for (size_t i = 0; i < o->tags.ntags; i++)
		lc_manifest_tag(&tags, o->tags.tags[i].key, o->tags.tags[i].value, NULL);
	o->tags = tags;
}

static int open_archive(const char *path, struct lc_err *err)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? lc_fail_sys(err, "open %s", path) : fd;
}

static int unpack(const struct opts *o, struct lc_unpack *u, const char *archive,
		  struct lc_err *err)
{
	struct source source = {.o = o};
	int fd = open_archive(archive, err), ret;
	struct stat sb;

	if (fd < 0)
		return -1;
	if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode))
		source.size = (uint64_t)sb.st_size;
	u->progress = show;
	u->ctx = &source;
	ret = mkdir(u->dir, 0700) < 0 ? lc_fail_sys(err, "create %s", u->dir)
				      : lc_unpack(u, fd, err);
	progress(o, 0, 0);
	close(fd);
	if (ret < 0 && strncmp(err->text, WHICH, strlen(WHICH)) == 0 && strcmp(archive, "-") != 0) {
		struct lc_err why = *err;
		lc_fail(err, why.code, "%.200s: %s", archive, why.text + strlen(WHICH));
	}
	return ret;
}

static int save(const struct opts *o, const struct lc_unpack *u)
{
	char *path = u->single ? lc_path("%s/%s", u->dir, u->single) : lc_path("%s", u->dir);
	struct opts mine = *o;
	int ret;

	take_notes(&mine, u->notes);
	ret = verb_save(&mine, 1, &path);
	lc_manifest_release(&mine.tags);
	free(path);
	return ret;
}

/* verb_save ends the program when it fails; what is in tmp then goes first. */
static struct lc_tmp tmp = {.fd = -1};

static void remove_tmp(void)
{
	lc_tmp_abort(&tmp);
}

int verb_import(const struct opts *o, int argc, char **argv)
{
	struct lc_unpack u = {.max_size = o->max_size, .any_link = o->any_link, .plain = o->plain};
	char *prefix, *name, *dir;
	struct lc_store *st;
	struct lc_err err;
	int ret;

	if (argc != 1)
		lc_usage("import takes one archive");
	setlocale(LC_CTYPE, "C.UTF-8");
	st = lc_store_open(o->store, 1, &err);
	if (!st)
		lc_die(&err);
	prefix = lc_path("%s/tmp/import-", o->store);
	ret = lc_tmp_dir(&tmp, prefix, &err);
	free(prefix);
	lc_store_close(st);
	if (ret < 0)
		lc_die(&err);
	atexit(remove_tmp);
	name = tree_name(argv[0]);
	u.dir = dir = lc_path("%s/%s", tmp.path, name);
	free(name);
	if (unpack(o, &u, argv[0], &err) < 0)
		lc_die(&err);
	ret = save(o, &u);
	lc_unpack_release(&u);
	free(dir);
	remove_tmp();
	return ret;
}
