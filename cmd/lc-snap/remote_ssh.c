/*
 * remote_ssh: another store at the end of ssh(1), where there is nothing but a POSIX shell.
 *
 * Each act is one command: sh -c SCRIPT sh WORD..., whose words are the store's path, quoted, and
 * names that we made. One ssh more holds the store's lock there, where flock(1) is, until we close
 * its stdin or die.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "io.h"
#include "remote.h"
#include "remote_ssh_scripts.h"

#define NAMES_AT_ONCE 500 /* a command line holds 128 KiB */

/* text with word after it, quoted for any shell: what is within single quotes is taken as it is. */
static char *add_quoted(char *text, const char *word)
{
	size_t n = strlen(text);
	char *p;

	text = lc_xrealloc(text, n + 4 * strlen(word) + 4, 1);
	p = text + n;
	*p++ = ' ';
	*p++ = '\'';
	for (; *word; word++) {
		if (*word == '\'') {
			memcpy(p, "'\\''", 4);
			p += 4;
		} else {
			*p++ = *word;
		}
	}
	*p++ = '\'';
	*p = '\0';
	return text;
}

/* The command line that runs script there with words; NULL-ended. */
static char **command(const struct remote *r, const char *script, const char *const *words)
{
	char *line = add_quoted(lc_path("exec sh -c"), script), **all;
	char *argv[9], **p = argv, *socket = r->mux ? lc_path("ControlPath=%s/s", r->mux) : NULL;

	line = add_quoted(line, "sh");
	/* "-x" would be an option of cd and mkdir there, whatever "--" says on the way */
	if (*r->path == '-') {
		char *path = lc_path("./%s", r->path);
		line = add_quoted(line, path);
		free(path);
	} else {
		line = add_quoted(line, r->path);
	}
	for (; *words; words++)
		line = add_quoted(line, *words);
	if (r->mux) { /* the session is the master, and lives as long as we */
		*p++ = "-o";
		*p++ = socket;
		*p++ = "-o";
		*p++ = r->hold < 0 ? "ControlMaster=yes" : "ControlMaster=no";
	}
	if (r->port) {
		*p++ = "-p";
		*p++ = r->port;
	}
	*p++ = r->host;
	*p++ = line;
	*p = NULL;
	all = child_command("LC_SSH", "ssh", argv);
	free(line);
	free(socket);
	return all;
}

static void command_free(char **all)
{
	for (size_t i = 0; all[i]; i++)
		free(all[i]);
	free(all);
}

static int run(struct remote *r, const char *script, const char *const *words, int in,
	       struct sink *s, struct lc_err *err)
{
	char **argv = command(r, script, words);
	struct child c = {.argv = argv, .in = in, .s = s, .r = r};
	int ret = child_run(&c, err);

	command_free(argv);
	return ret;
}

/* A line of ls -ln: the size is the fifth word, the name the last. */
static void list_line(struct far_list *l, const char *dir, char *line)
{
	char *word[9], *save = NULL, *end;
	unsigned long long size;
	char name[FAR_NAME];
	int n = 0;

	for (char *w = strtok_r(line, " ", &save); w && n < 9; w = strtok_r(NULL, " ", &save))
		word[n++] = w;
	if (n < 9 || word[0][0] != '-')
		return;
	size = strtoull(word[4], &end, 10);
	if (*end || (size_t)snprintf(name, sizeof(name), "%s/%s", dir, word[8]) >= sizeof(name))
		return;
	far_list_add(l, name, size);
}

/* What script_open says, from fd. 1 at "end", 0 when there is no store; -1 also when it just ends:
 * its words tell why. */
static int hear(struct remote *r, int fd, struct far_list *l, struct lc_err *err)
{
	struct lc_lines in = {.fd = fd, .path = r->what};
	const char *dir = NULL;
	int ret = -1, next_is_version = 0;
	char *line;
	size_t len;

	err->code = LC_OK;
	while (ret < 0 && lc_lines_next(&in, &line, &len, err) > 0) {
		if (next_is_version) {
			next_is_version = 0;
			line[len] = '\n';
			if (remote_version(r, line, len + 1, err) < 0)
				break;
		} else if (strcmp(line, "version") == 0) {
			next_is_version = 1;
		} else if (strcmp(line, "packs") == 0) {
			dir = "packs";
		} else if (strcmp(line, "snapshots") == 0) {
			dir = "snapshots";
		} else if (strcmp(line, "end") == 0 && r->version) {
			ret = 1;
		} else if (strcmp(line, "none") == 0) {
			ret = 0;
		} else if (dir) {
			list_line(l, dir, line);
		}
	}
	lc_lines_close(&in);
	return ret;
}

static int upgrade(struct remote *r, struct lc_err *err)
{
	char version[16];
	const char *words[] = {version, NULL};

	snprintf(version, sizeof(version), "%d", LC_STORE_VERSION);
	if (r->version == LC_STORE_VERSION)
		return 0;
	if (run(r, script_version, words, -1, NULL, err) < 0)
		return -1;
	r->version = LC_STORE_VERSION;
	return 0;
}

/* Run script_open; with hold, it stays until r->hold is closed. */
static int ask(struct remote *r, const char *use, int hold, struct far_list *l, struct lc_err *err)
{
	char version[16];
	const char *words[] = {use, version, hold ? "hold" : "go", NULL};
	struct lc_err why;
	char **argv;
	int fd[2], errs, pid, heard;

	snprintf(version, sizeof(version), "%d", LC_STORE_VERSION);
	argv = command(r, script_open, words);
	pid = child_start(argv, hold ? -2 : -1, fd, &errs, err);
	command_free(argv);
	if (pid < 0)
		return -1;
	heard = hear(r, fd[1], l, &why);
	if (heard == 1 && hold) {
		r->session = pid;
		r->hold = fd[0];
		close(errs);
		return 0;
	}
	if (fd[0] >= 0)
		close(fd[0]);
	if (heard >= 0)
		return child_end(pid, errs, r, NULL, err);
	if (child_end(pid, errs, r, NULL, err) < 0 && why.code == LC_OK)
		return -1;
	return why.code != LC_OK ? lc_fail(err, why.code, "%s", why.text)
				 : lc_fail(err, LC_SYS, "no answer");
}

static char *mux; /* also gone when the program ends by an error */

static void remove_mux(void)
{
	if (mux)
		lc_remove_tree(mux, NULL);
	free(mux);
	mux = NULL;
}

/* One connection for all commands; whoever names another ssh says so to that. The name is short: a
 * socket's has 107 bytes at the most. */
static void share_connection(struct remote *r)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (getenv("LC_SSH") && *getenv("LC_SSH"))
		return;
	mux = lc_path("%s/lc-snap.XXXXXX", dir && *dir == '/' && strlen(dir) < 60 ? dir : "/tmp");
	if (!mkdtemp(mux)) {
		free(mux);
		mux = NULL;
		return;
	}
	atexit(remove_mux);
	r->mux = mux;
}

static int ssh_open(struct remote *r, enum remote_use use, struct lc_err *err)
{
	static const char *const uses[] = {"look", "read", "write"};

	share_connection(r);
	if (ask(r, uses[use], 1, &r->first, err) < 0)
		return -1;
	return use == REMOTE_WRITE ? upgrade(r, err) : 0;
}

/* The session's own list is good once: later ones see what was put. */
static int ssh_list(struct remote *r, struct far_list *l, struct lc_err *err)
{
	if (r->first.f) {
		*l = r->first;
		memset(&r->first, 0, sizeof(r->first));
		return 0;
	}
	return ask(r, "read", 0, l, err);
}

static int ssh_put(struct remote *r, const char *path, const struct far_file *f, struct lc_err *err)
{
	char word[20], size[24];
	const char *words[] = {word, f->name, size, NULL};
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	unsigned long long random;

	if (fd < 0)
		return lc_fail_sys(err, "open %s", path);
	if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
		close(fd);
		return lc_fail_sys(err, "draw a name");
	}
	snprintf(word, sizeof(word), "%016llx", random);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)f->size);
	ret = run(r, script_put, words, fd, NULL, err);
	close(fd);
	return ret;
}

static int in_batches(struct remote *r, const char *script, const char *first,
		      const struct far_file *f, size_t n, struct sink *s, struct lc_err *err)
{
	const char *words[NAMES_AT_ONCE + 2];
	int ret = 0;

	for (size_t at = 0; ret == 0 && at < n; at += NAMES_AT_ONCE) {
		size_t k = 0;
		if (first)
			words[k++] = first;
		for (size_t i = at; i < n && i < at + NAMES_AT_ONCE; i++)
			words[k++] = f[i].name;
		words[k] = NULL;
		ret = run(r, script, words, -1, s, err);
	}
	return ret;
}

static int ssh_get(struct remote *r, const struct far_file *f, size_t n, struct sink *s,
		   struct lc_err *err)
{
	return in_batches(r, script_get, NULL, f, n, s, err);
}

static int ssh_tail(struct remote *r, const struct far_file *f, size_t n, uint64_t most,
		    struct sink *s, struct lc_err *err)
{
	char bytes[24];

	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)most);
	return in_batches(r, script_tail, bytes, f, n, s, err);
}

static void ssh_close(struct remote *r)
{
	struct lc_err ignored;

	if (r->hold >= 0) {
		close(r->hold);
		child_end(r->session, -1, r, NULL, &ignored);
	}
	remove_mux();
}

const struct remote_ops remote_ssh = {ssh_open, ssh_list, ssh_put, ssh_get, ssh_tail, ssh_close};
