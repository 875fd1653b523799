/*
 * pickle: any bytes as a pickle. What is read has all its items inside of the tables, and texts
 * inside of the bytes.
 */
#include <stdlib.h>

#include "pickle.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct lc_pickle p;
	double x;

	if (lc_pickle_read(&p, data, len) == 0 && p.root >= p.n)
		abort();
	for (uint32_t v = 0; v < p.n; v++) {
		uint32_t items = 0;
		for (uint32_t c = p.v[v].head; c; c = p.cell[c].next, items++)
			if (c >= p.cells || p.cell[c].value >= p.n || items > p.cells)
				abort();
		if (items > 0 && lc_pickle_item(&p, v, items))
			abort();
		if (p.v[v].kind == LC_PK_TEXT &&
		    (p.v[v].u.text.at > len || p.v[v].u.text.len > len - p.v[v].u.text.at))
			abort();
		lc_pickle_get(&p, v, "state");
		lc_pickle_number(&p, v, &x);
	}
	lc_pickle_release(&p);
	return 0;
}
