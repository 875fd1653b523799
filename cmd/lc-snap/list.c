/* list: the snapshots of a store, oldest first, as a table or as records. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "job.h"
#include "json.h"
#include "snap.h"
#include "store_parts.h"

static void print_head(size_t *shown)
{
	if ((*shown)++ == 0)
		printf("%-12s  %-12s %10s %12s %12s  %-20s  %s\n", "ID", "RUN", "STEP", "BYTES",
		       "STORED", "TIME", "ROLES AND TAGS");
}

/* "key=value", ids of parents in as many digits as the first column. */
static void print_tags(const struct lc_manifest *m)
{
	for (size_t i = 0; i < m->ntags; i++)
		printf("%s%s=%.*s", i ? "," : "  ", m->tags[i].key,
		       strcmp(m->tags[i].key, "parent") == 0 ? 12 : INT_MAX, m->tags[i].value);
}

static int print_row(const struct lc_snapshot *s)
{
	char *roles = snap_roles(lc_manifest_roles(&s->m)), hex[LC_HEX_LEN + 1], when[32];

	lc_id_hex(&s->id, hex);
	snap_time(s, when);
	printf("%.12s  %-12s %10ld %12llu %12llu  %s  %s", hex, s->m.run, s->m.step,
	       (unsigned long long)lc_manifest_bytes(&s->m), (unsigned long long)s->stored, when,
	       roles);
	print_tags(&s->m);
	putchar('\n');
	free(roles);
	return 0;
}

static int print_record(json_t *record, struct lc_err *err)
{
	int ret = lc_json_emit(stdout, record, err);

	json_decref(record);
	return ret;
}

static int list_snapshots(const struct opts *o, const struct snap_list *list, size_t *shown,
			  struct lc_err *err)
{
	const struct lc_snapshot *only = o->before >= 0 ? snap_before(list, o->before) : NULL;

	for (size_t i = 0; i < list->n; i++) {
		const struct lc_snapshot *s = &list->s[i];
		if ((o->before >= 0 && s != only) || s->m.step < o->since)
			continue;
		if (!o->json)
			print_head(shown);
		if ((o->json ? print_record(snap_record(s), err) : print_row(s)) < 0)
			return -1;
	}
	return 0;
}

/* What no snapshot has come of yet. */
static int list_parts(const struct opts *o, const struct lc_parts *list, size_t *shown,
		      struct lc_err *err)
{
	int ret = 0;

	for (size_t i = 0, n; i < list->n && ret == 0; i += n) {
		const struct lc_shard *p = &list->p[i];
		char *words, when[32];
		n = lc_parts_together(list, i);
		if (!snap_wanted(&p->s.m, o) || p->s.m.step < o->since)
			continue;
		if (o->json) {
			ret = print_record(parts_record(p, n), err);
			continue;
		}
		print_head(shown);
		words = parts_words(p, n);
		snap_time(&p[n - 1].s, when);
		printf("%-12s  %-12s %10ld %12s %12s  %s  %s\n", "-", p->s.m.run, p->s.m.step, "-",
		       "-", when, words);
		free(words);
	}
	return ret;
}

/* States that were taken over and are not kept yet. */
static int list_jobs(const struct opts *o, size_t *shown, struct lc_err *err)
{
	struct job_list list;
	int ret = jobs_load(o, 0, &list, err);

	for (size_t i = 0; i < list.n && ret == 0; i++) {
		const struct job *j = &list.j[i];
		struct lc_snapshot when = {.time = j->time};
		char *words, text[32];
		if (!snap_wanted(&j->m, o) || j->m.step < o->since || j->state == JOB_DONE ||
		    (j->fd >= 0 && j->state == JOB_BEGUN && access(j->path, F_OK) < 0))
			continue;
		if (o->json) {
			ret = print_record(job_record(j), err);
			continue;
		}
		print_head(shown);
		words = job_words(j);
		snap_time(&when, text);
		printf("%-12s  %-12s %10ld %12llu %12s  %s  %s\n", "-", j->m.run, j->m.step,
		       (unsigned long long)j->bytes, "-", text, words);
		free(words);
	}
	jobs_release(&list);
	return ret;
}

int verb_list(const struct opts *o, int argc, char **argv)
{
	struct lc_parts parts = {0};
	struct snap_list list;
	struct lc_store *st;
	struct lc_err err;
	size_t shown = 0;
	int status;

	(void)argv;
	if (argc != 0)
		lc_usage("list takes no operand");
	st = lc_store_open(o->store, 0, &err);
	if (!st || snap_list_load(st, o, &list, &err) < 0 || lc_parts_list(st, &parts, &err) < 0 ||
	    list_snapshots(o, &list, &shown, &err) < 0 ||
	    (o->before < 0 &&
	     (list_parts(o, &parts, &shown, &err) < 0 || list_jobs(o, &shown, &err) < 0)))
		lc_die(&err);
	status = o->before >= 0 && !snap_before(&list, o->before) ? LC_NO : LC_OK;
	if (list.bad || parts.bad) {
		lc_warn("%zu of the snapshots cannot be read, the first: %s", list.bad + parts.bad,
			list.bad ? list.why.text : parts.why.text);
		status = LC_DATA;
	}
	lc_parts_release(&parts);
	snap_list_release(&list);
	lc_store_close(st);
	return status;
}
