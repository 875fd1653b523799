/*
 * ledger: changes to several files at once, all or none, written ahead in a journal.
 *
 * A transaction is one record of type applied or undone, with n (its number) and files:
 * [{"path","was","now"}, ...], texts or null for no file. From the moment its line is in the
 * journal it has happened: whoever opens the ledger next finishes what a killed one left, and a
 * record of type settled says that the files are as it says.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <jansson.h>

#include "journal.h"

struct ledger {
	struct lc_journal j;
	json_t *in_force; /* applied and not undone, oldest first */
	json_t *pending;  /* the last transaction, when it is not settled; or NULL */
	long n;		  /* number of the last transaction */
};

/* Takes the journal's lock, until it is closed, and finishes what is pending. */
int ledger_open(struct ledger *l, const char *path, struct lc_err *err);
void ledger_close(struct ledger *l);

/* The last that was applied and not undone; NULL: none. Borrowed. */
const json_t *ledger_top(const struct ledger *l);

/* Add to rec's files that path shall hold text (NULL: not be). path is absolute. */
int ledger_file(json_t *rec, const char *path, const char *text, struct lc_err *err);

/* Make rec, whose n is l->n + 1, true. On failure nothing has changed, or err says that it is in
 * the journal and will be finished. */
int ledger_commit(struct ledger *l, json_t *rec, struct lc_err *err);

#endif
