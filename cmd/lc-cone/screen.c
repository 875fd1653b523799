/* screen: the terminal of the live board, see tty.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "io.h"
#include "tty.h"

/* The other screen, without a cursor; and back. */
#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[?25h\033[?1049l"

static struct termios before;
static volatile sig_atomic_t opened, raw, ended, stopped;

static void put(const char *s, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, s, len);
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			s += n;
			len -= (size_t)n;
		}
	}
}

/* Only what a signal handler may call. */
static void leave(void)
{
	if (opened)
		put(LEAVE, sizeof(LEAVE) - 1);
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void enter(void)
{
	struct termios t = before;

	if (raw) {
		t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &t);
	}
	if (opened)
		put(ENTER, sizeof(ENTER) - 1);
}

static void on_end(int sig)
{
	ended = sig;
}

static void on_stop(int sig)
{
	int was = errno;

	(void)sig;
	leave();
	raise(SIGSTOP);
	enter();
	stopped = 1;
	errno = was;
}

/* A fault of ours, an abort: the terminal first. */
static void on_fault(int sig)
{
	leave();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void on_other(int sig)
{
	(void)sig;
}

static void handle(int sig, void (*fn)(int))
{
	struct sigaction sa = {.sa_handler = fn};

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

int screen_can(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

void screen_open(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		handle(ends[i], on_end);
	if (!screen_can())
		return;
	handle(SIGTSTP, on_stop);
	handle(SIGWINCH, on_other);
	handle(SIGABRT, on_fault);
	handle(SIGSEGV, on_fault);
	raw = tcgetattr(STDIN_FILENO, &before) == 0 && tcgetpgrp(STDIN_FILENO) == getpgrp();
	opened = 1;
	atexit(screen_close);
	enter();
}

void screen_close(void)
{
	leave();
	opened = raw = 0;
	if (ended) { /* as if nobody had caught it */
		int sig = ended;
		ended = 0;
		signal(sig, SIG_DFL);
		raise(sig);
	}
}

/* Every line is written over the old one, and what is left of that erased after it. */
void screen_show(const char *text, size_t len)
{
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	fputs(stopped ? "\033[?2026h\033[2J\033[H" : "\033[?2026h\033[H", f);
	stopped = 0;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n')
			fputs(i + 1 < len ? "\033[K\r\n" : "\033[K", f);
		else
			putc(text[i], f);
	fputs("\033[J\033[?2026l", f);
	fclose(f);
	put(out, n);
	free(out);
}

int screen_wait(int ms)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char key;

	if (ended)
		return 1;
	if (!raw) {
		poll(NULL, 0, ms);
		return ended != 0;
	}
	if (poll(&p, 1, ms) > 0 && read(STDIN_FILENO, &key, 1) == 1)
		return key == 'q' || key == 'Q' || key == 4;
	if (p.revents & (POLLHUP | POLLERR))
		return 1;
	return ended != 0;
}

void screen_size(struct tty *t)
{
	const char *columns = getenv("COLUMNS");
	struct winsize w;

	t->columns = columns ? atoi(columns) : 100;
	t->rows = 40;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0) {
		t->columns = w.ws_col;
		t->rows = w.ws_row > 0 ? w.ws_row : t->rows;
	}
	t->columns = t->columns < 20 ? 20 : t->columns > 500 ? 500 : t->columns;
	t->rows = t->rows < 8 ? 8 : t->rows;
	t->colour = isatty(STDOUT_FILENO) && !(getenv("NO_COLOR") && *getenv("NO_COLOR"));
}
