/* hazard: see hazard.h. */
#include "hazard.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "stat.h"

enum { P = LC_HAZARD_X, FIRST = 16, ROUNDS = 50 };
#define DIVERGED .1

/* How far data may easily move each coefficient. */
static const double prior_sd[P] = {2, 1, .5, 1.5, 2};

void lc_hazard_init(struct lc_hazard *h)
{
	*h = (struct lc_hazard){{-4.88, .764, -1.64, 2, 9}};
}

int lc_hazard_interval(double update)
{
	double end = FIRST;
	int i = 0;

	for (; i < LC_HAZARD_INTERVALS - 1 && update > end; i++)
		end *= 2;
	return i;
}

void lc_hazard_x(double over, int interval, int damaged, int broken, double x[P])
{
	x[0] = 1;
	x[1] = over > 1 ? log2(over) : 0;
	x[2] = interval;
	x[3] = damaged && !broken;
	x[4] = broken;
}

double lc_hazard_at(const struct lc_hazard *h, const double x[P])
{
	double z = 0;

	for (int i = 0; i < P; i++)
		z += h->beta[i] * x[i];
	return 1 / (1 + exp(-z));
}

double lc_hazard_risk(const struct lc_hazard *h, const double *over, int n, int damaged, int broken)
{
	double whole = 1, x[P];

	for (int i = 0; i < n; i++) {
		lc_hazard_x(over[i], i, damaged, broken, x);
		whole *= 1 - lc_hazard_at(h, x);
	}
	return 1 - whole;
}

/* a (P, P) positive definite, b: b := a^-1 b, by Cholesky. */
static void solve(double a[P][P], double b[P])
{
	for (int i = 0; i < P; i++) {
		for (int j = 0; j <= i; j++) {
			for (int k = 0; k < j; k++)
				a[i][j] -= a[i][k] * a[j][k];
			a[i][j] = i == j ? sqrt(a[i][i]) : a[i][j] / a[j][j];
		}
		for (int k = 0; k < i; k++)
			b[i] -= a[i][k] * b[k];
		b[i] /= a[i][i];
	}
	for (int i = P - 1; i >= 0; i--) {
		for (int k = i + 1; k < P; k++)
			b[i] -= a[k][i] * b[k];
		b[i] /= a[i][i];
	}
}

void lc_hazard_fit(struct lc_hazard *h, double doubt, const struct lc_hazard_row *row, size_t n)
{
	const struct lc_hazard start = *h;

	for (int round = 0; round < ROUNDS; round++) {
		double a[P][P] = {{0}}, g[P], moved = 0, most = 0;
		for (int i = 0; i < P; i++) {
			double w = 1 / pow(doubt * prior_sd[i], 2);
			a[i][i] = w;
			g[i] = w * (start.beta[i] - h->beta[i]);
		}
		for (size_t r = 0; r < n; r++) {
			double p = lc_hazard_at(h, row[r].x);
			for (int i = 0; i < P; i++) {
				g[i] += (row[r].event - p) * row[r].x[i];
				for (int j = 0; j < P; j++)
					a[i][j] += p * (1 - p) * row[r].x[i] * row[r].x[j];
			}
		}
		solve(a, g);
		for (int i = 0; i < P; i++)
			most = fmax(most, fabs(g[i]));
		for (int i = 0; i < P; i++) { /* a step is short: Newton's may overshoot */
			double step = g[i] * fmin(1, 1 / most);
			h->beta[i] += most > 0 ? step : 0;
			moved = fmax(moved, fabs(step));
		}
		if (!(moved > 1e-10))
			break;
	}
}

/* Above the base in interval k? Taken from its last half, which the start of it does not blur. */
static int is_high(const double *update, const double *loss, int n, int k, double base)
{
	double lo = k ? ldexp(FIRST, k - 1) : 0, mid = (lo + ldexp(FIRST, k)) / 2, last = 0;
	double *y = lc_xalloc((size_t)n + 1, sizeof(*y));
	size_t m = 0;
	int lost = 0;

	for (int i = 0; i < n; i++)
		if (lc_hazard_interval(update[i]) == k)
			last = update[i];
	for (int i = 0; i < n; i++) {
		if (lc_hazard_interval(update[i]) != k)
			continue;
		if (!isfinite(loss[i]))
			lost = 1;
		else if (update[i] > fmin(mid, (lo + last) / 2))
			y[m++] = loss[i];
	}
	if (m)
		lost |= lc_median(y, m) > base + DIVERGED * fabs(base);
	free(y);
	return lost;
}

int lc_hazard_rows(const double *update, const double *loss, int n, double base, double over,
		   int damaged, int broken, struct lc_hazard_row *row)
{
	int last = n ? lc_hazard_interval(update[n - 1]) : -1, event = last + 1, rows;

	while (event > 0 && is_high(update, loss, n, event - 1, base))
		event--;
	for (rows = 0; rows <= last && rows <= event; rows++) {
		lc_hazard_x(over, rows, damaged, broken, row[rows].x);
		row[rows].event = rows == event;
	}
	return rows;
}
