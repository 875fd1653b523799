/*
 * dunnett: many arms against one control, with one estimate of the noise.
 *
 * Dunnett, "A multiple comparison procedure for comparing several treatments with a control", JASA
 * 50 (1955). Of k arms and a control that do not differ, the largest of the k Student statistics
 *
 *	T_i = (control - arm_i) / (s sqrt(2)),  s estimated with df degrees of freedom
 *
 * exceeds lc_dunnett_quantile(1 - alpha, k, df, 1/2) with probability alpha. rho is the correlation
 * that the shared control gives any two of the differences: 1/2 when every side is one run; 0 (no
 * sharing) is the larger quantile. Truly more correlated arms only make the error rarer (Slepian).
 */
#ifndef LC_DUNNETT_H
#define LC_DUNNETT_H

/* P(T_1 <= t, ..., T_k <= t). k >= 1, df > 0 (infinity: the noise is known), 0 <= rho < 1. */
double lc_dunnett_cdf(double t, int k, double df, double rho);
double lc_dunnett_quantile(double p, int k, double df, double rho); /* p in (.5,1) */

/*
 * P(Z + delta > t S): Z normal, S the noise's estimate over the noise (chi of df over sqrt(df)): a
 * one-sided test that asks for t, when the truth is delta standard errors from nothing.
 */
double lc_power(double t, double df, double delta);

/*
 * What was selected for passing a bar, without that luck: the truth for which a statistic that is
 * only told when it is above bar would be above t half of the time, in standard errors as they were
 * estimated. Below t; t itself when t is far above the bar. At least 0. t >= bar. Simulated, with 2
 * to 40 df and bars of 1 to 8 arms, it is too high 50 % of the time far from the bar, 25 to 50 %
 * near it.
 */
double lc_selected_median(double t, double bar, double df);

#endif
