/*
 * audit_trust: are wrong drafts told from right ones by a short probe? Each case is forecast under
 * its own lr, under the lr held as it was at the fork, and under the lr of another case of its
 * parent; the first PROBE updates are run for real, which they were. A draft is wrong when it
 * misses the rest by more than WRONG of the loss (.02 at a loss of 3.2); the misfit over the probe
 * should say so. Of an error to expect, sd sqrt(misfit), it is asked too: worth what the sd is.
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

static void take(struct trust *t, const struct outcome *o)
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

static void print(const struct options *o, const struct trust *t)
{
	double auroc = lc_skill_auroc(t->misfit, t->wrong, t->n),
	       score = lc_skill_auroc(t->score, t->wrong, t->n),
	       blind = lc_skill_auroc(t->sd, t->wrong, t->n);
	int wrong = 0;

	for (int i = 0; i < t->n; i++)
		wrong += t->wrong[i];
	if (o->json) {
		json_t *j = audit_record("trust", "drafts after a probe of 600 updates");
		json_object_set_new(j, "n", json_integer(t->n));
		json_object_set_new(j, "wrong", json_integer(wrong));
		audit_put(j, "auroc", auroc);
		audit_put(j, "auroc_score", score);
		audit_put(j, "auroc_sd_alone", blind);
		json_object_set_new(j, "rejected_wrong", json_integer(t->rejected_wrong));
		json_object_set_new(j, "rejected_right", json_integer(t->rejected_right));
		audit_emit(j);
	} else if (wrong && wrong < t->n) {
		printf("trust: %d drafts, %d wrong; told apart after %d updates: AUROC %.2f by "
		       "misfit, %.2f "
		       "by score, %.2f by sd alone; rejected %d wrong ones, %d right ones\n",
		       t->n, wrong, PROBE, auroc, score, blind, t->rejected_wrong,
		       t->rejected_right);
	} else {
		printf("trust: %d drafts, %d wrong: nothing to tell apart\n", t->n, wrong);
	}
}

void audit_trust(const struct options *o, struct bt_case *c, int n)
{
	struct trust t = {0};
	size_t most = (size_t)n * DRAFTS + 1;

	t.misfit = lc_xalloc(most, sizeof(*t.misfit));
	t.score = lc_xalloc(most, sizeof(*t.score));
	t.sd = lc_xalloc(most, sizeof(*t.sd));
	t.wrong = lc_xalloc(most, 1);
	for (int i = 0; i < n; i++)
		for (int k = 0; k < DRAFTS && !c[i].whole; k++) {
			struct outcome out;
			c[i].hold = k == 1;
			c[i].lr_of = k == 2 ? other_lr(c, n, i) : NULL;
			if (k < 2 || c[i].lr_of) {
				if (case_run(o, &c[i], 0, &out))
					take(&t, &out);
				outcome_release(&out);
			}
			c[i].hold = 0;
			c[i].lr_of = NULL;
		}
	if (t.n)
		print(o, &t);
	free(t.misfit);
	free(t.score);
	free(t.sd);
	free(t.wrong);
}
