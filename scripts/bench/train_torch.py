"""The model and the step of lc-train in PyTorch, to be timed beside it: scripts/bench/train runs this.

usage: train_torch.py LAYERS DIM HEADS CTX BATCH STEPS TEXT [compile]
Prints the median seconds of a step. Same work: bytes, pre-norm RMSNorm, causal attention, GELU (tanh), tied
head, AdamW (fused), clipping at 1, and the loss read back each step, as a trainer that logs does.
"""
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

layers, dim, heads, ctx, batch, steps = map(int, sys.argv[1:7])
text = torch.frombuffer(bytearray(open(sys.argv[7], "rb").read()), dtype=torch.uint8)
torch.set_num_threads(1)
torch.manual_seed(1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(dim), nn.RMSNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim, bias=False)
        self.up = nn.Linear(dim, 4 * dim, bias=False)
        self.down = nn.Linear(4 * dim, dim, bias=False)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (y.view(b, t, heads, c // heads).transpose(1, 2) for y in self.qkv(self.norm1(x)).split(c, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, c))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.pos = nn.Embedding(256, dim), nn.Embedding(ctx, dim)
        self.blocks = nn.ModuleList(Block() for _ in range(layers))
        self.norm = nn.RMSNorm(dim)

    def forward(self, x, y):
        h = self.embed(x) + self.pos.weight
        for block in self.blocks:
            h = block(h)
        return F.cross_entropy((self.norm(h) @ self.embed.weight.T).view(-1, 256), y.reshape(-1))


model = GPT()
for p in model.parameters():
    if p.dim() == 2:
        nn.init.normal_(p, std=0.02)
opt = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
call = torch.compile(model) if "compile" in sys.argv[8:] else model
times = []
for step in range(steps + 5):
    began = time.perf_counter()
    at = torch.randint(len(text) - ctx - 1, (batch,))
    rows = torch.stack([text[i : i + ctx + 1] for i in at]).long()
    loss = call(rows[:, :-1], rows[:, 1:])
    opt.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    loss.item()
    times.append(time.perf_counter() - began)
print(sorted(times[5:])[steps // 2])
