/*
 * read: what the formats share. One format is one file; look.c finds which one it is.
 */
#ifndef LC_READ_H
#define LC_READ_H

#include "out.h"
#include "source.h"

/* One input on its way to records. */
struct reader {
	struct source *in; /* NULL for a format that is a directory */
	struct out *out;
	const char *path;
	int strict, quiet;
	unsigned long bad; /* damaged records passed over; the first is named */
	void *state;	   /* the line format's own; freed when the input ends */
};

/*
 * A format of lines has line(): 1 a line of this format, taken; 0 not one; -1 an error in *err,
 * LC_DATA when it is the line that is bad. Any other has run(), which reads all of the input: 0 or
 * -1. looks() says whether an input begins like one: it may look at the window, but takes nothing.
 */
struct format {
	const char *name, *about;
	int (*line)(struct reader *r, const char *line, size_t len, struct lc_err *err);
	int (*run)(struct reader *r, struct lc_err *err);
	int (*looks)(struct source *in, struct lc_err *err);
};

extern const struct format format_json, format_hf, format_tensorboard, format_wandb, format_mlflow,
	format_csv, format_megatron, format_llmc, format_nanogpt, format_modded, format_torchtitan,
	format_pairs;
extern const struct format *const formats[]; /* NULL-ended, in the order in which they are tried */

/* Something in the input is damaged: count it, name the first, go on: 0. With --strict: -1. where
 * is "line" or "byte", at its number. */
int reader_bad(struct reader *r, const char *where, unsigned long long at, const char *why,
	       struct lc_err *err);

/* Read one input of a known format, or of any (NULL). */
int reader_run(struct reader *r, const struct format *f, struct lc_err *err);

/* A TensorBoard Event, a W&B Record. -1: the system refused; -2: it is malformed. */
int tensorboard_event(const unsigned char *p, size_t len, struct out *o, struct lc_err *err);
int wandb_record(const unsigned char *p, size_t len, struct out *o, struct lc_err *err);

/* One JSON object as a row: see json.c. 1 a step, 0 another object, -1 malformed. */
int json_object_row(struct out *o, const char *text, size_t len, struct lc_err *err);

/* A name before an object's own names, "train/" or empty, and how deep it is nested. */
struct lc_scan;
int json_members(struct out *o, struct lc_scan *s, const char *prefix, size_t prefix_len,
		 int depth);

#endif
