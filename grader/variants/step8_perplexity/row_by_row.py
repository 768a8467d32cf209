"""Every row alone, so that a mean is a row's; the first label, which is never scored, is hidden from the model."""

import math

import torch


@torch.no_grad()
def evaluate(model, loader, *, device="cpu"):
    modes = [(part, part.training) for part in model.modules()]
    model.to(device).eval()
    sums, counts = [], []
    try:
        for batch in loader:
            for ids, labels in zip(batch["input_ids"], batch.get("labels", batch["input_ids"]), strict=True):
                hidden = torch.cat([torch.tensor([-100]), labels[1:].cpu()])
                count = sum(label != -100 for label in hidden.tolist())
                if count:
                    _, loss = model(ids[None].to(device), labels=hidden[None].to(device))
                    sums.append(float(loss) * count)
                    counts.append(count)
    finally:
        for part, mode in modes:
            part.training = mode
    if not counts:
        raise ValueError("no label is scored")
    mean = math.fsum(sums) / sum(counts)
    return mean, math.exp(mean)
