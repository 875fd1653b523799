"""bigram: what the stand-ins for nanoGPT and llm.c train: a table of logits for the next of V tokens, under AdamW, in plain
Python. Not a language model, but a real one: its loss falls, its lr matters, and it can be broken."""
import math
import os
import random
import time
from array import array

V = 16


class Bigram:
    def __init__(self):
        rng = random.Random(1)
        self.w = array("f", (rng.gauss(0, .02) for _ in range(V * V)))
        self.m, self.v = array("f", bytes(4 * V * V)), array("f", bytes(4 * V * V))

    def loss(self, pairs, grad=None):
        """Mean over pairs of tokens, in nats; and its gradient."""
        total = 0.0
        for x, y in pairs:
            row = self.w[x * V:(x + 1) * V]
            top = max(row)
            p = [math.exp(a - top) for a in row] if top == top else [math.nan] * V
            z = sum(p)
            total += math.log(z) - row[y] + top
            if grad is not None:
                for j in range(V):
                    grad[x * V + j] += p[j] / z / len(pairs)
                grad[x * V + y] -= 1 / len(pairs)
        return total / len(pairs)

    def update(self, grad, lr, t, beta2, decay, clip):
        """AdamW's update t, from 1. The norm of the gradient."""
        norm = math.sqrt(sum(g * g for g in grad))
        scale = clip / norm if norm > clip else 1.0
        m, v, w = self.m, self.v, self.w
        c1, c2 = 1 - .9 ** t, 1 - beta2 ** t
        for i in range(V * V):
            g = grad[i] * scale
            m[i] += .1 * (g - m[i])
            v[i] += (1 - beta2) * (g * g - v[i])
            w[i] -= lr * (m[i] / c1 / (math.sqrt(v[i] / c2) + 1e-8) + decay * w[i])
        return norm

    def fault(self, t):
        """FAULT=STEP:FILE: after that update every weight is NaN, once: FILE says that it was. What is broken trains slowly:
        whoever watches it has time."""
        step, _, mark = os.environ.get("FAULT", "").partition(":")
        if step and t == int(step) and not os.path.exists(mark):
            open(mark, "w").close()
            self.w = array("f", [math.nan] * (V * V))
        elif self.w[0] != self.w[0]:
            time.sleep(0.5)
