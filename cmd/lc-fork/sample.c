/*
 * sample: arms from a space (lc-space(5)) instead of the menu, and rounds after the first.
 *
 * Without a file the space is what the menu chooses from, with numbers between. Trials of earlier
 * rounds, and with less weight those of other forks, given or remembered by the store, are what tpe
 * and pbt go by.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyper.h"
#include "io.h"
#include "json.h"
#include "trials.h"

#define PRIOR_WEIGHT 0.5 /* of a trial of another fork against one of this */
#define NEXT_ROUND 8	 /* arms of a round after the first, when no width is given */

int plan_sampler_known(const char *name)
{
	return strcmp(name, "menu") == 0 || strcmp(name, "hyper") == 0 ||
	       lc_sampler_find(name) >= 0;
}

/* Is the present damaged? Then no lower lr from it (16 of 16 runs were worse for it). */
static int damaged(const struct plan *p)
{
	return p->clean > 0 && strcmp(p->kind, "drift") != 0 && strcmp(p->kind, "plateau") != 0;
}

static int default_space(const struct plan *p, struct lc_space *s, struct lc_err *err)
{
	static const char *const back[] = {"0", "0,1", "0,1,2", "0,1,2,3"};
	const char *skip = damaged(p) ? ",\"skip\":{\"linear\":[0,200]}" : "";
	const char *rule = damaged(p) ? "\"rewind > 0 or lr_scale >= 1\"" : "";
	const char *none = !damaged(p) ? "0.5,2" : "0.1,4";
	char *text = lc_path("{\"variables\":{\"lr_scale\":{\"log\":[%s]},"
			     "\"weight_decay_scale\":{\"log\":[0.3,3]},"
			     "\"reset\":{\"choice\":[\"none\",\"none\",\"mv\"]},"
			     "\"lr_warmup\":{\"linear\":[0,%ld]},\"rewind\":{\"choice\":[%s]}%s},"
			     "\"constraints\":[%s]}",
			     none, p->asked->horizon / 2 + 1, back[p->norigins - 1], skip, rule);
	int ret = lc_space_parse(s, text, strlen(text), "the default space", err);

	free(text);
	return ret;
}

static int get_space(const struct plan *p, struct lc_space *s, struct lc_err *err)
{
	return p->asked->space ? lc_space_load(s, p->asked->space, err) : default_space(p, s, err);
}

static int read_trials(struct plan *p, const struct lc_space *s, struct trials *ts,
		       struct pasts *mine, struct lc_err *err)
{
	struct metric metric;
	int ret = metric_init(&metric, s->metric, err);

	if (ret == 0 && p->asked->after && mine)
		ret = pasts_read(mine, p->asked->after, &metric, err);
	if (ret == 0 && mine)
		trials_add(ts, p, s, mine, 1);
	for (int i = 0; i < p->asked->npriors && ret == 0; i++) {
		struct pasts other = {0};
		ret = pasts_read(&other, p->asked->prior[i], &metric, err);
		if (ret == 0)
			trials_add(ts, p, s, &other, PRIOR_WEIGHT);
		pasts_release(&other);
	}
	return ret == 0 ? trials_remember(ts, p, s, err) : ret;
}

static int put_point(struct plan *p, const struct lc_space *s, const double *u, struct lc_err *err)
{
	json_t *in_space = lc_space_actions(s, u), *a;
	int origin, ret;

	a = actions_of_plan(p, in_space, &origin);
	json_decref(in_space);
	ret = plan_arm(p, menu_kind(a), origin, a, err);
	return ret;
}

/* The rewound states are the run's own at most: a point that goes farther back goes there. */
static int put_points(struct plan *p, const struct lc_space *s, const struct trials *ts, int want,
		      struct lc_err *err)
{
	const char *name = p->asked->sampler;
	enum lc_sampler how = name		? (enum lc_sampler)lc_sampler_find(name)
			      : p->asked->after ? LC_TPE
						: LC_LHS;
	double *points = lc_xalloc((size_t)want * (size_t)s->n + 1, sizeof(*points));
	int n = lc_sample(s, how, p->asked->seed + (unsigned long long)p->round, ts->t, ts->n, want,
			  points),
	    ret = 0;

	for (int i = 0; i < n && ret == 0; i++)
		ret = put_point(p, s, points + (size_t)i * (size_t)s->n, err);
	if (ret == 0 && n == 0)
		ret = lc_fail(err, LC_DATA, "%s: its constraints leave nothing",
			      p->asked->space ? p->asked->space : "the default space");
	else if (ret == 0 && n < want)
		lc_warn("the space holds no more: %d arms proposed, not %d", n, want);
	free(points);
	return ret;
}

/* How many arms the width leaves room for; a space's own budget is a bound too. */
static int room(const struct plan *p, const struct lc_space *s)
{
	long left = (p->width - p->made) / p->orders;

	if (s->branches && s->branches < left)
		left = s->branches;
	if (s->steps && s->steps / plan_cost(p, p->norigins - 1) < left)
		left = s->steps / plan_cost(p, p->norigins - 1);
	return (int)(left < 1 ? 1 : left);
}

int plan_sample(struct plan *p, struct lc_err *err)
{
	struct trials ts = {0};
	struct lc_space s;
	int ret;

	if (p->asked->sampler && strcmp(p->asked->sampler, "hyper") == 0)
		return plan_hyper(p, (int)((p->width - p->made) / p->orders), err);
	if (get_space(p, &s, err) < 0)
		return -1;
	ret = read_trials(p, &s, &ts, NULL, err);
	if (ret == 0)
		ret = put_points(p, &s, &ts, room(p, &s), err);
	trials_release(&ts);
	lc_space_release(&s);
	return ret;
}

/* The states that branches of the earlier rounds started from, the present first. */
static void origins_of(struct plan *p, const struct pasts *ps)
{
	for (int i = 0; i < ps->n; i++) {
		const json_t *from = json_object_get(ps->b[i].rec, "from");
		const char *id = lc_json_get_str(from, "snapshot", NULL);
		int at = 0;

		if (!id || json_object_get(ps->b[i].rec, "asks"))
			continue;
		while (at < p->norigins && p->o[at].step != ps->b[i].from_step)
			at++;
		if (at < p->norigins || p->norigins == MAX_ORIGINS)
			continue;
		for (at = p->norigins++; at > 1 && p->o[at - 1].step < ps->b[i].from_step; at--)
			p->o[at] = p->o[at - 1];
		p->o[at] = (struct origin){id, ps->b[i].from_step};
	}
}

/* Where the first round stood: what its control says. */
static int take_up(struct plan *p, const struct pasts *ps, struct lc_err *err)
{
	const struct past *control = NULL;
	const json_t *about;

	for (int i = 0; i < ps->n; i++) {
		long n = strtol(ps->b[i].id + 1, NULL, 10);
		long round = lc_json_get_int(ps->b[i].rec, "round", 1);

		if (!control && strcmp(ps->b[i].role, "control") == 0)
			control = &ps->b[i];
		p->made = n >= p->made ? n + 1 : p->made;
		p->wide_ids |= !ps->b[i].parent && strlen(ps->b[i].id) > 4;
		p->round = round >= p->round ? round + 1 : p->round;
	}
	if (!control)
		return lc_fail(err, LC_DATA, "%s: no control branch", p->asked->after);
	about = json_object_get(control->rec, "about");
	p->kind = lc_json_get_str(about, "kind", "none");
	p->alert = lc_json_get_int(about, "alert", control->from_step);
	p->onset = lc_json_get_int(about, "onset", control->from_step + 1);
	p->fork = lc_path("%s", lc_json_get_str(control->rec, "fork", "unnamed"));
	if (json_object_get(control->rec, "base")) {
		json_decref(p->base);
		p->base = json_deep_copy(json_object_get(control->rec, "base"));
	}
	p->o[0] = (struct origin){
		lc_json_get_str(json_object_get(control->rec, "from"), "snapshot", ""),
		control->from_step};
	p->norigins = 1;
	origins_of(p, ps);
	p->clean = p->norigins > 1 && p->o[0].step >= p->onset;
	p->end = control->from_step + control->horizon;
	return 0;
}

/* A round's arms follow all that was there: run again in the same directory, what has ended is not
 * run twice, and all of the evidence is one stream. */
static int put_earlier(const struct pasts *ps, struct lc_err *err)
{
	for (int i = 0; i < ps->n; i++)
		if (lc_json_emit(stdout, ps->b[i].rec, err) < 0)
			return -1;
	return 0;
}

int plan_after(struct plan *p, struct lc_err *err)
{
	struct metric loss = {.which = LC_LOSS};
	struct pasts first = {0}, mine = {0};
	struct trials ts = {0};
	struct lc_space s = {0};
	int ret = -1, want = p->asked->width ? (int)p->asked->width : NEXT_ROUND;

	/* where it stood says what the space is, and the space what is to be read */
	if (pasts_read(&first, p->asked->after, &loss, err) < 0 || take_up(p, &first, err) < 0 ||
	    get_space(p, &s, err) < 0 || read_trials(p, &s, &ts, &mine, err) < 0)
		goto out;
	p->orders = p->asked->orders;
	p->width = p->made + want;
	if (put_earlier(&first, err) == 0)
		ret = p->asked->sampler && strcmp(p->asked->sampler, "hyper") == 0
			      ? plan_hyper(p, want, err)
			      : put_points(p, &s, &ts, want, err);
out:
	trials_release(&ts);
	lc_space_release(&s);
	pasts_release(&first);
	pasts_release(&mine);
	return ret;
}
