/* snap: what the verbs of lc-snap share. */
#ifndef LC_SNAP_H
#define LC_SNAP_H

#include <jansson.h>
#include <sys/stat.h>

#include "codec_fit.h"
#include "store.h"

struct opts {
	const char *store, *run;
	long step, before, since; /* -1: not given */
	struct lc_manifest tags;  /* only its tags */
	int json, quiet, read_only;
	/* export, import, push, pull */
	const char *out, *format;
	uint64_t max_size; /* 0: not given */
	int any_link, plain, all, dry_run, verify;
	unsigned require; /* roles; 0: any state will do */
	int part, parts;  /* of a state that many ranks save; parts 0: the state is whole */
	double parts_age; /* gc: seconds; < 0: parts stay */
	const char *group;
	int move, detach, retry, drop;
	int partial, keep_damaged; /* of restore */
	const char *tensor;	   /* of cat, as are the next three */
	int npy, f32, list;
	int no_wait, ignore_damaged, no_recode;
	long keep_last, keep_every; /* of prune, as are the next six; 0: not given */
	int keep_log2, drop_parents;
	const char **keep, **keep_tags;
	size_t nkeep, nkeep_tags;
	double grace; /* of gc, in seconds */
};

/* main.c holds the table of verbs. */
struct verb {
	const char *name;
	int (*run)(const struct opts *o, int argc, char **argv);
	const char *takes; /* its options, by their long names, with blanks between */
	const char *operands, *about;
};

/* options.c: fills o; the index of the first operand. Answers --help and --version itself. */
int options_parse(struct opts *o, const struct verb *verb, int argc, char **argv);

/* Each verb gets what is left of the command line after its options, and gives the exit status. */
int verb_save(const struct opts *o, int argc, char **argv);
int verb_wait(const struct opts *o, int argc, char **argv);
int verb_fork(const struct opts *o, int argc, char **argv);
int verb_restore(const struct opts *o, int argc, char **argv);
int verb_list(const struct opts *o, int argc, char **argv);
int verb_show(const struct opts *o, int argc, char **argv);
int verb_verify(const struct opts *o, int argc, char **argv);
int verb_init(const struct opts *o, int argc, char **argv);
int verb_cat(const struct opts *o, int argc, char **argv);
int verb_diff(const struct opts *o, int argc, char **argv);
int verb_export(const struct opts *o, int argc, char **argv);
int verb_push(const struct opts *o, int argc, char **argv);
int verb_pull(const struct opts *o, int argc, char **argv);
int verb_import(const struct opts *o, int argc, char **argv);
int verb_prune(const struct opts *o, int argc, char **argv);
int verb_gc(const struct opts *o, int argc, char **argv);

/* pick.c: a store that must be there, to add to. */
struct lc_store *snap_store_writable(const struct opts *o, struct lc_err *err);

/* The snapshots of a store, oldest first, that have the run and the tags asked for. */
struct snap_list {
	struct lc_snapshot *s;
	size_t n;
	size_t bad;	   /* damaged ones, left out */
	struct lc_err why; /* of the first of them */
};
int snap_list_load(const struct lc_store *st, const struct opts *o, struct snap_list *list,
		   struct lc_err *err);
void snap_list_release(struct snap_list *list);

/* The newest at or before step; NULL: none. */
const struct lc_snapshot *snap_before(const struct snap_list *list, long step);

/* Has it the run and the tags asked for? */
int snap_wanted(const struct lc_manifest *m, const struct opts *o);

/*
 * The snapshot that word means: the digits of an id, or [RUN@]latest, [RUN]@STEP, [RUN]@<=STEP;
 * with word NULL, what --step or --before says. For an id no other snapshot is read. *s is the
 * caller's, empty on failure.
 */
int snap_pick(const struct lc_store *st, const char *word, const struct opts *o,
	      struct lc_snapshot *s, struct lc_err *err);

/* tree.c: the files of a checkpoint, before they are read. */
struct tree {
	char *root; /* a directory, or the one file */
	int single;
	struct lc_manifest *m; /* entries without chunks; the caller's */
	struct stat *st;       /* of each entry, to see that nothing changed */
};
int tree_walk(struct tree *t, const char *path, const char *store, struct lc_manifest *m,
	      struct lc_err *err);
int tree_recheck(const struct tree *t, struct lc_err *err); /* LC_DATA when anything has changed */
char *tree_path(const struct tree *t, size_t i);	    /* where entry i lies; the caller's */
/* Of state.json, the Trainer, the name; or -1. *why is filled when a file that should say it is no
 * JSON. */
long tree_step(const struct tree *t, struct lc_err *why);
char *tree_run(const struct tree *t);			   /* of state.json, or NULL */
void tree_hyper(const struct tree *t, struct lc_hyper *h); /* of state.json; 0 where it is silent */
void tree_release(struct tree *t);

/* unpack.c: writes a snapshot's tree into dir, which is there and empty. */
int unpack_tree(const struct opts *o, struct lc_store *st, const struct lc_manifest *m,
		const char *dir, json_t *lost, struct lc_err *err);

/* base.c: an older snapshot to predict one of m's run, step and tags from. 1 when there is one. */
int base_find(const struct lc_store *st, const struct lc_manifest *m, struct lc_snapshot *base);

/* record.c */
json_t *snap_record(const struct lc_snapshot *s);	    /* DESIGN section 4; new reference */
void snap_time(const struct lc_snapshot *s, char text[32]); /* 2026-11-21T21:50:00Z */
char *snap_words(const json_t *names); /* "weights,rng", "-" when empty; the caller's */
char *snap_roles(unsigned roles);      /* the same */

/* parts.c: n parts of one state, of which others are missing. */
struct lc_shard;
char *parts_words(const struct lc_shard *p, size_t n);	  /* "parts 1,3 of 4 are in; missing 0,2" */
json_t *parts_record(const struct lc_shard *p, size_t n); /* new reference */

/* progress.c: bytes done of all, on a terminal only. total 0 ends the line. */
void progress(const struct opts *o, uint64_t done, uint64_t total);

#endif
