/*
 * stat: running and robust statistics, and the distributions that intervals need.
 *
 * Normal quantile: Wichura, "Algorithm AS 241", Applied Statistics 37 (1988), PPND16, relative
 * error about 1e-16. Student: the regularised incomplete beta function by its continued fraction
 * (Abramowitz and Stegun 26.5.8, modified Lentz), inverted by Newton's method.
 */
#include "stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

void lc_moments_add(struct lc_moments *s, double x)
{
	double d = x - s->mean;

	s->n += 1;
	s->mean += d / s->n;
	s->m2 += d * (x - s->mean);
}

double lc_moments_var(const struct lc_moments *s)
{
	return s->n < 2 ? 0 : s->m2 / (s->n - 1);
}

void lc_window_init(struct lc_window *w, int cap)
{
	memset(w, 0, sizeof(*w));
	w->cap = cap < 1 ? 1 : cap;
	w->ring = lc_xalloc((size_t)w->cap, sizeof(double));
	w->sorted = lc_xalloc((size_t)w->cap, sizeof(double));
}

void lc_window_release(struct lc_window *w)
{
	free(w->ring);
	free(w->sorted);
	memset(w, 0, sizeof(*w));
}

/* The first place in sorted[0..n) whose value is not below x. */
static int lower_bound(const double *sorted, int n, double x)
{
	int lo = 0;

	while (n > 0) {
		int half = n / 2;

		if (sorted[lo + half] < x) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return lo;
}

void lc_window_push(struct lc_window *w, double x)
{
	int i;

	if (w->n == w->cap) {
		i = lower_bound(w->sorted, w->n, w->ring[w->at]);
		w->n--;
		memmove(w->sorted + i, w->sorted + i + 1, (size_t)(w->n - i) * sizeof(double));
	}
	i = lower_bound(w->sorted, w->n, x);
	memmove(w->sorted + i + 1, w->sorted + i, (size_t)(w->n - i) * sizeof(double));
	w->sorted[i] = x;
	w->n++;
	w->ring[w->at] = x;
	w->at = w->at + 1 == w->cap ? 0 : w->at + 1;
}

double lc_window_quantile(const struct lc_window *w, double p)
{
	double at, below;
	int i;

	if (w->n == 0)
		return NAN;
	at = fmin(fmax(p, 0), 1) * (w->n - 1);
	below = floor(at);
	i = (int)below;
	if (i + 1 >= w->n || at == below)
		return w->sorted[i];
	return w->sorted[i] + (at - below) * (w->sorted[i + 1] - w->sorted[i]);
}

/*
 * The k-th smallest (from 0) distance to med. Left of med the distances rise as we go down, right
 * of it as we go up: two sorted lists, merged by bisection on how many are taken from the left.
 */
static double kth_distance(const struct lc_window *w, double med, int split, int k)
{
	int lo = k + 1 - (w->n - split), hi = k + 1;
	double a = -INFINITY, b = -INFINITY;

	if (lo < 0)
		lo = 0;
	if (hi > split)
		hi = split;
	while (lo < hi) {
		int left = (lo + hi + 1) / 2, right = k + 1 - left;

		/* Taking `left` is too many when the next on the right is nearer than the last
		 * taken. */
		if (split + right < w->n &&
		    w->sorted[split + right] - med < med - w->sorted[split - left])
			hi = left - 1;
		else
			lo = left;
	}
	if (lo > 0)
		a = med - w->sorted[split - lo];
	if (k + 1 - lo > 0)
		b = w->sorted[split + k - lo] - med;
	return fmax(a, b);
}

double lc_window_mad(const struct lc_window *w)
{
	double med, mad;
	int split, k = (w->n - 1) / 2;

	if (w->n == 0)
		return NAN;
	med = lc_window_quantile(w, 0.5);
	split = lower_bound(w->sorted, w->n, med);
	mad = kth_distance(w, med, split, k);
	if (w->n % 2 == 0)
		mad = (mad + kth_distance(w, med, split, k + 1)) / 2;
	return 1.4826 * mad;
}

/* Hoare's selection: afterwards x[k] is the k-th smallest, nothing before it is above, nothing
 * after below. */
static void select_kth(double *x, size_t n, size_t k)
{
	size_t lo = 0, hi = n - 1;

	while (lo < hi) {
		double pivot = x[lo + (hi - lo) / 2];
		size_t i = lo, j = hi;

		for (;;) {
			while (x[i] < pivot)
				i++;
			while (x[j] > pivot)
				j--;
			if (i >= j)
				break;
			double t = x[i];

			x[i++] = x[j];
			x[j--] = t;
		}
		/* Everything up to j is <= pivot, everything after is >= pivot. */
		if (i == j && k == j)
			return;
		if (k <= j)
			hi = i == j ? j - 1 : j;
		else
			lo = j + 1;
	}
}

double lc_quantile(double *x, size_t n, double p)
{
	double at, below, next;
	size_t k;

	if (n == 0)
		return NAN;
	at = fmin(fmax(p, 0), 1) * (double)(n - 1);
	below = floor(at);
	k = (size_t)below;
	select_kth(x, n, k);
	if (k + 1 >= n || at == below)
		return x[k];
	next = x[k + 1];
	for (size_t i = k + 2; i < n; i++)
		next = fmin(next, x[i]);
	return x[k] + (at - below) * (next - x[k]);
}

double lc_median(double *x, size_t n)
{
	return lc_quantile(x, n, 0.5);
}

double lc_normal_cdf(double z)
{
	return 0.5 * erfc(-z * M_SQRT1_2);
}

/* c[0] + c[1] x + ... + c[7] x^7 */
static double poly7(const double c[8], double x)
{
	double y = c[7];

	for (int i = 6; i >= 0; i--)
		y = y * x + c[i];
	return y;
}

double lc_normal_quantile(double p)
{
	/* AS 241: the centre, the tail, the far tail; numerators and denominators. */
	static const double a[8] = {3.3871328727963666080e0, 1.3314166789178437745e2,
				    1.9715909503065514427e3, 1.3731693765509461125e4,
				    4.5921953931549871457e4, 6.7265770927008700853e4,
				    3.3430575583588128105e4, 2.5090809287301226727e3};
	static const double b[8] = {1.0,
				    4.2313330701600911252e1,
				    6.8718700749205790830e2,
				    5.3941960214247511077e3,
				    2.1213794301586595867e4,
				    3.9307895800092710610e4,
				    2.8729085735721942674e4,
				    5.2264952788528545610e3};
	static const double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
				    5.76949722146069140550e0,  3.64784832476320460504e0,
				    1.27045825245236838258e0,  2.41780725177450611770e-1,
				    2.27238449892691845833e-2, 7.74545014278341407640e-4};
	static const double d[8] = {1.0,
				    2.05319162663775882187e0,
				    1.67638483018380384940e0,
				    6.89767334985100004550e-1,
				    1.48103976427480074590e-1,
				    1.51986665636164571966e-2,
				    5.47593808499534494600e-4,
				    1.05075007164441684324e-9};
	static const double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
				    1.78482653991729133580e0,  2.96560571828504891230e-1,
				    2.65321895265761230930e-2, 1.24266094738807843860e-3,
				    2.71155556874348757815e-5, 2.01033439929228813265e-7};
	static const double f[8] = {1.0,
				    5.99832206555887937690e-1,
				    1.36929880922735805310e-1,
				    1.48753612908506148525e-2,
				    7.86869131145613259100e-4,
				    1.84631831751005468180e-5,
				    1.42151175831644588870e-7,
				    2.04426310338993978564e-15};
	double q = p - 0.5, r, z;

	if (!(p > 0 && p < 1))
		return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
	if (fabs(q) <= 0.425) {
		r = 0.180625 - q * q;
		return q * poly7(a, r) / poly7(b, r);
	}
	r = sqrt(-log(q < 0 ? p : 1 - p));
	z = r <= 5 ? poly7(c, r - 1.6) / poly7(d, r - 1.6) : poly7(e, r - 5) / poly7(f, r - 5);
	return q < 0 ? -z : z;
}

/* log of Gamma(a + 1/2) / Gamma(a); the series (A&S 6.1.47) where lgamma would cancel. */
static double log_gamma_ratio(double a)
{
	if (a < 1000)
		return lgamma(a + 0.5) - lgamma(a);
	return 0.5 * log(a) - 1 / (8 * a) + 1 / (192 * a * a * a);
}

/* The continued fraction of the incomplete beta function; converges fast for x < (a+1)/(a+b+2). */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1), h;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	h = d;
	for (int m = 1; m < 100000; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));

		for (int i = 0; i < 2; i++) {
			double k = i ? odd : even;

			d = 1 + k * d;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = 1 + k / c;
			c = fabs(c) < tiny ? tiny : c;
			h *= d * c;
		}
		if (fabs(d * c - 1) < 1e-16)
			break;
	}
	return h;
}

/* P(T > t) and P(0 < T < t) of Student's t with df degrees of freedom, t >= 0, each without
 * cancellation. */
static void student_parts(double t, double df, double *tail, double *centre)
{
	double a = df / 2, q = t / sqrt(df), x = 1 / (1 + q * q), y = q * q * x;
	/* x^a y^(1/2) / B(a, 1/2); x^a through log1p, since x is near 1 when df is large */
	double front = exp(log_gamma_ratio(a) - 0.5 * log(M_PI) - a * log1p(q * q)) * q * sqrt(x);

	if (t == 0 || x > (a + 1) / (a + 2.5)) {
		*centre = 0.5 * front * beta_fraction(0.5, a, y) / 0.5;
		*tail = 0.5 - *centre;
	} else {
		*tail = 0.5 * front * beta_fraction(a, 0.5, x) / a;
		*centre = 0.5 - *tail;
	}
}

/* Above this many degrees of freedom one term of Cornish-Fisher is exact to 1e-13. */
#define STUDENT_NORMAL 1e7

double lc_student_cdf(double t, double df)
{
	double tail, centre;

	if (isnan(t) || !(df > 0))
		return NAN;
	if (isinf(t))
		return t > 0;
	if (df > STUDENT_NORMAL) {
		if (fabs(t) > 50)
			return t > 0;
		return lc_normal_cdf(t - t * (t * t + 1) / (4 * df));
	}
	student_parts(fabs(t), df, &tail, &centre);
	if (t < 0)
		return tail;
	return 0.5 + centre;
}

double lc_student_quantile(double p, double df)
{
	double q = p - 0.5, small = q < 0 ? p : 1 - p, z = lc_normal_quantile(p), log_peak, t, tail,
	       centre;

	if (!(df > 0) || !(p > 0 && p < 1) || q == 0)
		return df > 0 ? z : NAN;
	if (df > STUDENT_NORMAL)
		return z + z * (z * z + 1) / (4 * df);
	log_peak = log_gamma_ratio(df / 2) - 0.5 * log(M_PI * df);
	/*
	 * Near the centre, on P(0 < T < t), concave in t, from the left; in the tail on the
	 * logarithm of P(T > t), concave in log t: from either start Newton cannot overshoot twice.
	 */
	t = fabs(q) < 0.25 ? fabs(q) / exp(log_peak) : fabs(z);
	for (int i = 0; i < 200; i++) {
		double density = exp(log_peak - (df + 1) / 2 * log1p(t / df * t)), was = t;

		student_parts(t, df, &tail, &centre);
		if (fabs(q) < 0.25)
			t += (fabs(q) - centre) / density;
		else
			t *= exp(log(tail / small) * tail / (t * density));
		if (fabs(t - was) <= 1e-15 * t || !isfinite(t))
			break;
	}
	return q < 0 ? -t : t;
}
