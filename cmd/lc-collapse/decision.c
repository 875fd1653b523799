/* decision: a decision record, as it was written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collapse.h"
#include "io.h"
#include "json.h"

json_t *decision_read(const char *path, char **line, struct lc_err *err)
{
	struct lc_lines in;
	json_t *found = NULL, *rec;
	char *text, *last = NULL;
	size_t len;
	int more;

	if (lc_lines_open(&in, path, 0, err) < 0)
		return NULL;
	while ((more = lc_lines_next(&in, &text, &len, err)) > 0) {
		rec = json_loadb(text, len, 0, NULL);
		more = rec ? lc_record_is(rec, "decision", 1, err) : 0;
		if (more > 0) {
			json_decref(found);
			free(last);
			found = json_incref(rec);
			last = lc_path("%s", text);
		}
		json_decref(rec);
		if (more < 0)
			break;
	}
	lc_lines_close(&in);
	if (more >= 0 && !found)
		lc_fail(err, LC_DATA, "%s: no decision record", path);
	if (more < 0) {
		json_decref(found);
		found = NULL;
	}
	if (!found || !line) {
		free(last);
		last = NULL;
	}
	if (line)
		*line = last;
	return found;
}

int decision_name(const char *line, char name[72], struct lc_err *err)
{
	char hex[LC_HEX_LEN + 1];
	struct lc_id id;

	if (lc_sha256(line, strlen(line), &id, err) < 0)
		return -1;
	lc_id_hex(&id, hex);
	snprintf(name, 72, "sha256:%s", hex);
	return 0;
}

int decision_status(const json_t *decision)
{
	return strcmp(lc_json_get_str(decision, "verdict", ""), "better") == 0 ? LC_OK : LC_NO;
}
