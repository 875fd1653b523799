/*
 * goal: any bytes as objectives and limits, a line each. What is taken is bounded, finite, and the
 * same again once a decision has held it.
 */
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The program's own file: there is no library of it. */
#include "../../cmd/lc-collapse/goal.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct goal *g)
{
	char text[GOAL_TEXT];
	double v[LC_METRICS] = {0};

	if (g->terms > GOAL_MOST || g->limits > GOAL_MOST)
		abort();
	for (int i = 0; i < g->terms; i++)
		if (!isfinite(g->term[i].weight) || g->term[i].weight == 0 ||
		    (unsigned)g->term[i].metric >= LC_METRICS)
			abort();
	for (int i = 0; i < g->limits; i++)
		if (!isfinite(g->limit[i].bound) || (unsigned)g->limit[i].metric >= LC_METRICS)
			abort();
	goal_text(g, 1, text, sizeof(text));
	goal_text(g, 0, text, sizeof(text));
	if (!*text != !g->terms || goal_score(g, v, 0) != 0)
		abort();
	for (int i = 0; i < g->terms; i++)
		if (g->term[i].twin < -1 || g->term[i].twin >= LC_METRICS)
			abort();
}

/* Through the text of a decision, as verify reads it. */
static void there_and_back(const struct goal *g)
{
	json_t *decision = json_object(), *read;
	struct lc_err err;
	struct goal again;
	char *text;

	goal_write(decision, g);
	text = json_dumps(decision, 0);
	read = text ? json_loads(text, 0, NULL) : NULL;
	if (!read || goal_read(&again, read, &err) < 0 || again.terms != g->terms ||
	    again.limits != g->limits)
		abort();
	for (int i = 0; i < g->terms; i++)
		if (strcmp(name_of(&again, (int)again.term[i].metric),
			   name_of(g, (int)g->term[i].metric)) != 0 ||
		    again.term[i].weight != g->term[i].weight)
			abort();
	for (int i = 0; i < g->limits; i++)
		if (strcmp(name_of(&again, (int)again.limit[i].metric),
			   name_of(g, (int)g->limit[i].metric)) != 0 ||
		    again.limit[i].bound != g->limit[i].bound ||
		    again.limit[i].above != g->limit[i].above)
			abort();
	json_decref(read);
	json_decref(decision);
	free(text);
}

/* As a decision that somebody else wrote. */
static void read_any(const uint8_t *data, size_t size)
{
	json_t *decision = json_loadb((const char *)data, size, 0, NULL);
	struct lc_err err;
	struct goal g;

	if (decision && goal_read(&g, decision, &err) == 0) {
		check(&g);
		there_and_back(&g);
	}
	json_decref(decision);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *line, *next = text;
	struct goal g = {0};
	struct lc_err err;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&next, "\n")))
		if (goal_add(&g, line, &err) < 0)
			goal_limit(&g, line, &err);
	check(&g);
	there_and_back(&g);
	free(text);
	read_any(data, size);
	return 0;
}
