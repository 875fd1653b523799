/*
 * credit: see credit.h.
 *
 * "Rewind and halve the lr" gained exactly what halving the lr gains with no incident at all: an
 * arm's credit is what it adds to the clean state (DESIGN section 8, truth 4). So where the same
 * change was also run on the clean state, what it gains there over the clean state as it is is the
 * schedule's, and the rest of the arm's gain (what rewinding won, less its charge; what the change
 * does about the damage) the remedy's. Where it was not, the same remedy without the change, from
 * the arm's own state, stands in.
 */
#include "credit.h"

#include <math.h>
#include <string.h>

#include "json.h"

static int same_state(const struct future *a, const struct future *b)
{
	return json_equal(json_object_get(a->rec, "from"), json_object_get(b->rec, "from"));
}

/* The clean state as it is: that of the null branches, and the future that changes nothing there;
 * NULL: none was run. */
static const struct future *clean_plain(const struct evidence *ev)
{
	const struct future *null = evidence_role(ev, "null"), *clean = evidence_role(ev, "clean");

	if (!null)
		return clean;
	for (int i = 0; i < ev->n; i++) {
		const struct future *f = &ev->f[i];
		int is = strcmp(f->role, "control") == 0 || strcmp(f->role, "clean") == 0;
		if (is && !f->parent && same_state(f, null))
			return f;
	}
	return NULL;
}

/* What is read where the arm's gain was read: of a lasting change, by the worse of its two. */
struct reader {
	double (*read)(const struct evidence *, const struct future *, enum metric);
	const struct spread *s;
};

static struct reader reader_of(const struct court *c, const struct future *f)
{
	double ret = read_return(c->ev, c->control, c->report) - read_return(c->ev, f, c->report);
	double cool = read_cool(c->ev, c->control, c->report) - read_cool(c->ev, f, c->report);

	if (cool < ret)
		return (struct reader){read_cool, &c->report_noise.cool};
	return (struct reader){read_return, &c->report_noise.ret};
}

/* What twin gains over plain, which differ by the change alone; sd: how well that is known. */
static double schedule_of(const struct court *c, const struct arm *pick, const struct future *twin,
			  const struct future *plain, double *sd)
{
	const struct valuation *v = c->report == c->select ? &c->value : &c->report_value;
	const struct worth *w = pick->law ? &v->w[twin - c->ev->f] : NULL;
	struct reader r = reader_of(c, pick->f);

	if (w && !w->why && w->plain == plain) {
		*sd = w->sd;
		return w->gain;
	}
	*sd = M_SQRT2 * r.s->sd;
	return r.read(c->ev, plain, c->report) - r.read(c->ev, twin, c->report);
}

int court_credit(const struct court *c, const struct arm *pick, double gain, struct credit *k)
{
	const struct future *clean = clean_plain(c->ev);

	memset(k, 0, sizeof(*k));
	if (!is_persistent(pick->f) || !isfinite(gain))
		return 0;
	k->plain = clean;
	k->twin = clean ? evidence_changed(c->ev, clean, pick->f) : NULL;
	if (k->twin)
		k->schedule = schedule_of(c, pick, k->twin, clean, &k->sd);
	if (k->twin && isfinite(k->schedule)) {
		k->clean = 1;
	} else {
		k->twin = pick->f;
		k->plain = evidence_sibling(c->ev, pick->f);
		if (!k->plain)
			return 0;
		k->schedule = schedule_of(c, pick, pick->f, k->plain, &k->sd);
		k->clean = clean && same_state(clean, pick->f);
	}
	k->remedy = gain - k->schedule;
	return isfinite(k->schedule);
}
