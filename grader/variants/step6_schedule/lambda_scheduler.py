"""PyTorch's own scheduler around a factor, stepped after every update; clipping by foreach."""

import math

import torch
from torch.optim.lr_scheduler import LambdaLR


def cosine_lr(step, *, peak_lr, warmup_steps, total_steps, final_lr=0.0):
    if min(step, warmup_steps, total_steps) < 0 or total_steps < warmup_steps:
        raise ValueError("bad schedule")
    if step + 1 <= warmup_steps:
        return (step + 1) / warmup_steps * peak_lr
    left = total_steps - warmup_steps
    done = 1.0 if left == 0 else min(1.0, (step - warmup_steps) / left)
    return final_lr + 0.5 * (peak_lr - final_lr) * (1.0 + math.cos(done * math.pi))


def train_with_cosine(
    model,
    loader,
    *,
    epochs=2,
    peak_lr=3e-4,
    warmup_steps=0,
    final_lr=0.0,
    weight_decay=0.01,
    max_norm=1.0,
    device="cpu",
    on_step=None,
):
    total = epochs * len(loader)
    if total == 0:
        raise ValueError("empty loader")
    model = model.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, weight_decay=weight_decay)
    scheduler = LambdaLR(
        optimizer,
        lambda n: cosine_lr(n, peak_lr=peak_lr, warmup_steps=warmup_steps, total_steps=total, final_lr=final_lr),
    )
    history = []
    for _ in range(epochs):
        for batch in loader:
            model.train()
            ids = batch["input_ids"].to(device)
            loss = model(ids, ids)[1]
            model.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(list(model.parameters()), max_norm, foreach=True)
            optimizer.step()
            scheduler.step()
            history.append(float(loss))
            if on_step is not None:
                on_step(len(history), history[-1])
    return history
