/* gemm: see gemm.h. The own kernel keeps a tile of c in registers and streams a and b past it. */
#include "gemm.h"

#include "vec.h"

#define ROWS 6 /* of a tile: 12 sums and a row of b fit 16 registers */
#define VECS 2
#define COLS (VECS * LC_LANES)
#define DEPTH 256 /* rows of a strip of b, 32 KiB: measured best of 128..512 */

/* a is read as a[i*ar + p*ac]: that covers a and a^T. b is (k,n). */
struct product {
	float *c;
	const float *a, *b;
	int ldc, ar, ac, ldb, k, beta;
};

static inline __attribute__((always_inline)) void tile(const struct product *g, int i, int j,
						       int rows, int vecs)
{
	const float *a = g->a + (long)i * g->ar, *b = g->b + j;
	lc_vec acc[ROWS][VECS] = {0};

	for (int p = 0; p < g->k; p++, a += g->ac, b += g->ldb)
		for (int r = 0; r < rows; r++)
			for (int u = 0; u < vecs; u++)
				acc[r][u] += a[(long)r * g->ar] * lc_load(b + u * LC_LANES);
	for (int r = 0; r < rows; r++)
		for (int u = 0; u < vecs; u++) {
			float *c = g->c + (long)(i + r) * g->ldc + j + u * LC_LANES;

			lc_store(c, g->beta ? acc[r][u] + lc_load(c) : acc[r][u]);
		}
}

/* What no tile covers: columns [j0,n). */
static void edge(const struct product *g, int m, int j0, int n)
{
	for (int i = 0; i < m; i++)
		for (int j = j0; j < n; j++) {
			float *c = g->c + (long)i * g->ldc + j, s = 0;

			for (int p = 0; p < g->k; p++)
				s += g->a[(long)i * g->ar + (long)p * g->ac] *
				     g->b[(long)p * g->ldb + j];
			*c = g->beta ? s + *c : s;
		}
}

static inline __attribute__((always_inline)) void columns(const struct product *g, int j, int m,
							  int vecs)
{
	int i = 0;

	for (; i + ROWS <= m; i += ROWS)
		tile(g, i, j, ROWS, vecs);
	switch (m - i) {
	case 5: tile(g, i, j, 5, vecs); break;
	case 4: tile(g, i, j, 4, vecs); break;
	case 3: tile(g, i, j, 3, vecs); break;
	case 2: tile(g, i, j, 2, vecs); break;
	case 1: tile(g, i, j, 1, vecs); break;
	}
}

/* Depth by depth: the strip of b that all rows pass over stays in the nearest cache. */
static void multiply(const struct product *whole, int m, int n)
{
	struct product g = *whole;

	for (int p = 0; p < whole->k; p += DEPTH) {
		int j = 0;

		g.a = whole->a + (long)p * whole->ac;
		g.b = whole->b + (long)p * whole->ldb;
		g.k = whole->k - p < DEPTH ? whole->k - p : DEPTH;
		g.beta = whole->beta || p > 0;
		for (; j + COLS <= n; j += COLS)
			columns(&g, j, m, VECS);
		for (; j + LC_LANES <= n; j += LC_LANES)
			columns(&g, j, m, 1);
		edge(&g, m, j, n);
	}
}

void lc_gemm_nn_cpu(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m,
		    int n, int k, int beta)
{
	struct product g = {c, a, b, ldc, lda, 1, ldb, k, beta};

	multiply(&g, m, n);
}

void lc_gemm_tn_cpu(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m,
		    int n, int k, int beta)
{
	struct product g = {c, a, b, ldc, 1, lda, ldb, k, beta};

	multiply(&g, m, n);
}
