/*
 * read: lc-read's formats on damaged logs. Cut at any byte, a log gives all records before the cut;
 * with any byte flipped it gives all but those that the byte is in.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/lc-read/read.h"
#include "io.h"
#include "json.h"
#include "num.h"
#include "rng.h"

static const struct lc_names no_names;

/* The records of the log (buf, len), as text; *bad: damaged places. The caller's. */
static char *records(const char *buf, size_t len, const struct format *f, unsigned long *bad)
{
	struct source src = {.fd = memfd_create("log", 0), .path = "log"};
	struct reader r = {.in = &src, .path = "log", .quiet = 1};
	struct lc_err err = {LC_OK, ""};
	char *text = NULL;
	size_t size = 0;
	struct out o;

	cr_assert(src.fd >= 0);
	cr_assert_eq(lc_write_all(src.fd, buf, len, "memfd", &err), 0);
	lseek(src.fd, 0, SEEK_SET);
	out_init(&o, open_memstream(&text, &size), &no_names, 0);
	r.out = &o;
	cr_assert(reader_run(&r, f, &err) == 0 || err.code == LC_DATA, "%s", err.text);
	fclose(o.to);
	out_release(&o);
	source_close(&src);
	if (bad)
		*bad = r.bad;
	return text;
}

static char *load(const char *name, size_t *len)
{
	const char *tests = getenv("TESTS");
	char *path = lc_path("%s/golden/logs/%s", tests ? tests : "tests", name), *buf;
	struct lc_err err;

	cr_assert_eq(lc_read_file(path, &buf, len, &err), 0, "%s", err.text);
	free(path);
	return buf;
}

static size_t count_lines(const char *s)
{
	size_t n = 0;

	for (; (s = strchr(s, '\n')); s++)
		n++;
	return n;
}

/*
 * Cut at every stride-th byte: what comes out is the beginning of what comes out of the whole log,
 * up to the last record, which may lack what was cut off; and it never becomes less.
 */
static void cut_everywhere(const char *name, const struct format *f, size_t stride, size_t upto)
{
	size_t len, before = 0;
	char *log = load(name, &len), *whole = records(log, len, f, NULL);

	if (upto == 0 || upto > len)
		upto = len;
	for (size_t cut = 0;; cut = cut + stride < upto ? cut + stride : upto) {
		char *part = records(log, cut, f, NULL);
		size_t n = count_lines(part), same = 0;

		while (part[same] && part[same] == whole[same])
			same++;
		if (part[same]) { /* only the last record may differ */
			char *nl = strchr(part + same, '\n');

			cr_assert(nl && nl[1] == '\0', "%s cut at %zu: %s", name, cut, part + same);
		}
		cr_assert(n >= before, "%s cut at %zu: %zu records, %zu before", name, cut, n,
			  before);
		before = n;
		free(part);
		if (cut == upto)
			break;
	}
	cr_assert(upto < len || before == count_lines(whole));
	free(whole);
	free(log);
}

Test(read, cut_tensorboard, .timeout = 200)
{
	cut_everywhere("tensorboard/events.out.tfevents.1700000000.host.1.0", &format_tensorboard,
		       1, 3000);
	cut_everywhere("tensorboard/events.out.tfevents.1700000000.host.1.0", &format_tensorboard,
		       61, 0);
	cut_everywhere("tensorboard-v2/events.out.tfevents.1700000000.host.1.0", NULL, 37, 0);
}

Test(read, cut_wandb, .timeout = 200)
{
	cut_everywhere("run-7c8ddm8c.wandb", &format_wandb, 1, 3000);
	cut_everywhere("run-7c8ddm8c.wandb", &format_wandb, 499, 0);
}

Test(read, cut_hf, .timeout = 200)
{
	cut_everywhere("hf/trainer_state.json", &format_hf, 3, 0);
}

Test(read, cut_text, .timeout = 200)
{
	cut_everywhere("llmc-main.log", &format_llmc, 1, 0);
	cut_everywhere("megatron.log", &format_megatron, 3, 0);
	cut_everywhere("modded-nanogpt.log", &format_modded, 5, 0);
	cut_everywhere("nanogpt.log", &format_nanogpt, 1, 0);
	cut_everywhere("torchtitan.log", &format_torchtitan, 1, 0);
	cut_everywhere("lightning/metrics.csv", &format_csv, 1, 0);
}

/* How many lines of part are none of whole. */
static size_t count_strange(const char *part, const char *whole)
{
	size_t n = 0;

	while (*part) {
		size_t len = strcspn(part, "\n") + 1;
		char *line = strndup(part, len);

		n += strstr(whole, line) == NULL;
		free(line);
		part += len;
	}
	return n;
}

/* A flipped byte: it is noticed, and not more than so many records are lost or lack something. */
static void flip(const char *name, const struct format *f, size_t from, size_t stride, size_t lost)
{
	size_t len, lines;
	char *log = load(name, &len), *whole = records(log, len, f, NULL);

	lines = count_lines(whole);
	for (size_t at = from; at < len; at += stride) {
		unsigned long bad;
		char *got;

		log[at] ^= 0x10;
		got = records(log, len, f, &bad);
		log[at] ^= 0x10;
		cr_assert(bad >= 1, "%s: byte %zu flipped, and not noticed", name, at);
		cr_assert(count_lines(got) + lost >= lines, "%s: byte %zu flipped: %zu of %zu",
			  name, at, count_lines(got), lines);
		cr_assert(count_strange(got, whole) <= lost, "%s: byte %zu flipped:\n%s", name, at,
			  got);
		free(got);
	}
	free(whole);
	free(log);
}

/* A step is in several records there, and one of them is lost. */
Test(read, flip_tensorboard, .timeout = 200)
{
	flip("tensorboard/events.out.tfevents.1700000000.host.1.0", &format_tensorboard, 0, 7, 1);
}

/* A record whose length is wrong takes the rest of its block with it: only data is flipped here,
 * and the lengths in flip_wandb_length. */
Test(read, flip_wandb_length)
{
	size_t len;
	char *log = load("run-7c8ddm8c.wandb", &len), *got;
	unsigned long bad;

	log[7 + 5] ^= 0x7f; /* the first record's length */
	got = records(log, len, &format_wandb, &bad);
	cr_assert(bad >= 1);
	cr_assert(count_lines(got) >= 20, "%s", got); /* those of the blocks behind */
	free(got);
	free(log);
}

/* However a number is written, what comes out is JSON, is the same number, and has no digit that it
 * could do without. */
Test(read, shorten)
{
	static const char *const odd[] = {"0",
					  "-0.0",
					  "+1",
					  "007.50",
					  "1e400",
					  "1e-400",
					  "4.9e-324",
					  "1E+05",
					  "100000",
					  "1e15",
					  "0.00001234",
					  ".5",
					  "5.",
					  "123456789012345678",
					  "1e+22",
					  "1e-5",
					  "100.10",
					  "0.000000000",
					  "1.0000000000000000000001"};
	struct lc_rng rng = {.seed = 7};
	char in[64], out[OUT_NUM], best[OUT_NUM];
	double x, back;

	for (size_t i = 0; i < 20000; i++) {
		if (i < sizeof(odd) / sizeof(odd[0]))
			strcpy(in, odd[i]);
		else
			snprintf(in, sizeof(in), i & 1 ? "%.*e" : "%.*f",
				 (int)lc_rng_below(&rng, 20),
				 lc_rng_normal(&rng) *
					 pow(10, (double)lc_rng_below(&rng, 24) - 12));
		cr_assert_eq(lc_num_parse(in, strlen(in), &x), strlen(in), "%s", in);
		num_shorten(in, strlen(in), x, out);
		if (isinf(x)) {
			cr_assert_str_eq(out, "\"inf\"");
			continue;
		}
		cr_assert_eq(lc_num_parse(out, strlen(out), &back), strlen(out), "%s: %s", in, out);
		cr_assert(x == back, "%s: %s", in, out);
		cr_assert(out[0] != '+' && out[0] != '.' && out[strlen(out) - 1] != '.', "%s: %s",
			  in, out);
		lc_num(best, x);
		cr_assert(strcspn(out, "e") <= strcspn(best, "e") || !strchr(out, '.'),
			  "%s: %s, %s", in, out, best);
	}
}

Test(read, random_bytes, .timeout = 200)
{
	const struct format *binary[] = {&format_tensorboard, &format_wandb, &format_hf, NULL};
	struct lc_rng rng = {.seed = 5};
	size_t len;
	char *log = load("run-7c8ddm8c.wandb", &len);

	for (int i = 0; i < 300; i++) {
		size_t n = (size_t)(lc_rng_u64(&rng) % 4096), skip = i & 1 ? 7 : 0;

		for (size_t k = skip; k < n; k++)
			log[k] = (char)lc_rng_u64(&rng);
		free(records(log, n, binary[i % 4], NULL));
	}
	free(log);
}
