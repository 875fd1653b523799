/*
 * logs: any bytes as a log of any format. Nothing is read outside them, and whatever comes out is
 * strict JSON. The messages inside event files come without their checksums too, since the fuzzer
 * would not find good ones.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/lc-read/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct lc_names no_names;

/* Each line is a JSON object. Lines of other types pass as they are: those are not ours. */
static void check(char *text)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		json_t *v;

		if (strncmp(line, "{\"step\":", 8) != 0)
			continue;
		v = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(v) || !json_is_integer(json_object_get(v, "step")))
			abort();
		json_decref(v);
	}
}

/* A log in memory, in one format (NULL: to be found), or one message of an event file. */
static void read_all(const uint8_t *data, size_t size, const struct format *f,
		     int (*message)(const unsigned char *, size_t, struct out *, struct lc_err *))
{
	struct source src = {.fd = memfd_create("log", 0), .path = "log"};
	struct reader r = {.in = &src, .path = "log", .quiet = 1};
	struct lc_err err = {LC_OK, ""};
	char *text = NULL;
	size_t len = 0;
	struct out o;

	if (src.fd < 0 || write(src.fd, data, size) != (ssize_t)size)
		abort();
	lseek(src.fd, 0, SEEK_SET);
	out_init(&o, open_memstream(&text, &len), &no_names, 1);
	r.out = &o;
	if (message) {
		message(data, size, &o, &err);
		out_flush(&o, &err);
	} else if (reader_run(&r, f, &err) < 0 && err.code != LC_DATA) {
		abort();
	}
	fclose(o.to);
	check(text);
	free(text);
	out_release(&o);
	source_close(&src);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_all(data, size, NULL, NULL);
	read_all(data, size, &format_hf, NULL);
	read_all(data, size, &format_wandb, NULL);
	read_all(data, size, &format_tensorboard, NULL);
	read_all(data, size, &format_pairs, NULL);
	read_all(data, size, NULL, tensorboard_event);
	read_all(data, size, NULL, wandb_record);
	return 0;
}
