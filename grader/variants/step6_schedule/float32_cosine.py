"""The cosine by torch in float32, checks in a helper, the next rate set after each update."""

import torch


def refuse_nonsense(**counts):
    negative = [name for name, value in counts.items() if value < 0]
    if negative:
        raise ValueError(f"below 0: {', '.join(negative)}")
    if counts["warmup_steps"] > counts["total_steps"]:
        raise ValueError("the warm-up is longer than the training")


def cosine_lr(step, *, peak_lr, warmup_steps, total_steps, final_lr=0.0):
    refuse_nonsense(step=step, warmup_steps=warmup_steps, total_steps=total_steps)
    if step < warmup_steps:
        return peak_lr * (step + 1) / warmup_steps
    if step >= total_steps:
        return final_lr
    progress = torch.tensor((step - warmup_steps) / (total_steps - warmup_steps))
    return (final_lr + (peak_lr - final_lr) * (1 + torch.cos(torch.pi * progress)) / 2).item()


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
    if not total:
        raise ValueError("nothing to train on")

    def due(step):
        return cosine_lr(step, peak_lr=peak_lr, warmup_steps=warmup_steps, total_steps=total, final_lr=final_lr)

    model = model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=due(0), weight_decay=weight_decay)
    losses = []
    for _ in range(epochs):
        for batch in loader:
            ids = batch["input_ids"].to(device)
            loss = model(ids, labels=ids)[1]
            model.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            optimizer.step()
            losses.append(loss.item())
            optimizer.param_groups[0]["lr"] = due(len(losses))
            if on_step is not None:
                on_step(len(losses), losses[-1])
    return losses
