/*
 * draft: the law drafts how all futures of a plan end, and says which block of real steps to run
 * next, until more would teach too little (sheet.h). All is derived from the evidence: to go on is
 * to run it again.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "option.h"
#include "sheet.h"

static struct lc_schedule lr_plan;
static const char *plan_path, *memory_path;
static double enough = 1e-3;

static const char usage[] =
	"usage: lc-collapse draft -p PLAN -b BRANCHES [-e WORTH] [-m MEMORY] [FILE]...\n"
	"Read the branch records of a fork and what was run of it so far (the run's own steps, "
	"and\n"
	"what lc-fork run wrote); write the branch records of the next block worth running, and a\n"
	"draft record. Repeat until there is none.\n"
	"  -p, --plan FILE      the plan of the lr, or a state.json\n"
	"  -b, --branches FILE  all futures, as planned\n"
	"  -e, --worth X        a block that is worth less than this part of the loss is not run\n"
	"                       (0.001)\n"
	"  -m, --memory FILE    how often drafts were accepted, kept from fork to fork\n"
	"Status: 0 there is a block to run, 1 there is none: race what was run.\n";

/* Steps that were run; and those of racing everything. */
static long steps_run(const struct sheet *t)
{
	long n = 0;

	for (int i = 0; i < t->o.ev->n; i++)
		n += t->o.ev->f[i].status ? t->o.ev->f[i].horizon : 0;
	return n;
}

static long steps_of_all(const struct sheet *t)
{
	long n = 0;

	for (int i = 0; i < t->o.plan->n; i++) {
		const struct future *f = &t->o.plan->f[i];
		const json_t *r = json_object_get(f->rec, "readout");

		if (!f->parent)
			n += f->horizon + lc_json_get_int(r, "return", 0) +
			     lc_json_get_int(r, "cool", 0);
	}
	return n;
}

static json_t *num(double x)
{
	return lc_json_num(isfinite(x) ? round(1e5 * x) / 1e5 + 0.0 : x);
}

static json_t *table(const struct sheet *t)
{
	json_t *rows = json_array();

	for (int i = 1; i < t->o.n; i++) {
		const struct standing *s = &t->s[i];
		const char *said = s->run == 0	     ? "not run"
				   : isnan(s->log_e) ? "not compared"
				   : s->rejected     ? "rejected"
						     : "accepted";
		json_array_append_new(rows, json_pack("{s:s,s:o,s:o,s:o,s:o,s:I,s:s,s:o}", "branch",
						      t->o.plan->f[t->o.index[i]].id, "gain",
						      num(-t->a.mean[i]), "sd", num(t->a.sd[i]),
						      "p_better", num(t->a.better[i]), "p_best",
						      num(t->a.best[i]), "run", (json_int_t)s->run,
						      "draft", said, "log_e", num(s->log_e)));
	}
	return rows;
}

static int emit(const struct sheet *t, struct lc_err *err)
{
	json_t *rec = lc_record_new("draft", 1), *next;
	size_t i;
	int ret = 0;

	json_array_foreach(t->next, i, next)
		if (ret == 0)
			ret = lc_json_emit(stdout, next, err);
	json_object_set_new(rec, "fork", json_string(t->fork));
	json_object_set_new(rec, "next", json_integer((json_int_t)json_array_size(t->next)));
	json_object_set_new(rec, "why", json_string(t->why));
	json_object_set_new(rec, "blocks", json_integer(t->blocks));
	json_object_set_new(rec, "accepted", json_integer(t->accepted));
	json_object_set_new(rec, "rate", num(t->rate));
	json_object_set_new(rec, "block", json_integer(t->block));
	json_object_set_new(rec, "steps", json_integer(steps_run(t)));
	json_object_set_new(rec, "steps_of_all", json_integer(steps_of_all(t)));
	json_object_set_new(rec, "chi2", num(t->a.chi2));
	json_object_set_new(rec, "arms", table(t));
	if (ret == 0)
		ret = lc_json_emit(stdout, rec, err);
	json_decref(rec);
	return ret;
}

/* The fork is over: what it taught of drafts is kept, once. */
static int remember(const struct sheet *t, json_t *memory, struct lc_err *err)
{
	json_t *forks = json_object_get(memory, "forks");

	if (!memory_path || json_array_size(t->next) > 0)
		return 0;
	if (!json_is_object(forks)) {
		forks = json_object();
		json_object_set_new(memory, "forks", forks);
	}
	json_object_set_new(forks, t->fork,
			    json_pack("{s:i,s:i}", "blocks", t->blocks, "accepted", t->accepted));
	return lc_json_save(memory_path, memory, err);
}

static int draft(const struct evidence *plan, const struct evidence *ev, struct lc_err *err)
{
	struct sheet t = {.fork = lc_json_get_str(plan->f[0].rec, "fork", ""),
			  .next = json_array()};
	json_t *memory = NULL;
	int more = -1;

	if (memory_path && access(memory_path, F_OK) == 0) {
		if (!(memory = lc_json_load(memory_path, err)))
			goto out;
	} else {
		memory = json_pack("{s:s,s:i,s:{}}", "type", "acceptance", "v", 1, "forks");
	}
	t.left = outlook_init(&t.o, plan, ev, &lr_plan);
	if (sheet_fill(&t, memory, enough, err) == 0 && emit(&t, err) == 0 &&
	    remember(&t, memory, err) == 0)
		more = json_array_size(t.next) > 0;
out:
	json_decref(memory);
	sheet_release(&t);
	return more;
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {{"plan", 1, 0, 'p'},  {"branches", 1, 0, 'b'},
					      {"worth", 1, 0, 'e'}, {"memory", 1, 0, 'm'},
					      {"help", 0, 0, 'h'},  {0, 0, 0, 0}};
	struct lc_err err;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":p:b:e:m:", longs, NULL)) != -1) {
		switch (c) {
		case 'p':
			if (lc_schedule_load(&lr_plan, optarg, &err) < 0)
				lc_die(&err);
			break;
		case 'b': plan_path = optarg; break;
		case 'e': enough = lc_option_number(optarg, "--worth", 0, 1); break;
		case 'm': memory_path = optarg; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (!plan_path || !lr_plan.shape || lr_plan.total < 1)
		lc_usage("draft: wants --branches and --plan with a total");
}

int verb_draft(int argc, char **argv)
{
	struct evidence plan, ev;
	struct lc_err err;
	int more;

	options(argc, argv);
	if (evidence_read(&plan, plan_path, &err) < 0 ||
	    (optind < argc ? evidence_read_all(&ev, argv + optind, argc - optind, &err)
			   : evidence_read(&ev, "-", &err)) < 0)
		lc_die(&err);
	if (!evidence_role(&plan, "control")) {
		lc_fail(&err, LC_DATA, "%s: no control branch", plan_path);
		lc_die(&err);
	}
	more = draft(&plan, &ev, &err);
	if (more < 0)
		lc_die(&err);
	evidence_release(&plan);
	evidence_release(&ev);
	return lc_finish(more ? LC_OK : LC_NO);
}
