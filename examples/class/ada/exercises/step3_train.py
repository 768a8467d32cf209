"""Step 3, solved: the training loop. Ask, measure, find the slope, take a small step downhill; again."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


def train(
    model: nn.Module,
    loader: Iterable[dict[str, Tensor]],
    *,
    epochs: int = 2,
    lr: float = 3e-4,
    weight_decay: float = 0.01,
    max_norm: float = 1.0,
    device: str | torch.device = "cpu",
    log_every: int = 50,
    on_step: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train `model` in place on every batch of `loader`, `epochs` times over; return the loss of every step.

    The loader yields {"input_ids": (B, T) int64} and need not have a length. model(input_ids, labels=input_ids) returns
    (logits, loss); it is moved to `device` and put in train mode. AdamW decays every parameter (Loshchilov & Hutter
    2019); gradients are clipped to a global norm of `max_norm`. Every `log_every` steps the epoch's running mean is
    printed (0: never); on_step(step, loss) is called after each update, counting from 1 across epochs.
    Raises ValueError if the loader yields nothing.
    """
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    losses: list[float] = []
    for epoch in range(1, epochs + 1):
        total, batches = 0.0, 0
        for batch in loader:
            input_ids = batch["input_ids"].to(device)  # (B, T)
            _, loss = model(input_ids, labels=input_ids)
            optimizer.zero_grad()  # backward adds to what is there
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            optimizer.step()
            losses.append(loss.item())  # a float: the tensor would keep this step's whole graph
            total, batches = total + losses[-1], batches + 1
            if log_every and batches % log_every == 0:
                print(f"epoch {epoch}, step {len(losses)}: mean loss {total / batches:.4f}")
            if on_step:
                on_step(len(losses), losses[-1])
        if batches == 0:
            raise ValueError(f"the loader gave no batch in epoch {epoch}: is the dataset empty, or used up?")
    return losses
