/* memory: see memory.h. */
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"

/* Device and inode numbers may pass 2^53: as text. */
static void set_big(json_t *j, const char *key, unsigned long long x)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", x);
	json_object_set_new(j, key, json_string(text));
}

static unsigned long long get_big(const json_t *j, const char *key)
{
	return strtoull(lc_json_get_str(j, key, "0"), NULL, 10);
}

static void read_head(struct memory *m, const json_t *j)
{
	const char *path = lc_json_get_str(j, "path", NULL);

	m->path = path ? lc_path("%s", path) : NULL;
	m->dev = (dev_t)get_big(j, "dev");
	m->ino = (ino_t)get_big(j, "ino");
	m->offset = lc_json_get_int(j, "offset", 0);
	m->line = (unsigned long)lc_json_get_int(j, "line", 0);
	m->journal = lc_json_get_int(j, "journal", 0);
	snprintf(m->mark, sizeof(m->mark), "%s", lc_json_get_str(j, "mark", ""));
}

static int parse(struct memory *m, struct lc_detect *d, const char *buf, size_t len,
		 const char *path, struct lc_err *err)
{
	const char *nl = memchr(buf, '\n', len);
	json_t *j = nl ? lc_json_parse(buf, (size_t)(nl - buf), path, NULL) : NULL;
	long torn;
	int ret = -1;

	if (!j || lc_record_is(j, "detector", 1, NULL) != 1) {
		json_decref(j);
		return lc_fail(err, LC_DATA, "%s: no detector state", path);
	}
	read_head(m, j);
	torn = lc_json_get_int(j, "torn", 0);
	len -= (size_t)(++nl - buf);
	if (torn < 0 || (size_t)torn > len) {
		lc_fail(err, LC_DATA, "%s: detector state is damaged", path);
	} else {
		m->torn = lc_xalloc((size_t)torn + 1, 1);
		memcpy(m->torn, nl, (size_t)torn);
		m->torn_len = (size_t)torn;
		ret = d ? lc_detect_restore(d, nl + torn, len - (size_t)torn, err) : 0;
	}
	if (ret < 0 && d) {
		struct lc_err why = *err;
		if (strncmp(why.text, path, strlen(path)) != 0)
			lc_fail(err, why.code, "%s: %.300s", path, why.text);
	}
	json_decref(j);
	return ret;
}

int memory_load(struct memory *m, struct lc_detect *d, const char *path, struct lc_err *err)
{
	char *buf;
	size_t len;
	int ret;

	memset(m, 0, sizeof(*m));
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (lc_read_file(path, &buf, &len, err) < 0)
		return -1;
	ret = parse(m, d, buf, len, path, err);
	free(buf);
	if (ret < 0)
		memory_release(m);
	return ret < 0 ? -1 : 1;
}

static json_t *head(const struct memory *m)
{
	json_t *j = lc_record_new("detector", 1);

	if (m->path) {
		json_object_set_new(j, "path", json_string(m->path));
		set_big(j, "dev", m->dev);
		set_big(j, "ino", m->ino);
		json_object_set_new(j, "offset", json_integer(m->offset));
		json_object_set_new(j, "line", json_integer((json_int_t)m->line));
		json_object_set_new(j, "mark", json_string(m->mark));
		json_object_set_new(j, "journal", json_integer(m->journal));
	}
	json_object_set_new(j, "torn", json_integer((json_int_t)m->torn_len));
	return j;
}

int memory_save(const struct memory *m, const struct lc_detect *d, const char *path,
		struct lc_err *err)
{
	json_t *j = head(m);
	char *text = lc_json_text(j), *state, *all;
	size_t n = strlen(text), len;
	int ret;

	lc_detect_save(d, &state, &len);
	all = lc_xalloc(n + 1 + m->torn_len + len, 1);
	memcpy(all, text, n);
	all[n++] = '\n';
	if (m->torn_len)
		memcpy(all + n, m->torn, m->torn_len);
	memcpy(all + n + m->torn_len, state, len);
	ret = lc_write_file(path, all, n + m->torn_len + len, err);
	free(all);
	free(state);
	free(text);
	json_decref(j);
	return ret;
}

void memory_release(struct memory *m)
{
	free(m->path);
	free(m->torn);
	memset(m, 0, sizeof(*m));
}
