/* pickle_stack: values, the stack they are on, and the opcodes that only push one. */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "pickle_impl.h"

/* The array with room for one more than n; it grows by doubling, up to limit. */
void *pk_room_for(struct machine *m, void *array, uint32_t n, uint32_t *cap, size_t size,
		  uint32_t limit)
{
	if (n < *cap)
		return array;
	if (n >= limit) {
		m->bad = 1;
		return array;
	}
	*cap = n < 32 ? 64 : n * 2;
	return lc_xrealloc(array, *cap, size);
}

uint32_t pk_value(struct machine *m, enum lc_pickle_kind kind)
{
	struct lc_pickle *p = m->p;

	p->v = pk_room_for(m, p->v, p->n, &m->cap, sizeof(*p->v), LC_PICKLE_VALUES);
	if (m->bad)
		return 0;
	memset(&p->v[p->n], 0, sizeof(*p->v));
	p->v[p->n].kind = (uint8_t)kind;
	return p->n++;
}

void pk_append(struct machine *m, uint32_t to, uint32_t item)
{
	struct lc_pickle *p = m->p;
	uint32_t c = p->cells;

	p->cell = pk_room_for(m, p->cell, c, &m->cell_cap, sizeof(*p->cell), CELLS);
	if (to == 0 || m->bad)
		return;
	p->cells++;
	p->cell[c].value = item;
	p->cell[c].next = 0;
	if (p->v[to].tail)
		p->cell[p->v[to].tail].next = c;
	else
		p->v[to].head = c;
	p->v[to].tail = c;
}

void pk_push(struct machine *m, uint32_t v)
{
	m->stack = pk_room_for(m, m->stack, m->depth, &m->room, 4, LC_PICKLE_VALUES);
	if (!m->bad)
		m->stack[m->depth++] = v;
}

uint32_t pk_floor_of(const struct machine *m)
{
	return m->marks ? m->mark[m->marks - 1] : 0;
}

uint32_t pk_pop(struct machine *m)
{
	if (m->depth > pk_floor_of(m))
		return m->stack[--m->depth];
	m->bad = 1;
	return 0;
}

uint32_t pk_top(struct machine *m)
{
	if (m->depth > pk_floor_of(m))
		return m->stack[m->depth - 1];
	m->bad = 1;
	return 0;
}

/* Takes the last mark away; what lay above it is stack[depth..end). */
uint32_t pk_unmark(struct machine *m)
{
	uint32_t end = m->depth;

	if (m->marks == 0) {
		m->bad = 1;
		return end;
	}
	m->depth = m->mark[--m->marks];
	return end;
}

uint64_t pk_number(struct machine *m, unsigned bytes)
{
	uint64_t x = 0;

	if (m->len - m->at < bytes) {
		m->bad = 1;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		x |= (uint64_t)m->p->buf[m->at++] << 8 * i;
	return x;
}

static void push_int(struct machine *m, enum lc_pickle_kind kind, int64_t i)
{
	uint32_t v = pk_value(m, kind);

	if (v)
		m->p->v[v].u.i = i;
	pk_push(m, v);
}

/* A little-endian two's complement number of so many bytes. */
static void push_long(struct machine *m, uint64_t bytes)
{
	uint64_t x;

	if (bytes > m->len - m->at) {
		m->bad = 1;
	} else if (bytes > 8) {
		m->at += (size_t)bytes;
		pk_push(m, 0);
	} else {
		x = pk_number(m, (unsigned)bytes);
		if (bytes > 0 && bytes < 8 && x >> (8 * bytes - 1))
			x |= ~(uint64_t)0 << 8 * bytes;
		push_int(m, LC_PK_INT, (int64_t)x);
	}
}

static uint32_t text(struct machine *m, uint64_t len)
{
	uint32_t v = pk_value(m, LC_PK_TEXT);

	if (v == 0 || len > m->len - m->at) {
		m->bad = 1;
		return 0;
	}
	m->p->v[v].u.text.at = (uint32_t)m->at;
	m->p->v[v].u.text.len = (uint32_t)len;
	m->at += (size_t)len;
	return v;
}

/* The text up to the end of the line. */
uint32_t pk_line(struct machine *m)
{
	const unsigned char *end = memchr(m->p->buf + m->at, '\n', m->len - m->at);
	uint32_t v = end ? text(m, (uint64_t)(end - (m->p->buf + m->at))) : 0;

	if (!end)
		m->bad = 1;
	m->at += end != NULL;
	return v;
}

/* A number written out: only decimal integers are understood. */
void pk_push_written(struct machine *m)
{
	uint32_t v = pk_line(m), len = m->p->v[v].u.text.len;
	char digits[24] = "", *end;
	long long i;

	if (m->bad || len == 0 || len >= sizeof(digits)) {
		pk_push(m, 0);
		return;
	}
	memcpy(digits, m->p->buf + m->p->v[v].u.text.at, len);
	i = strtoll(digits, &end, 10);
	if (*end == '\0' || strcmp(end, "L") == 0)
		push_int(m, LC_PK_INT, i);
	else
		pk_push(m, 0);
}

static void push_float(struct machine *m)
{
	uint64_t x = __builtin_bswap64(pk_number(m, 8));
	uint32_t v = pk_value(m, LC_PK_FLOAT);

	if (v)
		memcpy(&m->p->v[v].u.f, &x, 8);
	pk_push(m, v);
}

int pk_op_constant(struct machine *m, unsigned char op)
{
	switch (op) {
	case 'N': push_int(m, LC_PK_NONE, 0); break;
	case 0x88: push_int(m, LC_PK_BOOL, 1); break;
	case 0x89: push_int(m, LC_PK_BOOL, 0); break;
	case 'J': push_int(m, LC_PK_INT, (int32_t)pk_number(m, 4)); break;
	case 'K': push_int(m, LC_PK_INT, (int64_t)pk_number(m, 1)); break;
	case 'M': push_int(m, LC_PK_INT, (int64_t)pk_number(m, 2)); break;
	case 0x8a: push_long(m, pk_number(m, 1)); break;
	case 0x8b: push_long(m, pk_number(m, 4)); break;
	case 'G': push_float(m); break;
	case 'I':
	case 'L': pk_push_written(m); break;
	case 'F': pk_line(m), pk_push(m, 0); break;
	case 'S':
	case 'V': pk_push(m, pk_line(m)); break;
	case 'U':
	case 'C':
	case 0x8c: pk_push(m, text(m, pk_number(m, 1))); break;
	case 'T':
	case 'B':
	case 'X': pk_push(m, text(m, pk_number(m, 4))); break;
	case 0x8d:
	case 0x8e:
	case 0x96: pk_push(m, text(m, pk_number(m, 8))); break;
	case 0x97: pk_push(m, 0); break; /* a buffer outside of the pickle */
	case 0x82: pk_number(m, 1), pk_push(m, 0); break;
	case 0x83: pk_number(m, 2), pk_push(m, 0); break;
	case 0x84: pk_number(m, 4), pk_push(m, 0); break;
	default: return 0;
	}
	return 1;
}
