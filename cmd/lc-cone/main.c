/* lc-cone: draws a run, its alerts and its futures: one HTML file, a PNG, or the terminal. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cone.h"
#include "io.h"

static const char help[] =
	"usage: lc-cone [-o FILE] [--title TEXT] [-m METRIC=NAME]... RECORDS...\n"
	"       lc-cone --tty [-f] [-m METRIC=NAME]... RECORDS...\n"
	"       lc-cone --png FILE [-m METRIC=NAME]... RECORDS...\n"
	"Draw a run, its alerts and its futures as one HTML file.\n"
	"\n"
	"RECORDS are files of records of any kind, - for standard input, or a directory of "
	"lc-guard.\n"
	"\n"
	"  -o, --output FILE       write there, at once and whole (default: standard output)\n"
	"      --png FILE          a picture of the run instead, by rsvg-convert\n"
	"      --tty               on the terminal instead\n"
	"  -f, --follow            with --tty: again every second, until interrupted\n"
	"      --title TEXT        (default: the run's name)\n"
	"  -m, --metric METRIC=NAME  loss=my/name: what a metric is called there\n"
	"  -q, --quiet             no words but errors\n"
	"  -h, --help, --version\n";

struct opts {
	const char *out, *png, *title;
	int tty, follow, quiet;
	struct lc_names names;
};

static void read_all(struct cone *c, const struct opts *o, char **paths)
{
	struct lc_err err;

	for (; *paths; paths++)
		if (cone_read(c, *paths, &o->names, &err) < 0)
			lc_die(&err);
	if (c->bad && !o->quiet && !o->tty)
		lc_warn("%s (and %lu lines in all are passed over)", c->why.text, c->bad);
}

static const char *title_of(const struct cone *c, const struct opts *o)
{
	return o->title ? o->title : c->run ? c->run : "A training run";
}

static int write_page(const struct cone *c, const struct opts *o, struct lc_err *err)
{
	struct lc_newfile nf;

	if (!o->out) {
		page_write(stdout, c, title_of(c, o));
		return 0;
	}
	if (lc_newfile_open(&nf, o->out, err) < 0)
		return -1;
	page_write(nf.f, c, title_of(c, o));
	return lc_newfile_commit(&nf, err);
}

static void size_of_terminal(struct tty *t)
{
	const char *columns = getenv("COLUMNS");
	struct winsize w;

	t->columns = columns ? atoi(columns) : 100;
	t->rows = 40;
	if (ioctl(1, TIOCGWINSZ, &w) == 0 && w.ws_col > 0) {
		t->columns = w.ws_col;
		t->rows = w.ws_row;
	}
	t->columns = t->columns < 20 ? 20 : t->columns > 500 ? 500 : t->columns;
	t->colour = isatty(1) && !getenv("NO_COLOR");
}

/* What was read is read again: the files grow, and appear. */
static void board(const struct opts *o, char **paths)
{
	struct tty t;

	for (;;) {
		struct cone c = {0};
		read_all(&c, o, paths);
		size_of_terminal(&t);
		if (o->follow && isatty(1))
			fputs("\033[H\033[2J", stdout);
		tty_write(stdout, &c, &t);
		fflush(stdout);
		cone_release(&c);
		if (!o->follow || ferror(stdout))
			return;
		sleep(1);
	}
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
		lc_usage("-f follows on a terminal: say --tty");
}

int main(int argc, char **argv)
{
	struct opts o = {0};
	struct cone c = {0};
	struct lc_err err;
	int ret = 0;

	lc_setup(argv[0]);
	parse(&o, argc, argv);
	if (o.tty) {
		board(&o, argv + optind);
		return lc_finish(LC_OK);
	}
	read_all(&c, &o, argv + optind);
	ret = o.png ? png_write(&c, o.png, &err) : write_page(&c, &o, &err);
	cone_release(&c);
	if (ret < 0)
		lc_die(&err);
	return lc_finish(LC_OK);
}
