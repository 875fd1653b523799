/* store_role: see store_role.h. */
#include "store_role.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static const char *const role_name[] = {
	"weights", "optimizer", "rng", "data", "scheduler", "scaler", "detector",
};
#define ROLES (sizeof(role_name) / sizeof(role_name[0]))

/* The first pattern that fits decides. */
static const struct {
	const char *pattern;
	unsigned roles;
} known[] = {
	{"optimizer.*", LC_OPTIMIZER},	     /* lc-train, Hugging Face Trainer */
	{"optimizer_*.bin", LC_OPTIMIZER},   /* Accelerate, torchtune */
	{"*_optim_states.pt", LC_OPTIMIZER}, /* DeepSpeed */
	{"rng_state*.pth", LC_RNG},	     /* Hugging Face, one a rank */
	{"random_states_*.pkl", LC_RNG},     /* Accelerate */
	{"scheduler.pt", LC_SCHEDULER},
	{"scheduler.bin", LC_SCHEDULER},
	{"scaler.pt", LC_SCALER},
	{"trainer_state.json", LC_DATASET}, /* its global_step says which batches are done */
	{"sampler*.bin", LC_DATASET},
	{"dataloader*.pt", LC_DATASET},
	{"detector.json", LC_DETECTOR},
	{"state_*.bin", LC_OPTIMIZER | LC_RNG | LC_DATASET}, /* llm.c */
	{"model_*.bin", LC_WEIGHTS},			     /* llm.c */
	{"pytorch_model*.bin", LC_WEIGHTS},
	{"model*.safetensors", LC_WEIGHTS},
	{"adapter_model.*", LC_WEIGHTS},   /* PEFT */
	{"*_model_states.pt", LC_WEIGHTS}, /* DeepSpeed */
};

unsigned lc_role_of_name(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (fnmatch(known[i].pattern, name, 0) == 0)
			return known[i].roles;
	return 0;
}

unsigned lc_role_of_state(const json_t *state)
{
	static const struct {
		const char *key;
		unsigned role;
	} keys[] = {
		{"rng", LC_RNG},
		{"data", LC_DATASET},
		{"schedule", LC_SCHEDULER},
		{"scheduler", LC_SCHEDULER},
		{"scaler", LC_SCALER},
		{"detector", LC_DETECTOR},
	};
	unsigned roles = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const json_t *v = json_object_get(state, keys[i].key);
		if (v && !json_is_null(v))
			roles |= keys[i].role;
	}
	return roles;
}

json_t *lc_role_names(unsigned roles)
{
	json_t *a = json_array();

	for (size_t i = 0; i < ROLES; i++)
		if (roles >> i & 1)
			json_array_append_new(a, json_string(role_name[i]));
	return a;
}

int lc_role_parse(const json_t *names)
{
	unsigned roles = 0;
	size_t i, r;
	json_t *v;

	if (!json_is_array(names))
		return -1;
	json_array_foreach(names, i, v) {
		const char *s = json_string_value(v);
		for (r = 0; s && r < ROLES && strcmp(s, role_name[r]) != 0; r++)
			;
		if (!s || r == ROLES || roles >> r) /* unknown, twice, or out of order */
			return -1;
		roles |= 1u << r;
	}
	return (int)roles;
}

long lc_role_step(const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t end = dot && dot > name ? (size_t)(dot - name) : strlen(name);
	size_t start = end;
	char *stop;
	long step;

	/* "v1.100" ends in digits itself: only what has a letter after the dot is an ending */
	if (dot && isdigit((unsigned char)name[strlen(name) - 1]))
		start = end = strlen(name);
	while (start > 0 && isdigit((unsigned char)name[start - 1]))
		start--;
	if (start == end)
		return -1;
	errno = 0;
	step = strtol(name + start, &stop, 10);
	return errno || step > 1L << 53 ? -1 : step;
}
