/*
 * record: step records, read fast and forgivingly (lc-record(5)).
 *
 * One pass over the line, no allocation. Where two names in one line mean the same metric, the
 * plainer one wins (names.h); of the same name twice, the later.
 */
#include "record.h"

#include <math.h>
#include <string.h>

#include "names.h"
#include "scan.h"

/* What a key means, escapes resolved first. */
static int key_of(const struct lc_text *t, const struct lc_names *names, int *rank)
{
	char copy[128];

	if (!t->odd)
		return lc_names_key(names, t->s, t->len, rank);
	return lc_names_key(names, copy, lc_text_copy(t, copy, sizeof(copy)), rank);
}

/* What a line says beyond the struct lc_step. */
struct findings {
	short rank[LC_KEYS]; /* 0: not seen */
	int has_step, other_type, typed;
	double v;
};

static void put_string(const struct lc_value *v, char *out, size_t cap)
{
	if (v->kind == LC_VALUE_OTHER)
		out[0] = '\0';
	else
		lc_text_copy(&v->text, out, cap);
}

static void put(struct lc_step *st, struct findings *f, int key, const struct lc_value *v)
{
	double x;

	if (key < LC_METRICS) {
		int is = lc_value_num(v, &x);

		st->v[key] = is ? x : NAN;
		st->has = is ? st->has | 1u << key : st->has & ~(1u << key);
	} else if (key == LC_KEY_STEP) {
		f->has_step =
			lc_value_num(v, &x) && x >= 0 && x <= 9007199254740992.0 && x == floor(x);
		st->step = f->has_step ? (long)x : 0;
	} else if (key == LC_KEY_BATCH) {
		put_string(v, st->batch, sizeof(st->batch));
	} else if (key == LC_KEY_RUN) {
		put_string(v, st->run, sizeof(st->run));
	} else if (key == LC_KEY_BRANCH) {
		put_string(v, st->branch, sizeof(st->branch));
	} else if (key == LC_KEY_TYPE) {
		f->typed = v->kind == LC_VALUE_STR && v->text.len == 4 &&
			   memcmp(v->text.s, "step", 4) == 0;
		f->other_type = !f->typed;
	} else if (!lc_value_num(v, &f->v)) {
		f->v = 0;
	}
}

/* s->p behind the opening brace: all members, and nothing but space after the closing one. */
static int scan_members(struct lc_scan *s, const struct lc_names *names, struct lc_step *st,
			struct findings *f)
{
	struct lc_value v;
	struct lc_text name;
	int key, rank;

	for (;;) {
		lc_scan_space(s);
		if (s->p == s->end || *s->p != '"')
			return lc_scan_broken(s);
		s->p++;
		if (lc_scan_string(s, &name))
			return -1;
		lc_scan_space(s);
		if (s->p == s->end || *s->p != ':')
			return lc_scan_broken(s);
		s->p++;
		lc_scan_space(s);
		if (lc_scan_value(s, &v))
			return -1;
		key = key_of(&name, names, &rank);
		if (key >= 0 && rank >= f->rank[key]) {
			f->rank[key] = (short)rank;
			put(st, f, key, &v);
		}
		lc_scan_space(s);
		if (s->p == s->end || (*s->p != ',' && *s->p != '}'))
			return lc_scan_broken(s);
		if (*s->p++ == '}')
			return 0;
	}
}

int lc_step_parse(const char *line, size_t len, const struct lc_names *names, struct lc_step *st,
		  struct lc_err *err)
{
	struct lc_scan s = {line, line, line + len, err};
	struct findings f = {0};

	st->step = 0;
	st->has = 0;
	for (int m = 0; m < LC_METRICS; m++)
		st->v[m] = NAN;
	st->batch[0] = st->run[0] = st->branch[0] = '\0';
	lc_scan_space(&s);
	if (s.p == s.end || *s.p++ != '{')
		return 0;
	lc_scan_space(&s);
	if (s.p == s.end)
		return lc_scan_broken(&s);
	if (*s.p == '}')
		s.p++;
	else if (*s.p != '"')
		return 0; /* some other text that opens with a brace */
	else if (scan_members(&s, names, st, &f))
		return -1;
	lc_scan_space(&s);
	if (s.p != s.end)
		return lc_scan_broken(&s);
	if (f.typed && f.v > 1)
		return lc_fail(err, LC_DATA, "step record of version %g; this reader knows 1", f.v);
	return f.has_step && !f.other_type;
}
