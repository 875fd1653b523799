/* json: see json.h. */
#include "json.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

static char *nonfinite(char *buf, double x)
{
	return strcpy(buf, isnan(x) ? "\"nan\"" : x > 0 ? "\"inf\"" : "\"-inf\"");
}

char *lc_num(char buf[LC_NUM_LEN], double x)
{
	if (!isfinite(x))
		return nonfinite(buf, x);
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(buf, LC_NUM_LEN, "%.*g", digits, x);
		if (strtod(buf, NULL) == x)
			break;
	}
	return buf;
}

char *lc_num_f32(char buf[LC_NUM_LEN], float x)
{
	if (!isfinite(x))
		return nonfinite(buf, (double)x);
	for (int digits = 6; digits <= 9; digits++) {
		snprintf(buf, LC_NUM_LEN, "%.*g", digits, (double)x);
		if (strtof(buf, NULL) == x)
			break;
	}
	return buf;
}

json_t *lc_json_num(double x)
{
	if (!isfinite(x))
		return json_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
	return json_real(x);
}

int lc_json_to_num(const json_t *v, double *x)
{
	const char *s;
	char *end;

	if (json_is_number(v)) {
		*x = json_number_value(v);
		return 0;
	}
	s = json_string_value(v);
	if (!s || !*s)
		return -1;
	*x = strtod(s, &end);
	return *end ? -1 : 0;
}

double lc_json_get_num(const json_t *obj, const char *key, double absent)
{
	double x;

	return lc_json_to_num(json_object_get(obj, key), &x) == 0 ? x : absent;
}

long lc_json_get_int(const json_t *obj, const char *key, long absent)
{
	double x;

	/* up to 2^53 a double holds each integer, and sums of a few do not overflow */
	if (lc_json_to_num(json_object_get(obj, key), &x) < 0 || !(fabs(x) <= 0x1p53))
		return absent;
	return (long)x;
}

const char *lc_json_get_str(const json_t *obj, const char *key, const char *absent)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : absent;
}

static void write_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", f);
		else if (c == '\t')
			fputs("\\t", f);
		else if (c < 0x20)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

static void write_value(FILE *f, const json_t *v)
{
	char buf[LC_NUM_LEN];
	const char *key;
	json_t *x;
	size_t i;
	int first = 1;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		fputc('{', f);
		json_object_foreach((json_t *)v, key, x) {
			if (!first)
				fputc(',', f);
			first = 0;
			write_string(f, key);
			fputc(':', f);
			write_value(f, x);
		}
		fputc('}', f);
		break;
	case JSON_ARRAY:
		fputc('[', f);
		json_array_foreach(v, i, x) {
			if (i)
				fputc(',', f);
			write_value(f, x);
		}
		fputc(']', f);
		break;
	case JSON_STRING: write_string(f, json_string_value(v)); break;
	case JSON_INTEGER: fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(v)); break;
	case JSON_REAL: fputs(lc_num(buf, json_real_value(v)), f); break;
	case JSON_TRUE: fputs("true", f); break;
	case JSON_FALSE: fputs("false", f); break;
	case JSON_NULL: fputs("null", f); break;
	}
}

char *lc_json_text(const json_t *v)
{
	char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);

	if (!f)
		abort();
	write_value(f, v);
	if (fclose(f) == EOF)
		abort();
	return buf;
}

int lc_json_emit(FILE *f, const json_t *v, struct lc_err *err)
{
	char *s = lc_json_text(v);
	int bad = fprintf(f, "%s\n", s) < 0 || fflush(f) == EOF;

	free(s);
	return bad ? lc_fail_sys(err, "write a record") : 0;
}

json_t *lc_json_parse(const char *buf, size_t len, const char *what, struct lc_err *err)
{
	json_error_t je;
	json_t *v = json_loadb(buf, len, JSON_DECODE_ANY, &je);

	if (!v)
		lc_fail(err, LC_DATA, "%s: %s", what, je.text);
	return v;
}

json_t *lc_json_load(const char *path, struct lc_err *err)
{
	char *buf;
	size_t len;
	json_t *v;

	if (lc_read_file(path, &buf, &len, err) < 0)
		return NULL;
	v = lc_json_parse(buf, len, path, err);
	free(buf);
	return v;
}

int lc_json_save(const char *path, const json_t *v, struct lc_err *err)
{
	struct lc_newfile nf;
	char *s;

	if (lc_newfile_open(&nf, path, err) < 0)
		return -1;
	s = lc_json_text(v);
	fprintf(nf.f, "%s\n", s);
	free(s);
	return lc_newfile_commit(&nf, err);
}

int lc_record_is(const json_t *rec, const char *type, long max_v, struct lc_err *err)
{
	const char *t = lc_json_get_str(rec, "type", "");
	long v;

	if (strcmp(t, type) != 0)
		return 0;
	v = lc_json_get_int(rec, "v", json_is_number(json_object_get(rec, "v")) ? LONG_MAX : 1);
	if (v > max_v)
		return lc_fail(err, LC_DATA, "%s record of version %ld: this program knows %ld",
			       type, v, max_v);
	return 1;
}

json_t *lc_record_new(const char *type, long v)
{
	return json_pack("{s:s,s:I}", "type", type, "v", (json_int_t)v);
}
