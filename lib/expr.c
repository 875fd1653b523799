/* expr: see expr.h. A recursive descent into a tree; depth is bounded, so that no text overflows
 * the stack. */
#include "expr.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

#define DEEPEST 50

enum op { OR, AND, LT, LE, GT, GE, EQ, NE, ADD, SUB, MUL, DIV, NEG, NUMBER, NAME, TEXT };

struct lc_expr {
	enum op op;
	double number;
	char *text; /* of a name or a text */
	struct lc_expr *a, *b;
};

struct parse {
	const char *start, *p;
	int depth;
	struct lc_err *err;
};

static struct lc_expr *node(enum op op, struct lc_expr *a, struct lc_expr *b)
{
	struct lc_expr *e = lc_xalloc(1, sizeof(*e));

	*e = (struct lc_expr){op, 0, NULL, a, b};
	return e;
}

void lc_expr_free(struct lc_expr *e)
{
	if (!e)
		return;
	lc_expr_free(e->a);
	lc_expr_free(e->b);
	free(e->text);
	free(e);
}

static void *bad(struct parse *in, const char *wants)
{
	if (*in->p)
		lc_fail(in->err, LC_DATA, "column %ld: wants %s, not \"%.20s\"",
			(long)(in->p - in->start) + 1, wants, in->p);
	else
		lc_fail(in->err, LC_DATA, "wants %s at its end", wants);
	return NULL;
}

static int take(struct parse *in, const char *word)
{
	size_t n = strlen(word);

	in->p += strspn(in->p, " \t\n\r");
	if (strncmp(in->p, word, n) != 0 || (isalpha((unsigned char)*word) &&
					     (isalnum((unsigned char)in->p[n]) || in->p[n] == '_')))
		return 0;
	in->p += n;
	return 1;
}

static struct lc_expr *parse_sum(struct parse *in);

static struct lc_expr *parse_text(struct parse *in, char quote)
{
	const char *end = strchr(in->p, quote);
	struct lc_expr *e;

	if (!end)
		return bad(in, "the end of a text");
	e = node(TEXT, NULL, NULL);
	e->text = lc_path("%.*s", (int)(end - in->p), in->p);
	in->p = end + 1;
	return e;
}

static struct lc_expr *parse_value(struct parse *in)
{
	struct lc_expr *e = NULL;
	char *end;
	size_t n;

	if (++in->depth > DEEPEST)
		return bad(in, "fewer parentheses");
	if (take(in, "(")) {
		e = parse_sum(in);
		if (e && !take(in, ")")) {
			lc_expr_free(e);
			e = bad(in, "a )");
		}
	} else if (take(in, "-")) {
		e = parse_value(in);
		e = e ? node(NEG, e, NULL) : NULL;
	} else if (take(in, "\"")) {
		e = parse_text(in, '"');
	} else if (take(in, "'")) {
		e = parse_text(in, '\'');
	} else if (isdigit((unsigned char)*in->p) || *in->p == '.') {
		e = node(NUMBER, NULL, NULL);
		e->number = strtod(in->p, &end);
		if (end == in->p) {
			lc_expr_free(e);
			return bad(in, "a number");
		}
		in->p = end;
	} else {
		n = strspn(in->p, "abcdefghijklmnopqrstuvwxyz0123456789_");
		if (n == 0)
			return bad(in, "a number, an action or a text");
		e = node(NAME, NULL, NULL);
		e->text = lc_path("%.*s", (int)n, in->p);
		in->p += n;
	}
	in->depth--;
	return e;
}

/* a op b op c, from the left: sign[0] makes op[0], sign[1] op[1]. */
static struct lc_expr *chain(struct parse *in, struct lc_expr *(*part)(struct parse *),
			     const char *const sign[2], const enum op op[2])
{
	struct lc_expr *e = part(in), *b;
	int which;

	while (e && ((which = 0, take(in, sign[0])) || (which = 1, sign[1] && take(in, sign[1])))) {
		b = part(in);
		if (!b) {
			lc_expr_free(e);
			return NULL;
		}
		e = node(op[which], e, b);
	}
	return e;
}

static struct lc_expr *parse_product(struct parse *in)
{
	static const char *const sign[] = {"*", "/"};
	static const enum op op[] = {MUL, DIV};

	return chain(in, parse_value, sign, op);
}

static struct lc_expr *parse_sum(struct parse *in)
{
	static const char *const sign[] = {"+", "-"};
	static const enum op op[] = {ADD, SUB};

	return chain(in, parse_product, sign, op);
}

static struct lc_expr *parse_comparison(struct parse *in)
{
	static const char *const signs[] = {"<=", ">=", "==", "!=", "<", ">"};
	static const enum op ops[] = {LE, GE, EQ, NE, LT, GT};
	struct lc_expr *a = parse_sum(in), *b;

	for (int i = 0; a && i < 6; i++)
		if (take(in, signs[i])) {
			b = parse_sum(in);
			if (b)
				return node(ops[i], a, b);
			lc_expr_free(a);
			return NULL;
		}
	if (!a)
		return NULL;
	lc_expr_free(a);
	return bad(in, "a comparison (< <= > >= == !=)");
}

static struct lc_expr *parse_both(struct parse *in)
{
	static const char *const sign[] = {"and", NULL};
	static const enum op op[] = {AND, AND};

	return chain(in, parse_comparison, sign, op);
}

struct lc_expr *lc_expr_parse(const char *text, struct lc_err *err)
{
	static const char *const sign[] = {"or", NULL};
	static const enum op op[] = {OR, OR};
	struct parse in = {text, text, 0, err};
	struct lc_expr *e;

	if (strlen(text) > 1000) { /* a tree that long would be as deep */
		lc_fail(err, LC_DATA, "longer than 1000 characters");
		return NULL;
	}
	e = chain(&in, parse_both, sign, op);
	take(&in, "");
	if (e && *in.p) {
		lc_expr_free(e);
		return bad(&in, "\"and\", \"or\" or its end");
	}
	return e;
}

const char *lc_expr_unknown(const struct lc_expr *e, int (*known)(void *ctx, const char *name),
			    void *ctx)
{
	const char *name;

	if (!e)
		return NULL;
	if (e->op == NAME)
		return known(ctx, e->text) ? NULL : e->text;
	name = lc_expr_unknown(e->a, known, ctx);
	return name ? name : lc_expr_unknown(e->b, known, ctx);
}

static int ends_in_scale(const char *name)
{
	size_t n = strlen(name);

	return n > 6 && strcmp(name + n - 6, "_scale") == 0;
}

static double number(const struct lc_expr *e, const json_t *actions)
{
	const json_t *v;

	switch (e->op) {
	case NUMBER: return e->number;
	case NEG: return -number(e->a, actions);
	case ADD: return number(e->a, actions) + number(e->b, actions);
	case SUB: return number(e->a, actions) - number(e->b, actions);
	case MUL: return number(e->a, actions) * number(e->b, actions);
	case DIV: return number(e->a, actions) / number(e->b, actions);
	case NAME:
		v = json_object_get(actions, e->text);
		if (!v)
			return ends_in_scale(e->text) ? 1 : 0;
		return json_is_number(v) ? json_number_value(v) : NAN;
	default: return NAN;
	}
}

static const char *words(const struct lc_expr *e, const json_t *actions)
{
	const json_t *v = e->op == NAME ? json_object_get(actions, e->text) : NULL;

	if (e->op == TEXT)
		return e->text;
	return e->op != NAME ? NULL : v ? json_string_value(v) : "none";
}

static int compare(const struct lc_expr *e, const json_t *actions)
{
	double x, y;

	if (e->a->op == TEXT || e->b->op == TEXT) {
		const char *s = words(e->a, actions), *t = words(e->b, actions);
		if (e->op == NE)
			return !s || !t || strcmp(s, t) != 0;
		return e->op == EQ && s && t && strcmp(s, t) == 0;
	}
	x = number(e->a, actions);
	y = number(e->b, actions);
	switch (e->op) {
	case LT: return x < y;
	case LE: return x <= y;
	case GT: return x > y;
	case GE: return x >= y;
	case EQ: return x == y;
	default: return x != y;
	}
}

int lc_expr_holds(const struct lc_expr *e, const json_t *actions)
{
	if (e->op == OR)
		return lc_expr_holds(e->a, actions) || lc_expr_holds(e->b, actions);
	if (e->op == AND)
		return lc_expr_holds(e->a, actions) && lc_expr_holds(e->b, actions);
	return compare(e, actions);
}
