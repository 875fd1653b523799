/* differ: what the parts of diff share. */
#ifndef LC_SNAP_DIFFER_H
#define LC_SNAP_DIFFER_H

#include "apart.h"
#include "file.h"
#include "snap.h"

struct side { /* a snapshot, or a directory */
	struct lc_store *st;
	struct lc_snapshot snap; /* of a directory, its entries alone */
	int on_disk;
	struct tree tree; /* of a directory */
};

struct differ {
	const struct opts *o;
	struct lc_pool *pool;
	struct side side[2]; /* before, after */
	uint64_t done, total;
	size_t files, tensors; /* that differ */
	int found;	       /* anything that differs, modes too */
	int headed;	       /* the table has its head */
};

/* differ_file.c: one of two files that are compared. */
struct half {
	const struct lc_entry *e;
	char *path; /* on disk, and open at fd; else stored */
	int fd;
	struct lc_stored f;
	struct lc_spans spans;
	struct lc_err *err;
};
int half_open(struct half *h, const struct side *s, size_t i, struct lc_pool *pool,
	      struct lc_err *err);
int half_read(struct half *h, void *buf, size_t len, uint64_t at, struct lc_err *err);
void half_release(struct half *h);

/* What became of a tensor. */
struct fate {
	const struct lc_span *a, *b; /* NULL: not there; borrowed of the halves */
	struct lc_apart apart;	     /* of those that are in both, and of one type and shape */
};

/* What became of a file. */
struct file_fate {
	struct half half[2];
	struct fate *t; /* tensors that differ, in the order of the file before, then new ones */
	size_t n;
	struct lc_apart rest; /* of bytes that are in no tensor */
	uint64_t longer;      /* by how many of those one has more than the other */
	uint64_t bytes;	      /* that differ, in all */
};

/* Entries i and j are files, not known to be equal. */
int file_fate_find(struct differ *d, size_t i, size_t j, struct file_fate *f, struct lc_err *err);
void file_fate_release(struct file_fate *f);

/* differ_show.c: one line, or one record; of a and b one may be NULL. */
int show_entry(struct differ *d, const char *change, const struct lc_entry *a,
	       const struct lc_entry *b, uint64_t bytes, struct lc_err *err);
int show_file(struct differ *d, struct file_fate *f, struct lc_err *err);

#endif
