/*
 * codec_device: planes that a device makes, in the place of the processor's own loops.
 *
 * A device is used once it has given the same bytes as the processor for TRIAL runs in less time,
 * copying included, and then for kinds of runs that it was right about KIND times; one run in CHECK
 * is compared for good. Whatever it refuses, or gets wrong in these, ends its use by this thread.
 */
#include <stdlib.h>
#include <string.h>

#include "codec_impl.h"
#include "io.h"

#define TRIAL 8
#define KIND 2
#define CHECK 64

struct device {
	lc_planes_fn fn; /* NULL: no longer */
	unsigned char *plane[PLANES_MAX], *ctx;
	uint32_t any;
	int staged; /* the run at work is here */
	int runs;   /* that were compared */
	unsigned calls;
	unsigned char right[LC_PREDS][LC_MAPS][LC_I16 + 1]; /* so often, by kind, up to KIND */
	double own, theirs;				    /* seconds that these took */
};

void lc_work_use(struct lc_work *w, lc_planes_fn fn)
{
	struct device *d;

	if (!fn || w->device)
		return;
	d = w->device = lc_xalloc(1, sizeof(*d));
	d->fn = fn;
	for (int b = 0; b < PLANES_MAX; b++)
		d->plane[b] = lc_xalloc(RUN_ELEMENTS + 64, 1);
	d->ctx = lc_xalloc(RUN_ELEMENTS + 64, 1);
}

void device_free(struct device *d)
{
	if (!d)
		return;
	for (int b = 0; b < PLANES_MAX; b++)
		free(d->plane[b]);
	free(d->ctx);
	free(d);
}

static unsigned char *right(struct device *d, const struct lc_model *m)
{
	return &d->right[m->pred][m->map][m->type];
}

/* Is this run taken as it comes? */
static int trusted(struct device *d, const struct lc_model *m)
{
	return d->fn && d->runs >= TRIAL && *right(d, m) >= KIND && d->calls % CHECK != 0;
}

void device_stage(struct lc_work *w, const struct planes *pl, const void *x)
{
	struct device *d = w->device;
	const struct lc_model *m = pl->m;
	struct lc_run_planes r = {.m = m,
				  .bits = pl->bits,
				  .mantissa = lc_dtype_mantissa(m->type),
				  .sources = (unsigned)lc_pred_sources(m->pred),
				  .source_bytes = lc_source_bytes(m),
				  .x = x,
				  .src = pl->src,
				  .n = pl->all,
				  .side = w->side};
	double start;

	if (!d || !d->fn)
		return;
	memcpy(r.plane, d->plane, sizeof(r.plane));
	r.ctx = m->contexts ? d->ctx : NULL;
	r.any = &d->any;
	d->calls++;
	start = lc_now();
	d->staged = d->fn(&r, NULL) == 0;
	if (!d->staged)
		d->fn = NULL;
	if (d->runs > 0 && d->runs < TRIAL) /* the first makes room there */
		d->theirs += lc_now() - start;
}

/* Do all numbers fit above the turn? The processor knows what to do with those that do not. */
static int fits(const struct planes *pl, uint32_t any)
{
	return pl->m->map == LC_MAP_ROTATE || pl->m->turn == 0 ||
	       any >> (pl->bits - pl->m->turn) == 0;
}

int device_take(struct lc_work *w, const struct planes *pl, unsigned char *const *dest,
		uint32_t *any)
{
	struct device *d = w->device;

	if (!trusted(d, pl->m) || !d->staged || !fits(pl, d->any))
		return 0;
	*any = d->any;
	for (unsigned b = 0; b < pl->bits / 8; b++)
		memcpy(dest[b], d->plane[b], pl->all);
	if (pl->m->contexts)
		memcpy(w->ctx, d->ctx, pl->all);
	return 1;
}

void device_compare(struct lc_work *w, const struct planes *pl, unsigned char *const *plane,
		    double seconds)
{
	struct device *d = w->device;
	int same = 1;

	if (!d->fn || !d->staged || trusted(d, pl->m))
		return;
	for (unsigned b = 0; b < pl->bits / 8; b++)
		same &= memcmp(plane[b], d->plane[b], pl->all) == 0;
	if (pl->m->contexts)
		same &= memcmp(w->ctx, d->ctx, pl->all) == 0;
	d->own += d->runs > 0 && d->runs < TRIAL ? seconds : 0;
	d->runs++;
	if (*right(d, pl->m) < KIND)
		++*right(d, pl->m);
	if (!same || (d->runs == TRIAL && d->theirs >= d->own))
		d->fn = NULL;
}
