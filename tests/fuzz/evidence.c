/*
 * evidence: any bytes as the records of a fork. Whatever is taken is judged, twice, to the same
 * strict JSON, and nothing that was not done is chosen.
 */
#include <sys/mman.h>
#include <unistd.h>

#include <stdlib.h>
#include <string.h>

#include "../../cmd/lc-collapse/court.h"
#include "json.h"

static char *decide(const char *path)
{
	struct rule rule = {.alpha = .05};
	struct evidence ev;
	struct lc_err err;
	json_t *rec = NULL;
	char *text = NULL;

	if (evidence_read(&ev, path, &err) < 0)
		return NULL;
	rec = judge(&ev, &rule, &err);
	if (rec) {
		const struct future *f = evidence_find(&ev, lc_json_get_str(rec, "choice", ""));
		if (decision_status(rec) == LC_OK && (!f || !f->status || f->parent))
			abort();
		text = lc_json_text(rec);
		json_decref(rec);
	}
	evidence_release(&ev);
	return text;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	int fd = memfd_create("evidence", 0);
	char path[64], *once, *again;
	json_t *read;

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	once = decide(path);
	again = decide(path);
	if (!once != !again || (once && strcmp(once, again) != 0))
		abort();
	if (once) {
		read = json_loads(once, 0, NULL);
		if (!read)
			abort();
		json_decref(read);
	}
	free(once);
	free(again);
	close(fd);
	return 0;
}
