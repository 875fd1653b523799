/*
 * prune: drops snapshots by policy, and tells what stays and why.
 *
 * Only manifests go, each with one unlink: their chunks stay until gc. So nobody who is reading a
 * snapshot that goes is disturbed, and no lock is needed beyond the shared one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "keep.h"
#include "ref.h"
#include "snap.h"
#include "store_gc.h"

static const char *tag(const struct lc_snapshot *s, const char *key)
{
	const char *v = lc_manifest_get_tag(&s->m, key);

	return v ? v : "";
}

static int has_tag(const struct lc_snapshot *s, const char *word)
{
	const char *eq = strchr(word, '=');

	for (size_t i = 0; i < s->m.ntags; i++)
		if (strncmp(s->m.tags[i].key, word, (size_t)(eq - word)) == 0 &&
		    s->m.tags[i].key[eq - word] == '\0' && strcmp(s->m.tags[i].value, eq + 1) == 0)
			return 1;
	return 0;
}

/* Is p what s says it came from, and of another line? */
static int is_parent(const struct lc_snapshot *p, const struct lc_snapshot *s)
{
	const char *word = tag(s, "parent");
	char hex[LC_HEX_LEN + 1];

	lc_id_hex(&p->id, hex);
	return strlen(word) >= 4 && strncmp(hex, word, strlen(word)) == 0 &&
	       (strcmp(p->m.run, s->m.run) != 0 || strcmp(tag(p, "branch"), tag(s, "branch")) != 0);
}

/* Where a line that stays branched off another, and where that did. */
static void keep_parents(const struct snap_list *list, struct lc_keep_item *x)
{
	for (int more = 1; more;) {
		more = 0;
		for (size_t i = 0; i < list->n; i++) {
			if (!x[i].why || !*tag(&list->s[i], "parent"))
				continue;
			for (size_t k = 0; k < list->n; k++)
				if (!(x[k].why & LC_KEEP_PARENT) &&
				    is_parent(&list->s[k], &list->s[i])) {
					more |= !x[k].why;
					x[k].why |= LC_KEEP_PARENT;
				}
		}
	}
}

static int keep_named(const struct opts *o, const struct lc_store *st, const struct snap_list *list,
		      struct lc_keep_item *x, struct lc_err *err)
{
	struct opts any = {.step = -1, .before = -1};

	for (size_t w = 0; w < o->nkeep; w++) {
		struct lc_snapshot s;
		if (snap_pick(st, o->keep[w], &any, &s, err) < 0)
			return -1;
		for (size_t i = 0; i < list->n; i++)
			if (memcmp(&list->s[i].id, &s.id, sizeof(s.id)) == 0)
				x[i].why |= LC_KEEP_NAMED;
		lc_snapshot_release(&s);
	}
	return 0;
}

/* What a run goes on from is never dropped. */
static int keep_heads(const struct opts *o, const struct snap_list *list, struct lc_keep_item *x,
		      struct lc_err *err)
{
	struct lc_ref ref = {.run = NULL};

	for (size_t i = 0; i < list->n; i++) {
		const struct lc_snapshot *s = &list->s[i];
		if (i == 0 || strcmp(s->m.run, list->s[i - 1].m.run) != 0) {
			lc_ref_release(&ref);
			if (lc_ref_read(o->store, s->m.run, &ref, err) < 0)
				return -1;
		}
		if (ref.run && memcmp(&s->id, &ref.snapshot, sizeof(s->id)) == 0)
			x[i].why |= LC_KEEP_HEAD;
	}
	lc_ref_release(&ref);
	return 0;
}

/* What stays, and why: only what the filters let through can go. */
static struct lc_keep_item *choose(const struct opts *o, const struct lc_store *st,
				   const struct snap_list *list, struct lc_err *err)
{
	struct lc_keep_policy policy = {o->keep_last, o->keep_every, o->keep_log2};
	struct lc_keep_item *x = lc_xalloc(list->n, sizeof(*x));

	for (size_t i = 0; i < list->n; i++) {
		const struct lc_snapshot *s = &list->s[i];
		x[i] = (struct lc_keep_item){s->m.run, tag(s, "branch"), s->m.step, s->seq, 0};
	}
	lc_keep_choose(x, list->n, &policy);
	for (size_t i = 0; i < list->n; i++)
		for (size_t w = 0; w < o->nkeep_tags; w++)
			if (has_tag(&list->s[i], o->keep_tags[w]))
				x[i].why |= LC_KEEP_TAG;
	for (size_t i = 0; i < list->n; i++)
		if (!snap_wanted(&list->s[i].m, o))
			x[i].why |= LC_KEEP_NAMED;
	if (keep_named(o, st, list, x, err) < 0 || keep_heads(o, list, x, err) < 0) {
		free(x);
		return NULL;
	}
	if (!o->drop_parents)
		keep_parents(list, x);
	return x;
}

static json_t *reasons(unsigned why)
{
	json_t *words = json_array();

	for (unsigned bit = 1; bit <= LC_KEEP_HEAD; bit <<= 1)
		if (why & bit)
			json_array_append_new(words, json_string(lc_keep_word(bit)));
	return words;
}

static int show(const struct opts *o, const struct lc_snapshot *s, unsigned why, struct lc_err *err)
{
	json_t *words = reasons(why), *rec;
	char hex[LC_HEX_LEN + 1], *text;
	int ret;

	lc_id_hex(&s->id, hex);
	if (!o->json) {
		text = snap_words(words);
		printf("%-4s  %.12s  %-12s %-12s %10ld  %s\n", why ? "keep" : "drop", hex, s->m.run,
		       *tag(s, "branch") ? tag(s, "branch") : "-", s->m.step, text);
		free(text);
		json_decref(words);
		return 0;
	}
	rec = json_pack("{s:s,s:i,s:s,s:s,s:s,s:I,s:b,s:o}", "type", "prune", "v", 1, "id", hex,
			"run", s->m.run, "branch", tag(s, "branch"), "step", (json_int_t)s->m.step,
			"keep", why != 0, "why", words);
	ret = lc_json_emit(stdout, rec, err);
	json_decref(rec);
	return ret;
}

static int prune(const struct opts *o, struct lc_store *st, const struct snap_list *list,
		 struct lc_err *err)
{
	struct lc_keep_item *x = choose(o, st, list, err);
	size_t kept = 0, dropped = 0;
	int ret = x ? 0 : -1;

	if (ret == 0 && !o->json && !o->quiet && list->n)
		printf("%-4s  %-12s  %-12s %-12s %10s  %s\n", "", "ID", "RUN", "BRANCH", "STEP",
		       "WHY");
	for (size_t i = 0; i < list->n && ret == 0; i++) {
		if (!snap_wanted(&list->s[i].m, o))
			continue;
		if (!x[i].why && !o->dry_run)
			ret = lc_store_drop(st, &list->s[i].id, err);
		kept += x[i].why != 0;
		dropped += x[i].why == 0;
		if (ret == 0 && (o->json || !o->quiet))
			ret = show(o, &list->s[i], x[i].why, err);
	}
	if (dropped && !o->dry_run && lc_store_dropped(st, ret < 0 ? NULL : err) < 0)
		ret = -1;
	if (ret == 0 && !o->quiet)
		lc_warn("%zu kept, %zu %s", kept, dropped,
			o->dry_run ? "would be dropped"
			: dropped  ? "dropped; gc gives back their room"
				   : "dropped");
	free(x);
	return ret;
}

int verb_prune(const struct opts *o, int argc, char **argv)
{
	struct opts all = {.step = -1, .before = -1};
	struct snap_list list;
	struct lc_store *st;
	struct lc_err err;
	int ret = -1;

	(void)argv;
	if (argc != 0)
		lc_usage("prune takes no operand");
	if (!o->keep_last && !o->keep_every && !o->keep_log2 && !o->nkeep_tags && !o->nkeep)
		lc_usage("prune wants a policy: --keep-last, --keep-every, --keep-log2, "
			 "--keep-tag or --keep");
	st = lc_store_open(o->store, 0, &err);
	if (!st || snap_list_load(st, &all, &list, &err) < 0)
		lc_die(&err);
	/* of what would the damaged one be the parent, or the newest? */
	if (list.bad && !o->ignore_damaged)
		lc_fail(&err, LC_DATA, "nothing is dropped (without --ignore-damaged): %.400s",
			list.why.text);
	else
		ret = prune(o, st, &list, &err);
	snap_list_release(&list);
	lc_store_close(st);
	if (ret < 0)
		lc_die(&err);
	return LC_OK;
}
