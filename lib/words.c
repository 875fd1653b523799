/* words: see words.h. */
#include "words.h"

#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "io.h"
#include "json.h"

static const char *const action_names[] = {
	"lr_scale",	      "lr_warmup", "lr_tail", "skip",
	"weight_decay_scale", "clip",	   "beta2",   "reset",
	"batch_scale",	      "reseed",	   "jitter",  "rewind",
};

static void add_list(struct lc_words *w, const char *name, char **list)
{
	w->lists[w->nholes] = list;
	w->holes[w->nholes] = (struct lc_hole){name, list};
	w->nholes++;
}

static void add(struct lc_words *w, const char *name, char *value)
{
	char **list = lc_xalloc(2, sizeof(*list));

	list[0] = value;
	add_list(w, name, list);
}

static char *number_or_none(long n)
{
	return n > 0 ? lc_path("%ld", n) : lc_path("none");
}

static void add_env(struct lc_words *w, const struct lc_future *f, const char *out,
		    const char *file)
{
	w->env[0] = lc_path("LC_BRANCH=%s", f->branch ? f->branch : "");
	w->env[1] = lc_path("LC_STATE=%s", f->state);
	w->env[2] = lc_path("LC_ACTIONS=%s", file);
	w->env[3] = lc_path("LC_METRICS=%s/metrics.jsonl", f->dir);
	w->env[4] = lc_path("LC_CONTROL=%s/control.json", f->dir);
	w->env[5] = lc_path("LC_OUT=%s", out);
	w->env[6] = f->horizon > 0 ? lc_path("LC_STEPS=%ld", f->from_step + f->horizon)
				   : lc_path("LC_STEPS=none");
}

void lc_words_fill(struct lc_words *w, const struct lc_future *f)
{
	char *file = lc_path("%s/actions.json", f->dir);
	char *out = f->out ? lc_path("%s", f->out) : lc_path("%s/out", f->dir);
	const char *name;
	json_t *v;

	memset(w, 0, sizeof(*w));
	add(w, "state", lc_path("%s", f->state));
	add(w, "branch", lc_path("%s", f->branch ? f->branch : "none"));
	add(w, "horizon", number_or_none(f->horizon));
	add(w, "steps", number_or_none(f->horizon ? f->from_step + f->horizon : 0));
	add(w, "out", lc_path("%s", out));
	add(w, "control", lc_path("%s/control.json", f->dir));
	add_list(w, "actions", lc_actions_words(f->actions));
	for (size_t i = 0; i < sizeof(action_names) / sizeof(action_names[0]); i++)
		add(w, action_names[i], lc_action_value(f->actions, action_names[i]));
	json_object_foreach((json_t *)f->actions, name, v)
		if (strncmp(name, "x_", 2) == 0 && w->nholes < LC_WORDS_HOLES)
			add(w, name, lc_action_value(f->actions, name));
	json_object_foreach((json_t *)f->also, name, v)
		if (!json_object_get(f->actions, name) && w->nholes < LC_WORDS_HOLES)
			add(w, name, lc_path("none"));
	add_env(w, f, out, file);
	free(out);
	free(file);
}

int lc_words_init(struct lc_words *w, const struct lc_future *f, struct lc_err *err)
{
	char *file = lc_path("%s/actions.json", f->dir), *text = lc_json_text(f->actions), *line;
	int ret;

	lc_words_fill(w, f);
	line = lc_path("%s\n", text);
	ret = lc_put_file(file, line, strlen(line), err);
	free(line);
	free(text);
	free(file);
	return ret;
}

void lc_words_release(struct lc_words *w)
{
	for (int i = 0; i < w->nholes; i++)
		lc_words_free(w->lists[i]);
	for (int i = 0; i < LC_WORDS_ENV; i++)
		free(w->env[i]);
	memset(w, 0, sizeof(*w));
}

int lc_is_name(const char *s)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+";

	return *s && !strchr(".-+", *s) && strlen(s) <= 60 && s[strspn(s, letters)] == '\0';
}
