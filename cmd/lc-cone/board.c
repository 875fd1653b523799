/* board: the newest fork as it runs: on a terminal, or as lines of news. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "explain.h"
#include "io.h"
#include "json.h"
#include "tell.h"
#include "tty.h"

/* What stands over the rows of tty_row(). */
#define WIDE_HEAD                                                                                  \
	"  branch       role     state    progress            loss ahead by     gain what is done"
#define HEAD "  branch       state    progress            loss ahead by what is done"
#define NARROW_HEAD "  branch   state    progress      loss"

static int is(const struct branch *b, const char *status)
{
	return strcmp(branch_status(b), status) == 0;
}

static int is_future(const struct branch *b)
{
	return !is(b, "left") && !is(b, "forecast");
}

/* A line of the fork's states: "2 running, 3 waiting, 12 done of 17; 62 %". */
static void put_counts(FILE *f, const struct fork *k)
{
	static const char *const states[] = {"running", "waiting", "done",
					     "killed",	"failed",  "void"};
	size_t futures = 0;
	double done = 0;
	const char *comma = "";

	for (size_t s = 0; s < sizeof(states) / sizeof(*states); s++) {
		size_t n = 0;
		for (size_t i = 0; i < k->n; i++)
			n += is(&k->b[i], states[s]);
		if (n)
			fprintf(f, "%s%zu %s", comma, n, states[s]);
		comma = n ? ", " : comma;
	}
	for (size_t i = 0; i < k->n; i++)
		if (is_future(&k->b[i])) {
			double p = branch_is_gone(&k->b[i]) ? 1 : branch_progress(&k->b[i]);
			futures++;
			done += isnan(p) ? 0 : p;
		}
	if (futures)
		fprintf(f, " of %zu; %.0f %%", futures, 100 * done / (double)futures);
}

struct place {
	const struct branch *b;
	int tier;
	double lead;
	size_t at;
};

/* What runs comes first, then what has ended by how it stands, then what waits. */
static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->tier != y->tier)
		return x->tier - y->tier;
	if (x->lead > y->lead || x->lead < y->lead)
		return x->lead > y->lead ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void put_rows(FILE *f, const struct fork *k, const struct tty *t, int rows)
{
	struct place *p = lc_xalloc(k->n + 1, sizeof(*p));
	const struct branch *best = fork_best(k);
	size_t n = 0, shown;

	for (size_t i = 0; i < k->n; i++) {
		const struct branch *b = &k->b[i];
		double lead = branch_lead(k, b);
		if (!is_future(b) && !b->chosen)
			continue;
		p[n++] = (struct place){b,
					b->chosen || b == best ? 0
					: is(b, "running")     ? 1
					: is(b, "waiting")     ? 4
					: branch_is_gone(b)    ? 3
							       : 2,
					isnan(lead) ? -INFINITY : lead, i};
	}
	qsort(p, n, sizeof(*p), by_place);
	shown = n <= (size_t)rows ? n : (size_t)(rows > 1 ? rows - 1 : 0);
	for (size_t i = 0; i < shown; i++)
		tty_row(f, k, p[i].b, t, p[i].b == best);
	if (n > shown)
		fprintf(f, "  and %zu more\n", n - shown);
	free(p);
}

static void put_clock(FILE *f)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[16] = "";

	if (localtime_r(&now, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fputs(text, f);
}

/* The run in a line. */
static void put_head(FILE *f, const struct cone *c, const struct tty *t)
{
	const struct series *s = c->c[LOSS].n ? &c->c[LOSS] : &c->c[VAL];
	char *name = tty_text(c->run ? c->run : "run", t->columns / 3);

	put_clock(f);
	fprintf(f, "  %s", name);
	if (s->n)
		fprintf(f, "  step %.0f  loss %.6g", s->x[s->n - 1], series_last(s));
	putc('\n', f);
	free(name);
}

/* A fork's decision, or how it stands, in a line that fits. */
static void put_fork(FILE *f, const struct fork *k, const struct tty *t)
{
	char *text = NULL, *fit;
	size_t len;
	FILE *m = open_memstream(&text, &len);

	fprintf(m, "fork %s: ", k->id);
	put_counts(m, k);
	if (k->decision)
		fprintf(m, "; decided: %s", lc_json_get_str(k->decision, "verdict", "?"));
	fclose(m);
	fit = tty_text(text, t->columns - 1);
	fprintf(f, "%s\n", fit);
	free(fit);
	free(text);
}

void board_write(FILE *f, const struct cone *c, const struct tty *t)
{
	const struct fork *k = c->nf ? &c->f[c->nf - 1] : NULL;
	int height = t->rows / 3, left = t->rows - 2;
	const json_t *alert = tell_alert(c, NULL);
	struct told *told;
	char *fit;

	put_head(f, c, t);
	told = alert ? tell_first(c) : NULL;
	for (struct told *at = told; at && at->text; at++)
		if (strcmp(at->title, "What broke") == 0) {
			fit = tty_text(at->text, t->columns - 1);
			fprintf(f, "%s%s%s\n", ink_on(t, INK_ALERT), fit, ink_off(t));
			free(fit);
			left--;
		}
	told_release(told);
	if (t->rows >= 16) {
		tty_draw(f, c, t, height);
		left -= height + 1 + (c->c[INDEX].n && height >= 8 ? 2 : 0);
	}
	if (k) {
		put_fork(f, k, t);
		fit = tty_text(t->columns >= TTY_WIDE	  ? WIDE_HEAD
			       : t->columns >= TTY_NARROW ? HEAD
							  : NARROW_HEAD,
			       t->columns - 1);
		fprintf(f, "%s%s%s\n", ink_on(t, INK_FAINT), fit, ink_off(t));
		free(fit);
		put_rows(f, k, t, left - 2);
	} else {
		fputs("no fork yet\n", f);
	}
}

/* Makes now, which it takes, the last that was told: 1 when it is another. */
static int is_news(char **told, char *now)
{
	int news = !*told || strcmp(*told, now) != 0;

	free(*told);
	*told = now;
	return news;
}

/* A branch: its state, and each tenth of its way. */
static void put_branch(FILE *f, const struct fork *k, struct branch *b)
{
	const struct branch *best = fork_best(k);
	const struct series *s = branch_curve(b);
	double p = branch_progress(b);

	if (!is_news(&b->told, lc_path("%s %d", branch_status(b), isnan(p) ? -1 : (int)(10 * p))))
		return;
	fprintf(f, "%s %s", b->id, branch_status(b));
	if (!isnan(p) && is(b, "running"))
		fprintf(f, " %.0f%%", 100 * p);
	if (s->n)
		fprintf(f, " step %.0f loss %.4f", s->x[s->n - 1], series_last(s));
	if (b->why)
		fprintf(f, " (%s)", b->why);
	if (best)
		fprintf(f, "; best so far %s, ahead by %.4f", best->id, branch_lead(k, best));
	putc('\n', f);
}

static void put_decision(FILE *f, struct fork *k)
{
	const char *verdict = lc_json_get_str(k->decision, "verdict", "?");

	if (k->decision && is_news(&k->told, lc_path("%s", verdict)))
		fprintf(f, "fork %s: %s: %s; choice %s\n", k->id, verdict,
			lc_json_get_str(k->decision, "why", ""),
			lc_json_get_str(k->decision, "choice", "?"));
}

static void put_alerts(FILE *f, struct cone *c)
{
	for (; c->alerts_told < json_array_size(c->alerts); c->alerts_told++) {
		const json_t *a = json_array_get(c->alerts, c->alerts_told);
		if (strcmp(lc_json_get_str(a, "type", ""), "alert") == 0)
			lc_explain_occasion(f, a, NULL);
	}
}

void board_news(FILE *f, struct cone *c)
{
	char *text = NULL, *save = NULL;
	size_t len;
	FILE *m = open_memstream(&text, &len);

	put_alerts(m, c);
	for (size_t i = 0; i < c->nf; i++) {
		for (size_t j = 0; j < c->f[i].n; j++)
			if (is_future(&c->f[i].b[j]))
				put_branch(m, &c->f[i], &c->f[i].b[j]);
		put_decision(m, &c->f[i]);
	}
	fclose(m);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *fit = tty_text(line, 1000);
		put_clock(f);
		fprintf(f, " %s\n", fit);
		free(fit);
	}
	free(text);
}
