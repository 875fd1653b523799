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
	"loss",	  "grad_norm", "lr",	       "val_loss",	 "test_loss",	 "gvar",
	"tokens", "wall_s",    "attn_entropy", "attn_logit_max", "act_kurtosis", "update_ratio",
};

/*
 * The known names after folding, in order of length. Of two in one line that mean the same the
 * higher rank wins, at equal rank the later.
 */
static const struct spelling {
	const char *name;
	unsigned short len;
	short key, rank;
} spellings[] = {
#define S(name, key, rank)                                                                         \
	{                                                                                          \
		name, sizeof(name) - 1, key, rank                                                  \
	}
	S("v", LC_KEY_V, 9),
	S("lr", LC_LR, 9),
	S("run", LC_KEY_RUN, 9),
	S("loss", LC_LOSS, 9),
	S("step", LC_KEY_STEP, 9),
	S("type", LC_KEY_TYPE, 9),
	S("gvar", LC_GVAR, 9),
	S("iter", LC_KEY_STEP, 5),
	S("batch", LC_KEY_BATCH, 9),
	S("gnorm", LC_GRAD_NORM, 5),
	S("_step", LC_KEY_STEP, 3),
	S("tokens", LC_TOKENS, 9),
	S("wall_s", LC_WALL_S, 9),
	S("branch", LC_KEY_BRANCH, 9),
	S("lr_sgd", LC_LR, 3),
	S("run_id", LC_KEY_RUN, 5),
	S("lm_loss", LC_LOSS, 5),
	S("elapsed", LC_WALL_S, 5),
	S("updates", LC_KEY_STEP, 4),
	S("last_lr", LC_LR, 4),
	S("lr_adam", LC_LR, 3),
	S("ce_loss", LC_LOSS, 4),
	S("val_loss", LC_VAL_LOSS, 9),
	S("gradnorm", LC_GRAD_NORM, 5),
	S("iter_num", LC_KEY_STEP, 5),
	S("lr_adamw", LC_LR, 3),
	S("n_tokens", LC_TOKENS, 5),
	S("loss_val", LC_VAL_LOSS, 5),
	S("_runtime", LC_WALL_S, 4),
	S("nll_loss", LC_LOSS, 4),
	S("avg_loss", LC_LOSS, 4),
	S("dev_loss", LC_VAL_LOSS, 4),
	S("grad_norm", LC_GRAD_NORM, 9),
	S("test_loss", LC_TEST_LOSS, 9),
	S("eval_loss", LC_VAL_LOSS, 5),
	S("iteration", LC_KEY_STEP, 5),
	S("wall_time", LC_WALL_S, 5),
	S("elapsed_s", LC_WALL_S, 5),
	S("loss_eval", LC_VAL_LOSS, 5),
	S("mean_loss", LC_LOSS, 4),
	S("valid_loss", LC_VAL_LOSS, 5),
	S("loss_train", LC_LOSS, 5),
	S("num_tokens", LC_TOKENS, 5),
	S("total_norm", LC_GRAD_NORM, 4),
	S("total_loss", LC_LOSS, 4),
	S("global_step", LC_KEY_STEP, 6),
	S("tokens_seen", LC_TOKENS, 5),
	S("num_updates", LC_KEY_STEP, 5),
	S("val_lm_loss", LC_VAL_LOSS, 4),
	S("attn_entropy", LC_ATTN_ENTROPY, 9),
	S("act_kurtosis", LC_ACT_KURTOSIS, 9),
	S("update_ratio", LC_UPDATE_RATIO, 9),
	S("total_tokens", LC_TOKENS, 5),
	S("eval_lm_loss", LC_VAL_LOSS, 4),
	S("learning_rate", LC_LR, 5),
	S("gradient_norm", LC_GRAD_NORM, 5),
	S("cross_entropy", LC_LOSS, 4),
	S("attn_logit_max", LC_ATTN_LOGIT_MAX, 9),
	S("max_attn_logit", LC_ATTN_LOGIT_MAX, 5),
	S("validation_loss", LC_VAL_LOSS, 5),
	S("consumed_tokens", LC_TOKENS, 5),
	S("total_grad_norm", LC_GRAD_NORM, 5),
	S("global_avg_loss", LC_LOSS, 4),
	S("global_grad_norm", LC_GRAD_NORM, 5),
	S("crossentropyloss", LC_LOSS, 4),
	S("attention_entropy", LC_ATTN_ENTROPY, 5),
	S("reduced_train_loss", LC_LOSS, 4),
	S("learning_rate_group0", LC_LR, 4),
#undef S
};
#define LONGEST 20

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

static const struct spelling *look_up(const char *name, size_t len)
{
	size_t lo = 0, n = COUNT(spellings);

	while (n > 0) {
		size_t half = n / 2;

		if (spellings[lo + half].len < len) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	for (; lo < COUNT(spellings) && spellings[lo].len == len; lo++)
		if (spellings[lo].name[0] == name[0] && memcmp(spellings[lo].name, name, len) == 0)
			return &spellings[lo];
	return NULL;
}

int lc_name_key(const char *s, size_t len, int *rank)
{
	char name[LONGEST + 9];
	const struct spelling *found;

	if (len == 0 || len > sizeof(name))
		return LC_KEY_NONE;
	for (size_t i = 0; i < len; i++)
		name[i] = fold(s[i]);
	found = len <= LONGEST ? look_up(name, len) : NULL;
	if (found) {
		*rank = found->rank;
		return found->key;
	}
	if (name[0] != 't' && name[0] != 'o')
		return LC_KEY_NONE;
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		size_t cut = prefixes[i].len;

		if (len > cut && len - cut <= LONGEST && memcmp(name, prefixes[i].text, cut) == 0) {
			found = look_up(name + cut, len - cut);
			*rank = found ? found->rank - 1 : 0;
			/* type, v, run and branch of a train_ thing are not the record's own */
			return found && found->key <= LC_KEY_STEP ? found->key : LC_KEY_NONE;
		}
	}
	return LC_KEY_NONE;
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
