/* journal, ref: appended whole by many at once, torn tails passed over, refs read back or refused.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "journal.h"
#include "json.h"
#include "ref.h"

static char dir[] = "/tmp/lc-journal.XXXXXX", path[64];

static void in_dir(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/j", dir);
}

static void remove_dir(void)
{
	lc_remove_tree(dir, NULL);
}

TestSuite(journal, .init = in_dir, .fini = remove_dir);

static void add(const char *type, long n)
{
	struct lc_journal j;
	json_t *rec = lc_record_new(type, 1);

	json_object_set_new(rec, "n", json_integer(n));
	cr_assert_eq(lc_journal_open(&j, path, NULL), 0);
	cr_assert_eq(lc_journal_add(&j, rec, NULL), 0);
	lc_journal_close(&j);
	json_decref(rec);
}

static int count(void *ctx, json_t *rec, const char *line, struct lc_err *err)
{
	long *seen = ctx;

	(void)line;
	(void)err;
	seen[lc_json_get_int(rec, "n", 0)]++;
	return 0;
}

static const char *const ours[] = {"a", "b", NULL};

Test(journal, many_writers_lose_nothing)
{
	long seen[200] = {0};

	for (int p = 0; p < 4; p++)
		if (fork() == 0) {
			for (long i = 0; i < 50; i++)
				add(i % 2 ? "a" : "b", 50L * p + i);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	cr_assert_eq(lc_journal_each(path, ours, 1, count, seen, NULL), 0);
	for (int i = 0; i < 200; i++)
		cr_assert_eq(seen[i], 1);
}

Test(journal, a_torn_tail_costs_its_own_record_only)
{
	static const char torn[] =
		"{\"type\":\"a\",\"v\":1,\"n\":1}\n{\"type\":\"a\",\"v\":1,\"n\":2";
	long seen[8] = {0};

	cr_assert_eq(lc_write_file(path, torn, sizeof(torn) - 1, NULL), 0);
	add("a", 3);
	add("c", 4); /* not asked for */
	cr_assert_eq(lc_journal_each(path, ours, 1, count, seen, NULL), 0);
	cr_assert_eq(seen[1], 1);
	cr_assert_eq(seen[2], 0);
	cr_assert_eq(seen[3], 1);
	cr_assert_eq(seen[4], 0);
}

Test(journal, a_later_version_is_refused)
{
	static const char later[] = "{\"type\":\"a\",\"v\":2,\"n\":1}\n";
	struct lc_err err;
	long seen[8];

	cr_assert_eq(lc_write_file(path, later, sizeof(later) - 1, NULL), 0);
	cr_assert_eq(lc_journal_each(path, ours, 1, count, seen, &err), -1);
	cr_assert_eq(err.code, LC_DATA);
}

Test(ref, reads_back)
{
	struct lc_ref ref = {.run = "a/b \"c\"", .step = 7, .seq = 31, .by = "sha256:x"}, back;
	char *text;

	memset(ref.snapshot.b, 0xa5, sizeof(ref.snapshot.b));
	text = lc_ref_text(&ref);
	cr_assert_eq(lc_ref_parse(text, strlen(text), &back, NULL), 0);
	cr_assert_str_eq(back.run, ref.run);
	cr_assert_str_eq(back.by, ref.by);
	cr_assert_eq(back.step, 7);
	cr_assert_eq(back.seq, 31);
	cr_assert_arr_eq(back.snapshot.b, ref.snapshot.b, sizeof(ref.snapshot.b));
	for (size_t cut = 0; cut + 2 < strlen(text); cut++) { /* the newline is no part of it */
		struct lc_ref none;
		cr_assert_eq(lc_ref_parse(text, cut, &none, NULL), -1);
	}
	lc_ref_release(&back);
	free(text);
}

Test(ref, of_another_run_is_refused)
{
	char store[] = "/tmp/lc-ref.XXXXXX", *a, *b, *refs;
	struct lc_ref ref = {.run = "a"}, back;
	struct lc_err err;

	cr_assert(mkdtemp(store));
	refs = lc_path("%s/refs", store);
	a = lc_ref_path(store, "b", NULL);
	b = lc_ref_text(&ref);
	cr_assert_eq(lc_ref_read(store, "b", &back, &err), 0);
	cr_assert_eq(lc_mkdirs(refs, NULL), 0);
	cr_assert_eq(lc_write_file(a, b, strlen(b), NULL), 0);
	cr_assert_eq(lc_ref_read(store, "b", &back, &err), -1);
	cr_assert_eq(err.code, LC_DATA);
	lc_remove_tree(store, NULL);
	free(a);
	free(b);
	free(refs);
}
