/*
 * fault: what breaks real runs, on demand. See train.h, and lc-train(1) for the words.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "rng.h"
#include "train.h"

static const char *const kinds[] = {"bad-data", "lr-bump", "flip-m", "flip-v", "flip-w", "nan"};

/* What follows the kind: A-B or S, then the rest after a colon (empty when there is none). */
static int parse_where(struct fault *f, const char *s, const char **rest)
{
	char *end;

	f->first = f->last = strtol(s, &end, 10);
	if (end == s)
		return -1;
	if (*end == '-' && f->kind <= LR_BUMP) {
		s = end + 1;
		f->last = strtol(s, &end, 10);
		if (end == s)
			return -1;
	}
	if ((*end && *end != ':') || f->first < 1 || f->last < f->first)
		return -1;
	*rest = *end ? end + 1 : "";
	return 0;
}

static int parse_rest(struct fault *f, const char *rest)
{
	int n = 0;

	switch (f->kind) {
	case BAD_DATA:
		f->repeat = strcmp(rest, "repeat") == 0;
		return f->repeat || !*rest || strcmp(rest, "random") == 0 ? 0 : -1;
	case LR_BUMP:
		return sscanf(rest, "%lf%n", &f->factor, &n) == 1 && !rest[n] && f->factor >= 0
			       ? 0
			       : -1;
	case FLIP_M:
	case FLIP_V:
	case FLIP_W:
		f->count = 2000;
		f->bit = 26;
		if (!*rest)
			return 0;
		if (sscanf(rest, "%ld%n", &f->count, &n) != 1 || f->count < 1)
			return -1;
		rest += n;
		if (!*rest)
			return 0;
		return sscanf(rest, ":%d%n", &f->bit, &n) == 1 && !rest[n] && f->bit >= 0 &&
				       f->bit < 32
			       ? 0
			       : -1;
	case NAN_GRAD: return *rest ? -1 : 0;
	}
	return -1;
}

static int parse_one(struct fault *f, const char *spec)
{
	char *text = lc_path("%s", spec), *once = strstr(text, ",once="), *at;
	const char *rest = "";
	int kind = 0, ret = -1;

	f->spec = text;
	if (once) {
		f->once = lc_path("%s", once + 6);
		*once = '\0';
		if (!*f->once)
			return -1;
	}
	at = strchr(text, '@');
	if (!at)
		return -1;
	*at = '\0';
	while (kind < 6 && strcmp(kinds[kind], text) != 0)
		kind++;
	*at = '@';
	if (kind == 6)
		return -1;
	f->kind = (enum fault_kind)kind;
	if (parse_where(f, at + 1, &rest) == 0)
		ret = parse_rest(f, rest);
	return ret;
}

int faults_parse(struct run *r, struct lc_err *err)
{
	for (int i = 0; i < r->job.nfaults; i++) {
		r->nfaults++;
		if (parse_one(&r->fault[i], r->job.faults[i]) < 0)
			return lc_fail(err, LC_USAGE, "--fault %s: not a fault", r->job.faults[i]);
	}
	return 0;
}

/* Does it happen now? A once-fault happens if its file is not there, and makes it when it first
 * strikes. */
static int strikes(struct fault *f, long step)
{
	if (f->once && f->fired == 0) {
		int fd = open(f->once, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

		if (fd < 0 && errno != EEXIST)
			lc_warn("fault %s: create %s: %s", f->spec, f->once, strerror(errno));
		f->fired = fd >= 0 ? 1 : -1;
		if (fd >= 0)
			close(fd);
	}
	if (f->fired < 0)
		return 0;
	lc_warn("fault %s: step %ld", f->spec, step);
	f->fired = 1;
	return 1;
}

static struct lc_rng fault_rng(const struct run *r, const struct fault *f, uint64_t step)
{
	return (struct lc_rng){
		r->plan.seed, ((uint64_t)FAULT_STREAM << 56) + ((uint64_t)f->kind << 48) + step, 0};
}

/* Bad data lies in the plan's own order: another order, or a skipped step, does not meet it. */
void fault_batch(struct run *r, uint64_t index, uint8_t *tokens, int rows)
{
	size_t n = (size_t)rows * (size_t)(r->plan.shape.ctx + 1);

	for (int i = 0; i < r->nfaults; i++) {
		struct fault *f = &r->fault[i];
		struct lc_rng rng;

		if (f->kind != BAD_DATA || r->fx.data_seed != r->plan.data_seed ||
		    index < (uint64_t)f->first || index > (uint64_t)f->last ||
		    !strikes(f, (long)index))
			continue;
		rng = fault_rng(r, f, index);
		memset(tokens, (int)lc_rng_below(&rng, 256), n);
		for (size_t j = 0; !f->repeat && j < n; j++)
			tokens[j] = (uint8_t)lc_rng_below(&rng, 256);
	}
}

double fault_lr(struct run *r, long step)
{
	double factor = 1;

	for (int i = 0; i < r->nfaults; i++) {
		struct fault *f = &r->fault[i];

		if (f->kind == LR_BUMP && step >= f->first && step <= f->last && strikes(f, step))
			factor *= f->factor;
	}
	return factor;
}

void fault_grad(struct run *r, long step, float *grad)
{
	for (int i = 0; i < r->nfaults; i++) {
		struct fault *f = &r->fault[i];
		struct lc_rng rng = fault_rng(r, f, (uint64_t)step);

		if (f->kind == NAN_GRAD && step == f->first && strikes(f, step))
			grad[lc_rng_below(&rng, r->gpt.count)] = NAN;
	}
}

/* The same element may be drawn twice, and is then flipped back: as memory would. */
static void flip(float *x, size_t n, const struct fault *f, struct lc_rng rng)
{
	for (long k = 0; k < f->count; k++) {
		float *p = x + lc_rng_below(&rng, n);
		uint32_t bits;

		memcpy(&bits, p, sizeof(bits));
		bits ^= UINT32_C(1) << f->bit;
		memcpy(p, &bits, sizeof(bits));
	}
}

void fault_state(struct run *r, long step)
{
	for (int i = 0; i < r->nfaults; i++) {
		struct fault *f = &r->fault[i];

		if (f->kind < FLIP_M || f->kind > FLIP_W || step != f->first || !strikes(f, step))
			continue;
		flip(f->kind == FLIP_M	 ? r->m
		     : f->kind == FLIP_V ? r->v
					 : r->w,
		     r->gpt.count, f, fault_rng(r, f, (uint64_t)step));
	}
}
