/* pick: which snapshots there are, and which one is meant. See snap.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "ref.h"
#include "snap.h"

#define PREFIX_MIN 4 /* digits of an id that are enough, when they fit one only */

struct lc_store *snap_store_writable(const struct opts *o, struct lc_err *err)
{
	char *version = lc_path("%s/lc-store", o->store);
	int there = access(version, F_OK) == 0;

	free(version);
	return lc_store_open(o->store, there, err);
}

int snap_wanted(const struct lc_manifest *m, const struct opts *o)
{
	if (o->run && strcmp(o->run, m->run) != 0)
		return 0;
	for (size_t i = 0; i < o->tags.ntags; i++) {
		const char *v = lc_manifest_get_tag(m, o->tags.tags[i].key);
		if (!v || strcmp(v, o->tags.tags[i].value) != 0)
			return 0;
	}
	return 1;
}

/* The order of saving; the clock, then the id, only between two savers at once. */
static int by_age(const void *pa, const void *pb)
{
	const struct lc_snapshot *a = pa, *b = pb;

	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return memcmp(a->id.b, b->id.b, sizeof(a->id.b));
}

int snap_list_load(const struct lc_store *st, const struct opts *o, struct snap_list *list,
		   struct lc_err *err)
{
	struct lc_id *ids;
	size_t n;

	memset(list, 0, sizeof(*list));
	if (lc_store_ids(st, &ids, &n, err) < 0)
		return -1;
	list->s = lc_xalloc(n, sizeof(*list->s));
	for (size_t i = 0; i < n; i++) {
		struct lc_snapshot *s = &list->s[list->n];
		if (lc_store_read(st, &ids[i], s, err) < 0) {
			int gone = err->code == LC_SYS && errno == ENOENT; /* dropped by now */
			if (!gone && list->bad++ == 0)
				list->why = *err;
		} else if (snap_wanted(&s->m, o)) {
			list->n++;
		} else {
			lc_snapshot_release(s);
		}
	}
	free(ids);
	qsort(list->s, list->n, sizeof(*list->s), by_age);
	return 0;
}

void snap_list_release(struct snap_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		lc_snapshot_release(&list->s[i]);
	free(list->s);
	memset(list, 0, sizeof(*list));
}

/* What is asked for, of the snapshots with the run and the tags. */
struct want {
	struct opts o; /* borrows all of the caller's; its run may be the word's */
	char *run;     /* the word's */
	enum { LATEST, AT, BEFORE, HEAD } kind;
	long step;
	struct lc_ref ref; /* HEAD: of the run */
};

const struct lc_snapshot *snap_before(const struct snap_list *list, long step)
{
	const struct lc_snapshot *best = NULL;

	for (size_t i = 0; i < list->n; i++) {
		const struct lc_snapshot *s = &list->s[i];
		if (s->m.step <= step && (!best || s->m.step >= best->m.step))
			best = s;
	}
	return best;
}

/* Where the run goes on from: what was saved last since its ref was moved, else what that names. */
static const struct lc_snapshot *head(const struct snap_list *list, const struct lc_ref *ref)
{
	const struct lc_snapshot *last = list->n ? &list->s[list->n - 1] : NULL;

	if (!ref->run || !last || last->seq > ref->seq)
		return last;
	for (size_t i = 0; i < list->n; i++)
		if (memcmp(&list->s[i].id, &ref->snapshot, sizeof(ref->snapshot)) == 0)
			return &list->s[i];
	return NULL;
}

static const struct lc_snapshot *choose(const struct snap_list *list, const struct want *w)
{
	const struct lc_snapshot *s = snap_before(list, w->step);

	if (w->kind == HEAD)
		return head(list, &w->ref);
	if (w->kind == LATEST)
		return list->n ? &list->s[list->n - 1] : NULL;
	return w->kind == AT && s && s->m.step != w->step ? NULL : s;
}

/* "latest", "100", "<=100": what stands behind the @. */
static int parse_at(const char *text, struct want *w)
{
	char *end;

	w->kind = strncmp(text, "<=", 2) == 0 ? BEFORE : AT;
	if (strcmp(text, "latest") == 0) {
		w->kind = LATEST;
		return 0;
	}
	if (strcmp(text, "head") == 0) {
		w->kind = HEAD;
		return 0;
	}
	text += w->kind == BEFORE ? 2 : 0;
	errno = 0;
	w->step = strtol(text, &end, 10);
	return *text < '0' || *text > '9' || *end || errno ? -1 : 0;
}

/* 1: a name; 0: it can only be an id; -1. The last @ counts: a run's name may hold others. */
static int parse_word(const char *word, struct want *w, struct lc_err *err)
{
	const char *at = strrchr(word, '@');

	if (strcmp(word, "latest") == 0) {
		w->kind = LATEST;
		return 1;
	}
	if (!at)
		return 0;
	if (parse_at(at + 1, w) < 0)
		return lc_fail(err, LC_USAGE,
			       "%.300s: after the @ comes a step, <=STEP, latest or head", word);
	if (at == word)
		return 1;
	w->run = lc_path("%.*s", (int)(at - word), word);
	if (w->o.run && strcmp(w->o.run, w->run) != 0)
		return lc_fail(err, LC_USAGE, "%.200s: is not of the run %.200s", word, w->o.run);
	w->o.run = w->run;
	return 1;
}

static int by_name(const struct lc_store *st, struct want *w, const char *word,
		   struct lc_snapshot *s, struct lc_err *err)
{
	const struct lc_snapshot *found;
	struct snap_list list;
	int ret = -1;

	if (w->kind == HEAD && !w->o.run)
		return lc_fail(err, LC_USAGE, "%.300s: head is of a run: RUN@head", word);
	if (w->kind == HEAD && lc_ref_read(w->o.store, w->o.run, &w->ref, err) < 0)
		return -1;
	if (snap_list_load(st, &w->o, &list, err) < 0)
		return -1;
	found = choose(&list, w);
	if (!found) {
		char step[40] = "";
		if (!word && w->step >= 0)
			snprintf(step, sizeof(step), "@%s%ld", w->kind == BEFORE ? "<=" : "",
				 w->step);
		lc_fail(err, LC_DATA, "no such snapshot%s%.200s%s%.200s", word || *step ? ": " : "",
			word ? word : step, list.bad ? "; and one cannot be read: " : "",
			list.bad ? list.why.text : "");
	} else {
		if (list.bad)
			lc_warn("%zu of the snapshots cannot be read and are passed over, the "
				"first: %s",
				list.bad, list.why.text);
		*s = *found;
		list.s[found - list.s] = list.s[--list.n];
		ret = 0;
	}
	snap_list_release(&list);
	return ret;
}

/* Only the snapshots whose ids begin so are read: none but one, mostly. */
static int by_id(const struct lc_store *st, const struct opts *o, const char *word,
		 struct lc_snapshot *s, struct lc_err *err)
{
	struct lc_err why = {.code = LC_OK};
	size_t n, len = strlen(word);
	int found = 0;
	struct lc_id *ids;

	if (len < PREFIX_MIN || strspn(word, "0123456789abcdef") != len)
		return lc_fail(err, LC_USAGE,
			       "%.300s: not latest, RUN@STEP, or %d digits or more of an id", word,
			       PREFIX_MIN);
	if (len == LC_HEX_LEN) { /* no need to look at what else there is */
		n = 1;
		ids = lc_xalloc(1, sizeof(*ids));
		lc_id_parse(word, ids);
	} else if (lc_store_ids(st, &ids, &n, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < n && found < 2; i++) {
		struct lc_snapshot one;
		char hex[LC_HEX_LEN + 1];
		lc_id_hex(&ids[i], hex);
		if (strncmp(hex, word, len) != 0 || lc_store_read(st, &ids[i], &one, &why) < 0)
			continue;
		if (!snap_wanted(&one.m, o) || ++found > 1)
			lc_snapshot_release(&one);
		else
			*s = one;
	}
	free(ids);
	if (found == 1)
		return 0;
	if (found == 0)
		return lc_fail(err, LC_DATA, "no such snapshot: %.100s%s%.300s", word,
			       why.code ? "; one cannot be read: " : "", why.code ? why.text : "");
	lc_snapshot_release(s);
	return lc_fail(err, LC_USAGE, "%.300s: more than one snapshot begins so", word);
}

int snap_pick(const struct lc_store *st, const char *word, const struct opts *o,
	      struct lc_snapshot *s, struct lc_err *err)
{
	struct want w = {.o = *o, .kind = o->step >= 0 ? AT : BEFORE};
	int ret = 1;

	w.step = o->step >= 0 ? o->step : o->before;
	memset(s, 0, sizeof(*s));
	if (word)
		ret = parse_word(word, &w, err);
	if (ret >= 0)
		ret = ret ? by_name(st, &w, word, s, err) : by_id(st, o, word, s, err);
	lc_ref_release(&w.ref);
	free(w.run);
	return ret;
}
