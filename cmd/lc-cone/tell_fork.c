/* tell_fork: what was tried in a fork, what was chosen, what came of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "io.h"
#include "json.h"
#include "tell.h"

static int is_type(const json_t *rec, const char *type)
{
	return strcmp(lc_json_get_str(rec, "type", ""), type) == 0;
}

static size_t count(const struct fork *f, const char *status)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += strcmp(branch_status(&f->b[i]), status) == 0;
	return n;
}

static void tell_counts(FILE *out, const struct fork *f)
{
	static const char *const status[][2] = {{"running", "running"}, {"waiting", "waiting"},
						{"done", "done"},	{"killed", "stopped"},
						{"failed", "failed"},	{"void", "void"}};
	const char *comma = "; ";

	for (size_t k = 0; k < sizeof(status) / sizeof(*status); k++) {
		size_t n = count(f, status[k][0]);
		if (!n)
			continue;
		fprintf(out, "%s%zu %s", comma, n, status[k][1]);
		comma = ", ";
	}
}

static int is_role(const struct branch *b, const char *role)
{
	return b->role && strcmp(b->role, role) == 0;
}

void tell_tried(struct tellings *l, const struct fork *f, int other)
{
	size_t forecasts = 0, arms = 0, nulls = 0, some = 0, ran, len;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < f->n; i++) {
		const struct branch *b = &f->b[i];
		ran = b->loss.n || b->val.n;
		forecasts += b->forecast != NULL;
		some += ran;
		if (branch_arm(b))
			continue;
		nulls += ran && is_role(b, "null");
		arms += ran && (is_role(b, "arm") || is_role(b, "clean"));
	}
	if (other)
		fputs("for this one nothing yet. Earlier, ", out);
	fprintf(out, "fork %s: ", f->id);
	if (forecasts)
		fprintf(out, "%zu %s forecast, ", forecasts,
			forecasts == 1 ? "future was" : "futures were");
	if (some) {
		fprintf(out, "%zu %s run beside doing nothing, and ", arms,
			arms == 1 ? "remedy was" : "remedies were");
		if (nulls)
			fprintf(out, "%zu", nulls);
		else
			fputs("none", out);
		fputs(" with other data to know the noise", out);
	} else {
		fputs("no step of any future is among these records", out);
	}
	tell_counts(out, f);
	fputs(".", out);
	fclose(out);
	tell_add(l, "What was tried", text);
}

void tell_chosen(struct tellings *l, const struct fork *f)
{
	const json_t *d = f->decision;
	char *text = NULL;
	size_t len;
	FILE *out;

	if (!d) {
		tell_add(l, "Choice", lc_path("none yet."));
		return;
	}
	tell_add(l, "Verdict",
		 lc_path("%s: %s.", lc_json_get_str(d, "verdict", "?"),
			 lc_json_get_str(d, "why", "")));
	out = open_memstream(&text, &len);
	lc_explain_choice(out, d);
	fclose(out);
	tell_lines(l, text);
	if (!lc_explain_is_better(d) && isfinite(lc_json_get_num(d, "detectable", NAN)))
		tell_add(l, "",
			 lc_path("The run goes on as it was; a gain of %.3g would have been seen "
				 "four times of five.",
				 lc_json_get_num(d, "detectable", NAN)));
}

static int of_fork(const json_t *rec, const struct fork *f)
{
	return strcmp(lc_json_get_str(rec, "fork", ""), f->id) == 0;
}

/* What became of the choice: put into effect, taken back, looked at again. */
void tell_since(struct tellings *l, const struct cone *c, const struct fork *f)
{
	const json_t *last = NULL, *review = NULL, *after;
	char *seen;

	for (size_t i = 0; i < json_array_size(c->events); i++) {
		const json_t *e = json_array_get(c->events, i);
		if ((is_type(e, "applied") || is_type(e, "undone")) && of_fork(e, f))
			last = e;
		if (is_type(e, "review") && of_fork(e, f))
			review = e;
	}
	if (last && is_type(last, "undone"))
		tell_add(l, "Since",
			 lc_path("it was taken back%s%s.",
				 lc_json_get_str(last, "time", NULL) ? " at " : "",
				 lc_json_get_str(last, "time", "")));
	else if (review) {
		after = json_object_get(review, "after");
		seen = isnan(lc_json_get_num(after, "gain", NAN))
			       ? lc_path("no gain that can be told")
			       : lc_path("a gain of %.4g seen",
					 lc_json_get_num(after, "gain", NAN));
		tell_add(l, "Since",
			 lc_path("looked at again %ld steps later, it %s: %s, %ld alerts since.",
				 lc_json_get_int(after, "steps", 0),
				 strcmp(lc_json_get_str(review, "held", ""), "yes") == 0 ? "held"
				 : strcmp(lc_json_get_str(review, "held", ""), "no") == 0
					 ? "did not hold"
					 : "is not known to have held",
				 seen, lc_json_get_int(after, "alerts", 0)));
		free(seen);
	} else if (last)
		tell_add(l, "Since",
			 lc_path("it was put into effect%s%s.",
				 lc_json_get_str(last, "time", NULL) ? " at " : "",
				 lc_json_get_str(last, "time", "")));
}

struct told *tell_decision(const struct fork *f)
{
	struct tellings l = {0};
	char *text = NULL;
	size_t len;
	FILE *out;

	if (!f->decision)
		return NULL;
	tell_tried(&l, f, 0);
	out = open_memstream(&text, &len);
	fprintf(out, "Verdict: %s: %s.\n", lc_json_get_str(f->decision, "verdict", "?"),
		lc_json_get_str(f->decision, "why", ""));
	lc_explain_choice(out, f->decision);
	lc_explain_margin(out, f->decision);
	lc_explain_cost(out, f->decision);
	lc_explain_fates(out, f->decision);
	fclose(out);
	tell_lines(&l, text);
	return l.t;
}
