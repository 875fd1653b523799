/*
 * options: the words of the command line, and where each one goes.
 */
#ifndef LC_TRAIN_OPTIONS_H
#define LC_TRAIN_OPTIONS_H

#include <stddef.h>

#include "plan.h"

enum option_kind { INT, LONG, SEED, REAL, CHOICE, TEXT, FLAG, FAULT, ACTION };

struct option {
	const char *name;
	enum option_kind kind;
	size_t at;   /* in struct plan or struct job */
	int in_plan; /* 2: and may begin at a resume */
	const char *arg, *help;
};

extern const struct option options[];
extern const size_t options_count; /* at most 64: struct job.given has a bit for each */

#endif
