/*
 * ckpt: a run's state in a directory, complete or absent, whatever is killed when. ckpt.c writes,
 * ckpt_load.c reads.
 */
#ifndef LC_TRAIN_CKPT_H
#define LC_TRAIN_CKPT_H

#include <jansson.h>

#include "err.h"

struct run;

#define CKPT_VERSION 1
long ckpt_step_of(const char *name); /* of "step-00000100"; -1: another name */
/* One writer a directory; what dead ones left half-written is swept. LC_DATA where steps after the
 * run's own are there, unless they may be overwritten. */
int ckpt_lock(const struct run *r, struct lc_err *err);
/* A step that is there already stays when it has the same bytes; else it is as with ckpt_lock. */
int ckpt_save(const struct run *r, struct lc_err *err);
/* The state of dir, or of the newest checkpoint in it: the plan comes first, then the model. */
int ckpt_find(const char *dir, char **path, json_t **state, struct lc_err *err);
int ckpt_load(struct run *r, const char *path, const json_t *state, struct lc_err *err);
/* The weights alone, and where they are from. */
int ckpt_load_weights(struct run *r, const char *path, const json_t *state, struct lc_err *err);
json_t *ckpt_state(const struct run *r);

#endif
