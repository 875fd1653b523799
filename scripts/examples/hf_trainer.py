#!/usr/bin/env python3
"""Hugging Face's Trainer under lc-guard: a small GPT-2 on a text file, byte by byte.

    lc-guard -d run -- python3 scripts/examples/hf_trainer.py --text book.txt --steps 2000

Two things in it are for Lightcone: the callback, and where to resume from. lc-guard tells the rest through the environment.
The callback logs the step records, makes a state of each of Trainer's checkpoints, and carries out the actions.
"""
import argparse
import os
import sys

import torch
import transformers

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import lightcone as lc  # noqa: E402


class Windows(torch.utils.data.Dataset):
    def __init__(self, path, context):
        with open(path, "rb") as f:
            data = torch.frombuffer(bytearray(f.read()), dtype=torch.uint8).long()
        self.rows = data[:len(data) // context * context].reshape(-1, context)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return {"input_ids": self.rows[i], "labels": self.rows[i]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--text", required=True)
    parser.add_argument("--dir", default=lc.out_dir() + "-hf", help="for Trainer's own checkpoints, of which it keeps one")
    for name, value in (("steps", 2000), ("layers", 2), ("dim", 64), ("heads", 2), ("context", 64), ("batch", 8),
                        ("save-every", 100), ("val-every", 25), ("seed", 1)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()

    transformers.set_seed(args.seed)
    rows = Windows(args.text, args.context)
    held = list(range(0, len(rows), 20))[:64]
    train = torch.utils.data.Subset(rows, [i for i in range(len(rows)) if i % 20])
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=256, n_positions=args.context, n_embd=args.dim, n_layer=args.layers, n_head=args.heads))
    how = transformers.TrainingArguments(
        args.dir, max_steps=args.steps, per_device_train_batch_size=args.batch, learning_rate=args.lr, weight_decay=0.1,
        warmup_steps=100, lr_scheduler_type="linear", logging_steps=1, eval_steps=args.val_every, save_steps=args.save_every,
        save_total_limit=1, seed=args.seed, report_to=[], disable_tqdm=True,
        eval_strategy="steps", use_cpu=not torch.cuda.is_available())
    trainer = transformers.Trainer(model=model, args=how, train_dataset=train, eval_dataset=torch.utils.data.Subset(rows, held),
                                   callbacks=[lc.HFCallback()])
    trainer.train(resume_from_checkpoint=lc.state_dir())


if __name__ == "__main__":
    main()
