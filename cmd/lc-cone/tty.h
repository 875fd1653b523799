/*
 * tty: the run and its forks in the characters of a terminal, once or as a live board.
 */
#ifndef LC_TTY_H
#define LC_TTY_H

#include "cone.h"

struct tty {
	int columns, rows, colour;
};

enum ink { INK_PLAIN, INK_FAINT, INK_BRANCH, INK_CHOSEN, INK_ALERT };
const char *ink_on(const struct tty *t, enum ink ink); /* "" without colours */
const char *ink_off(const struct tty *t);

/* tty_draw.c: the loss with its branches and alerts, the index below; height in lines. */
void tty_draw(FILE *f, const struct cone *c, const struct tty *t, int height);

/* tty.c: the whole, once. */
void tty_write(FILE *f, const struct cone *c, const struct tty *t);

#define TTY_WIDE 90   /* columns from which on a row has its role and its gain */
#define TTY_NARROW 60 /* below it nothing of what is done, nor of its lead */

/* tty_row.c: a branch and where it stands in one line; best: of what runs it is the best so far. */
void tty_row(FILE *f, const struct fork *k, const struct branch *b, const struct tty *t, int best);
double branch_progress(const struct branch *b); /* 0 to 1; NaN: not known */
/* Below what doing nothing has at the same step; NaN: not known. */
double branch_lead(const struct fork *k, const struct branch *b);
const struct branch *fork_best(const struct fork *k); /* the furthest ahead so far, or NULL */
/* s as a terminal can show it: control characters gone, at most `columns` of them. The caller's. */
char *tty_text(const char *s, int columns);

/* board.c: the newest fork, in no more lines than there are. */
void board_write(FILE *f, const struct cone *c, const struct tty *t);
/* What has changed since it was told last, a line each: for pipes. */
void board_news(FILE *f, struct cone *c);

/* screen.c: a terminal that is given back as it was, whatever ends us. */
int screen_can(void);				/* is there one that can be drawn upon? */
void screen_open(void);				/* an empty one beside what was there */
void screen_close(void);			/* no-op when it is closed */
void screen_show(const char *text, size_t len); /* in place of what is shown, without a flicker */
/* Wait so long, or until a key or a signal: 1 when it is time to end. */
int screen_wait(int ms);
void screen_size(struct tty *t); /* COLUMNS where there is no terminal */

#endif
