/*
 * verify: derive a decision again from its evidence, by the rule it names, and compare the bytes;
 * where they differ, say which member departs and how.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collapse.h"
#include "io.h"
#include "json.h"

static const char usage[] =
	"usage: lc-collapse verify DECISION [EVIDENCE]...\n"
	"Derive the decision (the last of a file of records) again from the records that\n"
	"lc-collapse race read, and compare; what departs is said.\n"
	"Status: 0 the same bit for bit, 1 not.\n";

/* One value for a line of words: at most 60 bytes of it. */
static void words(const json_t *v, char buf[64])
{
	char *text = v ? lc_json_text(v) : NULL;

	snprintf(buf, 64, "%.57s%s", text ? text : "nothing",
		 text && strlen(text) > 57 ? "..." : "");
	free(text);
}

static void tell(const char *file, const char *where, const json_t *said, const json_t *derived)
{
	char a[64], b[64];

	words(said, a);
	words(derived, b);
	lc_warn("%s: %s: it says %s, the evidence gives %s", file, where, a, b);
}

/* Say each place where two values differ; how many there are. */
static int depart(const char *file, const char *where, const json_t *said, const json_t *derived)
{
	char *a, *b;
	int n;

	if (json_is_object(said) && json_is_object(derived)) {
		const char *key;
		json_t *v;
		n = 0;
		json_object_foreach((json_t *)said, key, v) {
			char *path = lc_path("%s%s%s", where, *where ? "." : "", key);
			n += depart(file, path, v, json_object_get(derived, key));
			free(path);
		}
		json_object_foreach((json_t *)derived, key, v)
			if (!json_object_get(said, key)) {
				tell(file, key, NULL, v);
				n++;
			}
		return n;
	}
	if (json_is_array(said) && json_is_array(derived) &&
	    json_array_size(said) == json_array_size(derived)) {
		n = 0;
		for (size_t i = 0; i < json_array_size(said); i++) {
			char *path = lc_path("%s[%zu]", where, i);
			n += depart(file, path, json_array_get(said, i),
				    json_array_get(derived, i));
			free(path);
		}
		return n;
	}
	a = said ? lc_json_text(said) : NULL;
	b = derived ? lc_json_text(derived) : NULL;
	n = !a || !b || strcmp(a, b) != 0;
	if (n)
		tell(file, where, said, derived);
	free(a);
	free(b);
	return n;
}

/* Compare a decision's line with what its evidence gives: 1 the same bytes, else what departs. */
static int same(const char *file, const char *line, const json_t *said, const json_t *derived)
{
	char *text = lc_json_text(derived);
	int is = strcmp(line, text) == 0;

	free(text);
	if (is)
		return 1;
	if (strcmp(lc_json_get_str(said, "evidence", ""),
		   lc_json_get_str(derived, "evidence", "")) != 0)
		lc_warn("%s: the evidence is not the one it was made from", file);
	else if (depart(file, "", said, derived) == 0)
		lc_warn("%s: the same values, in other bytes", file);
	return 0;
}

int verb_verify(int argc, char **argv)
{
	static char *const standard_input[] = {"-"};
	struct rule rule;
	struct evidence ev;
	struct lc_err err;
	json_t *said, *rec;
	char *line;
	int is;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return lc_finish(0);
	}
	if (argc < 2 || (argv[1][0] == '-' && argv[1][1]))
		lc_usage("verify: wants DECISION and EVIDENCE");
	said = decision_read(argv[1], &line, &err);
	if (!said || rule_read(&rule, said, &err) < 0 ||
	    evidence_follow(&ev, argc > 2 ? argv + 2 : standard_input, argc > 2 ? argc - 2 : 1,
			    &rule.goal, NULL, NULL, &err) < 0)
		lc_die(&err);
	rec = judge(&ev, &rule, &err);
	if (!rec)
		lc_die(&err);
	is = same(argv[1], line, said, rec);
	free(line);
	json_decref(said);
	json_decref(rec);
	evidence_release(&ev);
	return lc_finish(is ? LC_OK : LC_NO);
}
