"""The rate by its two branches, the loss as cross-entropy minus entropy, over the scored rows alone."""

import math

import torch
from torch import nn


def noam_rate(step, *, d_model, factor=1.0, warmup=4000):
    step = step or 1
    peak = factor / math.sqrt(d_model * warmup)
    return peak * step / warmup if step < warmup else peak * math.sqrt(warmup / step)


class LabelSmoothing(nn.Module):
    def __init__(self, vocab_size, pad=0, smoothing=0.1):
        if vocab_size <= 2:
            raise ValueError("a vocabulary of at least three words")
        super().__init__()
        self.pad = pad
        each = smoothing / (vocab_size - 2)
        shares = [(1 - smoothing, 1), (each, vocab_size - 2)]
        self.entropy = -sum(count * p * math.log(p) for p, count in shares if p > 0)
        weights = torch.full((vocab_size,), each)
        weights[pad] = 0.0
        self.register_buffer("weights", weights)
        self.extra = 1 - smoothing - each  # what the target gets on top of an equal share

    def forward(self, log_probs, targets):
        rows = targets != self.pad
        if not rows.any():
            return log_probs.new_zeros(())
        said, wanted = log_probs[rows], targets[rows]
        right = said[torch.arange(len(wanted), device=said.device), wanted]
        crossed = -(said * self.weights.to(said)).sum(-1) - self.extra * right
        return (crossed - self.entropy).mean()
