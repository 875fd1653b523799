/*
 * incident: what a store remembers of the instabilities that its runs met, and what became of them.
 *
 * STORE/memory.jsonl, a journal (journal.h): an incident record when a decision was made, and an
 * outcome record when it was seen what came of it; lc-record(5) says what they hold. Readers get
 * only what is well-formed.
 */
#ifndef LC_INCIDENT_H
#define LC_INCIDENT_H

#include <jansson.h>

#include "err.h"

/*
 * Is it an incident: run, decision, verdict, arms with actions that are some and numeric gains; an
 * outcome: decision, steps, held? 0, or LC_DATA.
 */
int lc_incident_check(const json_t *rec, struct lc_err *err);
int lc_outcome_check(const json_t *rec, struct lc_err *err);

/*
 * All incidents of a store, oldest first, each with its last outcome as the member outcome; of two
 * with one decision the last counts. A malformed one is passed over, and counted in *bad (may be
 * NULL). New array, empty where nothing is remembered; NULL on failure.
 */
json_t *lc_memory_read(const char *store, long *bad, struct lc_err *err);

/* Append one, which must be well-formed. */
int lc_memory_add(const char *store, const json_t *rec, struct lc_err *err);

#endif
