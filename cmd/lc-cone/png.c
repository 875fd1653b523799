/* png: the run's picture through rsvg-convert, or its curves through gnuplot. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "figure.h"
#include "io.h"
#include "page.h"

/* Colours for a program that knows no variables and no dark mode. */
static const char style[] =
	"<style>text{fill:#56606b;font:12px sans-serif}.y{text-anchor:end}.x{text-anchor:middle}"
	".end{text-anchor:end}.name{fill:#1b1f24}.row{font-size:10px}.flag{fill:#c62828}"
	".frame{fill:none;stroke:#c4cbd2}.grid{stroke:#e8ebee}path{fill:none}"
	".loss,.minor{stroke:#8793a1}.left{stroke:#56606b;stroke-dasharray:3 2}"
	".val{stroke:#1b1f24;stroke-width:1.6}.went{stroke:#00796b;stroke-width:2.2}"
	".index,.alert path{stroke:#c62828}.limit{stroke:#c62828;stroke-dasharray:6 4}"
	".alert rect{fill:#c62828;fill-opacity:.13}.outlier path{stroke:#b26a00}"
	".cone{fill:#1565c0;fill-opacity:.11}.core{fill:#1565c0;fill-opacity:.18}"
	".median{stroke:#1565c0;stroke-dasharray:2 3}.b{stroke:#b26a00}.null{stroke:#9aa5b1}"
	".control{stroke:#1565c0;stroke-width:1.8}.readout{stroke-dasharray:4 3;opacity:.35}"
	".gone{stroke:#c62828;stroke-dasharray:2 2}.chosen{stroke:#00796b;stroke-width:2.6}"
	".mark{stroke:#c62828;stroke-width:8}.killed,.above{stroke-linecap:square}"
	".void,.nan{stroke-linecap:round}.nan{stroke:#c62828;stroke-width:7}"
	".above{stroke:#8793a1;stroke-width:6}.snap{stroke:#1565c0;stroke-width:1.4}"
	".l0,.l1,.l2,.l3{stroke:#a3195b;stroke-width:11;opacity:.2}.l1{opacity:.42}"
	".l2{opacity:.7}.l3{opacity:1}</style>";

/* The figure as an SVG document of its own. */
static char *document(const struct cone *c, size_t *len)
{
	char *text = NULL, *all = NULL, *at;
	FILE *f = open_memstream(&text, len), *g;

	if (!f)
		return NULL;
	draw_run(f, c, 0);
	fclose(f);
	at = text ? strchr(text, '>') : NULL;
	g = at && strncmp(text, "<svg", 4) == 0 ? open_memstream(&all, len) : NULL;
	if (g) {
		fprintf(g, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1160\"%.*s>%s",
			(int)(at - text - 4), text + 4, style);
		fputs(at + 1, g);
		fclose(g);
	}
	free(text);
	return all;
}

/* A script for gnuplot, where nothing better is there: the curves of the run, a plot each. */
static char *script(const struct cone *c, size_t *len)
{
	static const char *const name[CURVES] = {
		"loss", "held-out loss", "gradient norm",    "learning rate", "reward",
		"KL",	"entropy",	 "instability index"};
	static const enum curve order[] = {LOSS, VAL, REWARD, INDEX, GRAD, RATE};
	char *text = NULL;
	int n = 0;
	double x0, x1;
	FILE *f;

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		n += c->c[order[i]].n > 0;
	if (!n || !cone_span(c, &x0, &x1))
		return NULL;
	f = open_memstream(&text, len);
	fprintf(f,
		"set terminal png size 1160,%d\nset datafile missing 'nan'\nset grid\n"
		"set xrange [%.10g:%.10g]\nset lmargin 12\nset multiplot layout %d,1\n",
		160 * n + 40, x0, x1, n);
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		struct series thin;
		if (c->c[order[i]].n == 0)
			continue;
		series_thin(&c->c[order[i]], 1600, &thin);
		fprintf(f, "plot '-' using 1:2 with lines title '%s'\n", name[order[i]]);
		for (size_t k = 0; k < thin.n; k++)
			if (isfinite(thin.y[k]))
				fprintf(f, "%.10g %.9g\n", thin.x[k], thin.y[k]);
			else
				fprintf(f, "%.10g nan\n", thin.x[k]);
		fputs("e\n", f);
		series_release(&thin);
	}
	fclose(f);
	return text;
}

/* Its output is the picture; its words are lost, since its status tells. Status 127: not there. */
static int run(char *const argv[], const char *in, size_t len, int out, struct lc_err *err)
{
	int pipe_of[2], status = -1, null;
	pid_t pid;

	if (pipe(pipe_of) < 0)
		return lc_fail_sys(err, "pipe");
	pid = fork();
	if (pid == 0) {
		null = open("/dev/null", O_WRONLY);
		dup2(pipe_of[0], 0);
		dup2(out, 1);
		dup2(null, 2);
		close(pipe_of[0]);
		close(pipe_of[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(pipe_of[0]);
	if (pid < 0) {
		close(pipe_of[1]);
		return lc_fail_sys(err, "fork");
	}
	signal(SIGPIPE, SIG_IGN); /* its status tells */
	lc_write_all(pipe_of[1], in, len, argv[0], NULL);
	close(pipe_of[1]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int convert(const struct cone *c, int out, struct lc_err *err)
{
	static char *const rsvg[] = {"rsvg-convert", "-b", "white", "-z", "2", NULL};
	static char *const gnuplot[] = {"gnuplot", NULL};
	size_t len = 0;
	char *text = document(c, &len);
	int status;

	if (!text)
		return lc_fail(err, LC_DATA, "there are no steps to draw");
	status = run(rsvg, text, len, out, err);
	free(text);
	if (status == 127) {
		text = script(c, &len);
		status = text ? run(gnuplot, text, len, out, err) : 127;
		free(text);
	}
	if (status == 127)
		return lc_fail(err, LC_SYS,
			       "--png needs rsvg-convert (librsvg2-bin) or gnuplot, and neither is "
			       "there");
	if (status > 0)
		return lc_fail(err, LC_SYS, "the picture could not be made (status %d)", status);
	return status;
}

int png_write(const struct cone *c, const char *path, struct lc_err *err)
{
	struct lc_newfile nf;

	if (lc_newfile_open(&nf, path, err) < 0)
		return -1;
	if (convert(c, fileno(nf.f), err) < 0) {
		lc_newfile_abort(&nf);
		return -1;
	}
	return lc_newfile_commit(&nf, err);
}
