/* skill: see skill.h. */
#include "skill.h"

#include <math.h>

#include "stat.h"

double lc_skill_crps(double mean, double sd, double truth)
{
	double z;

	if (!(sd > 0))
		return fabs(mean - truth);
	z = (truth - mean) / sd;
	return sd * (z * (2 * lc_normal_cdf(z) - 1) + 2 * exp(-.5 * z * z) / sqrt(2 * M_PI) -
		     1 / sqrt(M_PI));
}

double lc_skill_tau(const double *forecast, const double *truth, int n, double gap)
{
	double sum = 0, pairs = 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++) {
			double f = forecast[i] - forecast[k], t = truth[i] - truth[k];
			if (!(fabs(t) > gap) || isnan(f))
				continue;
			sum += f == 0 ? 0 : (f > 0) == (t > 0) ? 1 : -1;
			pairs++;
		}
	return pairs ? sum / pairs : NAN;
}

double lc_skill_regret(const double *forecast, const double *truth, int n)
{
	int pick = 0, best = 0;

	for (int i = 1; i < n; i++) {
		if (forecast[i] < forecast[pick])
			pick = i;
		if (truth[i] < truth[best])
			best = i;
	}
	return n ? truth[pick] - truth[best] : NAN;
}

double lc_skill_auroc(const double *score, const char *positive, int n)
{
	double won = 0, pairs = 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < n && positive[i]; k++) {
			if (positive[k])
				continue;
			won += score[i] > score[k] ? 1 : score[i] == score[k] ? .5 : 0;
			pairs++;
		}
	return pairs ? won / pairs : NAN;
}
