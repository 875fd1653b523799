/* transfer: see transfer.h. */
#include "transfer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "remote.h"

void transfer_operands(const struct opts *o, int argc, const char *verb)
{
	int some = o->run || o->tags.ntags > 0 || o->all;

	if (argc < 1)
		lc_usage("%s takes a store", verb);
	if (argc == 1 && !some)
		lc_usage("%s which snapshots? name them, or a run or a tag, or say --all", verb);
	if (argc > 1 && o->all)
		lc_usage("--all and names exclude each other");
}

void transfer_start(struct transfer *t, const struct opts *o, const char *verb, const char *far)
{
	*t = (struct transfer){.o = o,
			       .verb = verb,
			       .far = far,
			       .shown = remote_shown(far),
			       .start = lc_now(),
			       .plan = json_array()};
}

static int by_seq(const void *a, const void *b)
{
	const struct lc_snapshot *s = a, *t = b;

	return s->seq < t->seq ? -1 : s->seq > t->seq;
}

/* A snapshot that is named twice is one. */
static void drop_doubles(struct snap_list *list)
{
	size_t k = 0;

	for (size_t i = 0; i < list->n; i++) {
		int known = 0;
		for (size_t j = 0; j < k && !known; j++)
			known = memcmp(&list->s[j].id, &list->s[i].id, sizeof(list->s[i].id)) == 0;
		if (known)
			lc_snapshot_release(&list->s[i]);
		else
			list->s[k++] = list->s[i];
	}
	list->n = k;
}

int transfer_pick(struct lc_store *st, const struct opts *o, int argc, char **argv,
		  struct snap_list *list, struct lc_err *err)
{
	if (argc == 0 && snap_list_load(st, o, list, err) < 0)
		return -1;
	if (argc == 0 && list->n == 0 && list->bad == 0 && !o->all) {
		snap_list_release(list);
		return lc_fail(err, LC_DATA, "no snapshot of that run and with those tags");
	}
	if (argc == 0)
		return 0;
	memset(list, 0, sizeof(*list));
	list->s = lc_xalloc((size_t)argc, sizeof(*list->s));
	for (int i = 0; i < argc; i++) {
		if (snap_pick(st, argv[i], o, &list->s[list->n], err) < 0) {
			snap_list_release(list);
			return -1;
		}
		list->n++;
	}
	qsort(list->s, list->n, sizeof(*list->s), by_seq);
	drop_doubles(list);
	return 0;
}

void transfer_plan(struct transfer *t, const char *name, uint64_t size)
{
	json_array_append_new(t->plan,
			      json_pack("{s:s,s:I}", "name", name, "bytes", (json_int_t)size));
	t->bytes += size;
	t->packs += strncmp(name, "packs/", 6) == 0;
	t->sent += strncmp(name, "packs/", 6) != 0;
	if (!t->o->json)
		printf("%s %llu\n", name, (unsigned long long)size);
}

static void print_record(const struct transfer *t, const struct snap_list *list, double seconds)
{
	json_t *o = lc_record_new("transfer", 1), *ids = json_array();
	struct lc_err err;

	for (size_t i = 0; i < list->n; i++) {
		char hex[LC_HEX_LEN + 1];
		lc_id_hex(&list->s[i].id, hex);
		json_array_append_new(ids, json_string(hex));
	}
	json_object_set_new(o, "verb", json_string(t->verb));
	json_object_set_new(o, "far", json_string(t->far));
	json_object_set_new(o, "snapshots", ids);
	json_object_set_new(o, "sent", json_integer((json_int_t)t->sent));
	json_object_set_new(o, "packs", json_integer((json_int_t)t->packs));
	json_object_set_new(o, "there", json_integer((json_int_t)t->there));
	json_object_set_new(o, "bad", json_integer((json_int_t)t->bad));
	json_object_set_new(o, "bytes", json_integer((json_int_t)t->bytes));
	json_object_set_new(o, "seconds", lc_json_num(round(seconds * 1e3) / 1e3));
	if (t->o->dry_run)
		json_object_set(o, "plan", t->plan);
	if (lc_json_emit(stdout, o, &err) < 0)
		lc_die(&err);
	json_decref(o);
}

static void print_summary(const struct transfer *t, double seconds)
{
	const char *went = t->o->dry_run		  ? "would go"
			   : strcmp(t->verb, "pull") == 0 ? "came"
							  : "went";
	size_t all = t->snapshots + t->bad;
	char rate[64] = "";

	fflush(stdout);
	if (!t->o->dry_run && t->bytes > 0)
		snprintf(rate, sizeof(rate), " in %.1f s (%.0f MB/s)", seconds,
			 seconds > 0 ? (double)t->bytes / 1e6 / seconds : 0.0);
	lc_warn("%s %s: %zu of %zu snapshots and %zu packs %s, %.1f MB%s; %zu packs were there",
		t->verb, t->shown, t->sent, all, t->packs, went, (double)t->bytes / 1e6, rate,
		t->there);
}

int transfer_end(struct transfer *t, const struct snap_list *list)
{
	double seconds = lc_now() - t->start;
	size_t bad = t->bad + list->bad;

	t->bad = bad;
	if (t->o->json)
		print_record(t, list, seconds);
	if (!t->o->quiet)
		print_summary(t, seconds);
	if (list->bad)
		lc_warn("%zu of the snapshots cannot be read, the first: %s", list->bad,
			list->why.text);
	json_decref(t->plan);
	free(t->shown);
	return bad ? LC_DATA : LC_OK;
}
