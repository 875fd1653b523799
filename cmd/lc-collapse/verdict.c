/* verdict: better, none or undecided, and why, in words. */
#include <math.h>
#include <stdio.h>

#include "court.h"
#include "dunnett.h"
#include "stat.h"

/* Why nothing can be said, or NULL when something can. */
static const char *hindrance(const struct court *c)
{
	if (isnan(c->control_ret))
		return "the control was not read: no loss after its horizon";
	if (c->noise.diverged)
		return "a null branch diverged: the noise has no bound";
	if (c->noise.identical)
		return "the null branches are all the same: were they given other data?";
	if (c->noise.ret.df < 1 && c->value.asked == 0)
		return "fewer than two null branches were read: the noise is not known";
	if (c->narms == 0)
		return "no arm could be read";
	return NULL;
}

/* Short of this many steps back on plan, what a remedy did is still wearing off. */
#define RETURN_LEAST 400

int court_short_return(const struct court *c, long *steps, long *wanted)
{
	int any = 0;

	*wanted = c->control->horizon > RETURN_LEAST ? c->control->horizon : RETURN_LEAST;
	*steps = *wanted;
	for (int i = 0; i < c->narms; i++) {
		const struct future *f = c->arms[i].f, *seg;
		if (is_persistent(f))
			continue;
		seg = evidence_segment(c->ev, f, "return");
		if (!seg || seg->horizon < *steps)
			*steps = seg ? seg->horizon : 0;
		any = 1;
	}
	return any && *steps < *wanted;
}

/* From one arm's p to the best's; where spreads differ, by that of the returns. */
static double best_of(const struct court *c, double p)
{
	double df = c->noise.ret.df;

	if (!(df > 0)) /* no return of a null was read: p came from the cooldowns */
		df = c->noise.cool.df;
	return lc_dunnett_cdf(lc_student_quantile(fmin(p, 1 - 1e-12), df), c->compared, df, .5);
}

/*
 * Probability that the best of the arms is better than the control, given that it was picked as the
 * best of K: were all equal, the best of K would look as good 1 - p of the time.
 */
static double p_better(const struct court *c)
{
	double p = 0;

	for (int i = 0; i < c->narms; i++) {
		const struct spread *s = court_spread(&c->noise, c->arms[i].f);
		double t = c->arms[i].gain / (M_SQRT2 * s->sd);
		if (c->arms[i].law || !isfinite(t) || t <= 0)
			continue;
		p = fmax(p, lc_student_cdf(t, s->df));
	}
	return p > .5 ? best_of(c, p) : 0;
}

/* The law's highest probability that an arm is better; 0 when it was asked about none. */
static double p_by_law(const struct court *c)
{
	double p = 0;

	for (int i = 0; i < c->narms; i++)
		if (c->arms[i].law)
			p = fmax(p, court_law_above(c, &c->arms[i], c->select));
	return p;
}

/* A leader that its replicates did not bear out, or that has too few of them. */
static const char *unborne(const struct court *c, char *why, size_t size)
{
	const struct confirmation *k = &c->again;
	const char *id = k->leader->f->id;

	if (!k->wanted) {
		snprintf(why, size,
			 "%s led by %.4f, but gained %.4f (at least %.4f) in %d runs on other data",
			 id, k->leader->gain, k->gain, k->lower, k->n);
		return "none";
	}
	if (k->too_dear) {
		snprintf(why, size, "%s leads by %.4f, not confirmed: %s", id, k->leader->gain,
			 k->too_dear);
		return "none";
	}
	snprintf(why, size, "%s leads by %.4f; to be confirmed by the runs in confirm.wanted", id,
		 k->leader->gain);
	return "undecided";
}

/* Why the pick is the better future. */
static void found(const struct court *c, const struct arm *pick, char *why, size_t size)
{
	const char *id = pick->f->id;

	if (pick->repairs && pick->law)
		snprintf(
			why, size,
			"%s puts the lr back on its plan; by the law of the loss P(better) is %.2f",
			id, court_law_above(c, pick, c->select));
	else if (pick->repairs)
		snprintf(
			why, size,
			"%s puts the lr back on its plan, and does not read worse than the control",
			id);
	else if (isinf(c->control_ret))
		snprintf(why, size, "the control diverged, %s did not", id);
	else if (pick->law && pick->law->ended)
		snprintf(why, size,
			 "%s ended lower than its twin without the change, at the end of the plan",
			 id);
	else if (pick->law)
		snprintf(why, size, "%s ends lower than the control, by the law of the loss", id);
	else
		snprintf(why, size, "%s is better than the control%s", id,
			 c->rule->confirm ? ", and again in runs on other data"
					  : " beyond the noise of the nulls");
}

/* "better", "none", or "undecided", with the reason. */
const char *court_verdict(const struct court *c, const struct arm *pick, char *why, size_t size)
{
	const char *hinders = pick && pick->repairs ? NULL : hindrance(c);
	double p;

	if (hinders) {
		snprintf(why, size, "%s", hinders);
		return "undecided";
	}
	if (pick) {
		found(c, pick, why, size);
		return "better";
	}
	if (c->again.leader && !c->again.leader->law)
		return unborne(c, why, size);
	p = p_by_law(c);
	if (p >= .8 || c->look.arm) {
		snprintf(why, size,
			 "the law gives the best lasting change P(better) %.2f, which does not "
			 "suffice%s",
			 p, c->look.arm ? "; the runs in look.wanted tell" : "");
		return "undecided";
	}
	p = fmax(p_better(c), p);
	snprintf(why, size,
		 "no arm is better than the control beyond the noise (the best of %d: P(better) "
		 "%.2f)%s",
		 c->narms, p, p >= .8 ? "; more null branches or a longer horizon may tell" : "");
	return p >= .8 ? "undecided" : "none";
}
