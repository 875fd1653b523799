/*
 * expr: the rules of a space: arithmetic over the actions, compared.
 *
 *     rule := both { "or" both }        both := comparison { "and" comparison }
 *     comparison := sum (< | <= | > | >= | == | !=) sum
 *     sum := product { (+ | -) product }    product := value { (* | /) value }
 *     value := number | name | "text" | ( sum ) | - value
 *
 * A name is an action; one that is absent is 1 when it scales something, else 0, as text "none".
 */
#ifndef LC_EXPR_H
#define LC_EXPR_H

#include <jansson.h>

#include "err.h"

struct lc_expr;

/* NULL: LC_DATA, with the column. *name, when it is not NULL, is the first name that known() does
 * not know. */
struct lc_expr *lc_expr_parse(const char *text, struct lc_err *err);
void lc_expr_free(struct lc_expr *e);

/* Call name_is() for every name in it; the first that gives 0 is returned, else NULL. */
const char *lc_expr_unknown(const struct lc_expr *e, int (*known)(void *ctx, const char *name),
			    void *ctx);

/* Is the rule kept? A comparison of a number with text is not. */
int lc_expr_holds(const struct lc_expr *e, const json_t *actions);

#endif
