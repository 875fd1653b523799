/*
 * rollout: see rollout.h and rollout_impl.h.
 *
 * Idea: a block a branch, a thread a noise mode of a variant (180 of 192), so that a piece of the
 * lr path is one exp and some 30 operations in double for each, and modes never leave their
 * registers. What all share, the powers of the lr (3 clocks, 5 drives at 3 points), 18 threads
 * make; the last thread, which has no mode, finds the next piece while the others go through this
 * one. At an output the changes since the start go through shared memory, and thread (variant,
 * column) takes its column of the factor, held in 25 registers, over them.
 *
 * Layout: per branch `at`, `eta` (npoint) and `out` (nout) one after the other in `in`; `mean`,
 * `sd` (nout), then ref_mean and ref_sd, then the features if wanted, in `res`. Starts and
 * references are few and shared.
 *
 * Must do, for 4096 branches to 64 outputs of 15 variants: 1.3 pieces an output x 180 x 60
 * operations in double, 3.7 G (0.11 ms at 34 T/s), 0.8 G multiply-adds in single (0.03 ms), 0.1 M
 * pow a clock and drive; 6 MB over PCIe (0.2 ms). What holds it up is the chain of pieces, 64 to
 * 130 long with two barriers each, and of outputs, with five: reckoned (never measured:
 * scripts/bench/device does) at some 2 10^5 cycles a block, 3 blocks a processor at 96 registers a
 * thread, 132 processors: 10 turns, 1.2 ms.
 *
 * Why the factors are not cuBLAS's: as products, the changes (219 numbers an output) and the
 * columns (222) would go through memory, 0.46 GB written and 0.46 GB read for these 262144 outputs,
 * 0.3 ms at 3 TB/s, and 225 GB for a million branches, 75 ms; here they are 0.03 ms of
 * multiply-adds between barriers that are there anyway, and no bytes. Nor are they whole products:
 * 78 of a variant's 144 are below the diagonal.
 */
#include <cuda_runtime.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

extern "C" {
#include "device.h"
#include "rollout_impl.h"
#include "rollout_way.h"
}
#include "cuda_room.h"

#define THREADS 192
#define WALKER (THREADS - 1) /* has no mode */
#define BLOCKS 3	     /* a processor: at most 112 registers a thread */
#define OWNS (LC_VARIANTS * OWN)
#define SHAREDS (LC_CLOCKS * SHARED)
#define CLOCKS (LC_CLOCKS * (SHARED + 1)) /* columns of all clocks */
#define POWERS (LC_CLOCKS + 3 * LC_DRIVES)
#define BATCH 16384 /* branches a launch */

struct dev_branch {
	size_t in, res; /* where its inputs and results begin */
	int start, ref, npoint, nout, features;
	double from, scale;
};

struct dev_job { /* all pointers to the device */
	const struct lc_rollout_plan *plan;
	const struct lc_basis *b;
	const struct lc_posterior *post;
	const struct lc_modes *start;
	const double *ref, *in;
	const struct dev_branch *branch;
	double *res;
	double tol;
	int n;
};

struct block { /* what a block shares */
	struct lc_rollout_branch br;
	struct lc_way way; /* thread WALKER's */
	struct lc_piece piece;
	int more; /* there is such a piece before the output */
	double power[POWERS], rho, rho0, mixed;
	float own[OWNS], shared[SHAREDS], square[OWNS], clock[CLOCKS];
	float f[LC_VARIANTS], f0[LC_VARIANTS], noise[LC_VARIANTS], sum[LC_VARIANTS];
	double mean[LC_VARIANTS];
};

struct thread { /* a thread's modes and columns; s only where it is the first drive of its clock */
	int v, c, j, has, has_s;
	double h, h0, s, s0;
	float own[OWN], cross[SHARED], y0; /* own: zero above the diagonal */
	float clock[SHARED], clock0;	   /* of thread clock * (SHARED + 1) + column */
};

__device__ static double drift_left(const struct lc_posterior *p, double t)
{
	return t > p->t_drift && p->t_drift > 0 ? pow(p->t_drift / t, 1 / p->drift_len) : 1;
}

/* The walker's: the next piece on the way to `stop`. */
__device__ static void next_piece(const struct dev_job &job, struct block *sh, double stop)
{
	if (threadIdx.x == WALKER)
		sh->more = lc_way_next(&sh->way, job.tol, stop, &sh->piece);
}

/* All modes through one piece, while the walker looks for the next. */
__device__ static void advance(const struct dev_job &job, struct block *sh, struct thread *th,
			       double scale, double stop)
{
	double eta = fmax(sh->piece.eta, ETA_MIN), first = fmax(sh->piece.first, ETA_MIN);
	double last = fmax(sh->piece.last, ETA_MIN), n = sh->piece.n;
	double r = fmin(fmax((last - first) / eta, -2.), 2.);
	int t = threadIdx.x, d = (t - LC_CLOCKS) % LC_DRIVES, at = (t - LC_CLOCKS) / LC_DRIVES;

	if (t < LC_CLOCKS)
		sh->power[t] = pow(eta, job.b->clock[t]);
	else if (t < POWERS)
		sh->power[t] = scale * pow(at == 0 ? first : at == 1 ? eta : last, job.b->drive[d]);
	__syncthreads();
	next_piece(job, sh, stop);
	if (th->has) {
		const double *q = sh->power + LC_CLOCKS + th->v % LC_DRIVES;
		double k = job.b->clock[th->c], e = q[0], de = q[2 * LC_DRIVES] - e;
		double u = job.b->lam0 * n * sh->power[th->c] * (1 + k * (k - 1) / 24 * r * r);
		double un = ldexp(u, th->j + 2), y = -expm1(-un), lag = 1 - y / un;
		double bend = q[LC_DRIVES] - (e + .5 * de) + de * k * r / 8;
		double arc = 4 * (1 - lag - 2 / un * (y - lag));
		th->h += y * (e - th->h) + (first == last ? 0 : de * lag + bend * arc);
		if (th->has_s)
			th->s += expm1(-ldexp(u, th->j)) * th->s;
	}
	__syncthreads();
}

/* The changes since the start, or (ref) from it, for all to see. */
__device__ static void publish(struct block *sh, const struct thread *th, const double *ref)
{
	const double *x = ref ? ref + th->v * LC_FEATS : NULL;

	__syncthreads();
	if (th->has)
		sh->own[th->v * OWN + th->j] =
			(float)(th->h - (x ? x[1 + LC_MODES + th->j] : th->h0));
	if (th->has_s) {
		float *to = sh->shared + th->c * SHARED;
		to[1 + th->j] = th->s0 < GONE ? 0 : (float)(th->s - (x ? x[1 + th->j] : th->s0));
		if (th->j == 0)
			to[0] = (float)(sh->rho - (x ? x[LC_COEFS] : sh->rho0));
	}
	__syncthreads();
}

/* Variant v's mean and its noise's change, and the sum of its columns' squares. */
__device__ static void sum_variant(const struct lc_rollout_plan *p, struct block *sh, int v,
				   int from_start)
{
	const float *x = sh->shared + v / LC_DRIVES * SHARED, *own = sh->own + v * OWN;
	float f = 0, noise = 0, sum = 0;

	for (int i = 0; i < SHARED; i++)
		f += x[i] * p->mean_shared[v][i];
	for (int i = 0; i < OWN; i++) {
		noise += own[i] * p->mean_own[v][i];
		sum += sh->square[v * OWN + i];
	}
	sh->f[v] = f + noise + (from_start ? sh->f0[v] : 0);
	sh->noise[v] = noise;
	sh->sum[v] = sum;
}

/* Thread 0 gets the mean (from the start: less that at the start) and the variance. */
__device__ static void project(const struct dev_job &job, struct block *sh, const struct thread *th,
			       int from_start, double *mean, double *var)
{
	int t = threadIdx.x;
	float y = from_start ? th->y0 : 0, z = from_start ? th->clock0 : 0;

	if (th->has) {
		for (int i = 0; i < SHARED; i++)
			y += sh->shared[th->c * SHARED + i] * th->cross[i];
		for (int i = 0; i < OWN; i++)
			y += sh->own[th->v * OWN + i] * th->own[i];
		sh->square[t] = y * y;
	}
	if (t < CLOCKS) {
		for (int i = 0; i < SHARED; i++)
			z += sh->shared[t / (SHARED + 1) * SHARED + i] * th->clock[i];
		sh->clock[t] = z * z;
	}
	__syncthreads();
	if (t < LC_VARIANTS)
		sum_variant(job.plan, sh, t, from_start);
	__syncthreads();
	if (t == 0) {
		double m = 0, sq = 0;
		for (int v = 0; v < LC_VARIANTS; v++)
			m += job.post->weight[v] * sh->f[v];
		for (int v = 0; v < LC_VARIANTS; v++) {
			double miss = job.post->misfit * sh->noise[v], off = sh->f[v] - m;
			sq += sh->sum[v] + job.post->weight[v] * (miss * miss + off * off);
		}
		for (int i = 0; i < CLOCKS; i++)
			sq += sh->clock[i];
		*mean = m;
		*var = sq;
	}
}

/* The thread's modes, its columns of the factor, and these columns' values at the start. */
__device__ static void load_thread(const struct dev_job &job, const struct block *sh,
				   const struct lc_modes *m, struct thread *th)
{
	const struct lc_rollout_plan *p = job.plan;
	int t = threadIdx.x, v = t / OWN, j = t % OWN;
	double y;

	memset(th, 0, sizeof(*th));
	th->has = t < OWNS;
	if (!th->has)
		return;
	th->v = v;
	th->c = v / LC_DRIVES;
	th->j = j;
	th->has_s = v % LC_DRIVES == 0;
	th->h = th->h0 = m->h[v][j];
	th->s = th->s0 = m->s[th->c][j];
	y = p->cross_d[v][SHARED][j] + sh->rho0 * p->cross_d[v][0][j];
	for (int i = 0; i < LC_MODES; i++)
		y += m->s[th->c][i] * p->cross_d[v][1 + i][j] + m->h[v][i] * p->own_d[v][i][j];
	th->y0 = (float)y;
	for (int i = 0; i < SHARED; i++)
		th->cross[i] = p->cross[v][i][j];
	for (int i = 0; i < OWN; i++)
		th->own[i] = p->own[v][i][j];
}

/* Means at the start, by variant and mixed; and the column of a clock that this thread makes. */
__device__ static void load_start(const struct dev_job &job, struct block *sh,
				  const struct lc_modes *m, struct thread *th)
{
	const struct lc_rollout_plan *p = job.plan;
	int t = threadIdx.x, c = t / (SHARED + 1), k = t % (SHARED + 1);
	double y = 0;

	if (t < LC_VARIANTS) {
		const double *b = job.post->mean[t];
		double f = b[0] + sh->rho0 * b[LC_COEFS];
		for (int i = 0; i < LC_MODES; i++)
			f += m->s[t / LC_DRIVES][i] * b[1 + i] + m->h[t][i] * b[1 + LC_MODES + i];
		sh->mean[t] = job.post->weight[t] > 0 ? f : 0;
	}
	__syncthreads();
	if (t == 0) {
		double f = 0;
		for (int v = 0; v < LC_VARIANTS; v++)
			f += job.post->weight[v] * sh->mean[v];
		sh->mixed = f;
	}
	__syncthreads();
	if (t < LC_VARIANTS)
		sh->f0[t] = (float)(sh->mean[t] - sh->mixed);
	if (c < LC_CLOCKS) {
		y = p->shared_d[c][SHARED][k] + sh->rho0 * p->shared_d[c][0][k];
		for (int i = 0; i < LC_MODES; i++)
			y += m->s[c][i] * p->shared_d[c][1 + i][k];
		for (int i = 0; i < SHARED && k < SHARED; i++)
			th->clock[i] = p->shared[c][i][k];
	}
	th->clock0 = (float)y;
}

__device__ static void take_features(const struct block *sh, const struct thread *th, double *x)
{
	if (!th->has)
		return;
	for (int v = th->c * LC_DRIVES; v < (th->c + 1) * LC_DRIVES && th->has_s; v++)
		x[v * LC_FEATS + 1 + th->j] = th->s;
	x[th->v * LC_FEATS + 1 + LC_MODES + th->j] = th->h;
	if (th->j == 0) {
		x[th->v * LC_FEATS] = 1;
		x[th->v * LC_FEATS + LC_COEFS] = sh->rho;
	}
}

/* The walker's way, and what is left of the drift at the start. */
__device__ static void set_out(const struct dev_job &job, const struct dev_branch *db,
			       struct block *sh)
{
	__syncthreads();
	if (threadIdx.x == WALKER) {
		memset(&sh->br, 0, sizeof(sh->br));
		sh->br.npoint = db->npoint;
		sh->br.at = job.in + db->in;
		sh->br.eta = sh->br.at + db->npoint;
		lc_way_start(&sh->way, &sh->br);
		sh->rho = sh->rho0 = drift_left(job.post, db->from);
	}
	__syncthreads();
}

__device__ static void one_branch(const struct dev_job &job, const struct dev_branch *db,
				  struct block *sh)
{
	const struct lc_modes *m = job.start + db->start;
	const double *out = job.in + db->in + 2 * db->npoint;
	double *res = job.res + db->res, *last = res + 2 * db->nout, mean, var;
	struct thread th;

	set_out(job, db, sh);
	load_thread(job, sh, m, &th);
	load_start(job, sh, m, &th);
	for (int o = 0; o < db->nout; o++) {
		next_piece(job, sh, out[o]);
		if (threadIdx.x == 0) /* who has read the last one */
			sh->rho = drift_left(job.post, db->from + out[o]);
		__syncthreads();
		while (sh->more)
			advance(job, sh, &th, db->scale, out[o]);
		publish(sh, &th, NULL);
		project(job, sh, &th, 1, &mean, &var);
		if (threadIdx.x == 0) {
			res[o] = sh->mixed + mean;
			res[db->nout + o] =
				sqrt(var + job.post->drift_var * (1 - sh->rho * sh->rho));
		}
	}
	if (db->ref >= 0 && db->nout) {
		publish(sh, &th, job.ref + (size_t)db->ref * LC_VARIANTS * LC_FEATS);
		project(job, sh, &th, 0, &mean, &var);
		if (threadIdx.x == 0) {
			last[0] = mean;
			last[1] = sqrt(var);
		}
	}
	if (db->features)
		take_features(sh, &th, last + 2);
}

__global__ static void __launch_bounds__(THREADS, BLOCKS) rollout(const struct dev_job job)
{
	__shared__ struct block sh;

	for (int i = blockIdx.x; i < job.n; i += gridDim.x)
		one_branch(job, &job.branch[i], &sh);
}

/* What is shared by branches, each once: the index of p among those seen. */
template <class T> static int index_of(std::vector<const T *> &seen, const T *p)
{
	for (size_t i = seen.size(); i-- > 0;)
		if (seen[i] == p)
			return (int)i;
	seen.push_back(p);
	return (int)seen.size() - 1;
}

struct host { /* a batch, flat */
	std::vector<const struct lc_modes *> start;
	std::vector<const double *> ref;
	std::vector<struct dev_branch> branch;
	std::vector<double> in;
	size_t res;
};

static void flatten(struct host *h, const struct lc_rollout_branch *br, int n)
{
	h->res = 0;
	for (int i = 0; i < n; i++) {
		const struct lc_rollout_branch *b = &br[i];
		struct dev_branch d = {h->in.size(), h->res,	   0,	    -1,	     b->npoint,
				       b->nout,	     b->x != NULL, b->from, b->scale};
		d.start = index_of(h->start, b->start);
		if (b->ref)
			d.ref = index_of(h->ref, b->ref);
		h->in.insert(h->in.end(), b->at, b->at + b->npoint);
		h->in.insert(h->in.end(), b->eta, b->eta + b->npoint);
		h->in.insert(h->in.end(), b->out, b->out + b->nout);
		h->res += 2 * (size_t)b->nout + 2 + (b->x ? LC_VARIANTS * LC_FEATS : 0);
		h->branch.push_back(d);
	}
}

static void unflatten(const struct host *h, struct lc_rollout_branch *br, int n, const double *res)
{
	for (int i = 0; i < n; i++) {
		const double *r = res + h->branch[i].res;
		size_t len = (size_t)br[i].nout * sizeof(double);
		memcpy(br[i].mean, r, len);
		memcpy(br[i].sd, r + br[i].nout, len);
		r += 2 * br[i].nout;
		if (br[i].ref) {
			br[i].ref_mean = r[0];
			br[i].ref_sd = r[1];
		}
		if (br[i].x)
			memcpy(br[i].x, r + 2, LC_VARIANTS * LC_FEATS * sizeof(double));
	}
}

static cudaError_t batch(const struct lc_rollout_plan *plan, struct lc_rollout_branch *br, int n)
{
	struct host h;
	struct room r;
	struct dev_job job;
	std::vector<struct lc_modes> start;
	std::vector<double> ref, res;

	flatten(&h, br, n);
	for (const struct lc_modes *m : h.start)
		start.push_back(*m);
	for (const double *x : h.ref)
		ref.insert(ref.end(), x, x + LC_VARIANTS * LC_FEATS);
	job.plan = (const struct lc_rollout_plan *)r.send(plan, sizeof(*plan));
	job.b = (const struct lc_basis *)r.send(plan->b, sizeof(*plan->b));
	job.post = (const struct lc_posterior *)r.send(plan->post, sizeof(*plan->post));
	job.start = (const struct lc_modes *)r.send(start.data(), start.size() * sizeof(start[0]));
	job.ref = (const double *)r.send(ref.data(), ref.size() * sizeof(double));
	job.in = (const double *)r.send(h.in.data(), h.in.size() * sizeof(double));
	job.branch = (const struct dev_branch *)r.send(h.branch.data(),
						       h.branch.size() * sizeof(h.branch[0]));
	job.res = (double *)r.take(h.res * sizeof(double));
	job.tol = plan->tol;
	job.n = n;
	if (r.e == cudaSuccess) {
		void *args[] = {&job};
		r.e = cudaLaunchKernel(rollout, dim3((unsigned)n), dim3(THREADS), args);
	}
	res.resize(h.res);
	if (r.e == cudaSuccess)
		r.e = cudaMemcpy(res.data(), job.res, h.res * sizeof(double),
				 cudaMemcpyDeviceToHost);
	if (r.e == cudaSuccess)
		unflatten(&h, br, n, res.data());
	return r.e;
}

extern "C" int lc_rollout_cuda(const struct lc_rollout_plan *plan, struct lc_rollout_branch *br,
			       int n, struct lc_err *err)
{
	cudaError_t e = cudaSuccess;

	for (int i = 0; i < n && e == cudaSuccess; i += BATCH)
		e = batch(plan, br + i, n - i < BATCH ? n - i : BATCH);
	return e == cudaSuccess ? 0 : lc_fail(err, LC_SYS, "cuda: %s", cudaGetErrorString(e));
}
