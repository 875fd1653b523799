/* put: see put.h. */
#include "put.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "action.h"
#include "io.h"
#include "json.h"

json_t *put_base(const struct put *p, struct lc_err *err)
{
	json_t *base = p->base_path && access(p->base_path, F_OK) == 0
			       ? lc_json_load(p->base_path, err)
			       : json_object();

	if (base && lc_actions_check(base, err) < 0) {
		json_decref(base);
		base = NULL;
	}
	return base;
}

/* Where a file is or will be, absolute; its directory is there. The caller's. */
static char *whole_path(const char *path, struct lc_err *err)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? lc_path("%.*s/", (int)(slash - path), path) : lc_path(".");
	char *whole = realpath(dir, NULL), *all = NULL;

	if (!whole)
		lc_fail_sys(err, "find %s", dir);
	else
		all = lc_path("%s/%s", strcmp(whole, "/") == 0 ? "" : whole,
			      slash ? slash + 1 : path);
	free(dir);
	free(whole);
	return all;
}

static int add_json(json_t *rec, const char *path, const json_t *v, struct lc_err *err)
{
	char *whole = path ? whole_path(path, err) : NULL, *text, *line;
	int ret;

	if (!path)
		return 0;
	if (!whole)
		return -1;
	text = lc_json_text(v);
	line = lc_path("%s\n", text);
	ret = ledger_file(rec, whole, line, err);
	free(text);
	free(line);
	free(whole);
	return ret;
}

/* In the order in which they appear: the trainer that looks at its control file comes last. */
static int add_files(const struct put *p, json_t *rec, const json_t *told, const json_t *in_force,
		     const json_t *control, struct lc_err *err)
{
	char *actions = lc_path("%s/actions.json", p->dir);
	int ret = lc_mkdirs(p->dir, err);

	if (ret == 0)
		ret = add_json(rec, actions, told, err);
	if (ret == 0)
		ret = add_json(rec, p->base_path, in_force, err);
	if (ret == 0)
		ret = add_json(rec, p->control, control, err);
	free(actions);
	return ret;
}

static int add_ref(json_t *rec, const char *path, const struct lc_ref *ref, struct lc_err *err)
{
	char *dir = lc_path("%.*s", (int)(strrchr(path, '/') - path), path);
	char *text = lc_ref_text(ref);
	int ret = lc_mkdirs(dir, err);

	if (ret == 0)
		ret = ledger_file(rec, path, text, err);
	free(text);
	free(dir);
	return ret;
}

static json_t *transaction(const char *type, const struct ledger *l, const json_t *fork,
			   const json_t *choice, const json_t *from, const json_t *told)
{
	json_t *rec = lc_record_new(type, 1), *list = json_array();
	char **words = lc_actions_words(told), text[32];
	time_t now = time(NULL);
	struct tm utc;

	for (char **w = words; *w; w++)
		json_array_append_new(list, json_string(*w));
	lc_words_free(words);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	json_object_set_new(rec, "n", json_integer(l->n + 1));
	json_object_set_new(rec, "time", json_string(text));
	json_object_set(rec, "fork", (json_t *)fork);
	json_object_set(rec, "choice", (json_t *)choice);
	json_object_set(rec, "from", (json_t *)from);
	json_object_set(rec, "step", json_object_get(from, "step"));
	json_object_set(rec, "actions", (json_t *)told);
	json_object_set_new(rec, "words", list);
	return rec;
}

/* Where an undo goes: the state it was decided at, and what was in force then. */
static void set_back(json_t *rec, const json_t *decision, const json_t *base)
{
	json_t *back = json_deep_copy(json_object_get(decision, "present"));

	if (!back)
		back = json_object();
	json_object_del(back, "horizon");
	json_object_set_new(back, "actions", json_deep_copy(base));
	json_object_set_new(rec, "back", back);
}

/* How many whole lines the run has logged by now. */
static int set_logged(json_t *rec, const char *path, struct lc_err *err)
{
	struct lc_lines in;
	char *line;
	size_t len;
	int more;

	if (!path)
		return 0;
	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0)
		;
	json_object_set_new(rec, "logged", json_integer((json_int_t)in.line - in.torn));
	lc_lines_close(&in);
	return more;
}

json_t *put_applied(const struct put *p, const struct ledger *l, const struct where *w,
		    const json_t *decision, const char *hash, const json_t *base,
		    const json_t *told, struct lc_err *err)
{
	const json_t *from = json_object_get(decision, "from");
	json_t *rec = transaction("applied", l, json_object_get(decision, "fork"),
				  json_object_get(decision, "choice"), from, told);
	json_t *in_force = lc_actions_in_force(NULL, told);
	struct lc_ref ref = {.run = w->run, .step = w->chosen_step, .seq = w->seq};
	int ret = 0;

	if (w->run)
		json_object_set_new(rec, "run", json_string(w->run));
	if (p->control)
		json_object_set_new(rec, "control", json_string(p->control));
	json_object_set_new(rec, "decision", json_string(hash));
	set_back(rec, decision, base);
	snprintf(ref.by, sizeof(ref.by), "%s", hash);
	if (w->run && lc_id_parse(lc_json_get_str(from, "snapshot", ""), &ref.snapshot) == 0)
		ret = add_ref(rec, w->ref_path, &ref, err);
	if (ret == 0)
		ret = set_logged(rec, p->history, err);
	if (ret == 0)
		ret = add_files(p, rec, told, in_force, told, err);
	json_decref(in_force);
	if (ret == 0)
		return rec;
	json_decref(rec);
	return NULL;
}

/* What takes actions back in a trainer that runs on: those in force before, and for others the
 * value that changes nothing. LC_NO when one has none. New reference. */
static json_t *taken_back(const json_t *now, const json_t *before, struct lc_err *err)
{
	json_t *all = json_deep_copy(before), *v;
	const char *name;

	json_object_foreach((json_t *)now, name, v) {
		int scale = strcmp(name, "lr_scale") == 0 ||
			    strcmp(name, "weight_decay_scale") == 0 ||
			    strcmp(name, "batch_scale") == 0;
		if (json_object_get(before, name) || strcmp(name, "rewind") == 0)
			continue;
		if (!scale && strcmp(name, "reseed") != 0) {
			lc_fail(err, LC_NO, "%s cannot be taken back in a trainer that runs on",
				name);
			json_decref(all);
			return NULL;
		}
		json_object_set_new(all, name, json_integer(scale));
	}
	return all;
}

/* The ref that leads back; without a state to go back to, as it was. */
static int unmove(const struct put *p, json_t *rec, const json_t *top, struct lc_err *err)
{
	const json_t *back = json_object_get(top, "back");
	const char *snapshot = lc_json_get_str(back, "snapshot", "");
	struct lc_ref ref = {.step = lc_json_get_int(back, "step", 0)};
	struct where w;
	int ret = 0;

	if (!json_object_get(top, "run") || lc_id_parse(snapshot, &ref.snapshot) < 0)
		return 0;
	if (where_look(&w, p->store, snapshot, NULL, err) < 0)
		return -1;
	ref.run = w.run;
	ref.seq = w.seq;
	ret = add_ref(rec, w.ref_path, &ref, err);
	where_release(&w);
	return ret;
}

json_t *put_undone(const struct put *p, const struct ledger *l, struct lc_err *err)
{
	const json_t *top = ledger_top(l), *back = json_object_get(top, "back");
	json_t *actions = json_object_get(back, "actions"), *control = NULL, *rec, *from, *line;
	struct put same = *p;
	int ret = -1;

	same.control = lc_json_get_str(top, "control", NULL);
	if (lc_actions_check(actions, err) < 0)
		return NULL;
	if (same.control) {
		control = taken_back(json_object_get(top, "actions"), actions, err);
		if (!control)
			return NULL;
		actions = control;
	}
	line = json_string("main");
	from = json_copy((json_t *)back);
	json_object_del(from, "actions");
	rec = transaction("undone", l, json_object_get(top, "fork"), line, from, actions);
	json_object_set(rec, "of", json_object_get(top, "n"));
	json_object_set(rec, "run", json_object_get(top, "run"));
	if (same.control)
		json_object_set_new(rec, "control", json_string(same.control));
	if (unmove(p, rec, top, err) == 0 &&
	    add_files(&same, rec, actions, json_object_get(back, "actions"), control, err) == 0)
		ret = 0;
	json_decref(from);
	json_decref(line);
	json_decref(control);
	if (ret == 0)
		return rec;
	json_decref(rec);
	return NULL;
}
