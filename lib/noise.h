/*
 * noise: how far apart runs end that differ in nothing but luck.
 *
 * The replicate is the run, not the step: steps of one run share its luck, which stays for hundreds
 * of them. So the noise is the spread of whole runs that should be equal (null branches).
 */
#ifndef LC_NOISE_H
#define LC_NOISE_H

/* Standard deviation of one run's reading, and how well it is known: df 0 is not at all. */
struct lc_noise {
	double sd, df;
};

/*
 * From readings y (n,rungs) of n equal runs at rungs times t, ascending; the last is the one that
 * the noise is wanted of. The earlier ones count for it: less the more a run's readings hang
 * together, scaled by the growth seen (variance as t^g, g in [0,2]), and not where growth is
 * strong. Any finite readings; 1 rung is the plain standard deviation.
 */
struct lc_noise lc_noise_of(const double *y, int n, int rungs, const double *t);

/* Two estimates of the same noise as one, by their degrees of freedom. */
struct lc_noise lc_noise_join(struct lc_noise a, struct lc_noise b);

/*
 * Standard error of the mean of a series whose neighbours hang together, by batch means: sqrt(n)
 * batches (Schmeiser 1982; Flegal and Jones 2010). NaN below 16 values.
 */
double lc_noise_batch_means(const double *x, int n);

#endif
