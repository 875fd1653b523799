/*
 * look: the law leaves it open whether the best lasting change is one. What would tell?
 *
 * Not a longer horizon: in forks of lc-train that were left open (six of trunk mid, P .76 to .87)
 * the law's sd stayed at .0045 whether it saw 100 or 1600 of the 2000 steps left, and its mean came
 * no nearer to the truth (rms error .0019 and .0021). What it does not know is what the decay will
 * show. So the look goes to the end of the plan: the arm and its plain twin both run on to there,
 * and the one that ends lower is the better one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "court.h"
#include "io.h"
#include "json.h"
#include "stat.h"

#define LIKELY .6 /* P(better) that an arm must have to be looked at */

/* Was its rest asked for before, and came to nothing? */
static int failed(const struct court *c, const struct future *f)
{
	return evidence_segment(c->ev, evidence_tip(c->ev, f), "more") != NULL;
}

/* The arm that the law thinks best of, of those with a chance that were not run to the end. */
static const struct arm *open_arm(const struct court *c, double *p)
{
	const struct arm *best = NULL;

	*p = LIKELY;
	for (int i = 0; i < c->narms; i++) {
		const struct arm *a = &c->arms[i];
		double above = 0;

		if (a->law && !a->beyond && !a->law->ended && !failed(c, a->f) &&
		    !failed(c, a->law->plain))
			above = court_law_above(c, a, c->select);
		if (above >= *p) {
			*p = above;
			best = a;
		}
	}
	return best;
}

/* The rest of a future, from where it stands to the end of the plan; none when it is there. */
static void want(const struct court *c, struct look *k, const struct future *f)
{
	const struct future *tip = evidence_tip(c->ev, f);
	long at = tip->from_step + tip->horizon, left = (long)c->rule->plan.total - at;
	char *id = lc_path("%s+", tip->id);
	json_t *rec;

	if (left > 0) {
		rec = json_deep_copy(f->rec);
		json_object_set_new(rec, "branch", json_string(id));
		json_object_set_new(rec, "role", json_string("probe"));
		json_object_set_new(rec, "kind", json_string("more"));
		json_object_set_new(
			rec, "from",
			json_pack("{s:s,s:I}", "branch", tip->id, "step", (json_int_t)at));
		json_object_set_new(rec, "horizon", json_integer(left));
		json_object_del(rec, "readout");
		json_array_append_new(k->wanted, rec);
		k->steps += left;
	}
	free(id);
}

void court_look(const struct court *c, struct look *k)
{
	double sd, z;

	*k = (struct look){.wanted = NULL};
	if (c->rule->max_cost <= 0 || !(k->arm = open_arm(c, &k->p)))
		return;
	k->wanted = json_array();
	want(c, k, k->arm->law->plain);
	want(c, k, k->arm->f);
	/* to know it all: E max(0, gain - least effect) */
	sd = court_law_sd(c, k->arm, c->select);
	z = (k->arm->gain - c->rule->min_effect) / sd;
	k->worth = sd * (z * lc_normal_cdf(z) + exp(-z * z / 2) / sqrt(2 * M_PI));
	if (k->steps > 0 && court_spent(c) + k->steps <= c->rule->max_cost &&
	    (double)k->steps * c->rule->price * c->worth <= k->worth)
		return;
	look_release(k);
	k->arm = NULL;
}

void look_release(struct look *k)
{
	json_decref(k->wanted);
	k->wanted = NULL;
}
