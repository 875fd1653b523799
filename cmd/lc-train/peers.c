/* peers: see peers.h. */
#include "peers.h"

#include <math.h>
#include <string.h>

#include "json.h"

#define ALPHA 0.97
#define Z_MAX 2.5
#define EPS 1e-6

static void mean_var(const double *x, long n, long freedom, double *mean, double *var)
{
	double sum = 0, dev = 0;

	for (long i = 0; i < n; i++)
		sum += x[i];
	*mean = sum / (double)n;
	for (long i = 0; i < n; i++)
		dev += (x[i] - *mean) * (x[i] - *mean);
	*var = dev / (double)freedom;
}

double peers_zclip(struct peers *p, double norm, double clip)
{
	double cut = 0, seen = norm, z;

	if (!isfinite(norm))
		return clip;
	if (p->norms < ZCLIP_WARMUP) {
		p->first[p->norms++] = norm;
		if (p->norms == ZCLIP_WARMUP)
			mean_var(p->first, ZCLIP_WARMUP, ZCLIP_WARMUP, &p->mean, &p->var);
	} else {
		z = (norm - p->mean) / (sqrt(p->var) + EPS);
		if (z > Z_MAX)
			seen = cut = p->mean + Z_MAX * sqrt(p->var) / (z / Z_MAX);
		p->mean = ALPHA * p->mean + (1 - ALPHA) * seen;
		p->var = ALPHA * p->var + (1 - ALPHA) * (seen - p->mean) * (seen - p->mean);
	}
	return cut > 0 && (clip == 0 || cut < clip) ? cut : clip;
}

static int far_out(const double *window, long n, double x, double sigma)
{
	double mean, var;

	mean_var(window, n, n - 1, &mean, &var);
	return !(fabs(x - mean) / sqrt(var) <= sigma);
}

int peers_skips(struct peers *p, double sigma, double loss, double norm)
{
	long n = p->steps < SKIP_WINDOW ? p->steps : SKIP_WINDOW, at = p->steps % SKIP_WINDOW;
	int skips;

	if (!isfinite(loss) || !isfinite(norm))
		return 1;
	skips = n >= SKIP_FROM &&
		(far_out(p->loss, n, loss, sigma) || far_out(p->norm, n, norm, sigma));
	p->loss[at] = loss;
	p->norm[at] = norm;
	p->steps++;
	return skips;
}

static json_t *numbers(const double *x, long n)
{
	json_t *a = json_array();

	for (long i = 0; i < n; i++)
		json_array_append_new(a, lc_json_num(x[i]));
	return a;
}

static int read_numbers(double *x, long n, const json_t *a)
{
	if ((long)json_array_size(a) != n)
		return -1;
	for (long i = 0; i < n; i++)
		if (lc_json_to_num(json_array_get(a, (size_t)i), &x[i]) < 0 || !isfinite(x[i]))
			return -1;
	return 0;
}

static long held(long steps)
{
	return steps < SKIP_WINDOW ? steps : SKIP_WINDOW;
}

json_t *peers_to_json(const struct peers *p)
{
	json_t *v = p->norms || p->steps ? json_object() : NULL;

	if (p->norms)
		json_object_set_new(v, "zclip",
				    json_pack("{s:o,s:o,s:o}", "first", numbers(p->first, p->norms),
					      "mean", lc_json_num(p->mean), "var",
					      lc_json_num(p->var)));
	if (p->steps)
		json_object_set_new(v, "skip_sigma",
				    json_pack("{s:I,s:o,s:o}", "steps", (json_int_t)p->steps,
					      "loss", numbers(p->loss, held(p->steps)), "norm",
					      numbers(p->norm, held(p->steps))));
	return v;
}

int peers_from_json(struct peers *p, const json_t *v, const char *what, struct lc_err *err)
{
	const json_t *z = json_object_get(v, "zclip"), *s = json_object_get(v, "skip_sigma");
	const json_t *first = json_object_get(z, "first");

	memset(p, 0, sizeof(*p));
	if (z) {
		p->norms = (long)json_array_size(first);
		if (p->norms > ZCLIP_WARMUP || read_numbers(p->first, p->norms, first) < 0 ||
		    lc_json_to_num(json_object_get(z, "mean"), &p->mean) < 0 ||
		    lc_json_to_num(json_object_get(z, "var"), &p->var) < 0 || !isfinite(p->mean) ||
		    !(p->var >= 0 && isfinite(p->var)))
			return lc_fail(err, LC_DATA, "%s: zclip cannot be read", what);
	}
	if (s) {
		p->steps = lc_json_get_int(s, "steps", -1);
		if (p->steps < 0 ||
		    read_numbers(p->loss, held(p->steps), json_object_get(s, "loss")) < 0 ||
		    read_numbers(p->norm, held(p->steps), json_object_get(s, "norm")) < 0)
			return lc_fail(err, LC_DATA, "%s: skip_sigma cannot be read", what);
	}
	return 0;
}
