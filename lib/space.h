/*
 * space: which actions may vary, over what domain, under which constraints (lc-space(5)).
 *
 * A point of the space is a number in [0,1) for each dimension; lc_space_actions() makes actions of
 * it. What a choice or a schedule is to the file is one dimension or three to a sampler.
 */
#ifndef LC_SPACE_H
#define LC_SPACE_H

#include <jansson.h>
#include <stddef.h>

#include "err.h"

enum lc_domain { LC_LINEAR, LC_LOG, LC_CHOICE };

struct lc_dim {
	char *name; /* "lr_scale"; "lr_tail.to" of a schedule */
	enum lc_domain domain;
	double lo, hi; /* of numbers; a choice has n values */
	int whole, n;
	json_t *choices; /* array; "none" stands for the action's absence */
};

struct lc_space {
	int n;
	struct lc_dim *dim;
	json_t *fixed; /* actions of every point */
	int nrules;
	struct lc_expr **rule; /* a point that breaks one is not in the space */
	char *metric;	       /* of the objective; "val_loss" */
	int maximise;
	char *read;	      /* "end", "return" or "cool": where it is read; "return" */
	long branches, steps; /* budget; 0: none said */
};

/* what names the text in errors, which say the line: "space.json:4: ...". LC_DATA. */
int lc_space_parse(struct lc_space *s, const char *text, size_t len, const char *what,
		   struct lc_err *err);
int lc_space_load(struct lc_space *s, const char *path, struct lc_err *err);
void lc_space_release(struct lc_space *s);

/* The actions at u[n]: new reference. Numeric `rewind` and `skip` are counts that the planner turns
 * into states and steps; see lc-space(5). */
json_t *lc_space_actions(const struct lc_space *s, const double *u);

/* The point these actions are at: 0, or -1 when they are outside of the space. A choice is at the
 * middle of its share. */
int lc_space_locate(const struct lc_space *s, const json_t *actions, double *u);

/* Do actions keep every rule? */
int lc_space_allows(const struct lc_space *s, const json_t *actions);

/* Which of its n values a choice has at u. */
int lc_dim_choice(const struct lc_dim *d, double u);

#endif
