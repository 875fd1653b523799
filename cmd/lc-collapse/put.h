/*
 * put: the run is put somewhere: into the future that was chosen, or back to where it was.
 */
#ifndef PUT_H
#define PUT_H

#include "ledger.h"
#include "where.h"

struct put {
	const char *store, *dir, *out, *base_path, *control, *tmpl, *history;
};

/* The actions in force: the base file's, {} where there is none; new reference. */
json_t *put_base(const struct put *p, struct lc_err *err);

/* Transaction number l->n + 1. hash: of the decision's line; told: all that the trainer is told. */
json_t *put_applied(const struct put *p, const struct ledger *l, const struct where *w,
		    const json_t *decision, const char *hash, const json_t *base,
		    const json_t *told, struct lc_err *err);

/* The one that takes the last back; LC_NO when that cannot be. */
json_t *put_undone(const struct put *p, const struct ledger *l, struct lc_err *err);

/* The state that a transaction names is there, and the trainer is told, or becomes us: 0, -1. */
int put_restore(const struct put *p, const json_t *rec, struct lc_err *err);
int put_tell(const struct put *p, const json_t *rec, struct lc_err *err);

#endif
