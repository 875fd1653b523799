/*
 * cron: lc-detect -c DIR FILE...: many runs, each from where the last call left off.
 *
 * DIR holds a memory of each file (memory.h), under a hash of its absolute path; alerts.jsonl, the
 * journal of all that was found; said, how much of the journal was written to stdout; lock.
 *
 * What is found in a file goes to the journal, which is fsynced; then its memory, which holds the
 * journal's length, replaces the old one. A call that finds the journal longer than every memory
 * says was killed between the two, and cuts it: each alert is in the journal once, whatever is
 * killed when. Then it goes to stdout, and said is replaced: killed between these two, the next
 * call says it again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cron.h"
#include "hash.h"
#include "io.h"
#include "json.h"

static void hex(char *out, const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", (unsigned char)buf[i]);
	out[2 * len] = '\0';
}

/* The bytes before offset, in hex: what must be there if it is the file it was. */
static void mark_of(int fd, off_t offset, char out[2 * MARK + 1])
{
	char buf[MARK];
	off_t from = offset > MARK ? offset - MARK : 0;
	ssize_t got = pread(fd, buf, (size_t)(offset - from), from);

	hex(out, buf, got > 0 ? (size_t)got : 0);
}

static int is_same(int fd, const struct memory *m)
{
	char mark[2 * MARK + 1];
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size < m->offset)
		return 0;
	mark_of(fd, m->offset, mark);
	return strcmp(mark, m->mark) == 0;
}

/* Read on from m->offset to the end of the last whole line. */
static int read_on(struct run *r, struct memory *m, const char *path, struct lc_err *err)
{
	struct lc_lines in;
	char *line;
	size_t len;
	int more;

	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	if (lseek(in.fd, m->offset, SEEK_SET) < 0) {
		lc_lines_close(&in);
		return lc_fail_sys(err, "seek %s", path);
	}
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		if (in.torn) {
			in.start = (size_t)(line - in.buf); /* its end may yet come */
			break;
		}
		if (run_line(r, line, len, path, m->line + in.line, err) < 0) {
			more = -1;
			break;
		}
	}
	if (more >= 0) {
		m->offset = lseek(in.fd, 0, SEEK_CUR) - (off_t)(in.end - in.start);
		m->line += in.line - (in.torn ? 1 : 0);
		mark_of(in.fd, m->offset, m->mark);
	}
	lc_lines_close(&in);
	return more < 0 ? -1 : 0;
}

/* A file was put in the place of the old one: the rest of that, if it is still there beside it. */
static int read_rotated(struct run *r, struct memory *m, const char *path, struct lc_err *err)
{
	char *dir = lc_path("%s", path), *slash = strrchr(dir, '/'), *old = NULL;
	struct dirent *e;
	struct stat st;
	int ret = 0;
	DIR *d;

	slash[slash == dir] = '\0';
	d = opendir(dir);
	while (d && !old && (e = readdir(d))) {
		char *p = lc_path("%s/%s", dir, e->d_name);

		if (stat(p, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == m->dev &&
		    st.st_ino == m->ino)
			old = p;
		else
			free(p);
	}
	if (d)
		closedir(d);
	if (old) {
		int fd = open(old, O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && is_same(fd, m))
			ret = read_on(r, m, old, err);
		if (fd >= 0)
			close(fd);
	}
	free(old);
	free(dir);
	return ret;
}

/* Where to read on, if at all: 1 there may be news, 0 there is none, -1. */
static int find_place(struct run *r, struct memory *m, const char *path, struct lc_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), same, ret = 1;
	struct stat st;

	if (fd < 0)
		return lc_fail_sys(err, "open %s", path);
	if (fstat(fd, &st) < 0) {
		close(fd);
		return lc_fail_sys(err, "stat %s", path);
	}
	same = m->path && is_same(fd, m);
	close(fd);
	if (m->path && (st.st_dev != m->dev || st.st_ino != m->ino)) {
		if (read_rotated(r, m, path, err) < 0)
			return -1;
		same = 0;
	}
	if (same && st.st_size == m->offset)
		ret = 0;
	if (!same) {
		m->offset = 0;
		m->line = 0;
	}
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	return ret;
}

/* What was found goes to the journal, then the memory is replaced. */
static int commit(struct cron *c, const struct run *r, struct memory *m, const char *state,
		  const char *found, size_t len, struct lc_err *err)
{
	if (len > 0) {
		if (lseek(c->journal, c->length, SEEK_SET) < 0 ||
		    lc_write_all(c->journal, found, len, "the journal", err) < 0)
			return -1;
		if (fsync(c->journal) < 0)
			return lc_fail_sys(err, "fsync the journal");
	}
	m->journal = c->length + (off_t)len;
	if (memory_save(m, r->d, state, err) < 0)
		return -1;
	c->length = m->journal;
	return 0;
}

/*
 * Where the run was, and the detector of then. One that cannot be used (of another version, or made
 * with other options) is made anew: 1 in *anew, the lines that were judged shall teach it.
 */
static int recall(struct run *r, struct memory *m, const char *state, int *anew, struct lc_err *err)
{
	int known = memory_load(m, r->d, state, err);

	*anew = known < 0 && memory_load(m, NULL, state, NULL) > 0;
	if (*anew)
		lc_warn("%s: made anew from what was read", err->text);
	return *anew ? 1 : known;
}

static int go_on(struct cron *c, const char *shown, char *path, const char *state,
		 struct lc_err *err)
{
	struct memory m = {.path = NULL};
	struct asked asked = *c->asked;
	struct run r;
	char *found = NULL;
	size_t len = 0;
	int known, anew, ret = -1;

	run_open(&r, &asked, open_memstream(&found, &len));
	r.file = shown;
	r.siblings = c->siblings;
	known = recall(&r, &m, state, &anew, err);
	if (known < 0)
		goto out;
	ret = find_place(&r, &m, path, err);
	if (ret < 0 || (ret == 0 && !anew))
		goto out;
	if (anew) {
		asked.since = m.line > asked.since ? m.line : asked.since;
		m.offset = 0;
		m.line = 0;
	}
	free(m.path);
	m.path = lc_path("%s", path);
	ret = read_on(&r, &m, path, err);
	if (ret == 0 && m.offset > 0 && run_look_back(&r, known, err) < 0) {
		lc_warn("%s: %.400s", shown, err->text);
		c->trouble = LC_DATA;
	}
	if (ret == 0 && fflush(r.out) == 0)
		ret = commit(c, &r, &m, state, found, len, err);
	c->alerts += ret == 0 ? r.alerts : 0;
out:
	if (r.out)
		fclose(r.out);
	free(found);
	run_close(&r);
	memory_release(&m);
	return ret;
}

static int one_file(struct cron *c, const char *shown, struct lc_err *err)
{
	char *path = realpath(shown, NULL), *state, name[LC_HEX_LEN + 1];
	struct lc_id id;
	int ret;

	if (!path)
		return lc_fail_sys(err, "open %s", shown);
	if (lc_sha256(path, strlen(path), &id, err) < 0) {
		free(path);
		return -1;
	}
	lc_id_hex(&id, name);
	state = lc_path("%s/%.32s.state", c->dir, name);
	ret = go_on(c, shown, path, state, err);
	free(state);
	free(path);
	return ret;
}

int cron_main(const char *dir, const struct asked *asked, const struct siblings *siblings,
	      char *const *files, int n)
{
	struct cron c = {.asked = asked, .siblings = siblings, .dir = dir};
	struct lc_err err;

	if (cron_open(&c, &err) < 0 || cron_say(&c, &err) < 0)
		lc_die(&err);
	for (int i = 0; i < n; i++) {
		if (one_file(&c, files[i], &err) < 0) { /* the others are looked at all the same */
			lc_warn("%.440s", err.text);
			c.trouble = (int)err.code > c.trouble ? (int)err.code : c.trouble;
		}
		if (cron_say(&c, &err) < 0)
			lc_die(&err);
	}
	close(c.journal);
	close(c.lock);
	return lc_finish(c.trouble ? c.trouble : c.alerts ? LC_OK : LC_NO);
}
