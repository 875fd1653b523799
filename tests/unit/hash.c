/*
 * hash: the vectors of FIPS 180-2, in one piece and in many.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OF_MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void is(const struct lc_id *id, const char *want)
{
	char hex[LC_HEX_LEN + 1];

	lc_id_hex(id, hex);
	cr_assert_str_eq(hex, want);
}

Test(hash, known_answers)
{
	struct lc_id id;

	cr_assert_eq(lc_sha256("abc", 3, &id, NULL), 0);
	is(&id, OF_ABC);
	cr_assert_eq(lc_sha256("", 0, &id, NULL), 0);
	is(&id, OF_NOTHING);
}

Test(hash, pieces_make_the_whole)
{
	struct lc_hasher h;
	struct lc_id id;
	char *a = malloc(1000000);
	size_t at = 0;

	memset(a, 'a', 1000000);
	cr_assert_eq(lc_hasher_init(&h, NULL), 0);
	for (size_t n = 0; at < 1000000; n = n * 3 + 1) {
		if (n > 1000000 - at)
			n = 1000000 - at;
		cr_assert_eq(lc_hasher_add(&h, a + at, n, NULL), 0);
		at += n;
	}
	cr_assert_eq(lc_hasher_done(&h, &id, NULL), 0);
	is(&id, OF_MILLION_A);
	free(a);
}

Test(hash, done_without_an_id_releases)
{
	struct lc_hasher h;

	cr_assert_eq(lc_hasher_init(&h, NULL), 0);
	cr_assert_eq(lc_hasher_add(&h, "x", 1, NULL), 0);
	cr_assert_eq(lc_hasher_done(&h, NULL, NULL), 0);
	cr_assert_null(h.ctx);
}

Test(hash, hex_reads_back)
{
	struct lc_id id, back;
	char hex[LC_HEX_LEN + 1];

	lc_sha256("abc", 3, &id, NULL);
	lc_id_hex(&id, hex);
	cr_assert_eq(lc_id_parse(hex, &back), 0);
	cr_assert_arr_eq(&id, &back, sizeof(id));
}

Test(hash, other_text_is_no_id)
{
	struct lc_id id;

	cr_assert_eq(lc_id_parse("", &id), -1);
	cr_assert_eq(lc_id_parse("ba7816", &id), -1);
	cr_assert_eq(lc_id_parse(OF_ABC "0", &id), -1);
	cr_assert_eq(lc_id_parse("BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
				 &id),
		     -1);
	cr_assert_eq(lc_id_parse("ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
				 &id),
		     -1);
}

static void by_library(const void *buf, size_t len, struct lc_id *id)
{
	struct lc_hasher h;

	cr_assert_eq(lc_hasher_init(&h, NULL), 0);
	cr_assert_eq(lc_hasher_add(&h, buf, len, NULL), 0);
	cr_assert_eq(lc_hasher_done(&h, id, NULL), 0);
}

/* One, and two at once, give what libcrypto gives for each, whatever the lengths and where they
 * lie. */
Test(hash, many_are_as_each)
{
	static unsigned char x[2][100000];
	size_t len[3];
	const void *buf[3];
	struct lc_id got[3], one, want, *id[3] = {&got[0], &got[1], &got[2]};

	for (size_t i = 0; i < sizeof(x[0]); i++) {
		x[0][i] = (unsigned char)(i * i >> 3 ^ i);
		x[1][i] = (unsigned char)(i * 7 + (i >> 8));
	}
	for (size_t a = 0; a < 300; a++)
		for (size_t b = 0; b < 300; b += a % 7 ? 13 : 1) {
			buf[0] = x[0] + b % 5, len[0] = a;
			buf[1] = x[1] + a % 3, len[1] = b;
			buf[2] = x[1], len[2] = 99990 + b % 11;
			cr_assert_eq(lc_sha256_many(buf, len, a % 16 ? 2 : 3, id, NULL), 0);
			cr_assert_eq(lc_sha256(buf[0], len[0], &one, NULL), 0);
			cr_assert_arr_eq(&one, id[0], sizeof(one), "%zu", a);
			for (int i = 0; i < (a % 16 ? 2 : 3); i++) {
				by_library(buf[i], len[i], &want);
				cr_assert_arr_eq(&got[i], &want, sizeof(want), "%zu %zu", a, b);
			}
		}
	buf[0] = x[0], len[0] = 99999, buf[1] = x[1], len[1] = 64;
	cr_assert_eq(lc_sha256_many(buf, len, 2, id, NULL), 0);
	for (int i = 0; i < 2; i++) {
		by_library(buf[i], len[i], &want);
		cr_assert_arr_eq(&got[i], &want, sizeof(want));
	}
	cr_assert_eq(lc_sha256_many(buf, len, 0, id, NULL), 0);
}
