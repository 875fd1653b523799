/* png: the run's picture through rsvg-convert, with the page's own colours. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cone.h"
#include "io.h"

/* Colours for a program that knows no variables and no dark mode. */
static const char style[] =
	"<style>text{fill:#5b6570;font:12px sans-serif}.y{text-anchor:end}.x{text-anchor:middle}"
	".end{text-anchor:end}.frame{fill:none;stroke:#c9cfd6}.grid{stroke:#e8ebee}path{fill:none}"
	".loss,.minor{stroke:#8a97a5}.left{stroke:#8a97a5;stroke-dasharray:3 "
	"3}.val{stroke:#1b1f24;stroke-width:1.6}"
	".index,.alert path{stroke:#c62828}.alert rect{fill:#c62828;fill-opacity:.13}.outlier "
	"path{stroke:#b26a00}"
	".cone{fill:#1565c0;fill-opacity:.1}.b{stroke:#b26a00}.null{stroke:#a6b0ba}.control{stroke:"
	"#1565c0}"
	".chosen{stroke:#00796b;stroke-width:2.4}.readout{stroke-dasharray:4 "
	"3;opacity:.35}.gone{stroke:#c62828}"
	".snap{stroke:#1565c0}.above{fill:#8a97a5}.nan{fill:#c62828}</style>";

/* The figure as an SVG document of its own. */
static char *document(const struct cone *c, size_t *len)
{
	char *text = NULL, *all = NULL, *at;
	FILE *f = open_memstream(&text, len), *g;

	if (!f)
		return NULL;
	draw_run(f, c);
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

static int convert(const char *svg, size_t len, const char *to, struct lc_err *err)
{
	int pipe_of[2], status;
	pid_t pid;

	if (pipe(pipe_of) < 0)
		return lc_fail_sys(err, "pipe");
	pid = fork();
	if (pid == 0) {
		dup2(pipe_of[0], 0);
		close(pipe_of[0]);
		close(pipe_of[1]);
		execlp("rsvg-convert", "rsvg-convert", "-b", "white", "-z", "2", "-o", to,
		       (char *)NULL);
		_exit(127);
	}
	close(pipe_of[0]);
	if (pid < 0) {
		close(pipe_of[1]);
		return lc_fail_sys(err, "fork");
	}
	signal(SIGPIPE, SIG_IGN); /* its status tells */
	lc_write_all(pipe_of[1], svg, len, "rsvg-convert", NULL);
	close(pipe_of[1]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return lc_fail(err, LC_SYS,
			       "--png needs rsvg-convert (librsvg2-bin), which is not there");
	return status == 0 ? 0 : lc_fail(err, LC_SYS, "rsvg-convert could not make the picture");
}

int png_write(const struct cone *c, const char *path, struct lc_err *err)
{
	size_t len = 0;
	char *svg = document(c, &len), *tmp = lc_path("%s.%d.tmp", path, (int)getpid());
	int ret = -1;

	if (!svg)
		lc_fail(err, LC_DATA, "there are no steps to draw");
	else
		ret = convert(svg, len, tmp, err);
	if (ret == 0 && rename(tmp, path) < 0)
		ret = lc_fail_sys(err, "write %s", path);
	if (ret < 0)
		unlink(tmp);
	free(tmp);
	free(svg);
	return ret;
}
