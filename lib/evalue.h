/*
 * evalue: does a run still do what its forecast said? A test that may be looked at after every
 *step.
 *
 * Null hypothesis: at the times t_i the logged values are y_i = mean_i + s_i u_i + e_i, where
 *	s_i	is the forecast's own sd (what one logged value scatters taken out),
 *	u	is its error in units of that, N(0,1) and correlated exp(-|ln(t_i / t_k)| / len),
 *	e	is noise of sd c noise, c in {1, 1.4, 2}: a part f of it, 0, 1/2 or 1, is
 *correlated exp(-|t_i - t_k| / tau), tau 2, 8 or 32 values; the rest is white. Alternative: the
 *error is 2, 4, 8, 16 or 32 times what the forecast said. The e-value after n values is the
 *alternatives' average likelihood (over their noise as well) over the *largest* likelihood that any
 *member of the null has: universal inference (Wasserman, Ramdas and Balakrishnan, PNAS 2020).
 *Against whichever member is true it is at most a martingale that starts at 1, so by Ville's
 * inequality P(e ever reaches 1/delta) <= delta, whatever the autocorrelation and whenever one
 *looks. Holds on the grid of members, which is fine enough that noise between two of them holds it
 *too (measured in tests/unit/evalue.c). Of a long stream LC_EVALUE_MAX values are taken, evenly.
 */
#ifndef LC_EVALUE_H
#define LC_EVALUE_H

enum { LC_EVALUE_MAX = 96 };

/* A forecast: at updates `at` after the fork (ascending, above 0); borrowed. */
struct lc_draft {
	int n;
	const double *at, *mean, *sd;
	double noise; /* sd of one logged value around what is forecast */
	int holds;    /* the sd holds that noise already, as that of a val_loss does */
};

struct lc_evalue {
	int n;		/* values that were tested: finite, and within the forecast */
	double log_e;	/* after the last one; natural logarithm */
	double log_max; /* largest so far: what is compared with 1/delta */
	double step;	/* updates after the fork at which 1/delta was reached; NaN: never */
	double misfit;	/* mean squared standardised residual; about 1 when the forecast is right */
	double score;	/* what drift was seen, carried on to the end of the forecast, in its sds
			   there */
};

/*
 * Test n values y at updates `at` after the fork, ascending. A value that is not finite is
 * infinitely far off: the draft is rejected there. Always fills e; nothing to test leaves it at
 * log_e 0.
 */
void lc_evalue_test(const struct lc_draft *draft, const double *at, const double *y, int n,
		    double delta, struct lc_evalue *e);

/*
 * How many updates after the fork, read every `every` of them, would show a draft that is wrong by
 * `sds` of its sds all along: the first at which its e-value reaches 1/delta; NaN when the forecast
 * ends before.
 */
double lc_evalue_reach(const struct lc_draft *draft, double every, double sds, double delta);

/* The draft at update t after the fork: linear between its points. */
void lc_draft_at(const struct lc_draft *draft, double t, double *mean, double *sd);

#endif
