/*
 * num: decimal text to the nearest double and back, without allocation or locale.
 */
#ifndef LC_NUM_H
#define LC_NUM_H

#include <stddef.h>

/*
 * Read the number at the start of (s, len): digits with an optional sign, point and exponent, or
 * nan, inf, infinity in any case, signed or not. Returns how many bytes it took, 0 when there is no
 * number. The result is correctly rounded, as strtod's.
 */
size_t lc_num_parse(const char *s, size_t len, double *x);

/* What printf's %.6g prints, some ten times as fast. Returns the length; no NUL is written. */
#define LC_NUM_6_LEN 16
size_t lc_num_6(char buf[LC_NUM_6_LEN], double x);

#endif
