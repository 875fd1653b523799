/*
 * plan: from an alert, a state or just "now", the futures worth thinking about.
 *
 * First what everything is judged against (DESIGN section 8, truths 1 and 4): the control, which
 * changes nothing; the replay, the clean state without a change; null branches, the clean state
 * under other data orders; a jitter copy of the replay. Then probes of the cause, and arms from the
 * menu or from a space.
 */
#include "plan.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "hash.h"
#include "io.h"
#include "json.h"
#include "option.h"

static struct asked asked = {
	.source = "-",
	.head = "",
	.horizon = 200,
	.readout = 200,
	.nulls = 6,
	.orders = 1,
	.probe_steps = 20,
	.probes = 0,
};

static const char usage[] =
	"usage: lc-fork plan [-a FILE | --now | --every N] [-s STORE] [-w WIDTH] [OPTION ...]\n"
	"Write branch records: control, clean, nulls, jitter, probes and arms.\n"
	"What it is about\n"
	"  -a, --alert FILE     an alert or a snapshot record (the last counts; - is stdin)\n"
	"  --now                the newest state, without an alert\n"
	"  --every N            the same, once every N steps of the run\n"
	"  -s, --store DIR      lc-snap's store ($LC_STORE, else lc-store)\n"
	"  --head ID            the newest snapshot on the run's present line\n"
	"  --run NAME           only snapshots of this run\n"
	"  --base FILE          the actions already in force (JSON)\n"
	"  --fork NAME          name of the fork (default: from the above)\n"
	"How much\n"
	"  -w, --width N        branches to propose beside probes, at least 8 (64)\n"
	"  --budget X           no -w: what the alert is worth, up to X times the run\n"
	"  -f, --forecast FILE  forecasts that tell the budget how much there is to choose\n"
	"  --horizon N          steps every branch runs past the present (200)\n"
	"  --readout N          steps of the segments it is then read by (200)\n"
	"  --return N           another length for the return segment\n"
	"  --nulls M            null branches, at least 2 (6); 0: only what the law judges\n"
	"  --orders M           data orders that control and arms are repeated over (1)\n"
	"What\n"
	"  --probes, --only-probes  short branches that name the cause (lc-fork blame)\n"
	"  --all                also what the menu leaves out: lr cuts without rewinding, clips\n"
	"  -S, --space FILE     arms from a space instead (lc-space(5))\n"
	"  --sampler NAME       menu, grid, lhs, random, tpe, pbt or hyper (lhs with -S, tpe with\n"
	"                       --after)\n"
	"  --after FILE         results of the rounds so far: the next round of arms\n"
	"  --prior FILE         results of other forks, for tpe; may be repeated\n"
	"  -H, --history FILE   the run's log, for hyper and with -p\n"
	"  -p, --plan FILE      the plan of the lr, or a state.json: first undo what is off it\n"
	"  --seed N             of the sampler (1)\n";

enum { NOW = 256, EVERY, BUDGET, RETURN, ORDERS, PROBES, ONLY, ALL, SAMPLER, AFTER, PRIOR, SEED };

static void shapes(int c)
{
	switch (c) {
	case NOW: asked.now = 1; break;
	case EVERY:
		asked.now = 1;
		asked.every = lc_option_whole(optarg, "--every", 1, 1000000000);
		break;
	case BUDGET: asked.budget = lc_option_number(optarg, "--budget", 1e-9, 1e9); break;
	case RETURN: asked.back = lc_option_whole(optarg, "--return", 1, 1000000000); break;
	case ORDERS: asked.orders = lc_option_whole(optarg, "--orders", 1, 16); break;
	case PROBES: asked.probes = 1; break;
	case ONLY: asked.probes = 2; break;
	case ALL: asked.everything = 1; break;
	case SAMPLER: asked.sampler = optarg; break;
	case AFTER: asked.after = optarg; break;
	case PRIOR:
		if (asked.npriors == MAX_PRIORS)
			lc_usage("--prior: more than %d", MAX_PRIORS);
		asked.prior[asked.npriors++] = optarg;
		break;
	case SEED: asked.seed = (unsigned long)lc_option_whole(optarg, "--seed", 0, 1000000000);
	}
}

static void consistent(int argc, char **argv)
{
	if (optind < argc)
		lc_usage("plan: unexpected %s", argv[optind]);
	if (asked.width && asked.width < (asked.nulls ? 8 : 2) && !asked.after)
		lc_usage("--width %ld: wants a whole number from %d to 65536", asked.width,
			 asked.nulls ? 8 : 2);
	if (asked.width && asked.nulls && asked.nulls + 4 > asked.width && !asked.after)
		lc_usage("--width %ld leaves no room beside the control and %ld nulls", asked.width,
			 asked.nulls);
	if (asked.sampler && !plan_sampler_known(asked.sampler))
		lc_usage("--sampler %s: not one of menu, grid, lhs, random, tpe, pbt, hyper",
			 asked.sampler);
	if (asked.width && asked.budget > 0)
		lc_usage("--width and --budget: one of them");
	if (!asked.back)
		asked.back = asked.readout;
}

/* One null has no spread. */
static long nulls(const char *arg)
{
	long n = lc_option_whole(arg, "--nulls", 0, 64);

	if (n == 1)
		lc_usage("--nulls 1: wants 2 or more, or 0");
	return n;
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"alert", 1, 0, 'a'},	     {"store", 1, 0, 's'},
		{"width", 1, 0, 'w'},	     {"horizon", 1, 0, 'h'},
		{"readout", 1, 0, 'r'},	     {"nulls", 1, 0, 'n'},
		{"run", 1, 0, 'u'},	     {"fork", 1, 0, 'k'},
		{"head", 1, 0, 'd'},	     {"base", 1, 0, 'b'},
		{"help", 0, 0, '?' + 1},     {"space", 1, 0, 'S'},
		{"history", 1, 0, 'H'},	     {"forecast", 1, 0, 'f'},
		{"now", 0, 0, NOW},	     {"every", 1, 0, EVERY},
		{"budget", 1, 0, BUDGET},    {"return", 1, 0, RETURN},
		{"orders", 1, 0, ORDERS},    {"probes", 0, 0, PROBES},
		{"only-probes", 0, 0, ONLY}, {"all", 0, 0, ALL},
		{"sampler", 1, 0, SAMPLER},  {"after", 1, 0, AFTER},
		{"prior", 1, 0, PRIOR},	     {"seed", 1, 0, SEED},
		{"plan", 1, 0, 'p'},	     {0, 0, 0, 0},
	};
	int c;

	asked.store = getenv("LC_STORE");
	if (!asked.store)
		asked.store = "lc-store";
	asked.seed = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":a:s:w:S:H:f:p:", longs, NULL)) != -1) {
		switch (c) {
		case 'a': asked.source = optarg; break;
		case 's': asked.store = optarg; break;
		case 'w': asked.width = lc_option_whole(optarg, "--width", 1, 65536); break;
		case 'S': asked.space = optarg; break;
		case 'H': asked.history = optarg; break;
		case 'f': asked.forecast = optarg; break;
		case 'p': asked.plan = optarg; break;
		case 'h':
			asked.horizon = lc_option_whole(optarg, "--horizon", 1, 1000000000);
			break;
		case 'r':
			asked.readout = lc_option_whole(optarg, "--readout", 1, 1000000000);
			break;
		case 'n': asked.nulls = nulls(optarg); break;
		case 'u': asked.run = optarg; break;
		case 'k': asked.fork = optarg; break;
		case 'd': asked.head = optarg; break;
		case 'b': asked.base = optarg; break;
		case '?' + 1: fputs(usage, stdout); exit(lc_finish(0));
		default:
			if (c < NOW)
				lc_usage_option(c, argv);
			shapes(c);
		}
	}
	consistent(argc, argv);
}

static int put_menu(struct plan *p, struct lc_err *err)
{
	struct menu m = {p->kind,
			 p->o,
			 p->norigins,
			 p->onset,
			 p->alert,
			 p->asked->horizon,
			 p->asked->everything,
			 p->asked->nulls == 0,
			 lc_json_get_num(p->base, "lr_scale", 1)};
	int n, ret = 0;
	struct dish *d = menu_make(&m, &n);

	for (int i = 0; i < n && p->made < p->width && ret == 0; i++) {
		/* going back and nothing else is the replay, which is there already */
		if (d[i].origin == p->clean && p->clean > 0 && json_object_size(d[i].actions) == 1)
			continue;
		ret = plan_arm(p, d[i].kind, d[i].origin, json_copy(d[i].actions), err);
	}
	menu_release(d, n);
	if (ret == 0 && p->made < p->width)
		lc_warn("the menu holds no more: %ld branches proposed, not %ld", p->made,
			p->width);
	return ret;
}

/* The same occasion over the same snapshots is the same fork: started again, it goes on. */
static int name_fork(struct plan *p, struct lc_err *err)
{
	char *text = lc_json_text(p->occasion), *all, hex[LC_HEX_LEN + 1];
	struct lc_id id;
	int bad;

	all = lc_path("%s %s %ld%s", text, p->o[0].snapshot, p->width,
		      p->asked->probes == 2 ? " probes" : "");
	bad = lc_sha256(all, strlen(all), &id, err);
	free(text);
	free(all);
	if (bad)
		return -1;
	lc_id_hex(&id, hex);
	p->fork = p->asked->fork ? lc_path("%s", p->asked->fork) : lc_path("f%.8s", hex);
	return 0;
}

static int sampled(const struct asked *q)
{
	return q->sampler ? strcmp(q->sampler, "menu") != 0 : q->space != NULL;
}

static int plan(struct plan *p, struct lc_err *err)
{
	long before;

	if (plan_source(p, err) < 0)
		return -1;
	if (p->clean == 0 && p->o[0].step >= p->onset)
		lc_warn("%s: no snapshot from before step %ld: nothing to go back to",
			p->asked->store, p->onset);
	p->end = (p->o[0].step > p->alert ? p->o[0].step : p->alert) + p->asked->horizon;
	p->orders = p->asked->orders;
	if (plan_width(p, err) < 0 || name_fork(p, err) < 0)
		return -1;
	if (p->asked->probes == 2)
		return plan_probes(p, err);
	if (plan_references(p, err) < 0)
		return -1;
	before = p->made;
	if (p->asked->probes && plan_probes(p, err) < 0)
		return -1;
	p->width += p->made - before; /* probes come beside */
	if (plan_undo(p, err) < 0)
		return -1;
	return sampled(p->asked) ? plan_sample(p, err) : put_menu(p, err);
}

int verb_plan(int argc, char **argv)
{
	struct plan p = {.asked = &asked};
	struct lc_err err;
	int ret = -1;

	options(argc, argv);
	p.base = asked.base ? lc_json_load(asked.base, &err) : json_object();
	if (!p.base || lc_actions_check(p.base, &err) < 0)
		lc_die(&err);
	if (asked.after)
		ret = plan_after(&p, &err);
	else if ((p.snaps = snapshots_list(asked.store, asked.run, &err)))
		ret = plan(&p, &err);
	json_decref(p.base);
	json_decref(p.snaps);
	json_decref(p.occasion);
	free(p.fork);
	if (ret < 0)
		lc_die(&err);
	return lc_finish(0);
}
