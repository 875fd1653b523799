/* store: snapshots; store_dir.c has the directory, store_chunk.c the chunks. See store.h. */
#include "store.h"

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

#define SEQ_MAX (1L << 53) /* whatever a file claims, there is one more; then time decides */

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
	ok = s->seq >= 0 && s->seq <= SEQ_MAX && stored >= 0 && s->time >= 0 && s->time < 1e12 &&
	     links >= 0 && links < INT_MAX && lc_manifest_plain(s->host) &&
	     (links > 0) == (base != NULL) && (!base || lc_id_parse(base, &s->base) == 0);
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

/* The greatest seq in the store; damaged snapshots do not count. */
static int greatest_seq(const struct lc_store *st, long *seq, struct lc_err *err)
{
	struct lc_id *ids;
	size_t n;

	*seq = 0;
	if (lc_store_ids(st, &ids, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct lc_snapshot s;
		if (lc_store_read(st, &ids[i], &s, NULL) == 0) {
			*seq = s.seq > *seq ? s.seq : *seq;
			lc_snapshot_release(&s);
		}
	}
	free(ids);
	return 0;
}

/*
 * The file seq keeps the greatest seq, and by what time of change of snapshots/ it is: whoever adds
 * or removes one without it (a copy, prune, a crash) has changed that time, and all are read again.
 */
static int seq_key(const struct lc_store *st, long seq, char text[80], struct lc_err *err)
{
	char *dir = lc_path("%s/snapshots", st->dir);
	struct stat sb;
	int ret = stat(dir, &sb) < 0 ? lc_fail_sys(err, "read %s", dir) : 0;

	free(dir);
	if (ret == 0)
		snprintf(text, 80, "%019ld %019lld.%09ld\n", seq, (long long)sb.st_mtim.tv_sec,
			 sb.st_mtim.tv_nsec);
	return ret;
}

/* With the lock of seq held at fd. */
static int last_seq(const struct lc_store *st, int fd, long *seq, struct lc_err *err)
{
	char text[80] = "", want[80];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n > 0) {
		text[n] = '\0';
		*seq = strtol(text, NULL, 10);
		if (seq_key(st, *seq, want, err) < 0)
			return -1;
		if (*seq >= 0 && *seq <= SEQ_MAX && strcmp(text, want) == 0)
			return 0;
	}
	return greatest_seq(st, seq, err);
}

/* Torn or not written, it is made anew by the next. */
static void keep_seq(const struct lc_store *st, int fd, long seq)
{
	char text[80];

	/* always as long: a file that is truncated and closed is flushed by ext4 there and then */
	if (seq_key(st, seq, text, NULL) == 0 && pwrite(fd, text, strlen(text), 0) < 0)
		return;
}

/* Six savers at once get six numbers: each holds the lock of seq until its snapshot is there. */
static int open_seq(const struct lc_store *st, struct lc_err *err)
{
	char *path = lc_path("%s/seq", st->dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666), ret = fd;

	while (ret >= 0 && (ret = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
		ret = 0;
	if (ret < 0)
		lc_fail_sys(err, fd < 0 ? "create %s" : "lock %s", path);
	if (ret < 0 && fd >= 0)
		close(fd);
	free(path);
	return ret < 0 ? -1 : fd;
}

static void fill_note(struct lc_snapshot *s)
{
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_REALTIME, &now);
	ms = now.tv_nsec / 1000000;
	s->time = (double)now.tv_sec + (double)ms * 1e-3;
	if (gethostname(s->host, sizeof(s->host)) < 0 || !lc_manifest_plain(s->host))
		s->host[0] = '\0';
	s->host[sizeof(s->host) - 1] = '\0';
}

/* Is it there, and sound? Then what its second line says is s's too. */
static int is_there(const struct lc_store *st, struct lc_snapshot *s)
{
	struct lc_snapshot old;

	if (lc_store_read(st, &s->id, &old, NULL) < 0)
		return 0;
	s->seq = old.seq;
	s->base = old.base;
	s->links = old.links;
	s->time = old.time;
	memcpy(s->host, old.host, sizeof(s->host));
	lc_snapshot_release(&old);
	return 1;
}

/* What could not be read back is not written: that would be no snapshot. */
static int write_snapshot(const struct lc_store *st, const struct lc_snapshot *s, const char *text,
			  struct lc_err *err)
{
	char *note = note_text(s), *all = lc_path("%s\n%s\n", text, note);
	char *path = snapshot_path(st, &s->id);
	struct lc_snapshot back = {0};
	struct lc_err why;
	int ret = parse(all, strlen(all), &s->id, &back, &why);

	if (ret < 0)
		lc_fail(err, why.code, "the snapshot could not be read again: %.300s", why.text);
	else
		ret = store_write_whole(st->dir, path, all, strlen(all), err);
	lc_snapshot_release(&back);
	free(note);
	free(all);
	free(path);
	return ret;
}

/* The first line stays as it is, whatever version it is of. */
int lc_store_note(const struct lc_store *st, const struct lc_snapshot *s, struct lc_err *err)
{
	char *path = snapshot_path(st, &s->id), *text = NULL, *note, *all;
	const char *nl;
	size_t len;
	int ret = lc_read_file(path, &text, &len, err);

	nl = ret == 0 ? memchr(text, '\n', len) : NULL;
	if (ret == 0 && !nl)
		ret = lc_fail(err, LC_DATA, "%s: truncated", path);
	if (ret == 0) {
		note = note_text(s);
		all = lc_path("%.*s\n%s\n", (int)(nl - text), text, note);
		ret = store_write_whole(st->dir, path, all, strlen(all), err);
		free(note);
		free(all);
	}
	free(text);
	free(path);
	return ret;
}

static int sync_snapshots(const struct lc_store *st, struct lc_err *err)
{
	char *dir = lc_path("%s/snapshots", st->dir);
	int ret = lc_fsync_dir(dir, err);

	free(dir);
	return ret;
}

/* Keep s, of which text is the manifest; mine: it was saved here, now. */
static int add(struct lc_store *st, struct lc_snapshot *s, const char *text, int mine,
	       struct lc_err *err)
{
	int fd = -1, ret = lc_sha256(text, strlen(text), &s->id, err);

	if (ret < 0 || (!mine && is_there(st, s)))
		return ret;
	ret = fd = open_seq(st, err);
	if (ret < 0)
		goto out;
	if (is_there(st, s)) { /* of another, who may not have lived to sync it */
		ret = sync_snapshots(st, err);
		goto out;
	}
	if (mine)
		fill_note(s);
	ret = last_seq(st, fd, &s->seq, err);
	s->seq += s->seq < SEQ_MAX;
	if (ret == 0)
		ret = write_snapshot(st, s, text, err);
	if (ret == 0)
		keep_seq(st, fd, s->seq);
out:
	if (fd >= 0)
		close(fd);
	return ret < 0 ? -1 : 0;
}

int lc_store_add(struct lc_store *st, struct lc_snapshot *s, struct lc_err *err)
{
	char *text = lc_manifest_text(&s->m);
	int ret = add(st, s, text, 1, err);

	free(text);
	return ret;
}

int lc_store_adopt(struct lc_store *st, struct lc_snapshot *s, const char *line, struct lc_err *err)
{
	return add(st, s, line, 0, err);
}
