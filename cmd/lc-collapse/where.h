/*
 * where: where a run stands: what its store knows of it, and whether a decision is still about
 * that.
 */
#ifndef WHERE_H
#define WHERE_H

#include "ledger.h"
#include "ref.h"

struct where {
	char *run;	   /* of the chosen snapshot; NULL: no store was looked at */
	char *ref_path;	   /* absolute */
	struct lc_ref ref; /* its run is NULL when there is none */
	long seq;	   /* the greatest of the run's snapshots */
	long newest;	   /* the greatest step saved after the present's; -1: none */
	long present_seq;  /* of the state it was decided at; -1: it is not in the store */
	long chosen_step;
};

/* present may be NULL. chosen "none", the beginning, is in no store: w is empty. */
int where_look(struct where *w, const char *store, const char *chosen, const json_t *present,
	       struct lc_err *err);
void where_release(struct where *w);

/* Why the decision is not about the run as it stands now, in buf; 0: it is. base may be NULL: not
 * known. */
int where_stale(const struct where *w, const struct ledger *l, const json_t *decision,
		const json_t *base, char *buf, size_t size);

#endif
