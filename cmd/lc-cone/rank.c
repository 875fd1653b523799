/* rank: what each branch of a fork did and gained, and which are worth a row. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "cone.h"
#include "io.h"
#include "json.h"

char *branch_words(const struct branch *b)
{
	const json_t *of = b->rec ? b->rec : b->row;
	size_t arm = branch_arm(b);

	if (arm)
		return lc_path("%s of %.*s", b->id + arm + 1, (int)arm, b->id);
	return of ? lc_actions_text(json_object_get(of, "actions")) : lc_path("%s", "");
}

double branch_verdict(const struct branch *b, const char *key)
{
	return lc_json_get_num(b->row, key, NAN);
}

struct rank {
	const struct branch *b;
	double gain; /* NaN last */
	int tier;
	size_t at;
};

/* What is looked for first: the choice, what was judged, what ran, what ended early, what was only
 * forecast. */
static int tier_of(const struct branch *b)
{
	return b->chosen			   ? 0
	       : !isnan(branch_verdict(b, "gain")) ? 1
	       : branch_is_gone(b)		   ? 3
	       : strcmp(branch_status(b), "left") == 0 || strcmp(branch_status(b), "forecast") == 0
		       ? 4
		       : 2;
}

static int by_worth(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->tier != y->tier)
		return x->tier - y->tier;
	if (x->gain > y->gain || x->gain < y->gain)
		return x->gain > y->gain ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

const struct branch **fork_ranked(const struct fork *f, size_t *n)
{
	struct rank *r = lc_xalloc(f->n + 1, sizeof(*r));
	const struct branch **out = lc_xalloc(f->n + 1, sizeof(*out));

	*n = 0;
	for (size_t i = 0; i < f->n; i++) {
		const struct branch *b = &f->b[i];
		if (!branch_arm(b))
			r[(*n)++] = (struct rank){b, branch_verdict(b, "gain"), tier_of(b), i};
	}
	qsort(r, *n, sizeof(*r), by_worth);
	for (size_t i = 0; i < *n; i++)
		out[i] = r[i].b;
	free(r);
	return out;
}
