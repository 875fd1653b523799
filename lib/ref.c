/* ref: see ref.h. */
#include "ref.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "store_manifest.h"

void lc_ref_release(struct lc_ref *r)
{
	free(r->run);
	memset(r, 0, sizeof(*r));
}

char *lc_ref_path(const char *store, const char *run, struct lc_err *err)
{
	char hex[LC_HEX_LEN + 1];
	struct lc_id id;

	if (lc_sha256(run, strlen(run), &id, err) < 0)
		return NULL;
	lc_id_hex(&id, hex);
	return lc_path("%s/refs/%.32s.json", store, hex);
}

char *lc_ref_text(const struct lc_ref *r)
{
	char hex[LC_HEX_LEN + 1], *text, *line;
	json_t *rec = lc_record_new("ref", 1);

	lc_id_hex(&r->snapshot, hex);
	json_object_set_new(rec, "run", json_string(r->run));
	json_object_set_new(rec, "snapshot", json_string(hex));
	json_object_set_new(rec, "step", json_integer(r->step));
	json_object_set_new(rec, "seq", json_integer(r->seq));
	if (r->by[0])
		json_object_set_new(rec, "by", json_string(r->by));
	text = lc_json_text(rec);
	line = lc_path("%s\n", text);
	free(text);
	json_decref(rec);
	return line;
}

int lc_ref_parse(const char *buf, size_t len, struct lc_ref *r, struct lc_err *err)
{
	json_t *rec = lc_json_parse(buf, len, "ref", err);
	const char *run, *by = lc_json_get_str(rec, "by", "");
	int is = rec ? lc_record_is(rec, "ref", 1, err) : -1, ret = -1;

	memset(r, 0, sizeof(*r));
	run = lc_json_get_str(rec, "run", "");
	r->step = lc_json_get_int(rec, "step", -1);
	r->seq = lc_json_get_int(rec, "seq", -1);
	if (is == 0)
		lc_fail(err, LC_DATA, "a ref that is none");
	else if (is > 0 && (r->step < 0 || r->seq < 0 || strlen(by) >= sizeof(r->by) ||
			    !lc_manifest_plain(run) ||
			    lc_id_parse(lc_json_get_str(rec, "snapshot", ""), &r->snapshot) < 0))
		lc_fail(err, LC_DATA, "a ref without its run, snapshot, step or seq");
	else if (is > 0)
		ret = 0;
	if (ret == 0) {
		r->run = lc_path("%s", run);
		snprintf(r->by, sizeof(r->by), "%s", by);
	} else {
		memset(r, 0, sizeof(*r));
	}
	json_decref(rec);
	return ret;
}

int lc_ref_read(const char *store, const char *run, struct lc_ref *r, struct lc_err *err)
{
	char *path = lc_ref_path(store, run, err), *buf;
	struct lc_err why;
	size_t len;
	int ret = -1;

	memset(r, 0, sizeof(*r));
	if (!path)
		return -1;
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		ret = 0;
	} else if (lc_read_file(path, &buf, &len, err) == 0) {
		ret = lc_ref_parse(buf, len, r, &why) == 0 ? 1 : -1;
		if (ret == 1 && strcmp(r->run, run) != 0) {
			lc_fail(&why, LC_DATA, "it is of the run %.100s", r->run);
			lc_ref_release(r);
			ret = -1;
		}
		if (ret < 0)
			lc_fail(err, LC_DATA, "%s: %s", path, why.text);
		free(buf);
	}
	free(path);
	return ret;
}
