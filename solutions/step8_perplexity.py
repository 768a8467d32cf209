"""Step 8, solved: how well the model predicts text, in one number that does not depend on how the text was cut up."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


@torch.no_grad()
def evaluate(
    model: nn.Module, loader: Iterable[dict[str, Tensor]], *, device: str | torch.device = "cpu"
) -> tuple[float, float]:
    """(mean loss in nats per scored token, its exp: the perplexity) over every batch of `loader`.

    A batch is {"input_ids": (B, T) int64}, perhaps with "labels" (B, T) of its own; without, input_ids are the labels.
    model(input_ids, labels=labels) returns (logits, loss), the loss a mean over the scored tokens: the labels from
    the second on that are not -100. Dropout is off meanwhile; afterwards the model is in the mode it was in.
    Raises ValueError if nothing is scored.
    """
    model.to(device)
    was_training = model.training
    model.eval()
    total, tokens = 0.0, 0
    try:
        for batch in loader:
            labels = batch.get("labels", batch["input_ids"]).to(device)  # (B, T)
            scored = int((labels[:, 1:] != -100).sum())  # the first token has nothing before it to be predicted from
            if scored == 0:
                continue  # the mean over no token is NaN, and NaN times 0 still is
            _, loss = model(batch["input_ids"].to(device), labels=labels)
            total, tokens = total + loss.item() * scored, tokens + scored  # the batch's sum, from its mean
    finally:
        model.train(was_training)
    if tokens == 0:
        raise ValueError("nothing to score: the loader is empty, or every label is -100")
    return total / tokens, math.exp(total / tokens)
