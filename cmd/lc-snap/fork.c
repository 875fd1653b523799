/* fork: the tree of a snapshot once more, as the beginning of another run or branch. No bytes. */
#include <stdlib.h>

#include "io.h"
#include "json.h"
#include "snap.h"

/* Snapshots hold their trees themselves: nothing of the one forked from is needed afterwards. */
static int fork_it(const struct opts *o, struct lc_store *st, struct lc_snapshot *s,
		   struct lc_err *err)
{
	char parent[LC_HEX_LEN + 1];

	lc_id_hex(&s->id, parent);
	if (o->run) {
		free(s->m.run);
		s->m.run = lc_path("%s", o->run);
	}
	for (size_t i = 0; i < s->m.ntags; i++) {
		free(s->m.tags[i].key);
		free(s->m.tags[i].value);
	}
	s->m.ntags = 0;
	for (size_t i = 0; i < o->tags.ntags; i++)
		if (lc_manifest_tag(&s->m, o->tags.tags[i].key, o->tags.tags[i].value, err) < 0)
			return -1;
	s->stored = 0;
	return lc_manifest_tag(&s->m, "parent", parent, err) < 0 ? -1 : lc_store_add(st, s, err);
}

int verb_fork(const struct opts *o, int argc, char **argv)
{
	struct opts pick = {
		.step = -1, .before = -1, .since = -1}; /* the run and tags are the new one's */
	struct lc_snapshot s = {0};
	struct lc_store *st;
	struct lc_err err;
	json_t *record;
	int ret = -1;

	if (argc != 1)
		lc_usage("fork takes one snapshot");
	if (!o->run && o->tags.ntags == 0)
		lc_usage("fork to what? name a --run, a --branch or a --tag");
	if (lc_manifest_get_tag(&o->tags, "parent"))
		lc_usage("--tag parent=: fork sets it itself");
	st = snap_store_writable(o, &err);
	if (st && snap_pick(st, argv[0], &pick, &s, &err) == 0)
		ret = fork_it(o, st, &s, &err);
	if (ret == 0) {
		record = snap_record(&s);
		ret = lc_json_emit(stdout, record, &err);
		json_decref(record);
	}
	lc_snapshot_release(&s);
	lc_store_close(st);
	if (ret < 0)
		lc_die(&err);
	return LC_OK;
}
