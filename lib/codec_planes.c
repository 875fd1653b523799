/*
 * codec_planes: elements as planes of 8 bits of what is left over of them. See lc-store(5).
 *
 * A plane that is noise goes straight to where it is kept; one whose bytes are unevenly spread is
 * coded by their frequencies. Which is which is guessed once a run, from a sample.
 */
#include <math.h>
#include <string.h>
#include <zstd.h>

#include "codec_impl.h"
#include "io.h"

enum {
	RAW = 0,
	CONSTANT = 1,
	FRAME = 2,
	RANS4 = 3,
	RANS = 4,
	PACKED = 8 /* + 1..7, the bits of a byte that are kept */
};

#define SAMPLE 4096	/* elements looked at to tell noise from a plane that gains */
#define STRETCH 256	/* of them in a row */
#define NOISE 7.86	/* bits a byte, above which a plane is noise */
#define NOISE_TOLD 7.97 /* the same where contexts may tell more */
#define SMALL 64	/* elements of a block too short to compress */
#define HEAD 5		/* of a block: turn, and how many exceptions */
#define EXCEPTION 8	/* where, and what is left over of it */

struct exceptions {
	unsigned char *put;	   /* the encoder: where they go */
	const unsigned char *list; /* the decoder: where they are */
	size_t n, most;		   /* the decoder: done, and there are */
};

/* What is too large to be turned becomes an exception, and 0. */
static int except(struct lc_work *w, size_t at, size_t n, unsigned room, struct exceptions *e)
{
	for (size_t i = 0; i < n; i++) {
		if (!(w->u[i] >> room))
			continue;
		if (e->n == e->most)
			return -1;
		put_u32(e->put + EXCEPTION * e->n, (uint32_t)(at + i));
		put_u32(e->put + EXCEPTION * e->n++ + 4, w->u[i]);
		w->u[i] = 0;
	}
	return 0;
}

/* Elements i to i + n to where dest says; all bits that some of what is left over has, but for the
 * exceptions, where there are to be any. -1 when there are too many. */
static int stage(struct lc_work *w, const struct planes *pl, const void *x, size_t i, size_t n,
		 unsigned turn, unsigned char *const *dest, struct exceptions *e, uint32_t *any)
{
	const unsigned char *p = (const unsigned char *)x + i * (pl->bits / 8);
	uint32_t some;

	*any = 0;
	for (size_t done = 0; done < n; done += STRIDE) {
		size_t len = n - done < STRIDE ? n - done : STRIDE;
		unsigned char *to[PLANES_MAX];
		const uint32_t *now;
		for (unsigned b = 0; b < pl->bits / 8; b++)
			to[b] = dest[b] + done;
		now = codec_load(w, p + done * (pl->bits / 8), len, pl->bits);
		codec_predict(w, pl->m, pl->src, pl->all, i + done, len, w->p, w->ctx + done);
		w->loops->map(pl->m, now, w->p, len, w->u);
		some = w->loops->split(w->u, len, pl->bits, turn, to);
		if (e && some >> (pl->bits - turn)) {
			if (except(w, done, len, pl->bits - turn, e) < 0)
				return -1;
			some = w->loops->split(w->u, len, pl->bits, turn, to);
		}
		*any |= some;
	}
	return 0;
}

/* The whole run, by the device where it is of use. */
static int stage_run(struct lc_work *w, const struct planes *pl, const void *x,
		     unsigned char *const *dest, struct exceptions *e, uint32_t *any)
{
	double start;
	int ret;

	if (w->device && device_take(w, pl, dest, any))
		return 0;
	start = w->device ? lc_now() : 0;
	ret = stage(w, pl, x, 0, pl->all, pl->m->turn, dest, e, any);
	if (w->device && ret == 0 && (!e || e->n == 0))
		device_compare(w, pl, dest, lc_now() - start);
	return ret;
}

static double entropy(const unsigned char *plane, size_t n)
{
	uint32_t count[CONTEXTS][256];
	unsigned kinds;
	double bits;

	memset(count[0], 0, sizeof(count[0]));
	rans_count(plane, NULL, n, count);
	bits = rans_bits(count[0], &kinds);
	return (bits + (kinds - 1) / (2 * M_LN2)) / (double)n;
}

void planes_guess(struct lc_work *w, struct planes *pl, const void *x, unsigned turn)
{
	const struct lc_model *m = pl->m;
	size_t pieces = pl->all / STRETCH, n = 0;
	uint32_t any;
	size_t step = pieces > SAMPLE / STRETCH ? pieces / (SAMPLE / STRETCH) : 1;

	for (size_t i = 0; i < pl->all && n < SAMPLE; i += step * STRETCH) {
		size_t len = pl->all - i < STRETCH ? pl->all - i : STRETCH;
		unsigned char *dest[PLANES_MAX];
		for (int b = 0; b < PLANES_MAX; b++)
			dest[b] = w->plane[b] + n;
		stage(w, pl, x, i, len, turn, dest, NULL, &any);
		n += len;
	}
	for (unsigned b = 0; b < pl->bits / 8; b++) {
		double full = b == 0 && m->map != LC_MAP_ROTATE ? 8 - turn : 8;
		double least = m->contexts ? NOISE_TOLD : NOISE;
		pl->noise[b] = n >= SMALL && entropy(w->plane[b], n) > least - (8 - full);
	}
}

static size_t packed_size(size_t n, unsigned keep)
{
	return (n + 7) / 8 * keep;
}

static size_t pack(const struct lc_work *w, const unsigned char *plane, size_t n, unsigned keep,
		   unsigned char *out)
{
	unsigned char rest[8] = {0};
	size_t whole = n - n % 8;

	w->loops->pack(plane, whole, keep, out);
	memcpy(rest, plane + whole, n - whole);
	if (n > whole)
		w->loops->pack(rest, 8, keep, out + whole / 8 * keep);
	return packed_size(n, keep);
}

static void unpack(const struct lc_work *w, const unsigned char *in, size_t n, unsigned keep,
		   unsigned char *plane)
{
	unsigned char rest[8];
	size_t whole = n - n % 8;

	w->loops->unpack(in, whole, keep, plane);
	if (n == whole)
		return;
	w->loops->unpack(in + whole / 8 * keep, 8, keep, rest);
	memcpy(plane + whole, rest, n - whole);
}

/* Counts of the plane, in w->count: with contexts if these gain, and one sum if not. Gives the bits
 * that the plane will take with its tables; *ctx becomes NULL if they do not. */
static double count(struct lc_work *w, const unsigned char *plane, size_t n,
		    const unsigned char **ctx, unsigned *kinds)
{
	double with = 0, one;
	uint32_t sum[256] = {0};

	memset(w->count, 0, (*ctx ? CONTEXTS : 1) * sizeof(*w->count));
	rans_count(plane, *ctx, n, w->count);
	for (int t = 0; t < CONTEXTS && *ctx; t++) {
		with += rans_bits(w->count[t], kinds) + 10 * *kinds;
		for (int c = 0; c < 256; c++)
			sum[c] += w->count[t][c];
	}
	one = rans_bits(*ctx ? sum : w->count[0], kinds) + 10 * *kinds;
	if (*ctx && with < one)
		return with;
	if (*ctx)
		memcpy(w->count[0], sum, sizeof(sum));
	*ctx = NULL;
	return one;
}

/* A plane that gains, if it does: mode and body, or 0. size: what it takes without. */
static size_t shorten(struct lc_work *w, const struct planes *pl, const unsigned char *plane,
		      size_t n, size_t size, unsigned char *out)
{
	const unsigned char *ctx = pl->m->contexts ? w->ctx : NULL;
	unsigned kinds;
	double bits = count(w, plane, n, &ctx, &kinds) + 8 * 4 * RANS_STATES;
	size_t len = 0;

	if (kinds == 1) {
		out[0] = CONSTANT;
		out[1] = plane[0];
		return 2;
	}
	if (bits > NOISE * (double)size)
		bits = INFINITY;
	if (lc_dtype_mantissa(pl->m->type) == 0) { /* integers may repeat themselves */
		len = ZSTD_compress2(w->fast, out + 5, size - 1, plane, n);
		out[0] = FRAME;
		len = ZSTD_isError(len) || len + 4 >= size || (double)len > bits / 8 ? 0 : len;
	}
	if (len == 0 && bits < INFINITY) {
		len = rans_encode(w, plane, ctx, n, out + 5, size - 5);
		out[0] = RANS;
	}
	put_u32(out + 1, (uint32_t)len);
	return len ? 5 + len : 0;
}

/* A plane of which the top `keep` bits are in use, 0 when it is known that none are. */
static size_t plane_encode(struct lc_work *w, const struct planes *pl, const unsigned char *plane,
			   size_t n, unsigned keep, int noise, unsigned char *out)
{
	size_t len = 0;

	if (plane == out + 1) { /* it is there already */
		out[0] = RAW;
		return 1 + n;
	}
	if (keep == 0) {
		out[0] = CONSTANT;
		out[1] = 0;
		return 2;
	}
	if (n >= SMALL && !noise)
		len = shorten(w, pl, plane, n, packed_size(n, keep), out);
	if (len)
		return len;
	if (keep < 8) {
		out[0] = (unsigned char)(PACKED + keep);
		return 1 + pack(w, plane, n, keep, out + 1);
	}
	out[0] = RAW;
	memcpy(out + 1, plane, n);
	return 1 + n;
}

/* Bits of each byte of plane b that are in use; any has the bits that some number has. Of noise,
 * all that there can be: so it is known early how long it is. */
static unsigned kept(const struct planes *pl, unsigned b, unsigned turn, uint32_t any)
{
	unsigned keep = 8, bits = any >> 8 * b & 255;

	if (pl->noise[b])
		return b == 0 && pl->m->map != LC_MAP_ROTATE ? 8 - turn : 8;
	while (keep > 0 && !(bits >> (8 - keep) & 1))
		keep--;
	return keep;
}

/* Where each plane goes at first: noise, to where it is kept, as long as it is known where. */
static void places(const struct lc_work *w, const struct planes *pl, size_t n, unsigned turn,
		   unsigned char *out, unsigned char **dest)
{
	size_t at = HEAD;
	int known = 1;

	for (unsigned b = 0; b < pl->bits / 8; b++) {
		unsigned keep = kept(pl, b, turn, 0);
		known &= pl->noise[b];
		dest[b] = known && keep == 8 ? out + at + 1 : w->plane[b];
		at += 1 + packed_size(n, keep);
		if (keep == 8 && n % 8)
			at -= 8 - n % 8; /* raw planes are not filled */
	}
}

size_t planes_encode(struct lc_work *w, const struct planes *pl, const void *x, unsigned char *out)
{
	size_t n = pl->all;
	unsigned bits = pl->bits, turn = pl->m->turn;
	unsigned char *dest[PLANES_MAX] = {NULL}, *p = out + HEAD;
	struct exceptions e = {.put = w->odd, .most = n / EXCEPTIONS_MOST};
	int rotate = pl->m->map == LC_MAP_ROTATE;
	struct planes flat = *pl;
	uint32_t any;

	places(w, pl, n, turn, out, dest);
	if (stage_run(w, pl, x, dest, turn && !rotate ? &e : NULL, &any) < 0) {
		e.n = turn = 0;
		planes_guess(w, &flat, x, 0);
		pl = &flat;
		places(w, pl, n, turn, out, dest);
		stage(w, pl, x, 0, n, turn, dest, NULL, &any);
	}
	if (turn)
		any = (any << turn | any >> (bits - turn)) & bits_mask(bits);
	out[0] = (unsigned char)turn;
	put_u32(out + 1, (uint32_t)e.n);
	for (unsigned b = 0; b < bits / 8; b++)
		p += plane_encode(w, pl, dest[b], n, kept(pl, b, turn, any), pl->noise[b], p);
	memcpy(p, w->odd, EXCEPTION * e.n);
	return (size_t)(p - out) + EXCEPTION * e.n;
}

/* One plane; *plane becomes where it is, in the input or in the room that it points to. */
static long plane_decode(struct lc_work *w, const unsigned char *in, size_t len, size_t n,
			 const unsigned char *ctx, unsigned char *room, const unsigned char **plane)
{
	unsigned mode;
	size_t size;
	int bad;

	*plane = room;
	if (len < 1)
		return -1;
	mode = in[0];
	if (mode == RAW && len - 1 >= n) {
		*plane = in + 1;
		return (long)(1 + n);
	}
	if (mode == CONSTANT && len >= 2) {
		memset(room, in[1], n);
		return 2;
	}
	if (mode >= FRAME && mode <= RANS && len >= 5 && (size = get_u32(in + 1)) <= len - 5) {
		if (mode == RANS)
			bad = rans_decode(w, in + 5, size, ctx, room, n) < 0;
		else if (mode == RANS4)
			bad = rans4_decode(in + 5, size, room, n) < 0;
		else
			bad = ZSTD_decompressDCtx(w->d, room, n, in + 5, size) != n;
		return bad ? -1 : (long)(5 + size);
	}
	if (mode > PACKED && mode < PACKED + 8 && len - 1 >= packed_size(n, mode - PACKED)) {
		unpack(w, in + 1, n, mode - PACKED, room);
		return (long)(1 + packed_size(n, mode - PACKED));
	}
	return -1;
}

static void tell_contexts(struct lc_work *w, const struct planes *pl, size_t i, size_t n)
{
	for (size_t done = 0; done < n; done += STRIDE)
		codec_predict(w, pl->m, pl->src, pl->all, i + done,
			      n - done < STRIDE ? n - done : STRIDE, w->told + done, w->ctx + done);
}

/* The exceptions among elements from `at` on. */
static void put_back(struct lc_work *w, struct exceptions *e, size_t at, size_t n)
{
	for (; e->n < e->most; e->n++) {
		uint32_t where = get_u32(e->list + EXCEPTION * e->n);
		if (where < at || where - at >= n)
			return;
		w->u[where - at] = get_u32(e->list + EXCEPTION * e->n + 4);
	}
}

static void unstage(struct lc_work *w, const struct planes *pl, const unsigned char *const *plane,
		    unsigned turn, struct exceptions *e, size_t i, size_t n, void *x)
{
	unsigned char *to = (unsigned char *)x + i * (pl->bits / 8);
	int direct = codec_direct(to, pl->bits);

	for (size_t done = 0; done < n; done += STRIDE) {
		size_t len = n - done < STRIDE ? n - done : STRIDE;
		const unsigned char *from[PLANES_MAX];
		for (unsigned b = 0; b < pl->bits / 8; b++)
			from[b] = plane[b] + done;
		w->loops->merge(from, len, pl->bits, turn, w->u);
		put_back(w, e, done, len);
		if (!pl->m->contexts)
			codec_predict(w, pl->m, pl->src, pl->all, i + done, len, w->p, NULL);
		w->loops->unmap(pl->m, w->u, pl->m->contexts ? w->told + done : w->p, len,
				direct ? (uint32_t *)(void *)(to + 4 * done) : w->x);
		if (!direct)
			w->loops->store(w->x, len, pl->bits, to + done * (pl->bits / 8));
	}
}

long planes_decode(struct lc_work *w, const struct planes *pl, const unsigned char *in, size_t len,
		   size_t i, size_t n, void *x)
{
	const unsigned char *plane[PLANES_MAX];
	unsigned planes = pl->bits / 8;
	size_t at = pl->first_layout ? 1 : HEAD;
	struct exceptions e = {0};

	if (len < at || in[0] > 7)
		return -1;
	if (pl->m->contexts)
		tell_contexts(w, pl, i, n);
	for (unsigned k = 0; k < planes; k++) {
		unsigned b = pl->first_layout ? planes - 1 - k : k;
		long used = plane_decode(w, in + at, len - at, n, pl->m->contexts ? w->ctx : NULL,
					 w->plane[b], &plane[b]);
		if (used < 0)
			return -1;
		at += (size_t)used;
	}
	e.list = in + at;
	e.most = pl->first_layout ? 0 : get_u32(in + 1);
	if (e.most > (len - at) / EXCEPTION)
		return -1;
	unstage(w, pl, plane, in[0], &e, i, n, x);
	return e.n == e.most ? (long)(at + EXCEPTION * e.most) : -1;
}
