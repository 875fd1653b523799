/* fleet: what it is made of; see fleet.h. */
#include "fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "action.h"
#include "engine.h"
#include "fork.h"
#include "io.h"
#include "json.h"
#include "words.h"

struct branch *fleet_find(const struct fleet *f, const char *id)
{
	for (int i = 0; id && i < f->n; i++)
		if (strcmp(f->b[i]->id, id) == 0)
			return f->b[i];
	return NULL;
}

int fleet_insert(struct fleet *f, int at, json_t *rec, int announced, struct lc_err *err)
{
	struct branch *b = lc_xalloc(1, sizeof(*b));

	if (branch_init(b, rec, f->dir, err) < 0 || lc_actions_check(b->actions, err) < 0 ||
	    fleet_find(f, b->id)) {
		if (b->dir && fleet_find(f, b->id))
			lc_fail(err, LC_DATA, "branch %s: there twice", b->id);
		branch_release(b);
		free(b);
		return -1;
	}
	b->announced = announced;
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 64;
		f->b = lc_xrealloc(f->b, (size_t)f->cap, sizeof(*f->b));
	}
	memmove(f->b + at + 1, f->b + at, (size_t)(f->n - at) * sizeof(*f->b));
	f->b[at] = b;
	f->n++;
	if (at < f->first_waiting)
		f->first_waiting = at;
	return 0;
}

/* One lc-fork at a time works in a directory; the kernel lets go when it ends, however it ends. */
static int lock_dir(struct fleet *f, struct lc_err *err)
{
	char *path = lc_path("%s/lock", f->dir);
	int ret = 0;

	f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (f->lock < 0)
		ret = lc_fail_sys(err, "open %s", path);
	else if (flock(f->lock, LOCK_EX | LOCK_NB) < 0)
		ret = errno == EWOULDBLOCK
			      ? lc_fail(err, LC_SYS, "%s: another lc-fork is at work there", f->dir)
			      : lc_fail_sys(err, "lock %s", path);
	free(path);
	return ret;
}

int fleet_open_dir(struct fleet *f, const char *dir, const char *fork, struct lc_err *err)
{
	char *name;

	if (f->dir)
		return 0;
	if (!lc_is_name(fork))
		return lc_fail(err, LC_DATA, "fork \"%.40s\": not a name", fork);
	name = dir ? lc_path("%s", dir) : lc_path("lc-fork-%s", fork);
	if (lc_mkdirs(name, err) == 0) {
		f->dir = realpath(name, NULL);
		if (!f->dir)
			lc_fail_sys(err, "find %s", name);
	}
	free(name);
	return f->dir ? lock_dir(f, err) : -1;
}

/* What goes to standard output stays in the fork's directory too, for who comes later. */
static ssize_t print_twice(void *fleet, const char *buf, size_t size)
{
	struct fleet *f = fleet;

	if (f->log && lc_write_all(f->log, buf, size, "the records", NULL) < 0)
		return 0;
	return fwrite(buf, 1, size, stdout) == size && fflush(stdout) == 0 ? (ssize_t)size : 0;
}

int fleet_open_print(struct fleet *f, struct lc_err *err)
{
	f->print = fopencookie(f, "w", (cookie_io_functions_t){.write = print_twice});
	return f->print ? 0 : lc_fail_sys(err, "open a stream");
}

static int open_log(struct fleet *f, struct lc_err *err)
{
	char *path;
	int ret = 0;

	if (f->log || !f->print)
		return 0;
	path = lc_path("%s/evidence.jsonl", f->dir);
	f->log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (f->log < 0) {
		f->log = 0;
		ret = lc_fail_sys(err, "open %s", path);
	}
	free(path);
	return ret;
}

/* Pass a line on; keep it when it is a branch record. The first names the fork, and so its
 * directory. */
static int take_line(struct fleet *f, const char *dir, const char *line, size_t len,
		     struct lc_err *err)
{
	json_t *rec = json_loadb(line, len, 0, NULL);
	int is = rec ? lc_record_is(rec, "branch", 1, err) : 0;

	if (is > 0 && (fleet_open_dir(f, dir, lc_json_get_str(rec, "fork", "unnamed"), err) < 0 ||
		       open_log(f, err) < 0 || fleet_insert(f, f->n, json_incref(rec), 1, err) < 0))
		is = -1;
	json_decref(rec);
	if (is >= 0 && (fwrite(line, 1, len, f->print) != len || putc('\n', f->print) == EOF))
		is = lc_fail_sys(err, "write stdout");
	return is < 0 ? -1 : 0;
}

/* A branch may start from one that an earlier plan ran to its end in this directory, and whose
 * state it kept. */
static int find_state(const struct fleet *f, struct branch *b, struct lc_err *err)
{
	struct branch of = {.from_step = b->from_step};
	json_t *s = NULL;
	char *path;

	if (!lc_is_name(b->parent))
		return lc_fail(err, LC_DATA, "branch %s: starts from \"%.40s\": not a name", b->id,
			       b->parent);
	of.dir = lc_path("%s/%s", f->dir, b->parent);
	path = lc_path("%s/status.json", of.dir);
	if (access(path, F_OK) == 0)
		s = lc_json_load(path, NULL);
	if (strcmp(lc_json_get_str(s, "status", ""), "done") == 0)
		b->state = branch_last_state(&of);
	json_decref(s);
	free(path);
	free(of.dir);
	return b->state ? 0
			: lc_fail(err, LC_DATA,
				  "branch %s: starts from %s, which is not in the plan and kept "
				  "no state of step %ld",
				  b->id, b->parent, b->from_step);
}

static int all_have_parents(struct fleet *f, struct lc_err *err)
{
	for (int i = 0; i < f->n; i++)
		if (f->b[i]->parent && !fleet_find(f, f->b[i]->parent) &&
		    find_state(f, f->b[i], err) < 0)
			return -1;
	if (f->n)
		f->name = lc_json_get_str(f->b[0]->rec, "fork", "unnamed");
	return f->n ? 0 : lc_fail(err, LC_DATA, "no branch records in the input");
}

int fleet_read(struct fleet *f, const char *dir, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_err why;
	char *line;
	size_t len;
	int more;

	lc_lines_open(&in, "-", 0, err);
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0)
		if (take_line(f, dir, line, len, &why) < 0) {
			lc_fail(err, why.code, "line %lu: %.400s", in.line, why.text);
			more = -1;
			break;
		}
	lc_lines_close(&in);
	if (more < 0)
		return -1;
	if (fflush(f->print) == EOF)
		return lc_fail_sys(err, "write stdout");
	return all_have_parents(f, err);
}

json_t *fleet_own_actions(const struct fleet *f)
{
	json_t *all = json_object(), *v;
	const char *name;

	for (int i = 0; i < f->n; i++)
		json_object_foreach(f->b[i]->actions, name, v)
			if (strncmp(name, "x_", 2) == 0)
				json_object_set(all, name, v);
	return all;
}

void fleet_release(struct fleet *f)
{
	if (f->set->engine && f->set->engine->close)
		f->set->engine->close(f);
	for (int i = 0; i < f->n; i++) {
		branch_release(f->b[i]);
		free(f->b[i]);
	}
	lc_keeper_close(&f->keeper);
	if (f->print)
		fclose(f->print);
	if (f->log)
		close(f->log);
	if (f->lock > 0)
		close(f->lock);
	stream_release(&f->ref.run);
	stream_release(&f->ref.control);
	json_decref(f->set->launch.also);
	f->set->launch.also = NULL;
	free(f->job.known);
	free(f->live);
	free(f->b);
	free(f->dir);
}
