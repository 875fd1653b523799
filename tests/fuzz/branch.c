/*
 * branch: any bytes as what lc-fork reads back from a fork's directory: status.json, launch.json,
 * a branch's step records, the plan when a fork is gone on with. What is passed on are strict
 * records, the same each time; a branch that is ended early as void is void at its end too.
 */
#include <sys/stat.h>

/* For how they read a line of a plan and a slot, which nobody else does. */
#include "../../cmd/lc-fork/fleet.c"
#include "../../cmd/lc-fork/runner.c"
#include "../../cmd/lc-fork/verify.h"

#define RECORD                                                                                     \
	"{\"type\":\"branch\",\"v\":1,\"fork\":\"f\",\"branch\":\"b\",\"role\":\"arm\",\"from\":"  \
	"{\"branch\":\"p\",\"step\":100},\"horizon\":10,\"actions\":%s}"

static const char *const told_what[] = {"{}",
					"{\"lr_scale\":0.5}",
					"{\"skip\":[102,104]}",
					"{\"data_shift\":3}",
					"{\"reseed\":7}",
					"{\"lr_tail\":{\"to\":0,\"steps\":10}}"};
static char dir[] = "/tmp/lc-fuzz-branch.XXXXXX";
static struct reference ref;

static void remove_dir(void)
{
	stream_release(&ref.control);
	lc_remove_tree(dir, NULL);
}

static void begin(void)
{
	char id[16], path[64];

	if (!mkdtemp(dir) || atexit(remove_dir) != 0 || !freopen("/dev/null", "w", stdout))
		abort();
	snprintf(path, sizeof(path), "%s/b", dir);
	if (mkdir(path, 0777) < 0)
		abort();
	for (long s = 101; s <= 110; s++) {
		snprintf(id, sizeof(id), "b%ld", s);
		stream_add(&ref.control, &(struct point){s, .001, 3, 0, stream_hash(id)});
	}
}

static void write_as(const char *file, const unsigned char *data, size_t len)
{
	char path[80];
	FILE *f;

	snprintf(path, sizeof(path), "%s/b/%s", dir, file);
	f = fopen(path, "w");
	if (!f || fwrite(data, 1, len, f) != len || fclose(f) == EOF)
		abort();
}

static void make(struct branch *b, const char *actions)
{
	char *text = lc_path(RECORD, actions);

	if (branch_init(b, json_loads(text, 0, NULL), dir, NULL) < 0)
		abort();
	free(text);
}

/* What it passes on; the caller's. */
static char *pass_on(struct branch *b)
{
	char *text = NULL;
	size_t len;
	FILE *m = open_memstream(&text, &len);

	if (!m || branch_read(b, m, NULL) < 0 || fclose(m) == EOF)
		abort();
	for (long i = 1; i < b->steps.n; i++)
		if (b->steps.p[i].step <= b->steps.p[i - 1].step)
			abort();
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		json_t *rec = json_loadb(line, (size_t)(end - line), 0, NULL);
		if (!rec || strcmp(lc_json_get_str(rec, "branch", ""), "b") != 0)
			abort();
		json_decref(rec);
	}
	return text;
}

/* Whatever it was told: as much of it as was there at any time never says more than the end. */
static void judge_it(const char *actions)
{
	struct branch b;
	char why[240], *text;
	long n;
	int early = 0;

	make(&b, actions);
	b.status = DONE;
	text = pass_on(&b);
	n = b.steps.n;
	for (b.steps.n = 1; b.steps.n < n; b.steps.n++)
		early |= verify_so_far(&b, &ref, why);
	b.steps.n = n;
	verify_branch(&b, &ref, NULL);
	if (early && b.status != VOID && b.status != FAILED)
		abort();
	free(text);
	branch_release(&b);
}

static void load(void)
{
	struct branch b;
	struct launch l;
	char path[80], *word;
	json_t *j;

	make(&b, "{}");
	branch_load(&b, "train");
	if (b.status > VOID || strlen(b.why) >= sizeof(b.why) || strlen(b.job) >= sizeof(b.job))
		abort();
	json_decref(branch_result(&b));
	branch_release(&b);
	snprintf(path, sizeof(path), "%s/b/status.json", dir);
	j = lc_json_load(path, NULL);
	if (!j)
		return;
	launch_from_json(&l, j);
	for (int i = 0; i < l.nslots; i++) {
		word = slot_word(l.slots[i], launch_slots(&l));
		if (!strchr(word, '='))
			abort();
		free(word);
	}
	json_decref(j);
}

static void plan(const unsigned char *data, size_t len)
{
	struct settings set = {.retries = 0};
	struct fleet f = {.set = &set, .print = stdout, .keeper = {.fd = -1}};
	const char *line = (const char *)data, *end;
	struct lc_err err;

	f.dir = lc_path("%s", dir);
	while (len > 0 && (end = memchr(line, '\n', len))) {
		take_line(&f, NULL, line, (size_t)(end - line), &err);
		len -= (size_t)(end - line) + 1;
		line = end + 1;
	}
	for (int i = 0; i < f.n; i++)
		if (fleet_find(&f, f.b[i]->id) != f.b[i] || strchr(f.b[i]->id, '/'))
			abort();
	all_have_parents(&f, &err);
	json_decref(fleet_own_actions(&f));
	fleet_release(&f);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	if (!ref.control.n)
		begin();
	write_as("stdout.jsonl", data, len);
	for (size_t i = 0; i < sizeof(told_what) / sizeof(told_what[0]); i++)
		judge_it(told_what[i]);
	write_as("status.json", data, len);
	load();
	plan(data, len);
	return 0;
}
