/*
 * pickle: a Python pickle read as data. Nothing is imported, called or executed.
 *
 * A stack machine that knows the opcodes of protocols 0 to 5 builds values: numbers, texts, tuples,
 * lists, dicts, and the names of what Python would import or call. A call is kept as what it is:
 * the name of the callable, its arguments, and what is put into the result later. Only a few
 * containers (OrderedDict, torch.Size...) become what they stand for. See Python's
 * Lib/pickletools.py for the opcodes.
 *
 * Hostile input costs at most LC_PICKLE_VALUES values of 24 bytes and as many times two cells;
 * more is an error. Values may be shared and may hold themselves: who walks them keeps count.
 */
#ifndef LC_PICKLE_H
#define LC_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#define LC_PICKLE_VALUES (1u << 21)

enum lc_pickle_kind {
	LC_PK_UNKNOWN, /* also what is no value: number 0 */
	LC_PK_NONE,
	LC_PK_BOOL,
	LC_PK_INT, /* of at most 64 bits; longer ones are unknown */
	LC_PK_FLOAT,
	LC_PK_TEXT,   /* also bytes: as they are in the pickle, not terminated */
	LC_PK_TUPLE,  /* items */
	LC_PK_LIST,   /* items; also of a set */
	LC_PK_DICT,   /* items: a key, its value, and so on */
	LC_PK_GLOBAL, /* items: the texts of a module and of a name in it */
	LC_PK_SAVED,  /* one item: the persistent id of what is kept outside of the pickle */
	LC_PK_OBJECT, /* items: a callable, its arguments, then keys and values; what has no key, a
			 state or an item of a list, has 0 for one */
};

struct lc_pickle_value {
	uint8_t kind;
	uint32_t head, tail; /* cells of the items; 0: none */
	union {
		int64_t i;
		double f;
		struct {
			uint32_t at, len; /* of text, in the pickle */
		} text;
	} u;
};

struct lc_pickle {
	const unsigned char *buf;
	struct lc_pickle_value *v; /* v[0] is unknown */
	struct {
		uint32_t value, next;
	} * cell;
	uint32_t n, cells, root;
};

/* 0 when buf holds a whole pickle, which is then read; it is used until release. Else -1. */
int lc_pickle_read(struct lc_pickle *p, const void *buf, size_t len);
void lc_pickle_release(struct lc_pickle *p); /* also after -1 */

/* Item i of value v, or 0. */
uint32_t lc_pickle_item(const struct lc_pickle *p, uint32_t v, uint32_t i);
/* The value of a key of a dict, or 0. */
uint32_t lc_pickle_get(const struct lc_pickle *p, uint32_t v, const char *key);
/* Is v that text; is it module.name? */
int lc_pickle_is(const struct lc_pickle *p, uint32_t v, const char *text);
int lc_pickle_global(const struct lc_pickle *p, uint32_t v, const char *module, const char *name);
/* An int, a float or a bool as a number: 0; -1: it is none. */
int lc_pickle_number(const struct lc_pickle *p, uint32_t v, double *x);

#endif
