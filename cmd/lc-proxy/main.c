/* lc-proxy: learns a law of the loss from a run's past, forecasts branches of it. lc-proxy(1). */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "option.h"
#include "proxy.h"

static const char help[] =
	"usage: lc-proxy predict [option]... -H run.jsonl | -l law.json < branches\n"
	"       lc-proxy fit [option]... -H run.jsonl -o law.json\n"
	"       lc-proxy fit [option]... -o model.json {run.jsonl [fork]...}...\n"
	"       lc-proxy backtest [option]... -H parent.jsonl -s STEP branch.jsonl...\n"
	"       lc-proxy backtest [option]... --cases cases.jsonl\n"
	"       lc-proxy check [option]... -H run.jsonl -f forecast.jsonl branch.jsonl\n"
	"       lc-proxy plan [option]... -H run.jsonl | -l law.json\n"
	"       lc-proxy audit [option]... [--cases cases.jsonl]\n"
	"\n"
	"  -H, --history FILE   step records of the run and its branches; may be repeated\n"
	"  -l, --law FILE       a law that fit wrote, instead of -H; or a model, beside it\n"
	"  -a, --alert FILE     the incident: steps from its onset on are no witness\n"
	"      --plan FILE      the lr ahead: {\"schedule\",\"lr\",\"total\",...} or a state.json\n"
	"      --to-end         predict: to the end of the plan, whatever the horizon\n"
	"  -m, --metric M=NAME  read metric M under another name; may be repeated\n"
	"  -n, --points N       points of a forecast, 1..64 (default 32)\n"
	"  -o, --output FILE    where fit writes the law; - is stdout\n"
	"  -s, --step N         where the branches of backtest left their parent; where plan "
	"begins\n"
	"      --horizon N      steps that plan looks ahead (default: to the total of --plan)\n"
	"  -k, --known FILE     an earlier branch that backtest may know; may be repeated\n"
	"      --cases FILE     cases of backtest and audit, one JSON object a line; - is stdin\n"
	"  -f, --forecast FILE  what predict wrote: the draft that check tests\n"
	"  -d, --delta P        how often check may reject a right draft (default 0.05)\n"
	"  -j, --json           JSON lines instead of tables\n"
	"  -q, --quiet          no words on stderr but errors\n"
	"  -h, --help, --version\n";

enum { PLAN = 256, CASES, HORIZON, TO_END, VERSION };

static const struct option longs[] = {
	{"history", required_argument, NULL, 'H'},
	{"law", required_argument, NULL, 'l'},
	{"alert", required_argument, NULL, 'a'},
	{"plan", required_argument, NULL, PLAN},
	{"to-end", no_argument, NULL, TO_END},
	{"metric", required_argument, NULL, 'm'},
	{"points", required_argument, NULL, 'n'},
	{"output", required_argument, NULL, 'o'},
	{"step", required_argument, NULL, 's'},
	{"known", required_argument, NULL, 'k'},
	{"cases", required_argument, NULL, CASES},
	{"forecast", required_argument, NULL, 'f'},
	{"delta", required_argument, NULL, 'd'},
	{"horizon", required_argument, NULL, HORIZON},
	{"json", no_argument, NULL, 'j'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, VERSION},
	{NULL, 0, NULL, 0},
};

static long number(const char *arg, const char *what, long lo, long hi)
{
	char *end;
	long n = strtol(arg, &end, 10);

	if (*end || end == arg || n < lo || n > hi)
		lc_usage("%s %s: wants a whole number from %ld to %ld", what, arg, lo, hi);
	return n;
}

static void add_history(struct options *o, const char *file)
{
	if (o->nhistory == (int)(sizeof(o->history) / sizeof(o->history[0])))
		lc_usage("-H: more than %d histories", o->nhistory);
	o->history[o->nhistory++] = file;
}

static void add_known(struct options *o, const char *file)
{
	if (o->nknown == (int)(sizeof(o->known) / sizeof(o->known[0])))
		lc_usage("-k: more than %d known branches", o->nknown);
	o->known[o->nknown++] = file;
}

static void take(struct options *o, int c)
{
	struct lc_err err;

	switch (c) {
	case 'H': add_history(o, optarg); break;
	case 'l': o->law = optarg; break;
	case 'a': o->alert = optarg; break;
	case 'o': o->out = optarg; break;
	case 's': o->step = number(optarg, "-s", 0, LONG_MAX); break;
	case 'k': add_known(o, optarg); break;
	case CASES: o->cases = optarg; break;
	case 'f': o->forecast = optarg; break;
	case 'd': o->delta = lc_option_number(optarg, "-d", 1e-9, .5); break;
	case TO_END: o->to_end = 1; break;
	case HORIZON: o->horizon = number(optarg, "--horizon", 1, 1000000000); break;
	case 'j': o->json = 1; break;
	case 'q': o->quiet = 1; break;
	case PLAN: o->plan = optarg; break;
	case 'n': o->points = (int)number(optarg, "-n", 1, LC_POINTS); break;
	case 'm':
		if (lc_names_add(&o->names, optarg, &err) < 0)
			lc_usage("%s", err.text);
		break;
	case 'h': fputs(help, stdout); exit(lc_finish(LC_OK));
	case VERSION: printf("lc-proxy %s\n", LC_VERSION); exit(lc_finish(LC_OK));
	default: exit(LC_USAGE);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct options *o);
		int args; /* takes some */
	} verbs[] = {{"fit", cmd_fit, 1},	    {"predict", cmd_predict, 0},
		     {"backtest", cmd_backtest, 1}, {"check", cmd_check, 1},
		     {"plan", cmd_plan, 0},	    {"audit", cmd_audit, 0}};
	struct options o = {.points = 32, .step = -1, .horizon = -1, .delta = .05};
	int c;

	lc_setup(argv[0]);
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":H:l:a:o:m:n:s:k:f:d:jqh", longs, NULL)) != -1) {
		if (c == '?' || c == ':')
			lc_usage_option(c, argv);
		take(&o, c);
	}
	if (optind >= argc)
		lc_usage("no verb: fit, predict, backtest, check, plan or audit");
	o.arg = argv + optind + 1;
	o.narg = argc - optind - 1;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[optind], verbs[i].name) == 0) {
			if (o.narg && !verbs[i].args)
				lc_usage("%s: one argument too many", o.arg[0]);
			return lc_finish(verbs[i].run(&o));
		}
	lc_usage("%s: no such verb", argv[optind]);
}
