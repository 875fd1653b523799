/* page: one HTML file that needs nothing else: the story, the pictures, the table of branches. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cone.h"
#include "json.h"

static const char css[] =
#include "cmd/lc-cone/page.css.inc"
	;
static const char js[] =
#include "cmd/lc-cone/page.js.inc"
	;

#define OPEN_ROWS 24 /* of a fork's table; the others are folded away */

static void put_list(FILE *f, char **lines, const char *open, const char *before, const char *after,
		     const char *close)
{
	fputs(open, f);
	for (size_t i = 0; lines && lines[i]; i++) {
		fputs(before, f);
		put_text(f, lines[i]);
		fputs(after, f);
		free(lines[i]);
	}
	fputs(close, f);
	free(lines);
}

static void chip(FILE *f, const char *class, const char *format, size_t n)
{
	fprintf(f, "<li class=\"%s\">", class);
	fprintf(f, "%zu %s%s</li>", n, format, n == 1 ? "" : "s");
}

static void put_chips(FILE *f, const struct cone *c)
{
	size_t alerts = 0, better = 0, branches = 0, i;
	json_t *a;

	json_array_foreach(c->alerts, i, a)
		alerts += strcmp(lc_json_get_str(a, "type", ""), "alert") == 0;
	for (size_t k = 0; k < c->nf; k++) {
		branches += c->f[k].n;
		better += c->f[k].decision &&
			  strcmp(lc_json_get_str(c->f[k].decision, "verdict", ""), "better") == 0;
	}
	fputs("<ul class=\"chips\">", f);
	chip(f, alerts ? "bad" : "good", "alert", alerts);
	if (c->nf) {
		chip(f, "", "fork", c->nf);
		chip(f, "", "branch record", branches);
		chip(f, better ? "good" : "", "better future", better);
	}
	if (json_array_size(c->snapshots))
		chip(f, "", "snapshot", json_array_size(c->snapshots));
	fputs("</ul>\n", f);
}

static void put_num(FILE *f, double x, const char *format)
{
	fputs("<td class=\"n\">", f);
	if (isfinite(x))
		fprintf(f, format, x);
	else if (isinf(x))
		fputs(x > 0 ? "inf" : "-inf", f);
	fputs("</td>", f);
}

static double last_value(const struct branch *b)
{
	const struct series *s = branch_curve(b);

	return s->n ? s->y[s->n - 1] : NAN;
}

static void put_row(FILE *f, const struct fork *k, const struct branch *b)
{
	char *words = branch_words(b);
	const char *status = b->status ? b->status : b->loss.n || b->val.n ? "running" : "forecast";
	int gone = strcmp(status, "void") == 0 || strcmp(status, "failed") == 0 ||
		   strcmp(status, "killed") == 0;

	fprintf(f, "<tr class=\"%s\" data-b=\"", b->chosen ? "chosen" : gone ? "gone" : "");
	put_text(f, k->id);
	putc('/', f);
	put_text(f, b->id);
	fputs("\"><td><input type=\"checkbox\" checked aria-label=\"draw it\"></td><td>", f);
	put_text(f, b->id);
	fputs("</td><td>", f);
	put_text(f, b->role ? b->role : "");
	fputs("</td><td class=\"w\">", f);
	put_text(f, words);
	fputs("</td><td>", f);
	put_text(f, status);
	if (b->why) {
		fputs(": ", f);
		put_text(f, b->why);
	}
	fputs("</td>", f);
	put_num(f, last_value(b), "%.4f");
	put_num(f, branch_verdict(k, b, "return"), "%.4f");
	put_num(f, branch_verdict(k, b, "gain"), "%+.4f");
	put_num(f, branch_verdict(k, b, "lower"), "%+.4f");
	fputs("</tr>\n", f);
	free(words);
}

static void put_rows(FILE *f, const struct fork *k, const struct branch **rank, size_t from,
		     size_t to)
{
	fputs("<div "
	      "class=\"table\"><table><thead><tr><th></th><th>branch</th><th>role</th><th>what was "
	      "done</th>"
	      "<th>status</th><th class=\"n\">last loss</th><th class=\"n\">read</th><th "
	      "class=\"n\">gain</th>"
	      "<th class=\"n\">at least</th></tr></thead><tbody>\n",
	      f);
	for (size_t i = from; i < to; i++)
		put_row(f, k, rank[i]);
	fputs("</tbody></table></div>\n", f);
}

static void put_fork(FILE *f, const struct cone *c, const struct fork *k)
{
	size_t n, open;
	const struct branch **rank = fork_ranked(k, &n);

	fputs("<h2>Fork ", f);
	put_text(f, k->id);
	fputs("</h2>\n<p class=\"key\"><i style=\"color:var(--control)\"></i>left alone"
	      "<i style=\"color:var(--arm)\"></i>remedy<i style=\"color:var(--null)\"></i>other "
	      "data, to know the noise"
	      "<i style=\"color:var(--chosen)\"></i>chosen<i "
	      "style=\"color:var(--bad)\"></i>stopped, failed or void"
	      "<i style=\"color:var(--loss)\"></i>the run. Dashed: return and cooldown; washes: "
	      "forecasts, 5 to 95 %</p>\n"
	      "<div class=\"figure\">\n",
	      f);
	draw_fork(f, c, k);
	fputs("</div>\n", f);
	open = n < OPEN_ROWS ? n : OPEN_ROWS;
	put_rows(f, k, rank, 0, open);
	if (n > open) {
		fprintf(f, "<details><summary>%zu more branches</summary>\n", n - open);
		put_rows(f, k, rank, open, n);
		fputs("</details>\n", f);
	}
	free(rank);
}

void page_write(FILE *f, const struct cone *c, const char *title)
{
	fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
	      f);
	put_text(f, title);
	fprintf(f, "</title>\n<style>\n%s</style></head>\n<body>\n<h1>", css);
	put_text(f, title);
	fputs("</h1>\n", f);
	put_chips(f, c);
	put_list(f, cone_story(c), "<ul class=\"story\">\n", "<li>", "</li>\n", "</ul>\n");
	fputs("<p class=\"key\"><i style=\"color:var(--loss)\"></i>loss<i "
	      "style=\"color:var(--val)\"></i>held-out loss"
	      "<i style=\"color:var(--bad)\"></i>alert",
	      f);
	if (json_array_size(c->snapshots))
		fputs("<i style=\"color:var(--control)\"></i>snapshots (ticks)", f);
	fputs("<span class=\"script\">Drag to zoom, double click to see all; hover for "
	      "values.</span></p>\n"
	      "<div class=\"figure\">\n",
	      f);
	draw_run(f, c);
	fputs("</div>\n", f);
	put_list(f, cone_commands(c), "<h2>To look further</h2>\n<pre>", "", "\n", "</pre>\n");
	for (size_t i = 0; i < c->nf; i++)
		put_fork(f, c, &c->f[i]);
	fprintf(f,
		"<footer>lc-cone " LC_VERSION
		"; %lu lines read</footer>\n<script>\n%s</script>\n</body></html>\n",
		c->lines, js);
}
