"""Small helpers, moments of AdamW by hand, the loader's emptiness found by looking at its first batch."""

import logging
import math
import sys
from itertools import count

import torch


class HandAdamW:
    def __init__(self, parameters, lr, decay):
        self.parameters = list(parameters)
        self.lr, self.decay, self.t = lr, decay, 0
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        self.t += 1
        for p, m, v in zip(self.parameters, self.m, self.v, strict=True):
            if p.grad is None:
                continue
            p.mul_(1 - self.lr * self.decay)
            m.lerp_(p.grad, 0.1)
            v.mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
            bias1, bias2 = 1 - 0.9**self.t, 1 - 0.999**self.t
            p.addcdiv_(m, (v.sqrt() / math.sqrt(bias2)).add_(1e-8), value=-self.lr / bias1)


def one_step(model, ids, optimizer, max_norm):
    for p in model.parameters():
        p.grad = None
    loss = model(input_ids=ids, labels=ids)[-1]
    loss.backward()
    total = math.sqrt(sum(p.grad.pow(2).sum().item() for p in model.parameters() if p.grad is not None))
    scale = min(1.0, max_norm / (total + 1e-6))
    for p in model.parameters():
        if p.grad is not None:
            p.grad.mul_(scale)
    optimizer.step()
    return loss.item()


def train(
    model, loader, *, epochs=2, lr=3e-4, weight_decay=0.01, max_norm=1.0, device="cpu", log_every=50, on_step=None
):
    if next(iter(loader), None) is None:
        raise ValueError("the loader is empty")
    model.to(device)
    model.train(True)
    log = logging.Logger("train")
    log.addHandler(logging.StreamHandler(sys.stderr))
    optimizer, numbers, losses = HandAdamW(model.parameters(), lr, weight_decay), count(1), []
    for _ in range(epochs):
        mean = 0.0
        for n, batch in enumerate(loader, 1):
            losses.append(one_step(model, batch["input_ids"].to(device), optimizer, max_norm))
            mean += (losses[-1] - mean) / n
            step = next(numbers)
            if on_step:
                on_step(step, losses[-1])
            if log_every and step % log_every == 0:
                log.info("step=%d mean=%.2f lr=%g", step, mean, lr)
    return losses
