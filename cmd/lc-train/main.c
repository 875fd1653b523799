/*
 * lc-train: a small real GPT trainer on CPU. This file: from the command line to a run, its loop,
 * its records, its end.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "train.h"

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

/* What nohup(1), or a shell for a job with &, has told us to ignore stays ignored. */
static void catch_signals(void)
{
	static const int ends[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, was;

	sigemptyset(&sa.sa_mask);
	for (int i = 0; i < 3; i++)
		if (sigaction(ends[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			sigaction(ends[i], &sa, NULL);
}

/* As if the signal had not been caught, now that the state is safe. */
static void die_of_signal(void)
{
	fflush(stdout);
	signal(caught, SIG_DFL);
	raise(caught);
}

static void put(const char *name, double x)
{
	char buf[LC_NUM_LEN];

	printf(",\"%s\":%s", name, lc_num_f32(buf, (float)x));
}

static void put_text(const char *name, const char *s)
{
	json_t *v = s ? json_string(s) : NULL;
	char *text = v ? lc_json_text(v) : NULL;

	if (text)
		printf(",\"%s\":%s", name, text);
	free(text);
	json_decref(v);
}

static int emit(const struct run *r, const struct report *rep, struct lc_err *err)
{
	char buf[LC_NUM_LEN];

	printf("{\"step\":%ld", rep->step);
	put("loss", rep->loss);
	put("grad_norm", rep->grad_norm);
	printf(",\"lr\":%s", lc_num(buf, rep->lr));
	printf(",\"tokens\":%ld,\"batch\":\"%s\",\"wall_s\":%.6f", rep->tokens, rep->batch,
	       rep->wall_s);
	put_text("run", r->job.run);
	put_text("branch", r->job.branch);
	if (r->rl) {
		put("reward", rep->reward);
		put("kl", rep->kl);
		put("entropy", rep->entropy);
	}
	if (rep->skipped)
		printf(",\"skipped\":1");
	if (rep->clip > 0)
		put("clip", rep->clip);
	if (rep->validated) {
		put(r->rl ? "val_reward" : "val_loss", rep->held[0]);
		put(r->rl ? "test_reward" : "test_loss", rep->held[1]);
	}
	if (rep->probed) {
		if (r->plan.micro > 1)
			put("gvar", rep->gvar);
		if (isfinite(rep->align))
			put("grad_align", rep->align);
		put("attn_entropy", rep->stats.attn_entropy);
		put("attn_logit_max", rep->stats.attn_logit_max);
		put("act_kurtosis", rep->stats.act_kurtosis);
		put("update_ratio", rep->update_ratio);
	}
	puts("}");
	return fflush(stdout) == EOF ? lc_fail_sys(err, "write stdout") : 0;
}

/* What lc-proxy cannot see in steps. Once, where the run begins: a resume adds to the same log. */
static int emit_setup(const struct run *r, struct lc_err *err)
{
	const struct plan *p = &r->plan;
	json_t *v = lc_record_new("setup", 1);
	int ret;

	if (r->job.run)
		json_object_set_new(v, "run", json_string(r->job.run));
	json_object_set_new(v, "params", json_integer((json_int_t)r->gpt.count));
	json_object_set_new(v, "batch", json_integer(p->batch));
	json_object_set_new(v, "tokens", json_integer((json_int_t)p->batch * p->shape.ctx));
	json_object_set_new(v, "steps", json_integer(p->total));
	json_object_set_new(v, "optimizer", json_string("adamw"));
	json_object_set_new(v, "weight_decay", lc_json_num(p->weight_decay));
	json_object_set_new(v, "beta1", lc_json_num(p->beta1));
	json_object_set_new(v, "beta2", lc_json_num(p->beta2));
	if (p->clip > 0)
		json_object_set_new(v, "clip", lc_json_num(p->clip));
	ret = lc_json_emit(stdout, v, err);
	json_decref(v);
	return ret;
}

/* The plan (the state's, at a resume), the text, the model and its state. */
static int make_run(struct run *r, struct lc_err *err)
{
	struct plan given = r->plan;
	char *path = NULL;
	json_t *state = NULL, *from = NULL; /* to go on from, or to begin with its weights */
	lc_sgemm_fn *blas;
	int ret = -1;

	r->actions = json_object();
	if (r->job.resume && (ckpt_find(r->job.resume, &path, &state, err) < 0 ||
			      plan_from_json(&r->plan, state, path, err) < 0 ||
			      options_agree(&given, &r->job, &r->plan, err) < 0))
		goto out;
	if (!state && r->job.init &&
	    (ckpt_find(r->job.init, &path, &from, err) < 0 ||
	     plan_from_json(&given, from, path, err) < 0 ||
	     options_take_model(&r->plan, &r->job, &given, err) < 0))
		goto out;
	if (plan_check(&r->plan, err) < 0 || faults_parse(r, err) < 0)
		goto out;
	blas = lc_blas_open(err);
	if (!blas && err->code != LC_OK)
		goto out;
	if (lc_gpt_init(&r->gpt, &r->plan.shape, blas, err) < 0) {
		err->code = state ? LC_DATA : LC_USAGE; /* a state that says so is corrupt */
		goto out;
	}
	if (data_open(&r->data, r->job.text, r->plan.shape.ctx, r->job.val_bytes, err) < 0 ||
	    faults_open(r, err) < 0 || train_open(r, err) < 0)
		goto out;
	if (state)
		ret = ckpt_load(r, path, state, err);
	else if (from)
		ret = ckpt_load_weights(r, path, from, err);
	else
		lc_gpt_randomise(&r->gpt, r->w, r->plan.seed), ret = 0;
	if (ret == 0 && !state && r->plan.reward)
		rl_open(r);
	if (ret == 0)
		ret = actions_apply(r, r->job.actions, err);
	if (ret == 0 && state && !r->job.quiet)
		lc_warn("goes on from %s, step %ld", path, r->step);
out:
	json_decref(state);
	json_decref(from);
	free(path);
	return ret;
}

static int loop(struct run *r, struct lc_err *err)
{
	long end = r->job.steps >= 0 ? r->step + r->job.steps : r->plan.total, saved = -1;
	long val = r->job.val_every >= 0 ? r->job.val_every : r->plan.val_every;
	long probe = r->job.probe_every >= 0 ? r->job.probe_every : r->plan.probe_every;
	struct report rep;

	if (r->step == 0 && end > 0 && !r->job.branch && emit_setup(r, err) < 0)
		return -1;
	progress_begin(r);
	while (r->step < end && !caught) {
		long next = r->step + 1;
		const struct job *j = &r->job;

		control_poll(r);
		train_step(r, probe > 0 && next % probe == 0, &rep);
		if (val > 0 && (next % val == 0 || next == r->plan.total)) {
			for (int i = 0; i < 2; i++)
				rep.held[i] = r->rl ? rl_eval(r, i) : train_eval(r, i);
			rep.validated = 1;
		}
		if (emit(r, &rep, err) < 0)
			return -1;
		progress_show(r, &rep, end);
		if (j->stop_on_nan && !isfinite(rep.loss))
			return lc_fail(err, LC_NO, "loss at step %ld is not finite", r->step);
		if (j->out && j->save_every > 0 && r->step % j->save_every == 0) {
			if (ckpt_save(r, err) < 0)
				return -1;
			saved = r->step;
		}
	}
	return r->job.out && saved != r->step ? ckpt_save(r, err) : 0;
}

static void print_config(const struct run *r)
{
	json_t *s = ckpt_state(r);
	char *text = lc_json_text(s);

	puts(text);
	free(text);
	json_decref(s);
}

int main(int argc, char **argv)
{
	struct run r = {0};
	struct lc_err err;

	lc_setup(argv[0]);
	options_parse(argc, argv, &r.plan, &r.job);
	if (make_run(&r, &err) < 0)
		lc_die(&err);
	if (r.job.print_config) {
		print_config(&r);
		train_close(&r);
		return lc_finish(LC_OK);
	}
	if (r.job.out && ckpt_lock(&r, &err) < 0)
		lc_die(&err);
	catch_signals();
	if (loop(&r, &err) < 0)
		lc_die(&err);
	train_close(&r);
	if (caught)
		die_of_signal();
	return lc_finish(LC_OK);
}
