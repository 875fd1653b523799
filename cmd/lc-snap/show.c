/* show: what one snapshot holds. */
#include <stdio.h>
#include <stdlib.h>

#include "io.h"
#include "json.h"
#include "snap.h"

/* Of a file's chunk ids: the same bytes, cut alike, have the same. */
static void content(const struct lc_entry *e, char hex[LC_HEX_LEN + 1])
{
	struct lc_id id;

	if (lc_sha256(e->chunks, e->nchunks * sizeof(*e->chunks), &id, NULL) == 0)
		lc_id_hex(&id, hex);
}

static void show_entry(const struct lc_entry *e)
{
	static const char *const kind[] = {"file", "dir ", "link"};
	char *path = lc_path_encode(e->path), *target, *roles, hex[LC_HEX_LEN + 1] = "-";

	if (e->kind == LC_LINK) {
		target = lc_path_encode(e->target);
		printf("%s %04o %12s  %-64s  %-9s  %s -> %s\n", kind[e->kind], 0777, "-", "-", "-",
		       path, target);
		free(target);
	} else if (e->kind == LC_DIR) {
		printf("%s %04o %12s  %-64s  %-9s  %s\n", kind[e->kind], e->mode, "-", "-", "-",
		       path);
	} else {
		content(e, hex);
		roles = snap_roles(e->roles);
		printf("%s %04o %12llu  %s  %-9s  %s\n", kind[e->kind], e->mode,
		       (unsigned long long)e->size, hex, roles, path);
		free(roles);
	}
	free(path);
}

static void show_head(const struct lc_snapshot *s)
{
	unsigned found = lc_manifest_roles(&s->m);
	char *has = snap_roles(found), *lacks = snap_roles(LC_ROLES_NEEDED & ~found);
	char hex[LC_HEX_LEN + 1], when[32];

	lc_id_hex(&s->id, hex);
	snap_time(s, when);
	printf("id       %s\nrun      %s\nstep     %ld\n", hex, s->m.run, s->m.step);
	printf("bytes    %llu\nstored   %llu\n", (unsigned long long)lc_manifest_bytes(&s->m),
	       (unsigned long long)s->stored);
	printf("roles    %s\nmissing  %s\ntime     %s\nhost     %s\n", has, lacks, when, s->host);
	for (size_t i = 0; i < s->m.ntags; i++)
		printf("tag      %s=%s\n", s->m.tags[i].key, s->m.tags[i].value);
	putchar('\n');
	free(has);
	free(lacks);
}

static json_t *entry_record(const struct lc_entry *e)
{
	static const char *const kind[] = {"file", "dir", "link"};
	char *path = lc_path_encode(e->path), *target, hex[LC_HEX_LEN + 1] = "-", mode[8];
	json_t *o = json_pack("{s:s,s:s}", "path", path, "kind", kind[e->kind]);

	free(path);
	if (e->kind == LC_LINK) {
		target = lc_path_encode(e->target);
		json_object_set_new(o, "target", json_string(target));
		free(target);
		return o;
	}
	snprintf(mode, sizeof(mode), "%04o", e->mode & 0777);
	json_object_set_new(o, "mode", json_string(mode));
	if (e->kind == LC_DIR)
		return o;
	content(e, hex);
	json_object_set_new(o, "size", json_integer((json_int_t)e->size));
	json_object_set_new(o, "roles", lc_role_names(e->roles));
	json_object_set_new(o, "content", json_string(hex));
	json_object_set_new(o, "chunks", json_integer((json_int_t)e->nchunks));
	return o;
}

/* The snapshot record with one thing more, its files. */
static int show_json(const struct lc_snapshot *s, struct lc_err *err)
{
	json_t *o = snap_record(s), *files = json_array();
	int ret;

	for (size_t i = 0; i < s->m.n; i++)
		json_array_append_new(files, entry_record(&s->m.e[i]));
	json_object_set_new(o, "files", files);
	ret = lc_json_emit(stdout, o, err);
	json_decref(o);
	return ret;
}

int verb_show(const struct opts *o, int argc, char **argv)
{
	int by_step = o->step >= 0 || o->before >= 0;
	struct lc_snapshot s;
	struct lc_store *st;
	struct lc_err err;

	if (argc != 1 - by_step)
		lc_usage("show takes one snapshot");
	st = lc_store_open(o->store, 0, &err);
	if (!st || snap_pick(st, by_step ? NULL : argv[0], o, &s, &err) < 0)
		lc_die(&err);
	if (o->json) {
		if (show_json(&s, &err) < 0)
			lc_die(&err);
	} else {
		show_head(&s);
		for (size_t i = 0; i < s.m.n; i++)
			show_entry(&s.m.e[i]);
	}
	lc_snapshot_release(&s);
	lc_store_close(st);
	return LC_OK;
}
