/*
 * tensor_dcp: the names of tensors in a torch.distributed.checkpoint. Its files hold one zip file a
 * tensor, one after another; a pickle in .metadata says what each is: storage_data, a dict of
 * MetadataIndex(fqn, offset) to _StorageInfo(relative_path, offset, length).
 */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "pickle.h"
#include "tensor_impl.h"

#define METADATA_MAX (32 << 20)
#define TEXT_MAX 250
#define NAMES_MAX (1u << 19)
#define MODULE "torch.distributed.checkpoint.metadata"

/* A field of an object of a plain class. */
static uint32_t field(const struct lc_pickle *p, uint32_t v, const char *name)
{
	return p->v[v].kind == LC_PK_OBJECT ? lc_pickle_get(p, lc_pickle_item(p, v, 3), name) : 0;
}

static char *text_of(const struct lc_pickle *p, uint32_t v)
{
	const struct lc_pickle_value *t = &p->v[v];

	return t->kind == LC_PK_TEXT
		       ? lc_path("%.*s", t->u.text.len < TEXT_MAX ? (int)t->u.text.len : TEXT_MAX,
				 (const char *)p->buf + t->u.text.at)
		       : NULL;
}

/* A part of a tensor that is cut is called after the tensor and where in it the part begins. */
static char *part_name(const struct lc_pickle *p, uint32_t index)
{
	char *name = text_of(p, field(p, index, "fqn")), *more;
	uint32_t offset = field(p, index, "offset");
	int somewhere = 0;

	for (uint32_t c = p->v[offset].head; c; c = p->cell[c].next)
		somewhere |= p->v[p->cell[c].value].u.i != 0;
	for (uint32_t c = p->v[offset].head, i = 0; c && i < LC_SPAN_DIMS && name && somewhere;
	     c = p->cell[c].next, i++) {
		more = lc_path("%s%s%lld", name, i ? "_" : ".from",
			       (long long)p->v[p->cell[c].value].u.i);
		free(name);
		name = more;
	}
	return name;
}

static void read_names(const struct lc_pickle *p, struct lc_spans *found)
{
	uint32_t data = field(p, p->root, "storage_data");

	if (p->v[data].kind != LC_PK_DICT)
		return;
	for (uint32_t c = p->v[data].head; c && found->nnames < NAMES_MAX;
	     c = p->cell[p->cell[c].next].next) {
		uint32_t info = p->cell[p->cell[c].next].value;
		uint32_t at = field(p, info, "offset");
		struct lc_piece_name one = {.at = (uint64_t)p->v[at].u.i};
		if (p->v[at].kind != LC_PK_INT || p->v[at].u.i < 0)
			continue;
		one.name = part_name(p, p->cell[c].value);
		one.file = text_of(p, field(p, info, "relative_path"));
		if (!one.name || !one.file) {
			free(one.name);
			free(one.file);
			continue;
		}
		if ((found->nnames & (found->nnames - 1)) == 0)
			found->names =
				lc_xrealloc(found->names, found->nnames ? 2 * found->nnames : 1,
					    sizeof(*found->names));
		found->names[found->nnames++] = one;
	}
}

void spans_metadata(const struct lc_reader *r, struct lc_spans *found)
{
	unsigned char head[64], *text;
	struct lc_pickle p = {0};

	if (r->size < sizeof(head) || r->size > METADATA_MAX ||
	    r->read(r->ctx, head, sizeof(head), 0) < 0 ||
	    !memmem(head, sizeof(head), MODULE, strlen(MODULE)))
		return;
	text = lc_xalloc((size_t)r->size, 1);
	if (r->read(r->ctx, text, (size_t)r->size, 0) == 0 &&
	    lc_pickle_read(&p, text, (size_t)r->size) == 0)
		read_names(&p, found);
	lc_pickle_release(&p);
	free(text);
}

static int is_file(const char *path, const char *file)
{
	size_t n = strlen(path), k = strlen(file);

	return n >= k && strcmp(path + n - k, file) == 0 && (n == k || path[n - k - 1] == '/');
}

static void rename_in(struct lc_spans *s, const char *path, const struct lc_spans *by)
{
	char **name = lc_xalloc(s->n, sizeof(*name)), place[24];

	for (size_t i = 0; i < by->nnames; i++) {
		const struct lc_span *t;
		snprintf(place, sizeof(place), "@%llu", (unsigned long long)by->names[i].at);
		if (is_file(path, by->names[i].file) && (t = lc_spans_get(s, place)) &&
		    !name[t - s->s])
			name[t - s->s] = lc_path("%s", by->names[i].name);
	}
	for (size_t i = 0; i < s->n; i++)
		if (name[i]) {
			free(s->s[i].name);
			s->s[i].name = name[i];
		}
	spans_index(s);
	free(name);
}

void dcp_together(struct lc_spans *const *of, const char *const *path, size_t n)
{
	for (size_t m = 0; m < n; m++)
		for (size_t i = 0; i < n && of[m]->nnames; i++)
			if (of[i]->n)
				rename_in(of[i], path[i], of[m]);
}
