/*
 * ckpt: checkpoints, DIR/step-00000100/{model,optimizer}.safetensors and state.json.
 * With a reward also reference.safetensors, the weights of the policy it began as.
 *
 * Written in DIR/.tmp-step-<pid>, each file fsynced, then the directory renamed and its parent
 * fsynced: whatever is killed when, a name step-* is a complete state. A writer holds a lock on
 * DIR, so what is left under .tmp-step-* when the lock is got belongs to the dead. Nothing in a
 * checkpoint depends on time, place or host: equal states are equal bytes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "action.h"
#include "io.h"
#include "json.h"
#include "safetensors.h"
#include "train.h"

#define TMP ".tmp-step-" /* and the process: a name of our own kind only */

long ckpt_step_of(const char *name)
{
	char *end;
	long n;

	if (strncmp(name, "step-", 5) != 0 || strlen(name) < 13)
		return -1;
	n = strtol(name + 5, &end, 10);
	return *end ? -1 : n;
}

/* The highest step that dir has, or -1; what dead writers left half-written goes. */
static long sweep(const char *out, DIR *dir, struct lc_err *err)
{
	struct dirent *e;
	long last = -1;
	int ret = 0;

	while (ret == 0 && (e = readdir(dir))) {
		if (ckpt_step_of(e->d_name) > last)
			last = ckpt_step_of(e->d_name);
		if (strncmp(e->d_name, TMP, strlen(TMP)) == 0) {
			char *path = lc_path("%s/%s", out, e->d_name);

			ret = lc_remove_tree(path, err);
			free(path);
		}
	}
	return ret < 0 ? -2 : last;
}

int ckpt_lock(const struct run *r, struct lc_err *err)
{
	const char *out = r->job.out;
	long last;
	DIR *dir;
	int fd;

	if (lc_mkdirs(out, err) < 0)
		return -1;
	fd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = opendir(out);
	if (fd < 0 || !dir)
		return lc_fail_sys(err, "open %s", out);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		closedir(dir);
		close(fd);
		return lc_fail(err, LC_SYS, "lock %s: another lc-train writes there", out);
	}
	last = sweep(out, dir, err);
	closedir(dir);
	if (last > r->step && !r->job.overwrite)
		return lc_fail(err, LC_DATA,
			       "%s has checkpoints up to step %ld, and this run begins at %ld: "
			       "another --out, or --overwrite",
			       out, last, r->step);
	return last < -1 ? -1 : 0; /* fd stays open, and the lock, until the process ends */
}

json_t *ckpt_state(const struct run *r)
{
	const json_t *skip = json_object_get(r->actions, "skip");
	json_int_t seed = (json_int_t)r->plan.seed, order = (json_int_t)r->plan.data_seed;
	json_t *s = json_pack("{s:i,s:I,s:I}", "v", CKPT_VERSION, "step", (json_int_t)r->step,
			      "tokens", (json_int_t)r->tokens);

	json_object_set_new(s, "rng",
			    json_pack("{s:s,s:{s:I,s:i},s:{s:I,s:i,s:I},s:{s:I,s:i},s:{s:I,s:i}}",
				      "algorithm", "philox4x32-10", "init", "seed", seed, "stream",
				      INIT_STREAM, "data", "seed", order, "stream", BATCH_STREAM,
				      "index", (json_int_t)r->step, "jitter", "seed", seed,
				      "stream", JITTER_STREAM, "fault", "seed", seed, "stream",
				      FAULT_STREAM));
	if (r->rl)
		json_object_set_new(json_object_get(s, "rng"), "sample",
				    json_pack("{s:I,s:i}", "seed", order, "stream", SAMPLE_STREAM));
	json_object_set_new(s, "data",
			    json_pack("{s:I,s:I,s:s,s:o}", "seed", order, "index",
				      (json_int_t)r->step, "text_sha256", r->data.sha256, "skip",
				      skip ? json_deep_copy(skip) : json_array()));
	json_object_set_new(s, "optimizer",
			    json_pack("{s:s,s:I,s:I}", "name", "adamw", "m_updates",
				      (json_int_t)r->m_updates, "v_updates",
				      (json_int_t)r->v_updates));
	json_object_update_new(s, plan_to_json(&r->plan));
	json_object_set(s, "actions", r->actions);
	json_object_set(s, "init", r->init);			   /* NULL: none is set */
	json_object_set_new(s, "peers", peers_to_json(&r->peers)); /* NULL: none is set */
	json_object_set_new(s, "since",
			    json_pack("{s:I,s:I}", "lr_tail", (json_int_t)r->tail_start,
				      "lr_warmup", (json_int_t)r->warm_start));
	if (json_object_get(r->actions, "lr_for"))
		json_object_set_new(s, "hold",
				    json_pack("{s:I,s:f}", "since", (json_int_t)r->hold_start,
					      "back", r->hold_back));
	return s;
}

static void describe(const struct lc_gpt_tensor *t, const char *name, const float *x,
		     struct lc_tensor *to)
{
	*to = (struct lc_tensor){.name = name,
				 .dtype = "F32",
				 .dims = t->dims,
				 .shape = {t->shape[0], t->shape[1]},
				 .data = x + t->at,
				 .bytes = t->n * sizeof(float)};
}

static int save_weights(const struct run *r, const char *dir, const char *name, const float *w,
			struct lc_err *err)
{
	int n = r->gpt.ntensors, ret;
	struct lc_tensor *t = lc_xalloc((size_t)n, sizeof(*t));
	char *path = lc_path("%s/%s.safetensors", dir, name);

	for (int i = 0; i < n; i++)
		describe(&r->gpt.tensors[i], r->gpt.tensors[i].name, w, &t[i]);
	ret = lc_safetensors_write(path, t, n, err);
	free(path);
	free(t);
	return ret;
}

static int save_moments(const struct run *r, const char *dir, struct lc_err *err)
{
	int n = r->gpt.ntensors, ret;
	struct lc_tensor *t = lc_xalloc(2 * (size_t)n, sizeof(*t));
	char *path = lc_path("%s/optimizer.safetensors", dir);

	for (int i = 0; i < n; i++) {
		const struct lc_gpt_tensor *x = &r->gpt.tensors[i];

		describe(x, lc_path("%s.exp_avg", x->name), r->m, &t[2 * i]);
		describe(x, lc_path("%s.exp_avg_sq", x->name), r->v, &t[2 * i + 1]);
	}
	ret = lc_safetensors_write(path, t, 2 * n, err);
	for (int i = 0; i < 2 * n; i++)
		free((char *)t[i].name);
	free(path);
	free(t);
	return ret;
}

static int save_state(const struct run *r, const char *dir, struct lc_err *err)
{
	char *path = lc_path("%s/state.json", dir);
	json_t *s = ckpt_state(r);
	int ret = lc_json_save(path, s, err);

	json_decref(s);
	free(path);
	return ret;
}

static int same_file(const char *a, const char *b, const char *name)
{
	char *path[2] = {lc_path("%s/%s", a, name), lc_path("%s/%s", b, name)};
	char *buf[2] = {NULL, NULL};
	size_t len[2];
	int same = lc_read_file(path[0], &buf[0], &len[0], NULL) == 0 &&
		   lc_read_file(path[1], &buf[1], &len[1], NULL) == 0 && len[0] == len[1] &&
		   memcmp(buf[0], buf[1], len[0]) == 0;

	for (int i = 0; i < 2; i++) {
		free(path[i]);
		free(buf[i]);
	}
	return same;
}

static int access_in(const char *dir, const char *name)
{
	char *path = lc_path("%s/%s", dir, name);
	int ret = access(path, F_OK);

	free(path);
	return ret;
}

/* tmp becomes to. Where that is there already: the same state stays, another is no error only when
 * it may be overwritten. */
static int publish(const char *tmp, const char *to, int overwrite, struct lc_err *err)
{
	if (rename(tmp, to) == 0)
		return lc_fsync_parent(to, err);
	if (errno != ENOTEMPTY && errno != EEXIST)
		return lc_fail_sys(err, "rename to %s", to);
	if (same_file(tmp, to, "state.json") && same_file(tmp, to, "model.safetensors") &&
	    same_file(tmp, to, "optimizer.safetensors") &&
	    (access_in(tmp, "reference.safetensors") < 0 ||
	     same_file(tmp, to, "reference.safetensors")))
		return lc_remove_tree(tmp, err);
	if (!overwrite)
		return lc_fail(err, LC_DATA, "%s is another state: another --out, or --overwrite",
			       to);
	if (renameat2(AT_FDCWD, tmp, AT_FDCWD, to, RENAME_EXCHANGE) < 0)
		return lc_fail_sys(err, "rename to %s", to);
	if (lc_fsync_parent(to, err) < 0)
		return -1;
	return lc_remove_tree(tmp, err);
}

/* Drop all but the newest keep. */
static int prune(const char *out, long keep, struct lc_err *err)
{
	struct dirent **e;
	int n = scandir(out, &e, NULL, versionsort), ret = 0;
	long seen = 0;

	if (n < 0)
		return lc_fail_sys(err, "read %s", out);
	for (int i = n - 1; i >= 0; i--) {
		if (ret == 0 && ckpt_step_of(e[i]->d_name) >= 0 && ++seen > keep) {
			char *path = lc_path("%s/%s", out, e[i]->d_name);
			char *tmp = lc_path("%s/" TMP "%ld-old", out, (long)getpid());

			/* first out of the way whole: a name step-* is never half a state */
			ret = rename(path, tmp) < 0 ? lc_fail_sys(err, "rename %s", path)
						    : lc_remove_tree(tmp, err);
			free(tmp);
			free(path);
		}
		free(e[i]);
	}
	free(e);
	return ret;
}

int ckpt_save(const struct run *r, struct lc_err *err)
{
	char *tmp = lc_path("%s/" TMP "%ld", r->job.out, (long)getpid());
	char *to = lc_path("%s/step-%08ld", r->job.out, r->step);
	int ret = -1;

	if (lc_mkdirs(tmp, err) < 0 || save_weights(r, tmp, "model", r->w, err) < 0 ||
	    (r->rl && save_weights(r, tmp, "reference", rl_reference(r->rl), err) < 0) ||
	    save_moments(r, tmp, err) < 0 || save_state(r, tmp, err) < 0 ||
	    lc_fsync_dir(tmp, err) < 0 || publish(tmp, to, r->job.overwrite, err) < 0) {
		lc_remove_tree(tmp, NULL);
		goto out;
	}
	ret = r->job.keep > 0 ? prune(r->job.out, r->job.keep, err) : 0;
out:
	free(tmp);
	free(to);
	return ret;
}
