/*
 * store_gc_mark: which chunks of a store are needed, and which copy of each.
 *
 * Of several copies the newest that can be used stays: it was made to replace the others, if not by
 * this gc, then by one that was killed. What is predicted from a chunk needs a copy of a smaller
 * depth than its own: where the one that stays has not, another stays too.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crc.h"
#include "io.h"
#include "store_body.h"
#include "store_gc_impl.h"
#include "store_parts.h"

#define SEEN 1	/* it is needed */
#define NAMED 2 /* a snapshot names it */
#define GOOD 4	/* it can be used, by what is known */
#define BAD 8	/* it cannot */
#define HEAD_ROOM (LC_BODY_HEAD + 32 * LC_REFS_MAX + LC_BODY_SEGMENT)

static const struct lc_id *id_of(const struct gc *gc, size_t copy)
{
	return &gc_chunk(gc, copy)->id;
}

size_t gc_find(const struct gc *gc, const struct lc_id *id, size_t *end)
{
	size_t lo = 0, hi = gc->n, i;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (memcmp(id_of(gc, mid), id, sizeof(*id)) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (i = lo; i < gc->n && memcmp(id_of(gc, i), id, sizeof(*id)) == 0;)
		i++;
	*end = i;
	return i > lo ? lo : gc->n;
}

/* The whole body of a copy; NULL: it cannot be read. */
static unsigned char *body_of(struct gc *gc, size_t copy)
{
	size_t len = gc_chunk(gc, copy)->stored;
	unsigned char *body = malloc(len);

	if (body && gc_body(gc, copy, len, body, NULL) < 0) {
		free(body);
		return NULL;
	}
	return body;
}

/* Is a copy known to be sound? One of a version without checksums is, if it needs no other. */
static int is_sound(struct gc *gc, size_t copy)
{
	const struct lc_chunk *c = gc_chunk(gc, copy);
	unsigned char *body = body_of(gc, copy), *raw;
	int sound = 0;

	if (body && c->crc) {
		sound = lc_crc32c(body, c->stored) == c->crc;
	} else if (body && c->codec != LC_CODEC_TENSOR) {
		raw = lc_xalloc(c->raw, 1);
		sound = lc_chunk_decode(c, body, raw, NULL) == 0;
		free(raw);
	}
	free(body);
	return sound;
}

/*
 * What a coded body refers to: n ids at *ids, in *buf, which is the caller's. That the rest of the
 * body fits behind them tells that none is missing.
 */
static int references(struct gc *gc, size_t copy, unsigned char **buf, const unsigned char **ids,
		      size_t *n)
{
	const struct lc_chunk *c = gc_chunk(gc, copy);
	size_t len = c->stored < HEAD_ROOM ? c->stored : HEAD_ROOM;
	int fits;

	*buf = lc_xalloc(len, 1);
	if (gc_body(gc, copy, len, *buf, NULL) < 0)
		return -1;
	fits = lc_body_fits(*buf, len, c->stored, c->raw);
	if (fits < 0) { /* more than one segment: it takes all of it to tell */
		free(*buf);
		*buf = body_of(gc, copy);
		fits = *buf ? lc_body_fits(*buf, c->stored, c->stored, c->raw) : 0;
	}
	if (fits <= 0)
		return -1;
	*ids = lc_body_refs(*buf, c->stored, n);
	return *ids ? 0 : -1;
}

static int is_usable(struct gc *gc, size_t copy);

/* Is there a copy of a chunk to be used, of a depth below? */
static int is_there(struct gc *gc, const unsigned char *ref, int below)
{
	struct lc_id id;
	size_t end, i;

	memcpy(id.b, ref, sizeof(id.b));
	for (i = gc_find(gc, &id, &end); i < end; i++)
		if (gc_chunk(gc, i)->depth < below && is_usable(gc, i))
			return 1;
	return 0;
}

/*
 * Can a chunk be read from this copy? Asked where there are several: one of them may be damaged, or
 * be what a gc that was killed has left of a chain. What it is predicted from is asked too, though
 * there be one copy of that: damage there is a reason to keep the other.
 */
static int is_usable(struct gc *gc, size_t copy)
{
	const struct lc_chunk *c = gc_chunk(gc, copy);
	unsigned char *buf = NULL;
	const unsigned char *ids;
	size_t n = 0;
	int usable;

	if (gc->seen[copy] & (GOOD | BAD))
		return gc->seen[copy] & GOOD;
	usable = is_sound(gc, copy);
	if (usable && c->codec == LC_CODEC_TENSOR)
		usable = references(gc, copy, &buf, &ids, &n) == 0;
	for (size_t i = 0; i < n && usable; i++)
		usable = is_there(gc, ids + 32 * i, c->depth);
	free(buf);
	gc->seen[copy] |= usable ? GOOD : BAD;
	return usable;
}

static void take(struct gc *gc, size_t copy)
{
	struct gc_pack *p = &gc->p[gc->copy[copy].pack];

	if (gc->seen[copy] & SEEN)
		return;
	gc->seen[copy] |= SEEN;
	p->live[gc->copy[copy].at] = 1;
	p->nlive++;
	if (gc_chunk(gc, copy)->codec == LC_CODEC_TENSOR)
		gc->pending[gc->npending++] = copy;
}

/*
 * Keep a chunk: 0, or -1 when it is in no pack at a depth below the one given. Of several copies
 * of which none is known to be of use, all are kept.
 */
static int need(struct gc *gc, const struct lc_id *id, int below, unsigned how)
{
	size_t end, first = gc_find(gc, id, &end), best = end, fit = 0;

	for (size_t i = first; i < end; i++) {
		gc->seen[i] |= how & NAMED;
		if (gc_chunk(gc, i)->depth >= below)
			continue;
		if (gc->seen[i] & SEEN)
			return 0;
		best = i;
		fit++;
	}
	if (fit > 1)
		for (best = first; best < end; best++)
			if (gc_chunk(gc, best)->depth < below && is_usable(gc, best))
				break;
	for (size_t i = first; i < end; i++)
		if (gc_chunk(gc, i)->depth < below && (i == best || best == end))
			take(gc, i);
	return fit ? 0 : -1;
}

/*
 * Keep what the copies to do are predicted from, and what that is predicted from: for a snapshot,
 * or for none yet, and then what is not there is no damage.
 */
static void follow(struct gc *gc, const struct lc_id *snapshot)
{
	char hex[LC_HEX_LEN + 1], why[200];

	while (gc->npending > 0) {
		size_t copy = gc->pending[--gc->npending], n = 0;
		const struct lc_chunk *c = gc_chunk(gc, copy);
		unsigned char *buf = NULL;
		const unsigned char *ids;

		lc_id_hex(&c->id, hex);
		if (references(gc, copy, &buf, &ids, &n) < 0 && snapshot) {
			snprintf(why, sizeof(why), "chunk %.16s is damaged", hex);
			gc_damaged(gc, snapshot, why);
		}
		for (size_t i = 0; i < n; i++) {
			struct lc_id id;
			memcpy(id.b, ids + 32 * i, sizeof(id.b));
			if (need(gc, &id, c->depth, 0) == 0 || !snapshot)
				continue;
			snprintf(why, sizeof(why),
				 "what chunk %.16s is predicted from is in no pack", hex);
			gc_damaged(gc, snapshot, why);
			break;
		}
		free(buf);
	}
}

static void mark_snapshot(struct gc *gc, const struct lc_snapshot *s)
{
	char hex[LC_HEX_LEN + 1], why[200];
	size_t lacks = 0;

	for (size_t i = 0; i < s->m.n; i++)
		for (size_t k = 0; k < s->m.e[i].nchunks; k++)
			if (need(gc, &s->m.e[i].chunks[k], LC_DEPTH_MAX + 1, NAMED) < 0 &&
			    lacks++ == 0)
				lc_id_hex(&s->m.e[i].chunks[k], hex);
	if (lacks) {
		snprintf(why, sizeof(why), "%zu of its chunks are in no pack, the first: %.16s",
			 lacks, hex);
		gc_damaged(gc, &s->id, why);
	}
	follow(gc, &s->id);
}

/* What ranks have saved of states that are not complete. */
static int mark_parts(struct gc *gc, struct lc_err *err)
{
	struct lc_parts list;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (lc_parts_list(gc->st, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++)
		if (gc->g->parts < 0 || (double)now.tv_sec - list.p[i].s.time <= gc->g->parts)
			mark_snapshot(gc, &list.p[i].s);
	if (list.bad)
		gc_damaged(gc, NULL, list.why.text);
	lc_parts_release(&list);
	return 0;
}

/* Their saver may still be about to name them. */
static void mark_young(struct gc *gc)
{
	for (size_t i = 0; i < gc->n; i++) {
		if (!gc->p[gc->copy[i].pack].young)
			continue;
		if (!(gc->seen[i] & SEEN))
			gc->g->young += gc_chunk(gc, i)->stored;
		take(gc, i);
	}
	follow(gc, NULL);
}

static void add_held(struct gc *gc)
{
	for (size_t i = 0; i < gc->n; i++)
		if ((gc->seen[i] & (SEEN | NAMED)) == SEEN && !gc->p[gc->copy[i].pack].young)
			gc->held += gc_chunk(gc, i)->stored;
}

int gc_is_stale(struct gc *gc, const struct lc_id *id)
{
	size_t end, first = gc_find(gc, id, &end), n;
	int stale = 0;

	for (size_t i = first; i < end && !stale; i++) {
		unsigned char *buf = NULL;
		const unsigned char *ids;
		if (!(gc->seen[i] & SEEN) || gc_chunk(gc, i)->codec != LC_CODEC_TENSOR ||
		    references(gc, i, &buf, &ids, &n) < 0)
			n = 0;
		for (size_t k = 0; k < n; k++) {
			struct lc_id ref;
			size_t to;
			memcpy(ref.b, ids + 32 * k, sizeof(ref.b));
			to = gc_find(gc, &ref, &to);
			stale |= to < gc->n && !(gc->seen[to] & NAMED);
		}
		free(buf);
	}
	return stale;
}

int gc_mark(struct gc *gc, struct lc_err *err)
{
	struct lc_snapshot s;
	struct lc_err why;
	struct lc_id *ids;
	size_t n;

	if (lc_store_ids(gc->st, &ids, &n, err) < 0)
		return -1;
	gc->seen = lc_xalloc(gc->n, 1);
	gc->pending = lc_xalloc(gc->n, sizeof(*gc->pending));
	for (size_t i = 0; i < n; i++) {
		if (lc_store_read(gc->st, &ids[i], &s, &why) < 0) {
			gc_damaged(gc, &ids[i], why.text);
			continue;
		}
		mark_snapshot(gc, &s);
		lc_snapshot_release(&s);
	}
	free(ids);
	if (mark_parts(gc, err) < 0)
		return -1;
	mark_young(gc);
	add_held(gc);
	return 0;
}
