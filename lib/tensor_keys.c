/* tensor_keys: see tensor_keys.h. */
#include "tensor_keys.h"

#include "tensor_torch.h"

struct walk {
	const struct lc_pickle *p;
	int (*fn)(void *ctx, const char *key, size_t len, int depth);
	void *ctx;
};

static int is_empty(const struct lc_pickle_value *v)
{
	if (v->kind == LC_PK_TUPLE || v->kind == LC_PK_LIST || v->kind == LC_PK_DICT)
		return v->head == 0;
	return v->kind == LC_PK_NONE;
}

/* A dictionary's items are a key, its value, and so on. Two levels: there is no way around. */
static void walk_dict(const struct walk *w, uint32_t dict, int depth)
{
	const struct lc_pickle *p = w->p;

	if (p->v[dict].kind != LC_PK_DICT)
		return;
	for (uint32_t c = p->v[dict].head; c;) {
		const struct lc_pickle_value *key = &p->v[p->cell[c].value];
		uint32_t value;
		c = p->cell[c].next;
		if (!c)
			return;
		value = p->cell[c].value;
		c = p->cell[c].next;
		if (key->kind != LC_PK_TEXT || is_empty(&p->v[value]))
			continue;
		if (!w->fn(w->ctx, (const char *)p->buf + key->u.text.at, key->u.text.len, depth) &&
		    depth == 0)
			walk_dict(w, value, 1);
	}
}

void lc_keys_find(const struct lc_reader *r,
		  int (*fn)(void *ctx, const char *key, size_t len, int depth), void *ctx)
{
	struct torch_file f;
	struct zip z;

	if (zip_read(r, r->size, &z) < 0)
		return;
	if (torch_open(&f, r, &z) == 0) {
		struct walk w = {&f.p, fn, ctx};
		walk_dict(&w, f.p.root, 0);
		torch_close(&f);
	}
	zip_release(&z);
}
