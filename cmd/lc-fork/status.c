/*
 * status: where the branches of a fork stand, from their directories: of one that runs, by any
 * engine, or that has ended.
 */
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fork.h"
#include "io.h"
#include "json.h"
#include "words.h"

static int as_json;

static const char usage[] =
	"usage: lc-fork status [-j] DIR\n"
	"Say where the branches of the fork in DIR stand. Status 0: all have ended; "
	"1: not yet.\n"
	"  -j, --json  status records, one a line\n";

static const char *options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"json", 0, 0, 'j'}, {"help", 0, 0, 'h'}, {0, 0, 0, 0}};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":j", longs, NULL)) != -1) {
		switch (c) {
		case 'j': as_json = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (argc - optind != 1)
		lc_usage("status: wants one DIR");
	return argv[optind];
}

static int show(const json_t *s, int first, struct lc_err *err)
{
	const char *why = lc_json_get_str(s, "why", "");

	if (as_json)
		return lc_json_emit(stdout, s, err);
	if (first)
		printf("%-20s %-8s %8s %10s  %s\n", "BRANCH", "STATUS", "STEP", "SECONDS", "WHY");
	printf("%-20s %-8s %8ld %10.1f%s%s\n", lc_json_get_str(s, "branch", "?"),
	       lc_json_get_str(s, "status", "?"), lc_json_get_int(s, "step", 0),
	       lc_json_get_num(s, "wall_s", 0), *why ? "  " : "", why);
	return 0;
}

static int has_ended(const json_t *s)
{
	const char *status = lc_json_get_str(s, "status", "");

	return !strcmp(status, "done") || !strcmp(status, "killed") || !strcmp(status, "failed") ||
	       !strcmp(status, "void");
}

static int is_branch(const struct dirent *de)
{
	return lc_is_name(de->d_name);
}

/* How many have not ended, or -1. */
static int show_all(const char *dir, struct lc_err *err)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_branch, versionsort), open = 0, seen = 0;

	if (n < 0)
		return lc_fail_sys(err, "read %s", dir);
	for (int i = 0; i < n; i++) {
		char *path = lc_path("%s/%s/status.json", dir, names[i]->d_name);
		json_t *s = access(path, F_OK) == 0 ? lc_json_load(path, NULL) : NULL;
		if (s && open >= 0) {
			open = show(s, !seen, err) < 0 ? -1 : open + !has_ended(s);
			seen++;
		}
		json_decref(s);
		free(path);
		free(names[i]);
	}
	free(names);
	return seen || open < 0 ? open
				: lc_fail(err, LC_DATA, "%s: no branch of a fork in it", dir);
}

int verb_status(int argc, char **argv)
{
	struct lc_err err = {LC_SYS, ""};
	int open = show_all(options(argc, argv), &err);

	if (open < 0)
		lc_die(&err);
	return lc_finish(open > 0);
}
