/* runner: see runner.h. */
#include "runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action.h"
#include "io.h"
#include "json.h"
#include "template.h"
#include "words.h"

#define LOOK_S 0.1 /* between two looks at the files of one branch */

json_t *launch_to_json(const struct launch *l)
{
	json_t *slots = json_array();

	for (int i = 0; i < l->nslots; i++)
		json_array_append_new(slots, json_string(l->slots[i]));
	return json_pack("{s:s,s:s,s:s*,s:o,s:f,s:f,s:f,s:f,s:i,s:I,s:O*}", "command", l->tmpl,
			 "store", l->store, "node_dir", l->node_dir, "slots", slots, "timeout_s",
			 l->timeout_s, "stall_s", l->stall_s, "grace_s", l->grace_s, "leash_s",
			 l->leash_s, "nice", l->nice, "memory", (json_int_t)l->memory, "also",
			 l->also);
}

void launch_from_json(struct launch *l, const json_t *j)
{
	const json_t *slots = json_object_get(j, "slots");

	memset(l, 0, sizeof(*l));
	l->tmpl = lc_json_get_str(j, "command", "");
	l->store = lc_json_get_str(j, "store", "lc-store");
	l->node_dir = lc_json_get_str(j, "node_dir", NULL);
	for (size_t i = 0; i < json_array_size(slots) && i < MAX_SLOTS; i++) {
		const char *slot = json_string_value(json_array_get(slots, i));
		if (slot && strchr(slot, '='))
			l->slots[l->nslots++] = slot;
	}
	l->timeout_s = lc_json_get_num(j, "timeout_s", 0);
	l->stall_s = lc_json_get_num(j, "stall_s", 0);
	l->grace_s = lc_json_get_num(j, "grace_s", 5);
	l->leash_s = lc_json_get_num(j, "leash_s", 0);
	l->nice = (int)lc_json_get_int(j, "nice", 0);
	l->also = json_object_get(j, "also");
	l->memory = (unsigned long long)lc_json_get_int(j, "memory", 0);
}

/* Values are parted by commas, or by slashes where there is one: CUDA_VISIBLE_DEVICES=0,1/2,3. */
static char parting(const char *slot)
{
	return strchr(slot, '/') ? '/' : ',';
}

static int count_values(const char *slot)
{
	int n = 1;

	for (const char *p = slot; *p; p++)
		n += *p == parting(slot);
	return n;
}

int launch_slots(const struct launch *l)
{
	return l->nslots ? count_values(l->slots[0]) : 0;
}

/* "NAME=value" for a place: values go round. The caller's. */
static char *slot_word(const char *slot, int place)
{
	const char *p = strchr(slot, '=') + 1;
	char part[2] = {parting(slot), '\0'};

	for (int i = place % count_values(slot); i > 0; i--)
		p = strchr(p, part[0]) + 1;
	return lc_path("%.*s%.*s", (int)(strchr(slot, '=') + 1 - slot), slot, (int)strcspn(p, part),
		       p);
}

static json_t *told(const struct branch *b)
{
	return lc_actions_over(json_object_get(b->rec, "base"), b->actions);
}

static void free_env(char **env, size_t ours)
{
	for (size_t i = ours; env && env[i]; i++)
		free(env[i]);
	free(env);
}

static int launch(struct branch *b, const struct launch *l, struct lc_words *w, struct lc_keeper *k,
		  struct lc_err *err)
{
	char *out = lc_path("%s/stdout.jsonl", b->dir), *errs = lc_path("%s/stderr.txt", b->dir);
	char **argv = NULL, *filled = NULL,
	     **env = lc_xalloc(LC_WORDS_ENV + MAX_SLOTS + 1, sizeof(*env));
	int how = lc_template_words(l->tmpl, w->holes, w->nholes, &argv, err), ret = -1;
	size_t n = 0, ours;
	struct lc_command c;

	for (; w->env[n]; n++)
		env[n] = w->env[n];
	ours = n;
	for (int i = 0; i < l->nslots && b->slot >= 0; i++)
		env[n++] = slot_word(l->slots[i], b->slot);
	if (how == 0)
		filled = lc_template_fill(l->tmpl, w->holes, w->nholes, err);
	c = (struct lc_command){filled, NULL, out, errs, env, argv, l->nice, l->memory};
	if (argv || filled)
		ret = lc_proc_start(&b->proc, k, &c, err);
	lc_template_free(argv);
	free_env(env, ours);
	free(filled);
	free(out);
	free(errs);
	return ret;
}

/* What an earlier, unfinished try left is no evidence. */
static int clean_dir(struct branch *b, struct lc_err *err)
{
	if (mkdir(b->dir, 0777) == 0)
		return 0;
	if (errno != EEXIST)
		return lc_fail_sys(err, "mkdir %s", b->dir);
	return lc_remove_tree(b->dir, err) < 0 ? -1 : lc_mkdirs(b->dir, err);
}

int runner_check(const struct branch *b, const struct launch *l, struct lc_err *err)
{
	json_t *actions = told(b);
	struct lc_future future = {b->id,	 "state",    b->dir,  NULL,
				   b->from_step, b->horizon, actions, l->also};
	struct lc_words w = {.nholes = 0};
	char *filled = NULL;

	lc_words_fill(&w, &future);
	filled = lc_template_fill(l->tmpl, w.holes, w.nholes, err);
	lc_words_release(&w);
	json_decref(actions);
	free(filled);
	return filled ? 0 : -1;
}

int runner_start(struct branch *b, const struct launch *l, struct lc_keeper *k, struct lc_err *err)
{
	json_t *actions;
	struct lc_future future;
	struct lc_words w = {.nholes = 0};
	enum status asked = branch_stop_asked(b);
	int ret = -1;

	if (asked) {
		b->status = asked;
		return branch_save(b, l->tmpl, err);
	}
	actions = told(b);
	future = (struct lc_future){b->id,	  b->state,   b->dir,  NULL,
				    b->from_step, b->horizon, actions, l->also};
	if (clean_dir(b, err) == 0 && lc_words_init(&w, &future, err) == 0)
		ret = launch(b, l, &w, k, err);
	lc_words_release(&w);
	json_decref(actions);
	if (ret < 0)
		return -1;
	b->status = RUNNING;
	b->attempt++;
	b->output_at = b->looked_at = lc_now();
	b->out_bytes = 0;
	return branch_save(b, l->tmpl, err);
}

/* Has it printed anything since the last look? */
static void note_output(struct branch *b)
{
	static const char *const files[] = {"stdout.jsonl", "metrics.jsonl", "stderr.txt"};
	long bytes = 0;
	struct stat st;

	for (int i = 0; i < 3; i++) {
		char *path = lc_path("%s/%s", b->dir, files[i]);
		if (stat(path, &st) == 0)
			bytes += (long)st.st_size;
		free(path);
	}
	if (bytes != b->out_bytes)
		b->output_at = lc_now();
	b->out_bytes = bytes;
}

/* A reason to end it early. A non-finite loss is the verdict: no need to run on (it counts as the
 * worst outcome, never as missing). */
static void judge(struct branch *b, const struct launch *l)
{
	enum status asked;

	if (b->steps.nonfinite)
		branch_end(b, KILLED, "non-finite loss at step %ld", b->steps.nonfinite);
	else if ((asked = branch_stop_asked(b)))
		b->status = asked;
	else if (l->stall_s > 0 && lc_now() - b->output_at > l->stall_s)
		branch_end(b, FAILED, "it printed nothing for %g s", l->stall_s);
}

static void ended(struct branch *b, const struct launch *l)
{
	int status = lc_proc_status(&b->proc);

	b->wall_s = lc_now() - b->proc.started;
	if (b->status >= KILLED)
		return;
	b->status = DONE;
	if (b->proc.timed_out)
		branch_end(b, FAILED, "longer than the %g s it was given", l->timeout_s);
	else if (status)
		branch_end(b, FAILED, "its command ended with status %d (see %.150s/stderr.txt)",
			   status, b->id);
}

int runner_look(struct branch *b, const struct launch *l, struct lc_keeper *k, FILE *out,
		struct lc_err *err)
{
	int over = lc_proc_poll(&b->proc, k, l->timeout_s, l->grace_s);
	double now = lc_now();

	if (!over && now - b->looked_at < LOOK_S)
		return 0;
	b->looked_at = now;
	if (over)
		ended(b, l);
	if (branch_read(b, out, err) < 0)
		return -1;
	if (!over && b->status == RUNNING) {
		note_output(b);
		judge(b, l);
		if (b->status != RUNNING)
			lc_proc_term(&b->proc);
	} else if (over && b->steps.nonfinite && (b->status == DONE || b->status == FAILED)) {
		/* a trainer that gives up at it has not failed: it was no faster than our look */
		branch_end(b, KILLED, "non-finite loss at step %ld", b->steps.nonfinite);
	}
	return over;
}

int runner_poll(struct branch *b, const struct launch *l, struct lc_keeper *k, FILE *out,
		struct lc_err *err)
{
	int over = runner_look(b, l, k, out, err);

	return over > 0 && branch_save(b, l->tmpl, err) < 0 ? -1 : over;
}
