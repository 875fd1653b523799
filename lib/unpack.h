/*
 * unpack: an archive of somebody else's, into an empty private directory.
 *
 * Tar (plain, gzip, zstd, xz, bzip2) and zip, through libarchive. Hostile ones are refused as a
 * whole, with LC_DATA: names that are absolute or have a part "..", names that come twice, links
 * that lead out, anything below what is no directory, devices, sizes above the limits, archives
 * that end early. What was unpacked until then stays where it is, for the caller to remove.
 */
#ifndef LC_UNPACK_H
#define LC_UNPACK_H

#include <jansson.h>
#include <stdint.h>

#include "err.h"

/*
 * The member, last of an archive of `lc-snap export`, that says what it is:
 * {"type":"archive","v":1,"id","run","step","tags":{},"mode":"0755","files":{PATH:SHA-256}}; mode
 * is that of the root, absent when the snapshot is a single file. It is no part of the tree.
 */
#define LC_NOTES ".lightcone.json"

#define LC_UNPACK_MEMBERS (1L << 20) /* more are refused */
#define LC_UNPACK_SIZE ((uint64_t)1 << 40)
#define LC_UNPACK_RATIO 200 /* times the archive's own bytes, beyond the first 256 MiB */

struct lc_unpack {
	const char *dir;   /* empty, and nobody else's; gets its mode at the end */
	uint64_t max_size; /* bytes of all files; 0: LC_UNPACK_SIZE and LC_UNPACK_RATIO */
	int any_link;	   /* links may lead out */
	int plain;	   /* LC_NOTES is a file like others */
	void (*progress)(void *ctx, uint64_t done); /* bytes of the archive; or NULL */
	void *ctx;
	/* results; release them with lc_unpack_release */
	json_t *notes; /* checked against the files; NULL: there are none */
	char *single;  /* the one file that the archive holds, when it holds no directory */
};

/* Read the archive at fd, from where it stands to its end. */
int lc_unpack(struct lc_unpack *u, int fd, struct lc_err *err);
void lc_unpack_release(struct lc_unpack *u);

#endif
