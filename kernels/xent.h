/*
 * xent: softmax and cross-entropy, with their gradient, row by row.
 *
 * logits is (n,v), v a multiple of 16; target is (n), each in [0,v). loss gets the n losses in
 * nats.
 */
#ifndef LC_XENT_H
#define LC_XENT_H

#include <stdint.h>

void lc_xent_cpu(float *loss, const float *logits, const uint8_t *target, int n, int v);

/* The same, and the logits are replaced by scale * d loss / d logits. */
void lc_xent_back_cpu(float *loss, float *logits, const uint8_t *target, float scale, int n, int v);

#endif
