/*
 * reward: what a sampled continuation is worth, from 0 to 1, by a program.
 *
 * words: the share of the continuation's bytes that are letters of whole words of three letters and
 * more which the text has, in the same case. A word that the prompt began counts with its letters
 * in the continuation; one that the end cuts off does not. So spelling pays, and so do long words;
 * "the the the" gets 3/4, and is what a policy that is driven too hard comes to.
 */
#ifndef LC_TRAIN_REWARD_H
#define LC_TRAIN_REWARD_H

#include <stddef.h>
#include <stdint.h>

struct reward;
/* text is borrowed, and stays. */
struct reward *reward_open(const char *text, size_t len);
void reward_close(struct reward *w);

/* Of row[prompt..len-1], which follows row[0..prompt-1]. */
double reward_of(const struct reward *w, const uint8_t *row, int prompt, int len);

#endif
