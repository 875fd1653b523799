/* parts: states of which some ranks have not saved their part yet. See snap.h. */
#include <stdio.h>
#include <stdlib.h>

#include "io.h"
#include "json.h"
#include "snap.h"
#include "store_parts.h"

/* The numbers that are there, or those that are not. */
static json_t *numbers(const struct lc_shard *p, size_t n, int there)
{
	json_t *a = json_array();
	size_t k = 0;

	for (int i = 0; i < p->of; i++) {
		int is = k < n && p[k].part == i;
		k += (size_t)is;
		if (is == there)
			json_array_append_new(a, json_integer(i));
	}
	return a;
}

/* "0-3,7": thousands of ranks would fill the screen. */
static char *ranges(json_t *a)
{
	char *text = lc_path("%s", ""), *more;
	size_t n = json_array_size(a);

	for (size_t i = 0, k; i < n; i = k) {
		json_int_t first = json_integer_value(json_array_get(a, i));
		for (k = i + 1; k < n && json_integer_value(json_array_get(a, k)) ==
						 first + (json_int_t)(k - i);)
			k++;
		more = k - i > 2 ? lc_path("%s%s%lld-%lld", text, i ? "," : "", (long long)first,
					   (long long)first + (long long)(k - i) - 1)
				 : lc_path("%s%s%lld", text, i ? "," : "", (long long)first);
		k = k - i > 2 ? k : i + 1;
		free(text);
		text = more;
	}
	json_decref(a);
	return text;
}

char *parts_words(const struct lc_shard *p, size_t n)
{
	char *in = ranges(numbers(p, n, 1)), *missing = ranges(numbers(p, n, 0));
	char *words = lc_path("%s %s of %d %s in; %s%s", n == 1 ? "part" : "parts", in, p->of,
			      n == 1 ? "is" : "are",
			      *missing ? "missing " : "saving one again completes them", missing);

	free(in);
	free(missing);
	return words;
}

json_t *parts_record(const struct lc_shard *p, size_t n)
{
	uint64_t bytes = 0, stored = 0;
	json_t *o, *tags;
	char when[32];

	for (size_t i = 0; i < n; i++) {
		bytes += lc_manifest_bytes(&p[i].s.m);
		stored += p[i].s.stored;
	}
	snap_time(&p[n - 1].s, when);
	o = json_pack("{s:s,s:i,s:s,s:I,s:i,s:o,s:o,s:I,s:I,s:s}", "type", "parts", "v", 1, "run",
		      p->s.m.run, "step", (json_int_t)p->s.m.step, "of", p->of, "in",
		      numbers(p, n, 1), "missing", numbers(p, n, 0), "bytes", (json_int_t)bytes,
		      "stored", (json_int_t)stored, "time", when);
	if (*p->group)
		json_object_set_new(o, "group", json_string(p->group));
	if (p->s.m.ntags > 0) {
		json_object_set_new(o, "tags", tags = json_object());
		for (size_t i = 0; i < p->s.m.ntags; i++)
			json_object_set_new(tags, p->s.m.tags[i].key,
					    json_string(p->s.m.tags[i].value));
	}
	return o;
}
