/*
 * wandb: run-ID.wandb, what Weights & Biases keeps of an offline run.
 *
 * Seven bytes ":W&B", u16 0xbee1, version 0; then LevelDB's log format: blocks of 32 KiB (the first
 * counts from the start of the file), each of records u32 checksum, u16 length, u8 type (1 whole; 2
 * first, 3 middle, 4 last piece), data. The checksum is a plain CRC-32 of type and data. A block's
 * last 6 bytes are never the start of a record.
 *
 *	Record	2 HistoryRecord
 *	History	1 item, repeated; 2 {1 step number}
 *	Item	1 key, 2 nested_key (repeated), 16 value_json
 */
#include <stdlib.h>
#include <string.h>

#include "crc.h"
#include "io.h"
#include "proto.h"
#include "read.h"
#include "scan.h"

#define BLOCK 32768
#define HEADER 7
#define RECORD_MAX ((size_t)16 << 20)

enum piece { PAD = 0, WHOLE = 1, FIRST = 2, MIDDLE = 3, LAST = 4 };

/* A record that comes in pieces. */
struct parts {
	struct lc_crc crc;
	unsigned char *buf;
	size_t len, cap;
	int open; /* the first piece is there, and none was lost since */
};

/* The item's name: its key, or its nested keys with slashes. */
static size_t item_name(const struct lc_field *f, char name[OUT_NAME], size_t len)
{
	size_t slash = len > 0;

	if (len + slash + f->len + 2 > OUT_NAME)
		return len;
	name[len] = '/';
	memcpy(name + len + slash, f->s, f->len);
	return len + slash + f->len;
}

/* One metric. What its JSON is bad for is its own: it is left out. */
static void item(const struct lc_field *it, struct out *o)
{
	struct lc_proto msg = {it->s, it->s + it->len};
	struct lc_field f, json = {0};
	char name[OUT_NAME];
	size_t len = 0;
	struct lc_scan s;
	struct lc_value v;

	while (lc_proto_next(&msg, &f) > 0) {
		if (f.wire != LC_BYTES)
			continue;
		if (f.num == 1 || f.num == 2)
			len = item_name(&f, name, len);
		else if (f.num == 16)
			json = f;
	}
	if (len == 0 || json.len == 0)
		return;
	s = (struct lc_scan){(const char *)json.s, (const char *)json.s,
			     (const char *)json.s + json.len, NULL};
	lc_scan_space(&s);
	if (s.p < s.end && *s.p == '{') {
		s.p++;
		name[len] = '/';
		json_members(o, &s, name, len + 1, 1);
	} else if (lc_scan_value(&s, &v) == 0) {
		out_value(o, name, len, &v);
	}
}

static int history(const struct lc_field *h, struct out *o, struct lc_err *err)
{
	struct lc_proto msg = {h->s, h->s + h->len};
	struct lc_field f, step;
	int more;

	out_begin(o);
	while ((more = lc_proto_next(&msg, &f)) > 0) {
		struct lc_proto number;

		if (f.wire != LC_BYTES)
			continue;
		number = (struct lc_proto){f.s, f.s + f.len};
		if (f.num == 1)
			item(&f, o);
		else if (f.num == 2 && lc_proto_next(&number, &step) > 0 && step.num == 1)
			out_double(o, "_step", 5, (double)(int64_t)step.u);
	}
	if (more < 0)
		return -2;
	return out_end(o, err) < 0 ? -1 : 0;
}

int wandb_record(const unsigned char *p, size_t len, struct out *o, struct lc_err *err)
{
	struct lc_proto msg = {p, p + len};
	struct lc_field f;
	int more, ret = 0;

	while ((more = lc_proto_next(&msg, &f)) > 0 && ret == 0)
		if (f.num == 2 && f.wire == LC_BYTES)
			ret = history(&f, o, err);
	return ret < 0 ? ret : more < 0 ? -2 : 0;
}

static void add_piece(struct parts *ps, const unsigned char *p, size_t len)
{
	if (ps->len + len > RECORD_MAX) { /* a metric is not that large */
		ps->open = 0;
		return;
	}
	if (ps->len + len > ps->cap) {
		ps->cap = 2 * (ps->len + len);
		ps->buf = lc_xrealloc(ps->buf, ps->cap, 1);
	}
	if (len)
		memcpy(ps->buf + ps->len, p, len);
	ps->len += len;
}

/* A piece with a good checksum. As wandb_record(). */
static int piece(struct parts *ps, int type, const unsigned char *p, size_t len, struct out *o,
		 struct lc_err *err)
{
	if (type == WHOLE) {
		ps->open = 0;
		return wandb_record(p, len, o, err);
	}
	if (type == FIRST) {
		ps->open = 1;
		ps->len = 0;
	}
	if (!ps->open)
		return 0;
	add_piece(ps, p, len);
	if (type != LAST || !ps->open)
		return 0;
	ps->open = 0;
	return wandb_record(ps->buf, ps->len, o, err);
}

/* What is damaged is lost, and with it the record that it is a piece of. */
static int damaged(struct reader *r, struct parts *ps, const char *why, uint64_t skip,
		   struct lc_err *err)
{
	ps->open = 0;
	if (reader_bad(r, "byte", r->in->at, why, err) < 0)
		return -1;
	return source_skip(r->in, skip, err) < 0 ? -1 : 1;
}

/* The record at the window's start: 1, 0 at the end of the file, -1. */
static int next(struct reader *r, struct parts *ps, struct lc_err *err)
{
	size_t left = BLOCK - r->in->at % BLOCK, len;
	const unsigned char *p;
	ssize_t have;
	int ret;

	if (left < HEADER)
		return source_skip(r->in, left, err);
	have = source_need(r->in, HEADER, err);
	if (have <= 0)
		return (int)have;
	p = source_at(r->in);
	len = have < HEADER ? 0 : (size_t)p[4] | (size_t)p[5] << 8;
	if (have >= HEADER && p[6] == PAD && len == 0 && lc_le32(p) == 0)
		return source_skip(r->in, left, err);
	if (have >= HEADER && HEADER + len > left)
		return damaged(r, ps, "record is longer than its block", left, err);
	have = source_need(r->in, HEADER + len, err);
	if (have < (ssize_t)(HEADER + len))
		return have < 0 || r->in->restarted
			       ? (int)(have < 0 ? -1 : 0)
			       : reader_bad(r, "byte", r->in->at, "record broken off", err);
	p = source_at(r->in);
	if (lc_le32(p) != lc_crc_of(&ps->crc, 0, p + 6, len + 1))
		return damaged(r, ps, "checksum (CRC-32) of a record is wrong", HEADER + len, err);
	ret = piece(ps, p[6], p + HEADER, len, r->out, err);
	if (ret == -2)
		return damaged(r, ps, "record is no protocol buffer", HEADER + len, err);
	source_take(r->in, HEADER + len);
	return ret < 0 ? -1 : 1;
}

static int run(struct reader *r, struct lc_err *err)
{
	struct parts ps = {.buf = NULL};
	ssize_t have = source_need(r->in, HEADER, err);
	int more;

	if (have < 0)
		return -1;
	if (have < HEADER || memcmp(source_at(r->in), ":W&B\xe1\xbe", 6) != 0)
		return lc_fail(err, LC_DATA, "%s: no W&B file: its header is missing", r->path);
	if (source_at(r->in)[6] != 0)
		return lc_fail(err, LC_DATA, "%s: W&B file of version %d; this reader knows 0",
			       r->path, source_at(r->in)[6]);
	source_take(r->in, HEADER);
	lc_crc_init(&ps.crc, LC_CRC32);
	while ((more = next(r, &ps, err)) > 0)
		;
	free(ps.buf);
	return more;
}

static int looks(struct source *in, struct lc_err *err)
{
	ssize_t have = source_need(in, HEADER, err);

	return have < 0 ? -1 : have >= 6 && memcmp(source_at(in), ":W&B\xe1\xbe", 6) == 0;
}

const struct format format_wandb = {"wandb", "W&B offline runs (run-*.wandb)", NULL, run, looks};
