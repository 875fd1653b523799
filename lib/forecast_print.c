/* forecast_print: a forecast as a record. See forecast.h. */
#include <stdlib.h>

#include "forecast_impl.h"
#include "json.h"
#include "num.h"

#define Z90 1.6448536269514722

/* Six significant digits: a forecast has no more. */
static void put(FILE *out, double x)
{
	char text[LC_NUM_6_LEN];

	fwrite_unlocked(text, 1, lc_num_6(text, x), out);
}

static void put_step(FILE *out, const char *before, double step)
{
	if (step < 1e6) {
		fputs_unlocked(before, out);
		put(out, step);
	} else {
		fprintf(out, "%s%.0f", before, step);
	}
}

static void put_band(FILE *out, const char *key, const struct lc_forecast *f, double z)
{
	char text[LC_POINTS * (LC_NUM_6_LEN + 1)], *p = text;

	for (int i = 0; i < f->n; i++) {
		*p = ',';
		p += i > 0;
		p += lc_num_6(p, f->mean[i] + z * f->sd[i]);
	}
	fprintf(out, "\"%s\":[", key);
	fwrite_unlocked(text, 1, (size_t)(p - text), out);
	putc(']', out);
}

static void put_pair(FILE *out, const char *key, double mean, double sd)
{
	fprintf(out, ",\"%s\":{\"mean\":%.6g,\"sd\":%.4g}", key, mean, sd);
}

/* The gradient norm's band at the same steps. */
static void put_grad(FILE *out, const struct lc_law *law, const struct lc_forecast *f)
{
	static const char *const key[] = {"q05", "q50", "q95"};
	struct lc_lrpath lr = {f->nknot, 0, (double *)f->knot, (double *)f->eta};
	char text[3][LC_POINTS * (LC_NUM_6_LEN + 1)], *p[3] = {text[0], text[1], text[2]};
	double q[3];

	for (int i = 0; i < f->n; i++) {
		lc_gradlaw_at(&law->grad, f->from + f->at[i], lc_lrpath_at(&lr, f->at[i]),
			      f->grad_doubt, q);
		for (int k = 0; k < 3; k++) {
			*p[k] = ',';
			p[k] += i > 0;
			p[k] += lc_num_6(p[k], q[k]);
		}
	}
	fputs(",\"grad_norm\":{", out);
	for (int k = 0; k < 3; k++)
		fprintf(out, "%s\"%s\":[%.*s]", k ? "," : "", key[k], (int)(p[k] - text[k]),
			text[k]);
	putc('}', out);
}

/* What each expert weighs at the last point. */
static void put_experts(FILE *out, const struct lc_law *law, const struct lc_forecast *f)
{
	double w[LC_MIXED] = {1};
	const char *before = ",\"experts\":{";

	if (lc_forecast_mixes(law, f))
		lc_mix_weigh(law, f->at[f->n - 1 + (f->end > 0)], w);
	for (int e = 0; e < LC_MIXED; e++)
		if (w[e] > 0) {
			fprintf(out, "%s\"%s\":%.2g", before, lc_mix_name(e), w[e]);
			before = ",";
		}
	putc('}', out);
}

void lc_forecast_print(const struct lc_forecaster *fc, const struct lc_forecast *f, FILE *out)
{
	json_t *name = json_string(f->branch);
	char *text = lc_json_text(name);
	int last = f->n - 1;

	fprintf(out, "{\"type\":\"forecast\",\"v\":1,\"branch\":%s,\"metric\":\"%s\",\"steps\":[",
		text, lc_metric_name(fc->law->metric));
	for (int i = 0; i < f->n; i++)
		put_step(out, i ? "," : "", f->from + f->at[i]);
	fputs("],\"loss\":{", out);
	put_band(out, "q05", f, -Z90);
	putc(',', out);
	put_band(out, "q50", f, 0);
	putc(',', out);
	put_band(out, "q95", f, Z90);
	putc('}', out);
	if (fc->law->grad.n)
		put_grad(out, fc->law, f);
	put_pair(out, "final", f->mean[last], f->sd[last]);
	if (f->end > 0)
		put_pair(out, "end", f->mean[last + 1], f->sd[last + 1]);
	else if ((double)f->plan.total == f->from + f->horizon)
		put_pair(out, "end", f->mean[last], f->sd[last]);
	put_pair(out, "delta", f->delta, f->delta_sd);
	put_experts(out, fc->law, f);
	fprintf(out, ",\"diverge\":%.2g,\"trust\":%.2g}\n", f->diverge, f->trust);
	free(text);
	json_decref(name);
}
