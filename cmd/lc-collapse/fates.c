/* fates: see fates.h. */
#include "fates.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

/* Is it a segment of a branch that does not count either? */
static int goes_with(const json_t *all, const json_t *one)
{
	const char *id = lc_json_get_str(one, "branch", ""), *dot = strrchr(id, '.');

	for (size_t i = 0; dot && i < json_array_size(all); i++) {
		const char *other = lc_json_get_str(json_array_get(all, i), "branch", "");
		if (strlen(other) == (size_t)(dot - id) && strncmp(other, id, dot - id) == 0)
			return 1;
	}
	return 0;
}

static int same_fate(const json_t *a, const json_t *b)
{
	return strcmp(lc_json_get_str(a, "status", "?"), lc_json_get_str(b, "status", "?")) == 0 &&
	       strcmp(lc_json_get_str(a, "why", ""), lc_json_get_str(b, "why", "")) == 0;
}

void fates_print(const json_t *all)
{
	size_t n = json_array_size(all);

	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(all, i);
		int told = goes_with(all, one);
		for (size_t k = 0; k < i && !told; k++)
			told = same_fate(json_array_get(all, k), one) &&
			       !goes_with(all, json_array_get(all, k));
		if (told)
			continue;
		printf("Not counted: %s", lc_json_get_str(one, "branch", "?"));
		for (size_t k = i + 1; k < n; k++)
			if (same_fate(json_array_get(all, k), one) &&
			    !goes_with(all, json_array_get(all, k)))
				printf(" %s",
				       lc_json_get_str(json_array_get(all, k), "branch", "?"));
		printf(" %s, %s\n", lc_json_get_str(one, "status", "?"),
		       lc_json_get_str(one, "why", ""));
	}
}
