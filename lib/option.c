/* option: see option.h. */
#include "option.h"

#include <errno.h>
#include <stdlib.h>

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
