/*
 * engine_slurm_then: the job after all others, what --then asks for. It is submitted once no
 * further array can follow (segments are known only when what they read has ended), to start after
 * all arrays; should a branch be lost and submitted again, it waits for that array too.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine_slurm.h"
#include "io.h"
#include "json.h"
#include "template.h"

char *slurm_then_name(const struct fleet *f)
{
	char *first = slurm_job_name(f, 0), *name;

	first[strlen(first) - 1] = '\0';
	name = lc_path("%sthen", first);
	free(first);
	return name;
}

/* "afterany:ID:..." of all arrays whose ids are known. The caller's. */
static char *after_all(const struct fleet *f)
{
	char *after = lc_path("afterany"), *longer, *path, *id;
	size_t len;

	for (int k = 1; k < f->job.batch; k++) {
		path = lc_path("%s/jobs/%d.id", f->dir, k);
		if (lc_read_file(path, &id, &len, NULL) == 0) {
			longer = lc_path("%s:%s", after, id);
			free(id);
			free(after);
			after = longer;
		}
		free(path);
	}
	return after;
}

/* The leader of the fork, too, is to have let go of it: what it prints is then whole. */
static char *then_script(const struct fleet *f, struct lc_err *err)
{
	char *dir[] = {f->dir, NULL}, *q = lc_shell_quote(f->dir), *text = NULL;
	struct lc_hole hole = {"dir", dir};
	char *filled = lc_template_fill(f->set->then, &hole, 1, err);

	if (filled)
		text = lc_path("#!/bin/sh\nflock -w 300 %s/lock true\n%s\n", q, filled);
	free(filled);
	free(q);
	return text;
}

static int submit_then(struct fleet *f, const char *id_path, struct lc_err *err)
{
	char *name = slurm_then_name(f), *text = then_script(f, err), *after = after_all(f);
	char *ours[3] = {lc_path("--job-name=%s", name),
			 lc_path("--output=%s/jobs/then.log", f->dir),
			 f->nlive ? lc_path("--dependency=%s", after) : NULL};
	int ret = text ? slurm_sbatch(f, ours, text, id_path, err) : -1;

	for (int i = 0; i < 3; i++)
		free(ours[i]);
	free(after);
	free(text);
	free(name);
	return ret;
}

/* Will no other array follow, unless one is lost? */
static int all_submitted(const struct fleet *f)
{
	for (int i = 0; i < f->n; i++) {
		const struct branch *b = f->b[i];
		if (b->status == WAITING ||
		    (b->status < DONE && !b->segments_made && json_object_get(b->rec, "readout")))
			return 0;
	}
	return 1;
}

int slurm_then(struct fleet *f, struct lc_err *err)
{
	char *path;
	int ret = 0;

	if (!f->set->then || f->job.then || !all_submitted(f))
		return 0;
	f->job.then = 1;
	path = lc_path("%s/jobs/then.id", f->dir);
	if (access(path, F_OK) < 0)
		ret = submit_then(f, path, err);
	free(path);
	return ret;
}

void slurm_then_later(const struct fleet *f)
{
	char *path = lc_path("%s/jobs/then.id", f->dir), *id = NULL, *after, *job, *depends;
	size_t len;

	if (lc_read_file(path, &id, &len, NULL) == 0) {
		after = after_all(f);
		job = lc_path("JobId=%s", id);
		depends = lc_path("Dependency=%s", after);
		char *argv[] = {"scontrol", "update", job, depends, NULL};
		if (engine_call(argv, NULL, NULL, NULL) != 0)
			lc_warn("job %s, which was to be last, has begun before branches that were "
				"lost",
				id);
		free(depends);
		free(job);
		free(after);
	}
	free(id);
	free(path);
}

int slurm_then_check(const struct fleet *f, struct lc_err *err)
{
	char *text = f->set->then ? then_script(f, err) : NULL;
	int ret = f->set->then && !text ? -1 : 0;

	free(text);
	return ret;
}
