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
		      const char *dir, json_t *lost, struct lc_err *err)
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
	ret = unpack_tree(o, st, m, tmp.path, lost, err);
	if (ret < 0) {
		lc_tmp_abort(&tmp);
		return -1;
	}
	return lc_tmp_commit(&tmp, dir, err);
}

/* Is path of len bytes at or below the entry's, or is the entry a directory on the way to it? */
static int on_the_way(const struct lc_entry *e, const char *path, size_t len, int *found)
{
	size_t n = strlen(e->path);

	if (n >= len && memcmp(e->path, path, len) == 0 && (!e->path[len] || e->path[len] == '/'))
		return *found = 1;
	return e->kind == LC_DIR && (strcmp(e->path, ".") == 0 ||
				     (n < len && memcmp(e->path, path, n) == 0 && path[n] == '/'));
}

/* Only these paths, as in "a/b", of the tree: some borrows m's entries. */
static int select_paths(const struct lc_manifest *m, int n, char **paths, struct lc_manifest *some,
			struct lc_err *err)
{
	char *take = lc_xalloc(m->n, 1);
	int ret = 0;

	for (int i = 0; i < n && ret == 0; i++) {
		const char *path = paths[i];
		size_t len;
		int found = 0;
		while (strncmp(path, "./", 2) == 0)
			path += 2 + strspn(path + 2, "/");
		len = strlen(path);
		while (len > 0 && path[len - 1] == '/')
			len--;
		for (size_t k = 0; len > 0 && k < m->n; k++)
			take[k] |= (char)on_the_way(&m->e[k], path, len, &found);
		if (!found)
			ret = lc_fail(err, LC_DATA, "%.300s: is not in the snapshot", paths[i]);
	}
	*some = *m;
	some->e = lc_xalloc(m->n, sizeof(*some->e));
	some->n = 0;
	for (size_t k = 0; k < m->n; k++)
		if (n == 0 || take[k])
			some->e[some->n++] = m->e[k];
	free(take);
	return ret;
}

/* What could not be given, in words; and the record, with it. */
static int tell(const struct opts *o, const struct lc_snapshot *s, json_t *lost, struct lc_err *err)
{
	json_t *record, *v;
	size_t i;
	int ret;

	json_array_foreach(lost, i, v)
		lc_warn("%s: %s: %s", json_string_value(json_object_get(v, "path")),
			o->keep_damaged ? "is damaged" : "is left out",
			json_string_value(json_object_get(v, "why")));
	if (!o->json)
		return 0;
	record = snap_record(s);
	if (lost)
		json_object_set(record, "lost", lost);
	ret = lc_json_emit(stdout, record, err);
	json_decref(record);
	return ret;
}

int verb_restore(const struct opts *o, int argc, char **argv)
{
	int at = o->step >= 0 || o->before >= 0 ? 0 : 1; /* DIR */
	json_t *lost = o->partial ? json_array() : NULL;
	struct lc_manifest some = {0};
	struct lc_snapshot s;
	struct lc_store *st;
	struct lc_err err;
	char *dir;
	int ret = -1, status;

	if (argc <= at)
		lc_usage(at ? "restore takes a snapshot and a DIR"
			    : "restore takes a DIR beside --step or --before");
	if (o->keep_damaged && !o->partial)
		lc_usage("--keep-damaged is for --partial");
	dir = prepare(argv[at], &err);
	if (!dir)
		lc_die(&err);
	jobs_wait(o, NULL, 1);
	jobs_name(o, 0);
	st = lc_store_open(o->store, 0, &err);
	if (!st)
		lc_die(&err);
	if (snap_pick(st, at ? argv[0] : NULL, o, &s, &err) == 0 &&
	    select_paths(&s.m, argc - at - 1, argv + at + 1, &some, &err) == 0)
		ret = restore_to(o, st, &some, dir, lost, &err);
	if (ret == 0)
		ret = tell(o, &s, lost, &err);
	status = json_array_size(lost) > 0 ? LC_NO : LC_OK;
	json_decref(lost);
	free(some.e);
	lc_snapshot_release(&s);
	lc_store_close(st);
	free(dir);
	if (ret < 0)
		lc_die(&err);
	return status;
}
