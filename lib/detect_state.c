/*
 * detect_state: a detector as bytes, and back.
 *
 *   magic "LCDETECT", u32 version, u32 words of a state; then doubles: the configuration that
 * scores depend on, the counters, the states now and before, the steps held, the detectors kept;
 *   u32 CRC-32C of all before it
 *
 * A state of another version or configuration is refused: what it learned would mean something
 * else.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crc.h"
#include "detect_impl.h"
#include "io.h"

#define MAGIC "LCDETECT"
#define VERSION 2

_Static_assert(sizeof(struct live) % sizeof(double) == 0, "doubles only");
_Static_assert(sizeof(struct kept) == sizeof(struct live) + sizeof(double), "doubles only");

struct head {
	char magic[8];
	uint32_t version, words;
	double min_steps, rate, threshold, cooldown, profile;
	double counters[5]; /* nheld, nkept, since_kept, alerted, evented */
};

static void live_clear(struct live *v)
{
	memset(v, 0, sizeof(*v));
	for (int i = 0; i < CHANNELS; i++) {
		v->ch[i].z = NAN;
		v->ch[i].onset = -1;
		v->ch[i].swing = .8;
	}
	for (int i = 0; i < SIGNALS; i++)
		v->sig[i].score = v->sig[i].p = NAN;
	v->index = NAN;
	v->step = v->outlier_step = -1;
}

void lc_past_clear(struct lc_past *p)
{
	live_clear(&p->now);
	live_clear(&p->before);
	p->alerted = p->evented = -1;
	p->since_kept = 0;
}

static struct head head_of(const struct lc_detect *d)
{
	const struct lc_past *p = &d->past;
	struct head h = {.version = VERSION,
			 .words = sizeof(struct live) / sizeof(double),
			 .min_steps = d->conf.min_steps,
			 .rate = d->conf.rate,
			 .threshold = d->conf.threshold,
			 .cooldown = d->conf.cooldown,
			 .profile = d->conf.profile,
			 .counters = {p->nheld, p->nkept, p->since_kept, p->alerted, p->evented}};

	memcpy(h.magic, MAGIC, sizeof(h.magic));
	return h;
}

static uint32_t sum_of(const char *buf, size_t len)
{
	struct lc_crc crc;

	lc_crc_init(&crc, LC_CRC32C);
	return lc_crc_of(&crc, 0, buf, len);
}

/* The parts of a state in their order: to p, or from it. Returns behind the last. */
static char *copy_parts(struct lc_past *past, char *p, int restore)
{
	struct {
		void *at;
		size_t len;
	} parts[] = {{&past->now, sizeof(past->now)},
		     {&past->before, sizeof(past->before)},
		     {past->held, (size_t)past->nheld * sizeof(past->held[0])},
		     {past->kept, (size_t)past->nkept * sizeof(past->kept[0])}};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		memcpy(restore ? parts[i].at : p, restore ? p : parts[i].at, parts[i].len);
		p += parts[i].len;
	}
	return p;
}

static size_t size_of(double nheld, double nkept)
{
	return sizeof(struct head) + 2 * sizeof(struct live) + (size_t)nheld * sizeof(struct seen) +
	       (size_t)nkept * sizeof(struct kept) + sizeof(uint32_t);
}

void lc_detect_save(const struct lc_detect *d, char **buf, size_t *len)
{
	struct lc_past *past = (struct lc_past *)&d->past; /* only read */
	struct head h = head_of(d);
	uint32_t sum;

	*len = size_of(past->nheld, past->nkept);
	*buf = lc_xalloc(*len, 1);
	memcpy(*buf, &h, sizeof(h));
	copy_parts(past, *buf + sizeof(h), 0);
	sum = sum_of(*buf, *len - sizeof(sum));
	memcpy(*buf + *len - sizeof(sum), &sum, sizeof(sum));
}

static int whole(double x, double max)
{
	return x >= 0 && x <= max && x == floor(x);
}

/* What is used as an index, a set of bits or a whole number is one. */
static int live_ok(const struct live *v)
{
	static const double big = 9007199254740992.0;

	for (int i = 0; i < CHANNELS; i++)
		if (!(v->ch[i].onset >= -1 && v->ch[i].onset <= big) ||
		    !(v->ch[i].trend.n >= 0 && v->ch[i].trend.n <= big))
			return 0;
	for (int i = 0; i < SIGNALS; i++)
		if (!(v->sig[i].since >= -1 && v->sig[i].since <= big))
			return 0;
	return whole(v->usual, (1u << LC_METRICS) - 1) && whole(v->strongest, SIGNALS - 1) &&
	       whole(v->alert_kind, LC_NONFINITE) && whole(v->step + 1, big) &&
	       whole(v->outlier_step + 1, big) && whole(v->alert_step, big) &&
	       whole(v->alert_onset, big) && whole(v->alert_rewind, big);
}

static int past_ok(const struct lc_past *p)
{
	if (!live_ok(&p->now) || !live_ok(&p->before))
		return 0;
	for (int i = 0; i < p->nheld; i++)
		if (!whole(p->held[i].has, (1u << LC_METRICS) - 1) ||
		    !whole(p->held[i].step, 9007199254740992.0))
			return 0;
	for (int i = 0; i < p->nkept; i++)
		if (!live_ok(&p->kept[i].live))
			return 0;
	return 1;
}

static int same_conf(const struct head *a, const struct head *b)
{
	return a->min_steps == b->min_steps && a->rate == b->rate && a->threshold == b->threshold &&
	       a->cooldown == b->cooldown && a->profile == b->profile;
}

static int restore_past(struct lc_past *p, const char *buf)
{
	struct head h;

	memcpy(&h, buf, sizeof(h));
	p->nheld = h.counters[0];
	p->nkept = h.counters[1];
	p->since_kept = h.counters[2];
	p->alerted = h.counters[3];
	p->evented = h.counters[4];
	p->blamed = -1;
	copy_parts(p, (char *)buf + sizeof(h), 1);
	return past_ok(p);
}

int lc_detect_restore(struct lc_detect *d, const char *buf, size_t len, struct lc_err *err)
{
	struct head h, mine = head_of(d);
	struct lc_past *p;
	uint32_t sum;
	int ok;

	if (len < sizeof(h) + sizeof(sum) || memcmp(buf, MAGIC, sizeof(h.magic)) != 0)
		return lc_fail(err, LC_DATA, "no detector state");
	memcpy(&h, buf, sizeof(h));
	memcpy(&sum, buf + len - sizeof(sum), sizeof(sum));
	if (h.version != VERSION || h.words != mine.words)
		return lc_fail(err, LC_DATA, "detector state of version %u; this is %d", h.version,
			       VERSION);
	if (!whole(h.counters[0], HELD) || !whole(h.counters[1], KEPT) ||
	    len != size_of(h.counters[0], h.counters[1]) || sum != sum_of(buf, len - sizeof(sum)))
		return lc_fail(err, LC_DATA, "detector state is damaged");
	if (!same_conf(&h, &mine))
		return lc_fail(err, LC_DATA, "detector state made with other options");
	p = lc_xalloc(1, sizeof(*p));
	ok = restore_past(p, buf);
	if (ok)
		d->past = *p;
	free(p);
	return ok ? 0 : lc_fail(err, LC_DATA, "detector state is damaged");
}
