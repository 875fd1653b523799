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
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crc.h"
#include "detect_impl.h"
#include "io.h"

#define MAGIC "LCDETECT"
#define VERSION 5

_Static_assert(sizeof(struct live) % sizeof(double) == 0, "doubles only");
_Static_assert(sizeof(struct kept) == sizeof(struct live) + sizeof(double), "doubles only");

struct head {
	char magic[8];
	uint32_t version, words;
	double min_steps, rate, threshold, cooldown, profile, forecast;
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
		v->sig[i].score = v->sig[i].p = v->sig[i].last = NAN;
	v->index = v->standing = NAN;
	v->step = v->outlier_step = -1;
}

size_t lc_live_size(const struct lc_detect_conf *conf)
{
	return conf->forecast ? sizeof(struct live) : offsetof(struct live, forecaster);
}

void lc_live_copy(struct live *to, const struct live *from, const struct lc_detect_conf *conf)
{
	memcpy(to, from, lc_live_size(conf));
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
			 .words = (uint32_t)(lc_live_size(&d->conf) / sizeof(double)),
			 .min_steps = d->conf.min_steps,
			 .rate = d->conf.rate,
			 .threshold = d->conf.threshold,
			 .cooldown = d->conf.cooldown,
			 .profile = d->conf.profile,
			 .forecast = d->conf.forecast,
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

/* A part of a state: to buf, or from it. Returns behind it. */
static char *copy_part(void *at, size_t len, char *buf, int restore)
{
	memcpy(restore ? at : buf, restore ? buf : at, len);
	return buf + len;
}

/* The parts in their order. words: of a live. */
static void copy_parts(struct lc_past *past, size_t words, char *p, int restore)
{
	size_t live = words * sizeof(double);

	p = copy_part(&past->now, live, p, restore);
	p = copy_part(&past->before, live, p, restore);
	p = copy_part(past->held, (size_t)past->nheld * sizeof(past->held[0]), p, restore);
	for (int i = 0; i < (int)past->nkept; i++)
		p = copy_part(&past->kept[i], sizeof(double) + live, p, restore);
}

static size_t size_of(const struct head *h)
{
	size_t live = h->words * sizeof(double), held = (size_t)h->counters[0],
	       kept = (size_t)h->counters[1];

	return sizeof(*h) + 2 * live + held * sizeof(struct seen) + kept * (sizeof(double) + live) +
	       sizeof(uint32_t);
}

void lc_detect_save(const struct lc_detect *d, char **buf, size_t *len)
{
	struct lc_past *past = (struct lc_past *)&d->past; /* only read */
	struct head h = head_of(d);
	uint32_t sum;

	*len = size_of(&h);
	*buf = lc_xalloc(*len, 1);
	memcpy(*buf, &h, sizeof(h));
	copy_parts(past, h.words, *buf + sizeof(h), 0);
	sum = sum_of(*buf, *len - sizeof(sum));
	memcpy(*buf + *len - sizeof(sum), &sum, sizeof(sum));
}

static int whole(double x, double max)
{
	return x >= 0 && x <= max && x == floor(x);
}

/* What is used as an index, a set of bits or a whole number is one. */
static int live_ok(const struct live *v, double forecast)
{
	static const double big = 9007199254740992.0;

	for (int i = 0; i < CHANNELS; i++)
		if (!(v->ch[i].onset >= -1 && v->ch[i].onset <= big) ||
		    !(v->ch[i].trend.n >= 0 && v->ch[i].trend.n <= big))
			return 0;
	for (int i = 0; i < SIGNALS; i++)
		if (!(v->sig[i].since >= -1 && v->sig[i].since <= big))
			return 0;
	if (!whole(v->plateau.on, LC_PLATEAU_SIZES) || !whole(v->plateau.step, big) ||
	    !whole(v->plateau.onset, big) || !whole(v->plateau.rewind, big))
		return 0;
	for (int i = 0; i < LC_PLATEAU_SIZES; i++)
		if (!whole(v->plateau.size[i].parts, LC_PLATEAU_HELD))
			return 0;
	if (forecast && !whole(v->forecaster.n, big))
		return 0;
	return whole(v->usual, (1u << LC_METRICS) - 1) && whole(v->strongest, SIGNALS - 1) &&
	       whole(v->alert_kind, LC_NONFINITE) && whole(v->step + 1, big) &&
	       whole(v->outlier_step + 1, big) && whole(v->alert_step, big) &&
	       whole(v->alert_onset, big) && whole(v->alert_rewind, big);
}

static int past_ok(const struct lc_past *p, double forecast)
{
	if (!live_ok(&p->now, forecast) || !live_ok(&p->before, forecast))
		return 0;
	for (int i = 0; i < p->nheld; i++)
		if (!whole(p->held[i].has, (1u << LC_METRICS) - 1) ||
		    !whole(p->held[i].step, 9007199254740992.0))
			return 0;
	for (int i = 0; i < p->nkept; i++)
		if (!live_ok(&p->kept[i].live, forecast))
			return 0;
	return 1;
}

static int same_conf(const struct head *a, const struct head *b)
{
	return a->min_steps == b->min_steps && a->rate == b->rate && a->threshold == b->threshold &&
	       a->cooldown == b->cooldown && a->profile == b->profile && a->forecast == b->forecast;
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
	copy_parts(p, h.words, (char *)buf + sizeof(h), 1);
	return past_ok(p, h.forecast);
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
	if (h.version != VERSION)
		return lc_fail(err, LC_DATA, "detector state of version %u; this is %d", h.version,
			       VERSION);
	if (!whole(h.counters[0], HELD) || !whole(h.counters[1], KEPT) ||
	    (same_conf(&h, &mine) && h.words != mine.words) || len != size_of(&h) ||
	    sum != sum_of(buf, len - sizeof(sum)))
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
