/*
 * plan: from an alert and the snapshots of the run, the futures worth thinking about.
 *
 * First what everything is judged against (DESIGN section 8, truths 1 and 4): the control, which
 * changes nothing; the replay, the clean state without a change; null branches, the clean state
 * under other data orders; a jitter copy of the replay. Then arms from the menu, up to the width
 * asked for.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "fork.h"
#include "hash.h"
#include "io.h"
#include "json.h"
#include "menu.h"
#include "option.h"

#define MAX_ORIGINS 4 /* the present and three states to go back to */

static const char *alert_path = "-", *store, *run, *fork_id, *head = "", *base_path;
static json_t *base; /* actions in force on the run: its lr_scale multiplies the menu's */
static long width = 64, horizon = 200, readout = 200, nulls = 6;

static const char usage[] =
	"usage: lc-fork plan [-a ALERT] [-s STORE] [-w WIDTH] [--horizon N] [--readout N]\n"
	"                    [--nulls M] [--run NAME] [--head ID] [--base FILE] [--fork NAME]\n"
	"Write branch records: control, clean, nulls, jitter, and arms up to WIDTH branches in "
	"all.\n"
	"  -a, --alert FILE  the alert record (its last one counts; - is standard input)\n"
	"  -s, --store DIR   lc-snap's store ($LC_STORE, else lc-store)\n"
	"  -w, --width N     branches to propose, at least 8 (64)\n"
	"  --horizon N       steps every branch runs past the present (200)\n"
	"  --readout N       steps of the segments it is then read by (200)\n"
	"  --nulls M         null branches, at least 2 (6)\n"
	"  --base FILE       the actions already in force (JSON)\n"
	"  --head ID         the newest snapshot on the run's present line\n"
	"  --run NAME        only snapshots of this run\n"
	"  --fork NAME       name of the fork (default: from the alert and the snapshots)\n";

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"alert", 1, 0, 'a'},	{"store", 1, 0, 's'},	{"width", 1, 0, 'w'},
		{"horizon", 1, 0, 'H'}, {"readout", 1, 0, 'R'}, {"nulls", 1, 0, 'n'},
		{"run", 1, 0, 'r'},	{"fork", 1, 0, 'f'},	{"head", 1, 0, 'd'},
		{"base", 1, 0, 'b'},	{"help", 0, 0, 'h'},	{0, 0, 0, 0},
	};
	int c;

	store = getenv("LC_STORE");
	if (!store)
		store = "lc-store";
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":a:s:w:", longs, NULL)) != -1) {
		switch (c) {
		case 'a': alert_path = optarg; break;
		case 's': store = optarg; break;
		case 'w': width = lc_option_whole(optarg, "--width", 8, 65536); break;
		case 'H': horizon = lc_option_whole(optarg, "--horizon", 1, 1000000000); break;
		case 'R': readout = lc_option_whole(optarg, "--readout", 1, 1000000000); break;
		case 'n': nulls = lc_option_whole(optarg, "--nulls", 2, 64); break;
		case 'r': run = optarg; break;
		case 'f': fork_id = optarg; break;
		case 'd': head = optarg; break;
		case 'b': base_path = optarg; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (optind < argc)
		lc_usage("plan: unexpected %s", argv[optind]);
	if (nulls + 4 > width)
		lc_usage("--width %ld leaves no room beside the control and %ld nulls", width,
			 nulls);
}

/* The last alert record of the file; NULL with an error when there is none. */
static json_t *read_alert(struct lc_err *err)
{
	struct lc_lines in;
	json_t *alert = NULL, *rec;
	char *line;
	size_t len;
	int more;

	if (lc_lines_open(&in, alert_path, 0, err) < 0)
		return NULL;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		rec = json_loadb(line, len, 0, NULL);
		more = rec ? lc_record_is(rec, "alert", 1, err) : 0;
		if (more > 0) {
			json_decref(alert);
			alert = json_incref(rec);
		}
		json_decref(rec);
		if (more < 0)
			break;
	}
	lc_lines_close(&in);
	if (more < 0) {
		json_decref(alert);
		return NULL;
	}
	if (!alert)
		lc_fail(err, LC_DATA, "%s: no alert record", alert_path);
	return alert;
}

static const json_t *by_id(const json_t *snaps, const char *id)
{
	json_t *s;
	size_t i;

	json_array_foreach(snaps, i, s)
		if (id && *id && strncmp(lc_json_get_str(s, "id", ""), id, strlen(id)) == 0)
			return s;
	return NULL;
}

/*
 * The snapshots on the run's present line, newest first: from the head along the "parent" tags
 * where they are, so that what an earlier decision left behind is never returned to; without tags,
 * all of them.
 */
static json_t *present_line(const json_t *snaps)
{
	json_t *line = json_array();
	const json_t *s = by_id(snaps, head);
	const char *parent;

	if (!s)
		s = json_array_get(snaps, json_array_size(snaps) - 1);
	parent = lc_json_get_str(json_object_get(s, "tags"), "parent", NULL);
	if (!parent && !*head) {
		for (size_t i = json_array_size(snaps); i > 0; i--)
			json_array_append(line, json_array_get(snaps, i - 1));
		return line;
	}
	while (s && json_array_size(line) <= json_array_size(snaps)) {
		json_array_append(line, (json_t *)s);
		s = by_id(snaps, lc_json_get_str(json_object_get(s, "tags"), "parent", NULL));
	}
	return line;
}

/* The present, then the newest states at or before the alert's rewind step. */
static int find_origins(const json_t *line, const json_t *alert, struct origin *o)
{
	long onset = lc_json_get_int(alert, "onset", 0),
	     rewind = lc_json_get_int(alert, "rewind", onset - 1);
	long last = -1;
	json_t *s;
	size_t i;
	int n = 0;

	json_array_foreach(line, i, s) {
		long step = lc_json_get_int(s, "step", -1);
		int clean = step <= rewind, present = n == 0 && step >= onset;
		if (step < 0 || n == MAX_ORIGINS || !(clean || present) || step == last)
			continue;
		o[n++] = (struct origin){lc_json_get_str(s, "id", ""), step};
		last = step;
	}
	return n;
}

struct plan {
	const char *fork;
	struct origin o[MAX_ORIGINS];
	int norigins,
		clean; /* clean: index of the newest clean state (0 when the present is one) */
	long end, made;
};

/* Print one branch. order is which data order it sees: 0 the run's own. */
static int put(struct plan *p, const char *role, const char *kind, int order, int origin,
	       json_t *actions, struct lc_err *err)
{
	const struct origin *o = &p->o[origin];
	json_t *rec = lc_record_new("branch", 1);
	char id[32];
	int ret;

	snprintf(id, sizeof(id), "b%0*ld", width > 1000 ? 5 : 3, p->made++);
	json_object_set_new(rec, "fork", json_string(p->fork));
	json_object_set_new(rec, "branch", json_string(id));
	json_object_set_new(rec, "role", json_string(role));
	json_object_set_new(rec, "kind", json_string(kind));
	json_object_set_new(rec, "order", json_integer(order));
	json_object_set_new(
		rec, "from",
		json_pack("{s:s,s:I}", "snapshot", o->snapshot, "step", (json_int_t)o->step));
	json_object_set_new(rec, "horizon", json_integer(p->end - o->step));
	json_object_set_new(
		rec, "readout",
		json_pack("{s:I,s:I}", "return", (json_int_t)readout, "cool", (json_int_t)readout));
	if (json_object_size(base) > 0)
		json_object_set(rec, "base", base);
	if (json_object_get(actions, "lr_scale"))
		json_object_set_new(actions, "lr_scale",
				    json_real(lc_json_get_num(actions, "lr_scale", 1) *
					      lc_json_get_num(base, "lr_scale", 1)));
	json_object_set_new(rec, "actions", actions);
	ret = lc_json_emit(stdout, rec, err);
	json_decref(rec);
	return ret;
}

static int put_references(struct plan *p, struct lc_err *err)
{
	json_int_t back = p->o[p->clean].step;

	if (put(p, "control", "restorative", 0, 0, json_object(), err) < 0)
		return -1;
	if (p->clean > 0 && put(p, "clean", "restorative", 0, p->clean,
				json_pack("{s:I}", "rewind", back), err) < 0)
		return -1;
	for (int i = 1; i <= nulls; i++)
		if (put(p, "null", "restorative", i, p->clean,
			json_pack("{s:I}", "reseed", (json_int_t)i), err) < 0)
			return -1;
	return put(p, "jitter", "restorative", 0, p->clean, json_pack("{s:f}", "jitter", 1e-6),
		   err);
}

static int put_arms(struct plan *p, const struct menu *m, struct lc_err *err)
{
	int n, ret = 0;
	struct dish *d = menu_make(m, &n);

	for (int i = 0; i < n && p->made < width && ret == 0; i++) {
		/* going back and nothing else is the replay, which is there already */
		if (d[i].origin == p->clean && p->clean > 0 && json_object_size(d[i].actions) == 1)
			continue;
		ret = put(p, "arm", d[i].kind, 0, d[i].origin, json_copy(d[i].actions), err);
	}
	menu_release(d, n);
	if (ret == 0 && p->made < width)
		lc_warn("the menu holds no more: %ld branches proposed, not %ld", p->made, width);
	return ret;
}

/* The same alert over the same snapshots is the same fork: started again, it goes on. */
static char *name_fork(const json_t *alert, const struct plan *p, struct lc_err *err)
{
	char *text = lc_json_text(alert), *all, hex[LC_HEX_LEN + 1];
	struct lc_id id;
	int bad;

	all = lc_path("%s %s %ld", text, p->o[0].snapshot, width);
	bad = lc_sha256(all, strlen(all), &id, err);
	free(text);
	free(all);
	if (bad)
		return NULL;
	lc_id_hex(&id, hex);
	return lc_path("f%.8s", hex);
}

static int plan(const json_t *alert, const json_t *snaps, struct lc_err *err)
{
	json_t *line = present_line(snaps);
	struct plan p = {0};
	struct menu m;
	char *name = NULL;
	int ret = -1;

	p.norigins = find_origins(line, alert, p.o);
	if (*head && !by_id(snaps, head)) {
		lc_fail(err, LC_DATA, "%s: no snapshot %s", store, head);
		goto out;
	}
	if (p.norigins == 0) {
		lc_fail(err, LC_DATA, "%s: no snapshot%s%s to start from (of %zu)", store,
			run ? " of run " : "", run ? run : "", json_array_size(snaps));
		goto out;
	}
	m = (struct menu){.origins = p.o, .norigins = p.norigins, .horizon = horizon};
	m.alert = lc_json_get_int(alert, "step", 0);
	m.onset = lc_json_get_int(alert, "onset", m.alert);
	m.present_is_dead = strcmp(lc_json_get_str(alert, "kind", ""), "nonfinite") == 0 &&
			    p.o[0].step >= m.onset;
	p.clean = p.norigins > 1 && p.o[0].step >= m.onset ? 1 : 0;
	if (p.clean == 0 && p.o[0].step >= m.onset)
		lc_warn("%s: no snapshot from before step %ld: nothing to go back to", store,
			m.onset);
	p.end = (p.o[0].step > m.alert ? p.o[0].step : m.alert) + horizon;
	name = name_fork(alert, &p, err);
	p.fork = fork_id ? fork_id : name;
	if (!p.fork || put_references(&p, err) < 0 || put_arms(&p, &m, err) < 0)
		goto out;
	ret = 0;
out:
	free(name);
	json_decref(line);
	return ret;
}

int verb_plan(int argc, char **argv)
{
	struct lc_err err;
	json_t *alert, *snaps;

	options(argc, argv);
	alert = read_alert(&err);
	if (!alert)
		lc_die(&err);
	base = base_path ? lc_json_load(base_path, &err) : json_object();
	snaps = base && lc_actions_check(base, &err) == 0 ? snapshots_list(store, run, &err) : NULL;
	if (!snaps || plan(alert, snaps, &err) < 0)
		lc_die(&err);
	json_decref(alert);
	json_decref(snaps);
	json_decref(base);
	return lc_finish(0);
}
