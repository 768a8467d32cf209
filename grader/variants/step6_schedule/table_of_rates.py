"""The whole schedule worked out beforehand, the first pass over the loader kept to count it; an AdamW by hand."""

import math

import torch


def cosine_lr(step, *, peak_lr, warmup_steps, total_steps, final_lr=0.0):
    for value in (step, warmup_steps, total_steps, total_steps - warmup_steps):
        if value < 0:
            raise ValueError(f"{value} is below 0")
    if step < warmup_steps:
        return peak_lr / warmup_steps * (step + 1)
    if step >= total_steps:
        return float(final_lr)
    share = math.cos(math.pi / 2 * (step - warmup_steps) / (total_steps - warmup_steps)) ** 2
    return share * peak_lr + (1 - share) * final_lr


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
    first = list(loader)
    if not first:
        raise ValueError("no batches")
    total = epochs * len(first)
    rates = [
        cosine_lr(i, peak_lr=peak_lr, warmup_steps=warmup_steps, total_steps=total, final_lr=final_lr)
        for i in range(total)
    ]
    model.to(device)
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    means, squares = [torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters]
    losses = []
    for epoch in range(epochs):
        for batch in loader if epoch else first:
            ids = batch["input_ids"].to(device)
            _, loss = model(ids, labels=ids)
            grads = torch.autograd.grad(loss, parameters)
            norm = torch.stack([g.norm() for g in grads]).norm()
            scale = min(1.0, max_norm / (norm.item() + 1e-12))
            lr, t = rates[len(losses)], len(losses) + 1
            with torch.no_grad():
                for p, g, m, v in zip(parameters, grads, means, squares, strict=True):
                    p.mul_(1 - lr * weight_decay)
                    m.lerp_(g * scale, 0.1)
                    v.mul_(0.999).add_((g * scale) ** 2, alpha=0.001)
                    p.sub_(lr * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8))
            losses.append(loss.item())
            if on_step:
                on_step(len(losses), losses[-1])
    return losses
