/* sources: the occasion of a fork (an alert, a snapshot, now), and the states it starts from. */
#include <string.h>

#include "io.h"
#include "json.h"
#include "plan.h"

/* The last alert or snapshot record of the file; NULL with an error when there is none. */
static json_t *read_occasion(const char *path, struct lc_err *err)
{
	json_t *found = NULL, *rec;
	struct lc_lines in;
	char *line;
	size_t len;
	int more;

	if (lc_lines_open(&in, path, 0, err) < 0)
		return NULL;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		rec = json_loadb(line, len, 0, NULL);
		more = rec ? lc_record_is(rec, "alert", 1, err) : 0;
		if (rec && more == 0)
			more = lc_record_is(rec, "snapshot", 1, err);
		if (more > 0) {
			json_decref(found);
			found = json_incref(rec);
		}
		json_decref(rec);
		if (more < 0)
			break;
	}
	lc_lines_close(&in);
	if (more < 0) {
		json_decref(found);
		return NULL;
	}
	if (!found)
		lc_fail(err, LC_DATA, "%s: no alert record, and no snapshot record", path);
	return found;
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
 * all of them up to the head.
 */
static json_t *present_line(const json_t *snaps, const char *head)
{
	json_t *line = json_array();
	size_t n = json_array_size(snaps);
	const json_t *s = *head ? by_id(snaps, head) : json_array_get(snaps, n - 1);
	const char *parent = lc_json_get_str(json_object_get(s, "tags"), "parent", NULL);
	long step = lc_json_get_int(s, "step", -1);

	if (!parent) {
		if (*head)
			json_array_append(line, (json_t *)s);
		for (size_t i = n; i > 0; i--) {
			json_t *t = json_array_get(snaps, i - 1);
			if (!*head || lc_json_get_int(t, "step", -1) < step)
				json_array_append(line, t);
		}
		return line;
	}
	while (s && json_array_size(line) <= n) {
		json_array_append(line, (json_t *)s);
		s = by_id(snaps, lc_json_get_str(json_object_get(s, "tags"), "parent", NULL));
	}
	return line;
}

/* The present, then the newest states at or before the alert's rewind step. */
static void find_origins(struct plan *p, const json_t *line)
{
	long last = -1;
	json_t *s;
	size_t i;

	json_array_foreach(line, i, s) {
		long step = lc_json_get_int(s, "step", -1);
		int clean = step <= p->rewind,
		    present = p->norigins == 0 && step >= p->onset && strcmp(p->kind, "none");
		if (step < 0 || p->norigins == MAX_ORIGINS || !(clean || present) || step == last)
			continue;
		p->o[p->norigins++] = (struct origin){lc_json_get_str(s, "id", ""), step};
		last = step;
	}
}

/*
 * Every N steps: the first state of the newest such stretch that holds one, so that asking again
 * within the stretch, as cron does, gives the same fork.
 */
static const json_t *stretch_begins(const json_t *line, long every)
{
	long newest = lc_json_get_int(json_array_get(line, 0), "step", -1), from;
	const json_t *found = NULL;
	json_t *s;
	size_t i;

	from = newest - newest % every;
	json_array_foreach(line, i, s)
		if (from > 0 && lc_json_get_int(s, "step", -1) >= from)
			found = s;
	return found;
}

/* No alert: the state itself is the occasion, and nothing in it is damaged. */
static int at_state(struct plan *p, const json_t *line, struct lc_err *err)
{
	const json_t *s = json_array_get(line, 0);

	if (p->asked->every > 0) {
		s = stretch_begins(line, p->asked->every);
		if (!s)
			return lc_fail(err, LC_NO, "no state %ld steps or more into the run",
				       p->asked->every);
	}
	p->kind = "none";
	p->severity = 1;
	p->alert = p->rewind = lc_json_get_int(s, "step", 0);
	p->onset = p->alert + 1;
	return 0;
}

static int at_alert(struct plan *p, struct lc_err *err)
{
	const json_t *a = p->occasion;
	double threshold = lc_json_get_num(a, "threshold", 1), index;

	p->kind = lc_json_get_str(a, "kind", "spike");
	p->alert = lc_json_get_int(a, "step", 0);
	p->onset = lc_json_get_int(a, "onset", p->alert);
	p->rewind = lc_json_get_int(a, "rewind", p->onset - 1);
	if (lc_json_to_num(json_object_get(a, "index"), &index) < 0 || !(threshold > 0))
		index = threshold = 1;
	p->severity = index > threshold ? index / threshold : 1;
	if (p->rewind >= p->onset)
		return lc_fail(err, LC_DATA, "the alert goes back to step %ld, after its onset",
			       p->rewind);
	return 0;
}

int plan_source(struct plan *p, struct lc_err *err)
{
	const struct asked *q = p->asked;
	const char *head = q->head, *what = "";
	json_t *line;
	int ret = 0;

	p->occasion = q->now ? json_object() : read_occasion(q->source, err);
	if (!p->occasion)
		return -1;
	what = lc_json_get_str(p->occasion, "type", "");
	if (!strcmp(what, "snapshot") && !*head)
		head = lc_json_get_str(p->occasion, "id", "");
	if (*head && !by_id(p->snaps, head))
		return lc_fail(err, LC_DATA, "%s: no snapshot %s", q->store, head);
	if (json_array_size(p->snaps) == 0)
		return lc_fail(err, LC_DATA, "%s: no snapshot%s%s to start from", q->store,
			       q->run ? " of run " : "", q->run ? q->run : "");
	line = present_line(p->snaps, head);
	ret = !strcmp(what, "alert") ? at_alert(p, err) : at_state(p, line, err);
	if (ret == 0)
		find_origins(p, line);
	json_decref(line);
	if (ret == 0 && p->norigins == 0)
		ret = lc_fail(err, LC_DATA, "%s: no snapshot%s%s to start from (of %zu)", q->store,
			      q->run ? " of run " : "", q->run ? q->run : "",
			      json_array_size(p->snaps));
	p->clean = p->norigins > 1 && p->o[0].step >= p->onset ? 1 : 0;
	return ret;
}
