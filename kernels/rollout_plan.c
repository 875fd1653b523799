/* rollout_plan: the posterior arranged for many branches, and their sharing out. See rollout.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "io.h"
#include "rollout_impl.h"

enum { COLUMNS = LC_DRIVES * (SHARED + 1) };

/*
 * L lower triangular with L L' = A A', A (n, cols): Gram-Schmidt over the rows, which is as exact
 * as a QR and squares nothing. A is used up.
 */
static void triangle(double *a, int n, int cols, double *l)
{
	for (int i = 0; i < n; i++) {
		double *ai = a + i * cols, norm = 0;
		for (int k = 0; k < n; k++)
			l[i * n + k] = 0;
		for (int k = 0; k < i; k++) {
			const double *q = a + k * cols;
			double dot = 0;
			for (int c = 0; c < cols; c++)
				dot += q[c] * ai[c];
			for (int c = 0; c < cols; c++)
				ai[c] -= dot * q[c];
			l[i * n + k] = dot;
		}
		for (int c = 0; c < cols; c++)
			norm += ai[c] * ai[c];
		l[i * n + i] = norm = sqrt(norm);
		for (int c = 0; c < cols; c++)
			ai[c] = norm > 0 ? ai[c] / norm : 0;
	}
}

/* Where the i-th feature of the order (h, rho, s, 1) is in lc_posterior. */
static int feature(int i)
{
	if (i < OWN)
		return 1 + LC_MODES + i;
	if (i == OWN)
		return LC_COEFS;
	return i < OWN + SHARED ? i - OWN : 0;
}

/* One variant; stack: (SHARED + 1, COLUMNS), the rows of what is shared, at this drive's columns.
 */
static void plan_variant(struct lc_rollout_plan *p, int v, double *stack)
{
	double a[LC_FEATS * LC_FEATS], l[LC_FEATS * LC_FEATS], root = sqrt(p->post->weight[v]);

	for (int i = 0; i < LC_FEATS; i++)
		for (int k = 0; k < LC_FEATS; k++)
			a[i * LC_FEATS + k] = root * p->post->factor[v][feature(i)][k];
	triangle(a, LC_FEATS, LC_FEATS, l);
	for (int i = 0; i < OWN; i++)
		for (int k = 0; k < OWN; k++)
			p->own[v][i][k] = (float)(p->own_d[v][i][k] = l[i * LC_FEATS + k]);
	for (int i = 0; i <= SHARED; i++) {
		const double *row = l + (OWN + i) * LC_FEATS;
		for (int k = 0; k < OWN; k++)
			p->cross_d[v][i][k] = row[k];
		for (int k = 0; k < OWN && i < SHARED; k++)
			p->cross[v][i][k] = (float)row[k];
		memcpy(stack + i * COLUMNS + v % LC_DRIVES * (SHARED + 1), row + OWN,
		       (SHARED + 1) * sizeof(*row));
	}
	for (int i = 0; i < OWN; i++)
		p->mean_own[v][i] = (float)p->post->mean[v][feature(i)];
	for (int i = 0; i < SHARED; i++)
		p->mean_shared[v][i] = (float)p->post->mean[v][feature(OWN + i)];
	p->use[p->nuse++] = v;
}

void lc_rollout_plan_init(struct lc_rollout_plan *p, const struct lc_basis *b,
			  const struct lc_posterior *post, double tol)
{
	memset(p, 0, sizeof(*p));
	p->b = b;
	p->post = post;
	p->tol = tol;
	for (int c = 0; c < LC_CLOCKS; c++) {
		double stack[(SHARED + 1) * COLUMNS] = {0};
		for (int v = c * LC_DRIVES; v < (c + 1) * LC_DRIVES; v++)
			if (post->weight[v] > 0)
				plan_variant(p, v, stack);
		triangle(stack, SHARED + 1, COLUMNS, &p->shared_d[c][0][0]);
		for (int i = 0; i < SHARED; i++)
			for (int k = 0; k < SHARED; k++)
				p->shared[c][i][k] = (float)p->shared_d[c][i][k];
	}
}

const struct lc_rollout_level *lc_rollout_level(int level)
{
#if defined(__x86_64__) && defined(__GNUC__)
	if (level == 2)
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
				       __builtin_cpu_supports("avx512dq")
			       ? &lc_rollout_v4
			       : NULL;
	if (level == 1)
		return __builtin_cpu_supports("avx2") ? &lc_rollout_v3 : NULL;
#endif
	return level == 0 ? &lc_rollout_v1 : NULL;
}

/* Branches whose lr changes about as often go together: a group takes as long as its longest. */
struct place {
	double change;
	int nout, branch;
};

static double change_of(const struct lc_rollout_branch *br)
{
	double sum = 0;

	for (int i = 1; i < br->npoint; i++)
		sum += fabs(br->eta[i] - br->eta[i - 1]) /
		       fmax(fmax(br->eta[i], br->eta[i - 1]), ETA_MIN);
	return sum;
}

static int by_change(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->change != y->change)
		return x->change < y->change ? -1 : 1;
	return x->nout != y->nout ? (x->nout > y->nout) - (x->nout < y->nout)
				  : (x->branch > y->branch) - (x->branch < y->branch);
}

struct job {
	const struct lc_rollout_plan *plan;
	const struct lc_rollout_level *level;
	struct lc_rollout_branch *branch;
	struct place *place;
	int n;
};

static void one_group(void *ctx, int i)
{
	const struct job *j = ctx;
	int from = i * j->level->lanes, n = j->n - from;
	struct lc_rollout_branch *br[LANES_MOST];

	n = n < j->level->lanes ? n : j->level->lanes;
	for (int k = 0; k < n; k++)
		br[k] = &j->branch[j->place[from + k].branch];
	j->level->run(j->plan, br, n);
}

void lc_rollout_at(int level, const struct lc_basis *b, const struct lc_posterior *post, double tol,
		   struct lc_rollout_branch *branch, int n, struct lc_pool *pool)
{
	struct lc_rollout_plan *plan = lc_xalloc(1, sizeof(*plan));
	struct place *place = lc_xalloc((size_t)n + 1, sizeof(*place));
	struct job job = {plan, lc_rollout_level(level), branch, place, n};
	int groups = (n + job.level->lanes - 1) / job.level->lanes;

	lc_rollout_plan_init(plan, b, post, tol);
	for (int i = 0; i < n; i++)
		place[i] = (struct place){change_of(&branch[i]), branch[i].nout, i};
	qsort(place, (size_t)n, sizeof(*place), by_change);
	if (pool)
		lc_pool_run(pool, groups, one_group, &job);
	else
		for (int i = 0; i < groups; i++)
			one_group(&job, i);
	free(place);
	free(plan);
}

void lc_rollout_cpu(const struct lc_basis *b, const struct lc_posterior *post, double tol,
		    struct lc_rollout_branch *branch, int n, struct lc_pool *pool)
{
	int level = 2;

	while (!lc_rollout_level(level))
		level--;
	lc_rollout_at(level, b, post, tol, branch, n, pool);
}

int lc_rollout_device(const struct lc_device *dev, const struct lc_basis *b,
		      const struct lc_posterior *post, double tol, struct lc_rollout_branch *branch,
		      int n, struct lc_err *err)
{
	struct lc_rollout_plan *plan = lc_xalloc(1, sizeof(*plan));
	int ret;

	lc_rollout_plan_init(plan, b, post, tol);
	ret = dev->rollout(plan, branch, n, err);
	free(plan);
	return ret;
}
