/*
 * codec: the tensor codec alone: what it makes of training states, and how fast on one core.
 *
 *	codec [-l LEVEL] [-r ROUNDS] FOLDER...
 *
 * For scripts/bench/codec. Folders hold checkpoints of safetensors whose names end in .exp_avg and
 * .exp_avg_sq where they are moments. The first is coded by itself, each next one from the one
 * before it; a copy of the weights rounded to bf16 is coded alone and from the weights. Prints a
 * line for each kind of tensor and for their sum: ratio, bits an element, and GB/s (10^9 raw bytes
 * a second of processor time, the best of the rounds) of the choice of models, of that and the
 * encoding, and of the decoding. All that is decoded is compared. LEVEL chooses loops: 0 for any
 * processor, 1 AVX2, 2 AVX-512.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "codec_fit.h"
#include "codec_impl.h"
#include "io.h"
#include "json.h"
#include "tensor.h"

#define RUN 262144 /* elements, as lc-snap cuts them */
#define FILES 64

struct file {
	unsigned char *bytes;
	struct lc_spans spans;
};

struct state {
	struct file f[FILES];
	int n;
	struct lc_hyper hyper; /* as lc-train's state.json has it, or zeros */
};

enum kind { W, M, V, HALF, COPY, KINDS };
static const char *const kinds[KINDS] = {"w", "m", "v", "bf16", "bf16 of w"};

struct tally {
	double raw, coded, fit, encode, decode; /* bytes, seconds */
};

static int rounds = 3;

static double cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int read_memory(void *ctx, void *buf, size_t len, uint64_t at)
{
	memcpy(buf, (const unsigned char *)ctx + at, len);
	return 0;
}

static void load_file(struct file *f, const char *path)
{
	struct lc_err err = {0};
	struct lc_reader r = {read_memory, NULL, 0};
	size_t len;
	char *bytes;

	if (lc_read_file(path, &bytes, &len, &err) < 0) {
		fprintf(stderr, "codec: %s\n", err.text);
		exit(4);
	}
	r.ctx = f->bytes = (unsigned char *)bytes;
	r.size = len;
	lc_spans_find(&r, &f->spans);
}

static void load_hyper(struct lc_hyper *h, const char *dir)
{
	char *path = lc_path("%s/state.json", dir);
	json_t *state = lc_json_load(path, NULL), *hyper = json_object_get(state, "hyper");

	h->beta1 = lc_json_get_num(hyper, "beta1", 0);
	h->beta2 = lc_json_get_num(hyper, "beta2", 0);
	h->eps = lc_json_get_num(hyper, "eps", 0);
	h->updates = lc_json_get_int(json_object_get(state, "optimizer"), "v_updates", 0);
	json_decref(state);
	free(path);
}

static void load(struct state *s, const char *dir)
{
	struct dirent **name;
	int n = scandir(dir, &name, NULL, alphasort);

	s->n = 0;
	load_hyper(&s->hyper, dir);
	for (int i = 0; i < n && s->n < FILES; i++) {
		char *path = lc_path("%s/%s", dir, name[i]->d_name);
		struct stat sb;
		if (stat(path, &sb) == 0 && S_ISREG(sb.st_mode))
			load_file(&s->f[s->n++], path);
		free(path);
		free(name[i]);
	}
	if (n >= 0)
		free(name);
}

static void release(struct state *s)
{
	for (int i = 0; i < s->n; i++) {
		free(s->f[i].bytes);
		lc_spans_release(&s->f[i].spans);
	}
}

/* The bytes of the f32 tensor of that name, or NULL. */
static const void *find(const struct state *s, const char *name, uint64_t bytes)
{
	for (int i = 0; s && i < s->n; i++) {
		const struct lc_span *t = lc_spans_get(&s->f[i].spans, name);
		if (t && t->type == LC_F32 && t->bytes == bytes)
			return s->f[i].bytes + t->at;
	}
	return NULL;
}

static const void *moment(const struct state *s, const char *stem, const char *suffix,
			  uint64_t bytes)
{
	char *name = lc_path("%s%s", stem, suffix);
	const void *p = find(s, name, bytes);

	free(name);
	return p;
}

static void code(struct lc_work *w, const struct lc_run *r, unsigned char *out, unsigned char *back,
		 struct tally *t)
{
	size_t bytes = r->n * lc_dtype_bits(r->type) / 8, len;
	const void *src[LC_SOURCES];
	struct lc_err err = {0};
	struct lc_model m;
	double began = cpu_time(), fitted, encoded;

	lc_run_fit(w, r, &m, NULL);
	for (int i = 0; i < LC_SOURCES; i++)
		src[i] = r->near[lc_pred_near(m.pred)[i]];
	fitted = cpu_time();
	len = lc_run_encode(w, &m, r->x, r->n, src, out);
	encoded = cpu_time();
	if (lc_run_decode(w, out, len, src, back, r->n, &err) < 0 || memcmp(back, r->x, bytes)) {
		fprintf(stderr, "codec: not what it was: %s\n", err.text);
		exit(1);
	}
	t->decode += cpu_time() - encoded;
	t->encode += encoded - began;
	t->fit += fitted - began;
	t->raw += (double)bytes;
	t->coded += (double)(len < bytes ? len : bytes);
}

static void round_bf16(const void *x, size_t n, unsigned char *half)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t b;
		memcpy(&b, (const unsigned char *)x + 4 * i, 4);
		b = (b + 0x7fff + (b >> 16 & 1)) >> 16;
		half[2 * i] = (unsigned char)b;
		half[2 * i + 1] = (unsigned char)(b >> 8);
	}
}

struct room {
	struct lc_work *w;
	unsigned char *out, *back, *half, *half0;
};

/* A run of a tensor, x, whose neighbours are near. */
static void each_run(const struct room *room, struct lc_run r, enum kind kind, struct tally *t)
{
	code(room->w, &r, room->out, room->back, &t[kind]);
	if (kind != W)
		return;
	round_bf16(r.x, r.n, room->half);
	if (r.near[LC_X0])
		round_bf16(r.near[LC_X0], r.n, room->half0);
	struct lc_run half = {.type = LC_BF16,
			      .part = LC_PART_W,
			      .n = r.n,
			      .cols = r.cols,
			      .phase = r.phase,
			      .x = room->half};
	half.near[LC_X0] = r.near[LC_X0] ? room->half0 : NULL;
	code(room->w, &half, room->out, room->back, &t[HALF]);
	half.near[LC_MASTER] = r.x;
	code(room->w, &half, room->out, room->back, &t[COPY]);
}

static void each_tensor(const struct room *room, const struct state *now, const struct state *old,
			const struct file *f, const struct lc_span *s, struct tally *t)
{
	static const char *const suffix[] = {"", ".exp_avg", ".exp_avg_sq"};
	size_t n = s->bytes / 4, len = strlen(s->name);
	enum kind kind = W;
	const void *near[LC_NEARS] = {NULL};
	char *stem;

	if (s->type != LC_F32)
		return;
	for (int k = M; k <= V; k++)
		if (len > strlen(suffix[k]) &&
		    strcmp(s->name + len - strlen(suffix[k]), suffix[k]) == 0)
			kind = (enum kind)k;
	stem = lc_path("%.*s", (int)(len - strlen(suffix[kind])), s->name);
	near[LC_X0] = find(old, s->name, s->bytes);
	if (kind != M)
		near[LC_M1] = moment(now, stem, ".exp_avg", s->bytes);
	near[LC_M0] = moment(old, stem, ".exp_avg", s->bytes);
	near[LC_V0] = moment(old, stem, ".exp_avg_sq", s->bytes);
	if (kind == W)
		near[LC_V1] = moment(now, stem, ".exp_avg_sq", s->bytes);
	free(stem);
	for (size_t i = 0; i < n; i += RUN) {
		struct lc_run r = {.type = LC_F32,
				   .part = (enum lc_part)(LC_PART_W + kind),
				   .n = n - i < RUN ? n - i : RUN,
				   .cols = s->dims > 1 ? s->shape[s->dims - 1] : 0,
				   .x = f->bytes + s->at + 4 * i,
				   .hyper = now->hyper};
		r.phase = r.cols ? i % r.cols : 0;
		for (int k = 0; k < LC_NEARS; k++)
			r.near[k] = near[k] ? (const unsigned char *)near[k] + 4 * i : NULL;
		each_run(room, r, kind, t);
	}
}

static void line(const char *name, const struct tally *t, int bytes)
{
	printf("  %-16s %8.4f %7.3f %8.2f %7.2f %7.2f\n", name, t->raw / t->coded,
	       8 * bytes * t->coded / t->raw, t->raw / t->fit / 1e9, t->raw / t->encode / 1e9,
	       t->raw / t->decode / 1e9);
}

static void add(struct tally *sum, const struct tally *t)
{
	sum->raw += t->raw;
	sum->coded += t->coded;
	sum->fit += t->fit;
	sum->encode += t->encode;
	sum->decode += t->decode;
}

static void measure(const struct room *room, const struct state *now, const struct state *old)
{
	struct tally best[KINDS] = {{0}}, all = {0}, mixed = {0};

	for (int r = 0; r < rounds; r++) {
		struct tally t[KINDS] = {{0}};
		for (int i = 0; i < now->n; i++)
			for (size_t j = 0; j < now->f[i].spans.n; j++)
				each_tensor(room, now, old, &now->f[i], &now->f[i].spans.s[j], t);
		for (int k = 0; k < KINDS; k++) {
			struct tally *b = &best[k];
			if (r == 0)
				*b = t[k];
			b->fit = fmin(b->fit, t[k].fit);
			b->encode = fmin(b->encode, t[k].encode);
			b->decode = fmin(b->decode, t[k].decode);
		}
	}
	for (int k = 0; k < KINDS; k++)
		if (best[k].raw > 0)
			line(kinds[k], &best[k], k < HALF ? 4 : 2);
	for (int k = W; k <= V; k++)
		add(&all, &best[k]);
	mixed = all;
	add(&mixed, &best[COPY]);
	line("w, m, v", &all, 12);
	line("w, m, v, bf16", &mixed, 14);
}

int main(int argc, char **argv)
{
	struct room room = {lc_work_new(), lc_xalloc(lc_run_bound(RUN), 1), lc_xalloc(RUN, 4),
			    lc_xalloc(RUN, 2), lc_xalloc(RUN, 2)};
	struct state s[2];
	int opt, first;

	while ((opt = getopt(argc, argv, "l:r:")) != -1)
		if (opt == 'r')
			rounds = atoi(optarg);
		else if (opt == 'l')
			room.w->loops = codec_loops(atoi(optarg));
		else
			optind = argc;
	if (optind >= argc || rounds < 1 || !room.w->loops) {
		fputs("usage: codec [-l LEVEL] [-r ROUNDS] FOLDER...\n", stderr);
		return 2;
	}
	first = optind;
	printf("  %-16s %8s %7s %8s %7s %7s\n", "", "ratio", "bits", "fit", "encode", "decode");
	for (int i = first; i < argc; i++) {
		load(&s[i % 2], argv[i]);
		printf("%s%s%s\n", argv[i], i > first ? " from " : "",
		       i > first ? argv[i - 1] : "");
		measure(&room, &s[i % 2], i > first ? &s[(i - 1) % 2] : NULL);
		if (i > first)
			release(&s[(i - 1) % 2]);
	}
	release(&s[(argc - 1) % 2]);
	lc_work_free(room.w);
	free(room.out);
	free(room.back);
	free(room.half);
	free(room.half0);
	return fflush(stdout) || ferror(stdout) ? 4 : 0;
}
