/*
 * json: numbers that read back, non-finite numbers as strings, files that appear whole.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "rng.h"

static void prints(double x, const char *want)
{
	char buf[LC_NUM_LEN];

	cr_assert_str_eq(lc_num(buf, x), want);
}

Test(json, numbers_print_short)
{
	prints(2.3, "2.3");
	prints(0.1 + 0.2, "0.30000000000000004");
	prints(3e-4, "0.0003");
	prints(1200, "1200");
	prints(1234567, "1234567");
	prints(9007199254740993.0, "9007199254740992");
	prints(-0.0, "-0");
	prints(NAN, "\"nan\"");
	prints(-NAN, "\"nan\"");
	prints(INFINITY, "\"inf\"");
	prints(-INFINITY, "\"-inf\"");
}

Test(json, numbers_read_back)
{
	struct lc_rng r = {.seed = 21};
	char buf[LC_NUM_LEN];

	for (int i = 0; i < 100000; i++) {
		uint64_t u = lc_rng_u64(&r);
		double x, back;
		float f;

		memcpy(&x, &u, sizeof(x));
		memcpy(&f, &u, sizeof(f));
		if (isfinite(x)) {
			back = strtod(lc_num(buf, x), NULL);
			cr_assert_eq(memcmp(&x, &back, sizeof(x)), 0, "%s", buf);
		}
		if (isfinite(f)) {
			cr_assert_eq(strtof(lc_num_f32(buf, f), NULL), f, "%s", buf);
			cr_assert_leq(strlen(buf), 15, "%s", buf);
		}
	}
	cr_assert_str_eq(lc_num_f32(buf, 0.1f), "0.1");
}

Test(json, non_finite_numbers_go_round)
{
	const double xs[] = {NAN, INFINITY, -INFINITY, 2.5};

	for (int i = 0; i < 4; i++) {
		json_t *v = lc_json_num(xs[i]);
		double x;

		cr_assert_eq(lc_json_to_num(v, &x), 0);
		cr_assert(isnan(xs[i]) ? isnan(x) : x == xs[i]);
		json_decref(v);
	}
}

Test(json, lookups_are_forgiving)
{
	const char *text = "{\"a\":1,\"b\":\"2.5\",\"c\":\"x\",\"d\":null,\"e\":\"\",\"f\":3.9}";
	json_t *o = lc_json_parse(text, strlen(text), "t", NULL);

	cr_assert_not_null(o);
	cr_assert_eq(lc_json_get_num(o, "a", -1), 1);
	cr_assert_eq(lc_json_get_num(o, "b", -1), 2.5);
	cr_assert_eq(lc_json_get_num(o, "c", -1), -1);
	cr_assert_eq(lc_json_get_num(o, "d", -1), -1);
	cr_assert_eq(lc_json_get_num(o, "e", -1), -1);
	cr_assert_eq(lc_json_get_num(o, "nosuch", -1), -1);
	cr_assert_eq(lc_json_get_int(o, "f", -1), 3);
	cr_assert_eq(lc_json_get_int(o, "c", -1), -1);
	cr_assert_str_eq(lc_json_get_str(o, "c", "none"), "x");
	cr_assert_str_eq(lc_json_get_str(o, "a", "none"), "none");
	json_decref(o);
}

Test(json, integers_end_at_2_to_the_53)
{
	const char *text = "{\"in\":[9007199254740992,-9007199254740992],"
			   "\"out\":[9223372036854775807,-9223372036854775808,1e300,\"1e17\"]}";
	json_t *v = lc_json_parse(text, strlen(text), "t", NULL), *x, *o = json_object();
	size_t i;

	json_array_foreach(json_object_get(v, "in"), i, x) {
		json_object_set(o, "x", x);
		cr_expect_eq(lc_json_get_int(o, "x", 7), i ? -(1L << 53) : 1L << 53);
	}
	json_array_foreach(json_object_get(v, "out"), i, x) {
		json_object_set(o, "x", x);
		cr_expect_eq(lc_json_get_int(o, "x", 7), 7, "%zu", i);
	}
	json_decref(o);
	json_decref(v);
}

Test(json, text_is_strict_and_in_order)
{
	const char *text =
		"{\"z\":[1,2.5,true,false,null],\"a\":\"q\\\"\\\\\\n\\t\\u0001\xc3\xa9\",\"m\":{}}";
	json_t *v = lc_json_parse(text, strlen(text), "t", NULL);
	char *back = lc_json_text(v);

	cr_assert_str_eq(back, text);
	free(back);
	json_decref(v);
}

Test(json, the_last_of_duplicate_keys_wins)
{
	json_t *v = lc_json_parse("{\"a\":1,\"a\":2}", 13, "t", NULL);

	cr_assert_eq(lc_json_get_int(v, "a", 0), 2);
	json_decref(v);
}

Test(json, bad_text_is_bad_data)
{
	static const char *const bad[] = {"",	  "{",	  "{\"a\":NaN}", "{'a':1}",
					  "[1,]", "\xff", "{\"a\":1}x"};
	struct lc_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_assert_null(lc_json_parse(bad[i], strlen(bad[i]), "d.json", &err), "%s", bad[i]);
		cr_assert_eq(err.code, LC_DATA);
		cr_assert_eq(strncmp(err.text, "d.json: ", 8), 0);
	}
}

Test(json, files)
{
	char dir[] = "json-test.XXXXXX", *path;
	struct lc_err err;
	json_t *v, *back;

	cr_assert_not_null(mkdtemp(dir));
	path = lc_path("%s/a.json", dir);
	v = lc_record_new("alert", 1);
	cr_assert_eq(lc_json_save(path, v, &err), 0, "%s", err.text);
	back = lc_json_load(path, &err);
	cr_assert(json_equal(v, back));
	json_decref(back);
	cr_assert_eq(lc_write_file(path, "{\"a\":", 5, &err), 0);
	cr_assert_null(lc_json_load(path, &err));
	cr_assert_eq(err.code, LC_DATA);
	unlink(path);
	cr_assert_null(lc_json_load(path, &err));
	cr_assert_eq(err.code, LC_SYS);
	json_decref(v);
	free(path);
	rmdir(dir);
}

Test(json, records_know_their_version)
{
	json_t *v = lc_record_new("alert", 2);
	struct lc_err err;

	cr_assert_eq(lc_record_is(v, "alert", 2, &err), 1);
	cr_assert_eq(lc_record_is(v, "branch", 1, &err), 0);
	cr_assert_eq(lc_record_is(v, "alert", 1, &err), -1);
	cr_assert_eq(err.code, LC_DATA);
	json_object_set_new(v, "v", json_integer(INT64_MAX));
	cr_assert_eq(lc_record_is(v, "alert", 1, &err), -1);
	json_object_del(v, "type");
	cr_assert_eq(lc_record_is(v, "alert", 1, &err), 0);
	json_decref(v);
}

Test(json, a_full_disk_is_told)
{
	FILE *full = fopen("/dev/full", "w");
	json_t *v = lc_record_new("alert", 1);
	struct lc_err err;

	cr_assert_eq(lc_json_emit(full, v, &err), -1);
	cr_assert_eq(err.code, LC_SYS);
	json_decref(v);
	fclose(full);
}
