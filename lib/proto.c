/* proto: see proto.h. */
#include "proto.h"

#include <string.h>

uint32_t lc_le32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t lc_le64(const unsigned char *p)
{
	return lc_le32(p) | (uint64_t)lc_le32(p + 4) << 32;
}

/* Seven bits a byte, low ones first; at most ten bytes. */
static int varint(struct lc_proto *msg, uint64_t *u)
{
	*u = 0;
	for (int shift = 0; shift < 64 && msg->p < msg->end; shift += 7) {
		unsigned char b = *msg->p++;

		*u |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return 0;
	}
	return -1;
}

static int take(struct lc_proto *msg, struct lc_field *f, uint64_t len)
{
	if (len > (uint64_t)(msg->end - msg->p))
		return -1;
	f->s = msg->p;
	f->len = (size_t)len;
	msg->p += len;
	return 1;
}

int lc_proto_next(struct lc_proto *msg, struct lc_field *f)
{
	uint64_t key;

	if (msg->p == msg->end)
		return 0;
	*f = (struct lc_field){0};
	if (varint(msg, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff)
		return -1;
	f->num = (uint32_t)(key >> 3);
	f->wire = (enum lc_wire)(key & 7);
	switch (f->wire) {
	case LC_VARINT: return varint(msg, &f->u) ? -1 : 1;
	case LC_BYTES: return varint(msg, &f->u) ? -1 : take(msg, f, f->u);
	case LC_FIXED64:
		if (take(msg, f, 8) < 0)
			return -1;
		f->u = lc_le64(f->s);
		return 1;
	case LC_FIXED32:
		if (take(msg, f, 4) < 0)
			return -1;
		f->u = lc_le32(f->s);
		return 1;
	}
	return -1; /* groups, which nobody writes any more, and what is no wire type at all */
}

double lc_field_double(const struct lc_field *f)
{
	double x;

	memcpy(&x, &f->u, sizeof(x));
	return x;
}

float lc_field_float(const struct lc_field *f)
{
	uint32_t bits = (uint32_t)f->u;
	float x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}
