/* lc-proxy: what its verbs share. */
#ifndef LC_PROXY_H
#define LC_PROXY_H

#include "forecast.h"
#include "lawmodel.h"

struct options {
	const char *history[16], *law, *alert, *plan, *out, *cases, *forecast, *known[64];
	int nhistory, nknown, points, quiet, json, to_end;
	double delta;	    /* of check: how often a right draft may be rejected */
	long step, horizon; /* -1: not given */
	char **arg;	    /* after the verb */
	int narg;
	struct lc_names names;
	const struct lc_law_model *model; /* of backtest's -l, or NULL */
};

int cmd_fit(const struct options *o);
int cmd_learn(const struct options *o); /* fit of runs */
int cmd_predict(const struct options *o);
int cmd_plan(const struct options *o);
int cmd_audit(const struct options *o);
int cmd_check(const struct options *o);
int cmd_backtest(const struct options *o);

/* The law of -H (fitted) or -l (read), with -a's incident. Dies when it cannot. */
void get_law(const struct options *o, struct lc_law *law, struct lc_schedule *plan);

/* The model of -l, the caller's to release and free; NULL without -l. Dies on a law. */
struct lc_law_model *read_model(const struct options *o);

/* Dies: no law of the histories, which are named. */
noreturn void die_of_history(const struct options *o, const struct lc_err *why);

/* Read all histories; a line that cannot be read is counted and named once. Dies on a missing file.
 */
void read_history(const struct options *o, struct lc_past *past);

#endif
