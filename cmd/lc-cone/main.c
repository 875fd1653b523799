/* lc-cone: draws a run, its alerts and its futures: one HTML file, a PNG, or the terminal. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "page.h"
#include "source.h"
#include "tty.h"

static const char help[] =
	"usage: lc-cone [-o FILE] [--title TEXT] [-m METRIC=NAME]... RECORDS...\n"
	"       lc-cone --tty [-f] [-m METRIC=NAME]... RECORDS...\n"
	"       lc-cone --png FILE [-m METRIC=NAME]... RECORDS...\n"
	"Draw a run, its alerts and its futures as one HTML file.\n"
	"\n"
	"RECORDS are files of records of any kind, - for standard input, or a directory\n"
	"of lc-guard or of lc-fork run.\n"
	"\n"
	"  -o, --output FILE       write there, at once and whole (default: standard output)\n"
	"      --png FILE          a picture of the run instead, by rsvg-convert or gnuplot\n"
	"      --tty               on the terminal instead\n"
	"  -f, --follow            with --tty: a live board of the newest fork; q ends it\n"
	"                          (in a pipe: what is new, a line each)\n"
	"      --title TEXT        (default: the run's name)\n"
	"  -m, --metric METRIC=NAME  loss=my/name: what a metric is called there\n"
	"  -q, --quiet             no words but errors\n"
	"  -h, --help, --version\n";

struct opts {
	const char *out, *png, *title;
	int tty, follow, quiet;
	struct lc_names names;
};

#define LOOK_MS 500 /* between two looks at what is written */

static const char *title_of(const struct cone *c, const struct opts *o)
{
	const char *log = c->log && strcmp(c->log, "-") != 0 ? c->log : NULL;
	const char *slash = log ? strrchr(log, '/') : NULL;

	return o->title ? o->title
	       : c->run ? c->run
	       : slash	? slash + 1
	       : log	? log
			: "A training run";
}

static void read_all(struct cone *c, const struct opts *o, char **paths)
{
	struct sources ss = {.paths = paths, .names = &o->names};
	struct lc_err err;
	int anew, got;

	while ((got = sources_read(&ss, c, &anew, &err)) > 0)
		;
	sources_release(&ss);
	if (got < 0)
		lc_die(&err);
	if (c->bad && !o->quiet && !o->tty)
		lc_warn("%s (and %lu lines in all are passed over)", c->why.text, c->bad);
	if (cone_is_empty(c)) {
		lc_fail(&err, LC_DATA, "%s: no records in %lu lines (lc-read makes them of logs)",
			paths[1] ? "the files" : paths[0], c->lines);
		lc_die(&err);
	}
}

static int write_page(const struct cone *c, const struct opts *o, struct lc_err *err)
{
	struct lc_newfile nf;

	if (!o->out)
		return page_write(stdout, c, title_of(c, o), err);
	if (lc_newfile_open(&nf, o->out, err) < 0)
		return -1;
	if (page_write(nf.f, c, title_of(c, o), err) < 0) {
		lc_newfile_abort(&nf);
		return -1;
	}
	return lc_newfile_commit(&nf, err);
}

static void write_terminal(const struct cone *c)
{
	struct tty t;

	screen_size(&t);
	tty_write(stdout, c, &t);
}

/* One frame, at once. */
static void show_board(const struct cone *c)
{
	char *text = NULL;
	size_t len;
	struct tty t;
	FILE *f = open_memstream(&text, &len);

	screen_size(&t);
	board_write(f, c, &t);
	fclose(f);
	screen_show(text, len);
	free(text);
}

/* What is written is read as it comes, and shown: on a terminal in place, else as news. */
static void follow(const struct opts *o, char **paths)
{
	struct sources ss = {.paths = paths, .names = &o->names, .follow = 1};
	struct cone c = {0};
	struct lc_err err;
	int anew, on_screen = screen_can(), ended = 0;

	screen_open();
	while (!ended) {
		if (sources_read(&ss, &c, &anew, &err) < 0) {
			screen_close(); /* what is said on the other screen is gone with it */
			lc_die(&err);
		}
		if (anew) {
			cone_release(&c);
			sources_release(&ss);
			continue;
		}
		if (on_screen)
			show_board(&c);
		else
			board_news(stdout, &c);
		if (fflush(stdout) < 0 || ferror(stdout))
			break;
		ended = sources_ended(&ss) || screen_wait(LOOK_MS);
	}
	screen_close();
	if (on_screen && !cone_is_empty(&c)) /* what it came to stays */
		write_terminal(&c);
	cone_release(&c);
	sources_release(&ss);
}

static void take_option(struct opts *o, int k, char **argv)
{
	struct lc_err err;

	switch (k) {
	case 'o': o->out = optarg; return;
	case 'P': o->png = optarg; return;
	case 'T': o->tty = 1; return;
	case 't': o->title = optarg; return;
	case 'f': o->follow = 1; return;
	case 'q': o->quiet = 1; return;
	case 'm':
		if (lc_names_add(&o->names, optarg, &err) < 0)
			lc_usage("%s", err.text);
		return;
	case 'h': fputs(help, stdout); exit(lc_finish(LC_OK));
	case 'V': puts("lc-cone " LC_VERSION); exit(lc_finish(LC_OK));
	default: lc_usage_option(k, argv);
	}
}

static void parse(struct opts *o, int argc, char **argv)
{
	static const struct option longopts[] = {
		{"output", 1, 0, 'o'}, {"png", 1, 0, 'P'},    {"tty", 0, 0, 'T'},
		{"title", 1, 0, 't'},  {"follow", 0, 0, 'f'}, {"metric", 1, 0, 'm'},
		{"quiet", 0, 0, 'q'},  {"help", 0, 0, 'h'},   {"version", 0, 0, 'V'},
		{0, 0, 0, 0},
	};
	int k;

	opterr = 0;
	while ((k = getopt_long(argc, argv, ":o:fm:qh", longopts, NULL)) != -1)
		take_option(o, k, argv);
	if (optind == argc)
		lc_usage("of which records? - is standard input");
	if (!!o->tty + !!o->png + !!o->out > 1)
		lc_usage("one of --output, --png and --tty");
	if (o->follow && !o->tty)
		lc_usage("-f is a board on the terminal: say --tty");
}

int main(int argc, char **argv)
{
	struct opts o = {0};
	struct cone c = {0};
	struct lc_err err;
	int ret = 0;

	lc_setup(argv[0]);
	parse(&o, argc, argv);
	if (o.follow) {
		follow(&o, argv + optind);
		return lc_finish(LC_OK);
	}
	read_all(&c, &o, argv + optind);
	if (o.tty)
		write_terminal(&c);
	else
		ret = o.png ? png_write(&c, o.png, &err) : write_page(&c, &o, &err);
	cone_release(&c);
	if (ret < 0)
		lc_die(&err);
	return lc_finish(LC_OK);
}
