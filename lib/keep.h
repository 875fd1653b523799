/*
 * keep: which of many snapshots stay, by policies that can be applied again and again.
 *
 * Each line of states, a run and a branch of it, is looked at by itself, and the newest of a line
 * always stays. What stays by a policy stays by it until something else takes its place: applied
 * after every save, a policy leaves what it would leave applied once, at the end, or more.
 */
#ifndef LC_KEEP_H
#define LC_KEEP_H

#include <stddef.h>

enum lc_keep_why {
	LC_KEEP_NEWEST = 1, /* saved last of its line */
	LC_KEEP_LAST = 2,   /* among the last saved */
	LC_KEEP_EVERY = 4,  /* the first at or after a multiple */
	LC_KEEP_LOG2 = 8,   /* the oldest of an age between powers of two */
	LC_KEEP_TAG = 16,   /* these are the caller's: */
	LC_KEEP_NAMED = 32,
	LC_KEEP_PARENT = 64,
	LC_KEEP_HEAD = 128, /* its run goes on from it */
};

struct lc_keep_item {
	const char *run, *branch; /* borrowed; branch is "" where there is none */
	long step, seq;
	unsigned why; /* result: bits of enum lc_keep_why; 0: it goes */
};

struct lc_keep_policy {
	long last;  /* so many saved last; 0: none but the newest */
	long every; /* of the steps k every to (k + 1) every - 1 the first, for each k; 0: none */
	/*
	 * The age of a step is the greatest step of the line less it; of the ages 2^i to
	 * 2^(i+1) - 1 the greatest stays, for each i, and age 0.
	 */
	int log2;
};

/* Adds to why. Of one step of a line, only the one saved last stays by `every` and log2. */
void lc_keep_choose(struct lc_keep_item *x, size_t n, const struct lc_keep_policy *policy);

/* "newest", ... for one bit. */
const char *lc_keep_word(enum lc_keep_why why);

#endif
