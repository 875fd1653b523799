/* store: the directory and its snapshots; store_chunk.c has the chunks. See store.h. */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "store_impl.h"

#define VERSION_FILE "lc-store"
#define VERSION_TEXT "lc-store 2\n"
#define VERSION_1_TEXT "lc-store 1\n" /* the same, without chunks coded as tensors */

/* Write a small file whole, as a temporary that a later save can tell to be dead. */
static int write_whole(const char *dir, const char *path, const void *buf, size_t len,
		       struct lc_err *err)
{
	char *prefix = lc_path("%s/tmp/", dir);
	struct lc_tmp t;
	int ret = lc_tmp_file(&t, prefix, err);

	free(prefix);
	if (ret < 0)
		return -1;
	if (lc_write_all(t.fd, buf, len, path, err) < 0) {
		lc_tmp_abort(&t);
		return -1;
	}
	return lc_tmp_commit(&t, path, err);
}

/* What a store holds before its version file appears; anything else is somebody's directory. */
static int is_foreign(const struct dirent *de)
{
	static const char *const ours[] = {".", "..", "packs", "snapshots", "tmp"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(de->d_name, ours[i]) == 0)
			return 0;
	return 1;
}

static int check_free(const char *dir, struct lc_err *err)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_foreign, NULL), mine = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : lc_fail_sys(err, "open store %s", dir);
	for (int i = 0; i < n; i++) {
		/* made by another just now */
		mine |= strcmp(names[i]->d_name, VERSION_FILE) == 0 && names[i]->d_type != DT_DIR;
		free(names[i]);
	}
	free(names);
	return n > 0 && !mine ? lc_fail(err, LC_DATA, "%s: not a store, and not empty", dir) : 0;
}

static int create(const char *dir, struct lc_err *err)
{
	static const char *const sub[] = {"packs", "snapshots", "tmp"};
	char *path;
	int ret = check_free(dir, err);

	for (size_t i = 0; ret == 0 && i < 3; i++) {
		path = lc_path("%s/%s", dir, sub[i]);
		ret = lc_mkdirs(path, err);
		free(path);
	}
	if (ret < 0 || lc_fsync_parent(dir, err) < 0)
		return -1;
	path = lc_path("%s/" VERSION_FILE, dir);
	ret = write_whole(dir, path, VERSION_TEXT, strlen(VERSION_TEXT), err);
	free(path);
	return ret;
}

/* 1 or 2: a store of that version; 0: none there; -1. */
static int probe(const char *dir, struct lc_err *err)
{
	char *path = lc_path("%s/" VERSION_FILE, dir), *text;
	size_t len;
	int ret = lc_read_file(path, &text, &len, err),
	    absent = ret < 0 && (errno == ENOENT || errno == EISDIR);

	free(path);
	if (ret < 0)
		return absent ? 0 : -1;
	ret = len != strlen(VERSION_TEXT)	       ? 0
	      : memcmp(text, VERSION_TEXT, len) == 0   ? 2
	      : memcmp(text, VERSION_1_TEXT, len) == 0 ? 1
						       : 0;
	free(text);
	return ret ? ret
		   : lc_fail(err, LC_DATA, "%s: a store of a version this program does not know",
			     dir);
}

/* A copy of a store may lack tmp, which is empty; and what dead writers left in it goes. */
static int make_tmp(const char *dir, struct lc_err *err)
{
	char *prefix = lc_path("%s/tmp/", dir);
	int ret = lc_mkdirs(prefix, err);

	if (ret == 0)
		lc_tmp_clean(prefix);
	free(prefix);
	return ret;
}

/* What this program adds to a store of version 1, only readers of version 2 understand. */
static int upgrade(const char *dir, struct lc_err *err)
{
	char *path = lc_path("%s/" VERSION_FILE, dir);
	int ret = write_whole(dir, path, VERSION_TEXT, strlen(VERSION_TEXT), err);

	free(path);
	return ret;
}

struct lc_store *lc_store_open(const char *given, int make, struct lc_err *err)
{
	struct lc_store *st;
	char *dir = lc_path("%s", given);
	struct stat sb;
	int there;

	for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
		dir[n - 1] = '\0';
	there = probe(dir, err);
	if (there == 0 && make)
		there = create(dir, err) < 0 ? -1 : 2;
	else if (there == 0 && stat(dir, &sb) < 0)
		lc_fail_sys(err, "open store %s", dir);
	else if (there == 0)
		lc_fail(err, LC_DATA, "%s: not a store", dir);
	if (there < 1) {
		free(dir);
		return NULL;
	}
	st = lc_xalloc(1, sizeof(*st));
	st->dir = dir;
	st->tmp.fd = -1;
	if (make && (make_tmp(dir, err) < 0 || (there == 1 && upgrade(dir, err) < 0))) {
		lc_store_close(st);
		return NULL;
	}
	return st;
}

void lc_store_close(struct lc_store *st)
{
	if (!st)
		return;
	store_chunks_release(st);
	free(st->dir);
	free(st);
}

void lc_snapshot_release(struct lc_snapshot *s)
{
	lc_manifest_release(&s->m);
}

static char *snapshot_path(const struct lc_store *st, const struct lc_id *id)
{
	char hex[LC_HEX_LEN + 1];

	lc_id_hex(id, hex);
	return lc_path("%s/snapshots/%s.json", st->dir, hex);
}

/* The second line: circumstances. */
static char *note_text(const struct lc_snapshot *s)
{
	json_t *o = json_pack("{s:I,s:f,s:s,s:I}", "seq", (json_int_t)s->seq, "time", s->time,
			      "host", s->host, "stored", (json_int_t)s->stored);
	char hex[LC_HEX_LEN + 1], *text;

	if (s->links > 0) {
		lc_id_hex(&s->base, hex);
		json_object_set_new(o, "base", json_string(hex));
		json_object_set_new(o, "links", json_integer(s->links));
	}
	text = lc_json_text(o);
	json_decref(o);
	return text;
}

static int note_parse(const char *buf, size_t len, struct lc_snapshot *s, struct lc_err *err)
{
	json_error_t je;
	json_t *o = json_loadb(buf, len, JSON_REJECT_DUPLICATES, &je);
	const char *host = lc_json_get_str(o, "host", "");
	long stored = lc_json_get_int(o, "stored", -1);
	const char *base = lc_json_get_str(o, "base", NULL);
	long links = lc_json_get_int(o, "links", 0);
	int ok;

	s->seq = lc_json_get_int(o, "seq", -1);
	s->time = lc_json_get_num(o, "time", -1);
	s->stored = (uint64_t)stored;
	snprintf(s->host, sizeof(s->host), "%.64s", host);
	ok = s->seq >= 0 && stored >= 0 && s->time >= 0 && s->time < 1e12 && links >= 0 &&
	     links < INT_MAX && (links > 0) == (base != NULL) &&
	     (!base || lc_id_parse(base, &s->base) == 0);
	s->links = (int)links;
	json_decref(o);
	return ok ? 0 : lc_fail(err, LC_DATA, "its second line is malformed");
}

static int parse(const char *buf, size_t len, const struct lc_id *id, struct lc_snapshot *s,
		 struct lc_err *err)
{
	const char *nl = memchr(buf, '\n', len);
	struct lc_id hash;
	size_t n;

	if (!nl || buf[len - 1] != '\n')
		return lc_fail(err, LC_DATA, "truncated");
	n = (size_t)(nl - buf);
	if (lc_sha256(buf, n, &hash, err) < 0)
		return -1;
	if (memcmp(hash.b, id->b, sizeof(hash.b)) != 0)
		return lc_fail(err, LC_DATA, "damaged: its hash does not match");
	if (lc_manifest_parse(buf, n, &s->m, err) < 0)
		return -1;
	s->id = hash;
	if (note_parse(nl + 1, len - n - 1, s, err) < 0) {
		lc_manifest_release(&s->m);
		return -1;
	}
	return 0;
}

int lc_store_read(const struct lc_store *st, const struct lc_id *id, struct lc_snapshot *s,
		  struct lc_err *err)
{
	char *path = snapshot_path(st, id), *buf = NULL;
	struct lc_err why = {LC_DATA, ""};
	struct stat sb;
	size_t len;
	int ret = -1;

	memset(s, 0, sizeof(*s));
	if (stat(path, &sb) == 0 && (uint64_t)sb.st_size > LC_MANIFEST_MAX)
		lc_fail(err, LC_DATA, "%s: too large", path);
	else if (lc_read_file(path, &buf, &len, err) == 0)
		ret = parse(buf, len, id, s, &why);
	if (buf && ret < 0)
		lc_fail(err, why.code, "%s: %.200s", path, why.text);
	free(buf);
	free(path);
	return ret;
}

/* "<64 digits>.json" */
static int id_of_name(const char *name, struct lc_id *id)
{
	char hex[LC_HEX_LEN + 1];

	if (strlen(name) != LC_HEX_LEN + 5 || strcmp(name + LC_HEX_LEN, ".json") != 0)
		return -1;
	memcpy(hex, name, LC_HEX_LEN);
	hex[LC_HEX_LEN] = '\0';
	return lc_id_parse(hex, id);
}

int lc_store_ids(const struct lc_store *st, struct lc_id **ids, size_t *n, struct lc_err *err)
{
	char *dir = lc_path("%s/snapshots", st->dir);
	struct dirent **names;
	int found = scandir(dir, &names, NULL, alphasort);

	if (found < 0)
		lc_fail_sys(err, "read %s", dir);
	free(dir);
	if (found < 0)
		return -1;
	*ids = lc_xalloc((size_t)found, sizeof(**ids));
	*n = 0;
	for (int i = 0; i < found; i++) {
		if (id_of_name(names[i]->d_name, &(*ids)[*n]) == 0)
			++*n;
		free(names[i]);
	}
	free(names);
	return 0;
}

/* One more than the greatest seq in the store; damaged snapshots do not count. */
static int next_seq(const struct lc_store *st, long *seq, struct lc_err *err)
{
	struct lc_id *ids;
	size_t n;

	*seq = 1;
	if (lc_store_ids(st, &ids, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct lc_snapshot s;
		if (lc_store_read(st, &ids[i], &s, NULL) == 0) {
			*seq = s.seq >= *seq ? s.seq + 1 : *seq;
			lc_snapshot_release(&s);
		}
	}
	free(ids);
	return 0;
}

static int fill_note(const struct lc_store *st, struct lc_snapshot *s, struct lc_err *err)
{
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_REALTIME, &now);
	ms = now.tv_nsec / 1000000;
	s->time = (double)now.tv_sec + (double)ms * 1e-3;
	if (gethostname(s->host, sizeof(s->host)) < 0 || !lc_manifest_plain(s->host))
		s->host[0] = '\0';
	s->host[sizeof(s->host) - 1] = '\0';
	return next_seq(st, &s->seq, err);
}

int lc_store_add(struct lc_store *st, struct lc_snapshot *s, struct lc_err *err)
{
	char *text = lc_manifest_text(&s->m), *note = NULL, *all = NULL, *path = NULL;
	struct lc_snapshot old;
	int ret = -1;

	if (lc_sha256(text, strlen(text), &s->id, err) < 0)
		goto out;
	if (lc_store_read(st, &s->id, &old, NULL) == 0) {
		s->seq = old.seq;
		s->base = old.base;
		s->links = old.links;
		s->time = old.time;
		memcpy(s->host, old.host, sizeof(s->host));
		lc_snapshot_release(&old);
		ret = 0;
		goto out;
	}
	if (fill_note(st, s, err) < 0)
		goto out;
	note = note_text(s);
	all = lc_path("%s\n%s\n", text, note);
	path = snapshot_path(st, &s->id);
	ret = write_whole(st->dir, path, all, strlen(all), err);
out:
	free(text);
	free(note);
	free(all);
	free(path);
	return ret;
}
