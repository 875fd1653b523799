/*
 * rollout: expected loss and sd along many branches under the modal law (lib/law.h).
 *
 * A variant v of the law is a clock exponent p and a drive exponent q. With the lr eta in units of
 * the run's own peak, each update advances, for every variant, LC_MODES signal and LC_MODES noise
 * modes:
 *
 *	dS = eta^p,  e = scale eta^q
 *	s_j *= exp(-lam_j dS)                     lam_j = lam0 2^j          (signal, "river")
 *	h_j  = e + (h_j - e) exp(-nu_j dS)        nu_j  = 4 lam0 2^j        (noise, "hill")
 *
 * and the loss is x . beta with x = (1, s_0.., h_0.., rho), beta ~ N(mean_v, F_v F_v'), rho the
 * part of the drift that is left: (t_drift / t)^(1/drift_len) after update t_drift. Variants are
 * mixed by weight. The law is not exact: `misfit` times the change of sum b_j h_j since the fork is
 * added in quadrature to the sd. With y_j = 1 - exp(-lam_j dS), y_{j+1} = y_j (2 - y_j): one exp an
 * advance, and no cancellation.
 *
 * The lr of a branch is piecewise linear between control points. Between them and the outputs it is
 * taken in pieces over which its root changes by at most tol/2, under a drive that is a parabola:
 * exact where the lr is constant, elsewhere within 2e-6 of the loss at tol .05 and 2e-5 at .1, as
 * measured. tol 0 is one piece an update, the definition.
 *
 * Must do, for 4096 branches to 64 outputs each: 3 x 12 modes x 36 operations in double a piece and
 * at least a piece an output, 0.3 G; 15 variants x some 270 multiply-adds in single an output, 1.1
 * G. With AVX-512 at one multiply and one add a cycle that is 36 M and 66 M cycles: 34 ms of one
 * processor at 3 GHz; measured 48 (a Zen 4; scripts/bench/device), a third of it in the
 * multiply-adds of the factors. Bytes are no limit where a group of 16 branches has one start: 55
 * KB a group, of which 28 change; 4 MB of results.
 */
#ifndef LC_ROLLOUT_H
#define LC_ROLLOUT_H

#include "device.h"
#include "pool.h"

enum {
	LC_MODES = 12,
	LC_CLOCKS = 3,
	LC_DRIVES = 5,
	LC_VARIANTS = LC_CLOCKS * LC_DRIVES, /* v = clock * LC_DRIVES + drive */
	LC_COEFS = 1 + 2 * LC_MODES,	     /* L0, a_j, b_j */
	LC_FEATS = LC_COEFS + 1,	     /* and the drift */
	LC_FEATS_PAD = 32,
	LC_POINTS = 64, /* outputs a branch, at most */
};

struct lc_basis {
	double clock[LC_CLOCKS], drive[LC_DRIVES];
	double lam0; /* slowest signal rate, per update at eta 1 */
};

/* The state of all modes. signal starts at 1, noise at 0. */
struct lc_modes {
	double s[LC_CLOCKS][LC_MODES];
	double h[LC_VARIANTS][LC_MODES];
};

struct lc_posterior {
	double weight[LC_VARIANTS]; /* sums to 1 */
	double mean[LC_VARIANTS][LC_FEATS];
	double factor[LC_VARIANTS][LC_FEATS][LC_FEATS_PAD]; /* F, lower triangular, zero beyond */
	double t_drift, drift_len, drift_var;		    /* var: of the stationary drift */
	double misfit; /* relative error of a change in the noise part */
};

struct lc_rollout_branch {
	const struct lc_modes *start; /* borrowed: the state after update `from` */
	double from, scale;
	int npoint, nout;
	const double *at, *eta;	 /* [npoint] update number after from (ascending), lr there */
	const double *out;	 /* [nout] updates after from, ascending, >= 1 */
	double *mean, *sd;	 /* [nout] results */
	double *x;		 /* (LC_VARIANTS, LC_FEATS) features at the last output, or NULL */
	const double *ref;	 /* such features, to subtract at the last output, or NULL */
	double ref_mean, ref_sd; /* results: of the last output minus ref */
};

/* n updates at a constant lr. */
void lc_modes_init(struct lc_modes *m);
void lc_modes_advance(const struct lc_basis *b, struct lc_modes *m, double n, double eta,
		      double scale);

/* Updates (k0, k1] with the lr going linearly from eta0 (at k0) to eta1 (at k1), in pieces. */
void lc_modes_ramp(const struct lc_basis *b, struct lc_modes *m, double k0, double k1, double eta0,
		   double eta1, double scale, double tol);

/* The definition: one branch, in double precision. */
void lc_rollout_plain(const struct lc_basis *b, const struct lc_posterior *post, double tol,
		      struct lc_rollout_branch *branch);

/*
 * All branches, shared out over the pool (NULL: this thread), as many at once as a register holds
 * floats: within 1e-6 of the definition in units of the coefficients, and the same bits on every
 * processor, with any company and any number of threads.
 */
void lc_rollout_cpu(const struct lc_basis *b, const struct lc_posterior *post, double tol,
		    struct lc_rollout_branch *branch, int n, struct lc_pool *pool);
/* On a device: within 1e-5 of the definition. LC_SYS when it refuses. */
int lc_rollout_device(const struct lc_device *dev, const struct lc_basis *b,
		      const struct lc_posterior *post, double tol, struct lc_rollout_branch *branch,
		      int n, struct lc_err *err);

#endif
