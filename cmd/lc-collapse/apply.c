/*
 * apply: put the run into the chosen future: restore the state it starts from, say its actions as
 * words, and, when asked, become the trainer's command. Nothing of the past is touched; the
 * decision record is the journal's.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action.h"
#include "collapse.h"
#include "io.h"
#include "json.h"
#include "tool.h"
#include "words.h"

static const char *store, *dir = "lc-applied", *tmpl, *out, *base_path;
static int force;

static const char usage[] =
	"usage: lc-collapse apply [-s STORE] [-d DIR] [-b BASE] [-o OUT] [-x COMMAND] [--force] "
	"DECISION\n"
	"Restore the chosen state into DIR/state-ID and write DIR/actions.json; print an applied "
	"record, or\n"
	"with -x run the trainer's command, holes filled as by lc-fork run. DECISION may be - for "
	"standard input.\n"
	"  -s, --store DIR     lc-snap's store ($LC_STORE, else lc-store)\n"
	"  -d, --dir DIR       where state and actions go (lc-applied)\n"
	"  -b, --base FILE     the actions in force: read if there, and left as they are after "
	"this decision\n"
	"  -o, --out DIR       what fills {out}: where the trainer writes its states (DIR/out)\n"
	"  -x, --exec COMMAND  the trainer's command line\n"
	"  --force             also when the verdict is not \"better\": the control\n"
	"Status: 0 applied, 1 the decision found nothing better, else the command's.\n";

static const char *options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"store", 1, 0, 's'}, {"dir", 1, 0, 'd'},  {"out", 1, 0, 'o'},
		{"exec", 1, 0, 'x'},  {"base", 1, 0, 'b'}, {"force", 0, 0, 'F'},
		{"help", 0, 0, 'h'},  {0, 0, 0, 0},
	};
	int c;

	store = getenv("LC_STORE");
	if (!store)
		store = "lc-store";
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":s:d:b:o:x:", longs, NULL)) != -1) {
		switch (c) {
		case 's': store = optarg; break;
		case 'd': dir = optarg; break;
		case 'b': base_path = optarg; break;
		case 'o': out = optarg; break;
		case 'x': tmpl = optarg; break;
		case 'F': force = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (argc - optind != 1)
		lc_usage("apply: wants one decision record");
	return argv[optind];
}

/* The actions in force on the run before this decision; new reference. */
static json_t *read_base(struct lc_err *err)
{
	json_t *base = base_path && access(base_path, F_OK) == 0 ? lc_json_load(base_path, err)
								 : json_object();

	if (base && lc_actions_check(base, err) < 0) {
		json_decref(base);
		base = NULL;
	}
	return base;
}

static int save_base(const json_t *told, struct lc_err *err)
{
	json_t *in_force;
	int ret;

	if (!base_path)
		return 0;
	in_force = lc_actions_in_force(NULL, told);
	ret = lc_json_save(base_path, in_force, err);
	json_decref(in_force);
	return ret;
}

/* The chosen state in a directory of its own, absolute; restored once. The caller's. */
static char *restore(const char *snapshot, struct lc_err *err)
{
	char *path = lc_path("%s/state-%.16s", dir, snapshot), *whole = NULL;
	char *argv[] = {"lc-snap",     "restore",	 "-q", "--read-only", "-s",
			(char *)store, (char *)snapshot, path, NULL};
	json_t *said = NULL;

	if (strcmp(snapshot, "none") == 0) { /* from the beginning */
		free(path);
		return lc_mkdirs(dir, err) == 0 ? lc_path("none") : NULL;
	}
	if (lc_mkdirs(dir, err) == 0 &&
	    (access(path, F_OK) == 0 || (said = lc_tool_records(argv, err)))) {
		whole = realpath(path, NULL);
		if (!whole)
			lc_fail_sys(err, "find %s", path);
	}
	json_decref(said);
	free(path);
	return whole;
}

/* actions: all that the trainer is told. */
static json_t *applied(const json_t *decision, const json_t *actions, const char *state)
{
	char **words = lc_actions_words(actions);
	json_t *rec = lc_record_new("applied", 1), *list = json_array();

	for (char **w = words; *w; w++)
		json_array_append_new(list, json_string(*w));
	lc_words_free(words);
	json_object_set(rec, "fork", json_object_get(decision, "fork"));
	json_object_set(rec, "choice", json_object_get(decision, "choice"));
	json_object_set_new(
		rec, "step",
		json_integer(lc_json_get_int(json_object_get(decision, "from"), "step", -1)));
	json_object_set_new(rec, "state", json_string(state));
	json_object_set(rec, "actions", (json_t *)actions);
	json_object_set_new(rec, "words", list);
	return rec;
}

/* Become the command; returns only when that fails. */
static int become(struct lc_words *w, struct lc_err *err)
{
	char *command = lc_template_fill(tmpl, w->holes, w->nholes, err);

	if (!command)
		return -1;
	for (char **e = w->env; *e; e++)
		putenv(*e);
	fflush(stdout);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	lc_fail_sys(err, "run /bin/sh");
	free(command);
	return -1;
}

/* The state is there: tell the trainer, or become it. told: the decision's actions over the base.
 */
static int put_into(const json_t *decision, const json_t *told, const char *state,
		    struct lc_err *err)
{
	char *whole = realpath(dir, NULL);
	struct lc_future f = {.out = out, .state = state, .dir = whole, .actions = told};
	struct lc_words w = {.nholes = 0};
	json_t *rec;
	int ret = -1;

	if (!whole)
		return lc_fail_sys(err, "find %s", dir);
	if (lc_words_init(&w, &f, err) == 0 && save_base(told, err) == 0) {
		rec = applied(decision, told, state);
		ret = tmpl ? become(&w, err) : lc_json_emit(stdout, rec, err);
		json_decref(rec);
	}
	lc_words_release(&w);
	free(whole);
	return ret;
}

static int apply(const json_t *decision, struct lc_err *err)
{
	const json_t *actions = json_object_get(decision, "actions");
	const char *snapshot = lc_json_get_str(json_object_get(decision, "from"), "snapshot", NULL);
	json_t *base, *told;
	struct lc_id id;
	char *state;
	int ret = -1;

	if (!snapshot || (strcmp(snapshot, "none") != 0 && lc_id_parse(snapshot, &id) < 0))
		return lc_fail(err, LC_DATA, "the decision names no snapshot");
	if (lc_actions_check(actions, err) < 0 || !(base = read_base(err)))
		return -1;
	told = lc_actions_over(base, actions);
	state = restore(snapshot, err);
	if (state)
		ret = put_into(decision, told, state, err);
	json_decref(base);
	json_decref(told);
	free(state);
	return ret;
}

int verb_apply(int argc, char **argv)
{
	const char *path = options(argc, argv);
	struct lc_err err;
	json_t *decision = decision_read(path, NULL, &err);
	int failed;

	if (!decision)
		lc_die(&err);
	if (decision_status(decision) != LC_OK && !force) {
		lc_warn("%s: %s: nothing to apply", path,
			lc_json_get_str(decision, "verdict", "no verdict"));
		json_decref(decision);
		return lc_finish(LC_NO);
	}
	failed = apply(decision, &err) < 0;
	json_decref(decision);
	if (failed)
		lc_die(&err);
	return lc_finish(0);
}
