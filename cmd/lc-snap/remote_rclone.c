/*
 * remote_rclone: another store wherever rclone(1) reaches: an object store, WebDAV, SFTP.
 *
 * An object appears whole by itself. Where files can be renamed, as in file systems, they may
 * appear piece by piece, so they are sent to tmp and moved.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "remote.h"

#define NO_DIRECTORY 3 /* exit status of rclone */
#define TEXT_MAX ((uint64_t)64 << 20)

static char *at(const struct remote *r, const char *name)
{
	size_t n = strlen(r->path);
	int joined = r->path[n - 1] == ':' || r->path[n - 1] == '/';

	return *name ? lc_path("%s%s%s", r->path, joined ? "" : "/", name) : lc_path("%s", r->path);
}

static int run(struct remote *r, char *const *words, int in, struct sink *s, int *status,
	       struct lc_err *err)
{
	char **argv = child_command("LC_RCLONE", "rclone", words);
	struct child c = {argv, in, s, r, status};
	int ret = child_run(&c, err);

	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	free(argv);
	return ret;
}

struct text {
	char *buf;
	size_t len;
};

static int take_text(struct sink *s, const void *buf, size_t len, struct lc_err *err)
{
	struct text *t = s->ctx;

	(void)err;
	t->buf = lc_xrealloc(t->buf, t->len + len + 1, 1);
	memcpy(t->buf + t->len, buf, len);
	t->len += len;
	t->buf[t->len] = '\0';
	return 0;
}

/* What a command prints; *status is 0, or NO_DIRECTORY. t->buf is the caller's. */
static int ask(struct remote *r, char *const *words, struct text *t, int *status,
	       struct lc_err *err)
{
	struct sink s = {take_text, t, TEXT_MAX};

	*t = (struct text){lc_xalloc(1, 1), 0};
	if (run(r, words, -1, &s, status, err) < 0 || (*status && *status != NO_DIRECTORY)) {
		free(t->buf);
		t->buf = NULL;
		return -1;
	}
	return 0;
}

/* Bytes as a file without a name, for a child's stdin. */
static int as_file(const void *buf, size_t len, struct lc_err *err)
{
	int fd = memfd_create("stdin", MFD_CLOEXEC);

	if (fd < 0 || lc_write_all(fd, buf, len, "stdin", err) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		lc_fail_sys(err, "keep words for rclone");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static int write_version(struct remote *r, struct lc_err *err)
{
	char *name = at(r, "lc-store"), text[32];
	int n = snprintf(text, sizeof(text), "lc-store %d\n", LC_STORE_VERSION);
	int fd = as_file(text, (size_t)n, err);
	int ret = fd < 0 ? -1 : run(r, (char *[]){"rcat", name, NULL}, fd, NULL, NULL, err);

	if (fd >= 0)
		close(fd);
	free(name);
	if (ret == 0)
		r->version = LC_STORE_VERSION;
	return ret;
}

static int read_version(struct remote *r, struct lc_err *err)
{
	char *name = at(r, "lc-store");
	struct text t;
	int status, ret = ask(r, (char *[]){"cat", name, NULL}, &t, &status, err);

	if (ret == 0) {
		ret = status ? lc_fail(err, LC_DATA, "not a store")
			     : remote_version(r, t.buf, t.len, err);
		free(t.buf);
	}
	free(name);
	return ret;
}

/* Can files be renamed there? */
static int moves(struct remote *r)
{
	struct lc_err ignored;
	struct text t;
	json_t *o;
	int status, yes;

	if (ask(r, (char *[]){"backend", "features", r->path, NULL}, &t, &status, &ignored) < 0)
		return 0;
	o = json_loadb(t.buf, t.len, 0, NULL);
	yes = json_is_true(json_object_get(json_object_get(o, "Features"), "Move"));
	json_decref(o);
	free(t.buf);
	return yes;
}

/* What killed pushes left a day ago or longer: no lock tells here who lives. */
static void clean(struct remote *r)
{
	char *tmp = at(r, "tmp");
	struct lc_err ignored;
	int status;

	run(r, (char *[]){"delete", "--min-age", "24h", tmp, NULL}, -1, NULL, &status, &ignored);
	free(tmp);
}

/* Is there a store, nothing, or something else? */
static int look(struct remote *r, int *there, int *empty, struct lc_err *err)
{
	struct text t;
	int status;
	char *save = NULL;

	*there = 0;
	*empty = 1;
	if (ask(r, (char *[]){"lsf", "--max-depth", "1", r->path, NULL}, &t, &status, err) < 0)
		return -1;
	for (char *w = strtok_r(t.buf, "\n", &save); w; w = strtok_r(NULL, "\n", &save)) {
		*there |= strcmp(w, "lc-store") == 0;
		*empty &= strcmp(w, "packs/") == 0 || strcmp(w, "snapshots/") == 0 ||
			  strcmp(w, "tmp/") == 0;
	}
	free(t.buf);
	return 0;
}

static int rclone_open(struct remote *r, enum remote_use use, struct lc_err *err)
{
	int there, empty;

	if (look(r, &there, &empty, err) < 0)
		return -1;
	if (!there && !empty)
		return lc_fail(err, LC_DATA, "not a store, and not empty");
	if (!there && use == REMOTE_READ)
		return lc_fail(err, LC_DATA, "not a store");
	if (!there && use == REMOTE_LOOK)
		return 0;
	r->moves = use == REMOTE_WRITE && moves(r);
	if (there && read_version(r, err) < 0)
		return -1;
	if (there && r->moves)
		clean(r);
	return use == REMOTE_WRITE && r->version != LC_STORE_VERSION ? write_version(r, err) : 0;
}

static int list_one(struct remote *r, const char *sub, struct far_list *l, struct lc_err *err)
{
	char *dir = at(r, sub),
	     *words[] = {"lsf", "--files-only", "--format", "sp", "--separator", " ", dir, NULL};
	char *save = NULL, *end, name[FAR_NAME];
	struct text t;
	int status, ret = ask(r, words, &t, &status, err);

	free(dir);
	if (ret < 0)
		return -1;
	for (char *w = strtok_r(t.buf, "\n", &save); w; w = strtok_r(NULL, "\n", &save)) {
		unsigned long long size = strtoull(w, &end, 10);
		if (end != w && *end == ' ' &&
		    (size_t)snprintf(name, sizeof(name), "%s/%s", sub, end + 1) < sizeof(name))
			far_list_add(l, name, size);
	}
	free(t.buf);
	return 0;
}

static int rclone_list(struct remote *r, struct far_list *l, struct lc_err *err)
{
	return list_one(r, "packs", l, err) < 0 ? -1 : list_one(r, "snapshots", l, err);
}

static int rclone_put(struct remote *r, const char *path, const struct far_file *f,
		      struct lc_err *err)
{
	/* absolute: a colon in it would make it a remote */
	char *from = realpath(path, NULL), *to = at(r, f->name), *tmp = NULL, *name;
	unsigned long long random;
	int ret;

	if (!from || getrandom(&random, sizeof(random), 0) != sizeof(random)) {
		ret = lc_fail_sys(err, "open %s", path);
	} else if (!r->moves) {
		ret = run(r, (char *[]){"copyto", "--ignore-times", from, to, NULL}, -1, NULL, NULL,
			  err);
	} else {
		name = lc_path("tmp/push-%016llx", random);
		tmp = at(r, name);
		free(name);
		ret = run(r, (char *[]){"copyto", "--ignore-times", from, tmp, NULL}, -1, NULL,
			  NULL, err);
		if (ret == 0)
			ret = run(r, (char *[]){"moveto", "--ignore-times", tmp, to, NULL}, -1,
				  NULL, NULL, err);
	}
	free(from);
	free(tmp);
	free(to);
	return ret;
}

/* rclone prints many files in any order. */
static int get_many(struct remote *r, const struct far_file *f, size_t n, struct sink *s,
		    struct lc_err *err)
{
	char *list = lc_xalloc(n * FAR_NAME + 1, 1),
	     *p = list; /* a newline for each NUL, and one NUL */
	int fd, ret = -1;

	for (size_t i = 0; i < n; i++)
		p += sprintf(p, "%s\n", f[i].name);
	fd = as_file(list, (size_t)(p - list), err);
	if (fd >= 0)
		ret = run(r, (char *[]){"cat", "--files-from-raw", "-", r->path, NULL}, fd, s, NULL,
			  err);
	if (fd >= 0)
		close(fd);
	free(list);
	return ret;
}

static int rclone_tail(struct remote *r, const struct far_file *f, size_t n, uint64_t most,
		       struct sink *s, struct lc_err *err)
{
	char *bytes = lc_path("%llu", (unsigned long long)most);
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < n; i++) {
		char *name = at(r, f[i].name);
		ret = f[i].size <= most ? run(r, (char *[]){"cat", name, NULL}, -1, s, NULL, err)
					: run(r, (char *[]){"cat", "--tail", bytes, name, NULL}, -1,
					      s, NULL, err);
		free(name);
	}
	free(bytes);
	return ret;
}

static int rclone_get(struct remote *r, const struct far_file *f, size_t n, struct sink *s,
		      struct lc_err *err)
{
	return n == 1 ? rclone_tail(r, f, 1, UINT64_MAX, s, err) : get_many(r, f, n, s, err);
}

static void rclone_close(struct remote *r)
{
	(void)r;
}

const struct remote_ops remote_rclone = {rclone_open, rclone_list, rclone_put,
					 rclone_get,  rclone_tail, rclone_close};
