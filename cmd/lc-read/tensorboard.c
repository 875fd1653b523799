/*
 * tensorboard: event files. TFRecords, each u64 length, u32 checksum of it, data, u32 checksum of
 *that (CRC-32C, masked, little-endian); the data is a protocol buffer:
 *
 *	Event	1 double wall_time, 2 int64 step, 5 Summary
 *	Summary	1 Value, repeated
 *	Value	1 tag, 2 float simple_value, 8 TensorProto (what TensorFlow 2 writes)
 *	Tensor	1 dtype, 4 bytes content, 5 floats, 6 doubles, 7 ints, 10 int64s, 13 halves
 *
 * A record whose data is damaged is passed over. When its length is, the next good header is looked
 * for, byte by byte.
 */
#include <math.h>
#include <string.h>

#include "crc.h"
#include "proto.h"
#include "read.h"

#define HEADER 12
#define RECORD_MAX ((uint64_t)16 << 20) /* larger ones hold images, graphs, audio: passed over */

enum { DT_FLOAT = 1, DT_DOUBLE = 2, DT_INT32 = 3, DT_INT64 = 9, DT_BFLOAT16 = 14, DT_HALF = 19 };

static int good_header(const struct lc_crc *crc, const unsigned char *p)
{
	return lc_le32(p + 8) == lc_crc_mask(lc_crc_of(crc, 0, p, 8));
}

/* IEEE 754 binary16: 5 bits of exponent, 10 of fraction. */
static float half(uint32_t bits)
{
	int e = (int)(bits >> 10 & 31);
	float f = (float)(bits & 1023), x;

	if (e == 31)
		x = f != 0 ? NAN : INFINITY;
	else
		x = e ? ldexpf(1024 + f, e - 25) : ldexpf(f, -24);
	return bits & 0x8000 ? -x : x;
}

static float bfloat(uint32_t bits)
{
	return lc_field_float(&(struct lc_field){.u = bits << 16});
}

/* A scalar as a number. *is_float: to be printed as a float is. */
struct scalar {
	double x;
	int is_float;
	int count; /* how many numbers the tensor has: a scalar has one */
};

/* One little-endian element of this type. */
static void element(struct scalar *v, int dtype, const unsigned char *p)
{
	v->is_float = dtype == DT_FLOAT || dtype == DT_BFLOAT16 || dtype == DT_HALF;
	switch (dtype) {
	case DT_FLOAT: v->x = (double)lc_field_float(&(struct lc_field){.u = lc_le32(p)}); break;
	case DT_DOUBLE: v->x = lc_field_double(&(struct lc_field){.u = lc_le64(p)}); break;
	case DT_INT32: v->x = (int32_t)lc_le32(p); break;
	case DT_INT64: v->x = (double)(int64_t)lc_le64(p); break;
	case DT_HALF: v->x = (double)half((uint32_t)p[0] | (uint32_t)p[1] << 8); break;
	case DT_BFLOAT16: v->x = (double)bfloat((uint32_t)p[0] | (uint32_t)p[1] << 8); break;
	}
}

static size_t element_size(int dtype)
{
	switch (dtype) {
	case DT_FLOAT:
	case DT_INT32: return 4;
	case DT_DOUBLE:
	case DT_INT64: return 8;
	case DT_HALF:
	case DT_BFLOAT16: return 2;
	}
	return 0;
}

/* int_val, int64_val, half_val: varints, one a field or packed. */
static void varints(struct scalar *v, int dtype, const struct lc_field *f)
{
	struct lc_proto list;
	uint64_t u = f->u;

	if (f->wire == LC_BYTES) {
		list = (struct lc_proto){f->s, f->s + f->len};
		u = 0;
		for (int shift = 0; list.p < list.end && shift < 64; shift += 7) {
			u |= (uint64_t)(*list.p & 0x7f) << shift;
			if (!(*list.p++ & 0x80))
				break;
		}
		v->count += list.p < list.end ? 2 : f->len > 0;
	} else {
		v->count++;
	}
	v->is_float = dtype == DT_BFLOAT16 || dtype == DT_HALF;
	v->x = dtype == DT_HALF	      ? (double)half((uint32_t)u & 0xffff)
	       : dtype == DT_BFLOAT16 ? (double)bfloat((uint32_t)u & 0xffff)
				      : (double)(int64_t)u;
}

/* The one number of a tensor: 1, or 0 when it is another thing. */
static int tensor(const struct lc_field *f, struct scalar *v)
{
	struct lc_proto msg = {f->s, f->s + f->len};
	struct lc_field g;
	int dtype = 0, more;
	unsigned char bytes[8] = {0};

	*v = (struct scalar){0};
	while ((more = lc_proto_next(&msg, &g)) > 0) {
		size_t size = element_size(dtype);

		if (g.num == 1 && g.wire == LC_VARINT) {
			dtype = (int)(g.u & 0xff);
		} else if (g.num == 4 && g.wire == LC_BYTES && size && g.len > 0) {
			memcpy(bytes, g.s, size < g.len ? size : g.len);
			element(v, dtype, bytes);
			v->count += g.len == size ? 1 : 2;
		} else if ((g.num == 5 && dtype == DT_FLOAT) ||
			   (g.num == 6 && dtype == DT_DOUBLE)) {
			if (g.len == 0)
				continue;
			memcpy(bytes, g.s, size < g.len ? size : g.len);
			element(v, dtype, bytes);
			v->count += g.len == size ? 1 : 2;
		} else if ((g.num == 7 || g.num == 10 || g.num == 13) && size) {
			varints(v, dtype, &g);
		}
	}
	return more == 0 && v->count == 1;
}

static int summary_value(const struct lc_field *value, struct out *o)
{
	struct lc_proto msg = {value->s, value->s + value->len};
	struct lc_field f, tag = {0};
	struct scalar v = {0};
	int more, is = 0;

	while ((more = lc_proto_next(&msg, &f)) > 0) {
		if (f.num == 1 && f.wire == LC_BYTES) {
			tag = f;
		} else if (f.num == 2 && f.wire == LC_FIXED32) {
			v = (struct scalar){(double)lc_field_float(&f), 1, 1};
			is = 1;
		} else if (f.num == 8 && f.wire == LC_BYTES) {
			is = tensor(&f, &v);
		}
	}
	if (more < 0)
		return -1;
	if (!is || tag.len == 0 || tag.len >= OUT_NAME)
		return 0;
	if (v.is_float)
		out_float(o, (const char *)tag.s, tag.len, (float)v.x);
	else
		out_double(o, (const char *)tag.s, tag.len, v.x);
	return 1;
}

int tensorboard_event(const unsigned char *p, size_t len, struct out *o, struct lc_err *err)
{
	struct lc_proto msg = {p, p + len}, list;
	struct lc_field f, value, summary = {0};
	double step = 0, time = NAN;
	int more, is, any = 0;

	while ((more = lc_proto_next(&msg, &f)) > 0) {
		if (f.num == 1 && f.wire == LC_FIXED64)
			time = lc_field_double(&f);
		else if (f.num == 2 && f.wire == LC_VARINT)
			step = (double)(int64_t)f.u;
		else if (f.num == 5 && f.wire == LC_BYTES)
			summary = f;
	}
	if (more < 0)
		return -2;
	if (!summary.s)
		return 0;
	if (out_at(o, step, err) < 0)
		return -1;
	list = (struct lc_proto){summary.s, summary.s + summary.len};
	while ((more = lc_proto_next(&list, &value)) > 0) {
		is = value.num == 1 && value.wire == LC_BYTES ? summary_value(&value, o) : 0;
		if (is < 0)
			return -2;
		any |= is;
	}
	if (any)
		out_time(o, time);
	return more < 0 ? -2 : 0;
}

static int broken_off(struct reader *r, ssize_t have, struct lc_err *err)
{
	if (have <= 0 || r->in->restarted)
		return (int)have < 0 ? -1 : 0;
	return reader_bad(r, "byte", r->in->at, "record broken off", err);
}

/* To the next good header: 1, 0 when there is none, -1. */
static int find_header(struct reader *r, const struct lc_crc *crc, struct lc_err *err)
{
	ssize_t have;

	while ((have = source_need(r->in, HEADER, err)) >= HEADER) {
		if (good_header(crc, source_at(r->in)))
			return 1;
		source_take(r->in, 1);
	}
	return have < 0 ? -1 : 0;
}

/* One record with a good header, in the window or to be passed over: 1, 0 it breaks off, -1. */
static int record(struct reader *r, const struct lc_crc *crc, struct lc_err *err)
{
	uint64_t len = lc_le64(source_at(r->in));
	const unsigned char *data;
	ssize_t have;
	int ret;

	if (len > RECORD_MAX)
		return source_skip(r->in, HEADER + len + 4, err);
	have = source_need(r->in, (size_t)len + HEADER + 4, err);
	if (have < (ssize_t)len + HEADER + 4)
		return broken_off(r, have, err);
	data = source_at(r->in) + HEADER;
	if (lc_le32(data + len) != lc_crc_mask(lc_crc_of(crc, 0, data, (size_t)len)))
		ret = reader_bad(r, "byte", r->in->at, "checksum (CRC-32C) of a record is wrong",
				 err);
	else
		ret = tensorboard_event(data, (size_t)len, r->out, err);
	if (ret == -2)
		ret = reader_bad(r, "byte", r->in->at, "event is no protocol buffer", err);
	source_take(r->in, (size_t)len + HEADER + 4);
	return ret < 0 ? -1 : 1;
}

static int run(struct reader *r, struct lc_err *err)
{
	struct lc_crc crc;
	ssize_t have;
	int more = 1;

	lc_crc_init(&crc, LC_CRC32C);
	while (more > 0) {
		have = source_need(r->in, HEADER, err);
		if (have < HEADER)
			return broken_off(r, have, err);
		if (!good_header(&crc, source_at(r->in))) {
			if (reader_bad(r, "byte", r->in->at,
				       "checksum (CRC-32C) of a record's length is wrong", err) < 0)
				return -1;
			source_take(r->in, 1);
			more = find_header(r, &crc, err);
		}
		if (more > 0)
			more = record(r, &crc, err);
	}
	return more;
}

static int looks(struct source *in, struct lc_err *err)
{
	ssize_t have = source_need(in, HEADER, err);
	struct lc_crc crc;

	if (have < HEADER)
		return have < 0 ? -1 : 0;
	lc_crc_init(&crc, LC_CRC32C);
	return lc_le32(source_at(in) + 4) == 0 && good_header(&crc, source_at(in));
}

const struct format format_tensorboard = {
	"tensorboard", "TensorBoard event files; a directory of them", NULL, run, looks};
