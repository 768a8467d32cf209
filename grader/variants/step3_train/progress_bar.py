"""A progress bar for a log, the fused optimizer, detached tensors turned into floats at the end of each step."""

import sys

import torch
from tqdm import tqdm


def train(
    model, loader, *, epochs=2, lr=3e-4, weight_decay=0.01, max_norm=1.0, device="cpu", log_every=50, on_step=None
):
    device = torch.device(device)
    model.to(device)
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr, weight_decay=weight_decay, fused=device.type in ("cpu", "cuda")
    )
    losses, step = [], 0
    for epoch in range(epochs):
        running = 0.0
        bar = tqdm(loader, disable=log_every == 0, file=sys.stdout, mininterval=60, desc=f"epoch {epoch}")
        for i, batch in enumerate(bar, start=1):
            input_ids = batch["input_ids"].to(device, non_blocking=True)
            _logits, loss = model(input_ids, labels=input_ids.clone())
            model.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(list(model.parameters()), max_norm=max_norm, norm_type=2.0)
            optimizer.step()
            value = loss.detach().cpu().item()
            running += value
            losses.append(value)
            step += 1
            if on_step is not None:
                on_step(step, value)
            if log_every and i % log_every == 0:
                bar.write(f"{running / i:.3f} (loss now {value:.3f})", file=sys.stdout)
    if step == 0:
        raise ValueError("nothing to train on")
    return losses
