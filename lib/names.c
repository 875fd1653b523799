/*
 * names: the common spellings of what a step record holds, and the user's own.
 *
 * Names are folded (lower case; '/', '-', '.', ' ' become '_'; a leading train_ and its like
 * dropped) and looked up by length, then bytes: train/loss, "lm loss" and train_lm_loss need one
 * entry.
 */
#include "names.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const metric_names[LC_METRICS] = {
	"loss",		"grad_norm",	"lr",	  "val_loss",	  "test_loss",
	"gvar",		"tokens",	"wall_s", "attn_entropy", "attn_logit_max",
	"act_kurtosis", "update_ratio", "reward", "kl",		  "entropy",
	"own1",		"own2",		"own3",	  "own4",
};

/* The known names after folding, by length. Of two in one line that mean the same the higher rank
 * wins, at equal rank the later. */
#define LONGEST 20
struct spelling {
	char name[24]; /* zeros behind */
	short key, rank;
};
static const struct spelling length1[] = {
	{"v", LC_KEY_V, 9},
};
static const struct spelling length2[] = {
	{"lr", LC_LR, 9},
	{"kl", LC_KL, 9},
};
static const struct spelling length3[] = {
	{"run", LC_KEY_RUN, 9},
};
static const struct spelling length4[] = {
	{"loss", LC_LOSS, 9}, {"step", LC_KEY_STEP, 9}, {"type", LC_KEY_TYPE, 9},
	{"gvar", LC_GVAR, 9}, {"iter", LC_KEY_STEP, 5}, {"own1", LC_OWN1, 9},
	{"own2", LC_OWN2, 9}, {"own3", LC_OWN3, 9},	{"own4", LC_OWN4, 9},
};
static const struct spelling length5[] = {
	{"batch", LC_KEY_BATCH, 9},
	{"gnorm", LC_GRAD_NORM, 5},
	{"_step", LC_KEY_STEP, 3},
};
static const struct spelling length6[] = {
	{"tokens", LC_TOKENS, 9}, {"wall_s", LC_WALL_S, 9},  {"branch", LC_KEY_BRANCH, 9},
	{"lr_sgd", LC_LR, 3},	  {"run_id", LC_KEY_RUN, 5}, {"reward", LC_REWARD, 9},
};
static const struct spelling length7[] = {
	{"lm_loss", LC_LOSS, 5},    {"elapsed", LC_WALL_S, 5}, {"updates", LC_KEY_STEP, 4},
	{"last_lr", LC_LR, 4},	    {"lr_adam", LC_LR, 3},     {"ce_loss", LC_LOSS, 4},
	{"entropy", LC_ENTROPY, 9}, {"mean_kl", LC_KL, 4},
};
static const struct spelling length8[] = {
	{"val_loss", LC_VAL_LOSS, 9}, {"gradnorm", LC_GRAD_NORM, 5}, {"iter_num", LC_KEY_STEP, 5},
	{"lr_adamw", LC_LR, 3},	      {"n_tokens", LC_TOKENS, 5},    {"loss_val", LC_VAL_LOSS, 5},
	{"_runtime", LC_WALL_S, 4},   {"nll_loss", LC_LOSS, 4},	     {"avg_loss", LC_LOSS, 4},
	{"dev_loss", LC_VAL_LOSS, 4},
};
static const struct spelling length9[] = {
	{"grad_norm", LC_GRAD_NORM, 9}, {"test_loss", LC_TEST_LOSS, 9},
	{"eval_loss", LC_VAL_LOSS, 5},	{"iteration", LC_KEY_STEP, 5},
	{"wall_time", LC_WALL_S, 5},	{"elapsed_s", LC_WALL_S, 5},
	{"loss_eval", LC_VAL_LOSS, 5},	{"mean_loss", LC_LOSS, 4},
	{"approx_kl", LC_KL, 5},	{"policy_kl", LC_KL, 4},
};
static const struct spelling length10[] = {
	{"valid_loss", LC_VAL_LOSS, 5},	 {"loss_train", LC_LOSS, 5}, {"num_tokens", LC_TOKENS, 5},
	{"total_norm", LC_GRAD_NORM, 4}, {"total_loss", LC_LOSS, 4},
};
static const struct spelling length11[] = {
	{"global_step", LC_KEY_STEP, 6}, {"tokens_seen", LC_TOKENS, 5},
	{"num_updates", LC_KEY_STEP, 5}, {"val_lm_loss", LC_VAL_LOSS, 4},
	{"mean_reward", LC_REWARD, 5},	 {"reward_mean", LC_REWARD, 5},
};
static const struct spelling length12[] = {
	{"attn_entropy", LC_ATTN_ENTROPY, 9}, {"act_kurtosis", LC_ACT_KURTOSIS, 9},
	{"update_ratio", LC_UPDATE_RATIO, 9}, {"total_tokens", LC_TOKENS, 5},
	{"eval_lm_loss", LC_VAL_LOSS, 4},     {"rewards_mean", LC_REWARD, 4},
	{"objective_kl", LC_KL, 5},
};
static const struct spelling length13[] = {
	{"learning_rate", LC_LR, 5},   {"gradient_norm", LC_GRAD_NORM, 5},
	{"cross_entropy", LC_LOSS, 4}, {"actor_entropy", LC_ENTROPY, 4},
	{"kl_divergence", LC_KL, 5},
};
static const struct spelling length14[] = {
	{"attn_logit_max", LC_ATTN_LOGIT_MAX, 9},
	{"max_attn_logit", LC_ATTN_LOGIT_MAX, 5},
	{"policy_entropy", LC_ENTROPY, 5},
	{"episode_reward", LC_REWARD, 5},
};
static const struct spelling length15[] = {
	{"validation_loss", LC_VAL_LOSS, 5},
	{"consumed_tokens", LC_TOKENS, 5},
	{"total_grad_norm", LC_GRAD_NORM, 5},
	{"global_avg_loss", LC_LOSS, 4},
};
static const struct spelling length16[] = {
	{"global_grad_norm", LC_GRAD_NORM, 5},
	{"crossentropyloss", LC_LOSS, 4},
};
static const struct spelling length17[] = {
	{"attention_entropy", LC_ATTN_ENTROPY, 5},
	{"objective_entropy", LC_ENTROPY, 4},
};
static const struct spelling length18[] = {
	{"reduced_train_loss", LC_LOSS, 4},
};
static const struct spelling length19[] = {
	{"rollout_ep_rew_mean", LC_REWARD, 4},
	{"critic_rewards_mean", LC_REWARD, 4},
};
static const struct spelling length20[] = {
	{"learning_rate_group0", LC_LR, 4},
};

static const struct {
	const struct spelling *names;
	size_t n;
} by_length[LONGEST + 1] = {
#define L(N) [N] = {length##N, COUNT(length##N)}
	L(1),  L(2),  L(3),  L(4),  L(5),  L(6),  L(7),	 L(8),	L(9),  L(10),
	L(11), L(12), L(13), L(14), L(15), L(16), L(17), L(18), L(19), L(20),
#undef L
};

/* Dropped from the front of a folded name, for one rank. */
static const struct {
	const char *text;
	size_t len;
} prefixes[] = {{"train_", 6}, {"trainer_", 8}, {"training_", 9}, {"optim_", 6}};

static inline char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	return c == '/' || c == '-' || c == '.' || c == ' ' ? '_' : c;
}

/* A name with zeros behind it, to the size of spelling.name. */
static const struct spelling *look_up(const char name[24], size_t len)
{
	const struct spelling *s = by_length[len].names;

	for (size_t n = by_length[len].n; n > 0; n--, s++)
		if (memcmp(s->name, name, 8) == 0 && memcmp(s->name + 8, name + 8, 16) == 0)
			return s;
	return NULL;
}

/* The same for part of a longer name. */
static const struct spelling *look_up_part(const char *name, size_t len)
{
	char padded[24] = "";

	if (len > LONGEST)
		return NULL;
	memcpy(padded, name, len);
	return look_up(padded, len);
}

/* A name that is not written as the known ones are. */
static int folded_key(const char *s, size_t len, int *rank)
{
	char name[LONGEST + 9];
	const struct spelling *found;

	for (size_t i = 0; i < len; i++)
		name[i] = fold(s[i]);
	if ((found = look_up_part(name, len))) {
		*rank = found->rank;
		return found->key;
	}
	if (name[0] != 't' && name[0] != 'o')
		return LC_KEY_NONE;
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		size_t cut = prefixes[i].len;

		if (len > cut && memcmp(name, prefixes[i].text, cut) == 0) {
			found = look_up_part(name + cut, len - cut);
			*rank = found ? found->rank - 1 : 0;
			/* type, v, run and branch of a train_ thing are not the record's own */
			return found && found->key <= LC_KEY_STEP ? found->key : LC_KEY_NONE;
		}
	}
	return LC_KEY_NONE;
}

int lc_name_key(const char *s, size_t len, int *rank)
{
	const struct spelling *found;

	if (len == 0 || len > LONGEST + 9)
		return LC_KEY_NONE;
	if ((found = look_up_part(s, len))) {
		*rank = found->rank;
		return found->key;
	}
	return folded_key(s, len, rank);
}

int lc_names_key(const struct lc_names *names, const char *s, size_t len, int *rank)
{
	int key;

	*rank = 100;
	for (int i = 0; names && i < names->n; i++)
		if (strlen(names->map[i].name) == len && memcmp(names->map[i].name, s, len) == 0)
			return names->map[i].metric < 0 ? LC_KEY_STEP : names->map[i].metric;
	key = lc_name_key(s, len, rank);
	for (int i = 0; names && i < names->n && key >= 0; i++)
		if (key == (names->map[i].metric < 0 ? LC_KEY_STEP : names->map[i].metric))
			return LC_KEY_NONE;
	return key;
}

const char *lc_metric_name(enum lc_metric m)
{
	return metric_names[m];
}

int lc_names_add(struct lc_names *names, const char *arg, struct lc_err *err)
{
	const char *eq = strchr(arg, '=');
	size_t len = eq ? (size_t)(eq - arg) : 0;
	int metric = -2;

	if (!eq || len == 0 || eq[1] == '\0')
		return lc_fail(err, LC_USAGE,
			       "%s: a name is given as METRIC=NAME, such as loss=my/name", arg);
	if (len == 4 && memcmp(arg, "step", 4) == 0)
		metric = -1;
	for (int m = 0; m < LC_METRICS; m++)
		if (strlen(metric_names[m]) == len && memcmp(arg, metric_names[m], len) == 0)
			metric = m;
	if (metric == -2)
		return lc_fail(err, LC_USAGE, "%.*s: no metric of that name", (int)len, arg);
	if (names->n == (int)COUNT(names->map))
		return lc_fail(err, LC_USAGE, "%s: more than %zu names", arg, COUNT(names->map));
	if (strlen(eq + 1) >= sizeof(names->map[0].name))
		return lc_fail(err, LC_USAGE, "%s: name too long", arg);
	names->map[names->n].metric = metric;
	strcpy(names->map[names->n++].name, eq + 1);
	return 0;
}
