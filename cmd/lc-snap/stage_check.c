/* stage_check: every chunk of the packs that came, decoded and hashed. See stage.h. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "pool.h"
#include "stage.h"

#define BATCH 16

struct checker {
	struct lc_store *st; /* the stage, with the store's packs */
	size_t chunk[BATCH];
	struct lc_err err[BATCH];
	struct lc_id *bad;
	size_t nbad;
};

/* The store's packs as links, or gone again. */
static int link_packs(const struct stage *s, const struct packs *staged, int make,
		      struct lc_err *err)
{
	char *dir = lc_path("%s/packs", s->store); /* the stage lies two levels below it */
	struct dirent **names;
	int n = scandir(dir, &names, NULL, NULL), ret = 0;

	if (n < 0)
		ret = lc_fail_sys(err, "read %s", dir);
	for (int i = 0; i < n; i++) {
		char *from = lc_path("../../../packs/%s", names[i]->d_name);
		char *to = lc_path("%s/packs/%s", s->dir, names[i]->d_name);
		int mine = 0;
		for (size_t k = 0; k < staged->n; k++)
			mine |= strcmp(staged->p[k].path, to) == 0;
		if (names[i]->d_name[0] != '.' && !mine) {
			if (!make)
				unlink(to);
			else if (ret == 0 && symlink(from, to) < 0 && errno != EEXIST)
				ret = lc_fail_sys(err, "link %s", to);
		}
		free(from);
		free(to);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	free(dir);
	return ret;
}

static void check_task(void *ctx, int i)
{
	struct checker *c = ctx;

	c->err[i].code = LC_OK;
	lc_store_check(c->st, c->chunk[i], &c->err[i]);
}

/* Check n chunks; those that are damaged join bad. */
static int check_batch(struct checker *c, struct lc_pool *pool, int n, struct lc_err *err)
{
	lc_pool_run(pool, n, check_task, c);
	for (int i = 0; i < n; i++) {
		if (c->err[i].code == LC_OK)
			continue;
		if (c->err[i].code == LC_SYS)
			return lc_fail(err, LC_SYS, "%s", c->err[i].text);
		c->bad = lc_xrealloc(c->bad, c->nbad + 1, sizeof(*c->bad));
		c->bad[c->nbad++] = *lc_store_chunk(c->st, c->chunk[i]);
	}
	return 0;
}

static void mark_bad(const struct checker *c, struct packs *staged)
{
	for (size_t i = 0; i < c->nbad; i++)
		for (size_t k = 0; k < staged->nat; k++)
			if (memcmp(&staged->at[k].id, &c->bad[i], sizeof(c->bad[i])) == 0)
				staged->p[staged->at[k].pack].bad = 1;
}

static int check_all(struct checker *c, struct lc_pool *pool, const struct packs *staged,
		     struct lc_err *err)
{
	struct lc_err why = {LC_OK, ""};
	size_t n = lc_store_chunks(c->st, &why);
	int k = 0, ret = why.code == LC_OK ? 0 : lc_fail(err, why.code, "%s", why.text);

	for (size_t i = 0; ret == 0 && i < n; i++) {
		if (packs_find(staged, lc_store_chunk(c->st, i), LC_DEPTH_ANY) < 0)
			continue;
		c->chunk[k++] = i;
		if (k == BATCH) {
			ret = check_batch(c, pool, k, err);
			k = 0;
		}
	}
	return ret == 0 ? check_batch(c, pool, k, err) : -1;
}

int stage_check(struct stage *s, struct packs *staged, struct lc_err *err)
{
	struct lc_pool *pool = lc_pool_open(lc_cpu_count());
	struct checker c = {0};
	int ret = pool ? link_packs(s, staged, 1, err) : lc_fail_sys(err, "start threads");

	if (ret == 0 && !(c.st = lc_store_open(s->dir, 0, err)))
		ret = -1;
	if (ret == 0)
		ret = check_all(&c, pool, staged, err);
	if (ret == 0)
		mark_bad(&c, staged);
	lc_store_close(c.st);
	link_packs(s, staged, 0, NULL);
	lc_pool_close(pool);
	free(c.bad);
	return ret;
}
