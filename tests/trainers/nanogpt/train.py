"""A stand-in for nanoGPT's train.py: its settings, its lines, its out_dir/ckpt.pt and when it writes it, its schedule, its
seed, and what it takes from a state and what from the command line. The model is bigram.py's."""
import math
import os
import time

from model import Bigram, generator, load, manual_seed, save, state, tokens

out_dir = 'out'
eval_interval = 2000
log_interval = 1
eval_iters = 200
eval_only = False
always_save_checkpoint = True
init_from = 'scratch'
dataset = 'openwebtext'
batch_size = 12
block_size = 1024
learning_rate = 6e-4
max_iters = 600000
weight_decay = 1e-1
beta1 = 0.9
beta2 = 0.95
grad_clip = 1.0
decay_lr = True
warmup_iters = 2000
lr_decay_iters = 600000
min_lr = 6e-5
config_keys = [k for k, v in globals().items() if not k.startswith('_') and isinstance(v, (int, float, bool, str))]
exec(open('configurator.py').read())
config = {k: globals()[k] for k in config_keys}

os.makedirs(out_dir, exist_ok=True)
seed_offset = 0
manual_seed(1337 + seed_offset)
data = {split: tokens(os.path.join('data', dataset, split + '.bin')) for split in ('train', 'val')}


def get_batch(split):
    d = data[split]
    ix = [generator.randrange(len(d) - block_size) for _ in range(batch_size)]
    return [(d[i + j], d[i + j + 1]) for i in ix for j in range(block_size)]


def estimate_loss():
    return {split: sum(model.loss(get_batch(split)) for _ in range(eval_iters)) / eval_iters for split in ('train', 'val')}


def get_lr(it):
    if it < warmup_iters:
        return learning_rate * (it + 1) / (warmup_iters + 1)
    if it > lr_decay_iters:
        return min_lr
    decay_ratio = (it - warmup_iters) / (lr_decay_iters - warmup_iters)
    assert 0 <= decay_ratio <= 1
    return min_lr + 0.5 * (1.0 + math.cos(math.pi * decay_ratio)) * (learning_rate - min_lr)


model, iter_num, best_val_loss, decay = Bigram(), 0, 1e9, weight_decay
if init_from == 'resume':
    print(f"Resuming training from {out_dir}")
    checkpoint = load(os.path.join(out_dir, 'ckpt.pt'))
    model.w = checkpoint['model']['transformer.wte.weight']
    adam, group = checkpoint['optimizer']['state'][0], checkpoint['optimizer']['param_groups'][0]
    model.m, model.v, decay = adam['exp_avg'], adam['exp_avg_sq'], group['weight_decay']
    iter_num, best_val_loss = checkpoint['iter_num'], checkpoint['best_val_loss']

batch = get_batch('train')
t0 = time.time()
lrs = open(os.environ['LRS'], 'a') if 'LRS' in os.environ else None
while True:
    lr = get_lr(iter_num) if decay_lr else learning_rate
    if iter_num % eval_interval == 0:
        losses = estimate_loss()
        print(f"step {iter_num}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
        if losses['val'] < best_val_loss or always_save_checkpoint:
            best_val_loss = losses['val']
            if iter_num > 0:
                weights, optimizer = state(model, iter_num)
                print(f"saving checkpoint to {out_dir}")
                save({'model': weights, 'optimizer': optimizer, 'model_args': {'n_layer': 1}, 'iter_num': iter_num,
                      'best_val_loss': best_val_loss, 'config': config}, os.path.join(out_dir, 'ckpt.pt'))
    if iter_num == 0 and eval_only:
        break
    grad = [0.0] * len(model.w)
    loss = model.loss(batch, grad)
    batch = get_batch('train')
    model.update(grad, lr, iter_num + 1, beta2, decay, grad_clip)
    model.fault(iter_num + 1)
    if lrs:
        print(iter_num + 1, "%.9g" % lr, file=lrs, flush=True)
    t1 = time.time()
    dt, t0 = t1 - t0, t1
    if iter_num % log_interval == 0:
        print(f"iter {iter_num}: loss {loss:.4f}, time {dt*1000:.2f}ms, mfu {-100.0:.2f}%")
    iter_num += 1
    if iter_num > max_iters:
        break
