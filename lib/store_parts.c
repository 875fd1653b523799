/* store_parts: see store_parts.h. */
#include "store_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "store_impl.h"
#include "store_merge.h"

#define GROUP_DIGITS 32

void lc_part_release(struct lc_shard *p)
{
	lc_snapshot_release(&p->s);
	free(p->group);
	p->group = NULL;
}

void lc_parts_release(struct lc_parts *list)
{
	for (size_t i = 0; i < list->n; i++)
		lc_part_release(&list->p[i]);
	free(list->p);
	memset(list, 0, sizeof(*list));
}

/* What parts that belong together have in common, as the name of their directory. */
static int key_of(const struct lc_shard *p, char hex[LC_HEX_LEN + 1], struct lc_err *err)
{
	struct lc_manifest bare = p->s.m;
	struct lc_id id;
	char *text, *all;
	int ret;

	bare.n = 0;
	text = lc_manifest_text(&bare);
	all = lc_path("%s\n%d\n%s\n", text, p->of, p->group);
	ret = lc_sha256(all, strlen(all), &id, err);
	free(text);
	free(all);
	lc_id_hex(&id, hex);
	hex[GROUP_DIGITS] = '\0';
	return ret;
}

static char *dir_of(const struct lc_store *st, const struct lc_shard *p, struct lc_err *err)
{
	char hex[LC_HEX_LEN + 1];

	return key_of(p, hex, err) < 0 ? NULL : lc_path("%s/parts/%s", st->dir, hex);
}

/* The second line. */
static char *note_text(const struct lc_shard *p)
{
	json_t *o = json_pack("{s:i,s:i,s:s,s:f,s:s,s:I,s:o}", "part", p->part, "of", p->of,
			      "group", p->group, "time", p->s.time, "host", p->s.host, "stored",
			      (json_int_t)p->s.stored, "require", lc_role_names(p->require));
	char hex[LC_HEX_LEN + 1], *text;

	if (p->s.links > 0) {
		lc_id_hex(&p->s.base, hex);
		json_object_set_new(o, "base", json_string(hex));
		json_object_set_new(o, "links", json_integer(p->s.links));
	}
	text = lc_json_text(o);
	json_decref(o);
	return text;
}

static int note_parse(const char *buf, size_t len, struct lc_shard *p, struct lc_err *err)
{
	json_error_t je;
	json_t *o = json_loadb(buf, len, JSON_REJECT_DUPLICATES, &je);
	long part = lc_json_get_int(o, "part", -1), of = lc_json_get_int(o, "of", -1);
	long links = lc_json_get_int(o, "links", 0), stored = lc_json_get_int(o, "stored", -1);
	const char *base = lc_json_get_str(o, "base", NULL);
	int require = lc_role_parse(json_object_get(o, "require"));
	int ok = of > 0 && of <= LC_PARTS_MAX && part >= 0 && part < of && stored >= 0 &&
		 links >= 0 && links < INT_MAX && (links > 0) == (base != NULL) && require >= 0 &&
		 (!base || lc_id_parse(base, &p->s.base) == 0);

	ok = ok && lc_manifest_plain(lc_json_get_str(o, "group", "")) &&
	     lc_manifest_plain(lc_json_get_str(o, "host", ""));
	p->part = (int)part;
	p->of = (int)of;
	p->require = (unsigned)require;
	p->group = lc_path("%s", lc_json_get_str(o, "group", ""));
	p->s.links = (int)links;
	p->s.stored = (uint64_t)stored;
	p->s.time = lc_json_get_num(o, "time", 0);
	snprintf(p->s.host, sizeof(p->s.host), "%.64s", lc_json_get_str(o, "host", ""));
	json_decref(o);
	return ok ? 0 : lc_fail(err, LC_DATA, "its second line is malformed");
}

/* Two lines, the second begins with the hash of the first: a part is known by no other name. */
int lc_part_parse(const char *buf, size_t len, struct lc_shard *p, struct lc_err *err)
{
	const char *nl = memchr(buf, '\n', len), *rest = nl ? nl + 1 : NULL;
	char hex[LC_HEX_LEN + 1];

	memset(p, 0, sizeof(*p));
	if (!nl || buf[len - 1] != '\n' || (size_t)(buf + len - rest) < LC_HEX_LEN + 2)
		return lc_fail(err, LC_DATA, "truncated");
	if (lc_sha256(buf, (size_t)(nl - buf), &p->s.id, err) < 0)
		return -1;
	lc_id_hex(&p->s.id, hex);
	if (memcmp(hex, rest, LC_HEX_LEN) != 0 || rest[LC_HEX_LEN] != ' ')
		return lc_fail(err, LC_DATA, "damaged: its hash does not match");
	rest += LC_HEX_LEN + 1;
	if (lc_manifest_parse(buf, (size_t)(nl - buf), &p->s.m, err) == 0 &&
	    note_parse(rest, (size_t)(buf + len - rest), p, err) == 0)
		return 0;
	lc_part_release(p);
	return -1;
}

/* 1, 0 when it is gone, -1. */
static int part_read(const char *path, struct lc_shard *p, struct lc_err *err)
{
	struct lc_err why = {LC_DATA, ""};
	char *buf = NULL;
	struct stat sb;
	size_t len;
	int ret;

	if (stat(path, &sb) == 0 && (uint64_t)sb.st_size > LC_MANIFEST_MAX)
		return lc_fail(err, LC_DATA, "%s: too large", path);
	ret = lc_read_file(path, &buf, &len, err);
	if (ret < 0)
		return errno == ENOENT ? 0 : -1;
	ret = lc_part_parse(buf, len, p, &why);
	free(buf);
	return ret == 0 ? 1 : lc_fail(err, why.code, "%s: %.200s", path, why.text);
}

static int by_number(const void *a, const void *b)
{
	return ((const struct lc_shard *)a)->part - ((const struct lc_shard *)b)->part;
}

/* Is it "KEY/NUMBER.json"? */
static int belongs(const char *path, const struct lc_shard *p)
{
	char hex[LC_HEX_LEN + 1], *want;
	size_t n;
	int ok;

	if (key_of(p, hex, NULL) < 0)
		return 0;
	want = lc_path("/%s/%d.json", hex, p->part);
	n = strlen(want);
	ok = strlen(path) >= n && strcmp(path + strlen(path) - n, want) == 0;
	free(want);
	return ok;
}

/* Those in one directory, added to list. */
static int list_dir(const char *dir, struct lc_parts *list, struct lc_err *err)
{
	size_t first = list->n;
	struct dirent *de;
	DIR *d = opendir(dir);

	if (!d)
		return errno == ENOENT || errno == ENOTDIR ? 0 : lc_fail_sys(err, "read %s", dir);
	while ((de = readdir(d))) {
		size_t n = strlen(de->d_name);
		struct lc_err why;
		struct lc_shard p;
		char *path;
		int got;
		if (n < 6 || strcmp(de->d_name + n - 5, ".json") != 0)
			continue;
		path = lc_path("%s/%s", dir, de->d_name);
		got = part_read(path, &p, &why);
		if (got > 0 && !belongs(path, &p)) {
			lc_part_release(&p);
			got = lc_fail(&why, LC_DATA, "%s: is another part than its name says",
				      path);
		}
		free(path);
		if (got < 0 && list->bad++ == 0)
			list->why = why;
		if (got < 1)
			continue;
		list->p = lc_xrealloc(list->p, list->n + 1, sizeof(*list->p));
		list->p[list->n++] = p;
	}
	closedir(d);
	if (list->n > first)
		qsort(list->p + first, list->n - first, sizeof(*list->p), by_number);
	return 0;
}

int lc_parts_list(const struct lc_store *st, struct lc_parts *list, struct lc_err *err)
{
	char *dir = lc_path("%s/parts", st->dir);
	struct dirent **names;
	int n, ret = 0;

	memset(list, 0, sizeof(*list));
	n = scandir(dir, &names, NULL, alphasort);
	if (n < 0 && errno != ENOENT)
		ret = lc_fail_sys(err, "read %s", dir);
	for (int i = 0; i < n; i++) {
		char *path = lc_path("%s/%s", dir, names[i]->d_name);
		if (ret == 0 && strlen(names[i]->d_name) == GROUP_DIGITS)
			ret = list_dir(path, list, err);
		free(path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	free(dir);
	if (ret < 0)
		lc_parts_release(list);
	return ret;
}

size_t lc_parts_together(const struct lc_parts *list, size_t i)
{
	char first[LC_HEX_LEN + 1], next[LC_HEX_LEN + 1];
	size_t n = 1;

	if (key_of(&list->p[i], first, NULL) < 0)
		return 1;
	while (i + n < list->n && key_of(&list->p[i + n], next, NULL) == 0 &&
	       strcmp(first, next) == 0)
		n++;
	return n;
}

/* One lock for all parts; it is held for as long as a few small files take. -1: err. */
static int take_lock(const struct lc_store *st, struct lc_err *err)
{
	char *dir = lc_path("%s/parts", st->dir), *path = lc_path("%s/lock", dir);
	int fd = -1, ret = -1;

	if (lc_mkdirs(dir, err) < 0 || lc_fsync_parent(dir, err) < 0)
		goto out;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0) {
		lc_fail_sys(err, "create %s", path);
		goto out;
	}
	do
		ret = flock(fd, LOCK_EX);
	while (ret < 0 && errno == EINTR);
	if (ret < 0)
		lc_fail_sys(err, "lock %s", path);
out:
	free(dir);
	free(path);
	if (ret < 0 && fd >= 0)
		close(fd);
	return ret < 0 ? -1 : fd;
}

int lc_parts_drop(struct lc_store *st, const struct lc_shard *p, struct lc_err *err)
{
	char *dir = dir_of(st, p, err), *path;
	int ret;

	if (!dir)
		return -1;
	path = lc_path("%s/%d.json", dir, p->part);
	ret = unlink(path) < 0 && errno != ENOENT ? lc_fail_sys(err, "remove %s", path) : 0;
	rmdir(dir); /* with the last of them */
	free(path);
	free(dir);
	return ret;
}

/* All or none, whatever is killed: what is in tmp goes with the next save. */
static void remove_all(const struct lc_store *st, const struct lc_shard *p)
{
	char *dir = dir_of(st, p, NULL), *prefix = lc_path("%s/tmp/", st->dir), *to;
	struct lc_tmp t;

	if (dir && lc_tmp_dir(&t, prefix, NULL) == 0) {
		to = lc_path("%s/parts", t.path);
		if (rename(dir, to) < 0 && errno == EXDEV)
			lc_remove_tree(dir, NULL);
		lc_tmp_abort(&t);
		free(to);
	}
	free(dir);
	free(prefix);
}

/* With the lock held: 1 when n parts that belong together are all, and have become a snapshot. */
static int complete(struct lc_store *st, const struct lc_shard *p, size_t n,
		    struct lc_snapshot *whole, struct lc_err *err)
{
	unsigned lacks = 0;

	if (n < (size_t)p->of)
		return 0;
	if (lc_merge_parts(p, n, whole, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		lacks |= p[i].require;
	lacks &= ~lc_manifest_roles(&whole->m);
	if (lacks) {
		json_t *names = lc_role_names(lacks);
		char *text = lc_json_text(names);
		lc_fail(err, LC_DATA, "all %d parts are in, and lack %s", p->of, text);
		free(text);
		json_decref(names);
	}
	if (lacks || lc_store_add(st, whole, err) < 0) {
		lc_snapshot_release(whole);
		return -1;
	}
	remove_all(st, p);
	return 1;
}

static int write_part(const struct lc_store *st, struct lc_shard *p, const char *dir,
		      struct lc_err *err)
{
	char *text = lc_manifest_text(&p->s.m), *note = NULL, *all = NULL, *path = NULL;
	char hex[LC_HEX_LEN + 1];
	int ret = -1;

	if (lc_sha256(text, strlen(text), &p->s.id, err) < 0 || lc_mkdirs(dir, err) < 0 ||
	    lc_fsync_parent(dir, err) < 0)
		goto out;
	lc_id_hex(&p->s.id, hex);
	note = note_text(p);
	all = lc_path("%s\n%s %s\n", text, hex, note);
	path = lc_path("%s/%d.json", dir, p->part);
	ret = store_write_whole(st->dir, path, all, strlen(all), err);
out:
	free(text);
	free(note);
	free(all);
	free(path);
	return ret;
}

/* The part beside those there: does it fit? Before it is written. */
static int fits(const struct lc_parts *in, const struct lc_shard *p, struct lc_err *err)
{
	struct lc_shard *all = lc_xalloc(in->n + 1, sizeof(*all));
	struct lc_snapshot whole;
	size_t n = 0;
	int ret;

	for (size_t i = 0; i < in->n; i++)
		if (in->p[i].part != p->part)
			all[n++] = in->p[i];
	all[n++] = *p;
	ret = lc_merge_parts(all, n, &whole, err);
	if (ret == 0)
		lc_snapshot_release(&whole);
	free(all);
	return ret;
}

static int add_locked(struct lc_store *st, struct lc_shard *p, const char *dir,
		      struct lc_snapshot *whole, struct lc_parts *in, struct lc_err *err)
{
	if (list_dir(dir, in, err) < 0)
		return -1;
	if (in->n == 0 && lc_merge_find(st, &p->s.m, whole))
		return 1;
	if (fits(in, p, err) < 0 || write_part(st, p, dir, err) < 0)
		return -1;
	lc_parts_release(in);
	if (list_dir(dir, in, err) < 0)
		return -1;
	return in->n ? complete(st, in->p, in->n, whole, err) : 0;
}

int lc_parts_add(struct lc_store *st, struct lc_shard *p, struct lc_snapshot *whole,
		 struct lc_parts *in, struct lc_err *err)
{
	struct lc_parts list = {0};
	struct timespec now;
	char *dir = dir_of(st, p, err);
	int fd, ret = -1;

	clock_gettime(CLOCK_REALTIME, &now);
	p->s.time = (double)now.tv_sec;
	if (gethostname(p->s.host, sizeof(p->s.host)) < 0 || !lc_manifest_plain(p->s.host))
		p->s.host[0] = '\0';
	p->s.host[sizeof(p->s.host) - 1] = '\0';
	fd = dir ? take_lock(st, err) : -1;
	if (fd >= 0) {
		ret = add_locked(st, p, dir, whole, &list, err);
		close(fd);
	}
	free(dir);
	if (in && ret >= 0)
		*in = list;
	else
		lc_parts_release(&list);
	return ret;
}

int lc_parts_settle(struct lc_store *st, struct lc_err *err)
{
	struct lc_parts list;
	struct lc_snapshot whole;
	char *dir = lc_path("%s/parts", st->dir);
	int none = access(dir, F_OK) < 0, fd, ret = 0;

	free(dir);
	if (none)
		return 0;
	fd = take_lock(st, err);
	if (fd < 0 || lc_parts_list(st, &list, err) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	for (size_t i = 0, n; i < list.n; i += n) {
		struct lc_err why;
		int got;
		n = lc_parts_together(&list, i);
		got = complete(st, &list.p[i], n, &whole, &why);
		if (got > 0)
			lc_snapshot_release(&whole);
		if (got < 0 && ret == 0)
			ret = lc_fail(err, why.code, "%s", why.text);
	}
	lc_parts_release(&list);
	close(fd);
	return ret;
}
