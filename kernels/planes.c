/* planes: see planes.h. The codec's own loops, as they are for any processor. */
#include "planes.h"

#include <string.h>

#include "codec_impl.h"

int lc_planes_cpu(const struct lc_run_planes *r, struct lc_err *err)
{
	struct lc_work *w = lc_work_new();
	unsigned char *plane[4], *ctx = r->ctx;
	size_t width = r->bits / 8;

	(void)err;
	w->loops = codec_loops(0);
	if (r->m->rank1)
		memcpy(w->side, r->side, codec_rows(r->m, r->n) + r->m->cols);
	*r->any = 0;
	for (size_t i = 0; i < r->n; i += STRIDE) {
		size_t n = r->n - i < STRIDE ? r->n - i : STRIDE;
		const uint32_t *x =
			codec_load(w, (const unsigned char *)r->x + i * width, n, r->bits);
		for (size_t b = 0; b < width; b++)
			plane[b] = r->plane[b] + i;
		codec_predict(w, r->m, r->src, r->n, i, n, w->p, ctx ? ctx + i : NULL);
		w->loops->map(r->m, x, w->p, n, w->u);
		*r->any |= w->loops->split(w->u, n, r->bits, r->m->turn, plane);
	}
	lc_work_free(w);
	return 0;
}
