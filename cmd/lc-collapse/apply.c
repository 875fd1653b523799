/*
 * apply: put the run into the chosen future: restore the state it starts from, move the run's ref,
 * say its actions to the trainer, and write it down; or take that back. All or nothing: see
 * ledger.h. Nothing of the past is touched.
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
#include "put.h"

static struct put put = {.dir = "lc-applied"};
static const char *journal;
static int force, undo;

static const char usage[] =
	"usage: lc-collapse apply [-s STORE] [-d DIR] [-J JOURNAL] [-b BASE] [-c CONTROL] [-o "
	"OUT]\n"
	"                         [-x COMMAND] [--force] DECISION\n"
	"       lc-collapse apply --undo [OPTION ...] [DECISION]\n"
	"Put the run into the chosen future, all or nothing: restore the state into DIR/state-ID,\n"
	"move the run's ref in the store, write DIR/actions.json, BASE and CONTROL, add an "
	"applied\n"
	"record to the journal; print it, or with -x run the trainer's command, holes filled as "
	"by\n"
	"lc-fork run. Again, it does nothing more. DECISION may be - for standard input.\n"
	"  -s, --store DIR     lc-snap's store ($LC_STORE, else lc-store)\n"
	"  -d, --dir DIR       where state and actions go (lc-applied)\n"
	"  -J, --journal FILE  what is appended to (DIR/journal.jsonl)\n"
	"  -H, --history FILE  what the run logs: how long it is now is noted, for review\n"
	"  -b, --base FILE     the actions in force: read if there, and left as they then are\n"
	"  -c, --control FILE  a trainer runs on: tell it by this file, restore nothing\n"
	"  -o, --out DIR       what fills {out}: where the trainer writes its states (DIR/out)\n"
	"  -x, --exec COMMAND  the trainer's command line\n"
	"  --undo              back to where the run was before the last that was applied\n"
	"  --force             also a verdict that is not \"better\" (the control), or a stale "
	"one\n"
	"Status: 0 applied, 1 nothing better, stale, or nothing to undo, else the command's.\n";

static const char *options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"store", 1, 0, 's'}, {"dir", 1, 0, 'd'},     {"out", 1, 0, 'o'},
		{"exec", 1, 0, 'x'},  {"base", 1, 0, 'b'},    {"journal", 1, 0, 'J'},
		{"undo", 0, 0, 'U'},  {"control", 1, 0, 'c'}, {"force", 0, 0, 'F'},
		{"help", 0, 0, 'h'},  {"history", 1, 0, 'H'}, {0, 0, 0, 0},
	};
	int c;

	put.store = getenv("LC_STORE");
	if (!put.store)
		put.store = "lc-store";
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":s:d:b:c:o:x:J:H:", longs, NULL)) != -1) {
		switch (c) {
		case 's': put.store = optarg; break;
		case 'd': put.dir = optarg; break;
		case 'b': put.base_path = optarg; break;
		case 'c': put.control = optarg; break;
		case 'o': put.out = optarg; break;
		case 'x': put.tmpl = optarg; break;
		case 'J': journal = optarg; break;
		case 'H': put.history = optarg; break;
		case 'U': undo = 1; break;
		case 'F': force = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (put.control && put.tmpl)
		lc_usage("apply: -c is for a trainer that runs, -x for one to be started");
	if (argc - optind != 1 && !(undo && argc == optind))
		lc_usage("apply: wants one decision record");
	return argv[optind];
}

static int is_top(const struct ledger *l, const char *hash)
{
	return strcmp(lc_json_get_str(ledger_top(l), "decision", ""), hash) == 0;
}

/* It is there already, or is journaled; then the trainer is told. */
static int finish(struct ledger *l, json_t *rec, int known, struct lc_err *err)
{
	json_t *held = rec ? json_incref(rec) : NULL;
	int ret = -1;

	if (rec && put_restore(&put, rec, err) == 0 && (known || ledger_commit(l, rec, err) == 0)) {
		ledger_close(l); /* not held while a command runs */
		ret = put_tell(&put, held, err);
	}
	json_decref(held);
	return ret;
}

/* Can it be done at all, and is it still about the run as it is? */
static int may(const struct ledger *l, const struct where *w, const json_t *decision,
	       const json_t *base, struct lc_err *err)
{
	const char *from = lc_json_get_str(json_object_get(decision, "from"), "snapshot", "");
	const char *now = lc_json_get_str(json_object_get(decision, "present"), "snapshot", from);
	char why[200];

	if (put.control && strcmp(from, now) != 0)
		return lc_fail(err, LC_NO,
			       "it goes back to another state: a trainer that runs on "
			       "cannot");
	if (!force && where_stale(w, l, decision, put.base_path ? base : NULL, why, sizeof(why)))
		return lc_fail(err, LC_NO, "stale: %s (--force applies it all the same)", why);
	return 0;
}

static int apply(struct ledger *l, const json_t *decision, const char *hash, struct lc_err *err)
{
	const json_t *actions = json_object_get(decision, "actions");
	const char *snapshot = lc_json_get_str(json_object_get(decision, "from"), "snapshot", NULL);
	json_t *base, *told = NULL, *rec = NULL;
	struct where w = {.run = NULL};
	int ret = -1;

	if (is_top(l, hash))
		return finish(l, (json_t *)ledger_top(l), 1, err); /* which keeps it itself */
	if (!snapshot)
		return lc_fail(err, LC_DATA, "the decision names no snapshot");
	if (lc_actions_check(actions, err) < 0 || !(base = put_base(&put, err)))
		return -1;
	if (where_look(&w, put.store, snapshot, json_object_get(decision, "present"), err) == 0 &&
	    may(l, &w, decision, base, err) == 0) {
		told = lc_actions_over(base, actions);
		rec = put_applied(&put, l, &w, decision, hash, base, told, err);
		ret = finish(l, rec, 0, err);
	}
	where_release(&w);
	json_decref(base);
	json_decref(told);
	json_decref(rec);
	return ret;
}

static int take_back(struct ledger *l, const char *hash, struct lc_err *err)
{
	json_t *rec;
	int ret;

	if (!ledger_top(l))
		return lc_fail(err, LC_NO, "nothing is applied that could be undone");
	if (hash && !is_top(l, hash))
		return lc_fail(err, LC_NO, "it is not what was applied last");
	rec = put_undone(&put, l, err);
	ret = finish(l, rec, 0, err);
	json_decref(rec);
	return ret;
}

static int act(const char *path, const json_t *decision, const char *line, struct lc_err *err)
{
	char hash[72], *file;
	struct ledger l;
	int ret;

	if (line && decision_name(line, hash, err) < 0)
		return -1;
	if (decision && !undo && decision_status(decision) != LC_OK && !force)
		return lc_fail(err, LC_NO, "%s: %s: nothing to apply", path,
			       lc_json_get_str(decision, "verdict", "no verdict"));
	file = journal ? lc_path("%s", journal) : lc_path("%s/journal.jsonl", put.dir);
	ret = journal ? 0 : lc_mkdirs(put.dir, err);
	if (ret == 0)
		ret = ledger_open(&l, file, err);
	free(file);
	if (ret < 0)
		return -1;
	ret = undo ? take_back(&l, line ? hash : NULL, err) : apply(&l, decision, hash, err);
	ledger_close(&l);
	return ret;
}

int verb_apply(int argc, char **argv)
{
	const char *path = options(argc, argv);
	struct lc_err err;
	char *line = NULL;
	json_t *decision = path ? decision_read(path, &line, &err) : NULL;
	int failed;

	if (path && !decision)
		lc_die(&err);
	failed = act(path, decision, line, &err) < 0;
	json_decref(decision);
	free(line);
	if (failed)
		lc_die(&err);
	return lc_finish(0);
}
