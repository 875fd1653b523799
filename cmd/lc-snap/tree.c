/* tree: walks a checkpoint and sees whether it holds still while it is read. See snap.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "snap.h"
#include "tensor_keys.h"

#define STATE_MAX (64 << 20) /* a state.json larger than this is not looked into */

struct walk {
	struct tree *t;
	size_t cap;
};

static struct lc_entry *entry_new(struct walk *w, const char *path, const struct stat *st)
{
	struct lc_manifest *m = w->t->m;
	struct lc_entry *e;

	if (m->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 64;
		m->e = lc_xrealloc(m->e, w->cap, sizeof(*m->e));
		w->t->st = lc_xrealloc(w->t->st, w->cap, sizeof(*w->t->st));
	}
	w->t->st[m->n] = *st;
	e = &m->e[m->n++];
	memset(e, 0, sizeof(*e));
	e->path = lc_path("%s", path);
	e->mode = st->st_mode & 0777;
	return e;
}

static int read_fd(void *ctx, void *buf, size_t len, uint64_t at)
{
	return pread(*(int *)ctx, buf, len, (off_t)at) == (ssize_t)len ? 0 : -1;
}

/* A key that says nothing, "state" or "extra", may hold some that do. */
static int add_role(void *ctx, const char *key, size_t len, int depth)
{
	char name[64];
	unsigned role;

	(void)depth;
	snprintf(name, sizeof(name), "%.*s", len < sizeof(name) ? (int)len : 0, key);
	role = lc_role_of_tensor(name);
	*(unsigned *)ctx |= role;
	return role != 0;
}

/* The roles that the tensors of a file have by their names, and what else it holds by its keys. */
static unsigned roles_within(const char *path, uint64_t size)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct lc_reader r = {read_fd, &fd, size};
	struct lc_spans found;
	unsigned roles = 0;

	if (fd < 0)
		return 0;
	lc_spans_find(&r, &found);
	for (size_t i = 0; i < found.n; i++)
		roles |= lc_role_of_tensor(found.s[i].name);
	lc_spans_release(&found);
	lc_keys_find(&r, add_role, &roles);
	close(fd);
	return roles;
}

static unsigned roles_of(const char *path, const struct stat *st)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	unsigned roles = lc_role_of_name(name);
	json_t *state;

	if (strcmp(name, "state.json") != 0 || st->st_size > STATE_MAX) {
		/* a name that tells is right; but all may lie in pytorch_model.bin */
		if ((roles & ~(unsigned)LC_WEIGHTS) == 0)
			roles |= roles_within(path, (uint64_t)st->st_size);
		return roles;
	}
	state = lc_json_load(path, NULL);
	roles |= lc_role_of_state(state);
	json_decref(state);
	return roles;
}

static int read_link(const char *path, struct lc_entry *e, struct lc_err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target));

	if (n < 0 || n == (ssize_t)sizeof(target))
		return lc_fail_sys(err, "read link %s", path);
	e->kind = LC_LINK;
	e->mode = 0;
	e->target = lc_path("%.*s", (int)n, target);
	return 0;
}

static int walk_dir(struct walk *w, const char *dir, const char *rel, struct lc_err *err);

/* path is where it lies, rel its name in the manifest. */
static int walk_one(struct walk *w, const char *path, const char *rel, struct lc_err *err)
{
	struct lc_entry *e;
	struct stat st;

	if (lstat(path, &st) < 0)
		return lc_fail_sys(err, "read %s", path);
	e = entry_new(w, rel, &st);
	if (S_ISLNK(st.st_mode))
		return read_link(path, e, err);
	if (S_ISREG(st.st_mode)) {
		e->size = (uint64_t)st.st_size;
		e->roles = roles_of(path, &st);
		return 0;
	}
	if (!S_ISDIR(st.st_mode))
		return lc_fail(err, LC_DATA, "%s: not a file, a directory or a link", path);
	e->kind = LC_DIR;
	return walk_dir(w, path, rel, err);
}

static int walk_dir(struct walk *w, const char *dir, const char *rel, struct lc_err *err)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	int ret = 0;

	if (!d)
		return lc_fail_sys(err, "read %s", dir);
	while (ret == 0 && (errno = 0, de = readdir(d))) {
		const char *name = de->d_name;
		char *path, *below;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		path = lc_path("%s/%s", dir, name);
		below = strcmp(rel, ".") == 0 ? lc_path("%s", name) : lc_path("%s/%s", rel, name);
		ret = walk_one(w, path, below, err);
		free(path);
		free(below);
	}
	if (ret == 0 && errno)
		ret = lc_fail_sys(err, "read %s", dir);
	closedir(d);
	return ret;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct lc_entry *)a)->path, ((const struct lc_entry *)b)->path);
}

/* Order the entries by path, and what stat said along with them. */
static void sort_tree(struct tree *t)
{
	struct {
		struct lc_entry e;
		struct stat st;
	} *both = lc_xalloc(t->m->n, sizeof(*both));

	for (size_t i = 0; i < t->m->n; i++) {
		both[i].e = t->m->e[i];
		both[i].st = t->st[i];
	}
	qsort(both, t->m->n, sizeof(*both), by_path); /* e comes first in it */
	for (size_t i = 0; i < t->m->n; i++) {
		t->m->e[i] = both[i].e;
		t->st[i] = both[i].st;
	}
	free(both);
}

/* Would the store, which may not exist yet, lie in root? Then it would be saved into itself. */
static int store_inside(const char *root, const char *store)
{
	char *path = lc_path("%s", store), *real, *slash;
	size_t n = strlen(root);
	int inside;

	while (!(real = realpath(path, NULL)) && errno == ENOENT && strcmp(path, ".") != 0) {
		slash = strrchr(path, '/');
		if (slash == path)
			slash[1] = '\0';
		else
			strcpy(slash ? slash : path, slash ? "" : ".");
	}
	inside = real && strncmp(real, root, n) == 0 && (real[n] == '/' || !real[n]);
	free(real);
	free(path);
	return inside;
}

int tree_walk(struct tree *t, const char *path, const char *store, struct lc_manifest *m,
	      struct lc_err *err)
{
	struct walk w = {.t = t};
	struct stat st;

	memset(t, 0, sizeof(*t));
	t->m = m;
	t->root = realpath(path, NULL);
	if (!t->root || stat(t->root, &st) < 0)
		return lc_fail_sys(err, "open %s", path);
	t->single = !S_ISDIR(st.st_mode);
	if (!t->single && store_inside(t->root, store))
		return lc_fail(err, LC_USAGE, "%s: the store %s lies inside of it", path, store);
	if (walk_one(&w, t->root, t->single ? strrchr(t->root, '/') + 1 : ".", err) < 0)
		return -1;
	sort_tree(t);
	return 0;
}

static int changed(const struct stat *a, const struct stat *b)
{
	return a->st_ino != b->st_ino || a->st_dev != b->st_dev || a->st_mode != b->st_mode ||
	       a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
	       a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

int tree_recheck(const struct tree *t, struct lc_err *err)
{
	for (size_t i = 0; i < t->m->n; i++) {
		char *path = tree_path(t, i);
		struct stat st;
		int gone = lstat(path, &st) < 0;
		int ret = gone || changed(&st, &t->st[i])
				  ? lc_fail(err, LC_DATA, "%s: changed while it was read", path)
				  : 0;
		free(path);
		if (ret < 0)
			return -1;
	}
	return 0;
}

char *tree_path(const struct tree *t, size_t i)
{
	const char *rel = t->m->e[i].path;

	return t->single || strcmp(rel, ".") == 0 ? lc_path("%s", t->root)
						  : lc_path("%s/%s", t->root, rel);
}

/* A JSON file at the top of the checkpoint, or NULL; err says when it is there and is no JSON. */
static json_t *top_json(const struct tree *t, const char *name, struct lc_err *err)
{
	char *path = lc_path("%s/%s", t->root, name);
	struct stat st;
	json_t *o = NULL;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= STATE_MAX)
		o = lc_json_load(path, err);
	free(path);
	return o;
}

long tree_step(const struct tree *t, struct lc_err *why)
{
	json_t *state = top_json(t, "state.json", why);
	json_t *hf = top_json(t, "trainer_state.json", why);
	long step = lc_json_get_int(state, "step", -1);

	if (step < 0)
		step = lc_json_get_int(hf, "global_step", -1);
	if (step < 0)
		step = lc_role_step(strrchr(t->root, '/') + 1);
	json_decref(state);
	json_decref(hf);
	return step;
}

char *tree_run(const struct tree *t)
{
	json_t *state = top_json(t, "state.json", NULL);
	const char *run = lc_json_get_str(state, "run", NULL);
	char *copy = run && lc_manifest_plain(run) ? lc_path("%s", run) : NULL;

	json_decref(state);
	return copy;
}

void tree_hyper(const struct tree *t, struct lc_hyper *h)
{
	json_t *state = top_json(t, "state.json", NULL);
	const json_t *hyper = json_object_get(state, "hyper");

	h->beta1 = lc_json_get_num(hyper, "beta1", 0);
	h->beta2 = lc_json_get_num(hyper, "beta2", 0);
	h->eps = lc_json_get_num(hyper, "eps", 0);
	h->updates = lc_json_get_int(json_object_get(state, "optimizer"), "v_updates", 0);
	json_decref(state);
}

void tree_release(struct tree *t)
{
	free(t->root);
	free(t->st);
	memset(t, 0, sizeof(*t));
}
