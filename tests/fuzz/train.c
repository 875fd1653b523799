/*
 * train: any bytes as what lc-train is told and what it reads back: a fault, or a state.json with
 * its plan and what the remedies inside the loop have seen. What is taken is a plan that makes a
 * run, a fault with its steps in order, and statistics that are written as they were read.
 */
#include <stdlib.h>
#include <string.h>

#include "../../cmd/lc-train/train.h"
#include "io.h"

static void fault(const unsigned char *data, size_t len)
{
	char *spec = lc_xalloc(len + 1, 1);
	struct run *r = lc_xalloc(1, sizeof(*r));

	memcpy(spec, data, len);
	r->job.faults[r->job.nfaults++] = spec;
	r->plan.reward = len % 2 != 0;
	if (faults_parse(r, NULL) == 0) {
		const struct fault *f = &r->fault[0];

		if (f->first < 1 || f->last < f->first || f->factor < 0 || f->bit < 0 ||
		    f->bit > 31)
			abort();
	}
	faults_release(r);
	free(r);
	free(spec);
}

static void state(const unsigned char *data, size_t len)
{
	json_t *v = json_loadb((const char *)data, len, 0, NULL), *again;
	struct plan p;
	struct peers a, b;

	if (v && plan_from_json(&p, v, "state", NULL) == 0 && plan_check(&p, NULL) < 0)
		abort();
	if (v && peers_from_json(&a, json_object_get(v, "peers"), "state", NULL) == 0) {
		again = peers_to_json(&a);
		if (peers_from_json(&b, again, "state", NULL) < 0 || a.norms != b.norms ||
		    a.steps != b.steps || memcmp(a.loss, b.loss, sizeof(a.loss)) != 0)
			abort();
		json_decref(again);
	}
	json_decref(v);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	if (len > 0 && *data == '{')
		state(data, len);
	else
		fault(data, len);
	return 0;
}
