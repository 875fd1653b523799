/*
 * part: any two lines as a part of a state, with the hash that makes the first be believed. What is
 * taken must have a number below the number of parts, and fit together with itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_merge.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const unsigned char *nl = memchr(data, '\n', len);
	size_t first = nl ? (size_t)(nl - data) : len, all = len + LC_HEX_LEN + 8;
	char *buf = malloc(all), hex[LC_HEX_LEN + 1];
	struct lc_snapshot whole;
	struct lc_shard p;
	struct lc_id id;
	int n;

	lc_sha256(data, first, &id, NULL);
	lc_id_hex(&id, hex);
	memcpy(buf, data, first);
	n = snprintf(buf + first, all - first, "\n%s %.*s\n", hex, nl ? (int)(len - first - 1) : 0,
		     nl ? (const char *)nl + 1 : "");
	if (lc_part_parse(buf, first + (size_t)n, &p, NULL) == 0) {
		if (p.part < 0 || p.part >= p.of || !lc_manifest_plain(p.group))
			abort();
		if (lc_merge_parts(&p, 1, &whole, NULL) < 0 || whole.m.n != p.s.m.n)
			abort();
		lc_snapshot_release(&whole);
		lc_part_release(&p);
	}
	free(buf);
	return 0;
}
