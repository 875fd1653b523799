/*
 * csv: a table with commas, as Lightning's CSVLogger writes it: a header with a step and metrics,
 * then rows with many empty fields. A header that comes again, or another one, is a header.
 */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "text.h"

#define COLUMNS 1024

/* One allocation: names lie behind each other in text. */
struct table {
	int n;
	struct {
		size_t at, len;
	} column[COLUMNS];
	char text[];
};

/* The next field, without its quotes; 0 at the end of the line. *more: a comma follows. */
static int field(struct text *t, struct text *f, int *more)
{
	const char *close;

	if (!*more)
		return 0;
	if (t->p < t->end && *t->p == '"') {
		f->p = ++t->p;
		close = memchr(t->p, '"', (size_t)(t->end - t->p));
		f->end = close ? close : t->end;
		t->p = close ? close + 1 : t->end;
	} else {
		f->p = t->p;
		close = memchr(t->p, ',', (size_t)(t->end - t->p));
		t->p = f->end = close ? close : t->end;
	}
	*more = t->p < t->end && *t->p == ',';
	t->p += *more;
	while (f->p < f->end && *f->p == ' ')
		f->p++;
	while (f->end > f->p && f->end[-1] == ' ')
		f->end--;
	return 1;
}

static int is_plain_name(const struct text *f)
{
	for (const char *p = f->p; p < f->end; p++)
		if (strchr("(){}[]=;:'#<>", *p))
			return 0;
	return f->p < f->end && !(*f->p >= '0' && *f->p <= '9');
}

/* A header names a step and a metric, and nothing in it is a number or code. */
static int is_header(struct out *o, struct text t)
{
	struct text f;
	int more = 1, n = 0, step = 0, metric = 0, rank;

	while (field(&t, &f, &more)) {
		int key = lc_names_key(o->names, f.p, (size_t)(f.end - f.p), &rank);

		if (!is_plain_name(&f) &&
		    (n > 0 || f.p < f.end)) /* pandas leaves the first empty */
			return 0;
		step += key == LC_KEY_STEP;
		metric += key >= 0 && key < LC_METRICS;
		n++;
	}
	return n > 1 && step && metric;
}

static void set_header(struct reader *r, struct text t)
{
	size_t len = (size_t)(t.end - t.p);
	struct table *tab = lc_xalloc(1, sizeof(*tab) + len);
	struct text f;
	const char *start = t.p;
	int more = 1;

	memcpy(tab->text, start, len);
	while (tab->n < COLUMNS && field(&t, &f, &more)) {
		tab->column[tab->n].at = (size_t)(f.p - start);
		tab->column[tab->n++].len = (size_t)(f.end - f.p);
	}
	free(r->state);
	r->state = tab;
}

static int line(struct reader *r, const char *s, size_t len, struct lc_err *err)
{
	struct text t = {s, s + len}, f;
	const struct table *tab = r->state;
	int more = 1, ret;

	if (!memchr(s, ',', len))
		return 0;
	if ((unsigned char)(*s - 0x30) > 9 && is_header(r->out, t)) {
		set_header(r, t);
		return 1;
	}
	if (!tab)
		return 0;
	out_begin(r->out);
	for (int i = 0; i < tab->n && field(&t, &f, &more); i++)
		if (f.p < f.end)
			out_text(r->out, tab->text + tab->column[i].at, tab->column[i].len, f.p,
				 (size_t)(f.end - f.p));
	ret = out_end(r->out, err);
	return ret < 0 ? -1 : 1;
}

const struct format format_csv = {
	"csv", "a CSV table with a header, as Lightning's CSVLogger writes it", line, NULL, NULL};
