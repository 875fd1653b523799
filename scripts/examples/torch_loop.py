#!/usr/bin/env python3
"""A plain PyTorch loop under lc-guard: a small GPT on a text file, byte by byte.

    lc-guard -d run -- python3 scripts/examples/torch_loop.py --text book.txt --steps 2000

Nothing of its command line is for Lightcone: it is told through the environment what to resume, where to save, and
which actions are in force. Alone it trains as it stands, and prints the same records.
"""
import argparse
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import lightcone as lc  # noqa: E402


def attend(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):  # torch 2
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    n = q.shape[-2]
    logits = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    mask = torch.ones(n, n, dtype=torch.bool, device=q.device).triu(1)
    return F.softmax(logits.masked_fill(mask, float("-inf")), dim=-1) @ v


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        b, n, dim = x.shape
        q, k, v = (t.reshape(b, n, self.heads, -1).transpose(1, 2) for t in self.qkv(self.norm1(x)).chunk(3, -1))
        x = x + self.proj(attend(q, k, v).transpose(1, 2).reshape(b, n, dim))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, layers, dim, heads, context):
        super().__init__()
        self.token, self.place = nn.Embedding(256, dim), nn.Embedding(context, dim)
        self.blocks = nn.Sequential(*(Block(dim, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 256, bias=False)

    def forward(self, tokens):
        x = self.token(tokens) + self.place(torch.arange(tokens.shape[1], device=tokens.device))
        return self.head(self.norm(self.blocks(x)))


class Windows(torch.utils.data.Dataset):
    def __init__(self, data, context):
        self.data, self.context = data, context

    def __len__(self):
        return (len(self.data) - 1) // self.context

    def __getitem__(self, i):
        return self.data[i * self.context:(i + 1) * self.context + 1].long()


def read(path, context):
    """Training windows, and every twentieth of them held out."""
    with open(path, "rb") as f:
        data = torch.frombuffer(bytearray(f.read()), dtype=torch.uint8)
    windows = Windows(data, context)
    held = list(range(0, len(windows), 20))
    rest = [i for i in range(len(windows)) if i % 20]
    return torch.utils.data.Subset(windows, rest), torch.stack([windows[i] for i in held[:64]])


def loss_of(model, rows):
    return F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--text", required=True)
    for name, value in (("steps", 2000), ("layers", 2), ("dim", 64), ("heads", 2), ("context", 64), ("batch", 8),
                        ("save-every", 100), ("val-every", 25), ("seed", 1)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train, held = read(args.text, args.context)
    model = GPT(args.layers, args.dim, args.heads, args.context).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.95), weight_decay=0.1)
    warmup, decay = 100, 0.2 * args.steps
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda t: min((t + 1) / warmup, 1, max(args.steps - t, 0) / decay))
    batches = lc.Batches(torch.utils.data.DataLoader(train, batch_size=args.batch, shuffle=True, drop_last=True))

    step = lc.load(None, model, optimizer, scheduler, loader=batches).step
    last = lc.last_step(args.steps)
    while step < last:
        for rows in batches:
            lc.poll(optimizer)
            loss = loss_of(model, rows.to(device))
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), lc.action("clip", 1.0))
            optimizer.step()
            scheduler.step()
            step += 1
            val = None
            if step % args.val_every == 0 or step == last:
                with torch.no_grad():
                    val = loss_of(model, held.to(device))
            lc.log(step=step, loss=loss, grad_norm=norm, val_loss=val, batch=rows)
            if step % args.save_every == 0 or step == last:
                lc.save(None, step, model, optimizer, scheduler, loader=batches)
            if step == last:
                break


if __name__ == "__main__":
    main()
