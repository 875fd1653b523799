/* tty: see tty.h. */
#include "tty.h"

#include <stdlib.h>
#include <string.h>

#include "tell.h"

#define TITLE 15 /* columns of what is said of what */

/* Words that do not fit go to the next line, below where the text began. */
static void put_wrapped(FILE *f, const char *text, int columns)
{
	int room = columns - TITLE, at = 0;

	room = room < 10 ? 10 : room;
	while (*text) {
		int n = (int)strcspn(text, " ");
		if (at && at + 1 + n > room) {
			fprintf(f, "\n%*s", TITLE, "");
			at = 0;
		}
		fprintf(f, "%s%.*s", at ? " " : "", n, text);
		at += n + (at > 0);
		text += n;
		text += strspn(text, " ");
	}
	putc('\n', f);
}

void tty_write(FILE *f, const struct cone *c, const struct tty *t)
{
	struct told *told = tell_first(c);
	int height = t->rows / 3;

	for (struct told *at = told; at && at->text; at++) {
		int bad = strcmp(at->title, "What broke") == 0 && tell_alert(c, NULL);
		char *text = tty_text(at->text, 4000);
		fprintf(f, "%s%-*s%s", ink_on(t, INK_FAINT), TITLE, at->title, ink_off(t));
		fputs(bad ? ink_on(t, INK_ALERT) : "", f);
		put_wrapped(f, text, t->columns);
		fputs(bad ? ink_off(t) : "", f);
		free(text);
	}
	told_release(told);
	tty_draw(f, c, t, height < 8 ? 8 : height);
	for (size_t k = c->nf; k-- > 0;) {
		size_t n, shown = 0, ran = 0;
		const struct branch **rank = fork_ranked(&c->f[k], &n);
		char *id = tty_text(c->f[k].id, 40);
		fprintf(f, "fork %s\n", id);
		for (size_t i = 0; i < n; i++)
			ran += branch_curve(rank[i])->n > 0;
		for (size_t i = 0; i < n && shown < 200; i++)
			if (branch_curve(rank[i])->n || ran == 0) {
				tty_row(f, &c->f[k], rank[i], t, 0);
				shown++;
			}
		if (n > shown)
			fprintf(f, "  and %zu more\n", n - shown);
		free(id);
		free(rank);
	}
}
