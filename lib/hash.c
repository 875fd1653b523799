/*
 * hash: see hash.h.
 *
 * Where the processor has an instruction for it, hash_pair.c does it. Else, and for bytes that come
 * in pieces, libcrypto, which is opened then and not before: it takes longer to link than a fork
 * takes to run.
 */
#include "hash.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* EVP reads configuration and providers first: 3 ms */
#include <dlfcn.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hash_impl.h"
#include "io.h"

static struct {
	__typeof__(SHA256_Init) *init;
	__typeof__(SHA256_Update) *update;
	__typeof__(SHA256_Final) *final;
} crypto; /* filled once; final is NULL when it cannot be had */

static void *load(const char *symbol)
{
	static void *so;

	if (!so)
		so = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
	if (!so)
		so = dlopen("libcrypto.so", RTLD_NOW | RTLD_LOCAL);
	return so ? dlsym(so, symbol) : NULL;
}

static void load_all(void)
{
	*(void **)&crypto.init = load("SHA256_Init");
	*(void **)&crypto.update = load("SHA256_Update");
	if (crypto.init && crypto.update)
		*(void **)&crypto.final = load("SHA256_Final");
}

static int have_crypto(struct lc_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load_all);
	return crypto.final ? 0 : lc_fail(err, LC_SYS, "sha256: libcrypto cannot be opened");
}

static int refused(struct lc_err *err)
{
	return lc_fail(err, LC_SYS, "sha256: libcrypto refused");
}

int lc_sha256(const void *buf, size_t len, struct lc_id *id, struct lc_err *err)
{
	SHA256_CTX c;

	if (hash_one(buf, len, id))
		return 0;
	if (have_crypto(err) < 0)
		return -1;
	return crypto.init(&c) && crypto.update(&c, buf, len) && crypto.final(id->b, &c)
		       ? 0
		       : refused(err);
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
	h->ctx = NULL;
	if (have_crypto(err) < 0)
		return -1;
	h->ctx = lc_xalloc(1, sizeof(SHA256_CTX));
	if (crypto.init(h->ctx))
		return 0;
	free(h->ctx);
	h->ctx = NULL;
	return refused(err);
}

int lc_hasher_add(struct lc_hasher *h, const void *buf, size_t len, struct lc_err *err)
{
	return crypto.update(h->ctx, buf, len) ? 0 : refused(err);
}

int lc_hasher_done(struct lc_hasher *h, struct lc_id *id, struct lc_err *err)
{
	int ok = !id || crypto.final(id->b, h->ctx);

	free(h->ctx);
	h->ctx = NULL;
	return ok ? 0 : refused(err);
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
