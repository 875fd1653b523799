/* proto: every wire type, and every way a message ends too early. */
#include <criterion/criterion.h>
#include <string.h>

#include "proto.h"

static const unsigned char message[] = {
	0x08, 0x96, 0x01,				/* 1: varint 150 */
	0x11, 0,    0,	  0,	0,    0, 0, 0xf8, 0x3f, /* 2: fixed64, the double 1.5 */
	0x1a, 3,    'a',  'b',	'c',			/* 3: bytes */
	0x25, 0,    0,	  0x20, 0x40,			/* 4: fixed32, the float 2.5 */
	0x82, 0x01, 0,					/* 16: bytes, none */
};

Test(proto, fields)
{
	struct lc_proto msg = {message, message + sizeof(message)};
	struct lc_field f;

	cr_assert_eq(lc_proto_next(&msg, &f), 1);
	cr_assert(f.num == 1 && f.wire == LC_VARINT && f.u == 150);
	cr_assert_eq(lc_proto_next(&msg, &f), 1);
	cr_assert(f.num == 2 && f.wire == LC_FIXED64 && lc_field_double(&f) == 1.5);
	cr_assert_eq(lc_proto_next(&msg, &f), 1);
	cr_assert(f.num == 3 && f.wire == LC_BYTES && f.len == 3 && memcmp(f.s, "abc", 3) == 0);
	cr_assert_eq(lc_proto_next(&msg, &f), 1);
	cr_assert(f.num == 4 && f.wire == LC_FIXED32 && lc_field_float(&f) == 2.5f);
	cr_assert_eq(lc_proto_next(&msg, &f), 1);
	cr_assert(f.num == 16 && f.len == 0);
	cr_assert_eq(lc_proto_next(&msg, &f), 0);
}

Test(proto, broken_off)
{
	static const size_t ends[] = {0, 3, 12, 17, 22, 25};

	for (size_t len = 0; len <= sizeof(message); len++) {
		struct lc_proto msg = {message, message + len};
		struct lc_field f;
		int more, at_end = 0;

		while ((more = lc_proto_next(&msg, &f)) > 0)
			;
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			at_end |= ends[i] == len;
		cr_assert_eq(more, at_end ? 0 : -1, "%zu bytes", len);
	}
}

Test(proto, nonsense)
{
	static const unsigned char bad[][12] = {
		{0x00, 0x01}, /* field 0 */
		{0x0b},	      /* a group */
		{0x0e},	      /* no wire type */
		{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, /* endless */
		{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},	    /* huge */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct lc_proto msg = {bad[i], bad[i] + sizeof(bad[i])};
		struct lc_field f;

		cr_assert_eq(lc_proto_next(&msg, &f), -1, "case %zu", i);
	}
}
