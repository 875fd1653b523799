/* pick: which snapshots there are, and which one is meant. See snap.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "snap.h"

#define PREFIX_MIN 4 /* digits of an id that are enough, when they fit one only */

static int wanted(const struct lc_snapshot *s, const struct opts *o)
{
	if (o->run && strcmp(o->run, s->m.run) != 0)
		return 0;
	for (size_t i = 0; i < o->tags.ntags; i++) {
		const char *v = lc_manifest_get_tag(&s->m, o->tags.tags[i].key);
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
			if (list->bad++ == 0)
				list->why = *err;
		} else if (wanted(s, o)) {
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

static const struct lc_snapshot *at_step(const struct snap_list *list, long step)
{
	const struct lc_snapshot *s = snap_before(list, step);

	return s && s->m.step == step ? s : NULL;
}

static const struct lc_snapshot *by_prefix(const struct snap_list *list, const char *word,
					   struct lc_err *err)
{
	const struct lc_snapshot *found = NULL;
	size_t len = strlen(word);
	char hex[LC_HEX_LEN + 1];

	if (len < PREFIX_MIN || strspn(word, "0123456789abcdef") != len) {
		lc_fail(err, LC_USAGE, "%s: not latest, @STEP, or %d digits or more of an id", word,
			PREFIX_MIN);
		return NULL;
	}
	for (size_t i = 0; i < list->n; i++) {
		lc_id_hex(&list->s[i].id, hex);
		if (strncmp(hex, word, len) != 0)
			continue;
		if (found) {
			lc_fail(err, LC_USAGE, "%s: more than one snapshot begins so", word);
			return NULL;
		}
		found = &list->s[i];
	}
	return found;
}

const struct lc_snapshot *snap_pick(const struct snap_list *list, const char *word,
				    const struct opts *o, struct lc_err *err)
{
	const struct lc_snapshot *s;
	char *end;
	long step;

	err->code = LC_OK;
	if (!word && o->step >= 0) {
		s = at_step(list, o->step);
	} else if (!word) {
		s = snap_before(list, o->before);
	} else if (strcmp(word, "latest") == 0) {
		s = list->n ? &list->s[list->n - 1] : NULL;
	} else if (word[0] == '@') {
		errno = 0;
		step = strtol(word + 1, &end, 10);
		if (errno || end == word + 1 || *end) {
			lc_fail(err, LC_USAGE, "%s: not a step", word);
			return NULL;
		}
		s = at_step(list, step);
	} else {
		s = by_prefix(list, word, err);
	}
	if (!s && err->code == LC_OK)
		lc_fail(err, LC_DATA, "no such snapshot%s%s%s%.300s", word ? ": " : "",
			word ? word : "", list->bad ? "; and one cannot be read: " : "",
			list->bad ? list->why.text : "");
	return s;
}
