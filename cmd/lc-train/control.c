/*
 * control: changes without a restart. $LC_CONTROL names a file with one JSON object of actions (or
 * one that has them as its member "actions"); it is replaced atomically by whoever wants a change.
 */
#include <stdlib.h>

#include "io.h"
#include "json.h"
#include "train.h"

static int changed(const struct stat *last, const struct stat *now)
{
	return now->st_ino != last->st_ino || now->st_dev != last->st_dev ||
	       now->st_size != last->st_size || now->st_mtim.tv_sec != last->st_mtim.tv_sec ||
	       now->st_mtim.tv_nsec != last->st_mtim.tv_nsec;
}

void control_poll(struct run *r)
{
	const char *path = getenv("LC_CONTROL");
	struct stat now;
	struct lc_err err;
	json_t *v, *actions;
	char *text;

	if (!path || !*path || stat(path, &now) < 0 || !changed(&r->control, &now))
		return;
	r->control = now;
	v = lc_json_load(path, &err);
	actions = json_object_get(v, "actions");
	if (!v || actions_apply(r, actions ? actions : v, &err) < 0) {
		lc_warn("control ignored: %s", err.text);
	} else if (!r->job.quiet) {
		text = lc_json_text(actions ? actions : v);
		lc_warn("control after step %ld: %s", r->step, text);
		free(text);
	}
	json_decref(v);
}
