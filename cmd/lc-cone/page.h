/*
 * page: the whole as one HTML file that needs nothing else, and loads nothing.
 */
#ifndef LC_PAGE_H
#define LC_PAGE_H

#include "cone.h"

int page_write(FILE *f, const struct cone *c, const char *title, struct lc_err *err);

/* page_fork.c: a fork's pictures, its table, its decision in words. */
void page_fork(FILE *f, const struct cone *c, const struct fork *k);

/* png.c: the picture of the run alone, through rsvg-convert or gnuplot. */
int png_write(const struct cone *c, const char *path, struct lc_err *err);

#endif
