/* stream: see stream.h. */
#include "stream.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "io.h"
#include "json.h"
#include "record.h"

const char *const hyper_names[HYPERS] = {"weight_decay", "clip",       "beta2",	  "beta1",
					 "eps",		 "batch_size", "dropout", "momentum"};

void stream_add(struct stream *s, const struct point *p)
{
	while (s->n > 0 && s->p[s->n - 1].step >= p->step)
		s->n--;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->p = lc_xrealloc(s->p, (size_t)s->cap, sizeof(*s->p));
	}
	s->p[s->n++] = *p;
	if (!isfinite(p->loss) && !s->nonfinite)
		s->nonfinite = p->step;
}

const struct point *stream_find(const struct stream *s, long step)
{
	long lo = 0, hi = s->n;

	while (lo < hi) {
		long mid = (lo + hi) / 2;
		if (s->p[mid].step < step)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->p[lo].step == step ? &s->p[lo] : NULL;
}

void stream_release(struct stream *s)
{
	free(s->p);
	memset(s, 0, sizeof(*s));
}

/* FNV-1a, 64 bits. */
uint64_t stream_hash(const char *batch)
{
	uint64_t h = 0xcbf29ce484222325u;

	if (!*batch)
		return 0;
	for (; *batch; batch++)
		h = (h ^ (unsigned char)*batch) * 0x100000001b3u;
	return h ? h : 1;
}

static int hyper_of(const char *key)
{
	static const struct {
		const char *name;
		int which;
	} known[] = {
		{"weight_decay", WEIGHT_DECAY},
		{"wd", WEIGHT_DECAY},
		{"clip", CLIP},
		{"grad_clip", CLIP},
		{"clip_grad", CLIP},
		{"max_grad_norm", CLIP},
		{"gradient_clipping", CLIP},
		{"gradient_clip_val", CLIP},
		{"beta2", BETA2},
		{"adam_beta2", BETA2},
		{"beta1", BETA1},
		{"adam_beta1", BETA1},
		{"eps", EPS},
		{"adam_eps", EPS},
		{"adam_epsilon", EPS},
		{"batch_size", BATCH_SIZE},
		{"global_batch_size", BATCH_SIZE},
		{"train_batch_size", BATCH_SIZE},
		{"dropout", DROPOUT},
		{"momentum", MOMENTUM},
	};
	const char *slash = strrchr(key, '/');
	char plain[32];
	size_t n = 0;

	for (key = slash ? slash + 1 : key; *key && n < sizeof(plain) - 1; key++)
		plain[n++] = *key == '-' || *key == '.' ? '_' : (char)tolower((unsigned char)*key);
	plain[n] = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(plain, known[i].name) == 0)
			return known[i].which;
	return -1;
}

void stream_note(struct stream *s, const json_t *rec, long step)
{
	const char *key;
	json_t *v;
	double x;

	json_object_foreach((json_t *)rec, key, v) {
		int which = json_is_number(v) ? hyper_of(key) : -1;
		struct hyper *h = which < 0 ? NULL : &s->hyper[which];
		if (!h || lc_json_to_num(v, &x) < 0)
			continue;
		if (!h->first_step) {
			h->first_step = step;
			h->first = x;
		}
		h->last_step = step;
		h->last = x;
	}
}

int stream_load(struct stream *s, const char *path, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_step st;
	struct point p;
	char *line;
	size_t len;
	int more;

	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		if (lc_step_parse(line, len, NULL, &st, NULL) != 1 || !lc_step_has(&st, LC_LOSS))
			continue;
		p = (struct point){st.step, st.v[LC_LR], st.v[LC_LOSS], st.v[LC_TOKENS],
				   stream_hash(st.batch)};
		stream_add(s, &p);
	}
	lc_lines_close(&in);
	return more;
}
