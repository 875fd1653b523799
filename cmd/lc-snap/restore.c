/* restore: writes a snapshot out again, byte for byte, into a directory that appears whole. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "job.h"
#include "json.h"
#include "snap.h"
#include "store_tmp.h"

static int is_free(const char *dir, struct lc_err *err)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, NULL);

	if (n < 0 && errno == ENOENT)
		return 0;
	for (int i = 0; i < n; i++)
		free(names[i]);
	if (n >= 0)
		free(names);
	return n == 2 ? 0 : lc_fail(err, LC_USAGE, "%s: exists already", dir);
}

/* dir without its last slashes, its parents made, and free to be taken. The caller's. */
static char *prepare(const char *dir, struct lc_err *err)
{
	char *path = lc_path("%s", dir), *slash;
	int ret = is_free(dir, err);

	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	slash = strrchr(path, '/');
	if (ret == 0 && slash && slash > path) {
		*slash = '\0';
		ret = lc_mkdirs(path, err);
		*slash = '/';
	}
	if (ret == 0)
		return path;
	free(path);
	return NULL;
}

static int restore_to(const struct opts *o, struct lc_store *st, const struct lc_manifest *m,
		      const char *dir, struct lc_err *err)
{
	const char *slash = strrchr(dir, '/'), *base = slash ? slash + 1 : dir;
	char *prefix = lc_path("%.*s.%.200s.restore-", (int)(base - dir), dir, base);
	struct lc_tmp tmp;
	int ret;

	lc_tmp_clean(prefix);
	ret = lc_tmp_dir(&tmp, prefix, err);
	free(prefix);
	if (ret < 0)
		return -1;
	ret = unpack_tree(o, st, m, tmp.path, err);
	if (ret < 0) {
		lc_tmp_abort(&tmp);
		return -1;
	}
	return lc_tmp_commit(&tmp, dir, err);
}

int verb_restore(const struct opts *o, int argc, char **argv)
{
	int by_step = o->step >= 0 || o->before >= 0;
	struct lc_snapshot s;
	struct lc_store *st;
	struct lc_err err;
	char *dir;
	int ret = -1;

	if (argc != 2 - by_step)
		lc_usage(by_step ? "restore takes one DIR beside --step or --before"
				 : "restore takes a snapshot and a DIR");
	dir = prepare(argv[argc - 1], &err);
	if (!dir)
		lc_die(&err);
	jobs_wait(o, NULL, 1);
	jobs_name(o, 0);
	st = lc_store_open(o->store, 0, &err);
	if (!st)
		lc_die(&err);
	if (snap_pick(st, by_step ? NULL : argv[0], o, &s, &err) == 0)
		ret = restore_to(o, st, &s.m, dir, &err);
	if (ret == 0 && o->json) {
		json_t *record = snap_record(&s);
		ret = lc_json_emit(stdout, record, &err);
		json_decref(record);
	}
	lc_snapshot_release(&s);
	lc_store_close(st);
	free(dir);
	if (ret < 0)
		lc_die(&err);
	return LC_OK;
}
