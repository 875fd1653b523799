/* source_dir: which files of a directory of lc-guard, or of lc-fork run, hold records. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "source.h"

struct names { /* where files are named to */
	source_fn *fn;
	void *ctx;
};

/* Frees path. 1 when it is there, and was named. */
static int name(const struct names *to, char *path, int whole)
{
	struct stat st;
	int there = stat(path, &st) == 0 && S_ISREG(st.st_mode);

	if (there)
		to->fn(to->ctx, path, whole);
	free(path);
	return there;
}

static int is_number(const struct dirent *de)
{
	return de->d_name[0] && strspn(de->d_name, "0123456789") == strlen(de->d_name);
}

static int is_plain(const struct dirent *de)
{
	return de->d_name[0] != '.';
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	return atoi((*a)->d_name) - atoi((*b)->d_name);
}

/* What lc-fork run keeps: what was printed, then where each branch stands. */
static int name_futures(const struct names *to, const char *dir, int printed)
{
	struct dirent **of = NULL;
	int n = scandir(dir, &of, is_plain, alphasort), some = 0;

	if (printed)
		some = name(to, lc_path("%s/evidence.jsonl", dir), 0);
	for (int i = 0; i < n; i++) {
		some += name(to, lc_path("%s/%s/status.json", dir, of[i]->d_name), 1);
		free(of[i]);
	}
	free(of);
	return some;
}

/*
 * What lc-guard keeps of a fork. Forecasts of all futures come first, what was seen of those that
 * were run after it: as it is run in branches/, later in the evidence.
 */
static void name_fork(const struct names *to, const char *dir)
{
	char *branches = lc_path("%s/branches", dir);
	int ended;

	if (!name(to, lc_path("%s/forecast.jsonl", dir), 0))
		name(to, lc_path("%s/plan.jsonl", dir), 0);
	ended = name(to, lc_path("%s/evidence.jsonl", dir), 0);
	if (!ended)
		name_futures(to, branches, 1);
	name(to, lc_path("%s/decision.json", dir), 0);
	free(branches);
}

int source_dir(const char *dir, struct cone *c, source_fn *fn, void *ctx, struct lc_err *err)
{
	char *forks = lc_path("%s/forks", dir);
	struct names to = {fn, ctx};
	struct dirent **of = NULL;
	int n = 0, some;

	some = name(&to, lc_path("%s/journal.jsonl", dir), 0);
	if (some) {
		name(&to, lc_path("%s/run.jsonl", dir), 0);
		name(&to, lc_path("%s/review.jsonl", dir), 0);
		n = scandir(forks, &of, is_number, by_number);
		if (!c->dir)
			c->dir = lc_path("%s", dir);
	} else {
		some = name_futures(&to, dir, 1);
	}
	for (int i = 0; i < n; i++) {
		char *fork = lc_path("%s/%s", forks, of[i]->d_name);
		name_fork(&to, fork);
		free(fork);
		free(of[i]);
	}
	free(of);
	free(forks);
	return some ? 0
		    : lc_fail(err, LC_DATA, "%s: no directory of lc-guard, nor of lc-fork run",
			      dir);
}
