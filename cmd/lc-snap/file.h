/* file: one file of a snapshot, or of a directory, and the tensors in it; for cat and diff. */
#ifndef LC_SNAP_FILE_H
#define LC_SNAP_FILE_H

#include "snap.h"
#include "store_file.h"

/* The entry of that path, as its bytes or as lc_path_encode writes them; NULL: none. */
const struct lc_entry *file_find(const struct lc_manifest *m, const char *path);

/* The tensor of that name, likewise. */
const struct lc_span *file_tensor(const struct lc_spans *spans, const char *name);

const char *file_dtype(enum lc_dtype type);	  /* "f32" */
char *file_shape(const struct lc_span *s);	  /* "768x50257", "-" of a scalar; the caller's */
json_t *file_shape_json(const struct lc_span *s); /* new reference */
json_t *file_text(const char *bytes); /* as a string, encoded where it is no UTF-8; new reference */

#endif
