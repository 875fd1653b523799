/* lc-proxy eval: how well a known branch would have been forecast from its parent's past alone. */
#include "proxy.h"

int cmd_eval(const struct options *o)
{
	(void)o;
	return LC_OK;
}
