/*
 * collapse: what the verbs of lc-collapse share: the evidence of one fork, and the judgement over
 * it.
 */
#ifndef COLLAPSE_H
#define COLLAPSE_H

#include <jansson.h>

#include "err.h"
#include "forecast.h"
#include "goal.h"
#include "hash.h"
#include "noise.h"

int verb_screen(int argc, char **argv);
int verb_draft(int argc, char **argv);
int verb_race(int argc, char **argv);
int verb_aa(int argc, char **argv);
int verb_verify(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_apply(int argc, char **argv);
int verb_review(int argc, char **argv);
int verb_memory(int argc, char **argv);

/* What a reader looks at after a step: fixed held-out tokens. NaN where absent. */
struct reading {
	int step;
	float lr;
	double loss, val_loss, test_loss;
	float gvar; /* NaN too where a goal's score stands for the loss */
};

struct future {
	json_t *rec;	  /* the branch record; owned */
	char *line;	  /* as it was read; owned */
	json_t *forecast; /* its forecast record, or NULL; owned */
	const char *id, *role, *kind, *parent;
	const json_t *actions;
	long from_step, horizon;
	const char *status, *why; /* of its result record; status NULL: none came */
	json_t *result;		  /* owned */
	struct reading *r;
	int n, cap, nonfinite;
	double *also; /* (cap, limits of the goal): the metrics that must keep limits; or NULL */
	double *now;  /* [LC_METRICS] of the last step, where there is a goal; or NULL */
	double wall_s;
	struct lc_hasher told; /* of its lines as they were read, until all are */
};

/* One step record more of it. goal may be NULL. */
void future_read(const struct goal *goal, struct future *f, const struct lc_step *st);

struct evidence {
	struct future *f;
	int n, cap;
	int *slots, nslots;	 /* where each id is in f, by its hash; -1 empty */
	struct future run;	 /* the run's own steps, those of no branch: r, n, nonfinite */
	int last;		 /* index of the future that a step was read of last */
	struct future *seen;	 /* the future of the last step record; NULL after another line */
	const struct goal *goal; /* borrowed; NULL: the losses are read as they are */
	unsigned logged;	 /* the metrics that any step had, as lc_step's has */
	struct lc_id
		hash; /* of the branch, step and result lines, in whatever order branches came */
};

/* Read all records of path ("-": standard input) but for unknown types; of n files, as if they were
 * one. A malformed branch record is an error. */
int evidence_read(struct evidence *ev, const char *path, struct lc_err *err);
int evidence_read_all(struct evidence *ev, char *const *paths, int n, struct lc_err *err);
/*
 * The same, with a look at each future that a step record was read of, as it comes. With a goal
 * that has terms, its sum stands for val_loss and loss, and that of its twins for test_loss.
 */
typedef int evidence_watch(struct evidence *ev, struct future *f, void *arg, struct lc_err *err);
int evidence_follow(struct evidence *ev, char *const *paths, int n, const struct goal *goal,
		    evidence_watch *watch, void *arg, struct lc_err *err);
void evidence_release(struct evidence *ev);
struct future *evidence_find(const struct evidence *ev, const char *id);
struct future *evidence_role(const struct evidence *ev,
			     const char *role); /* the first of that role */
struct future *evidence_segment(const struct evidence *ev, const struct future *f,
				const char *kind);

/* Where a future goes on to: itself, or the last of its continuations (kind "more") that is done.
 */
const struct future *evidence_tip(const struct evidence *ev, const struct future *f);

/* Two futures from the same state whose actions differ only by the lr, schedule, decay and batch:
 * the plain one. */
struct future *evidence_sibling(const struct evidence *ev, const struct future *f);
int is_persistent(const struct future *f);

/* The future from the state of `plain` that does what it does and what lasts of f, no more; NULL:
 * none was run. */
struct future *evidence_changed(const struct evidence *ev, const struct future *plain,
				const struct future *f);

struct rule {
	double alpha;		 /* error rate, shared out over the arms; .05 */
	double min_effect;	 /* a gain below this is not worth a change, nats; 0 */
	struct lc_schedule plan; /* of the run's lr; shape 0: not known */
	int confirm;		 /* replicates that the leader must win by; 0: none asked for */
	long max_cost;		 /* steps that all futures may take; 0: no limit */
	double price;		 /* what a step of a future costs, in steps of the run; 0 */
	struct goal goal;
	struct lc_noise ret, cool; /* of earlier forks of the run; df 0: none */
};

/* lrplan.c: the plan of the lr, {"schedule","lr","total",...}, as it stands in records. */
json_t *lrplan_json(const struct lc_schedule *plan);

/* What a decision says it was judged by (alpha, min_effect, plan ...): all that verify needs to
 * judge it again. */
int rule_read(struct rule *rule, const json_t *decision, struct lc_err *err);

/* The decision record over the evidence: new reference, or NULL. lc-collapse(1) says what it holds.
 */
json_t *judge(const struct evidence *ev, const struct rule *rule, struct lc_err *err);

/* decision.c: the last decision record of a file of records ("-": standard input): new reference,
 * or NULL. line, if not NULL, gets its bytes, the caller's. */
json_t *decision_read(const char *path, char **line, struct lc_err *err);

/* What a decision is known by: "sha256:" and the hash of its line. */
int decision_name(const char *line, char name[72], struct lc_err *err);

/* Exit status that a decision deserves: 0 a better future, 1 none. */
int decision_status(const json_t *decision);

#endif
