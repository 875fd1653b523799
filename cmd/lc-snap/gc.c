/* gc: gives back the room of what no snapshot needs. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io.h"
#include "json.h"
#include "snap.h"
#include "store_gc.h"
#include "store_parts.h"

static void tell(void *ctx, const struct lc_id *id, const char *why)
{
	char hex[LC_HEX_LEN + 1];

	(void)ctx;
	if (id)
		lc_id_hex(id, hex);
	lc_warn("damaged: %s%.12s%s%s", id ? "snapshot " : "", id ? hex : "", id ? ": " : "", why);
}

static void coding(void *ctx, uint64_t done, uint64_t total)
{
	progress(ctx, done, total);
}

/* Nobody else may have the store open: wait for that, and say so. */
static int alone(const struct opts *o, struct lc_store *st, struct lc_err *err)
{
	int got = lc_store_alone(st, 0, err);

	if (got == 0 && o->no_wait)
		return lc_fail(err, LC_SYS, "%s: in use", o->store);
	if (got == 0 && !o->quiet)
		lc_warn("%s: in use: waiting", o->store);
	if (got == 0)
		got = lc_store_alone(st, 1, err);
	return got < 0 ? -1 : 0;
}

/* A store that is there; to be written to, it is brought to this version. */
static struct lc_store *open_store(const struct opts *o, struct lc_err *err)
{
	struct lc_store *st = lc_store_open(o->store, 0, err);

	if (!st || o->dry_run)
		return st;
	lc_store_close(st);
	return lc_store_open(o->store, 1, err);
}

static int show(const struct opts *o, const struct lc_gc *g, struct lc_err *err)
{
	json_t *rec;
	int ret;

	if (!o->json) {
		char young[64] = "", held[64] = "";
		if (g->young > 0)
			snprintf(young, sizeof(young), "; %.1f MB stay for --grace",
				 (double)g->young * 1e-6);
		if (g->held > 0)
			snprintf(held, sizeof(held), "; %.1f MB stay for predictions alone",
				 (double)g->held * 1e-6);
		if (!o->quiet)
			printf("%s%zu packs removed, %zu written anew, %zu snapshots coded anew: "
			       "%.1f MB of %.1f MB %s%s%s\n",
			       o->dry_run ? "would be: " : "", g->removed, g->rewritten, g->recoded,
			       (double)(g->before - g->left) * 1e-6, (double)g->before * 1e-6,
			       o->dry_run ? "free" : "freed", young, held);
		return 0;
	}
	rec = lc_record_new("gc", 1);
	json_object_set_new(rec, "dry_run", json_boolean(o->dry_run));
	json_object_set_new(rec, "before", json_integer((json_int_t)g->before));
	json_object_set_new(rec, "after", json_integer((json_int_t)g->left));
	json_object_set_new(rec, "held", json_integer((json_int_t)g->held));
	json_object_set_new(rec, "young", json_integer((json_int_t)g->young));
	json_object_set_new(rec, "chunks", json_integer((json_int_t)g->chunks));
	json_object_set_new(rec, "removed", json_integer((json_int_t)g->removed));
	json_object_set_new(rec, "rewritten", json_integer((json_int_t)g->rewritten));
	json_object_set_new(rec, "recoded", json_integer((json_int_t)g->recoded));
	json_object_set_new(rec, "damaged", json_integer((json_int_t)g->damaged));
	ret = lc_json_emit(stdout, rec, err);
	json_decref(rec);
	return ret;
}

/* Before their chunks go, so that nobody completes a state of them. */
static int drop_parts(const struct opts *o, struct lc_store *st, struct lc_err *err)
{
	struct lc_parts list;
	struct timespec now;
	int ret = 0;

	if (o->parts_age < 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	if (lc_parts_list(st, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n && ret == 0; i++) {
		const struct lc_shard *p = &list.p[i];
		if ((double)now.tv_sec - p->s.time <= o->parts_age)
			continue;
		ret = lc_parts_drop(st, p, err);
		if (ret == 0 && !o->quiet)
			lc_warn("%s@%ld: part %d of %d is dropped", p->s.m.run, p->s.m.step,
				p->part, p->of);
	}
	lc_parts_release(&list);
	return ret;
}

/* What an interrupted pull has got: no pull is at work, since we have the lock alone. */
static int drop_pulls(const struct opts *o, struct lc_err *err)
{
	char *dir = lc_path("%s/pull", o->store);
	int ret = lc_remove_tree(dir, err);

	free(dir);
	return ret;
}

int verb_gc(const struct opts *o, int argc, char **argv)
{
	struct lc_gc g = {.grace = o->grace,
			  .parts = o->parts_age,
			  .dry = o->dry_run,
			  .ignore_damaged = o->ignore_damaged,
			  .recode = !o->no_recode,
			  .tell = o->ignore_damaged ? tell : NULL,
			  .progress = coding,
			  .ctx = (void *)(uintptr_t)o};
	struct lc_store *st;
	struct lc_err err;
	int ret = -1;

	(void)argv;
	if (argc != 0)
		lc_usage("gc takes no operand");
	st = open_store(o, &err);
	if (st && (o->dry_run || (alone(o, st, &err) == 0 && drop_parts(o, st, &err) == 0 &&
				  drop_pulls(o, &err) == 0)))
		ret = lc_store_gc(st, &g, &err);
	progress(o, 0, 0);
	lc_store_close(st);
	if (ret == 0)
		ret = show(o, &g, &err);
	if (ret < 0)
		lc_die(&err);
	return LC_OK;
}
