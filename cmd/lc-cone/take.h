/*
 * take: how records become what is known of a run; between the files that read them.
 */
#ifndef LC_TAKE_H
#define LC_TAKE_H

#include "cone.h"

/* take_run.c: what is said of the run itself: a step, an index record, that it was gone back. */
void run_step(struct cone *c, const struct lc_step *st);
void run_index(struct cone *c, double step, double y);
void run_metrics(struct cone *c, const struct lc_step *st); /* an index record's */
void run_rewind(struct cone *c, double to);
/* take_index.c: is a line one as lc-detect writes it? Any index record, as it was written. */
int index_is(const char *line, size_t len);
int index_take(struct cone *c, const char *line, size_t len, struct lc_err *err);
void cone_signal(struct cone *c, const char *name, size_t at, double x, double y);

/*
 * judge.c: where no record has the index, it is what lc-detect makes of the run's steps as they
 * come; so are alerts. The first record of a kind ends that, and takes back what there was.
 */
void judge_step(struct cone *c, const struct lc_step *st);
void judge_rewind(struct cone *c, long step);
void judge_end(struct cone *c);
void judge_hush(struct cone *c);

/* fork.c: was there such a line? It is remembered. */
int seen_before(struct seen *s, const char *line, size_t len);

#endif
