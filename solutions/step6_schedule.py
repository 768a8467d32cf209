"""Step 6, solved: a learning rate that rises for a while, and then goes down half a cosine to its end."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader


def cosine_lr(step: int, *, peak_lr: float, warmup_steps: int, total_steps: int, final_lr: float = 0.0) -> float:
    """The learning rate of the update that comes after `step` updates.

    peak_lr * (step + 1) / warmup_steps while step < warmup_steps; peak_lr at warmup_steps; from there half a cosine
    (Loshchilov & Hutter 2017, one period without restarts) to final_lr at total_steps, and final_lr ever after.
    Raises ValueError if a count is negative or warmup_steps > total_steps.
    """
    counts = {"step": step, "warmup_steps": warmup_steps, "total_steps": total_steps}
    for name, value in counts.items():
        if value < 0:
            raise ValueError(f"{name} must not be negative: {value}")
    if warmup_steps > total_steps:
        raise ValueError(f"a warm-up of {warmup_steps} steps does not fit into {total_steps} steps")
    if step < warmup_steps:
        return peak_lr * (step + 1) / warmup_steps
    if step >= total_steps:  # asked before dividing: warmup_steps may equal total_steps
        return final_lr
    progress = (step - warmup_steps) / (total_steps - warmup_steps)  # 0 at the peak, 1 at the end
    return final_lr + (peak_lr - final_lr) * (1 + math.cos(math.pi * progress)) / 2


def train_with_cosine(
    model: nn.Module,
    loader: DataLoader,
    *,
    epochs: int = 2,
    peak_lr: float = 3e-4,
    warmup_steps: int = 0,
    final_lr: float = 0.0,
    weight_decay: float = 0.01,
    max_norm: float = 1.0,
    device: str | torch.device = "cpu",
    on_step: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Step 3's training with `cosine_lr` as its rate; returns the loss of every step.

    The loader yields {"input_ids": (B, T) int64} and has a length: the schedule ends after epochs * len(loader)
    updates. model(input_ids, labels=input_ids) returns (logits, loss); it is moved to `device` and put in train mode.
    AdamW decays every parameter; gradients are clipped to a global norm of `max_norm`; on_step(step, loss) is called
    after each update, counting from 1 across epochs. Raises ValueError if the loader is empty or the warm-up too long.
    """
    if len(loader) == 0:
        raise ValueError("the loader has no batch: is the dataset empty?")
    schedule: dict[str, Any] = {"peak_lr": peak_lr, "warmup_steps": warmup_steps, "final_lr": final_lr}
    total_steps = epochs * len(loader)
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak_lr, weight_decay=weight_decay)
    losses: list[float] = []
    for _ in range(epochs):
        for batch in loader:
            for group in optimizer.param_groups:  # before the update, which has len(losses) before it
                group["lr"] = cosine_lr(len(losses), total_steps=total_steps, **schedule)
            input_ids = batch["input_ids"].to(device)  # (B, T)
            _, loss = model(input_ids, labels=input_ids)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            optimizer.step()
            losses.append(loss.item())
            if on_step:
                on_step(len(losses), losses[-1])
    return losses
