/* err: see err.h. */
#include "err.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *program = "lc", *verb;

int lc_fail(struct lc_err *err, enum lc_code code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -1;
}

int lc_fail_sys(struct lc_err *err, const char *fmt, ...)
{
	int why = errno;
	size_t n;
	va_list ap;

	if (!err)
		return -1;
	err->code = LC_SYS;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	n = strlen(err->text);
	snprintf(err->text + n, sizeof(err->text) - n, ": %s", strerror(why));
	return -1;
}

void lc_setup(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	program = slash ? slash + 1 : argv0;
}

void lc_setup_verb(const char *name)
{
	verb = name;
}

const char *lc_program(void)
{
	return program;
}

void lc_warn(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void lc_die(const struct lc_err *err)
{
	lc_warn("%s", err->text);
	exit(err->code);
}

void lc_usage(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (try %s%s%s --help)\n", program, verb ? " " : "", verb ? verb : "");
	exit(LC_USAGE);
}

void lc_usage_option(int c, char *const *argv)
{
	const char *word = argv[optind - 1], *equals = strchr(word, '=');
	int is_long = strncmp(word, "--", 2) == 0;

	if (c == ':' && is_long)
		lc_usage("option %s: wants a value", word);
	if (c == ':')
		lc_usage("option -%c: wants a value", optopt);
	if (optopt && is_long && equals)
		lc_usage("option %.*s: takes no value", (int)(equals - word), word);
	if (optopt)
		lc_usage("unknown option -%c", optopt);
	lc_usage("unknown option %s", word);
}

int lc_finish(int status)
{
	if (fflush(stdout) == EOF || ferror(stdout) || fclose(stdout) == EOF) {
		/* SIGPIPE has ended us already if the reader left: this is a full disk or worse */
		lc_warn("write stdout: %s", strerror(errno));
		return LC_SYS;
	}
	return status;
}
