/* init: makes an empty store. */
#include <string.h>

#include "snap.h"

int verb_init(const struct opts *o, int argc, char **argv)
{
	const char *dir = argc ? argv[0] : o->store;
	struct lc_store *st;
	struct lc_err err;
	int there;

	if (argc > 1)
		lc_usage("init takes one STORE");
	st = lc_store_open(dir, 0, &err);
	there = st != NULL;
	lc_store_close(st);
	st = lc_store_open(dir, 1, &err);
	if (!st)
		lc_die(&err);
	lc_store_close(st);
	if (!o->quiet)
		lc_warn(there ? "%s: a store already" : "%s: an empty store", dir);
	return LC_OK;
}
