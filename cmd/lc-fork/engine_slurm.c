/*
 * engine_slurm: branches as tasks of job arrays.
 *
 * What runs is told from our own status files; squeue(1) is asked only for what Slurm still knows,
 * so that a task that vanished (a node that died, a cancelled job) is submitted again. Jobs carry
 * names made from the fork's directory, so that an lc-fork that is killed at any moment, also right
 * after it submitted, finds them again. sacct(1) is not needed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine_slurm.h"
#include "hash.h"
#include "io.h"
#include "template.h"
#include "tool.h"

#define ASK_S 2.0

char *slurm_job_name(const struct fleet *f, long k)
{
	char hex[LC_HEX_LEN + 1];
	struct lc_id id;

	lc_sha256(f->dir, strlen(f->dir), &id, NULL);
	lc_id_hex(&id, hex);
	return lc_path("lc-%.40s-%.8s-%ld", f->name, hex, k);
}

static char *script(const struct fleet *f, const char *list)
{
	char *tool = lc_tool_path("lc-fork"), *q[3], *text;

	q[0] = lc_shell_quote(tool);
	q[1] = lc_shell_quote(list);
	q[2] = lc_shell_quote(f->dir);
	text = lc_path("#!/bin/sh\nexec %s one --list %s --index \"$SLURM_ARRAY_TASK_ID\" %s\n",
		       q[0], q[1], q[2]);
	for (int i = 0; i < 3; i++)
		free(q[i]);
	free(tool);
	return text;
}

int slurm_sbatch(struct fleet *f, char *const ours[3], const char *text, const char *id_path,
		 struct lc_err *err)
{
	char **argv = lc_xalloc((size_t)f->set->nwords + 8, sizeof(*argv)), *id = NULL;
	int k = 0, ret;

	argv[k++] = "sbatch";
	argv[k++] = "--parsable";
	argv[k++] = "--requeue";
	argv[k++] = "--open-mode=append";
	for (int i = 0; i < 3 && ours[i]; i++)
		argv[k++] = ours[i];
	for (int i = 0; i < f->set->nwords; i++)
		argv[k++] = (char *)f->set->words[i];
	ret = engine_call(argv, text, &id, err) == 0 ? 0 : -1;
	if (ret == 0) {
		id[strcspn(id, ";\n")] = '\0';
		ret = lc_put_file(id_path, id, strlen(id), err);
	}
	free(id);
	free(argv);
	return ret;
}

/* sbatch of n tasks from list. */
static int submit(struct fleet *f, const char *list, int n, struct lc_err *err)
{
	char *name = slurm_job_name(f, f->job.batch), *text = script(f, list),
	     *limit = f->set->jobs < n ? lc_path("%%%d", f->set->jobs) : lc_path("%s", ""),
	     *id_path = lc_path("%s.id", list);
	char *ours[3] = {lc_path("--array=0-%d%s", n - 1, limit), lc_path("--job-name=%s", name),
			 lc_path("--output=%s-%%a.log", list)};
	int ret = slurm_sbatch(f, ours, text, id_path, err);

	for (int i = 0; i < 3; i++)
		free(ours[i]);
	free(id_path);
	free(limit);
	free(text);
	free(name);
	return ret;
}

static int start(struct fleet *f, struct branch **b, int n, struct lc_err *err)
{
	char *name = lc_path("%d", f->job.batch), *list = elsewhere_list(f, name, b, n, err),
	     job[64];
	int ret = list ? 0 : -1;

	/* they are queued before they are submitted: killed in between, we find no job and submit
	 * them again */
	for (int i = 0; i < n && ret == 0; i++) {
		snprintf(job, sizeof(job), "%d_%d", f->job.batch, i);
		ret = elsewhere_submit(f, b[i], job, err);
	}
	if (ret == 0)
		ret = submit(f, list, n, err);
	f->job.batch++;
	if (ret == 0)
		slurm_then_later(f);
	free(list);
	free(name);
	return ret;
}

/* All the names we have submitted under, parted by commas. */
static char *all_names(const struct fleet *f)
{
	char *names = lc_path("%s", "--name="), *name, *longer;

	for (int k = 1; k < f->job.batch; k++) {
		name = slurm_job_name(f, k);
		longer = lc_path("%s%s%s", names, k > 1 ? "," : "", name);
		free(name);
		free(names);
		names = longer;
	}
	return names;
}

static int ask(struct fleet *f, struct lc_err *err)
{
	char *names, *said = NULL;
	char *argv[] = {"squeue", "-h", "-r", "-o", "%j_%K ", NULL, NULL};
	double now = lc_now();

	(void)err;
	if (now - f->job.asked_at < ASK_S || f->nlive == 0)
		return 0;
	names = all_names(f);
	argv[5] = names;
	if (engine_call(argv, NULL, &said, NULL) == 0) { /* a Slurm that is down knows nothing */
		free(f->job.known);
		f->job.known = said;
		said = NULL;
	}
	f->job.asked_at = now;
	free(said);
	free(names);
	return 0;
}

/* Does Slurm have it? Its squeue was asked after it was submitted. */
static int is_known(const struct fleet *f, const struct branch *b)
{
	char *name, *task;
	int known;

	if (!f->job.known || f->job.asked_at < b->output_at)
		return 1;
	name = slurm_job_name(f, strtol(b->job, NULL, 10));
	task = lc_path("%s%s ", name, strchr(b->job, '_') ? strchr(b->job, '_') : "_?");
	known = strstr(f->job.known, task) != NULL;
	free(task);
	free(name);
	return known;
}

/* A queued task of a branch that has ended, or was told to stop, takes no place in the queue. */
static void cancel_task(const struct fleet *f, const struct branch *b)
{
	char *path = lc_path("%s/jobs/%ld.id", f->dir, strtol(b->job, NULL, 10)), *id = NULL, *task;
	size_t len;

	if (strchr(b->job, '_') && lc_read_file(path, &id, &len, NULL) == 0) {
		task = lc_path("%s%s", id, strchr(b->job, '_'));
		char *argv[] = {"scancel", "-f", task, NULL};
		engine_call(argv, NULL, NULL, NULL);
		free(task);
		free(id);
	}
	free(path);
}

static int look(struct fleet *f, struct branch *b, FILE *out, struct lc_err *err)
{
	enum status before = b->status;
	int over = elsewhere_look(f, b, out, err);

	if (over > 0 && before == QUEUED && (b->status == KILLED || b->status == VOID))
		cancel_task(f, b);
	if (over)
		return over;
	if (is_known(f, b))
		b->missing_at = 0;
	else
		elsewhere_missing(f, b);
	return b->status >= DONE;
}

static int open_slurm(struct fleet *f, struct lc_err *err)
{
	return slurm_then_check(f, err) < 0 ? -1 : elsewhere_open(f, err);
}

static int turn(struct fleet *f, struct lc_err *err)
{
	return slurm_then(f, err) < 0 ? -1 : ask(f, err);
}

/* scancel(1) takes one name at a time. */
static void cancel(char *name)
{
	char *word = lc_path("--name=%s", name);
	char *argv[] = {"scancel", "-f", word, NULL};

	engine_call(argv, NULL, NULL, NULL);
	free(word);
	free(name);
}

/* One that is run again submits the last job anew. */
static void stop(struct fleet *f)
{
	char *path = lc_path("%s/jobs/then.id", f->dir);

	if (access(path, F_OK) == 0)
		cancel(slurm_then_name(f));
	for (int k = f->job.batch - 1; k > 0; k--)
		cancel(slurm_job_name(f, k));
	unlink(path);
	free(path);
}

const struct engine engine_slurm = {"slurm", 1,	   open_slurm, elsewhere_room, start, look,
				    turn,    stop, NULL};
