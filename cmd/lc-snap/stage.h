/*
 * stage: where a pull keeps what has come until it is checked: a store of its own, in pull/ of the
 * one that it is for, by the name of where it comes from. What an interrupted pull has got is there
 * for the next.
 */
#ifndef LC_STAGE_H
#define LC_STAGE_H

#include "packs.h"

/* What has come, whole; bytes_take is of a sink whose ctx this is. */
struct bytes {
	unsigned char *buf;
	size_t len;
};
int bytes_take(struct sink *s, const void *buf, size_t len, struct lc_err *err);

struct stage {
	const char *store; /* that it is for */
	char *dir;
	int lock; /* one pull at a time from one place: others wait, and find it done */
};
int stage_open(struct stage *s, const char *store, const char *from, struct lc_err *err);
void stage_close(struct stage *s, int remove); /* accepts what stage_open left on failure */

/*
 * The snapshot files of l that `wanted` names (NULL: all), into the stage. Of what the store has
 * only the last line comes from there, which says when it was saved there: "latest" and the order
 * are those of the other store. *lost counts those that did not come whole.
 */
int stage_snapshots(struct stage *s, struct remote *r, const struct far_list *l,
		    int (*wanted)(void *ctx, const char *name), void *ctx, size_t *lost,
		    struct lc_err *err);

/* A pack, with its index checked by its name. LC_DATA: it is damaged there. */
int stage_pack(struct stage *s, struct remote *r, const struct far_file *f, struct lc_err *err);

/*
 * Read every chunk of the packs staged, with the packs of the store to predict from, and mark those
 * that are damaged as bad. progress is r's.
 */
int stage_check(struct stage *s, struct packs *staged, struct lc_err *err);

#endif
