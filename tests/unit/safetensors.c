/*
 * safetensors: round trips, and files that were cut, flipped or made up.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "safetensors.h"

static const float a[6] = {1, 2, 3, 4, 5, -0.0f};
static const float b[2] = {7, 8};

static char *temporary(void)
{
	char *path = lc_path("%s/lc-st.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	close(fd);
	return path;
}

static char *sample(void)
{
	struct lc_tensor t[2] = {
		{.name = "a.weight",
		 .dtype = "F32",
		 .dims = 2,
		 .shape = {2, 3},
		 .data = a,
		 .bytes = sizeof(a)},
		{.name = "b",
		 .dtype = "F32",
		 .dims = 1,
		 .shape = {2},
		 .data = b,
		 .bytes = sizeof(b)},
	};
	char *path = temporary();
	struct lc_err err;

	cr_assert_eq(lc_safetensors_write(path, t, 2, &err), 0, "%s", err.text);
	return path;
}

Test(safetensors, what_was_written_is_read)
{
	char *path = sample();
	struct lc_safetensors st;
	struct lc_tensor t;
	struct lc_err err;

	cr_assert_eq(lc_safetensors_read(&st, path, &err), 0, "%s", err.text);
	cr_assert_eq(st.data % 8, 0);
	cr_assert_eq(lc_safetensors_get(&st, "a.weight", &t, &err), 0);
	cr_assert_eq(t.dims, 2);
	cr_assert_eq(t.shape[0], 2);
	cr_assert_eq(t.shape[1], 3);
	cr_assert_str_eq(t.dtype, "F32");
	cr_assert_arr_eq(t.data, a, sizeof(a));
	cr_assert_eq(lc_safetensors_get(&st, "b", &t, &err), 0);
	cr_assert_arr_eq(t.data, b, sizeof(b));
	cr_assert_eq(lc_safetensors_get(&st, "c", &t, &err), -1);
	cr_assert_eq(err.code, LC_DATA);
	lc_safetensors_release(&st);
	unlink(path);
	free(path);
}

/* Read the bytes as a file: 0 or -1, and never a crash; an error is one line of LC_DATA. */
static int try(const char *buf, size_t len)
{
	char *path = temporary();
	struct lc_safetensors st;
	struct lc_err err;
	FILE *f = fopen(path, "wb");
	int ret;

	cr_assert(f && fwrite(buf, 1, len, f) == len && fclose(f) == 0);
	ret = lc_safetensors_read(&st, path, &err);
	if (ret == 0) {
		const char *name;
		json_t *e;

		json_object_foreach(st.header, name, e) {
			struct lc_tensor t;
			volatile unsigned char sum = 0;

			if (lc_safetensors_get(&st, name, &t, &err) == 0)
				for (size_t i = 0; i < t.bytes; i++)
					sum ^= ((const unsigned char *)t.data)[i];
		}
		lc_safetensors_release(&st);
	} else {
		cr_assert_eq(err.code, LC_DATA);
		cr_assert_null(strchr(err.text, '\n'));
	}
	unlink(path);
	free(path);
	return ret;
}

Test(safetensors, every_cut_is_noticed)
{
	char *path = sample(), *buf;
	size_t len;
	struct lc_err err;

	cr_assert_eq(lc_read_file(path, &buf, &len, &err), 0);
	cr_assert_eq(try(buf, len), 0);
	for (size_t n = 0; n < len; n++)
		cr_assert_eq(try(buf, n), -1, "%zu of %zu bytes were taken for whole", n, len);
	free(buf);
	unlink(path);
	free(path);
}

Test(safetensors, every_flip_in_the_head_is_survived)
{
	char *path = sample(), *buf;
	size_t len;
	struct lc_err err;

	cr_assert_eq(lc_read_file(path, &buf, &len, &err), 0);
	for (size_t n = 0; n < len - sizeof(a) - sizeof(b); n++)
		for (int bit = 0; bit < 8; bit += 3) {
			buf[n] ^= (char)(1 << bit);
			try(buf, len);
			buf[n] ^= (char)(1 << bit);
		}
	free(buf);
	unlink(path);
	free(path);
}

/* A file of this header and data bytes of zeroes. */
static int made_up(const char *header, size_t data)
{
	size_t n = strlen(header), len = 8 + n + data;
	char *buf = lc_xalloc(len, 1);
	int ret;

	buf[0] = (char)(n & 255);
	buf[1] = (char)(n >> 8);
	memcpy(buf + 8, header, n);
	ret = try(buf, len);
	free(buf);
	return ret;
}

#define T(shape, from, to)                                                                         \
	"{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

Test(safetensors, headers_that_lie)
{
	cr_assert_eq(made_up("{\"x\":" T("[2]", "0", "8") "}", 8), 0);
	cr_assert_eq(made_up("{\"__metadata__\":{\"k\":\"v\"},\"x\":" T("[]", "0", "4") "}", 4), 0);
	cr_assert_eq(made_up("{\"x\":" T("[2]", "0", "8") "}", 9), -1); /* bytes left over */
	cr_assert_eq(made_up("{\"x\":" T("[3]", "0", "8") "}", 8),
		     -1); /* shape and length differ */
	cr_assert_eq(made_up("{\"x\":" T("[2]", "8", "0") "}", 8), -1); /* backwards */
	cr_assert_eq(made_up("{\"x\":" T("[2]", "0", "8") ",\"y\":" T("[2]", "0", "8") "}", 8), -1);
	cr_assert_eq(made_up("{\"x\":" T("[-2]", "0", "8") "}", 8), -1);
	cr_assert_eq(made_up("{\"x\":" T("[4611686018427387905,4]", "0", "4") "}", 4),
		     -1); /* overflows */
	cr_assert_eq(made_up("{\"x\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8),
		     -1);
	cr_assert_eq(made_up("[]", 0), -1);
	cr_assert_eq(made_up("{\"x\":1}", 0), -1);
}

Test(safetensors, a_full_disk_is_reported)
{
	struct lc_tensor t = {.name = "b",
			      .dtype = "F32",
			      .dims = 1,
			      .shape = {2},
			      .data = b,
			      .bytes = sizeof(b)};
	struct lc_err err;

	cr_assert_eq(lc_safetensors_write("/dev/full", &t, 1, &err), -1);
	cr_assert_eq(err.code, LC_SYS);
}
