"""After The Annotated Transformer: the target distribution filled in place, a KLDivLoss kept as a part."""

import torch
from torch import nn


def noam_rate(step, *, d_model, factor=1.0, warmup=4000):
    if step == 0:
        step = 1
    return factor * (d_model ** (-0.5) * min(step ** (-0.5), step * warmup ** (-1.5)))


class LabelSmoothing(nn.Module):
    def __init__(self, vocab_size, pad=0, smoothing=0.1):
        super().__init__()
        if vocab_size < 3:
            raise ValueError(vocab_size)
        self.criterion = nn.KLDivLoss(reduction="none")
        self.padding_idx, self.confidence, self.smoothing, self.size = pad, 1.0 - smoothing, smoothing, vocab_size

    def forward(self, log_probs, targets):
        true_dist = torch.empty_like(log_probs).fill_(self.smoothing / (self.size - 2))
        true_dist.scatter_(1, targets.data.unsqueeze(1), self.confidence)
        true_dist[:, self.padding_idx] = 0
        true_dist.index_fill_(0, torch.nonzero(targets == self.padding_idx).flatten(), 0.0)
        count = int((targets != self.padding_idx).sum())
        return self.criterion(log_probs, true_dist.detach()).sum() / max(1, count)
