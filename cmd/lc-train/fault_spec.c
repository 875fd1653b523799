/* fault_spec: the words of --fault. See fault.h. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "train.h"

/* By enum fault_kind. A range is A or A-B; an open one may also be A-, with no end. */
enum where { STEP, RANGE, OPEN };
static const struct {
	const char *name;
	enum where where;
} kinds[] = {{"bad-data", OPEN}, {"lr-bump", OPEN},	 {"flip-m", STEP},   {"flip-v", STEP},
	     {"flip-w", STEP},	 {"nan", STEP},		 {"mislabel", OPEN}, {"text", OPEN},
	     {"lr-ramp", RANGE}, {"warm-restart", STEP}, {"qk-grow", OPEN},  {"grad-noise", OPEN}};
#define KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

/* What follows the kind: where it strikes, then the rest after a colon (empty when there is none).
 */
static int parse_where(struct fault *f, const char *s, const char **rest)
{
	enum where where = kinds[f->kind].where;
	char *end;

	f->first = f->last = strtol(s, &end, 10);
	if (end == s)
		return -1;
	if (*end == '-' && where != STEP) {
		s = end + 1;
		f->last = strtol(s, &end, 10);
		if (end == s && where == OPEN && (!*s || *s == ':'))
			f->last = LONG_MAX;
		else if (end == s)
			return -1;
	}
	if ((*end && *end != ':') || f->first < 1 || f->last < f->first)
		return -1;
	*rest = *end ? end + 1 : "";
	return 0;
}

static int parse_bad(struct fault *f, const char *rest)
{
	static const char *const names[] = {"random", "repeat", "encoding"};

	for (f->bad = 0; f->bad < 3; f->bad++)
		if (strcmp(*rest ? rest : "random", names[f->bad]) == 0)
			return 0;
	return -1;
}

static int parse_factor(struct fault *f, const char *rest)
{
	int n = 0;

	return sscanf(rest, "%lf%n", &f->factor, &n) == 1 && !rest[n] && f->factor >= 0 &&
			       f->factor < 1e30
		       ? 0
		       : -1;
}

static int parse_flip(struct fault *f, const char *rest)
{
	int n = 0;

	f->count = 2000;
	f->bit = 26;
	if (!*rest)
		return 0;
	if (sscanf(rest, "%ld%n", &f->count, &n) != 1 || f->count < 1)
		return -1;
	rest += n;
	if (!*rest)
		return 0;
	return sscanf(rest, ":%d%n", &f->bit, &n) == 1 && !rest[n] && f->bit >= 0 && f->bit < 32
		       ? 0
		       : -1;
}

static int parse_rest(struct fault *f, const char *rest)
{
	switch (f->kind) {
	case BAD_DATA: return parse_bad(f, rest);
	case LR_BUMP:
	case LR_RAMP:
	case GRAD_NOISE: return parse_factor(f, rest);
	case QK_GROW: return parse_factor(f, rest) == 0 && f->factor > 0 ? 0 : -1;
	case FLIP_M:
	case FLIP_V:
	case FLIP_W: return parse_flip(f, rest);
	case OTHER_TEXT: return *rest ? 0 : -1; /* a path, for faults_open */
	case NAN_GRAD:
	case MISLABEL:
	case RESTART: return *rest ? -1 : 0;
	}
	return -1;
}

static int parse_one(struct fault *f, const char *spec)
{
	char *text = lc_path("%s", spec), *once = strstr(text, ",once="), *at;
	const char *rest = "";
	int kind = 0;

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
	while (kind < KINDS && strcmp(kinds[kind].name, text) != 0)
		kind++;
	*at = '@';
	if (kind == KINDS)
		return -1;
	f->kind = (enum fault_kind)kind;
	return parse_where(f, at + 1, &rest) < 0 ? -1 : parse_rest(f, rest);
}

int faults_parse(struct run *r, struct lc_err *err)
{
	for (int i = 0; i < r->job.nfaults; i++) {
		r->nfaults++;
		if (parse_one(&r->fault[i], r->job.faults[i]) < 0)
			return lc_fail(err, LC_USAGE, "--fault %s: not a fault", r->job.faults[i]);
		if (r->fault[i].kind == MISLABEL && r->plan.reward)
			return lc_fail(err, LC_USAGE, "--fault %s: a reward has no targets",
				       r->job.faults[i]);
	}
	return 0;
}

int faults_open(struct run *r, struct lc_err *err)
{
	for (int i = 0; i < r->nfaults; i++) {
		struct fault *f = &r->fault[i];

		if (f->kind != OTHER_TEXT)
			continue;
		f->text = lc_xalloc(1, sizeof(*f->text));
		if (data_open(f->text, strchr(f->spec, ':') + 1, r->plan.shape.ctx, 1, err) < 0)
			return -1;
	}
	return 0;
}

void faults_release(struct run *r)
{
	for (int i = 0; i < r->nfaults; i++) {
		free(r->fault[i].spec);
		free(r->fault[i].once);
		if (r->fault[i].text)
			data_close(r->fault[i].text);
		free(r->fault[i].text);
	}
}
