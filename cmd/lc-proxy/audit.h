/* audit: what its parts share. */
#ifndef LC_AUDIT_H
#define LC_AUDIT_H

#include "case.h"

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
