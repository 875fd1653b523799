/* unpack_notes: what an archive says of itself, and the end of unpacking. See unpack.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hash.h"
#include "io.h"
#include "json.h"
#include "unpack_impl.h"

#define NOTES_MAX ((off_t)1 << 28)
#define BLOCK ((size_t)1 << 18)

static int bad_notes(const char *why, struct lc_err *err)
{
	return lc_fail(err, LC_DATA, "the archive: " LC_NOTES ": %.300s", why);
}

static int hash_file(const char *path, struct lc_id *id, struct lc_err *err)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), ret;
	char *buf = lc_xalloc(BLOCK, 1);
	struct lc_hasher h;
	ssize_t n = 0;

	ret = lc_hasher_init(&h, err);
	while (ret == 0 && fd >= 0 && (n = read(fd, buf, BLOCK)) != 0)
		if (n > 0)
			ret = lc_hasher_add(&h, buf, (size_t)n, err);
		else if (errno != EINTR)
			break;
	if (fd < 0 || n < 0)
		ret = lc_fail_sys(err, "read %s", path);
	if (lc_hasher_done(&h, ret < 0 ? NULL : id, ret < 0 ? NULL : err) < 0)
		ret = -1;
	if (fd >= 0)
		close(fd);
	free(buf);
	return ret;
}

static int check_file(struct unpacker *p, const char *shown, const char *hex, struct lc_err *err)
{
	char *path = lc_path_decode(shown), *name = path ? unpack_name(path) : NULL, *full = NULL;
	struct lc_id want, got;
	struct stat sb;
	int ret = -1;

	if (!name || strcmp(name, path) != 0 || !hex || lc_id_parse(hex, &want) < 0) {
		bad_notes("malformed", err);
		goto out;
	}
	full = lc_path("%s/%s", p->u->dir, path);
	if (lstat(full, &sb) < 0 || !S_ISREG(sb.st_mode))
		ret = lc_fail(err, LC_DATA, "the archive: %.200s: is missing", shown);
	else if (hash_file(full, &got, err) < 0)
		ret = -1;
	else if (memcmp(want.b, got.b, sizeof(got.b)) != 0)
		ret = lc_fail(err, LC_DATA, "the archive: %.200s: its hash does not match", shown);
	else
		ret = 0;
out:
	free(path);
	free(name);
	free(full);
	return ret;
}

/* All that the caller will use is there, and of its kind. */
static int check_form(const json_t *o, struct lc_err *err)
{
	const char *run = lc_json_get_str(o, "run", NULL), *key;
	const char *id = lc_json_get_str(o, "id", ""), *mode = lc_json_get_str(o, "mode", "0755");
	json_t *tags = json_object_get(o, "tags"), *v;
	struct lc_manifest m = {0};
	struct lc_id ignored;
	int ret = 0;

	if (lc_record_is(o, "archive", 1, err) != 1)
		return bad_notes("not of an archive that this program knows (--plain)", err);
	if (!run || !lc_manifest_plain(run) || lc_json_get_int(o, "step", -1) < 0 ||
	    lc_id_parse(id, &ignored) < 0 || !json_is_object(tags) || strlen(mode) != 4 ||
	    strspn(mode, "01234567") != 4 || !json_is_object(json_object_get(o, "files")))
		return bad_notes("malformed", err);
	json_object_foreach(tags, key, v)
		if (!json_is_string(v) || lc_manifest_tag(&m, key, json_string_value(v), NULL) < 0)
			ret = bad_notes("malformed tags", err);
	lc_manifest_release(&m);
	return ret;
}

int unpack_notes(struct unpacker *p, struct lc_err *err)
{
	char *path = lc_path("%s/" LC_NOTES, p->u->dir);
	const char *shown;
	struct lc_err why;
	struct stat sb;
	json_t *o = NULL, *v;
	int ret;

	if (lstat(path, &sb) < 0 || !S_ISREG(sb.st_mode) || sb.st_size > NOTES_MAX)
		ret = bad_notes("no file, or too large (--plain)", err);
	else if (chmod(path, 0600) < 0 || !(o = lc_json_load(path, &why)))
		ret = bad_notes("no JSON (--plain)", err);
	else
		ret = check_form(o, err);
	if (ret == 0) {
		json_object_foreach(json_object_get(o, "files"), shown, v)
			if (ret == 0)
				ret = check_file(p, shown, json_string_value(v), err);
		if (ret == 0 && json_object_size(json_object_get(o, "files")) != p->files - 1)
			ret = bad_notes("the archive has files that it does not name", err);
		if (ret == 0 && unlink(path) < 0)
			ret = lc_fail_sys(err, "remove %s", path);
	}
	p->u->notes = o;
	p->members--;
	free(path);
	return ret;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct dir *)a)->path, ((const struct dir *)b)->path);
}

int unpack_finish(struct unpacker *p, struct lc_err *err)
{
	const char *mode = lc_json_get_str(p->u->notes, "mode", NULL);
	int root = 0;

	if (p->ndirs > 0)
		qsort(p->dirs, p->ndirs, sizeof(*p->dirs), by_path);
	for (size_t i = p->ndirs; i-- > 0;) { /* the innermost first: one may be read-only */
		const struct dir *d = &p->dirs[i];
		char *full = lc_path("%s/%s", p->u->dir, d->path);
		int ret = 0;
		if (i > 0 && strcmp(d->path, p->dirs[i - 1].path) == 0)
			ret = lc_fail(err, LC_DATA, "the archive: %.200s: comes twice", d->path);
		else if (strcmp(d->path, ".") != 0 && chmod(full, d->mode) < 0)
			ret = lc_fail_sys(err, "unpack %.300s", d->path);
		free(full);
		if (ret < 0)
			return -1;
	}
	for (size_t i = 0; i < p->ndirs; i++)
		if (strcmp(p->dirs[i].path, ".") == 0 && chmod(p->u->dir, p->dirs[i].mode) == 0)
			root = 1;
	if (mode && chmod(p->u->dir, (mode_t)strtoul(mode, NULL, 8) & 0777) < 0)
		return lc_fail_sys(err, "unpack .");
	if (!root && !mode && p->members == 1 && p->only)
		p->u->single = lc_path("%s", p->only);
	else if (!root && !mode && chmod(p->u->dir, 0755) < 0)
		return lc_fail_sys(err, "unpack .");
	return 0;
}
