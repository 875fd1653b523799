/* past: see past.h. */
#include "past.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "journal.h"
#include "json.h"
#include "record.h"

static void add_decision(struct past_list *list, json_t *rec)
{
	struct past *p;

	list->p = lc_xrealloc(list->p, (size_t)list->n + 1, sizeof(*list->p));
	p = &list->p[list->n++];
	*p = (struct past){.decision = json_incref(rec), .first = -1, .last = -1};
	p->from = lc_json_get_int(json_object_get(rec, "from"), "step", 0);
}

/* The run was started: with what was decided last, or anew. Lines from there on come after it. */
static void started(struct past_list *list, const json_t *rec)
{
	long lines = lc_json_get_int(rec, "logged", -1);
	struct past *p = list->n ? &list->p[list->n - 1] : NULL;

	if (p && p->first < 0)
		p->first = lines < 0 ? 0 : lines;
	if (list->n > 1 && p->first >= 0 && p[-1].last < 0)
		p[-1].last = p->first;
}

static int take(void *ctx, json_t *rec, const char *line, struct lc_err *err)
{
	struct past_list *list = ctx;
	const char *type = lc_json_get_str(rec, "type", "");
	struct past *p = list->n ? &list->p[list->n - 1] : NULL;

	if (strcmp(type, "decision") == 0) {
		if (strcmp(lc_json_get_str(rec, "fork", "none"), "none") == 0)
			return 0;
		if (p)
			p->over = 1;
		add_decision(list, rec);
		if (goal_read(&list->p[list->n - 1].goal, rec, err) < 0)
			return -1;
		return decision_name(line, list->p[list->n - 1].name, err);
	}
	if (strcmp(type, "applied") == 0) {
		list->orphans += !p && strcmp(lc_json_get_str(rec, "fork", "none"), "none") != 0;
		started(list, rec);
	} else if (strcmp(type, "event") == 0 && p)
		p->over |= strcmp(lc_json_get_str(rec, "event", ""), "ended") == 0;
	else if (strcmp(type, "alert") == 0 && p && p->alerts < 16)
		p->alert_steps[p->alerts++] = lc_json_get_int(rec, "step", -1);
	return 0;
}

int past_list_read(struct past_list *list, const char *journal, struct lc_err *err)
{
	static const char *const types[] = {"decision", "applied", "alert", "event", NULL};

	memset(list, 0, sizeof(*list));
	return lc_journal_each(journal, types, 1, take, list, err);
}

void past_list_release(struct past_list *list)
{
	for (int i = 0; i < list->n; i++)
		json_decref(list->p[i].decision);
	free(list->p);
	memset(list, 0, sizeof(*list));
}

int past_run_read(struct past_run *run, const char *path, const struct past *p, long window,
		  struct lc_err *err)
{
	const struct goal *goal;
	struct lc_lines in;
	struct lc_step st;
	char *line;
	size_t len;
	int more = 0;

	memset(run, 0, sizeof(*run));
	goal = p->goal.terms ? &p->goal : NULL;
	if (p->first < 0) /* the run did not go on */
		return 0;
	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((p->last < 0 || (long)in.line < p->last) &&
	       (more = lc_lines_next(&in, &line, &len, err)) > 0) {
		if ((long)in.line <= p->first ||
		    lc_step_parse(line, len, goal ? &goal->names : NULL, &st, NULL) != 1 ||
		    st.branch[0] || st.step <= p->from || st.step > p->from + window ||
		    st.step > INT_MAX)
			continue;
		future_read(goal, &run->f, &st);
	}
	lc_lines_close(&in);
	run->steps = run->f.n ? run->f.r[run->f.n - 1].step - p->from : 0;
	if (more < 0)
		past_run_release(run);
	return more < 0 ? -1 : 0;
}

void past_run_release(struct past_run *run)
{
	free(run->f.r);
	free(run->f.also);
	free(run->f.now);
	memset(run, 0, sizeof(*run));
}
