/* store_role: see store_role.h. */
#include "store_role.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
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

/*
 * Words of names, between dots, slashes, blanks, brackets: the first that fits decides. The state
 * of an optimizer holds the names of weights, so it is asked for first; and what is nothing else
 * is a weight only where its name says so: a role that is not there must not be claimed.
 */
static const struct {
	const char *word;
	unsigned role;
} words[] = {
	{"exp_avg*", LC_OPTIMIZER},	   /* Adam in PyTorch */
	{"max_exp_avg*", LC_OPTIMIZER},	   /* AMSGrad */
	{"momentum_buffer", LC_OPTIMIZER}, /* SGD in PyTorch */
	{"adam_[mv]", LC_OPTIMIZER},	   /* MLX, TensorFlow */
	{"optim", LC_OPTIMIZER},	   /* FSDP, TorchTitan */
	{"optimizer*", LC_OPTIMIZER},	   /* optimizer.state, optimizer_states (Lightning) */
	{"opt_state*", LC_OPTIMIZER},	   /* optax */
	{"fp32_*groups*", LC_OPTIMIZER},   /* DeepSpeed's masters */
	{"rng", LC_RNG},
	{"rng_state*", LC_RNG},
	{"*_rng_state*", LC_RNG}, /* cuda_rng_state, torch_rng_state */
	{"random_state*", LC_RNG},
	{"*scheduler*", LC_SCHEDULER}, /* lr_scheduler, lr_schedulers */
	{"scaler", LC_SCALER},
	{"*grad_scaler*", LC_SCALER},
	{"*dataloader*", LC_DATASET},
	{"*sampler*", LC_DATASET},
	{"consumed_*samples", LC_DATASET}, /* Megatron */
	{"data_iterator*", LC_DATASET},
	{"data_state*", LC_DATASET},
	{"detector", LC_DETECTOR},
	{"weight", LC_WEIGHTS},
	{"weight_[vg]", LC_WEIGHTS}, /* weight norm */
	{"bias", LC_WEIGHTS},
	{"kernel", LC_WEIGHTS}, /* flax */
	{"embedding*", LC_WEIGHTS},
	{"lora_[AB]", LC_WEIGHTS},
	{"model", LC_WEIGHTS},
	{"model_state*", LC_WEIGHTS},
	{"state_dict", LC_WEIGHTS}, /* Lightning */
	{"params", LC_WEIGHTS},
	{"module", LC_WEIGHTS},
	{"transformer", LC_WEIGHTS},
	{"wte", LC_WEIGHTS}, /* GPT-2, llm.c */
};

unsigned lc_role_of_tensor(const char *name)
{
	size_t best = sizeof(words) / sizeof(words[0]);
	char word[64];

	/* a moment is called m.NAME; further in, v is rather a value's weight */
	if ((*name == 'm' || *name == 'v') && name[1] == '.')
		return LC_OPTIMIZER;
	for (const char *p = name; *p; p += *p != '\0') {
		size_t n = strcspn(p, "./ []'\"");
		snprintf(word, sizeof(word), "%.*s", n < sizeof(word) ? (int)n : 0, p);
		for (size_t i = 0; *word && i < best; i++)
			if (fnmatch(words[i].word, word, 0) == 0)
				best = i;
		p += n;
	}
	return best < sizeof(words) / sizeof(words[0]) ? words[best].role : 0;
}

static unsigned role_of_word(const char *p, size_t n)
{
	if ((n == 3 && memcmp(p, "all", n) == 0) || (n == 8 && memcmp(p, "complete", n) == 0))
		return LC_ROLES_NEEDED;
	for (size_t r = 0; r < ROLES; r++)
		if (strlen(role_name[r]) == n && memcmp(p, role_name[r], n) == 0)
			return 1u << r;
	return 0;
}

unsigned lc_role_list(const char *text)
{
	unsigned roles = 0, one;

	do {
		size_t n = strcspn(text, ",");
		one = role_of_word(text, n);
		roles |= one;
		text += n;
	} while (one && *text++ == ',');
	return one ? roles : 0;
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
