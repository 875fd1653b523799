/* page_fork: a fork's pictures, the table of its branches, its decision in words. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure.h"
#include "json.h"
#include "page.h"
#include "tell.h"

#define ROWS 1500     /* of a table: the page stays small */
#define INTERVAL 120. /* pixels */

/* What the intervals of a fork's table span, with 0 in it. */
static struct axis gains(const struct branch *const *rank, size_t n)
{
	struct axis a = {0, 0, 0, INTERVAL};

	for (size_t i = 0; i < n; i++) {
		double gain = branch_verdict(rank[i], "gain"),
		       low = branch_verdict(rank[i], "lower");
		if (isfinite(gain) && fabs(gain) < 1e9) {
			a.hi = fmax(a.hi, gain);
			a.lo = fmin(a.lo, gain);
		}
		if (isfinite(low) && fabs(low) < 1e9)
			a.lo = fmin(a.lo, low);
	}
	return a;
}

/* A gain, the least it is at the error rate asked for, and nothing, as a picture. */
static void put_interval(FILE *f, const struct axis *a, const struct branch *b)
{
	double gain = branch_verdict(b, "gain"), low = branch_verdict(b, "lower");

	fputs("<td>", f);
	if (isfinite(gain) && a->hi > a->lo) {
		fprintf(f,
			"<svg class=\"iv\" viewBox=\"-4 0 %.0f 12\" width=\"%.0f\" height=\"12\" "
			"aria-hidden=\"true\"><path class=\"zero\" d=\"M%.1f,0v12\"/>",
			INTERVAL + 8, INTERVAL + 8, axis_at(a, 0));
		if (isfinite(low))
			fprintf(f, "<path d=\"M%.1f,3v6m0,-3H%.1f\"/>", fmax(axis_at(a, low), -4),
				axis_at(a, gain));
		fprintf(f, "<path class=\"dot\" d=\"M%.1f,6h0\"/></svg>", axis_at(a, gain));
	}
	fputs("</td>", f);
}

static void put_num(FILE *f, double x, const char *format)
{
	fputs("<td class=\"n\">", f);
	if (isfinite(x))
		fprintf(f, fabs(x) < 1e6 ? format : "%.4g", x);
	else if (isinf(x))
		fputs(x > 0 ? "inf" : "-inf", f);
	fputs("</td>", f);
}

static void put_words(FILE *f, const char *class, const char *text)
{
	fprintf(f, *class ? "<td class=\"%s\">" : "<td>", class);
	put_text(f, text);
	fputs("</td>", f);
}

static void put_status(FILE *f, const struct branch *b)
{
	const char *status = branch_status(b);

	fputs("<td class=\"w\">", f);
	put_text(f, strcmp(status, "left") == 0	      ? "not run"
		    : strcmp(status, "forecast") == 0 ? "forecast"
						      : status);
	if (b->why) {
		fputs(": ", f);
		put_text(f, b->why);
	}
	fputs("</td>", f);
}

static void put_row(FILE *f, const struct fork *k, const struct branch *b, const struct axis *a)
{
	char *words = branch_words(b);
	int drawn = branch_curve(b)->n > 0;

	fprintf(f, "<tr class=\"%s\"", b->chosen ? "chosen" : branch_is_gone(b) ? "gone" : "");
	if (drawn) {
		fputs(" data-b=\"", f);
		put_text(f, k->id);
		putc('/', f);
		put_text(f, b->id);
		putc('"', f);
	}
	fprintf(f, "><td>%s</td><th scope=\"row\">",
		drawn ? "<input type=\"checkbox\" checked aria-label=\"draw it\">" : "");
	put_text(f, b->id);
	fputs(b->chosen ? " (chosen)</th>" : "</th>", f);
	put_words(f, "", b->role ? b->role : "");
	put_words(f, "w", words);
	put_status(f, b);
	put_num(f, series_last(branch_curve(b)), "%.4f");
	put_num(f, branch_verdict(b, "return"), "%.4f");
	put_num(f, branch_verdict(b, "gain"), "%+.4f");
	put_num(f, branch_verdict(b, "lower"), "%+.4f");
	put_interval(f, a, b);
	fputs("</tr>\n", f);
	free(words);
}

static void put_table(FILE *f, const struct fork *k)
{
	size_t n;
	const struct branch **rank = fork_ranked(k, &n);
	struct axis a = gains(rank, n);

	fputs("<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"branches\">"
	      "<table class=\"sort\"><thead><tr><td></td><th scope=\"col\">branch</th>"
	      "<th scope=\"col\">role</th><th scope=\"col\">what was done</th>"
	      "<th scope=\"col\">how it ended</th>"
	      "<th scope=\"col\" class=\"n\" title=\"at its own last step\">last loss</th>"
	      "<th scope=\"col\" class=\"n\" title=\"held-out loss after its return\">read</th>"
	      "<th scope=\"col\" class=\"n\" title=\"over doing nothing\">gain</th>"
	      "<th scope=\"col\" class=\"n\" title=\"at the error rate asked for, over all arms "
	      "together\">at least</th>"
	      "<td class=\"h\">from there to the gain; the line is 0</td></tr></thead><tbody>\n",
	      f);
	for (size_t i = 0; i < n && i < ROWS; i++)
		put_row(f, k, rank[i], &a);
	fputs("</tbody></table></div>\n", f);
	if (n > ROWS)
		fprintf(f, "<p class=\"key\">and %zu more branches</p>\n", n - ROWS);
	free(rank);
}

static void put_key(FILE *f)
{
	fputs("<p class=\"key\"><span class=\"k control\">left alone</span>"
	      "<span class=\"k arm\">remedy</span><span class=\"k null\">other data, to know the "
	      "noise</span><span class=\"k chosen\">chosen</span>"
	      "<span class=\"k readout\">its return and cooldown</span>"
	      "<span class=\"k gone\">ended early: <b class=\"sq\"></b> stopped, <b "
	      "class=\"ro\"></b> void or failed</span><span class=\"k loss\">the run</span>"
	      "<span class=\"k cone\">forecasts, 5 to 95 %; darker: their medians</span></p>\n",
	      f);
}

static void put_story(FILE *f, const struct fork *k)
{
	struct told *t = tell_decision(k);

	if (!t)
		return;
	fputs("<h3>In words</h3>\n<dl class=\"told\">\n", f);
	for (struct told *at = t; at->text; at++) {
		if (*at->title) {
			fputs("<dt>", f);
			put_text(f, at->title);
			fputs("</dt>", f);
		}
		fputs("<dd>", f);
		put_text(f, at->text);
		fputs("</dd>\n", f);
	}
	fputs("</dl>\n", f);
	told_release(t);
}

void page_fork(FILE *f, const struct cone *c, const struct fork *k)
{
	fputs("<section class=\"fork\"><h2>Fork ", f);
	put_text(f, k->id);
	fputs("</h2>\n", f);
	put_key(f);
	fputs("<div class=\"figure\">\n", f);
	if (draw_fork(f, c, k, 0))
		draw_fork(f, c, k, 1);
	else
		fputs("<p>Nothing of it can be drawn.</p>\n", f);
	fputs("</div>\n", f);
	put_table(f, k);
	put_story(f, k);
	fputs("</section>\n", f);
}
