/* page: see page.h. What matters at first sight comes first. */
#include "page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure.h"
#include "hash.h"
#include "json.h"
#include "tell.h"

static const char css[] =
#include "cmd/lc-cone/page.css.inc"
	;
static const char js[] =
#include "cmd/lc-cone/page.js.inc"
	;

#define ALERTS 200 /* rows of their table */

/* As a content security policy names an inline text: the hash in base64 (RFC 4648). */
static int policy_hash(const char *text, char out[45], struct lc_err *err)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct lc_id id;
	unsigned char b[33] = {0};

	if (lc_sha256(text, strlen(text), &id, err) < 0)
		return -1;
	memcpy(b, id.b, 32);
	for (int i = 0; i < 11; i++) {
		unsigned v = (unsigned)b[3 * i] << 16 | (unsigned)b[3 * i + 1] << 8 | b[3 * i + 2];
		for (int k = 0; k < 4; k++)
			out[4 * i + k] = digits[v >> (18 - 6 * k) & 63];
	}
	out[43] = '='; /* 32 bytes are 10 threes and 2 */
	out[44] = '\0';
	return 0;
}

static int put_head(FILE *f, const char *title, struct lc_err *err)
{
	char style[45], script[45];

	if (policy_hash(css, style, err) < 0 || policy_hash(js, script, err) < 0)
		return -1;
	fprintf(f,
		"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; form-action "
		"'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"generator\" content=\"lc-cone " LC_VERSION "\">\n<title>",
		style, script);
	put_text(f, title);
	fprintf(f, "</title>\n<style>%s</style></head>\n", css);
	return 0;
}

static void put_answers(FILE *f, const struct cone *c)
{
	struct told *t = tell_first(c);

	fputs("<dl class=\"told\">\n", f);
	for (struct told *at = t; at && at->text; at++) {
		if (*at->title) {
			fputs("<dt>", f);
			put_text(f, at->title);
			fputs("</dt>", f);
		}
		fprintf(f, "<dd%s>",
			strcmp(at->title, "What broke") == 0 && tell_alert(c, NULL)
				? " class=\"bad\""
			: strcmp(at->title, "Choice") == 0 && fork_chosen(&c->f[c->nf - 1])
				? " class=\"good\""
				: "");
		put_text(f, at->text);
		fputs("</dd>\n", f);
	}
	fputs("</dl>\n", f);
	told_release(t);
}

static void put_commands(FILE *f, const struct cone *c)
{
	struct told *t = tell_commands(c);

	if (t) {
		fputs("<section class=\"further\"><h2>To look further</h2>\n", f);
		for (struct told *at = t; at->text; at++) {
			fputs("<p>", f);
			put_text(f, at->title);
			fputs("</p><pre><code>", f);
			put_text(f, at->text);
			fputs("</code></pre>\n", f);
		}
		fputs("</section>\n", f);
	}
	told_release(t);
}

static int has_alarm(const struct cone *c, const char *type)
{
	for (size_t i = 0; i < json_array_size(c->alerts); i++)
		if (strcmp(lc_json_get_str(json_array_get(c->alerts, i), "type", ""), type) == 0)
			return 1;
	return 0;
}

static void put_run(FILE *f, const struct cone *c)
{
	fputs("<p class=\"key\"><span class=\"k loss\">loss</span>", f);
	if (c->c[VAL].n)
		fputs("<span class=\"k val\">held-out loss</span>", f);
	for (size_t i = 0; i < c->nf; i++)
		if (fork_chosen(&c->f[i])) {
			fputs("<span class=\"k chosen\">gone on with the chosen future</span>", f);
			break;
		}
	if (c->nleft)
		fputs("<span class=\"k left\">what was gone back from</span>", f);
	if (has_alarm(c, "alert"))
		fputs("<span class=\"k bad\">alert</span>", f);
	if (has_alarm(c, "outlier"))
		fputs("<span class=\"k out\">a step that stood out</span>", f);
	if (json_array_size(c->snapshots))
		fputs("<span class=\"k snap\">states kept</span>", f);
	if (c->nf)
		fputs("<span class=\"k cone\">forecasts of a fork</span>", f);
	fputs("<span class=\"script\">Drag to zoom, double click to see all.</span></p>\n"
	      "<div class=\"figure\">\n",
	      f);
	if (draw_run(f, c, 0))
		draw_run(f, c, 1);
	else
		fputs("<p>There are no steps to draw.</p>\n", f);
	fputs("</div>\n", f);
	if (c->index == JUDGED && c->c[INDEX].n)
		fputs("<p class=\"key\">The index is lc-detect's, over these steps: none of it was "
		      "among the records.</p>\n",
		      f);
}

static void put_cell(FILE *f, double x, const char *format)
{
	fputs("<td class=\"n\">", f);
	if (isfinite(x))
		fprintf(f, format, x);
	fputs("</td>", f);
}

static void put_alert(FILE *f, const json_t *a)
{
	fputs("<tr>", f);
	put_cell(f, lc_json_get_num(a, "step", NAN), "%.0f");
	fputs("<td>", f);
	put_text(f, lc_json_get_str(a, "kind", "?"));
	fputs("</td>", f);
	put_cell(f, lc_json_get_num(a, "onset", NAN), "%.0f");
	put_cell(f, lc_json_get_num(a, "rewind", NAN), "%.0f");
	put_cell(f, lc_json_get_num(a, "index", NAN), "%.3g");
	put_cell(f, lc_json_get_num(a, "threshold", NAN), "%.3g");
	fputs("<td>", f);
	put_text(f, lc_json_get_str(a, "first", ""));
	fputs("</td></tr>\n", f);
}

/* All alerts, where there is more than the one that was told of. */
static void put_alerts_table(FILE *f, const struct cone *c)
{
	size_t i, n = 0, shown = 0;
	json_t *a;

	json_array_foreach(c->alerts, i, a)
		n += strcmp(lc_json_get_str(a, "type", ""), "alert") == 0;
	if (n < 2)
		return;
	fprintf(f,
		"<h2>%zu alerts</h2>\n<div class=\"table\"><table class=\"sort\"><thead><tr>"
		"<th scope=\"col\" class=\"n\">step</th><th scope=\"col\">kind</th>"
		"<th scope=\"col\" class=\"n\">begun at</th><th scope=\"col\" class=\"n\">sound "
		"before</th><th scope=\"col\" class=\"n\">index</th><th scope=\"col\" "
		"class=\"n\">limit</th><th scope=\"col\">moved first</th></tr></thead><tbody>\n",
		n);
	json_array_foreach(c->alerts, i, a)
		if (strcmp(lc_json_get_str(a, "type", ""), "alert") == 0 && shown++ < ALERTS)
			put_alert(f, a);
	fputs("</tbody></table></div>\n", f);
	if (n > ALERTS)
		fprintf(f, "<p>and %zu more</p>\n", n - ALERTS);
}

int page_write(FILE *f, const struct cone *c, const char *title, struct lc_err *err)
{
	if (put_head(f, title, err) < 0)
		return -1;
	fputs("<body>\n<header><h1>", f);
	put_text(f, title);
	fputs("</h1></header>\n<main>\n<div class=\"first\">\n", f);
	put_answers(f, c);
	put_commands(f, c);
	fputs("</div>\n", f);
	put_run(f, c);
	for (size_t i = c->nf; i-- > 0;)
		page_fork(f, c, &c->f[i]);
	put_alerts_table(f, c);
	fprintf(f,
		"</main>\n<footer>lc-cone " LC_VERSION "; %lu lines "
		"read</footer>\n<script>%s</script>\n</body></html>\n",
		c->lines, js);
	return 0;
}
