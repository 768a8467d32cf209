"""Another build: RMS norms, gated feed-forward, no biases, a tied head, one table of places; cross-entropy's loss."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class TranslatorConfig:
    src_vocab: int
    tgt_vocab: int
    n_layer: int = 2
    n_head: int = 4
    d_model: int = 128
    d_ff: int = 512
    dropout: float = 0.1
    max_len: int = 64
    pad: int = 0
    smoothing: float = 0.1


class Look(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.p = c.n_head, c.dropout
        self.norm = nn.RMSNorm(c.d_model)
        self.q = nn.Parameter(torch.randn(c.d_model, c.d_model) * c.d_model**-0.5)
        self.kv = nn.Parameter(torch.randn(c.d_model, 2 * c.d_model) * c.d_model**-0.5)
        self.o = nn.Parameter(torch.randn(c.d_model, c.d_model) * 0.02)

    def forward(self, x, seen, hidden):
        y = self.norm(x)
        seen = y if seen is None else seen
        b, t, c = x.shape
        q = (y @ self.q).view(b, t, self.heads, -1)
        k, v = (part.view(b, seen.shape[1], self.heads, -1) for part in (seen @ self.kv).chunk(2, -1))
        scores = torch.einsum("bthd,bshd->bhts", q, k) / math.sqrt(c // self.heads)
        scores = scores + hidden[:, None]
        weights = F.dropout(scores.softmax(-1), self.p, self.training)
        return x + F.dropout(
            torch.einsum("bhts,bshd->bthd", weights, v).reshape(b, t, c) @ self.o, self.p, self.training
        )


class Think(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = nn.RMSNorm(c.d_model)
        self.up, self.down = nn.Linear(c.d_model, 2 * c.d_ff, bias=False), nn.Linear(c.d_ff, c.d_model, bias=False)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x):
        a, gate = self.up(self.norm(x)).chunk(2, -1)
        return x + self.drop(self.down(a * F.silu(gate)))


class Translator(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = c = config
        self.source, self.target = nn.Embedding(c.src_vocab, c.d_model), nn.Embedding(c.tgt_vocab, c.d_model)
        self.place = nn.Parameter(torch.randn(c.max_len, c.d_model) * 0.1)
        for table in (self.source, self.target):
            nn.init.normal_(table.weight, std=0.1)
        self.drop = nn.Dropout(c.dropout)
        self.reading = nn.ModuleList(nn.ModuleList([Look(c), Think(c)]) for _ in range(c.n_layer))
        self.writing = nn.ModuleList(nn.ModuleList([Look(c), Look(c), Think(c)]) for _ in range(c.n_layer))
        self.norm_in, self.norm_out = nn.RMSNorm(c.d_model), nn.RMSNorm(c.d_model)

    def _start(self, table, ids):
        if ids.shape[-1] > len(self.place):
            raise ValueError("longer than max_len")
        return self.drop(table(ids) + self.place[: ids.shape[-1]])

    @staticmethod
    def _hidden(mask):
        return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, float("-inf"))

    def encode(self, src, src_mask):
        x, hidden = self._start(self.source, src), self._hidden(src_mask)
        for look, think in self.reading:
            x = think(look(x, None, hidden))
        return self.norm_in(x)

    def decode(self, memory, src_mask, tgt, tgt_mask):
        x, hidden, hidden_src = self._start(self.target, tgt), self._hidden(tgt_mask), self._hidden(src_mask)
        for look, cross, think in self.writing:
            x = think(cross(look(x, None, hidden), memory, hidden_src))
        logits = self.norm_out(x) @ self.target.weight.T
        return logits - logits.logsumexp(-1, keepdim=True)

    def forward(self, batch):
        c = self.config
        log_probs = self.decode(self.encode(batch.src, batch.src_mask), batch.src_mask, batch.tgt, batch.tgt_mask)
        scored = (batch.tgt_y != c.pad).float()
        right = log_probs.gather(-1, batch.tgt_y.unsqueeze(-1)).squeeze(-1)
        kept = torch.arange(c.tgt_vocab, device=right.device) != c.pad
        rest = log_probs[..., kept].sum(-1) - right
        each = c.smoothing / (c.tgt_vocab - 2)
        entropy = -sum(n * p * math.log(p) for n, p in ((1, 1 - c.smoothing), (c.tgt_vocab - 2, each)) if p > 0)
        costs = -(1 - c.smoothing) * right - each * rest - entropy
        return (costs * scored).sum() / scored.sum().clamp(min=1.0)
