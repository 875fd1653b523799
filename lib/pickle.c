/* pickle: see pickle.h. */
#include "pickle.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "pickle_impl.h"

static int holds(const struct machine *m, uint32_t v, enum lc_pickle_kind kind)
{
	return m->p->v[v].kind == kind || m->p->v[v].kind == LC_PK_OBJECT;
}

static void add_item(struct machine *m, uint32_t to, uint32_t item)
{
	if (m->p->v[to].kind == LC_PK_OBJECT)
		pk_append(m, to, 0);
	if (holds(m, to, LC_PK_LIST))
		pk_append(m, to, item);
}

static void add_pair(struct machine *m, uint32_t to, uint32_t key, uint32_t item)
{
	if (!holds(m, to, LC_PK_DICT))
		return;
	pk_append(m, to, key);
	pk_append(m, to, item);
}

/* What lies above the mark, as a new value. */
static void collect(struct machine *m, enum lc_pickle_kind kind)
{
	uint32_t end = pk_unmark(m), v = pk_value(m, kind);

	for (uint32_t i = m->depth; i < end && !m->bad; i++)
		pk_append(m, v, m->stack[i]);
	pk_push(m, v);
}

/* What lies above the mark, into the value below it. */
static void spread(struct machine *m, int pairs)
{
	uint32_t end = pk_unmark(m), to = pk_top(m);

	if (pairs && (end - m->depth) % 2)
		m->bad = 1;
	for (uint32_t i = m->depth; i < end && !m->bad; i += pairs ? 2 : 1)
		if (pairs)
			add_pair(m, to, m->stack[i], m->stack[i + 1]);
		else
			add_item(m, to, m->stack[i]);
}

/* The last n of the stack, as a tuple. */
static void tuple(struct machine *m, uint32_t n)
{
	uint32_t v = pk_value(m, LC_PK_TUPLE);

	if (m->depth - pk_floor_of(m) < n) {
		m->bad = 1;
		return;
	}
	m->depth -= n;
	for (uint32_t i = 0; i < n; i++)
		pk_append(m, v, m->stack[m->depth + i]);
	pk_push(m, v);
}

static int op_container(struct machine *m, unsigned char op)
{
	uint32_t item;

	switch (op) {
	case ')': pk_push(m, pk_value(m, LC_PK_TUPLE)); break;
	case ']':
	case 0x8f: pk_push(m, pk_value(m, LC_PK_LIST)); break;
	case '}': pk_push(m, pk_value(m, LC_PK_DICT)); break;
	case 't': collect(m, LC_PK_TUPLE); break;
	case 'l':
	case 0x91: collect(m, LC_PK_LIST); break;
	case 'd': collect(m, LC_PK_DICT); break;
	case 0x85: tuple(m, 1); break;
	case 0x86: tuple(m, 2); break;
	case 0x87: tuple(m, 3); break;
	case 'a':
		item = pk_pop(m);
		add_item(m, pk_top(m), item);
		break;
	case 's':
		item = pk_pop(m);
		if (!m->bad) {
			uint32_t key = pk_pop(m);
			add_pair(m, pk_top(m), key, item);
		}
		break;
	case 'e':
	case 0x90: spread(m, 0); break;
	case 'u': spread(m, 1); break;
	default: return 0;
	}
	return 1;
}

static void memo_put(struct machine *m, uint64_t i)
{
	uint32_t v = pk_top(m), old = m->memos;

	if (m->bad || i >= LC_PICKLE_VALUES) {
		m->bad = 1;
		return;
	}
	if (i >= m->memos) {
		m->memos = i < 1024 ? 2048 : 2 * (uint32_t)i;
		m->memo = lc_xrealloc(m->memo, m->memos, 4);
		memset(m->memo + old, 0, (m->memos - old) * (size_t)4);
	}
	m->memo[i] = v;
	m->memo_n++;
}

static void memo_get(struct machine *m, uint64_t i)
{
	pk_push(m, i < m->memos ? m->memo[i] : 0);
}

static uint64_t written(struct machine *m)
{
	uint32_t v;

	pk_push_written(m);
	v = pk_pop(m);
	if (m->p->v[v].kind != LC_PK_INT || m->p->v[v].u.i < 0)
		m->bad = 1;
	return (uint64_t)m->p->v[v].u.i;
}

static int op_memo(struct machine *m, unsigned char op)
{
	switch (op) {
	case 0x80: pk_number(m, 1); break; /* the protocol */
	case 0x95: pk_number(m, 8); break; /* a frame begins: of interest to readers of streams */
	case 0x98: break;		   /* read-only */
	case '(':
		m->mark = pk_room_for(m, m->mark, m->marks, &m->mark_room, 4, LC_PICKLE_VALUES);
		if (!m->bad)
			m->mark[m->marks++] = m->depth;
		break;
	case '0': /* also takes a mark away */
		if (m->marks && m->depth == pk_floor_of(m))
			m->marks--;
		else
			pk_pop(m);
		break;
	case '1': pk_unmark(m); break;
	case '2': pk_push(m, pk_top(m)); break;
	case 'p': memo_put(m, written(m)); break;
	case 'q': memo_put(m, pk_number(m, 1)); break;
	case 'r': memo_put(m, pk_number(m, 4)); break;
	case 0x94: memo_put(m, m->memo_n); break;
	case 'g': memo_get(m, written(m)); break;
	case 'h': memo_get(m, pk_number(m, 1)); break;
	case 'j': memo_get(m, pk_number(m, 4)); break;
	default: return 0;
	}
	return 1;
}

static uint32_t global(struct machine *m, uint32_t module, uint32_t name)
{
	uint32_t v = pk_value(m, LC_PK_GLOBAL);

	pk_append(m, v, module);
	pk_append(m, v, name);
	return v;
}

/* A dict from a list of keys and values, which is how OrderedDict was once pickled. */
static uint32_t dict_of(struct machine *m, uint32_t list)
{
	const struct lc_pickle *p = m->p;
	uint32_t v = pk_value(m, LC_PK_DICT);

	for (uint32_t c = p->v[list].head; c && !m->bad; c = p->cell[c].next) {
		uint32_t key = lc_pickle_item(p, p->cell[c].value, 0);
		uint32_t item = lc_pickle_item(p, p->cell[c].value, 1);
		add_pair(m, v, key, item);
	}
	return v;
}

/* The call of what only wraps a container is that container; any other call is kept. */
static uint32_t call(struct machine *m, uint32_t callable, uint32_t args)
{
	static const struct {
		const char *module, *name;
		int dict;
	} known[] = {
		{"collections", "OrderedDict", 1},
		{"collections", "Counter", 1},
		{"collections", "defaultdict", 1},
		{"builtins", "dict", 1},
		{"__builtin__", "dict", 1},
		{"torch", "Size", 0},
		{"builtins", "set", 0},
		{"__builtin__", "set", 0},
		{"builtins", "list", 0},
		{"builtins", "tuple", 0},
	};
	const struct lc_pickle *p = m->p;
	uint32_t first = lc_pickle_item(p, args, 0), v;
	int kind = p->v[first].kind;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (!lc_pickle_global(p, callable, known[i].module, known[i].name))
			continue;
		if (known[i].dict && kind != LC_PK_DICT)
			return dict_of(m, kind == LC_PK_LIST ? first : 0);
		if (kind == LC_PK_DICT || kind == LC_PK_LIST || kind == LC_PK_TUPLE)
			return first;
		return pk_value(m, LC_PK_LIST);
	}
	v = pk_value(m, LC_PK_OBJECT);
	pk_append(m, v, callable);
	pk_append(m, v, args);
	return v;
}

/* An object by its class and arguments, which lie above the mark. */
static void instance(struct machine *m, uint32_t class)
{
	uint32_t args;

	collect(m, LC_PK_TUPLE);
	args = pk_pop(m);
	if (class == 0) { /* it is the first of them */
		class = lc_pickle_item(m->p, args, 0);
		m->p->v[args].head = class ? m->p->cell[m->p->v[args].head].next : 0;
		m->p->v[args].tail = m->p->v[args].head ? m->p->v[args].tail : 0;
	}
	pk_push(m, call(m, class, args));
}

static void build(struct machine *m)
{
	uint32_t state = pk_pop(m), of = pk_top(m);

	if (m->p->v[of].kind == LC_PK_OBJECT)
		add_pair(m, of, 0, state);
}

static void saved(struct machine *m, uint32_t id)
{
	uint32_t v = pk_value(m, LC_PK_SAVED);

	pk_append(m, v, id);
	pk_push(m, v);
}

static int op_call(struct machine *m, unsigned char op)
{
	uint32_t a, b;

	switch (op) {
	case 'c':
		a = pk_line(m);
		pk_push(m, global(m, a, pk_line(m)));
		break;
	case 0x93:
		b = pk_pop(m);
		a = pk_pop(m);
		pk_push(m, global(m, a, b));
		break;
	case 'R':
	case 0x81:
		b = pk_pop(m);
		a = pk_pop(m);
		pk_push(m, call(m, a, b));
		break;
	case 0x92: /* with keyword arguments, which are not kept */
		pk_pop(m);
		b = pk_pop(m);
		a = pk_pop(m);
		pk_push(m, call(m, a, b));
		break;
	case 'i':
		a = pk_line(m);
		b = pk_line(m);
		instance(m, global(m, a, b));
		break;
	case 'o': instance(m, 0); break;
	case 'b': build(m); break;
	case 'P': saved(m, pk_line(m)); break;
	case 'Q': saved(m, pk_pop(m)); break;
	default: return 0;
	}
	return 1;
}

int lc_pickle_read(struct lc_pickle *p, const void *buf, size_t len)
{
	struct machine m = {.p = p, .len = len};
	int done = 0;

	memset(p, 0, sizeof(*p));
	p->buf = buf;
	if (len > UINT32_MAX)
		return -1;
	p->cell = pk_room_for(&m, NULL, 0, &m.cell_cap, sizeof(*p->cell), CELLS);
	memset(p->cell, 0, sizeof(*p->cell)); /* cell 0 is none */
	p->cells = 1;
	pk_value(&m, LC_PK_UNKNOWN);
	while (!m.bad && !done && m.at < len) {
		unsigned char op = p->buf[m.at++];
		if (op == '.') {
			p->root = pk_pop(&m);
			done = 1;
		} else if (!pk_op_constant(&m, op) && !op_container(&m, op) && !op_memo(&m, op) &&
			   !op_call(&m, op)) {
			m.bad = 1;
		}
	}
	free(m.stack);
	free(m.mark);
	free(m.memo);
	return done && !m.bad ? 0 : -1;
}

void lc_pickle_release(struct lc_pickle *p)
{
	free(p->v);
	free(p->cell);
	memset(p, 0, sizeof(*p));
}

uint32_t lc_pickle_item(const struct lc_pickle *p, uint32_t v, uint32_t i)
{
	uint32_t c = p->v[v].head;

	while (c && i-- > 0)
		c = p->cell[c].next;
	return c ? p->cell[c].value : 0;
}

int lc_pickle_is(const struct lc_pickle *p, uint32_t v, const char *text)
{
	size_t len = strlen(text);

	return p->v[v].kind == LC_PK_TEXT && p->v[v].u.text.len == len &&
	       memcmp(p->buf + p->v[v].u.text.at, text, len) == 0;
}

uint32_t lc_pickle_get(const struct lc_pickle *p, uint32_t v, const char *key)
{
	if (p->v[v].kind != LC_PK_DICT)
		return 0;
	for (uint32_t c = p->v[v].head; c; c = p->cell[p->cell[c].next].next)
		if (lc_pickle_is(p, p->cell[c].value, key))
			return p->cell[p->cell[c].next].value;
	return 0;
}

int lc_pickle_global(const struct lc_pickle *p, uint32_t v, const char *module, const char *name)
{
	return p->v[v].kind == LC_PK_GLOBAL && lc_pickle_is(p, lc_pickle_item(p, v, 0), module) &&
	       lc_pickle_is(p, lc_pickle_item(p, v, 1), name);
}

int lc_pickle_number(const struct lc_pickle *p, uint32_t v, double *x)
{
	switch (p->v[v].kind) {
	case LC_PK_BOOL:
	case LC_PK_INT: *x = (double)p->v[v].u.i; return 0;
	case LC_PK_FLOAT: *x = p->v[v].u.f; return 0;
	default: return -1;
	}
}
