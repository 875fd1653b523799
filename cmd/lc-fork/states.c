/* states: what branches start from and what they leave: restored once, shared, and dropped. */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fleet.h"
#include "fork.h"
#include "io.h"
#include "json.h"

static char *restored(const struct fleet *f, const char *id)
{
	return lc_path("%s/state/%.16s", f->dir, id);
}

static const char *snapshot_of(const struct branch *b)
{
	return b->parent ? NULL
			 : lc_json_get_str(json_object_get(b->rec, "from"), "snapshot", NULL);
}

/* Bytes that the snapshots still to be restored take; *largest of all that are used. */
static double bytes_to_restore(const struct fleet *f, const json_t *all, double *largest)
{
	double sum = 0, bytes;
	json_t *snap;
	size_t i;

	*largest = 0;
	json_array_foreach(all, i, snap) {
		const char *id = lc_json_get_str(snap, "id", "");
		int used = 0;
		char *dir;
		for (int k = 0; k < f->n && !used; k++)
			used = snapshot_of(f->b[k]) && strcmp(snapshot_of(f->b[k]), id) == 0;
		if (!used)
			continue;
		bytes = lc_json_get_num(snap, "bytes", 0);
		*largest = bytes > *largest ? bytes : *largest;
		dir = restored(f, id);
		sum += access(dir, F_OK) == 0 ? 0 : bytes;
		free(dir);
	}
	return sum;
}

/* Does the branch write a state that something starts from? */
static int leaves_state(const struct fleet *f, const struct branch *b)
{
	const json_t *readout = json_object_get(b->rec, "readout");

	if (lc_json_get_int(readout, "return", 0) > 0 || lc_json_get_int(readout, "cool", 0) > 0)
		return 1;
	for (int i = 0; i < f->n; i++)
		if (f->b[i]->parent && strcmp(f->b[i]->parent, b->id) == 0)
			return 1;
	return 0;
}

/*
 * Before anything starts. Every branch that leaves a state keeps it until what starts from it has
 * ended, which comes right behind it: as many at once as run at once, and as many being written
 * beside them. With --keep all stay. 64 KiB a branch is for what it prints.
 */
static int check_disk(const struct fleet *f, struct lc_err *err)
{
	json_t *all = snapshots_list(f->set->launch.store, NULL, err);
	double need, largest, room;
	struct statvfs vfs;
	int writers = 0;

	if (!all)
		return -1;
	need = bytes_to_restore(f, all, &largest);
	json_decref(all);
	for (int i = 0; i < f->n; i++)
		writers += leaves_state(f, f->b[i]);
	if (!f->set->keep && writers > 2 * f->set->jobs)
		writers = 2 * f->set->jobs;
	if (!strstr(f->set->launch.tmpl, "{out}"))
		writers = 0;
	need += writers * largest + 65536.0 * f->n;
	if (statvfs(f->dir, &vfs) < 0)
		return lc_fail_sys(err, "look at %s", f->dir);
	room = (double)vfs.f_bavail * (double)vfs.f_frsize;
	if (need > room)
		return lc_fail(err, LC_SYS,
			       "%s: %.1f MiB free, and this fork wants %.1f (states restored and "
			       "%d written at once)",
			       f->dir, room / 1048576, need / 1048576, writers);
	return 0;
}

int fleet_restore(struct fleet *f, struct lc_err *err)
{
	char *states = lc_path("%s/state", f->dir);
	int ret = lc_mkdirs(states, err);

	free(states);
	if (ret == 0)
		ret = check_disk(f, err);
	for (int i = 0; ret == 0 && i < f->n; i++) {
		struct branch *b = f->b[i];
		const char *id = snapshot_of(b);
		if (!id)
			continue;
		b->state = restored(f, id);
		if (!f->set->launch.node_dir)
			ret = snapshot_restore(f->set->launch.store, id, b->state, err);
	}
	return ret;
}

char *branch_last_state(const struct branch *b)
{
	static const char *const patterns[] = {"step-%08ld", "step-%ld", "checkpoint-%ld",
					       "iter_%07ld", "%ld"};
	char *out = lc_path("%s/out", b->dir), *path = NULL, *name;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		name = lc_path(patterns[i], b->from_step + b->horizon);
#pragma GCC diagnostic pop
		path = lc_path("%s/%s", out, name);
		free(name);
		if (access(path, F_OK) == 0)
			break;
		free(path);
		path = NULL;
	}
	free(out);
	return path;
}

int fleet_ready(const struct fleet *f, struct branch *b)
{
	const struct branch *p = fleet_find(f, b->parent);

	if (b->state)
		return 1;
	if (p->status < DONE)
		return 0;
	if (p->status == DONE && b->from_step == p->from_step + p->horizon)
		b->state = branch_last_state(p);
	if (b->state)
		return 1;
	if (p->status == VOID)
		branch_end(b, VOID, "branch %.100s, from which it starts, is void", p->id);
	else
		branch_end(b, FAILED, "branch %.100s left no state of step %ld", p->id,
			   b->from_step);
	return -1;
}

/* Does anything still to run start from it? */
static int needed(const struct fleet *f, const struct branch *b)
{
	for (int i = 0; i < f->n; i++)
		if (f->b[i]->parent && f->b[i]->status < DONE &&
		    strcmp(f->b[i]->parent, b->id) == 0)
			return 1;
	return 0;
}

void fleet_drop_state(struct fleet *f, struct branch *b)
{
	char *out;

	if (f->set->keep || b->dropped || b->status < DONE ||
	    (b->status == DONE && !b->segments_made) || needed(f, b))
		return;
	b->dropped = 1;
	out = lc_path("%s/out", b->dir);
	if (access(out, F_OK) == 0)
		lc_remove_tree(out, NULL);
	free(out);
}
