/*
 * remote: another store, wherever it lies: names with sizes, files that are put whole, and got.
 *
 * A directory; over ssh, with nothing but a POSIX shell there; or whatever rclone reaches. Names
 * are "packs/<64 digits>.pack" and "snapshots/<64 digits>.json", and no others are ever listed,
 * sent or asked for. What comes from there may be anything: whoever gets it checks it.
 */
#ifndef LC_REMOTE_H
#define LC_REMOTE_H

#include <stdint.h>

#include "snap.h"

#define FAR_NAME 80

struct far_file {
	char name[FAR_NAME];
	uint64_t size;
};

struct far_list { /* ascending by name */
	struct far_file *f;
	size_t n;
};
int far_list_add(struct far_list *l, const char *name, uint64_t size); /* -1: no name of a store */
void far_list_sort(struct far_list *l);
const struct far_file *far_list_find(const struct far_list *l, const char *name);
void far_list_release(struct far_list *l);

/* Takes bytes as they come; -1 with err ends it. */
struct sink {
	int (*take)(struct sink *s, const void *buf, size_t len, struct lc_err *err);
	void *ctx;
	uint64_t left; /* more bytes than this are refused */
};

struct remote {
	const struct remote_ops *ops;
	char *what; /* as given, on one line */
	char *host, *port, *path;
	int version;	      /* of the store there; 0: there is none */
	struct lc_store *dir; /* of a directory */
	char *mux;	   /* of ssh: a directory, where its sockets let later commands through */
	int session, hold; /* of ssh: a process that holds the lock there until hold is closed */
	struct far_list first; /* of ssh: what the session said at its start */
	int moves;	       /* of rclone: files can be renamed there */
	const struct opts *o;  /* for progress */
	uint64_t done, total;
};

/* What the caller wants with it: look whether there is one, read one, or write to one, which is
 * made when there is none and brought to this version. */
enum remote_use { REMOTE_LOOK, REMOTE_READ, REMOTE_WRITE };

struct remote_ops {
	int (*open)(struct remote *r, enum remote_use use, struct lc_err *err);
	int (*list)(struct remote *r, struct far_list *l, struct lc_err *err);
	int (*put)(struct remote *r, const char *path, const struct far_file *f,
		   struct lc_err *err);
	int (*get)(struct remote *r, const struct far_file *f, size_t n, struct sink *s,
		   struct lc_err *err);
	int (*tail)(struct remote *r, const struct far_file *f, size_t n, uint64_t most,
		    struct sink *s, struct lc_err *err);
	void (*close)(struct remote *r);
};
extern const struct remote_ops remote_dir, remote_ssh, remote_rclone;

int remote_open(struct remote *r, const struct opts *o, const char *spec, enum remote_use use,
		struct lc_err *err);
void remote_close(struct remote *r);

/* All packs and snapshots that are there. */
int remote_list(struct remote *r, struct far_list *l, struct lc_err *err);

/* The file at path appears there as f, whole. */
int remote_put(struct remote *r, const char *path, const struct far_file *f, struct lc_err *err);

/* The bytes of n files, one after the other, in any order. */
int remote_get(struct remote *r, const struct far_file *f, size_t n, struct sink *s,
	       struct lc_err *err);

/* The last bytes of each, `most` or all of it when it is shorter, in this order. */
int remote_tail(struct remote *r, const struct far_file *f, size_t n, uint64_t most, struct sink *s,
		struct lc_err *err);

/* What was given, without control characters; the caller's. */
char *remote_shown(const char *spec);

/* For the implementations: bytes of the file at work, on a terminal. */
void remote_tick(struct remote *r, uint64_t bytes);
int remote_version(struct remote *r, const char *text, size_t len, struct lc_err *err);
int sink_take(struct sink *s, const void *buf, size_t len, struct lc_err *err);

/*
 * child.c: a program that moves bytes. stdin is `in` (-1: nothing); what it prints goes to s (NULL:
 * nowhere). *status is its exit status when that is below 125 and status is no NULL; else any but 0
 * fails, with its last words. Programs end when this one does.
 */
struct child {
	char *const *argv;
	int in;
	struct sink *s;
	struct remote *r;
	int *status;
};
int child_run(const struct child *c, struct lc_err *err);

/* One that goes on: its pid, with its stdin and stdout in fd. *errs holds its words. */
int child_start(char *const *argv, int in, int fd[2], int *errs, struct lc_err *err);
int child_end(int pid, int errs, const struct remote *r, int *status, struct lc_err *err);

/* The words of a command in the environment, as sh(1) splits them, before those of argv;
 * NULL-ended. The array is the caller's. */
char **child_command(const char *variable, const char *usual, char *const *argv);

#endif
