/* tty_row: a branch in a line: its state, how far it is, its loss, its lead, what is done. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "tty.h"

static const char *const inks[] = {"", "\033[2m", "\033[33m", "\033[1;32m", "\033[31m"};

const char *ink_on(const struct tty *t, enum ink ink)
{
	return t->colour ? inks[ink] : "";
}

const char *ink_off(const struct tty *t)
{
	return t->colour ? "\033[0m" : "";
}

/* Bytes of the letter of UTF-8 at s, or 0: there is none, or a terminal would obey it. */
static size_t letter_size(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	unsigned code = u[0];

	if (n == 1)
		return u[0] >= ' ' && u[0] != 0x7f;
	code &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (u[i] & 0x3fu);
	}
	if (code < 0xa0 || code > 0x10ffff)
		return 0;
	/* marks that turn the direction of what follows */
	return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ? 0 : n;
}

char *tty_text(const char *s, int columns)
{
	char *out = lc_xalloc(strlen(s) + 1, 1), *to = out;

	for (; *s; s++) {
		size_t n;
		if (columns-- <= 0)
			break;
		n = letter_size(s);
		if (n == 0) {
			*to++ = '?';
			continue;
		}
		memcpy(to, s, n);
		to += n;
		s += n - 1;
	}
	*to = '\0';
	return out;
}

static long last_step(const struct branch *b)
{
	double x = -1;

	if (b->loss.n)
		x = b->loss.x[b->loss.n - 1];
	if (b->val.n)
		x = fmax(x, b->val.x[b->val.n - 1]);
	return (long)x;
}

double branch_progress(const struct branch *b)
{
	double done;

	if (strcmp(branch_status(b), "done") == 0)
		return 1;
	if (b->horizon <= 0 || b->from < 0)
		return NAN;
	done = last_step(b) < 0 ? 0 : (double)(last_step(b) - b->from) / (double)b->horizon;
	return fmax(0, fmin(done, 1));
}

double branch_lead(const struct fork *k, const struct branch *b)
{
	const struct branch *control = fork_control(k);
	const struct series *s = branch_curve(b), *to;

	if (!control || control == b || s->n == 0)
		return NAN;
	to = s == &b->val ? &control->val : &control->loss;
	return series_at(to, s->x[s->n - 1]) - series_last(s);
}

const struct branch *fork_best(const struct fork *k)
{
	const struct branch *best = NULL;
	double most = 0;

	for (size_t i = 0; i < k->n; i++) {
		const struct branch *b = &k->b[i];
		const char *role = b->role ? b->role : "arm";
		double lead = branch_lead(k, b);
		if (branch_arm(b) || branch_is_gone(b) ||
		    (strcmp(role, "arm") != 0 && strcmp(role, "clean") != 0))
			continue;
		if (lead > most) {
			most = lead;
			best = b;
		}
	}
	return best;
}

static void put_bar(FILE *f, double done, int size)
{
	static const char *const eighth[] = {" ",      "\u258f", "\u258e", "\u258d",
					     "\u258c", "\u258b", "\u258a", "\u2589"};
	int n = isnan(done) ? 0 : (int)(done * size * 8 + .5);

	for (int i = 0; i < size; i++, n -= 8)
		fputs(n >= 8 ? "\u2588" : eighth[n > 0 ? n : 0], f);
	if (isnan(done))
		fputs("    ?", f);
	else
		fprintf(f, " %3.0f%%", 100 * done);
}

/* In 9 columns, whatever it is. */
static void put_num(FILE *f, double x, int sign)
{
	char text[400];

	if (isnan(x))
		text[0] = '\0';
	else if (fabs(x) < 1e3 || isinf(x))
		snprintf(text, sizeof(text), sign ? "%+.4f" : "%.4f", x);
	else
		snprintf(text, sizeof(text), sign ? "%+.1e" : "%.2e", x);
	fprintf(f, " %8s", text);
}

void tty_row(FILE *f, const struct fork *k, const struct branch *b, const struct tty *t, int best)
{
	enum ink ink = b->chosen || best    ? INK_CHOSEN
		       : branch_is_gone(b)  ? INK_ALERT
		       : branch_curve(b)->n ? INK_PLAIN
					    : INK_FAINT;
	char *words = branch_words(b), *what, *id, *role, *status;
	double gain = branch_verdict(b, "gain");
	int wide = t->columns >= TTY_WIDE, narrow = t->columns < TTY_NARROW;
	int room = narrow ? 0 : t->columns - (wide ? 77 : 59); /* for what is done */

	id = tty_text(b->id, narrow ? 8 : 12);
	role = tty_text(b->role ? b->role : "", 8);
	fprintf(f, "%s%c %-*s ", ink_on(t, ink),
		b->chosen ? '*'
		: best	  ? '>'
			  : ' ',
		narrow ? 8 : 12, id);
	if (wide)
		fprintf(f, "%-8s ", role);
	status = tty_text(branch_status(b), 8);
	fprintf(f, "%-8s ", status);
	put_bar(f, branch_progress(b), narrow ? 4 : 10);
	put_num(f, series_last(branch_curve(b)), 0);
	if (!narrow)
		put_num(f, branch_lead(k, b), 1);
	if (wide)
		put_num(f, gain, 1);
	what = tty_text(b->why && !branch_curve(b)->n ? b->why : words, room);
	fprintf(f, "%s%s%s\n", room > 0 ? " " : "", what, ink_off(t));
	free(words);
	free(what);
	free(role);
	free(status);
	free(id);
}
