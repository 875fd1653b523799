/* store: chunks, packs, manifests and roles, whole and damaged. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "rng.h"
#include "store.h"
#include "store_pack.h"
#include "store_tmp.h"

static char root[256];

static void enter(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(root, sizeof(root), "%s/lc-store-test.XXXXXX", tmp ? tmp : "/tmp");
	cr_assert(mkdtemp(root));
	cr_assert(chdir(root) == 0);
}

static void leave(void)
{
	cr_assert(chdir("/") == 0);
	cr_assert(lc_remove_tree(root, NULL) == 0);
}

TestSuite(store, .init = enter, .fini = leave);

/* len bytes of noise, from a fixed seed. */
static unsigned char *noise(size_t len)
{
	unsigned char *p = lc_xalloc(len, 1);
	struct lc_rng r = {.seed = 7};

	for (size_t i = 0; i < len; i++)
		p[i] = (unsigned char)lc_rng_u64(&r);
	return p;
}

static struct lc_store *open_store(int create)
{
	struct lc_err err = {0};
	struct lc_store *st = lc_store_open("st", create, &err);

	cr_assert(st, "%s", err.text);
	return st;
}

/* Put p, and give how many bytes that added. */
static uint64_t put(struct lc_store *st, const void *p, size_t len, struct lc_id *ids)
{
	struct lc_err err = {0};
	uint64_t stored;

	cr_assert(lc_store_put(st, p, len, ids, &err) == 0, "%s", err.text);
	cr_assert(lc_store_flush(st, &stored, &err) == 0, "%s", err.text);
	return stored;
}

/* The path of the only pack. */
static char *the_pack(void)
{
	DIR *d = opendir("st/packs");
	struct dirent *de;
	char *path = NULL;

	while ((de = readdir(d)))
		if (de->d_name[0] != '.') {
			cr_assert(!path, "two packs");
			path = lc_path("st/packs/%s", de->d_name);
		}
	closedir(d);
	cr_assert(path);
	return path;
}

static void flip(const char *path, long at)
{
	FILE *f = fopen(path, "r+b");
	int c;

	cr_assert(f && fseek(f, at, at < 0 ? SEEK_END : SEEK_SET) == 0);
	c = fgetc(f);
	cr_assert(fseek(f, -1, SEEK_CUR) == 0 && fputc(c ^ 4, f) != EOF && fclose(f) == 0);
}

Test(store, put_twice_keeps_one)
{
	unsigned char *p = noise(1000);
	struct lc_store *st = open_store(1);
	struct lc_id a, b;

	cr_assert(put(st, p, 1000, &a) >= 1000);
	cr_assert(put(st, p, 1000, &b) == 0);
	cr_assert(memcmp(&a, &b, sizeof(a)) == 0);
	lc_store_close(st);
	st = open_store(1);
	cr_assert(put(st, p, 1000, &b) == 0, "known to the next process too");
	lc_store_close(st);
	free(the_pack());
	free(p);
}

Test(store, pieces_come_back)
{
	size_t len = 18 * (size_t)LC_CHUNK + 5, at = 0, n; /* more than a batch */
	unsigned char *p = noise(len), *q = lc_xalloc(LC_CHUNK, 1);
	struct lc_id ids[19];
	struct lc_err err = {0};
	struct lc_store *st = open_store(1);
	uint64_t stored;

	memset(p + 3 * LC_CHUNK, 0, 2 * LC_CHUNK); /* two equal pieces in one batch, compressible */
	cr_assert(lc_store_put(st, p, len, ids, &err) == 0, "%s", err.text);
	cr_assert(lc_store_flush(st, &stored, &err) == 0);
	cr_assert(stored > 16 * (uint64_t)LC_CHUNK && stored < 17 * (uint64_t)LC_CHUNK);
	lc_store_close(st);
	st = open_store(0);
	for (int i = 0; i < 19; i++, at += n) {
		cr_assert(lc_store_size(st, &ids[i], &n, &err) == 0, "%s", err.text);
		cr_assert(lc_store_get(st, &ids[i], q, n, &err) == 0, "%s", err.text);
		cr_assert(memcmp(p + at, q, n) == 0, "piece %d", i);
	}
	cr_assert(at == len);
	lc_store_close(st);
	free(p);
	free(q);
}

Test(store, dropped_without_flush)
{
	unsigned char *p = noise(100);
	struct lc_store *st = open_store(1);
	struct lc_id id;
	struct lc_err err;
	size_t len;

	cr_assert(lc_store_put(st, p, 100, &id, &err) == 0);
	lc_store_close(st);
	st = open_store(0);
	cr_assert(lc_store_size(st, &id, &len, &err) < 0 && err.code == LC_DATA);
	lc_store_close(st);
	cr_assert(rmdir("st/tmp") == 0, "a temporary was left");
	free(p);
}

Test(store, flipped_bit_found)
{
	unsigned char *p = noise(5000), *q = lc_xalloc(5000, 1);
	struct lc_store *st = open_store(1);
	struct lc_id id;
	struct lc_err err;
	char *pack;

	put(st, p, 5000, &id);
	lc_store_close(st);
	flip(pack = the_pack(), 4000);
	st = open_store(0);
	size_t len;
	cr_assert(lc_store_size(st, &id, &len, &err) == 0 && len == 5000);
	cr_assert(lc_store_get(st, &id, q, len, &err) < 0 && err.code == LC_DATA);
	cr_assert(strstr(err.text, "hash"), "%s", err.text);
	lc_store_close(st);
	free(pack);
	free(p);
	free(q);
}

/* With any byte of index and trailer damaged, or any tail of the file gone, the pack is refused,
 * never misread. */
Test(store, damaged_or_truncated_pack_refused)
{
	unsigned char *p = noise(700);
	struct lc_store *st = open_store(1);
	struct lc_id id;
	struct lc_chunk *c;
	struct lc_err err;
	struct stat sb;
	size_t n;
	char *pack;

	put(st, p, 700, &id);
	lc_store_close(st);
	pack = the_pack();
	cr_assert(chmod(pack, 0644) == 0 && stat(pack, &sb) == 0);
	for (long at = -1; at >= -(LC_PACK_ENTRY + LC_PACK_TRAILER); at--) {
		flip(pack, at);
		cr_assert(lc_pack_load(pack, &c, &n, &err) < 0 && err.code == LC_DATA, "byte %ld",
			  at);
		flip(pack, at);
	}
	cr_assert(lc_pack_load(pack, &c, &n, &err) == 0 && n == 1);
	free(c);
	for (off_t size = sb.st_size - 1; size >= 0; size -= size > 130 ? 61 : 1) {
		cr_assert(truncate(pack, size) == 0);
		cr_assert(lc_pack_load(pack, &c, &n, &err) < 0 && err.code == LC_DATA, "size %ld",
			  (long)size);
	}
	st = open_store(1);
	cr_assert(lc_store_size(st, &id, &n, &err) < 0 && err.code == LC_DATA);
	cr_assert(lc_store_bad_pack(st, 0) && !lc_store_bad_pack(st, 1));
	cr_assert(put(st, p, 700, &id) > 700, "what is damaged is kept anew");
	cr_assert(lc_store_get(st, &id, p, 700, &err) == 0, "%s", err.text);
	lc_store_close(st);
	free(pack);
	free(p);
}

/* A chunk that says another codec is refused by name: a later version wrote it. */
Test(store, unknown_codec_refused)
{
	struct lc_chunk c = {.raw = 9, .stored = 3, .codec = 200};
	char raw[9], stored[3] = "abc";
	struct lc_err err;

	cr_assert(lc_chunk_decode(&c, stored, raw, &err) < 0 && err.code == LC_DATA);
	cr_assert(strstr(err.text, "200"), "%s", err.text);
}

Test(store, foreign_directory_and_version_refused)
{
	struct lc_err err;

	cr_assert(!lc_store_open("st", 0, &err) && err.code == LC_SYS);
	cr_assert(mkdir("st", 0755) == 0 && lc_write_file("st/notes", "x", 1, &err) == 0);
	cr_assert(!lc_store_open("st", 0, &err) && err.code == LC_DATA);
	cr_assert(!lc_store_open("st", 1, &err) && err.code == LC_DATA);
	cr_assert(unlink("st/notes") == 0);
	lc_store_close(open_store(1));
	cr_assert(lc_write_file("st/lc-store", "lc-store 4\n", 11, &err) == 0);
	cr_assert(!lc_store_open("st", 1, &err) && err.code == LC_DATA);
}

/* What a writer that lives has open stays; what a dead one left goes. */
Test(store, clean_spares_the_living)
{
	struct lc_tmp live;
	struct lc_err err;

	cr_assert(mkdir("t", 0755) == 0 && lc_write_file("t/dead", "x", 1, &err) == 0);
	cr_assert(mkdir("t/dead-dir", 0755) == 0 && mkdir("t/dead-dir/below", 0555) == 0);
	cr_assert(lc_tmp_file(&live, "t/", &err) == 0);
	lc_tmp_clean("t/");
	cr_assert(access("t/dead", F_OK) < 0 && access("t/dead-dir", F_OK) < 0);
	cr_assert(access(live.path, F_OK) == 0);
	cr_assert(lc_tmp_commit(&live, "t/kept", &err) == 0);
	cr_assert(access("t/kept", F_OK) == 0);
}

static const char entry_format[] =
	"{\"type\":\"manifest\",\"v\":2,\"run\":\"a\",\"step\":5,\"tags\":{},\"tree\":[%s]}";
#define F(path)                                                                                    \
	"{\"path\":\"" path "\",\"kind\":\"file\",\"mode\":\"0644\",\"size\":0,\"roles\":[],"      \
	"\"chunks\":[]}"
#define D(path) "{\"path\":\"" path "\",\"kind\":\"dir\",\"mode\":\"0755\"}"
#define L(path, to) "{\"path\":\"" path "\",\"kind\":\"link\",\"target\":\"" to "\"}"

static int parses(const char *tree)
{
	char *text = lc_path(entry_format, tree), *again;
	struct lc_manifest m;
	struct lc_err err = {0};
	int ret = lc_manifest_parse(text, strlen(text), &m, &err);

	if (ret == 0) {
		again = lc_manifest_text(&m);
		cr_assert(strcmp(text, again) == 0, "canonical: %s", again);
		free(again);
	} else {
		cr_assert(err.code == LC_DATA && m.n == 0 && !m.e);
	}
	lc_manifest_release(&m);
	free(text);
	return ret == 0;
}

Test(store, manifest_paths)
{
	static const char *const good[] = {
		"",
		F("a"),
		F("a") "," F("b"),
		D(".") "," D("a") "," F("a/b"),
		F("..."),
		F("a%20b"),
		F("%25"),
		F("-x") "," D("."),
		L("a", "../../etc/passwd"),
		D("a") "," F("a-b") "," F("a/b"),
	};
	static const char *const bad[] = {
		F("../a"),
		F("/a"),
		F("a/../b"),
		D("a") "," F("a/.."),
		D("a") "," F("a//b"),
		F(""),
		F("a/"),
		F("./a"),
		F("."),
		L(".", "x"),
		F("a") "," F("a"),
		F("b") "," F("a"),
		F("a/b"),
		F("a") "," F("a/b"),
		L("a", "/") "," F("a/b"),
		F("%2e%2e"),
		F("%41"),
		F("%00"),
		F("a%2"),
		F("a%2F"),
		F("a b"),
		L("a", ""),
		"1",
		"{}",
		"null",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(parses(good[i]), "refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(!parses(bad[i]), "taken: %s", bad[i]);
}

/* No prefix of a manifest is one, and no change of a single byte crashes or leaks (under SAN=1). */
Test(store, manifest_broken)
{
	char *text = lc_path(entry_format, D(".") "," F("a") "," L("b", "a"));
	size_t len = strlen(text);
	struct lc_manifest m;
	struct lc_err err;

	for (size_t n = 0; n < len; n++)
		cr_assert(lc_manifest_parse(text, n, &m, &err) < 0, "prefix of %zu", n);
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		for (int bit = 0; bit < 8; bit++) {
			text[i] = (char)(c ^ 1 << bit);
			if (lc_manifest_parse(text, len, &m, &err) == 0)
				lc_manifest_release(&m);
		}
		text[i] = c;
	}
	free(text);
}

Test(store, path_text_has_one_spelling)
{
	char all[256], *text, *back;

	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	text = lc_path_encode(all);
	back = lc_path_decode(text);
	cr_assert(back && strcmp(back, all) == 0);
	free(text);
	free(back);
}

static void fill(struct lc_snapshot *s, long step)
{
	struct lc_err err;

	memset(s, 0, sizeof(*s));
	s->m.run = lc_path("a1");
	s->m.step = step;
	cr_assert(lc_manifest_tag(&s->m, "z", "1", &err) == 0 &&
		  lc_manifest_tag(&s->m, "b", "2", &err) == 0);
	cr_assert(lc_manifest_tag(&s->m, "z", "3", &err) == 0);
}

Test(store, same_state_same_id)
{
	struct lc_store *st = open_store(1);
	struct lc_snapshot a, b, c, read;
	struct lc_id *ids;
	struct lc_err err = {0};
	size_t n;

	fill(&a, 10);
	fill(&b, 10);
	fill(&c, 11);
	cr_assert(lc_store_add(st, &a, &err) == 0 && lc_store_add(st, &c, &err) == 0, "%s",
		  err.text);
	cr_assert(lc_store_add(st, &b, &err) == 0, "%s", err.text);
	cr_assert(memcmp(&a.id, &b.id, sizeof(a.id)) == 0 && a.seq == b.seq && c.seq == a.seq + 1);
	cr_assert(lc_store_ids(st, &ids, &n, &err) == 0 && n == 2);
	cr_assert(lc_store_read(st, &b.id, &read, &err) == 0, "%s", err.text);
	cr_assert(read.m.step == 10 && read.seq == a.seq && read.time == a.time);
	cr_assert(strcmp(lc_manifest_get_tag(&read.m, "z"), "3") == 0 && read.m.ntags == 2);
	lc_snapshot_release(&a);
	lc_snapshot_release(&b);
	lc_snapshot_release(&c);
	lc_snapshot_release(&read);
	free(ids);
	lc_store_close(st);
}

Test(store, damaged_snapshot_is_found_and_healed)
{
	struct lc_store *st = open_store(1);
	struct lc_snapshot a, read;
	struct lc_err err = {0};
	char hex[LC_HEX_LEN + 1], *path;

	fill(&a, 10);
	cr_assert(lc_store_add(st, &a, &err) == 0, "%s", err.text);
	lc_id_hex(&a.id, hex);
	path = lc_path("st/snapshots/%s.json", hex);
	flip(path, 40);
	cr_assert(lc_store_read(st, &a.id, &read, &err) < 0 && err.code == LC_DATA);
	cr_assert(lc_store_add(st, &a, &err) == 0, "%s", err.text);
	cr_assert(lc_store_read(st, &a.id, &read, &err) == 0, "%s", err.text);
	lc_snapshot_release(&read);
	lc_snapshot_release(&a);
	free(path);
	lc_store_close(st);
}

Test(store, roles_and_steps_of_names)
{
	static const struct {
		const char *name;
		unsigned roles;
	} r[] = {
		{"model.safetensors", LC_WEIGHTS},
		{"model-00001-of-00002.safetensors", LC_WEIGHTS},
		{"pytorch_model-00001-of-00002.bin", LC_WEIGHTS},
		{"optimizer.safetensors", LC_OPTIMIZER},
		{"optimizer.pt", LC_OPTIMIZER},
		{"rng_state.pth", LC_RNG},
		{"rng_state_0.pth", LC_RNG},
		{"scheduler.pt", LC_SCHEDULER},
		{"scaler.pt", LC_SCALER},
		{"trainer_state.json", LC_DATASET},
		{"model_00000100.bin", LC_WEIGHTS},
		{"state_00000100_00000.bin", LC_OPTIMIZER | LC_RNG | LC_DATASET},
		{"config.json", 0},
		{"model.txt", 0},
		{"", 0},
	};
	static const struct {
		const char *name;
		long step;
	} s[] = {
		{"step-00000100", 100},
		{"checkpoint-500", 500},
		{"iter_0000100", 100},
		{"ckpt", -1},
		{"model_00000500.bin", 500},
		{"7", 7},
		{"", -1},
		{"run.100", 100},
		{".", -1},
		{"step-99999999999999999999", -1},
		{"v2.final", 2},
	};

	static const struct {
		const char *name;
		unsigned roles;
	} t[] = {
		{"model.layers.0.self_attn.q_proj.weight", LC_WEIGHTS},
		{"transformer.h.3.mlp.c_fc.bias", LC_WEIGHTS},
		{"attn.v.weight", LC_WEIGHTS},
		{"params/Dense_0/kernel", LC_WEIGHTS},
		{"model.layers.0.mlp.weight.exp_avg", LC_OPTIMIZER},
		{"exp_avg_sq.model.wte.weight", LC_OPTIMIZER},
		{"optimizer.state.17.exp_avg_sq", LC_OPTIMIZER},
		{"optimizer_states.0.state.1.momentum_buffer", LC_OPTIMIZER},
		{"v.blocks.0.attn.weight", LC_OPTIMIZER},
		{"rng_state", LC_RNG},
		{"cuda_rng_state.0", LC_RNG},
		{"lr_scheduler.last_epoch", LC_SCHEDULER},
		{"grad_scaler.scale", LC_SCALER},
		{"train_dataloader.position", LC_DATASET},
		{"x", 0},
		{"strong", 0}, /* holds "rng" in no way */
		{"...", 0},
		{"", 0},
	};
	static const struct {
		const char *text;
		unsigned roles;
	} l[] = {
		{"weights", LC_WEIGHTS},
		{"rng,weights", LC_WEIGHTS | LC_RNG},
		{"all", LC_ROLES_NEEDED},
		{"complete,scaler", LC_ROLES_NEEDED | LC_SCALER},
		{"", 0},
		{"weights,", 0},
		{",weights", 0},
		{"weight", 0},
		{"weights rng", 0},
	};

	for (size_t i = 0; i < sizeof(l) / sizeof(l[0]); i++)
		cr_assert(lc_role_list(l[i].text) == l[i].roles, "%s", l[i].text);
	for (size_t i = 0; i < sizeof(r) / sizeof(r[0]); i++)
		cr_assert(lc_role_of_name(r[i].name) == r[i].roles, "%s", r[i].name);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		cr_assert(lc_role_of_tensor(t[i].name) == t[i].roles, "%s", t[i].name);
	for (size_t i = 0; i < sizeof(s) / sizeof(s[0]); i++)
		cr_assert(lc_role_step(s[i].name) == s[i].step, "%s", s[i].name);
}
