/* data: see data.h. */
#include "data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "rng.h"
#include "train.h"

#define PERIOD 20	/* one block in so many is held out: the last of each period */
#define LEAST_BLOCKS 40 /* so that both shards have one */

/* Where the bundled text may be: as installed, beside the program, or beside its bin directory. */
static char *bundled_text(void)
{
	const char *env = getenv("LC_DATADIR");
	char exe[4096], *slash, *path[3];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int use = 0;

	exe[n > 0 ? n : 0] = '\0';
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	path[0] = lc_path("%s/kjv.txt", env && *env ? env : LC_DATADIR);
	path[1] = lc_path("%s/kjv.txt", exe);
	path[2] = lc_path("%s/../share/lightcone/kjv.txt", exe);
	while (use < 3 && access(path[use], R_OK) < 0)
		use++;
	use = use < 3 ? use : 0; /* none: the error names the first */
	for (int i = 0; i < 3; i++)
		if (i != use)
			free(path[i]);
	return path[use];
}

/* A run of training blocks is 19 blocks long, or what is left at the end of the text. */
static size_t span_windows(const struct data *d, size_t span)
{
	size_t from = span * PERIOD * d->block, len = (PERIOD - 1) * d->block;

	if (from >= d->len)
		return 0;
	if (len > d->len - from)
		len = d->len - from;
	return len > (size_t)d->ctx ? len - (size_t)d->ctx : 0;
}

/* Rows of shard 0 or 1: windows end to end inside its blocks, thinned to an even stride. */
static void hold_out(struct data *d, int shard, long val_bytes)
{
	size_t row = (size_t)d->ctx + 1, per = d->block / row, blocks = 0, all, n;

	for (size_t b = PERIOD - 1; (b + 1) * d->block <= d->len; b += PERIOD)
		blocks += (b / PERIOD) % 2 == (size_t)shard;
	all = blocks * per;
	n = (size_t)val_bytes / (size_t)d->ctx;
	n = n < 1 ? 1 : n > all ? all : n;
	d->held[shard] = lc_xalloc(n * row, 1);
	d->held_rows[shard] = (int)n;
	for (size_t i = 0; i < n; i++) {
		size_t w = i * all / n, held = 2 * (w / per) + (size_t)shard;
		size_t at = (held * PERIOD + PERIOD - 1) * d->block + w % per * row;

		memcpy(d->held[shard] + i * row, d->text + at, row);
	}
}

int data_open(struct data *d, const char *path, int ctx, long val_bytes, struct lc_err *err)
{
	char *name = path ? lc_path("%s", path) : bundled_text();
	struct lc_id id;
	int ret = -1;

	memset(d, 0, sizeof(*d));
	d->ctx = ctx;
	d->block = 4096;
	if (lc_read_file(name, &d->text, &d->len, err) < 0 ||
	    lc_sha256(d->text, d->len, &id, err) < 0)
		goto out;
	lc_id_hex(&id, d->sha256);
	while (d->block > (size_t)ctx && d->len / d->block < LEAST_BLOCKS)
		d->block /= 2;
	if (d->block <= (size_t)ctx) {
		lc_fail(err, LC_DATA, "%s: %zu bytes are too few for ctx %d", name, d->len, ctx);
		goto out;
	}
	for (size_t s = 0; s * PERIOD * d->block < d->len; s++)
		d->windows += span_windows(d, s);
	hold_out(d, 0, val_bytes);
	hold_out(d, 1, val_bytes);
	ret = 0;
out:
	free(name);
	if (ret < 0)
		data_close(d);
	return ret;
}

void data_close(struct data *d)
{
	free(d->text);
	free(d->held[0]);
	free(d->held[1]);
	memset(d, 0, sizeof(*d));
}

void data_batch(const struct data *d, uint64_t seed, uint64_t index, int rows, uint8_t *tokens)
{
	struct lc_rng rng = {seed, (uint64_t)BATCH_STREAM << 56 ^ index, 0};
	size_t row = (size_t)d->ctx + 1, full = span_windows(d, 0);

	for (int r = 0; r < rows; r++, tokens += row) {
		size_t w = (size_t)lc_rng_below(&rng, d->windows);
		size_t span = w / full; /* all spans but the last are full */

		memcpy(tokens, d->text + span * PERIOD * d->block + w % full, row);
	}
}
