/* transfer: what push and pull have in common: which snapshots, and what is said at the end. */
#ifndef LC_TRANSFER_H
#define LC_TRANSFER_H

#include <jansson.h>

#include "snap.h"

struct transfer {
	const struct opts *o;
	const char *verb, *far;
	char *shown; /* far, on one line */
	double start;
	size_t snapshots,
		sent;	     /* all that were asked for and sound; those of them that travelled */
	size_t packs, there; /* that travelled; that did not need to */
	size_t bad;	     /* snapshots that could not be had */
	uint64_t bytes;
	json_t *plan; /* of a dry run */
};

/* One store at least, and snapshots: by name, by run or tag, or --all. Ends the program if not. */
void transfer_operands(const struct opts *o, int argc, const char *verb);

void transfer_start(struct transfer *t, const struct opts *o, const char *verb, const char *far);

/* The snapshots named, else all that o asks for, oldest first. */
int transfer_pick(struct lc_store *st, const struct opts *o, int argc, char **argv,
		  struct snap_list *list, struct lc_err *err);

/* Of a dry run: this would travel. */
void transfer_plan(struct transfer *t, const char *name, uint64_t size);

/* Says what was done, as a record with -j; the exit status. */
int transfer_end(struct transfer *t, const struct snap_list *list);

#endif
