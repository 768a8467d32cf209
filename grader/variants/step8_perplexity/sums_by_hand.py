"""The loss summed from the logits, in float64; inference mode; the mode restored by a context manager."""

import math
from contextlib import contextmanager

import torch
import torch.nn.functional as F


@contextmanager
def evaluating(model):
    mode = model.training
    try:
        yield model.eval()
    finally:
        model.train(mode)


def evaluate(model, loader, *, device="cpu"):
    total = torch.zeros((), dtype=torch.float64)
    count = 0
    with evaluating(model), torch.inference_mode():
        for batch in loader:
            ids = batch["input_ids"].to(device)
            labels = batch["labels"].to(device) if "labels" in batch else ids
            logits = model(ids, labels=labels)[0]
            kept = labels[:, 1:] != -100
            losses = F.cross_entropy(logits[:, :-1][kept].double(), labels[:, 1:][kept], reduction="sum")
            total += losses.cpu()
            count += int(kept.sum())
    if not count:
        raise ValueError("nothing was scored")
    mean = (total / count).item()
    return mean, math.exp(mean)
