/*
 * gauss: dense symmetric algebra in double precision, and the posterior of a linear model.
 *
 * Matrices are row-major. Loops run in one fixed order: the same input gives the same bits.
 */
#ifndef LC_GAUSS_H
#define LC_GAUSS_H

/* In place: the lower triangle of a (n,n) becomes its Cholesky factor. -1: not positive definite.
 */
int lc_cholesky(double *a, int n);

/* b := l^-1 b for b (n,m), l lower triangular. */
void lc_solve_lower(const double *l, int n, double *b, int m);

/* ln det of l l'. */
double lc_log_det(const double *l, int n);

/* What whitened data (n rows) say of p coefficients: G = X'X, r = X'y, yy = y'y. Borrowed. */
struct lc_gram {
	int p, n;
	const double *g, *r; /* (p,p), (p) */
	double yy, ldet;     /* ldet: ln det of the covariance that was divided out */
};

/* beta given the data: mean, and cov = half'half. */
struct lc_gauss {
	double *mean, *half; /* (p), (p,p) */
	double logev, quad;  /* quad: squared standardised residual, prior's included */
};

/*
 * Prior N(m, cov), cov (p,p) is used up. work is (2 p p + 2 p). -1 when a matrix is not positive
 * definite. With cov = L L' and B = I + L'GL: cov = L B^-1 L', mean = m + L B^-1 L'(r - Gm).
 */
int lc_gauss_posterior(const struct lc_gram *d, const double *m, double *cov, double *work,
		       struct lc_gauss *out);

#endif
