/* wait: for states that were taken over and are being saved; and what has become of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "job.h"
#include "json.h"
#include "store_parts.h"

static int is_ours(const struct opts *o, const struct job *j, const char *run, const char *host)
{
	return j->fd < 0 && strcmp(j->host, host) == 0 &&
	       (!run || (strcmp(j->m.run, run) == 0 && j->part == o->part));
}

int jobs_wait(const struct opts *o, const char *run, int most)
{
	char *host = job_host();
	int waited = 0;

	for (;;) {
		struct job *first = NULL;
		struct job_list list;
		struct lc_err err;
		int n = 0;
		if (jobs_load(o, 0, &list, &err) < 0)
			break;
		for (size_t i = list.n; i-- > 0;)
			if (is_ours(o, &list.j[i], run, host)) {
				first = &list.j[i];
				n++;
			}
		if (n < most || o->no_wait) {
			jobs_release(&list);
			break;
		}
		if (!waited && !o->quiet)
			lc_warn("%s@%ld is being saved: waiting", first->m.run, first->m.step);
		waited = 1;
		if (job_wait(first, &err) < 0)
			lc_warn("%s", err.text);
		jobs_release(&list);
	}
	free(host);
	return waited;
}

/*
 * A job that is dead and held: 1 when it has left a state that is not saved. What it was killed in
 * the middle of is brought to an end: a copy that is not complete is none, and its original is
 * where it was; a move that was made counts.
 */
static int tidy(struct job *j)
{
	char *host = job_host();
	int here = strcmp(host, j->host) == 0;

	free(host);
	if (j->state == JOB_BEGUN && j->moved && access(j->path, F_OK) == 0)
		job_captured(j, NULL);
	else if (j->state == JOB_BEGUN && j->moved && !here)
		return 0; /* only there can it be seen whether it was moved */
	if (j->state == JOB_BEGUN || j->state == JOB_DONE) {
		job_drop(j, NULL);
		return 0;
	}
	return 1;
}

/* Is what it has taken gone, with the memory it was in? */
static int is_lost(const struct job *j)
{
	char *host = job_host();
	int lost = strcmp(host, j->host) == 0 && access(j->path, F_OK) < 0;

	free(host);
	return lost;
}

static void name(struct job *j, int tell)
{
	char *words = job_words(j);
	int lost = is_lost(j);

	lc_warn("%s%s", words, lost ? "" : ": lc-snap wait --retry");
	free(words);
	if (tell && lost)
		job_drop(j, NULL);
	else if (tell)
		job_told(j);
}

int jobs_name(const struct opts *o, int tell)
{
	struct job_list list;
	struct lc_err err;
	int named = 0;

	if (jobs_load(o, tell, &list, &err) < 0)
		return 0;
	for (size_t i = 0; i < list.n; i++) {
		struct job *j = &list.j[i];
		if (j->fd < 0 || (tell && !tidy(j)) || j->told || j->state < JOB_CAPTURED ||
		    j->state == JOB_DONE)
			continue;
		name(j, tell);
		named++;
	}
	jobs_release(&list);
	return named;
}

/* ---- the verb ---- */

static void emit(const json_t *record)
{
	struct lc_err err;

	if (record && lc_json_emit(stdout, record, &err) < 0)
		lc_die(&err);
}

/* Until all have ended; those that are saved are printed. 1 when some have not. */
static int wait_all(const struct opts *o)
{
	struct job_list list;
	struct lc_err err;
	int running = 0;

	if (jobs_load(o, 0, &list, &err) < 0)
		lc_die(&err);
	for (size_t i = 0; i < list.n; i++) {
		struct job *j = &list.j[i];
		if (j->fd >= 0)
			continue;
		if (o->no_wait) {
			running = 1;
			if (!o->quiet)
				lc_warn("%s@%ld: is being saved", j->m.run, j->m.step);
			continue;
		}
		if (job_wait(j, &err) < 0)
			lc_warn("%s", err.text);
		if (j->state == JOB_DONE)
			emit(j->record);
	}
	jobs_release(&list);
	return running;
}

/* One that is left: tried again, dropped, or named. The status it deserves. */
static int settle(struct job *j, const struct opts *o)
{
	int code = j->state == JOB_FAILED ? j->code : LC_SYS;
	json_t *record = NULL;
	struct lc_err err;

	if (o->drop) {
		if (job_drop(j, &err) < 0)
			lc_die(&err);
		if (!o->quiet)
			lc_warn("%s@%ld: is dropped", j->m.run, j->m.step);
		return LC_OK;
	}
	if (o->retry && !is_lost(j)) {
		if (job_run(j, o, &record, &err) == 0) {
			emit(record);
			json_decref(record);
			return LC_OK;
		}
		code = err.code;
	}
	if (j->told)
		return LC_OK;
	name(j, 1);
	return code;
}

int verb_wait(const struct opts *o, int argc, char **argv)
{
	struct job_list list;
	struct lc_store *st;
	struct lc_err err;
	int status = LC_OK, one;

	(void)argv;
	if (argc != 0)
		lc_usage("wait takes no operand");
	if (o->retry && o->drop)
		lc_usage("--retry and --drop exclude each other");
	st = lc_store_open(o->store, 0, &err);
	if (!st)
		lc_die(&err);
	lc_store_close(st);
	if (wait_all(o))
		status = LC_NO;
	if (jobs_load(o, 1, &list, &err) < 0)
		lc_die(&err);
	for (size_t i = 0; i < list.n; i++) {
		if (list.j[i].fd < 0 || !tidy(&list.j[i]))
			continue;
		one = settle(&list.j[i], o);
		status = one > status ? one : status;
	}
	jobs_release(&list);
	st = snap_store_writable(o, &err); /* parts that were killed when all were in */
	if (st && lc_parts_settle(st, &err) < 0) {
		lc_warn("%s", err.text);
		status = (int)err.code > status ? (int)err.code : status;
	}
	lc_store_close(st);
	return status;
}
