/*
 * proto: fields of a protocol buffer message, one after the other, without a schema.
 *
 *	struct lc_proto msg = {buf, buf + len};
 *	struct lc_field f;
 *	while ((more = lc_proto_next(&msg, &f)) > 0)
 *		...
 */
#ifndef LC_PROTO_H
#define LC_PROTO_H

#include <stddef.h>
#include <stdint.h>

struct lc_proto {
	const unsigned char *p, *end;
};

enum lc_wire { LC_VARINT = 0, LC_FIXED64 = 1, LC_BYTES = 2, LC_FIXED32 = 5 };

struct lc_field {
	uint32_t num;
	enum lc_wire wire;
	uint64_t u;		/* of a varint, or the bits of a fixed field */
	const unsigned char *s; /* of LC_BYTES: inside the message */
	size_t len;
};

/* 1 with the next field, 0 at the end, -1 when the message is malformed from here on. */
int lc_proto_next(struct lc_proto *msg, struct lc_field *f);

/* A fixed field's bits as the number they are. */
double lc_field_double(const struct lc_field *f);
float lc_field_float(const struct lc_field *f);

uint64_t lc_le64(const unsigned char *p); /* little-endian bytes as a number */
uint32_t lc_le32(const unsigned char *p);

#endif
