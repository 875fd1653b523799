/*
 * store_state: states put into a store and read again: in one pass, with any number of threads,
 * beside damage, from the store itself.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "rng.h"
#include "store_fetch.h"
#include "store_file.h"
#include "store_pack.h"
#include "store_state.h"

#define COLS 512
#define ROWS 1500 /* of each tensor: three pieces */
#define FILES 2

static char root[256];

static void enter(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(root, sizeof(root), "%s/lc-state-test.XXXXXX", tmp ? tmp : "/tmp");
	cr_assert(mkdtemp(root));
	cr_assert(chdir(root) == 0);
}

static void leave(void)
{
	cr_assert(chdir("/") == 0);
	cr_assert(lc_remove_tree(root, NULL) == 0);
}

TestSuite(store_state, .init = enter, .fini = leave);

/* A file of two moments of a tensor, or of the tensor itself, as safetensors. */
static void write_state(const char *path, int moments, unsigned step)
{
	size_t n = (size_t)ROWS * COLS, count = moments ? 2 : 1;
	char head[400], *all;
	float *x;
	uint64_t len;
	struct lc_rng r = {.seed = 7 + (uint64_t)moments};
	struct lc_err err;

	snprintf(
		head, sizeof(head),
		moments ? "{\"m.a\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[0,%zu]},"
			  "\"v.a\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[%zu,%zu]}"
			  "}"
			: "{\"a\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[0,%zu]}}",
		ROWS, COLS, 4 * n, ROWS, COLS, 4 * n, 8 * n);
	len = strlen(head);
	all = lc_xalloc(8 + len + 4 * n * count, 1);
	memcpy(all, &len, 8);
	memcpy(all + 8, head, len);
	x = lc_xalloc(n * count, sizeof(*x));
	for (size_t i = 0; i < n * count; i++) {
		double u = (double)(lc_rng_u64(&r) >> 11) * 0x1p-53 - .5;
		x[i] = (float)(u * (i < n ? 1e-2 : 1e-4) * (1 + 1e-4 * step));
		x[i] = moments && i >= n ? x[i] * x[i] : x[i];
	}
	memcpy(all + 8 + len, x, 4 * n * count);
	cr_assert(lc_write_file(path, all, 8 + len + 4 * n * count, &err) == 0);
	free(x);
	free(all);
}

struct saved {
	struct lc_manifest m;
	uint64_t stored;
	int base_used;
};

static struct lc_store *open_store(const char *dir, int create)
{
	struct lc_err err = {0};
	struct lc_store *st = lc_store_open(dir, create, &err);

	cr_assert(st, "%s", err.text);
	return st;
}

static int put(const char *dir, unsigned step, const struct lc_manifest *base, struct saved *s,
	       struct lc_err *err)
{
	static const char *const names[FILES] = {"model.safetensors", "optimizer.safetensors"};
	struct lc_store *st = open_store(dir, 1);
	struct lc_input in[FILES] = {{0}};
	struct lc_state state = {.in = in, .n = FILES, .base = base};
	struct stat sb;
	int ret;

	memset(s, 0, sizeof(*s));
	s->m.run = lc_path("a");
	s->m.step = (long)step;
	s->m.e = lc_xalloc(FILES, sizeof(*s->m.e));
	s->m.n = FILES;
	for (int i = 0; i < FILES; i++) {
		write_state(names[i], i, step);
		cr_assert(stat(names[i], &sb) == 0);
		s->m.e[i].path = lc_path("%s", names[i]);
		s->m.e[i].size = (uint64_t)sb.st_size;
		in[i] = (struct lc_input){.path = names[i], .e = &s->m.e[i]};
	}
	ret = lc_store_put_state(st, &state, err);
	if (ret == 0)
		ret = lc_store_flush(st, &s->stored, err);
	s->base_used = state.base_used;
	lc_store_close(st);
	return ret;
}

static void put_well(const char *dir, unsigned step, const struct lc_manifest *base,
		     struct saved *s)
{
	struct lc_err err = {0};

	cr_assert(put(dir, step, base, s, &err) == 0, "%s", err.text);
}

/* The bytes of each file, through every chunk: are they those of the files of that step? */
static void is_there(const char *dir, const struct saved *s)
{
	struct lc_store *st = open_store(dir, 0);
	struct lc_err err = {0};

	for (int i = 0; i < FILES; i++) {
		const struct lc_entry *e = &s->m.e[i];
		struct lc_stored f;
		char *got = lc_xalloc(e->size, 1), *want;
		size_t len;
		cr_assert(lc_stored_open(&f, st, e, NULL, &err) == 0, "%s", err.text);
		cr_assert(lc_stored_input(&f, got, e->size, 0, &err) == 0, "%s", err.text);
		cr_assert(lc_stored_input(&f, got, 1, e->size, &err) < 0);
		write_state("again", i, (unsigned)s->m.step);
		cr_assert(lc_read_file("again", &want, &len, &err) == 0 && len == e->size);
		cr_assert(memcmp(got, want, len) == 0, "%s", e->path);
		lc_stored_release(&f);
		free(got);
		free(want);
	}
	lc_store_close(st);
}

static char *pack(const char *dir, int other_than, const char *known)
{
	char *packs = lc_path("%s/packs", dir), *path = NULL;
	DIR *d = opendir(packs);
	struct dirent *de;

	while ((de = readdir(d)))
		if (de->d_name[0] != '.' &&
		    (!other_than || strcmp(strrchr(known, '/') + 1, de->d_name) != 0)) {
			free(path);
			path = lc_path("%s/%s", packs, de->d_name);
		}
	closedir(d);
	free(packs);
	cr_assert(path);
	return path;
}

static void flip(const char *path, long at)
{
	FILE *f = fopen(path, "r+b");
	int c;

	cr_assert(f && fseek(f, at, SEEK_SET) == 0);
	c = fgetc(f);
	cr_assert(fseek(f, -1, SEEK_CUR) == 0 && fputc(c ^ 4, f) != EOF && fclose(f) == 0);
}

static void one_processor(cpu_set_t *before)
{
	cpu_set_t one;

	cr_assert(sched_getaffinity(0, sizeof(*before), before) == 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, before) && CPU_COUNT(&one) == 0)
			CPU_SET(i, &one);
	cr_assert(sched_setaffinity(0, sizeof(one), &one) == 0);
}

/* What is in a pack is a function of the bytes: not of how many threads there are. */
Test(store_state, any_number_of_threads_writes_the_same)
{
	struct saved a, b, c, d;
	struct lc_err err;
	char *p, *q, *x, *y;
	size_t n, m;
	cpu_set_t before;

	put_well("many", 1, NULL, &a);
	put_well("many", 2, &a.m, &b);
	cr_assert(b.base_used && b.stored < a.stored);
	p = pack("many", 0, NULL);
	one_processor(&before);
	put_well("one", 1, NULL, &c);
	put_well("one", 2, &c.m, &d);
	sched_setaffinity(0, sizeof(before), &before);
	for (int i = 0; i < 2; i++) {
		char *name = i ? pack("many", 1, p) : lc_path("%s", p);
		q = lc_path("one/packs/%s", strrchr(name, '/') + 1);
		cr_assert(lc_read_file(name, &x, &n, &err) == 0);
		cr_assert(lc_read_file(q, &y, &m, &err) == 0, "%s", err.text);
		cr_assert(n == m && memcmp(x, y, n) == 0);
		free(name);
		free(q);
		free(x);
		free(y);
	}
	is_there("many", &a);
	is_there("many", &b);
	free(p);
	lc_manifest_release(&a.m);
	lc_manifest_release(&b.m);
	lc_manifest_release(&c.m);
	lc_manifest_release(&d.m);
}

/* A chunk that is known, and damaged, is kept anew, and what was predicted from it is whole again.
 */
Test(store_state, known_damage_is_not_built_on)
{
	struct saved a, b, again;
	struct lc_store *st;
	struct lc_err err = {0};
	char *first;
	uint8_t *body;
	struct lc_chunk *c;
	size_t n;

	put_well("st", 1, NULL, &a);
	first = pack("st", 0, NULL);
	put_well("st", 2, &a.m, &b);
	cr_assert(b.base_used);
	put_well("st", 1, NULL, &again);
	cr_assert(again.stored == 0, "all is known");
	lc_manifest_release(&again.m);
	cr_assert(lc_pack_load(first, &c, &n, &err) == 0 && n > 8);
	flip(first, (long)(c[3].at + c[3].stored / 2));
	st = open_store("st", 0);
	body = lc_xalloc(c[3].raw, 1);
	cr_assert(lc_store_size(st, &c[3].id, &n, &err) == 0);
	cr_assert(lc_store_get(st, &c[3].id, body, n, &err) < 0 && err.code == LC_DATA);
	lc_store_close(st);
	put_well("st", 1, NULL, &again);
	cr_assert(again.stored > 0 && again.stored < a.stored / 2, "one chunk, and no more: %lu",
		  (unsigned long)again.stored);
	is_there("st", &a);
	is_there("st", &b);
	free(body);
	free(c);
	free(first);
	lc_manifest_release(&a.m);
	lc_manifest_release(&b.m);
	lc_manifest_release(&again.m);
}

/* What a damaged base is known by is coded without it. */
Test(store_state, a_damaged_base_is_not_used)
{
	struct saved a, b;
	struct lc_chunk *c;
	struct lc_err err;
	char *first;
	size_t n;

	put_well("st", 1, NULL, &a);
	first = pack("st", 0, NULL);
	cr_assert(lc_pack_load(first, &c, &n, &err) == 0);
	for (size_t i = 0; i < n; i++)
		flip(first, (long)(c[i].at + c[i].stored / 2));
	put_well("st", 2, &a.m, &b);
	is_there("st", &b);
	free(c);
	free(first);
	lc_manifest_release(&a.m);
	lc_manifest_release(&b.m);
}

/* As gc does: coded anew from the store, without its base, which then may go. */
Test(store_state, coded_anew_it_needs_no_base)
{
	struct saved a, b;
	struct lc_input in[FILES] = {{0}};
	struct lc_stored f[FILES];
	struct lc_state s = {.in = in, .n = FILES, .anew = 1};
	struct lc_err err = {0};
	struct lc_store *st;
	uint64_t stored;
	char *first;

	put_well("st", 1, NULL, &a);
	first = pack("st", 0, NULL);
	put_well("st", 2, &a.m, &b);
	st = open_store("st", 1);
	for (int i = 0; i < FILES; i++) {
		cr_assert(lc_stored_open(&f[i], st, &b.m.e[i], NULL, &err) == 0);
		in[i] = (struct lc_input){.path = b.m.e[i].path,
					  .e = &b.m.e[i],
					  .read = lc_stored_input,
					  .ctx = &f[i]};
	}
	cr_assert(lc_store_put_state(st, &s, &err) == 0, "%s", err.text);
	cr_assert(lc_store_flush(st, &stored, &err) == 0 && stored > b.stored);
	for (int i = 0; i < FILES; i++)
		lc_stored_release(&f[i]);
	lc_store_close(st);
	cr_assert(unlink(first) == 0);
	is_there("st", &b);
	free(first);
	lc_manifest_release(&a.m);
	lc_manifest_release(&b.m);
}

static int refuse(void *ctx, void *buf, size_t len, uint64_t at, struct lc_err *err)
{
	memset(buf, (int)(at >> 16), len);
	return at < *(const uint64_t *)ctx ? 0 : lc_fail(err, LC_SYS, "that is enough");
}

/* Whatever the number of threads, an input that fails ends it, and nothing can be kept after it. */
Test(store_state, an_input_that_fails)
{
	struct lc_entry e = {.path = "x", .size = 100 * (uint64_t)LC_CHUNK + 17};
	uint64_t stored, end;
	struct lc_input in = {.path = "x", .e = &e, .read = refuse, .ctx = &end};
	struct lc_state s = {.in = &in, .n = 1};
	struct lc_err err;

	for (int i = 0; i < 6; i++) {
		struct lc_store *st = open_store("st", 1);
		end = (uint64_t)i * 17 * LC_CHUNK;
		cr_assert(lc_store_put_state(st, &s, &err) < 0 && err.code == LC_SYS);
		cr_assert_str_eq(err.text, "that is enough");
		cr_assert(lc_store_flush(st, &stored, &err) < 0);
		cr_assert(lc_store_put_state(st, &s, &err) < 0);
		lc_store_close(st);
		cr_assert(rmdir("st/tmp") == 0, "a temporary was left");
	}
}

#define SAVERS 6

static void *add_one(void *arg)
{
	struct lc_snapshot s = {0};
	struct lc_err err = {0};
	struct lc_store *st = lc_store_open("st", 1, &err);

	cr_assert(st, "%s", err.text);
	s.m.run = lc_path("a");
	s.m.step = *(long *)arg;
	cr_assert(lc_store_add(st, &s, &err) == 0, "%s", err.text);
	*(long *)arg = s.seq;
	lc_snapshot_release(&s);
	lc_store_close(st);
	return NULL;
}

Test(store_state, savers_at_once_get_numbers_of_their_own)
{
	pthread_t thread[SAVERS];
	long seq[SAVERS];
	unsigned seen = 0;

	lc_store_close(open_store("st", 1));
	for (int i = 0; i < SAVERS; i++) {
		seq[i] = i;
		cr_assert(pthread_create(&thread[i], NULL, add_one, &seq[i]) == 0);
	}
	for (int i = 0; i < SAVERS; i++) {
		pthread_join(thread[i], NULL);
		seen |= 1u << seq[i];
	}
	cr_assert_eq(seen, 0x7e);
}

static void count(void *ctx, const struct lc_want *w, const void *raw, size_t len,
		  const struct lc_err *err)
{
	unsigned *seen = ctx; /* no two calls have the same tag */

	(void)len;
	cr_assert((raw == NULL) == (w->tag == 3), "%s", err->text);
	seen[w->tag]++;
}

/* Each is given once, however often it is wanted, and what is nowhere is said. */
Test(store_state, fetched_once_each)
{
	unsigned char a[100] = {1}, b[200] = {2};
	struct lc_id ida, idb, none = {{9}};
	struct lc_want w[5];
	unsigned seen[5] = {0};
	struct lc_err err;
	uint64_t stored;
	struct lc_store *st = open_store("st", 1);

	cr_assert(lc_store_put(st, a, 100, &ida, &err) == 0);
	cr_assert(lc_store_put(st, b, 200, &idb, &err) == 0);
	cr_assert(lc_store_flush(st, &stored, &err) == 0);
	for (size_t i = 0; i < 5; i++)
		w[i] = (struct lc_want){.id = i == 3 ? none : i % 2 ? ida : idb, .tag = i};
	cr_assert(lc_store_fetch(st, w, 5, count, seen, &err) == 0);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(seen[i], 1);
	cr_assert(lc_store_fetch(st, w, 0, count, seen, &err) == 0);
	lc_store_close(st);
}

/* Who wants the store alone waits for those who have it open. */
Test(store_state, alone_and_together)
{
	struct lc_store *a = open_store("st", 1), *b = open_store("st", 0);
	struct lc_err err = {0};

	cr_assert_eq(lc_store_alone(a, 0, &err), 0);
	lc_store_close(b);
	cr_assert_eq(lc_store_alone(a, 0, &err), 1);
	cr_assert_eq(lc_store_together(a, &err), 0);
	b = open_store("st", 0);
	lc_store_close(b);
	lc_store_close(a);
}
