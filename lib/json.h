/*
 * json: what jansson does not do for us: numbers that print as the shortest text that reads back
 * the same, non-finite numbers as the strings "nan", "inf" and "-inf", and forgiving look-ups.
 */
#ifndef LC_JSON_H
#define LC_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "err.h"

/* The shortest decimal that reads back as x (as a double, as a float): "2.3", "3e-04" never
 * "2.2999999999999998". Non-finite numbers come with their quotes: "\"nan\"". */
#define LC_NUM_LEN 32
char *lc_num(char buf[LC_NUM_LEN], double x);
char *lc_num_f32(char buf[LC_NUM_LEN], float x);

/* A json_t (new reference) for x: a real, or the string "nan", "inf" or "-inf". */
json_t *lc_json_num(double x);

/* Read back what lc_json_num wrote, an integer, or a number in a string. 0, or -1 when it is none
 * of these. */
int lc_json_to_num(const json_t *v, double *x);

/* obj[key] as a number / integer / string, or the given default when absent or of another kind; an
 * integer beyond +-2^53 is absent. */
double lc_json_get_num(const json_t *obj, const char *key, double absent);
long lc_json_get_int(const json_t *obj, const char *key, long absent);
const char *lc_json_get_str(const json_t *obj, const char *key, const char *absent);

/* One value as compact strict JSON (keys in their order), without a newline. The string is the
 * caller's. */
char *lc_json_text(const json_t *v);

/* One record: lc_json_text, a newline, and a flush. */
int lc_json_emit(FILE *f, const json_t *v, struct lc_err *err);

/* Parse one JSON text (duplicate keys: the last wins). what names it in errors ("decision.json line
 * 3"). New reference or NULL. */
json_t *lc_json_parse(const char *buf, size_t len, const char *what, struct lc_err *err);
json_t *lc_json_load(const char *path, struct lc_err *err);
int lc_json_save(const char *path, const json_t *v,
		 struct lc_err *err); /* atomic, with a newline */

/*
 * Records of a type: {"type":"alert","v":1,...}. lc_record_is() says whether rec is of that type;
 * a version above max_v is LC_DATA (-1), else 1 or 0.
 */
int lc_record_is(const json_t *rec, const char *type, long max_v, struct lc_err *err);
json_t *lc_record_new(const char *type, long v); /* {"type":type,"v":v} */

#endif
