/* gelu: see gelu.h. */
#include "gelu.h"

#include "vec.h"

#define TWO_A 1.5957691216f /* 2 sqrt(2/pi) */
#define B 0.044715f

static inline lc_vec forward(lc_vec x)
{
	return x / (1.0f + lc_exp(-TWO_A * x * (1.0f + B * x * x)));
}

/* With s = 1/(1 + e^-2u), y = x s: y' = s + x s (1 - s) 2u'. */
static inline lc_vec slope(lc_vec x)
{
	lc_vec s = 1.0f / (1.0f + lc_exp(-TWO_A * x * (1.0f + B * x * x)));

	return s + x * s * (1.0f - s) * TWO_A * (1.0f + 3.0f * B * x * x);
}

void lc_gelu_cpu(float *y, const float *x, size_t n)
{
	size_t i = 0;

	for (; i + LC_LANES <= n; i += LC_LANES)
		lc_store(y + i, forward(lc_load(x + i)));
	if (i < n)
		lc_store_some(y + i, (int)(n - i), forward(lc_load_some(x + i, (int)(n - i), 0)));
}

void lc_gelu_back_cpu(float *dx, const float *dy, const float *x, size_t n)
{
	size_t i = 0;

	for (; i + LC_LANES <= n; i += LC_LANES)
		lc_store(dx + i, lc_load(dy + i) * slope(lc_load(x + i)));
	if (i < n)
		lc_store_some(dx + i, (int)(n - i),
			      lc_load_some(dy + i, (int)(n - i), 0) *
				      slope(lc_load_some(x + i, (int)(n - i), 0)));
}
#undef B
