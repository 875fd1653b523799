/*
 * explain: a decision and what led to it, in the words of lc-collapse explain.
 *
 * Each function writes whole lines to out, or none where the records say nothing. d is a decision
 * record; whatever else it is, nothing is assumed of its contents.
 */
#ifndef LC_EXPLAIN_H
#define LC_EXPLAIN_H

#include <jansson.h>
#include <stdio.h>

/* What broke and why: of an alert, and of what `lc-fork blame` named; either may be NULL. */
void lc_explain_occasion(FILE *out, const json_t *alert, const json_t *cause);

/* What was chosen, and what it gains. */
void lc_explain_choice(FILE *out, const json_t *d);

/* Each arm with its gain, as a table. */
void lc_explain_arms(FILE *out, const json_t *d);

/* Whose the gain is, and what would have changed the answer. */
void lc_explain_margin(FILE *out, const json_t *d);

/* The noise it was judged by, what it cost. */
void lc_explain_cost(FILE *out, const json_t *d);

/* The branches that were not counted: a line for each reason. */
void lc_explain_fates(FILE *out, const json_t *d);

/* Did it find a better future? */
int lc_explain_is_better(const json_t *d);

#endif
