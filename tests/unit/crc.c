/* crc: the published check values, and that a sum can be taken in pieces. */
#include <criterion/criterion.h>
#include <string.h>

#include "crc.h"

static struct lc_crc crc32c, crc32;

static void tables(void)
{
	lc_crc_init(&crc32c, LC_CRC32C);
	lc_crc_init(&crc32, LC_CRC32);
}

TestSuite(crc, .init = tables);

Test(crc, check_values)
{
	unsigned char zeros[32] = {0}, ones[32];

	memset(ones, 0xff, sizeof(ones));
	cr_assert_eq(lc_crc_of(&crc32c, 0, "123456789", 9), 0xe3069283);
	cr_assert_eq(lc_crc_of(&crc32, 0, "123456789", 9), 0xcbf43926);
	cr_assert_eq(lc_crc_of(&crc32c, 0, zeros, 32), 0x8a9136aa); /* RFC 3720, B.4 */
	cr_assert_eq(lc_crc_of(&crc32c, 0, ones, 32), 0x62a8ab43);
	cr_assert_eq(lc_crc_of(&crc32c, 0, "", 0), 0);
}

Test(crc, in_pieces)
{
	static const char text[] = "a sum is the same whichever way its bytes are cut";
	uint32_t whole = lc_crc_of(&crc32c, 0, text, sizeof(text));

	for (size_t cut = 0; cut <= sizeof(text); cut++) {
		uint32_t sum = lc_crc_of(&crc32c, 0, text, cut);

		cr_assert_eq(lc_crc_of(&crc32c, sum, text + cut, sizeof(text) - cut), whole,
			     "cut at %zu", cut);
	}
}

Test(crc, mask)
{
	/* as the TensorBoard library writes it before a record of 72 bytes */
	unsigned char len[8] = {72};

	cr_assert_eq(lc_crc_mask(lc_crc_of(&crc32c, 0, len, 8)), 0x9d4892fe);
}

/* The processor's instruction, where there is one, gives what the tables give. */
Test(crc, by_instruction)
{
	static unsigned char x[40000];

	for (size_t i = 0; i < sizeof(x); i++)
		x[i] = (unsigned char)(i * i + 3 * i + i / 251);
	for (size_t len = 12280; len < sizeof(x) - 8; len += len < 12300 ? 1 : 1201)
		for (size_t at = 0; at < 9; at += 4)
			cr_assert_eq(lc_crc32c(x + at, len), lc_crc_of(&crc32c, 0, x + at, len));
	for (size_t len = 0; len < 280; len++)
		for (size_t at = 0; at < 9; at++)
			cr_assert_eq(lc_crc32c(x + at, len), lc_crc_of(&crc32c, 0, x + at, len));
}
