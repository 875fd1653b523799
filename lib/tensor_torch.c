/* tensor_torch: see tensor_torch.h. */
#include "tensor_torch.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"

#define PICKLE_MAX (32 << 20)
#define DEPTH_MAX 32	      /* of dicts in dicts */
#define VISITS_MAX (1u << 22) /* of values, some of them more than once */
#define NAME_MAX_LEN 250
#define REST_MIN 4096 /* bytes of a storage, in no tensor, that are worth a span */

static unsigned char *member_read(const struct lc_reader *r, struct zip_member *m)
{
	uint64_t at = zip_data(r, m);
	unsigned char *p;

	if (at == 0)
		return NULL;
	p = lc_xalloc((size_t)m->bytes, 1);
	if (r->read(r->ctx, p, (size_t)m->bytes, at) == 0)
		return p;
	free(p);
	return NULL;
}

static struct zip_member *member_get(const struct torch_file *f, const char *rest, size_t len)
{
	char *name = lc_path("%s%.*s", f->prefix, (int)len, rest);
	struct zip_member *m = zip_get(f->z, name);

	free(name);
	return m;
}

static int little_endian(const struct torch_file *f)
{
	struct zip_member *m = member_get(f, "byteorder", 9);
	unsigned char *p = m && m->bytes == 6 ? member_read(f->r, m) : NULL;
	int yes = !m || (p && memcmp(p, "little", 6) == 0);

	free(p);
	return yes;
}

int torch_open(struct torch_file *f, const struct lc_reader *r, const struct zip *z)
{
	struct zip_member *m = NULL;

	memset(f, 0, sizeof(*f));
	f->r = r;
	f->z = z;
	for (size_t i = 0; i < z->n && !m; i++) {
		size_t n = strlen(z->m[i].name);
		if (n < 9 || strcmp(z->m[i].name + n - 9, "/data.pkl") != 0)
			continue;
		m = &z->m[i];
		f->prefix = lc_path("%.*s", (int)n - 8, z->m[i].name);
	}
	if (!m || m->bytes > PICKLE_MAX || !little_endian(f) || !(f->text = member_read(r, m)) ||
	    lc_pickle_read(&f->p, f->text, (size_t)m->bytes) < 0) {
		torch_close(f);
		return -1;
	}
	return 0;
}

void torch_close(struct torch_file *f)
{
	lc_pickle_release(&f->p);
	free(f->prefix);
	free(f->text);
	memset(f, 0, sizeof(*f));
}

/* The type that a class of storages or a dtype stands for. */
static enum lc_dtype type_of(const struct lc_pickle *p, uint32_t v)
{
	static const struct {
		const char *storage, *dtype;
		enum lc_dtype type;
	} known[] = {
		{"FloatStorage", "float32", LC_F32},	  {"HalfStorage", "float16", LC_F16},
		{"BFloat16Storage", "bfloat16", LC_BF16}, {"IntStorage", "int32", LC_I32},
		{"ShortStorage", "int16", LC_I16},	  {"UInt32Storage", "uint32", LC_I32},
		{"UInt16Storage", "uint16", LC_I16},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (lc_pickle_global(p, v, "torch", known[i].storage) ||
		    lc_pickle_global(p, v, "torch.cuda", known[i].storage) ||
		    lc_pickle_global(p, v, "torch", known[i].dtype))
			return known[i].type;
	return LC_BYTES;
}

/* ("storage", class, key, device, elements) */
int torch_storage(const struct torch_file *f, uint32_t saved, struct torch_storage *s)
{
	const struct lc_pickle *p = &f->p;
	uint32_t id = lc_pickle_item(p, saved, 0), key = lc_pickle_item(p, id, 2);
	char name[32] = "data/";

	if (p->v[saved].kind != LC_PK_SAVED ||
	    !lc_pickle_is(p, lc_pickle_item(p, id, 0), "storage") || p->v[key].kind != LC_PK_TEXT ||
	    p->v[key].u.text.len > sizeof(name) - 6)
		return -1;
	memcpy(name + 5, p->buf + p->v[key].u.text.at, p->v[key].u.text.len);
	s->m = member_get(f, name, sizeof(name));
	s->type = type_of(p, lc_pickle_item(p, id, 1));
	s->at = s->m ? zip_data(f->r, s->m) : 0;
	return s->at ? 0 : -1;
}

static int integer(const struct lc_pickle *p, uint32_t v, uint64_t *x)
{
	if (p->v[v].kind != LC_PK_INT || p->v[v].u.i < 0)
		return -1;
	*x = (uint64_t)p->v[v].u.i;
	return 0;
}

struct dim {
	uint64_t size, stride;
};

static int by_stride(const void *pa, const void *pb)
{
	const struct dim *a = pa, *b = pb;

	return a->stride > b->stride ? -1 : a->stride < b->stride;
}

/* Sizes and strides into the shape of what lies there, in order of place; when there are gaps or
 * elements that stand for several, a single dimension over all of it. */
static int lay_out(struct dim *d, int n, struct lc_span *s)
{
	uint64_t dense = 1, extent = 1, x;
	int gaps = 0;

	qsort(d, (size_t)n, sizeof(*d), by_stride);
	for (int i = n; i-- > 0;) {
		if (d[i].size == 0)
			return -1;
		gaps |= d[i].size > 1 && d[i].stride != dense;
		if (__builtin_mul_overflow(d[i].size - 1, d[i].stride, &x) ||
		    __builtin_add_overflow(extent, x, &extent) ||
		    __builtin_mul_overflow(dense, d[i].size, &dense))
			return -1;
	}
	s->dims = gaps ? 1 : n;
	s->shape[0] = extent;
	for (int i = 0; i < n && !gaps; i++)
		s->shape[i] = d[i].size;
	return 0;
}

/* Arguments (storage, offset, sizes, strides, ..); dtype is after them where the storage has none.
 */
static int tensor_args(const struct torch_file *f, uint32_t args, int typed, struct lc_span *s)
{
	const struct lc_pickle *p = &f->p;
	uint32_t size = lc_pickle_item(p, args, 2), stride = lc_pickle_item(p, args, 3);
	uint32_t a = p->v[size].head, b = p->v[stride].head;
	struct dim d[LC_SPAN_DIMS];
	struct torch_storage st;
	uint64_t offset, width, last;
	int n = 0;

	if (p->v[size].kind != LC_PK_TUPLE || p->v[stride].kind != LC_PK_TUPLE ||
	    torch_storage(f, lc_pickle_item(p, args, 0), &st) < 0 ||
	    integer(p, lc_pickle_item(p, args, 1), &offset) < 0)
		return 0;
	for (; a && b; a = p->cell[a].next, b = p->cell[b].next, n++)
		if (n == LC_SPAN_DIMS || integer(p, p->cell[a].value, &d[n].size) < 0 ||
		    integer(p, p->cell[b].value, &d[n].stride) < 0)
			return 0;
	memset(s, 0, sizeof(*s));
	s->type = typed ? type_of(p, lc_pickle_item(p, args, 6)) : st.type;
	width = lc_dtype_bits(s->type) / 8;
	if (a || b || width == 0 || lay_out(d, n, s) < 0)
		return 0;
	s->bytes = width;
	for (int i = 0; i < s->dims; i++)
		s->bytes *= s->shape[i]; /* fits: it is the extent, or no longer */
	if (__builtin_mul_overflow(offset, width, &offset) ||
	    __builtin_add_overflow(offset, s->bytes, &last) || last > st.m->bytes)
		return 0;
	s->at = st.at + offset;
	return 1;
}

int torch_tensor(const struct torch_file *f, uint32_t v, struct lc_span *s)
{
	const struct lc_pickle *p = &f->p;
	uint32_t callable = lc_pickle_item(p, v, 0), args = lc_pickle_item(p, v, 1);

	if (p->v[v].kind != LC_PK_OBJECT)
		return 0;
	if (lc_pickle_global(p, callable, "torch._tensor", "_rebuild_from_type_v2")) {
		callable = lc_pickle_item(p, args,
					  0); /* of a subclass: (callable, class, args, state) */
		args = lc_pickle_item(p, args, 2);
	}
	if (lc_pickle_global(p, callable, "torch._utils", "_rebuild_tensor_v3"))
		return tensor_args(f, args, 1, s);
	if (lc_pickle_global(p, callable, "torch._utils", "_rebuild_tensor_v2") ||
	    lc_pickle_global(p, callable, "torch._utils", "_rebuild_tensor"))
		return tensor_args(f, args, 0, s);
	return 0;
}

struct walk { /* over all values that can be reached */
	const struct torch_file *f;
	struct lc_spans *found;
	char name[NAME_MAX_LEN + 1];
	size_t len;
	uint32_t visits;
};

/* A component more; what cannot be part of a name adds nothing. */
static void enter(struct walk *w, uint32_t key)
{
	const struct lc_pickle *p = &w->f->p;
	const struct lc_pickle_value *v = &p->v[key];
	size_t room = NAME_MAX_LEN - w->len;
	char number[24];
	const char *from = number;
	size_t n = 0;

	if (v->kind == LC_PK_INT)
		n = (size_t)snprintf(number, sizeof(number), "%lld", (long long)v->u.i);
	else if (v->kind == LC_PK_TEXT) {
		from = (const char *)p->buf + v->u.text.at;
		n = v->u.text.len;
	}
	if (n == 0 || room < 2)
		return;
	if (w->len)
		w->name[w->len++] = '.';
	for (size_t i = 0; i < n && w->len < NAME_MAX_LEN; i++)
		w->name[w->len++] = (unsigned char)from[i] < ' ' || from[i] == 127 ? '?' : from[i];
}

/* Of the first of an optimizer's parameters: {"state": {0: {"step":..}}, "param_groups":
 * [{"betas":..}]}
 */
static void take_hyper(struct walk *w, uint32_t v)
{
	const struct lc_pickle *p = &w->f->p;
	struct lc_hyper *h = &w->found->hyper;
	uint32_t group = lc_pickle_item(p, lc_pickle_get(p, v, "param_groups"), 0), betas, step;
	double updates = 0;
	struct lc_span s;
	float x;

	if (group == 0 || h->beta1 > 0)
		return;
	betas = lc_pickle_get(p, group, "betas");
	if (lc_pickle_number(p, lc_pickle_item(p, betas, 0), &h->beta1) < 0 ||
	    lc_pickle_number(p, lc_pickle_item(p, betas, 1), &h->beta2) < 0)
		return;
	lc_pickle_number(p, lc_pickle_get(p, group, "eps"), &h->eps);
	step = lc_pickle_get(p, lc_pickle_item(p, lc_pickle_get(p, v, "state"), 1), "step");
	if (lc_pickle_number(p, step, &updates) < 0 && torch_tensor(w->f, step, &s) &&
	    s.type == LC_F32 && s.bytes == 4 && w->f->r->read(w->f->r->ctx, &x, 4, s.at) == 0)
		updates = x;
	h->updates = updates >= 0 && updates < 1e15 ? (long)updates : 0;
}

static void visit(struct walk *w, uint32_t v, int depth);

static void visit_under(struct walk *w, uint32_t key, uint32_t v, int depth)
{
	size_t len = w->len;

	enter(w, key);
	visit(w, v, depth + 1);
	w->len = len;
}

/* The items of a list are numbered when there are several. */
static void visit_items(struct walk *w, uint32_t v, int depth)
{
	const struct lc_pickle *p = &w->f->p;
	size_t len = w->len;
	unsigned i = 0;

	for (uint32_t c = p->v[v].head; c; c = p->cell[c].next, i++) {
		if (w->len + 12 < NAME_MAX_LEN)
			w->len += (size_t)snprintf(w->name + w->len, 12, "%s%u", len ? "." : "", i);
		visit(w, p->cell[c].value, depth + 1);
		w->len = len;
	}
}

static void visit(struct walk *w, uint32_t v, int depth)
{
	const struct lc_pickle *p = &w->f->p;
	struct lc_span s;

	if (depth > DEPTH_MAX || w->visits++ > VISITS_MAX)
		return;
	if (p->v[v].kind == LC_PK_LIST || p->v[v].kind == LC_PK_TUPLE)
		visit_items(w, v, depth);
	if (p->v[v].kind != LC_PK_DICT && p->v[v].kind != LC_PK_OBJECT)
		return;
	if (torch_tensor(w->f, v, &s)) {
		spans_add(w->found, w->f->r, &s, lc_path("%.*s", (int)w->len, w->name));
		return;
	}
	take_hyper(w, v);
	for (uint32_t c = p->v[v].head; c; c = p->cell[p->cell[c].next].next) {
		uint32_t key = p->cell[c].value, item = p->cell[p->cell[c].next].value;
		if (p->v[v].kind == LC_PK_OBJECT && c == p->v[v].head) /* the arguments of a call */
			for (uint32_t a = p->v[item].head; a; a = p->cell[a].next)
				visit_under(w, 0, p->cell[a].value, depth);
		else
			visit_under(w, key, item, depth);
	}
}

static void add_rest(struct lc_spans *found, const struct torch_file *f,
		     const struct torch_storage *st, uint64_t from, uint64_t to)
{
	uint64_t width = lc_dtype_bits(st->type) / 8, odd = (from - st->at) % width;
	struct lc_span s = {.type = st->type, .dims = 1};
	char *key = strrchr(st->m->name, '/') + 1;

	from += odd ? width - odd : 0;
	if (to < from + REST_MIN)
		return;
	s.at = from;
	s.shape[0] = (to - from) / width;
	s.bytes = s.shape[0] * width;
	spans_add(found, f->r, &s,
		  lc_path("data/%s[%llu]", key, (unsigned long long)((from - st->at) / width)));
}

/* What is in a storage and in no tensor that has a name: a view saves all of what it is a view of.
 * Each storage once, however often it is named; made-up ones may lie over one another. */
static void add_rests(const struct torch_file *f, struct lc_spans *found)
{
	size_t named = found->n, looks = 0;

	for (uint32_t v = 1; v < f->p.n && looks < VISITS_MAX; v++) {
		struct torch_storage st;
		uint64_t done, end;
		size_t lo = 0, hi = named;
		if (f->p.v[v].kind != LC_PK_SAVED || torch_storage(f, v, &st) < 0 ||
		    st.type == LC_BYTES || st.m->done)
			continue;
		st.m->done = 1;
		while (lo < hi) { /* the first that ends after the start of the storage */
			size_t mid = lo + (hi - lo) / 2;
			if (found->s[mid].at + found->s[mid].bytes <= st.at)
				lo = mid + 1;
			else
				hi = mid;
		}
		done = st.at;
		end = st.at + st.m->bytes;
		for (; lo < named && found->s[lo].at < end; lo++, looks++) {
			if (found->s[lo].at > done)
				add_rest(found, f, &st, done, found->s[lo].at);
			done = found->s[lo].at + found->s[lo].bytes;
		}
		if (done < end)
			add_rest(found, f, &st, done, end);
	}
}

int spans_torch(const struct lc_reader *r, const struct zip *z, struct lc_spans *found)
{
	struct torch_file f;
	struct walk w = {.f = &f, .found = found};

	if (torch_open(&f, r, z) < 0)
		return 0;
	found->ordered = 1;
	visit(&w, f.p.root, 0);
	spans_settle(found);
	add_rests(&f, found);
	torch_close(&f);
	return 1;
}
