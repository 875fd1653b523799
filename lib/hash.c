/* hash: see hash.h. */
#include "hash.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* EVP reads configuration and providers first: 3 ms */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "hash_impl.h"

int lc_sha256(const void *buf, size_t len, struct lc_id *id, struct lc_err *err)
{
	SHA256_CTX c;

	if (!SHA256_Init(&c) || !SHA256_Update(&c, buf, len) || !SHA256_Final(id->b, &c))
		return lc_fail(err, LC_SYS, "sha256: libcrypto refused");
	return 0;
}

int lc_sha256_many(const void *const *buf, const size_t *len, size_t n, struct lc_id *const *id,
		   struct lc_err *err)
{
	size_t i = 0;

	while (i + 1 < n && hash_pair(buf + i, len + i, id + i))
		i += 2;
	for (; i < n; i++)
		if (lc_sha256(buf[i], len[i], id[i], err) < 0)
			return -1;
	return 0;
}

int lc_hasher_init(struct lc_hasher *h, struct lc_err *err)
{
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || !EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL)) {
		EVP_MD_CTX_free(h->ctx);
		h->ctx = NULL;
		return lc_fail(err, LC_SYS, "sha256: libcrypto refused");
	}
	return 0;
}

int lc_hasher_add(struct lc_hasher *h, const void *buf, size_t len, struct lc_err *err)
{
	if (!EVP_DigestUpdate(h->ctx, buf, len))
		return lc_fail(err, LC_SYS, "sha256: libcrypto refused");
	return 0;
}

int lc_hasher_done(struct lc_hasher *h, struct lc_id *id, struct lc_err *err)
{
	int ok = !id || EVP_DigestFinal_ex(h->ctx, id->b, NULL);

	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
	return ok ? 0 : lc_fail(err, LC_SYS, "sha256: libcrypto refused");
}

void lc_id_hex(const struct lc_id *id, char hex[LC_HEX_LEN + 1])
{
	static const char digit[] = "0123456789abcdef";

	for (int i = 0; i < 32; i++) {
		hex[2 * i] = digit[id->b[i] >> 4];
		hex[2 * i + 1] = digit[id->b[i] & 15];
	}
	hex[LC_HEX_LEN] = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int lc_id_parse(const char *hex, struct lc_id *id)
{
	if (strlen(hex) != LC_HEX_LEN)
		return -1;
	for (int i = 0; i < 32; i++) {
		int hi = nibble(hex[2 * i]), lo = nibble(hex[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return -1;
		id->b[i] = (unsigned char)(hi << 4 | lo);
	}
	return 0;
}
