/* option: see option.h. */
#include "option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

double lc_option_number(const char *arg, const char *opt, double min, double max)
{
	char *end;
	double x = strtod(arg, &end);

	if (!*arg || *end || !(x >= min && x <= max))
		lc_usage("%s %s: wants a number from %g to %g", opt, arg, min, max);
	return x;
}

long lc_option_whole(const char *arg, const char *opt, long min, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(arg, &end, 10);
	if (!*arg || *end || errno || n < min || n > max)
		lc_usage("%s %s: wants a whole number from %ld to %ld", opt, arg, min, max);
	return n;
}

unsigned long long lc_option_bytes(const char *arg, const char *opt)
{
	static const char units[] = "KMGT";
	unsigned long long n;
	const char *unit;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (errno || end == arg || *arg == '-' || n == 0 || n > 1ull << 52 ||
	    (*end && (!unit || end[1])))
		lc_usage("%s %s: not a size", opt, arg);
	for (long i = unit ? unit - units : -1; i >= 0; i--)
		n = n > 1ull << 52 ? n : n * 1024;
	return n;
}
