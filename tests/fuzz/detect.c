/*
 * detect: any numbers as steps, and any state that has its checksum. Whatever is taken is judged
 * without a fault, and a detector restored in the middle ends as the one that was not.
 *
 * The bytes: words of a saved state that are overwritten, then steps.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crc.h"
#include "detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t word(const uint8_t **p, const uint8_t *end)
{
	uint64_t w = 0;
	size_t n = (size_t)(end - *p) < sizeof(w) ? (size_t)(end - *p) : sizeof(w);

	memcpy(&w, *p, n);
	*p += n;
	return w;
}

static double number(const uint8_t **p, const uint8_t *end)
{
	uint64_t w = word(p, end);
	double x;

	memcpy(&x, &w, sizeof(x));
	return x;
}

static void drain(struct lc_detect *d)
{
	struct lc_event ev;

	while (lc_detect_event(d, &ev))
		if (ev.alert.kind > LC_PLATEAU || (ev.type != LC_END && ev.metric >= LC_METRICS))
			abort();
}

static void one_step(struct lc_detect *d, uint64_t w, double a, double b)
{
	struct lc_step st = {.step = (long)(w % 1000)};
	struct lc_alert alert;
	unsigned has = (unsigned)(w >> 16) & ((1u << LC_METRICS) - 1);

	st.has = has;
	for (int m = 0; m < LC_METRICS; m++)
		st.v[m] = m % 2 ? a : b;
	if (w >> 60 == 1)
		lc_detect_rewind(d, (long)(w % 1000));
	if (w >> 60 == 2)
		lc_detect_blame_data(d, st.step);
	if (lc_detect_step(d, &st, &alert) && (alert.step != st.step || alert.onset > alert.step))
		abort();
	drain(d);
}

static void seal(char *buf, size_t len)
{
	struct lc_crc crc;
	uint32_t sum;

	lc_crc_init(&crc, LC_CRC32C);
	sum = lc_crc_of(&crc, 0, buf, len - sizeof(sum));
	memcpy(buf + len - sizeof(sum), &sum, sizeof(sum));
}

static void go_on(struct lc_detect *d, const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		uint64_t w = word(&p, end);
		double a = number(&p, end);

		one_step(d, w, a, number(&p, end));
	}
}

static void same_end(struct lc_detect *a, struct lc_detect *b)
{
	char *x, *y;
	size_t n, m;

	lc_detect_save(a, &x, &n);
	lc_detect_save(b, &y, &m);
	if (n != m || memcmp(x, y, n) != 0)
		abort();
	free(x);
	free(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *p = data, *end = data + size;
	struct lc_detect_conf conf = lc_detect_defaults;
	struct lc_detect *d, *e;
	uint64_t first = word(&p, end), changes = first % 8;
	size_t len;
	char *buf;

	conf.forecast = first >> 3 & 1;
	d = lc_detect_open(&conf);
	e = lc_detect_open(&conf);
	for (long s = 1; s <= 60; s++)
		one_step(d, (uint64_t)s | 3u << 16, 3 + .01 * (double)(s * 7919 % 13), 1);
	lc_detect_save(d, &buf, &len);
	for (uint64_t i = 0; i < changes; i++) {
		size_t at = word(&p, end) % (len - 8);
		uint64_t w = word(&p, end);

		memcpy(buf + at, &w, sizeof(w));
	}
	seal(buf, len);
	if (lc_detect_restore(e, buf, len, NULL) == 0) {
		if (changes == 0) {
			go_on(d, p, end);
			go_on(e, p, end);
			same_end(d, e);
		} else {
			go_on(e, p, end);
		}
	}
	free(buf);
	lc_detect_close(d);
	lc_detect_close(e);
	return 0;
}
