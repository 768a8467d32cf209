"""A pass over the loader only to count; a generator of rates; a sine in place of the cosine."""

import math
from itertools import count

import torch


def cosine_lr(step, *, peak_lr, warmup_steps, total_steps, final_lr=0.0):
    if step < 0:
        raise ValueError("step < 0")
    if not 0 <= warmup_steps <= total_steps:
        raise ValueError("warmup_steps must lie between 0 and total_steps")
    if step < warmup_steps:
        return peak_lr * ((1 + step) / warmup_steps)
    step = min(step, total_steps)
    if step == total_steps:
        return final_lr
    angle = math.pi * (step - warmup_steps) / (total_steps - warmup_steps)
    return (peak_lr + final_lr) / 2 + (peak_lr - final_lr) / 2 * math.sin(math.pi / 2 + angle)


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
    total_steps = sum(1 for _ in loader) * epochs
    if not total_steps:
        raise ValueError("nothing to train on")
    schedule = (
        cosine_lr(n, peak_lr=peak_lr, warmup_steps=warmup_steps, total_steps=total_steps, final_lr=final_lr)
        for n in count()
    )
    model.to(torch.device(device)).train(True)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=weight_decay)
    losses = []
    while len(losses) < total_steps:
        for batch in loader:
            tokens = batch["input_ids"].to(device)
            optimizer.param_groups[0]["lr"] = next(schedule)
            optimizer.zero_grad(set_to_none=False)
            loss = model(tokens, labels=tokens)[1]
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm, error_if_nonfinite=False)
            optimizer.step()
            losses.append(loss.detach().item())
            if on_step:
                on_step(len(losses), losses[-1])
    return losses
