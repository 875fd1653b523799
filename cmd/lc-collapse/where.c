/* where: see where.h. */
#include "where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "store.h"

/* Snapshots of branches are not the run's own line. */
static int is_of_run(const struct lc_snapshot *s, const char *run)
{
	return strcmp(s->m.run, run) == 0 && !lc_manifest_get_tag(&s->m, "branch");
}

static int chosen(struct where *w, const struct lc_store *st, const char *hex, struct lc_err *err)
{
	struct lc_snapshot s;
	struct lc_id id;

	if (lc_id_parse(hex, &id) < 0)
		return lc_fail(err, LC_DATA, "the decision names no snapshot");
	if (lc_store_read(st, &id, &s, err) < 0) {
		err->code = LC_DATA;
		return -1;
	}
	w->run = lc_path("%s", s.m.run);
	w->chosen_step = s.m.step;
	lc_snapshot_release(&s);
	return 0;
}

static void look_at(struct where *w, const struct lc_snapshot *s, const struct lc_id *present)
{
	if (present && memcmp(&s->id, present, sizeof(*present)) == 0)
		w->present_seq = s->seq;
	if (is_of_run(s, w->run) && s->seq > w->seq)
		w->seq = s->seq;
}

static int look(struct where *w, const struct lc_store *st, const struct lc_id *present,
		struct lc_err *err)
{
	struct lc_snapshot s;
	struct lc_id *ids;
	size_t n;

	if (lc_store_ids(st, &ids, &n, err) < 0)
		return -1;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < n; i++) {
			if (lc_store_read(st, &ids[i], &s, NULL) < 0)
				continue; /* damaged, or gone by now */
			if (pass == 0)
				look_at(w, &s, present);
			else if (w->present_seq >= 0 && is_of_run(&s, w->run) &&
				 s.seq > w->present_seq && s.m.step > w->newest)
				w->newest = s.m.step;
			lc_snapshot_release(&s);
		}
	free(ids);
	return 0;
}

int where_look(struct where *w, const char *store, const char *hex, const json_t *present,
	       struct lc_err *err)
{
	struct lc_id id;
	int known = lc_id_parse(lc_json_get_str(present, "snapshot", ""), &id) == 0, ret = -1;
	struct lc_store *st;
	char *whole;

	*w = (struct where){.newest = -1, .present_seq = -1};
	if (strcmp(hex, "none") == 0)
		return 0;
	st = lc_store_open(store, 0, err);
	if (!st)
		return -1;
	whole = realpath(store, NULL);
	if (!whole)
		lc_fail_sys(err, "find %s", store);
	else if (chosen(w, st, hex, err) == 0 && look(w, st, known ? &id : NULL, err) == 0 &&
		 (w->ref_path = lc_ref_path(whole, w->run, err)) &&
		 lc_ref_read(whole, w->run, &w->ref, err) >= 0)
		ret = 0;
	lc_store_close(st);
	free(whole);
	if (ret < 0)
		where_release(w);
	return ret;
}

void where_release(struct where *w)
{
	free(w->run);
	free(w->ref_path);
	lc_ref_release(&w->ref);
	memset(w, 0, sizeof(*w));
}

/* Has the run been put somewhere else since the state was saved that this was decided at? */
static int was_moved(const struct where *w, const json_t *present)
{
	char hex[LC_HEX_LEN + 1];

	if (!w->ref.run || w->present_seq < 0 || w->present_seq > w->ref.seq)
		return 0;
	lc_id_hex(&w->ref.snapshot, hex);
	return strcmp(hex, lc_json_get_str(present, "snapshot", "")) != 0;
}

/* Two sets of actions, however their numbers are written. */
static int same_actions(const json_t *a, const json_t *b)
{
	int same = json_object_size(a) == json_object_size(b);
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)a, name, v) {
		const json_t *other = json_object_get(b, name);
		char *x = lc_json_text(v), *y = other ? lc_json_text(other) : NULL;
		same &= y && strcmp(x, y) == 0;
		free(x);
		free(y);
	}
	return same;
}

int where_stale(const struct where *w, const struct ledger *l, const json_t *decision,
		const json_t *base, char *buf, size_t size)
{
	const json_t *top = ledger_top(l), *present = json_object_get(decision, "present");
	const json_t *then = json_object_get(decision, "base");
	const char *fork = lc_json_get_str(decision, "fork", "");
	long until = lc_json_get_int(present, "step", 0) + lc_json_get_int(present, "horizon", 0);

	if (top && *fork && strcmp(fork, "none") != 0 &&
	    strcmp(lc_json_get_str(top, "fork", ""), fork) == 0)
		snprintf(buf, size, "another decision of fork %.60s is in force", fork);
	else if (base && then && !same_actions(base, then))
		snprintf(buf, size, "the actions in force are not those it was decided against");
	else if (was_moved(w, present))
		snprintf(buf, size, "the run was put back to step %ld since", w->ref.step);
	else if (present && w->newest > until)
		snprintf(buf, size, "the run has moved on to step %ld, its futures ended at %ld",
			 w->newest, until);
	else
		return 0;
	return 1;
}
