/* ckpt_load: a state, or its weights, from a checkpoint. See train.h and ckpt.c. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action.h"
#include "io.h"
#include "json.h"
#include "safetensors.h"
#include "train.h"

int ckpt_find(const char *dir, char **path, json_t **state, struct lc_err *err)
{
	char *file = lc_path("%s/state.json", dir);
	struct dirent **e;
	int n;

	*path = lc_path("%s", dir);
	if (access(file, F_OK) < 0 && (n = scandir(dir, &e, NULL, versionsort)) >= 0) {
		/* sorted as numbers: the last is the newest */
		for (int i = 0; i < n; i++) {
			if (ckpt_step_of(e[i]->d_name) >= 0) {
				free(*path);
				*path = lc_path("%s/%s", dir, e[i]->d_name);
			}
			free(e[i]);
		}
		free(e);
		free(file);
		file = lc_path("%s/state.json", *path);
	}
	*state = lc_json_load(file, err);
	free(file);
	if (*state && lc_json_get_int(*state, "v", 0) != CKPT_VERSION) {
		lc_fail(err, LC_DATA, "%s: state of version %ld: this program knows %d", *path,
			lc_json_get_int(*state, "v", 0), CKPT_VERSION);
		json_decref(*state);
		*state = NULL;
	}
	return *state ? 0 : -1;
}

static int load_tensor(const struct lc_safetensors *st, const struct lc_gpt_tensor *t,
		       const char *suffix, float *x, struct lc_err *err)
{
	char *name = lc_path("%s%s", t->name, suffix);
	struct lc_tensor got;
	int ret = lc_safetensors_get(st, name, &got, err);

	if (ret == 0 &&
	    (strcmp(got.dtype, "F32") != 0 || got.dims != t->dims || got.shape[0] != t->shape[0] ||
	     (t->dims == 2 && got.shape[1] != t->shape[1])))
		ret = lc_fail(err, LC_DATA, "%s: %s has another shape than the state's model",
			      st->path, name);
	if (ret == 0)
		memcpy(x + t->at, got.data, got.bytes);
	free(name);
	return ret;
}

static int load_file(const struct run *r, const char *dir, const char *file,
		     const char *const *suffix, float *const *to, int n, struct lc_err *err)
{
	char *path = lc_path("%s/%s", dir, file);
	struct lc_safetensors st;
	int ret = lc_safetensors_read(&st, path, err);

	free(path);
	if (ret < 0)
		return -1;
	for (int i = 0; i < r->gpt.ntensors && ret == 0; i++)
		for (int k = 0; k < n && ret == 0; k++)
			ret = load_tensor(&st, &r->gpt.tensors[i], suffix[k], to[k], err);
	lc_safetensors_release(&st);
	return ret;
}

int ckpt_load_weights(struct run *r, const char *path, const json_t *state, struct lc_err *err)
{
	static const char *const plain[] = {""};
	struct lc_id id;
	char hex[LC_HEX_LEN + 1];

	if (load_file(r, path, "model.safetensors", plain, &r->w, 1, err) < 0 ||
	    lc_sha256(r->w, r->gpt.count * sizeof(*r->w), &id, err) < 0)
		return -1;
	lc_id_hex(&id, hex);
	r->init = json_pack("{s:I,s:s,s:s}", "step", (json_int_t)lc_json_get_int(state, "step", 0),
			    "text_sha256",
			    lc_json_get_str(json_object_get(state, "data"), "text_sha256", "none"),
			    "weights_sha256", hex);
	return 0;
}

int ckpt_load(struct run *r, const char *path, const json_t *state, struct lc_err *err)
{
	static const char *const plain[] = {""}, *const moments[] = {".exp_avg", ".exp_avg_sq"};
	const json_t *since = json_object_get(state, "since");
	const json_t *o = json_object_get(state, "optimizer");
	float *both[] = {r->m, r->v};
	const char *sha = lc_json_get_str(json_object_get(state, "data"), "text_sha256", "none");
	json_t *actions = json_object_get(state, "actions");
	struct lc_err why;

	if (strcmp(sha, r->data.sha256) != 0)
		return lc_fail(err, LC_DATA, "%s: trained on the text %.16s, %s is %.16s%s", path,
			       sha, r->job.text ? r->job.text : "the bundled one", r->data.sha256,
			       r->job.text ? "" : ": name it with --text");
	r->step = lc_json_get_int(state, "step", -1);
	r->tokens = lc_json_get_int(state, "tokens", -1);
	r->m_updates = lc_json_get_int(o, "m_updates", -1);
	r->v_updates = lc_json_get_int(o, "v_updates", -1);
	r->tail_start = lc_json_get_int(since, "lr_tail", 0);
	r->warm_start = lc_json_get_int(since, "lr_warmup", 0);
	r->hold_start = lc_json_get_int(json_object_get(state, "hold"), "since", 0);
	r->hold_back = lc_json_get_num(json_object_get(state, "hold"), "back", 1);
	if (r->step < 0 || r->tokens < 0 || r->m_updates < 0 || r->v_updates < 0)
		return lc_fail(err, LC_DATA, "%s/state.json: a counter is missing", path);
	if (lc_actions_check(actions, &why) < 0)
		return lc_fail(err, LC_DATA, "%s/state.json: %.400s", path, why.text);
	if (peers_from_json(&r->peers, json_object_get(state, "peers"), path, err) < 0)
		return -1;
	json_object_update(r->actions, actions);
	r->init = json_deep_copy(json_object_get(state, "init"));
	if (load_file(r, path, "model.safetensors", plain, &r->w, 1, err) < 0 ||
	    load_file(r, path, "optimizer.safetensors", moments, both, 2, err) < 0)
		return -1;
	if (r->plan.reward) {
		float *ref;

		rl_open(r);
		ref = rl_reference(r->rl);
		if (load_file(r, path, "reference.safetensors", plain, &ref, 1, err) < 0)
			return -1;
		rl_refer(r);
	}
	return effects_update(r, err);
}
