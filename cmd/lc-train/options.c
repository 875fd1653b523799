/* options: the command line. See plan.h. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "options.h"

static void help(void)
{
	printf("usage: lc-train [-q] [--option value]...\n"
	       "Train a small GPT on a text, on the CPU; step records on stdout.\n\n");
	for (size_t i = 0; i < options_count; i++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s %s", options[i].name,
			 options[i].arg ? options[i].arg : "");
		printf("  %-24s %s\n", left, options[i].help);
	}
	exit(lc_finish(LC_OK));
}

static long whole(const char *name, const char *word)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(word, &end, 10);
	if (!*word || *end || errno || n < 0)
		lc_usage("--%s %s: not a whole number from 0", name, word);
	return n;
}

static double real(const char *name, const char *word)
{
	char *end;
	double x = strtod(word, &end);

	if (!*word || *end || !(x >= 0 && x < 1e300))
		lc_usage("--%s %s: not a number from 0", name, word);
	return x;
}

static int choice(const struct option *o, const char *word)
{
	int reward = o->at == offsetof(struct plan, reward);
	const char *const *names = reward ? reward_names : schedule_names;

	for (int i = 0; names[i]; i++)
		if (strcmp(names[i], word) == 0)
			return i;
	lc_usage("--%s %s: not one of %s", o->name, word,
		 reward ? "none, words" : "cosine, wsd, constant");
}

static void action(struct job *j, const char *option, const char *word)
{
	char name[32];
	struct lc_err err;

	if (strcmp(word, "none") == 0)
		return; /* as in the state */
	snprintf(name, sizeof(name), "%s", option);
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	if (lc_action_parse(j->actions, name, word, &err) < 0)
		lc_usage("--%s %s: %s", option, word, err.text);
}

static void set(const struct option *o, const char *word, struct plan *p, struct job *j)
{
	char *to = (o->in_plan ? (char *)p : (char *)j) + o->at;

	/* what lc-fork and lc-guard fill in where nothing is asked for: as if the option were not
	 * there */
	if (word && o->kind != TEXT && strcmp(word, "none") == 0)
		return;
	switch (o->kind) {
	case INT:
		if (whole(o->name, word) > 1 << 20)
			lc_usage("--%s %s: too large", o->name, word);
		*(int *)to = (int)whole(o->name, word);
		break;
	case LONG: *(long *)to = whole(o->name, word); break;
	case SEED:
		if (whole(o->name, word) > 1L << 53) /* what JSON keeps exactly */
			lc_usage("--%s %s: too large", o->name, word);
		*(uint64_t *)to = (uint64_t)whole(o->name, word);
		break;
	case REAL: *(double *)to = real(o->name, word); break;
	case CHOICE: *(int *)to = choice(o, word); break;
	case TEXT: *(const char **)to = word; break;
	case FLAG: *(int *)to = 1; break;
	case FAULT:
		if (j->nfaults == (int)(sizeof(j->faults) / sizeof(*j->faults)))
			lc_usage("--fault: too many");
		j->faults[j->nfaults++] = word;
		break;
	case ACTION: action(j, o->name, word); break;
	}
	if (o->in_plan)
		j->given |= UINT64_C(1) << (o - options);
}

static const struct option *find(const char *name, size_t len)
{
	for (size_t i = 0; i < options_count; i++)
		if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0)
			return &options[i];
	return NULL;
}

/* A fresh run takes clip and beta2 into its plan; a resumed one keeps them as actions. */
static void settle(struct plan *p, struct job *j)
{
	json_t *clip = json_object_get(j->actions, "clip"),
	       *beta2 = json_object_get(j->actions, "beta2");

	if (j->resume && strcmp(j->resume, "none") == 0)
		j->resume = NULL;
	if (!j->branch)
		j->branch = getenv("LC_BRANCH");
	if (j->branch && (!*j->branch || strcmp(j->branch, "none") == 0))
		j->branch = NULL; /* the run itself */
	if (p->micro == 0)
		p->micro = p->batch % 2 ? 1 : 2;
	if (j->resume)
		return;
	if (p->sample == 0)
		p->sample = p->shape.ctx / 2;
	if (j->val_every >= 0)
		p->val_every = j->val_every;
	if (j->probe_every >= 0)
		p->probe_every = j->probe_every;
	if (clip)
		p->clip = json_number_value(clip);
	if (beta2)
		p->beta2 = json_number_value(beta2);
	json_object_del(j->actions, "clip");
	json_object_del(j->actions, "beta2");
}

void options_parse(int argc, char **argv, struct plan *p, struct job *j)
{
	*p = (struct plan){.shape = {2, 64, 2, 64},
			   .batch = 8,
			   .seed = 1,
			   .data_seed = 1,
			   .schedule = WSD,
			   .total = 2000,
			   .warmup = 100,
			   .lr = 2e-3,
			   .decay_frac = 0.2,
			   .weight_decay = 0.1,
			   .beta1 = 0.9,
			   .beta2 = 0.95,
			   .eps = 1e-8,
			   .clip = 1,
			   .kl_coef = 0.05,
			   .val_every = VAL_EVERY,
			   .probe_every = PROBE_EVERY};
	*j = (struct job){.steps = -1,
			  .threads = 1,
			  .val_every = -1,
			  .val_bytes = 16384,
			  .probe_every = -1,
			  .save_every = 100,
			  .actions = json_object()};
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *value = NULL, *equals;
		const struct option *o;

		if (strcmp(word, "-q") == 0)
			word = "--quiet";
		if (strcmp(word, "-h") == 0)
			word = "--help";
		if (strncmp(word, "--", 2) != 0)
			lc_usage(*word == '-' ? "unknown option %s" : "%s: not an option", word);
		equals = strchr(word, '=');
		o = find(word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2));
		if (!o)
			lc_usage("unknown option %s", word);
		if (strcmp(o->name, "help") == 0)
			help();
		if (strcmp(o->name, "version") == 0) {
			printf("lc-train %s\n", LC_VERSION);
			exit(lc_finish(LC_OK));
		}
		if (o->kind != FLAG) {
			value = equals ? equals + 1 : argv[++i];
			if (!value)
				lc_usage("option --%s: wants a value", o->name);
		}
		set(o, value, p, j);
	}
	settle(p, j);
	if (j->threads < 1 || j->threads > 256)
		lc_usage("--threads %d: must be from 1 to 256", j->threads);
}

int options_agree(const struct plan *given, const struct job *j, struct plan *state,
		  struct lc_err *err)
{
	static const double off = 0;

	for (size_t i = 0; i < options_count; i++) {
		const struct option *o = &options[i];
		size_t size = o->kind == REAL || o->kind == LONG || o->kind == SEED ? sizeof(double)
										    : sizeof(int);
		const char *want = (const char *)given + o->at;
		char *have = (char *)state + o->at;

		if (!o->in_plan || !(j->given >> i & 1))
			continue;
		if (o->in_plan == 2 && memcmp(have, &off, size) == 0)
			memcpy(have, want, size);
		if (memcmp(want, have, size) != 0)
			return lc_fail(err, LC_USAGE,
				       "--%s: differs from the plan of the resumed state", o->name);
	}
	return 0;
}

_Static_assert(offsetof(struct plan, shape) == 0, "the sizes are the first of the plan");

int options_take_model(struct plan *p, const struct job *j, const struct plan *from,
		       struct lc_err *err)
{
	for (size_t i = 0; i < options_count; i++) {
		const struct option *o = &options[i];
		int *mine = (int *)(void *)((char *)p + o->at);
		const int *theirs = (const int *)(const void *)((const char *)from + o->at);

		if (!o->in_plan || o->at >= sizeof(p->shape))
			continue;
		if (j->given >> i & 1 && *mine != *theirs)
			return lc_fail(err, LC_USAGE,
				       "--%s %d: the weights of --init are of a model with %d",
				       o->name, *mine, *theirs);
		*mine = *theirs;
	}
	return 0;
}
