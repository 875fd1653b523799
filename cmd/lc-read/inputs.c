/* inputs: see inputs.h. */
#include "inputs.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io.h"

/*
 * What a run's directory may hold, the most telling first. all: every file that matches is part of
 * the log, oldest first, since a resumed run begins a new one; else the last is the whole log (of
 * the checkpoints of a run, the newest).
 */
static const struct {
	const char *pattern, *below; /* below: the file in a directory of that pattern */
	const struct format *format;
	int all, is_dir;
} kinds[] = {
	{"*tfevents*", NULL, &format_tensorboard, 1, 0},
	{"run-*.wandb", NULL, &format_wandb, 1, 0},
	{"trainer_state.json", NULL, &format_hf, 0, 0},
	{"checkpoint-*", "trainer_state.json", &format_hf, 0, 0},
	{"metrics.csv", NULL, &format_csv, 0, 0},
	{"main.log", NULL, &format_llmc, 0, 0},
	{"metrics", NULL, &format_mlflow, 0, 1},
};
#define LOOKED_FOR                                                                                 \
	"event files (*tfevents*), run-*.wandb, trainer_state.json, "                              \
	"checkpoint-*/trainer_state.json, "                                                        \
	"metrics.csv, main.log, metrics/"

static void add(struct inputs *all, char *path, const struct format *f, int found)
{
	struct stat sb;

	if (all->n == all->cap) {
		all->cap = all->cap ? 2 * all->cap : 8;
		all->in = lc_xrealloc(all->in, all->cap, sizeof(*all->in));
	}
	all->in[all->n++] = (struct input){path, f, found,
					   stat(path, &sb) == 0 &&
						   (S_ISREG(sb.st_mode) || S_ISDIR(sb.st_mode))};
}

/* Names by their numbers: checkpoint-900 before checkpoint-1000. */
static int by_version(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

/* Is the kind's file there under this entry? Its path, or NULL. */
static char *path_of(const char *dir, const char *name, size_t kind)
{
	const char *below = kinds[kind].below;
	char *path = below ? lc_path("%s/%s/%s", dir, name, below) : lc_path("%s/%s", dir, name);
	struct stat sb;

	if (fnmatch(kinds[kind].pattern, name, 0) == 0 && stat(path, &sb) == 0 &&
	    (kinds[kind].is_dir ? S_ISDIR(sb.st_mode) : S_ISREG(sb.st_mode)))
		return path;
	free(path);
	return NULL;
}

static int add_directory(struct inputs *all, const char *dir, struct lc_err *err)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, by_version);
	size_t before = all->n, kind = 0;

	if (n < 0)
		return lc_fail_sys(err, "read %s", dir);
	for (; kind < sizeof(kinds) / sizeof(kinds[0]) && all->n == before; kind++) {
		for (int i = 0; i < n; i++) {
			char *path = path_of(dir, names[i]->d_name, kind);

			if (!path)
				continue;
			if (!kinds[kind].all && all->n > before)
				free(all->in[--all->n].path);
			add(all, path, kinds[kind].format, 1);
		}
	}
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	if (all->n == before)
		return lc_fail(err, LC_DATA, "%s: no log in this directory; looked for " LOOKED_FOR,
			       dir);
	return 0;
}

int inputs_add(struct inputs *all, const char *path, const struct format *forced,
	       struct lc_err *err)
{
	struct stat sb;

	if (strcmp(path, "-") != 0 && stat(path, &sb) == 0 && S_ISDIR(sb.st_mode) &&
	    forced != &format_mlflow)
		return add_directory(all, path, err);
	add(all, lc_path("%s", path), forced, 0);
	if (forced == &format_mlflow && !(stat(path, &sb) == 0 && S_ISDIR(sb.st_mode)))
		return lc_fail(err, LC_DATA, "%s: a run of MLflow is a directory", path);
	return 0;
}

void inputs_release(struct inputs *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->in[i].path);
	free(all->in);
	memset(all, 0, sizeof(*all));
}
