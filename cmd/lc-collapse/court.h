/*
 * court: one fork being judged: its noise, and each arm's gain with what it must exceed.
 */
#ifndef COURT_H
#define COURT_H

#include "collapse.h"
#include "readings.h"

struct arm {
	const struct future *f;
	double ret, cool;	/* readings of the selecting metric */
	double gain, sd, lower; /* against the control, after the charge; sd of that difference */
	double charge;
	int passes, tied;
};

struct court {
	const struct evidence *ev;
	const struct rule *rule;
	const struct future *control;
	enum metric select, report;
	struct noise noise, report_noise;
	double worth, control_ret, control_cool;
	double t_arm; /* t quantile at 1 - alpha/K */
	struct arm *arms;
	int narms, unread; /* unread: arms that were void, failed, or lack a segment */
};

/* The gain of a future on one metric, against the control, after the charge; for a lasting change,
 * the smaller of its two. */
double court_gain(const struct court *c, const struct future *f, enum metric m);

/* sd of the difference between two branches, for the reading(s) f is judged by. */
double court_sd(const struct noise *n, const struct future *f);

/* The decision record that says it all. pick: the chosen arm, or NULL. New reference. */
json_t *court_decision(const struct court *c, const struct arm *pick);

#endif
