/* incident: see incident.h. */
#include "incident.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action.h"
#include "io.h"
#include "journal.h"
#include "json.h"

static int is_arm(const json_t *arm, struct lc_err *err)
{
	double gain;

	if (!lc_json_get_str(arm, "branch", NULL) ||
	    lc_json_to_num(json_object_get(arm, "gain"), &gain) < 0)
		return lc_fail(err, LC_DATA, "an incident's arm without branch or gain");
	return lc_actions_check(json_object_get(arm, "actions"), err);
}

int lc_incident_check(const json_t *rec, struct lc_err *err)
{
	const json_t *arms = json_object_get(rec, "arms");
	int is = lc_record_is(rec, "incident", 1, err);

	if (is <= 0)
		return is < 0 ? -1 : lc_fail(err, LC_DATA, "no incident record");
	if (!lc_json_get_str(rec, "run", NULL) || !lc_json_get_str(rec, "decision", NULL) ||
	    !lc_json_get_str(rec, "verdict", NULL) || !json_is_array(arms))
		return lc_fail(err, LC_DATA, "an incident without run, decision, verdict or arms");
	for (size_t i = 0; i < json_array_size(arms); i++)
		if (is_arm(json_array_get(arms, i), err) < 0)
			return -1;
	return 0;
}

int lc_outcome_check(const json_t *rec, struct lc_err *err)
{
	int is = lc_record_is(rec, "outcome", 1, err);

	if (is <= 0)
		return is < 0 ? -1 : lc_fail(err, LC_DATA, "no outcome record");
	if (!lc_json_get_str(rec, "decision", NULL) || lc_json_get_int(rec, "steps", -1) < 0 ||
	    !lc_json_get_str(rec, "held", NULL))
		return lc_fail(err, LC_DATA, "an outcome without decision, steps or held");
	return 0;
}

struct reader {
	json_t *all;   /* incidents */
	json_t *where; /* their index by decision */
	long bad;
};

static void put(struct reader *r, json_t *rec)
{
	const char *decision = lc_json_get_str(rec, "decision", "");
	const json_t *at = json_object_get(r->where, decision);
	json_t *old;

	if (!at) {
		json_object_set_new(r->where, decision,
				    json_integer((json_int_t)json_array_size(r->all)));
		json_array_append(r->all, rec);
		return;
	}
	old = json_array_get(r->all, (size_t)json_integer_value(at));
	if (json_object_get(old, "outcome"))
		json_object_set(rec, "outcome", json_object_get(old, "outcome"));
	json_array_set(r->all, (size_t)json_integer_value(at), rec);
}

static int take(void *ctx, json_t *rec, const char *line, struct lc_err *err)
{
	struct reader *r = ctx;
	const json_t *at;

	(void)line;
	(void)err;
	if (strcmp(lc_json_get_str(rec, "type", ""), "incident") == 0) {
		json_object_del(rec, "outcome");
		if (lc_incident_check(rec, NULL) == 0)
			put(r, rec);
		else
			r->bad++;
		return 0;
	}
	at = json_object_get(r->where, lc_json_get_str(rec, "decision", ""));
	if (lc_outcome_check(rec, NULL) < 0)
		r->bad++;
	else if (at)
		json_object_set(json_array_get(r->all, (size_t)json_integer_value(at)), "outcome",
				rec);
	return 0;
}

json_t *lc_memory_read(const char *store, long *bad, struct lc_err *err)
{
	static const char *const types[] = {"incident", "outcome", NULL};
	char *path = lc_path("%s/memory.jsonl", store);
	struct reader r = {.all = json_array(), .where = json_object()};
	int ret = 0;

	if (access(path, F_OK) == 0 || errno != ENOENT)
		ret = lc_journal_each(path, types, 1, take, &r, err);
	free(path);
	json_decref(r.where);
	if (bad)
		*bad = r.bad;
	if (ret == 0)
		return r.all;
	json_decref(r.all);
	return NULL;
}

int lc_memory_add(const char *store, const json_t *rec, struct lc_err *err)
{
	int outcome = strcmp(lc_json_get_str(rec, "type", ""), "outcome") == 0;
	struct lc_journal j;
	char *path;
	int ret;

	if ((outcome ? lc_outcome_check(rec, err) : lc_incident_check(rec, err)) < 0)
		return -1;
	path = lc_path("%s/memory.jsonl", store);
	ret = lc_journal_open(&j, path, err);
	free(path);
	if (ret < 0)
		return -1;
	ret = lc_journal_add(&j, rec, err);
	lc_journal_close(&j);
	return ret;
}
