/* reward: see reward.h. The words are a hash table of places in the text, half full at most. */
#include "reward.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"

#define SHORTEST 3

struct word {
	const char *at; /* NULL: free */
	int len;
};

struct reward {
	struct word *slot;
	size_t slots, n; /* a power of two; taken */
};

static int letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct word *look_up(struct word *slot, size_t slots, const char *at, int len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (int i = 0; i < len; i++)
		h = (h ^ (uint8_t)at[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	while (slot[h & (slots - 1)].at) {
		const struct word *w = &slot[h & (slots - 1)];

		if (w->len == len && memcmp(w->at, at, (size_t)len) == 0)
			break;
		h++;
	}
	return &slot[h & (slots - 1)];
}

static void grow(struct reward *w)
{
	size_t slots = w->slots ? 2 * w->slots : 1024;
	struct word *slot = lc_xalloc(slots, sizeof(*slot));

	for (size_t i = 0; i < w->slots; i++)
		if (w->slot[i].at)
			*look_up(slot, slots, w->slot[i].at, w->slot[i].len) = w->slot[i];
	free(w->slot);
	w->slot = slot;
	w->slots = slots;
}

static void add(struct reward *w, const char *at, size_t len)
{
	struct word *slot;

	if (len < SHORTEST || len > 64)
		return;
	if (2 * w->n >= w->slots)
		grow(w);
	slot = look_up(w->slot, w->slots, at, (int)len);
	w->n += slot->at == NULL;
	*slot = (struct word){at, (int)len};
}

struct reward *reward_open(const char *text, size_t len)
{
	struct reward *w = lc_xalloc(1, sizeof(*w));

	grow(w);
	for (size_t i = 0; i < len; i++) {
		size_t from = i;

		while (i < len && letter((uint8_t)text[i]))
			i++;
		add(w, text + from, i - from);
	}
	return w;
}

void reward_close(struct reward *w)
{
	if (!w)
		return;
	free(w->slot);
	free(w);
}

double reward_of(const struct reward *w, const uint8_t *row, int prompt, int len)
{
	int good = 0;

	for (int i = 0; i < len; i++) {
		int from = i, n;

		while (i < len && letter(row[i]))
			i++;
		n = i - from;
		/* cut by the row's beginning or end, it may be part of another */
		if (from == 0 || i == len || i <= prompt || n < SHORTEST)
			continue;
		if (look_up(w->slot, w->slots, (const char *)row + from, n)->at)
			good += i - (from > prompt ? from : prompt);
	}
	return (double)good / (len - prompt);
}
