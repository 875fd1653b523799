/*
 * codec_adam: AdamW's own rule as a prediction: its factors from a sample, by least squares.
 *
 * A state one update later follows from the one before but for rounding, if beta1, beta2, the rate,
 * the decay and eps are known to some seven digits: eps matters where second moments are small.
 */
#include <math.h>
#include <string.h>

#include "codec_fit_impl.h"

#define NEARLY 12.   /* bits: above that, it is not one update, however it is rounded */
#define FINE 0x1p-48 /* the square of a rounding, of a row: no better can be had */
#define ROUGH 1e-2   /* of the squares left over: too many for eps to matter */
#define ENOUGH 1024  /* elements to fit factors to */

double fit_value(const uint32_t *patterns, size_t i)
{
	float f;

	memcpy(&f, &patterns[i], 4);
	return isfinite(f) ? (double)f : 0;
}

/* Solve a x = b by elimination, n at most 3. 0 when there is no solution. */
static int solve(double a[3][3], double b[3], int n)
{
	for (int i = 0; i < n; i++) {
		if (!(fabs(a[i][i]) > 1e-300))
			return 0;
		for (int r = i + 1; r < n; r++) {
			double q = a[r][i] / a[i][i];
			for (int c = i; c < n; c++)
				a[r][c] -= q * a[i][c];
			b[r] -= q * b[i];
		}
	}
	for (int i = n; i-- > 0;) {
		for (int c = i + 1; c < n; c++)
			b[i] -= a[i][c] * b[c];
		b[i] /= a[i][i];
	}
	return isfinite(b[0]) && isfinite(b[1]) && isfinite(b[2]);
}

/* x as so many decimals say it, if that is what it nearly is: hyper-parameters are written by
 * people. */
static double tidy(double x)
{
	double ten = 1;

	for (int digits = 1; digits <= 5; digits++) {
		ten *= 10;
		if (fabs(round(x * ten) / ten - x) < 2e-6)
			return round(x * ten) / ten;
	}
	return x;
}

static size_t every(const struct fit *f)
{
	return f->n > ENOUGH ? f->n / ENOUGH : 1;
}

/* v' = beta2 v + (1 - beta2) g^2, by relative least squares of both factors. */
void fit_adam(struct fit *f, double beta1)
{
	double a[3][3] = {{0}}, b[3] = {0}, beta2;
	float k[4] = {0};

	for (size_t i = 0; i < f->n; i += every(f)) {
		double v = fit_value(f->x, i), v0 = fit_value(f->near[LC_X0], i);
		double g = (fit_value(f->near[LC_M1], i) - beta1 * fit_value(f->near[LC_M0], i)) /
			   (1 - beta1);
		if (!(v > 0))
			continue;
		v0 /= v;
		g = g * g / v;
		a[0][0] += v0 * v0;
		a[0][1] += v0 * g;
		a[1][1] += g * g;
		b[0] += v0;
		b[1] += g;
	}
	a[1][0] = a[0][1];
	if (!solve(a, b, 2) || !(b[0] > .1 && b[0] < 1))
		return;
	beta2 = f->r->hyper.beta2 > 0 && fabs(f->r->hyper.beta2 - b[0]) < 1e-3 ? f->r->hyper.beta2
									       : tidy(b[0]);
	k[0] = (float)(1 - beta1);
	k[1] = (float)((1 - beta2) / ((1 - beta1) * (1 - beta1)));
	k[2] = (float)(1 - beta2);
	if (fit_try(f, LC_PRED_MOVED, LC_MAP_ZIGZAG, k) > NEARLY)
		return;
	k[0] = (float)beta1;
	k[1] = (float)(1 - beta1);
	k[2] = (float)beta2;
	k[3] = (float)(1 - beta2);
	fit_try(f, LC_PRED_ADAM, LC_MAP_ZIGZAG, k);
}

enum third { NO_THIRD, OLD_STEP, EPS };

/* Element i as a row of w' - w = a w + s u + t z, and w' - w: u = m' / (sqrt(v') + eps), and z is u
 * of the older state, or how u changes with eps. But for the older state, where other updates are
 * what is left over, it is rounding, and rows count by how fine that is. */
static void step_row(const struct fit *f, size_t i, double eps, enum third third, double q[4])
{
	double w0 = fit_value(f->near[LC_X0], i), m1 = fit_value(f->near[LC_M1], i);
	double r1 = sqrt(fabs(fit_value(f->near[LC_V1], i))) + eps, r0, weight;

	q[0] = w0;
	q[1] = r1 > 0 ? m1 / r1 : 0;
	q[2] = 0;
	q[3] = fit_value(f->x, i) - w0;
	if (third == OLD_STEP) {
		r0 = sqrt(fabs(fit_value(f->near[LC_V0], i))) + eps;
		q[2] = r0 > 0 ? fit_value(f->near[LC_M0], i) / r0 : 0;
		return;
	}
	if (third == EPS && r1 > 0)
		q[2] = -m1 / r1 / r1;
	weight = fabs(w0) + 2 * fabs(q[3]);
	for (int k = 0; k < 4 && weight > 0; k++)
		q[k] /= weight;
}

/* Least squares; gives the squares left over. */
static double fit_step(const struct fit *f, double eps, enum third third, double b[3])
{
	double a[3][3] = {{0}}, q[4], sum = 0, left;
	int terms = third ? 3 : 2;

	b[0] = b[1] = b[2] = 0;
	for (size_t i = 0; i < f->n; i += every(f)) {
		step_row(f, i, eps, third, q);
		for (int r = 0; r < terms; r++) {
			for (int c = 0; c < terms; c++)
				a[r][c] += q[r] * q[c];
			b[r] += q[r] * q[3];
		}
	}
	if (!solve(a, b, terms))
		return INFINITY;
	for (size_t i = 0; i < f->n; i += every(f)) {
		step_row(f, i, eps, third, q);
		left = q[3] - b[0] * q[0] - b[1] * q[1] - b[2] * q[2];
		sum += left * left;
	}
	return sum;
}

/* From eps on, a few steps of Gauss and Newton to where least is left over. */
static double refine(const struct fit *f, double eps, double least)
{
	double b[3], next, left;

	for (int i = 0; i < 6; i++) {
		if (!isfinite(fit_step(f, eps, EPS, b)) || b[1] == 0)
			return eps;
		next = eps + b[2] / b[1];
		left = next >= 0 ? fit_step(f, next, NO_THIRD, b) : INFINITY;
		if (!(left < least))
			return eps;
		eps = next;
		least = left;
	}
	return eps;
}

/* Squares of all that there is to explain. */
static double squares(const struct fit *f)
{
	double q[4], sum = 0;

	for (size_t i = 0; i < f->n; i += every(f)) {
		step_row(f, i, 0, NO_THIRD, q);
		sum += q[3] * q[3];
	}
	return sum;
}

void fit_steps(struct fit *f)
{
	const struct lc_hyper *h = &f->r->hyper;
	double c = h->beta2 > 0 && h->updates > 0 ? sqrt(1 - pow(h->beta2, (double)h->updates)) : 1;
	double given[] = {h->eps > 0 ? h->eps * c : 1e-8 * c, 1e-8 * c, 1e-6 * c, 0};
	double least = INFINITY, left, eps = 0, b[3], all = squares(f);
	size_t rows = f->n / every(f);
	double fine = FINE * (double)rows;
	float k[4] = {0};

	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
		if (i > 0 && (given[i] == given[0] || least > ROUGH * all || least < fine))
			continue;
		left = fit_step(f, given[i], NO_THIRD, b);
		if (left < least * .999) {
			least = left;
			eps = given[i];
		}
	}
	if (!isfinite(least))
		return;
	if (least < ROUGH * all && least > fine)
		eps = refine(f, eps, least);
	fit_step(f, eps, NO_THIRD, b);
	k[0] = (float)-b[0];
	k[1] = (float)-b[1];
	k[2] = (float)eps;
	if (fit_try(f, LC_PRED_STEP_ONCE, LC_MAP_ZIGZAG, k) < NEARLY) {
		k[0] = (float)(1 + b[0]);
		fit_try(f, LC_PRED_STEP, LC_MAP_ZIGZAG, k);
		return;
	}
	if (!f->r->near[LC_M0] || !f->r->near[LC_V0] || !isfinite(fit_step(f, eps, OLD_STEP, b)))
		return;
	k[0] = (float)(1 + b[0]);
	k[1] = (float)-b[1];
	k[3] = (float)-b[2];
	fit_try(f, LC_PRED_REG, LC_MAP_ZIGZAG, k);
}
