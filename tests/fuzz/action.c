/*
 * action: any JSON as actions, any words as values. What is checked makes words that read back as
 * the same.
 */
#include <stdlib.h>
#include <string.h>

#include "action.h"

static void there_and_back(const json_t *actions)
{
	json_t *back = json_object(), *again, *v;
	struct lc_err err;
	const char *name;

	json_object_foreach((json_t *)actions, name, v) {
		char *word = lc_action_value(actions, name);
		/* the user's own come back as strings; "none" and "" mean absent */
		if (strncmp(name, "x_", 2) != 0 && strcmp(word, "none") != 0 &&
		    lc_action_parse(back, name, word, &err) < 0)
			abort();
		free(word);
	}
	if (lc_actions_check(back, &err) < 0)
		abort();
	again = lc_actions_in_force(actions, back);
	if (lc_actions_check(again, &err) < 0)
		abort();
	json_decref(again);
	json_decref(back);
}

static void take_json(const char *buf, size_t len)
{
	json_t *actions = json_loadb(buf, len, JSON_DECODE_ANY, NULL);
	struct lc_err err;

	if (actions && lc_actions_check(actions, &err) == 0) {
		lc_words_free(lc_actions_words(actions));
		there_and_back(actions);
	}
	json_decref(actions);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	static const char *const names[] = {"lr_scale", "lr_warmup", "lr_tail",	    "skip",
					    "reset",	"reseed",    "rewind",	    "beta2",
					    "x_own",	"no_such",   "batch_scale", ""};
	json_t *actions = json_object();
	struct lc_err err;
	char *word;

	take_json((const char *)data, len);
	if (len > 0) {
		word = strndup((const char *)data + 1, len - 1);
		lc_action_parse(actions, names[data[0] % 12], word, &err);
		if (lc_actions_check(actions, &err) < 0)
			abort();
		free(word);
	}
	json_decref(actions);
	return 0;
}
