/*
 * menu: every future a plan may propose, from the simplest change to the most involved.
 */
#ifndef MENU_H
#define MENU_H

#include <jansson.h>

/* The states a future may start from, newest first: [0] is the present (damaged) one. */
struct origin {
	const char *snapshot;
	long step;
};

struct menu {
	const char *kind; /* of the alert, or "none": what comes first depends on it */
	const struct origin *origins;
	int norigins;
	long onset, alert; /* steps, from the alert */
	long horizon;	   /* steps to run: a warm-up has to be over by half of it */
	int everything;	   /* also what is left out unless asked for */
	int lasting;	   /* no null branch runs: only what the law can judge */
	double scale;	   /* lr_scale in force: to which side it was changed before */
};

struct dish {
	int origin;	  /* index into origins */
	json_t *actions;  /* owned by the dish */
	const char *kind; /* temporary, restorative or persistent */
	double cost;	  /* how involved: 0 changes nothing */
};

/* temporary: an lr that comes back by itself; persistent: what goes on working; else restorative.
 */
const char *menu_kind(const json_t *actions);

/* All dishes but {} from the present, by cost. *n tells how many; free with menu_release. */
struct dish *menu_make(const struct menu *m, int *n);
void menu_release(struct dish *d, int n);

#endif
