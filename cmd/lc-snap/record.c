/* record: a snapshot as a record, and as words. See snap.h. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io.h"
#include "snap.h"

void snap_time(const struct lc_snapshot *s, char text[32])
{
	time_t t = (time_t)s->time;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		strcpy(text, "-");
}

json_t *snap_record(const struct lc_snapshot *s)
{
	unsigned roles = lc_manifest_roles(&s->m);
	json_t *o, *tags;
	char hex[LC_HEX_LEN + 1], when[32];

	lc_id_hex(&s->id, hex);
	snap_time(s, when);
	o = json_pack("{s:s,s:i,s:s,s:s,s:I,s:I,s:I,s:o,s:o,s:s}", "type", "snapshot", "v", 1, "id",
		      hex, "run", s->m.run, "step", (json_int_t)s->m.step, "bytes",
		      (json_int_t)lc_manifest_bytes(&s->m), "stored", (json_int_t)s->stored,
		      "roles", lc_role_names(roles), "missing",
		      lc_role_names(LC_ROLES_NEEDED & ~roles), "time", when);
	if (s->m.ntags > 0) {
		json_object_set_new(o, "tags", tags = json_object());
		for (size_t i = 0; i < s->m.ntags; i++)
			json_object_set_new(tags, s->m.tags[i].key,
					    json_string(s->m.tags[i].value));
	}
	return o;
}

char *snap_words(const json_t *names)
{
	char *text = lc_path("%s", ""), *more;
	size_t i;
	json_t *v;

	json_array_foreach(names, i, v) {
		more = lc_path("%s%s%s", text, i ? "," : "", json_string_value(v));
		free(text);
		text = more;
	}
	if (!*text) {
		free(text);
		text = lc_path("-");
	}
	return text;
}

char *snap_roles(unsigned roles)
{
	json_t *names = lc_role_names(roles);
	char *text = snap_words(names);

	json_decref(names);
	return text;
}
