/* fork: the forks of a run and their branches, found by their names. */
#include <stdlib.h>
#include <string.h>

#include "detect.h"
#include "explain.h"
#include "io.h"
#include "take.h"

struct fork *cone_fork(struct cone *c, const char *id)
{
	for (size_t i = c->nf; i-- > 0;)
		if (strcmp(c->f[i].id, id) == 0)
			return &c->f[i];
	c->f = lc_xrealloc(c->f, c->nf + 1, sizeof(*c->f));
	c->f[c->nf] = (struct fork){.id = lc_path("%s", id)};
	return &c->f[c->nf++];
}

static size_t hash(const char *s, size_t len)
{
	size_t h = 14695981039346656037u;

	for (; len > 0; len--, s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

int seen_before(struct seen *s, const char *line, size_t len)
{
	unsigned long h = hash(line, len) | 1, *old = s->h;
	size_t i, n = s->mask;

	if (2 * s->n >= s->mask) {
		s->mask = s->mask ? 2 * s->mask + 1 : 255;
		s->h = lc_xalloc(s->mask + 1, sizeof(*s->h));
		s->n = 0;
		for (i = 0; old && i <= n; i++)
			if (old[i]) {
				size_t k = old[i] & s->mask;
				while (s->h[k])
					k = (k + 1) & s->mask;
				s->h[k] = old[i];
				s->n++;
			}
		free(old);
	}
	for (i = h & s->mask; s->h[i]; i = (i + 1) & s->mask)
		if (s->h[i] == h)
			return 1;
	s->h[i] = h;
	s->n++;
	return 0;
}

static void grow(struct fork *f)
{
	f->cap = f->cap ? 2 * f->cap : 16;
	f->b = lc_xrealloc(f->b, f->cap, sizeof(*f->b));
	free(f->table);
	f->mask = 4 * f->cap - 1;
	f->table = lc_xalloc(f->mask + 1, sizeof(*f->table));
	for (size_t k = 0; k < f->n; k++) {
		size_t i = hash(f->b[k].id, strlen(f->b[k].id)) & f->mask;
		while (f->table[i])
			i = (i + 1) & f->mask;
		f->table[i] = k + 1;
	}
}

struct branch *fork_branch(struct fork *f, const char *id)
{
	size_t i;

	if (f->n == f->cap)
		grow(f);
	for (i = hash(id, strlen(id)) & f->mask; f->table[i]; i = (i + 1) & f->mask)
		if (strcmp(f->b[f->table[i] - 1].id, id) == 0)
			return &f->b[f->table[i] - 1];
	f->b[f->n] = (struct branch){.id = lc_path("%s", id), .from = -1};
	f->table[i] = f->n + 1;
	return &f->b[f->n++];
}

const struct branch *fork_find(const struct fork *f, const char *id, size_t len)
{
	if (!f->n || !len)
		return NULL;
	for (size_t i = hash(id, len) & f->mask; f->table[i]; i = (i + 1) & f->mask) {
		const struct branch *b = &f->b[f->table[i] - 1];
		if (strlen(b->id) == len && memcmp(b->id, id, len) == 0)
			return b;
	}
	return NULL;
}

const struct branch *fork_control(const struct fork *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->b[i].role && strcmp(f->b[i].role, "control") == 0 && !branch_arm(&f->b[i]))
			return &f->b[i];
	return NULL;
}

size_t branch_arm(const struct branch *b)
{
	const char *dot = strrchr(b->id, '.');

	return dot && (strcmp(dot, ".return") == 0 || strcmp(dot, ".cool") == 0)
		       ? (size_t)(dot - b->id)
		       : 0;
}

const struct series *branch_curve(const struct branch *b)
{
	return b->val.n > 1 || !b->loss.n ? &b->val : &b->loss;
}

const struct branch *fork_chosen(const struct fork *f)
{
	for (size_t i = 0; i < f->n && lc_explain_is_better(f->decision); i++)
		if (f->b[i].chosen)
			return &f->b[i];
	return NULL;
}

const char *branch_status(const struct branch *b)
{
	return b->status ? b->status : b->loss.n || b->val.n ? "running" : "forecast";
}

int branch_is_gone(const struct branch *b)
{
	const char *s = b->status ? b->status : "";

	return strcmp(s, "void") == 0 || strcmp(s, "failed") == 0 || strcmp(s, "killed") == 0;
}

static void release_fork(struct fork *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct branch *b = &f->b[i];
		free(b->id);
		free(b->role);
		free(b->status);
		free(b->why);
		free(b->told);
		json_decref(b->rec);
		json_decref(b->forecast);
		series_release(&b->loss);
		series_release(&b->val);
	}
	json_decref(f->decision);
	free(f->id);
	free(f->evidence);
	free(f->decided);
	free(f->told);
	free(f->b);
	free(f->table);
}

void cone_release(struct cone *c)
{
	for (int k = 0; k < CURVES; k++)
		series_release(&c->c[k]);
	for (size_t i = 0; i < c->nleft; i++)
		series_release(&c->left[i].s);
	for (size_t i = 0; i < c->nf; i++)
		release_fork(&c->f[i]);
	for (size_t i = 0; i < c->nsig; i++) {
		free(c->sig[i].name);
		series_release(&c->sig[i].s);
	}
	free(c->sig);
	lc_detect_close(c->judge);
	free(c->seen.h);
	free(c->log);
	free(c->dir);
	json_decref(c->alerts);
	json_decref(c->causes);
	json_decref(c->snapshots);
	json_decref(c->events);
	free(c->left);
	free(c->f);
	free(c->run);
	*c = (struct cone){0};
}
