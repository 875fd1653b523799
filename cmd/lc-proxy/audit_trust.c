/*
 * audit_trust: are wrong drafts told from right ones by a short probe? Each case is forecast under
 * its own lr, under the lr held as it was at the fork, and under the lr of another case of its
 * parent; the first PROBE updates are run for real, which they were. A draft is wrong when it
 * misses the rest by more than WRONG of the loss (.02 at a loss of 3.2); the misfit over the probe
 * should say so, or the score: the drift it saw, carried on to the end (lib/evalue.h). That a draft
 * says its sd is narrow tells much here, where the wrong ones are so: it is printed beside.
 *
 * A draft of another lr that says of the probe what that of the right lr said cannot be told from
 * it by any probe: such are counted, and the AUROC also given without them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "evalue.h"
#include "io.h"
#include "json.h"
#include "skill.h"

enum { PROBE = 600, DRAFTS = 3 };
#define WRONG .0063

/* What the drafts came to. */
struct trust {
	int n, rejected_right, rejected_wrong;
	double *misfit, *score, *sd;
	char *wrong;
	char *blind; /* the probe says nothing of it */
};

/* Values within the probe, and the RMSE of those after it; 0 when either is missing. */
static int split(const struct outcome *o, double *rest)
{
	double sq = 0;
	int probe = 0;

	while (probe < o->n && o->at[probe] <= o->from + PROBE)
		probe++;
	for (int i = probe; i < o->n; i++)
		sq += pow(o->mean[MODEL_LAW][i] - o->y[i], 2);
	*rest = sqrt(sq / fmax(o->n - probe, 1));
	return o->n - probe >= 3 ? probe : 0;
}

#define SAME .01 /* of the noise: forecasts that are no closer can be told apart */

static int same_probe(const struct outcome *a, const struct outcome *b, int probe)
{
	for (int i = 0; i < probe; i++)
		if (!(fabs(a->mean[MODEL_LAW][i] - b->mean[MODEL_LAW][i]) < SAME * a->noise))
			return 0;
	return 1;
}

/* own: the draft under the branch's own lr, or NULL when this is it. */
static void take(struct trust *t, const struct outcome *o, const struct outcome *own)
{
	double *at = lc_xalloc((size_t)o->n + 1, sizeof(*at)), rest;
	int probe = split(o, &rest);
	struct lc_draft draft = {o->n, at, o->mean[MODEL_LAW], o->sd, o->noise, 1};
	struct lc_evalue e;

	for (int i = 0; i < o->n; i++)
		at[i] = o->at[i] - o->from;
	if (probe) {
		lc_evalue_test(&draft, at, o->y, probe, .05, &e);
		t->wrong[t->n] = rest > WRONG * fabs(o->level);
		t->rejected_wrong += t->wrong[t->n] && !isnan(e.step);
		t->rejected_right += !t->wrong[t->n] && !isnan(e.step);
		t->sd[t->n] = o->sd[o->n - 1];
		t->blind[t->n] = own && same_probe(o, own, probe);
		t->misfit[t->n] = e.misfit;
		t->score[t->n++] = e.score;
	}
	free(at);
}

/* Another case of the same parent, known or not, whose lr is not this one's; NULL: none. */
static char *other_lr(const struct bt_case *c, int n, int i)
{
	for (int k = 1; k < n; k++) {
		const struct bt_case *o = &c[(i + k) % n];
		if (strcmp(o->parent, c[i].parent) == 0 && strcmp(o->branch, c[i].branch) != 0)
			return o->branch;
	}
	return NULL;
}

/* AUROCs of the drafts with, or without, those that the probe says nothing of. */
struct aurocs {
	int n, wrong;
	double misfit, score, sd;
};

static struct aurocs tell(const struct trust *t, int with_blind)
{
	size_t most = (size_t)t->n + 1;
	double *v = lc_xalloc(3 * most, sizeof(*v));
	char *wrong = lc_xalloc(most, 1);
	struct aurocs a = {0};

	for (int i = 0; i < t->n; i++) {
		if (t->blind[i] && !with_blind)
			continue;
		v[a.n] = t->misfit[i];
		v[most + (size_t)a.n] = t->score[i];
		v[2 * most + (size_t)a.n] = t->sd[i];
		a.wrong += t->wrong[i];
		wrong[a.n++] = t->wrong[i];
	}
	a.misfit = lc_skill_auroc(v, wrong, a.n);
	a.score = lc_skill_auroc(v + most, wrong, a.n);
	a.sd = lc_skill_auroc(v + 2 * most, wrong, a.n);
	free(v);
	free(wrong);
	return a;
}

static void print_json(const struct trust *t, const struct aurocs *a, const struct aurocs *seen)
{
	json_t *j = audit_record("trust", "drafts after a probe of 600 updates");

	json_object_set_new(j, "n", json_integer(a->n));
	json_object_set_new(j, "wrong", json_integer(a->wrong));
	audit_put(j, "auroc", a->misfit);
	audit_put(j, "auroc_score", a->score);
	audit_put(j, "auroc_sd_alone", a->sd);
	json_object_set_new(j, "n_seen", json_integer(seen->n));
	json_object_set_new(j, "wrong_seen", json_integer(seen->wrong));
	audit_put(j, "auroc_seen", seen->misfit);
	audit_put(j, "auroc_score_seen", seen->score);
	audit_put(j, "auroc_sd_alone_seen", seen->sd);
	json_object_set_new(j, "rejected_wrong", json_integer(t->rejected_wrong));
	json_object_set_new(j, "rejected_right", json_integer(t->rejected_right));
	audit_emit(j);
}

static void print(const struct options *o, const struct trust *t)
{
	struct aurocs a = tell(t, 1), seen = tell(t, 0);

	if (o->json) {
		print_json(t, &a, &seen);
		return;
	}
	if (a.wrong == 0 || a.wrong == a.n) {
		printf("trust: %d drafts, %d wrong: nothing to tell apart\n", a.n, a.wrong);
		return;
	}
	printf("trust: %d drafts, %d wrong; told apart after %d updates: AUROC %.2f by misfit, "
	       "%.2f by score, %.2f by sd alone; rejected %d wrong ones, %d right ones\n",
	       a.n, a.wrong, PROBE, a.misfit, a.score, a.sd, t->rejected_wrong, t->rejected_right);
	if (seen.n < a.n && seen.wrong && seen.wrong < seen.n)
		printf("trust: without the %d that say of the probe what the right lr says: "
		       "AUROC %.2f by misfit, %.2f by score, %.2f by sd alone\n",
		       a.n - seen.n, seen.misfit, seen.score, seen.sd);
}

static void drafts_of(const struct options *o, struct bt_case *c, int n, int i, struct trust *t)
{
	struct outcome own, out;

	if (case_run(o, &c[i], 0, &own)) {
		take(t, &own, NULL);
		for (int k = 1; k < DRAFTS; k++) {
			c[i].hold = k == 1;
			c[i].lr_of = k == 2 ? other_lr(c, n, i) : NULL;
			if (!c[i].hold && !c[i].lr_of)
				continue;
			if (case_run(o, &c[i], 0, &out))
				take(t, &out, &own);
			outcome_release(&out);
		}
		c[i].hold = 0;
		c[i].lr_of = NULL;
	}
	outcome_release(&own);
}

void audit_trust(const struct options *o, struct bt_case *c, int n)
{
	struct trust t = {0};
	size_t most = (size_t)n * DRAFTS + 1;

	t.misfit = lc_xalloc(most, sizeof(*t.misfit));
	t.score = lc_xalloc(most, sizeof(*t.score));
	t.sd = lc_xalloc(most, sizeof(*t.sd));
	t.wrong = lc_xalloc(most, 1);
	t.blind = lc_xalloc(most, 1);
	for (int i = 0; i < n; i++)
		if (!c[i].whole)
			drafts_of(o, c, n, i, &t);
	if (t.n)
		print(o, &t);
	free(t.misfit);
	free(t.score);
	free(t.sd);
	free(t.wrong);
	free(t.blind);
}
