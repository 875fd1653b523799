/*
 * replay: does a resumed run repeat its own history? The control, twice in a row: from a snapshot,
 * and from the state that this one wrote, since some loaders break only on the second resume; and
 * both once more, which tells how far two runs of the same differ on this machine.
 *
 * A round is exact when every loss, lr and batch is that of the record, bit for bit. Else it is
 * within noise when steps, lr and batches agree and the root mean square of its losses' differences
 * from the record's is at most three times that between the two repeats, or half a percent of the
 * record's own step-to-step noise, whichever is more. Else it is divergent: what is resumed is not
 * the run.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "fork.h"
#include "io.h"
#include "json.h"
#include "option.h"
#include "stat.h"

#define SHARE .005 /* of the step-to-step noise: far below what pairing resolves */
#define TIMES 3
enum { CHAINS = 2, ROUNDS = 2 };

static struct settings set = {.launch = {.grace_s = 5}, .retries = 3, .jobs = 2, .mute = 1};
static const char *snapshot, *run;
static long steps;

static const char usage[] =
	"usage: lc-fork replay -x COMMAND -H RUN [-n STEPS] [-s STORE] [-d DIR] [--run NAME]\n"
	"                      [--snapshot ID] [-j JOBS] [-t SECONDS] [-kq]\n"
	"Resume the run from a snapshot, twice in a row, and compare it with its own record.\n"
	"Status 0: it repeats itself, bit for bit or within noise; 1: it diverges.\n"
	"  -x, --exec COMMAND    as for run; it must write its state of the last step in {out}\n"
	"  -H, --history FILE    the run's own log\n"
	"  -n, --steps N         steps of each of the two rounds (20)\n"
	"      --snapshot ID     start there (the newest with so many recorded steps after it)\n"
	"      --run NAME        only snapshots of this run\n"
	"  -d, --dir DIR         where it is done (lc-replay); made anew\n"
	"  -s, -j, -t, -k, -q    as for run\n";

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"exec", 1, 0, 'x'},
		{"history", 1, 0, 'H'},
		{"steps", 1, 0, 'n'},
		{"store", 1, 0, 's'},
		{"dir", 1, 0, 'd'},
		{"run", 1, 0, 'r'},
		{"snapshot", 1, 0, 'i'},
		{"jobs", 1, 0, 'j'},
		{"timeout", 1, 0, 't'},
		{"keep", 0, 0, 'k'},
		{"quiet", 0, 0, 'q'},
		{"help", 0, 0, 'h'},
		{0, 0, 0, 0},
	};
	int c;

	set.engine = &engine_local;
	set.dir = "lc-replay";
	set.launch.store = getenv("LC_STORE") ? getenv("LC_STORE") : "lc-store";
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":x:H:n:s:d:j:t:kq", longs, NULL)) != -1) {
		switch (c) {
		case 'x': set.launch.tmpl = optarg; break;
		case 'H': set.history = optarg; break;
		case 'n': steps = lc_option_whole(optarg, "--steps", 1, 1000000); break;
		case 's': set.launch.store = optarg; break;
		case 'd': set.dir = optarg; break;
		case 'r': run = optarg; break;
		case 'i': snapshot = optarg; break;
		case 'j': set.jobs = (int)lc_option_whole(optarg, "--jobs", 1, 512); break;
		case 't':
			set.launch.timeout_s = lc_option_number(optarg, "--timeout", 0.001, 1e9);
			break;
		case 'k': set.keep = 1; break;
		case 'q': set.quiet = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (!set.launch.tmpl || !set.history)
		lc_usage("replay: wants -x COMMAND and -H RUN");
	if (optind < argc)
		lc_usage("replay: unexpected %s", argv[optind]);
}

/* Steps of the record after a step. */
static long recorded_after(const struct stream *s, long step)
{
	long last = s->n ? s->p[s->n - 1].step : 0;

	return last > step && stream_find(s, step + 1) ? last - step : 0;
}

/* The snapshot to start from, and how many steps there are to compare. New reference. */
static json_t *choose(const struct stream *record, struct lc_err *err)
{
	json_t *all = snapshots_list(set.launch.store, run, err), *s, *best = NULL;
	long want = steps ? steps : 20;
	size_t i;

	if (!all)
		return NULL;
	json_array_foreach(all, i, s) {
		long step = lc_json_get_int(s, "step", -1), after = recorded_after(record, step);
		int named = snapshot &&
			    strncmp(lc_json_get_str(s, "id", ""), snapshot, strlen(snapshot)) == 0;
		if (step < 0 || (snapshot ? !named : after < 2 * want))
			continue;
		if (!best || step > lc_json_get_int(best, "step", -1))
			best = s;
	}
	if (best && recorded_after(record, lc_json_get_int(best, "step", -1)) < 2 * want) {
		lc_fail(err, LC_DATA,
			"%s: has not %ld steps after step %ld, where snapshot %.16s is",
			set.history, 2 * want, lc_json_get_int(best, "step", -1), snapshot);
		best = NULL;
	} else if (!best) {
		lc_fail(err, LC_DATA, "no snapshot %s%.64s has %ld recorded steps after it",
			snapshot ? "called " : "that", snapshot ? snapshot : "", 2 * want);
	}
	steps = want;
	json_incref(best);
	json_decref(all);
	return best;
}

static json_t *branch(const char *id, const char *role, json_t *from)
{
	return json_pack("{s:s,s:i,s:s,s:s,s:s,s:o,s:I,s:{}}", "type", "branch", "v", 1, "fork",
			 "replay", "branch", id, "role", role, "from", from, "horizon",
			 (json_int_t)steps, "actions");
}

/* Two chains of two rounds. */
static int fill(struct fleet *f, const json_t *snap, struct lc_err *err)
{
	static const char *const names[CHAINS][ROUNDS] = {{"first", "second"},
							  {"first-again", "second-again"}};
	long step = lc_json_get_int(snap, "step", 0);
	json_t *from;

	f->name = "replay";
	for (int c = 0; c < CHAINS; c++)
		for (int r = 0; r < ROUNDS; r++) {
			from = json_pack("{s:s,s:I}", r ? "branch" : "snapshot",
					 r ? names[c][r - 1] : lc_json_get_str(snap, "id", ""),
					 "step", (json_int_t)(step + r * steps));
			if (fleet_insert(f, f->n,
					 branch(names[c][r], c + r ? "arm" : "control", from), 1,
					 err) < 0)
				return -1;
		}
	return 0;
}

/* Root mean square of the differences in loss; steps compared in *n. */
static double rms(const struct stream *a, const struct stream *b, long *n)
{
	double sum = 0;

	*n = 0;
	for (long i = 0; i < a->n; i++) {
		const struct point *p = &a->p[i], *q = stream_find(b, p->step);
		if (!q || (p->loss == q->loss) || (isnan(p->loss) && isnan(q->loss))) {
			*n += q != NULL;
			continue;
		}
		sum += (p->loss - q->loss) * (p->loss - q->loss);
		++*n;
	}
	return *n ? sqrt(sum / (double)*n) : NAN;
}

/* Noise from one step to the next: differences of neighbours hold it twice, and the median is
 * blind to the trend's few outliers. */
static double step_noise(const struct stream *s)
{
	double *d = lc_xalloc((size_t)s->n + 1, sizeof(*d)), noise;
	size_t n = 0;

	for (long i = 1; i < s->n; i++)
		d[n++] = fabs(s->p[i].loss - s->p[i - 1].loss);
	noise = lc_median(d, n) / .6745 / sqrt(2);
	free(d);
	return isfinite(noise) ? noise : 0;
}

struct verdict {
	const char *word; /* exact, noise or divergent */
	char why[200];
	double rms, bound;
	long compared;
};

/* The first thing that is no matter of noise. */
static int differs_in_kind(const struct branch *b, const struct stream *record, struct verdict *v)
{
	if (b->status != DONE) {
		snprintf(v->why, sizeof(v->why), "%.190s", b->why);
		return 1;
	}
	for (long i = 0; i < b->steps.n; i++) {
		const struct point *p = &b->steps.p[i], *q = stream_find(record, p->step);
		if (!q)
			continue;
		if (p->batch && q->batch && p->batch != q->batch)
			snprintf(v->why, sizeof(v->why), "at step %ld its batch is another",
				 p->step);
		else if (isfinite(p->lr) && isfinite(q->lr) &&
			 fabs(p->lr - q->lr) > 1e-5 * fabs(q->lr))
			snprintf(v->why, sizeof(v->why), "at step %ld its lr is %.6g, not %.6g",
				 p->step, p->lr, q->lr);
		else if (isfinite(p->loss) != isfinite(q->loss))
			snprintf(v->why, sizeof(v->why), "at step %ld its loss is %g, not %g",
				 p->step, p->loss, q->loss);
		else
			continue;
		return 1;
	}
	return 0;
}

static void judge(const struct branch *b, const struct stream *record, double repeats,
		  struct verdict *v)
{
	double noise = step_noise(record);

	v->bound = fmax(TIMES * repeats, SHARE * noise);
	v->rms = rms(&b->steps, record, &v->compared);
	v->word = "divergent";
	if (differs_in_kind(b, record, v))
		return;
	if (!v->compared) {
		snprintf(v->why, sizeof(v->why), "no step of it is on record");
		return;
	}
	v->word = v->rms == 0 ? "exact" : v->rms <= v->bound ? "noise" : "divergent";
	if (v->rms > v->bound)
		snprintf(v->why, sizeof(v->why),
			 "its losses are %.3g off the record's, and %.3g is noise", v->rms,
			 v->bound);
}

static json_t *round_record(const struct branch *b, const struct verdict *v, double repeats)
{
	json_t *r = json_pack("{s:I,s:I,s:s,s:I,s:o,s:o,s:o}", "from", (json_int_t)b->from_step,
			      "to", (json_int_t)(b->from_step + b->horizon), "verdict", v->word,
			      "compared", (json_int_t)v->compared, "rms", lc_json_num(v->rms),
			      "repeats", lc_json_num(repeats), "bound", lc_json_num(v->bound));

	if (v->why[0])
		json_object_set_new(r, "why", json_string(v->why));
	return r;
}

/* The worst of the rounds is the verdict. 1: it repeats itself. */
static int report(const struct fleet *f, const json_t *snap, struct lc_err *err)
{
	static const char *const rank[] = {"exact", "noise", "divergent"};
	json_t *rec = lc_record_new("replay", 1), *rounds = json_array();
	int worst = 0, ret;
	long n;

	for (int r = 0; r < ROUNDS; r++) {
		const struct branch *b = f->b[r], *again = f->b[ROUNDS + r];
		struct verdict v = {.word = NULL};
		double repeats = rms(&b->steps, &again->steps, &n);
		judge(b, &f->ref.run, isfinite(repeats) ? repeats : 0, &v);
		for (int k = worst; k < 3; k++)
			worst = strcmp(v.word, rank[k]) == 0 ? k : worst;
		json_array_append_new(rounds, round_record(b, &v, repeats));
	}
	json_object_set(rec, "snapshot", json_object_get(snap, "id"));
	json_object_set(rec, "step", json_object_get(snap, "step"));
	json_object_set_new(rec, "verdict", json_string(rank[worst]));
	json_object_set_new(rec, "rounds", rounds);
	ret = lc_json_emit(stdout, rec, err);
	json_decref(rec);
	return ret < 0 ? -1 : worst < 2;
}

/* Nothing of an earlier replay is evidence. */
static int make_anew(struct fleet *f, struct lc_err *err)
{
	static const char *const ours[] = {"first", "second", "first-again", "second-again"};
	int ret = fleet_open_dir(f, set.dir, "replay", err);

	for (int i = 0; i < 4 && ret == 0; i++) {
		char *path = lc_path("%s/%s", f->dir, ours[i]);
		ret = lc_remove_tree(path, err);
		free(path);
	}
	return ret;
}

int verb_replay(int argc, char **argv)
{
	struct fleet f = {.set = &set, .keeper = {.fd = -1}};
	struct lc_err err = {LC_SYS, ""};
	json_t *snap = NULL;
	int ret = -1;

	options(argc, argv);
	if (lc_keeper_open(&f.keeper, &err) == 0 &&
	    stream_load(&f.ref.run, set.history, &err) == 0 && (snap = choose(&f.ref.run, &err)) &&
	    make_anew(&f, &err) == 0 && fill(&f, snap, &err) == 0)
		ret = fleet_carry_out(&f, &err);
	fleet_die_of_signal(&f);
	if (ret == 0)
		ret = report(&f, snap, &err);
	json_decref(snap);
	fleet_release(&f);
	if (ret < 0)
		lc_die(&err);
	return lc_finish(!ret);
}
