/*
 * manifest: any bytes as a manifest. What is taken must be safe to restore, and be written back as
 * a text that reads as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "store_manifest.h"

/* What restore relies on, checked apart from the parser's own way of doing so. */
static void check_entry(const struct lc_entry *e)
{
	if (e->path[0] == '/' || strncmp(e->path, "../", 3) == 0 || strstr(e->path, "/../") ||
	    strcmp(e->path, "..") == 0 || !e->path[0] || strlen(e->path) > 4095)
		abort();
	if (strlen(e->path) > 2 && strcmp(e->path + strlen(e->path) - 3, "/..") == 0)
		abort();
	if ((e->kind == LC_LINK) != (e->target != NULL) || (e->mode & ~0777u) ||
	    e->nchunks > e->size)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct lc_manifest m, again;
	struct lc_err err;
	char *text;

	if (lc_manifest_parse((const char *)data, len, &m, &err) < 0)
		return 0;
	for (size_t i = 0; i < m.n; i++) {
		check_entry(&m.e[i]);
		for (size_t j = 0; j < i; j++)
			if (strcmp(m.e[i].path, m.e[j].path) == 0)
				abort();
	}
	text = lc_manifest_text(&m);
	if (lc_manifest_parse(text, strlen(text), &again, &err) < 0 || again.n != m.n ||
	    lc_manifest_bytes(&again) != lc_manifest_bytes(&m))
		abort();
	free(text);
	lc_manifest_release(&again);
	lc_manifest_release(&m);
	return 0;
}
