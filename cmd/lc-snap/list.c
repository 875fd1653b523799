/* list: the snapshots of a store, oldest first, as a table or as records. */
#include <stdio.h>
#include <stdlib.h>

#include "io.h"
#include "json.h"
#include "snap.h"

static int print_row(const struct lc_snapshot *s)
{
	char *roles = snap_roles(lc_manifest_roles(&s->m)), hex[LC_HEX_LEN + 1], when[32];

	lc_id_hex(&s->id, hex);
	snap_time(s, when);
	printf("%.12s  %-12s %10ld %12llu %12llu  %s  %s\n", hex, s->m.run, s->m.step,
	       (unsigned long long)lc_manifest_bytes(&s->m), (unsigned long long)s->stored, when,
	       roles);
	free(roles);
	return 0;
}

static int print_record(const struct lc_snapshot *s, struct lc_err *err)
{
	json_t *record = snap_record(s);
	int ret = lc_json_emit(stdout, record, err);

	json_decref(record);
	return ret;
}

int verb_list(const struct opts *o, int argc, char **argv)
{
	const struct lc_snapshot *first;
	struct snap_list list;
	struct lc_store *st;
	struct lc_err err;
	size_t n;
	int status = LC_OK;

	(void)argv;
	if (argc != 0)
		lc_usage("list takes no operand");
	st = lc_store_open(o->store, 0, &err);
	if (!st || snap_list_load(st, o, &list, &err) < 0)
		lc_die(&err);
	first = list.s;
	n = list.n;
	if (o->before >= 0) {
		first = snap_before(&list, o->before);
		n = first ? 1 : 0;
		status = first ? LC_OK : LC_NO;
	}
	if (!o->json && n > 0)
		printf("%-12s  %-12s %10s %12s %12s  %-20s  %s\n", "ID", "RUN", "STEP", "BYTES",
		       "STORED", "TIME", "ROLES");
	for (size_t i = 0; i < n; i++)
		if ((o->json ? print_record(&first[i], &err) : print_row(&first[i])) < 0)
			lc_die(&err);
	if (list.bad) {
		lc_warn("%zu of the snapshots cannot be read, the first: %s", list.bad,
			list.why.text);
		status = LC_DATA;
	}
	snap_list_release(&list);
	lc_store_close(st);
	return status;
}
