/* branch: see branch.h. What it prints is read in branch_read.c. */
#include "branch.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fork.h"
#include "hash.h"
#include "io.h"
#include "json.h"
#include "words.h"

#define STEPS_MOST (1L << 52) /* sums of two stay whole as doubles */

const char *const status_names[] = {"waiting", "queued", "running", "done",
				    "killed",  "failed", "void"};

/* What a fork's directory holds beside its branches. */
static int is_ours(const char *id)
{
	static const char *const ours[] = {"state", "run", "jobs", "lock", "alive", "launch.json"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(id, ours[i]) == 0)
			return 1;
	return 0;
}

int branch_init(struct branch *b, json_t *rec, const char *fork_dir, struct lc_err *err)
{
	json_t *from = json_object_get(rec, "from");
	struct lc_id id;

	memset(b, 0, sizeof(*b));
	b->rec = rec;
	b->slot = -1;
	b->id = lc_json_get_str(rec, "branch", "");
	b->role = lc_json_get_str(rec, "role", "arm");
	b->parent = lc_json_get_str(from, "branch", NULL);
	b->from_step = lc_json_get_int(from, "step", -1);
	b->horizon = lc_json_get_int(rec, "horizon", 0);
	b->actions = json_object_get(rec, "actions");
	if (!lc_is_name(b->id))
		return lc_fail(err, LC_DATA, "branch \"%.40s\": not a name", b->id);
	if (is_ours(b->id))
		return lc_fail(err, LC_DATA, "branch %s: the name is that of a fork's own file",
			       b->id);
	if (b->from_step < 0 || b->horizon < 1 || b->from_step > STEPS_MOST ||
	    b->horizon > STEPS_MOST)
		return lc_fail(err, LC_DATA, "branch %s: wants from.step and a horizon", b->id);
	if (!b->parent && lc_id_parse(lc_json_get_str(from, "snapshot", ""), &id) < 0)
		return lc_fail(err, LC_DATA, "branch %s: from names no snapshot and no branch",
			       b->id);
	b->dir = lc_path("%s/%s", fork_dir, b->id);
	return 0;
}

void branch_release(struct branch *b)
{
	json_decref(b->rec);
	free(b->dir);
	free(b->state);
	stream_release(&b->steps);
	memset(b, 0, sizeof(*b));
}

void branch_end(struct branch *b, enum status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b->why, sizeof(b->why), fmt, ap);
	va_end(ap);
	b->status = status;
}

/* The first line of a file in its directory, or the other reason, into b->why. 0: no such file. */
static int asked_by(struct branch *b, const char *file, const char *reason)
{
	char *path = lc_path("%s/%s", b->dir, file), *text;
	size_t len;
	int asked = access(path, F_OK) == 0;

	if (asked) {
		snprintf(b->why, sizeof(b->why), "%s", reason);
		if (lc_read_file(path, &text, &len, NULL) == 0) {
			text[strcspn(text, "\r\n")] = '\0';
			if (*text)
				snprintf(b->why, sizeof(b->why), "%.200s", text);
			free(text);
		}
	}
	free(path);
	return asked;
}

enum status branch_stop_asked(struct branch *b)
{
	return asked_by(b, "void", "it did something else")  ? VOID
	       : asked_by(b, "stop", "it was asked to stop") ? KILLED
							     : WAITING;
}

int branch_ask_void(const struct branch *b, const char *why, struct lc_err *err)
{
	char *path = lc_path("%s/void", b->dir), *line = lc_path("%s\n", why);
	int ret = lc_put_file(path, line, strlen(line), err);

	free(line);
	free(path);
	return ret;
}

void branch_forget(const struct branch *b)
{
	static const char *const asked[] = {"stop", "void"};
	char *status = lc_path("%s/status.json", b->dir);
	int anew = access(status, F_OK) == 0;

	for (int i = 0; i < 2 && anew; i++) {
		char *path = lc_path("%s/%s", b->dir, asked[i]);
		unlink(path);
		free(path);
	}
	free(status);
}

long branch_step(const struct branch *b)
{
	return b->steps.n ? b->steps.p[b->steps.n - 1].step : b->from_step;
}

json_t *branch_result(const struct branch *b)
{
	json_t *rec = lc_record_new("result", 1);

	json_object_set(rec, "fork", json_object_get(b->rec, "fork"));
	json_object_set_new(rec, "branch", json_string(b->id));
	json_object_set_new(rec, "status", json_string(status_names[b->status]));
	if (b->why[0])
		json_object_set_new(rec, "why", json_string(b->why));
	json_object_set_new(rec, "steps", json_integer(b->steps.n));
	json_object_set_new(rec, "wall_s", lc_json_num(round(1000 * b->wall_s) / 1000));
	if (b->settled)
		json_object_set_new(rec, "checked",
				    json_pack("{s:I,s:I,s:I}", "lr", (json_int_t)b->checked[0],
					      "batch", (json_int_t)b->checked[1], "hyper",
					      (json_int_t)b->checked[2]));
	return rec;
}

/* Record and command go in too: a fork planned or run anew under an old name must not find old
 * ends. */
int branch_save(const struct branch *b, const char *command, struct lc_err *err)
{
	json_t *s = lc_record_new("status", 1);
	char *path = lc_path("%s/status.json", b->dir), *text, host[64] = "";
	int ret;

	gethostname(host, sizeof(host) - 1);
	json_object_set_new(s, "branch", json_string(b->id));
	json_object_set_new(s, "status", json_string(status_names[b->status]));
	if (b->why[0])
		json_object_set_new(s, "why", json_string(b->why));
	json_object_set_new(s, "step", json_integer(branch_step(b)));
	json_object_set_new(s, "steps", json_integer(b->steps.n));
	json_object_set_new(s, "wall_s", lc_json_num(round(1000 * b->wall_s) / 1000));
	json_object_set_new(s, "attempt", json_integer(b->attempt));
	if (b->job[0])
		json_object_set_new(s, "job", json_string(b->job));
	if (b->status == RUNNING)
		json_object_set_new(s, "host", json_string(host));
	json_object_set(s, "record", b->rec);
	json_object_set_new(s, "command", json_string(command));
	text = lc_json_text(s);
	ret = lc_put_file(path, text, strlen(text), err);
	free(text);
	json_decref(s);
	free(path);
	return ret;
}

/* The same text: a whole real is an integer once it has been read back, and json_equal tells these
 * apart. */
static int same_record(const json_t *a, const json_t *b)
{
	char *x = a ? lc_json_text(a) : NULL, *y = lc_json_text(b);
	int same = x && strcmp(x, y) == 0;

	free(x);
	free(y);
	return same;
}

int branch_load(struct branch *b, const char *command)
{
	char *path = lc_path("%s/status.json", b->dir);
	json_t *s = access(path, F_OK) == 0 ? lc_json_load(path, NULL) : NULL;
	int known = 0;

	free(path);
	if (s && lc_record_is(s, "status", 1, NULL) > 0 &&
	    same_record(json_object_get(s, "record"), b->rec) &&
	    strcmp(lc_json_get_str(s, "command", ""), command) == 0) {
		for (int k = WAITING; k <= VOID; k++)
			if (strcmp(lc_json_get_str(s, "status", ""), status_names[k]) == 0) {
				b->status = (enum status)k;
				known = 1;
			}
		snprintf(b->why, sizeof(b->why), "%s", lc_json_get_str(s, "why", ""));
		snprintf(b->job, sizeof(b->job), "%s", lc_json_get_str(s, "job", ""));
		b->wall_s = lc_json_get_num(s, "wall_s", 0);
		b->attempt = lc_json_get_int(s, "attempt", 0);
	}
	json_decref(s);
	return known;
}
