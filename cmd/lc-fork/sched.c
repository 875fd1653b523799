/* sched: the turns in which a fleet is run: look at what runs, start what can, print what is new.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "io.h"
#include "json.h"

static void go_live(struct fleet *f, struct branch *b)
{
	if (f->nlive == f->caplive) {
		f->caplive = f->caplive ? 2 * f->caplive : 64;
		f->live = lc_xrealloc(f->live, (size_t)f->caplive, sizeof(*f->live));
	}
	f->live[f->nlive++] = b;
}

static int announce(struct fleet *f, struct branch *b, struct lc_err *err)
{
	if (b->announced || !f->out)
		return 0;
	b->announced = 1;
	return lc_json_emit(f->out, b->rec, err);
}

/* What follows from an end: segments that read the branch, and states that nobody needs now. */
static int has_ended(struct fleet *f, struct branch *b, struct lc_err *err)
{
	struct branch *parent = fleet_find(f, b->parent);
	int at = 0;

	f->ended = 1;
	while (f->b[at] != b)
		at++;
	if (b->status == DONE && !b->segments_made) {
		if (fleet_add_segments(f, at, err) < 0)
			return -1;
		for (int i = at + 1; i < f->n && i <= at + 2; i++)
			if (announce(f, f->b[i], err) < 0)
				return -1;
	}
	fleet_drop_state(f, b);
	if (parent)
		fleet_drop_state(f, parent);
	return 0;
}

static int look_at_live(struct fleet *f, struct lc_err *err)
{
	int kept = 0, ret = 0;

	for (int i = 0; i < f->nlive; i++) {
		struct branch *b = f->live[i];
		int over = ret < 0 ? 0 : f->set->engine->look(f, b, f->out, err);
		if (over < 0 || (over == 0 && ret == 0 && fleet_look_early(f, b, err) < 0))
			ret = -1;
		if (over == 0 && b->status == WAITING) { /* lost, and to be submitted again */
			f->first_waiting = 0;
			continue;
		}
		if (over <= 0)
			f->live[kept++] = b;
		else if (has_ended(f, b, err) < 0)
			ret = -1;
	}
	f->nlive = kept;
	return ret;
}

/* What an earlier run of the fork knows of it: it has ended, or an engine still has it. Looked up
 * once. 1: it is taken care of. */
static int known(struct fleet *f, struct branch *b, struct lc_err *err)
{
	if (b->looked)
		return 0;
	b->looked = 1;
	if (!branch_load(b, f->set->launch.tmpl)) {
		branch_forget(b);
		return 0;
	}
	if (b->status >= DONE)
		return branch_read(b, f->out, err) < 0 || has_ended(f, b, err) < 0 ? -1 : 1;
	if (f->set->engine->survives && b->status != WAITING && b->job[0]) {
		go_live(f, b);
		return 1;
	}
	b->status = WAITING;
	b->job[0] = '\0';
	return 0;
}

/* Those that can be started now, into list; how many, or -1. */
static int ready(struct fleet *f, struct branch **list, int room, struct lc_err *err)
{
	int n = 0, took;

	while (f->first_waiting < f->n && f->b[f->first_waiting]->status != WAITING)
		f->first_waiting++;
	for (int i = f->first_waiting; i < f->n && n < room; i++) {
		struct branch *b = f->b[i];
		if (b->status != WAITING)
			continue;
		took = known(f, b, err);
		if (took < 0)
			return -1;
		if (took > 0)
			continue;
		took = fleet_ready(f, b);
		if (took < 0 && has_ended(f, b, err) < 0)
			return -1;
		if (took > 0)
			list[n++] = b;
	}
	return n;
}

/* 1: something came of it that may let more be started. */
static int start(struct fleet *f, struct lc_err *err)
{
	int room = f->set->engine->room(f), n, again = 0;
	struct branch **list;

	if (room < 1)
		return 0;
	room = room < f->n ? room : f->n;
	list = lc_xalloc((size_t)room + 1, sizeof(*list));
	n = ready(f, list, room, err);
	if (n > 0 && f->set->engine->start(f, list, n, err) < 0)
		n = -1;
	for (int i = 0; i < n; i++) {
		if (list[i]->status >= DONE) {
			if (has_ended(f, list[i], err) < 0)
				n = -1;
			again = 1;
		} else if (list[i]->status != WAITING) {
			go_live(f, list[i]);
		}
	}
	free(list);
	return n < 0 ? -1 : again;
}

static int waiting(const struct fleet *f)
{
	for (int i = f->first_waiting; i < f->n; i++)
		if (f->b[i]->status == WAITING)
			return 1;
	return 0;
}

/* In the order of the plan: a branch's steps once it and all before it have ended. */
static int print_ready(struct fleet *f, int *printed, struct lc_err *err)
{
	for (; !f->out && !f->set->mute && *printed < f->n; ++*printed) {
		struct branch *b = f->b[*printed];
		if (b->status < DONE || (b->status == DONE && !b->segments_made))
			return 0;
		if ((!b->announced && lc_json_emit(f->print, b->rec, err) < 0) ||
		    branch_emit(b, f->print, err) < 0)
			return -1;
	}
	return 0;
}

/* Runners elsewhere see by it that we live. */
static void touch_alive(struct fleet *f)
{
	char *path;

	if (f->set->engine == &engine_local || lc_now() - f->job.alive_at < 2)
		return;
	f->job.alive_at = lc_now();
	path = lc_path("%s/alive", f->dir);
	lc_put_file(path, "", 0, NULL);
	free(path);
}

/* One turn. 1: there is more to come, 2: at once, 0: all have ended. */
static int turn(struct fleet *f, struct lc_err *err)
{
	int again;

	touch_alive(f);
	if ((f->set->engine->turn && f->set->engine->turn(f, err) < 0) || look_at_live(f, err) < 0)
		return -1;
	again = start(f, err);
	if (again < 0)
		return -1;
	if (f->ended && !f->set->in_order && fleet_settle(f, 0, err) < 0)
		return -1;
	if (f->nlive == 0 && !waiting(f))
		return 0;
	return again || f->nlive == 0 ? 2 : 1;
}

static void on_child(int sig)
{
	(void)sig;
}

/* Waits end when a child does: it is blocked but there. */
static void watch_children(sigset_t *open)
{
	struct sigaction sa = {.sa_handler = on_child};
	sigset_t child;

	sigaction(SIGCHLD, &sa, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, open);
	sigdelset(open, SIGCHLD);
}

/* Until a child ends, or for a while. A reader that is gone is noticed here, not at the next write:
 * nobody wants the rest. */
static void rest(const sigset_t *open)
{
	const struct timespec nap = {.tv_nsec = 100000000};
	struct pollfd to = {.fd = STDOUT_FILENO};

	if (ppoll(&to, 1, &nap, open) > 0 && to.revents & POLLERR)
		raise(SIGPIPE);
}

int fleet_run(struct fleet *f, volatile const int *stop, struct lc_err *err)
{
	double t0 = lc_now();
	int more, printed = 0;
	sigset_t open;

	watch_children(&open);
	while ((more = turn(f, err)) > 0 && !*stop) {
		if (print_ready(f, &printed, err) < 0)
			return -1;
		fleet_progress(f, t0, 0);
		if (more == 1)
			rest(&open);
	}
	fleet_progress(f, t0, 1);
	if (more < 0 || *stop || (f->set->engine->turn && f->set->engine->turn(f, err) < 0))
		return -1;
	return print_ready(f, &printed, err) < 0 ? -1 : fleet_settle(f, 1, err);
}
