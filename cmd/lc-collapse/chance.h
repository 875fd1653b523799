/*
 * chance: which of the proposed futures may be the best, drawn from their forecasts.
 *
 * Ends are drawn together, since two doses of one remedy are right or wrong together: within a
 * class of remedy the error of the forecasts is a process in ln lr_scale, correlated exp(-|d| /
 * .7), but for a fifth of the variance, which is each one's own.
 */
#ifndef CHANCE_H
#define CHANCE_H

struct bet {
	int index;	/* the caller's */
	double mean;	/* of its end; lower is better; infinite: no forecast */
	double sd;	/* of its forecast */
	double lnlr;	/* of its lr_scale against the run's */
	char class[24]; /* of remedy */
	double best;	/* out: P(it ends lowest of all, the control too) */
};

struct chance {
	int n, draws;
	float *x;	/* (n, draws) ends */
	double *lowest; /* [draws] the lowest end of what was taken */
};

/* control: the end of changing nothing, INFINITY when not known. Bets keep their order. */
void chance_init(struct chance *c, struct bet *bet, int n, double control, double control_sd);
void chance_release(struct chance *c);

/* How much lower, on average, the lowest end is once bet i is taken as well. */
double chance_adds(const struct chance *c, int i);
void chance_take(struct chance *c, int i);

/* Correlation of the errors of two forecasts. */
double chance_alike(const struct bet *a, const struct bet *b);

#endif
