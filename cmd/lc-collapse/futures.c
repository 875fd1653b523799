/* futures: how the futures of a fork stand to each other; see collapse.h. */
#include <string.h>

#include "collapse.h"

struct future *evidence_role(const struct evidence *ev, const char *role)
{
	for (int i = 0; i < ev->n; i++)
		if (strcmp(ev->f[i].role, role) == 0)
			return &ev->f[i];
	return NULL;
}

struct future *evidence_segment(const struct evidence *ev, const struct future *f, const char *kind)
{
	for (int i = 0; i < ev->n; i++)
		if (ev->f[i].parent && strcmp(ev->f[i].parent, f->id) == 0 &&
		    strcmp(ev->f[i].kind, kind) == 0)
			return &ev->f[i];
	return NULL;
}

const struct future *evidence_tip(const struct evidence *ev, const struct future *f)
{
	const struct future *more = evidence_segment(ev, f, "more");

	return more && more->status && strcmp(more->status, "done") == 0 ? evidence_tip(ev, more)
									 : f;
}

/* Changes that go on working after the remedy is over, and so are worth something without any
 * incident. */
static const char *const lasting[] = {"lr_scale",    "lr_tail", "weight_decay_scale",
				      "batch_scale", "beta2",	"clip"};

int is_persistent(const struct future *f)
{
	return strcmp(f->kind, "persistent") == 0;
}

static struct future *with_actions(const struct evidence *ev, const struct future *same_from,
				   const json_t *actions)
{
	const json_t *from = json_object_get(same_from->rec, "from");

	for (int i = 0; i < ev->n; i++) {
		struct future *f = &ev->f[i];
		if (!f->parent && json_equal(f->actions, actions) &&
		    json_equal(json_object_get(f->rec, "from"), from))
			return f;
	}
	return NULL;
}

struct future *evidence_sibling(const struct evidence *ev, const struct future *f)
{
	json_t *plain = json_deep_copy(f->actions);
	struct future *found;

	for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
		json_object_del(plain, lasting[i]);
	found = with_actions(ev, f, plain);
	json_decref(plain);
	return found == f ? NULL : found;
}

struct future *evidence_changed(const struct evidence *ev, const struct future *plain,
				const struct future *f)
{
	json_t *actions = json_deep_copy(plain->actions), *v;
	struct future *found;

	for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
		if ((v = json_object_get(f->actions, lasting[i])))
			json_object_set(actions, lasting[i], v);
	found = with_actions(ev, plain, actions);
	json_decref(actions);
	return found == plain ? NULL : found;
}
