/*
 * ledger: any bytes as what a store and a journal keep of decisions: refs, incidents, outcomes,
 * past decisions. What is taken is well-formed, and a ref reads back.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incident.h"
#include "io.h"
#include "json.h"
#include "ref.h"

/* The program's own files: there is no library of them. */
#include "../../cmd/lc-collapse/decision.c"
#include "../../cmd/lc-collapse/past.c"

static char dir[] = "/tmp/lc-fuzz-ledger.XXXXXX", memory[64];

static void remove_dir(void)
{
	lc_remove_tree(dir, NULL);
}

static void try_ref(const unsigned char *data, size_t len)
{
	struct lc_ref ref, back;
	char *text;

	if (lc_ref_parse((const char *)data, len, &ref, NULL) < 0)
		return;
	text = lc_ref_text(&ref);
	if (lc_ref_parse(text, strlen(text), &back, NULL) < 0 || strcmp(ref.run, back.run) != 0 ||
	    ref.seq != back.seq || ref.step != back.step || strcmp(ref.by, back.by) != 0)
		abort();
	lc_ref_release(&ref);
	lc_ref_release(&back);
	free(text);
}

static void try_memory(void)
{
	json_t *all = lc_memory_read(dir, NULL, NULL), *out;

	for (size_t i = 0; i < json_array_size(all); i++) {
		if (lc_incident_check(json_array_get(all, i), NULL) < 0)
			abort();
		out = json_object_get(json_array_get(all, i), "outcome");
		if (out && lc_outcome_check(out, NULL) < 0)
			abort();
	}
	json_decref(all);
}

static void try_past(void)
{
	struct past_list list;

	if (past_list_read(&list, memory, NULL) == 0)
		for (int i = 0; i < list.n; i++) {
			struct past_run seen;
			if (past_run_read(&seen, memory, &list.p[i], 1000, NULL) < 0)
				abort();
			for (int k = 1; k < seen.f.n; k++)
				if (seen.f.r[k].step <= seen.f.r[k - 1].step)
					abort();
			past_run_release(&seen);
		}
	past_list_release(&list);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	if (!*memory) {
		if (!mkdtemp(dir))
			abort();
		atexit(remove_dir);
		snprintf(memory, sizeof(memory), "%s/memory.jsonl", dir);
	}
	FILE *f = fopen(memory, "wb");
	if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0)
		abort();
	try_ref(data, len);
	try_memory();
	try_past();
	return 0;
}
