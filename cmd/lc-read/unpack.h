/*
 * unpack: zstd and gzip, streaming; several members or frames one after the other are one stream.
 */
#ifndef LC_READ_UNPACK_H
#define LC_READ_UNPACK_H

#include <stddef.h>

#define UNPACK_MAGIC 4 /* how many bytes tell */

struct unpack;

/* May a stream that begins so be a compressed one? */
int unpack_maybe(const char *first, size_t n);

/* For a stream that begins with these n bytes, which are its first input. */
struct unpack *unpack_open(const char *first, size_t n);
void unpack_close(struct unpack *u);

/* Unpacked bytes to (buf, cap), *made of them; 0 of them: more input is needed. -1: it is damaged.
 */
int unpack_run(struct unpack *u, char *buf, size_t cap, size_t *made);

char *unpack_input(struct unpack *u,
		   size_t *room);	     /* where input goes, when all of it is used up */
void unpack_got(struct unpack *u, size_t n); /* n bytes went there */

int unpack_is_plain(
	const struct unpack *u); /* not compressed: after the first bytes, read past it */
int unpack_is_inside(const struct unpack *u); /* an end here is a broken-off one */

#endif
