/* audit: what its parts share. */
#ifndef LC_AUDIT_H
#define LC_AUDIT_H

#include "case.h"

enum { STRATA = 12, AUDITED = MODEL_MIX }; /* what predict says */

/* What came of one case. */
struct audited {
	struct tally t;
	double noise, truth, last, end;
	const char *group;
	long from;
	int nstrata;
	char *stratum[STRATA];	      /* "name=value" */
	long cell[2 * LC_BUCKETS][2]; /* values, and those in the interval */
};

/* What a case says of itself and where its values were; then the tables. */
void audit_stratify(struct audited *a, const struct bt_case *c, const struct outcome *o);
void audit_cover(struct audited *a, const struct outcome *o);
void audit_strata(const struct options *o, const struct audited *a, int n);
void audit_coverage(const struct options *o, const struct audited *a, int n);

/* The worlds whose futures are exact: prints; 0 when the law passes them. */
int audit_worlds(const struct options *o);

/* Which form of the law the runs of the cases prefer: prints. */
void audit_forms(const struct options *o, const struct bt_case *c, int n);

/* Are wrong drafts found out by a short probe? Prints. */
void audit_trust(const struct options *o, struct bt_case *c, int n);

/* One line of the report: {"type":"audit","v":1,"part":...,...}; NaN values are left out. */
json_t *audit_record(const char *part, const char *name);
void audit_put(json_t *rec, const char *key, double x);
void audit_emit(json_t *rec); /* takes it */

#endif
