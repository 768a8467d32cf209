"""Bare projections of shape (n_head, n_embd, head), einsum throughout, a squared ReLU, the tie by F.linear."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class TinyGPTConfig:
    vocab_size: int = 50_257
    block_size: int = 256
    n_layer: int = 6
    n_head: int = 6
    n_embd: int = 192
    dropout: float = 0.1


def table(*shape: int, std: float = 0.02) -> nn.Parameter:
    return nn.Parameter(std * torch.randn(*shape))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        h, c = config.n_head, config.n_embd
        d = c // h
        self.first, self.second = nn.LayerNorm(c), nn.LayerNorm(c)
        self.wq, self.wk, self.wv = table(h, c, d), table(h, c, d), table(h, c, d)
        self.wo = table(h, d, c, std=0.02 / (2 * config.n_layer) ** 0.5)
        self.up, self.down = nn.Parameter(0.02 * torch.randn(c, 4 * c)), nn.Parameter(0.01 * torch.randn(4 * c, c))
        self.up_bias, self.down_bias = nn.Parameter(torch.zeros(4 * c)), nn.Parameter(torch.zeros(c))
        self.rate, self.scale = config.dropout, d**-0.5

    def forward(self, x):
        y = self.first(x)
        q = torch.einsum("btc,hcd->bhtd", y, self.wq)
        k = torch.einsum("btc,hcd->bhtd", y, self.wk)
        v = torch.einsum("btc,hcd->bhtd", y, self.wv)
        future = torch.ones(x.size(1), x.size(1), dtype=torch.bool, device=x.device).triu(1)
        scores = self.scale * torch.einsum("bhqd,bhkd->bhqk", q, k)
        weights = scores.masked_fill(future, torch.finfo(scores.dtype).min).softmax(-1)
        weights = F.dropout(weights, self.rate, self.training)
        heard = torch.einsum("bhqk,bhkd,hdc->bqc", weights, v, self.wo)
        x = x + F.dropout(heard, self.rate, self.training)
        z = F.relu(self.second(x) @ self.up + self.up_bias) ** 2
        return x + F.dropout(z @ self.down + self.down_bias, self.rate, self.training)


class TinyGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        if config.n_embd % config.n_head:
            raise ValueError(f"n_embd={config.n_embd} does not split into n_head={config.n_head} heads")
        self.config = config
        self.words = table(config.vocab_size, config.n_embd)
        self.places = table(config.block_size, config.n_embd)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layer))
        self.last = nn.LayerNorm(config.n_embd)

    def forward(self, input_ids, labels=None):
        length, block = input_ids.shape[1], self.config.block_size
        if length > block:
            raise ValueError(f"input of length {length}, block_size {block}")
        x = F.embedding(input_ids, self.words) + self.places[:length]
        x = F.dropout(x, self.config.dropout, self.training)
        for layer in self.layers:
            x = layer(x)
        logits = F.linear(self.last(x), self.words)
        if labels is None:
            return logits, None
        flat = logits[:, :-1].flatten(0, 1).log_softmax(-1)
        targets = labels[:, 1:].flatten()
        return logits, F.nll_loss(flat, targets, ignore_index=-100)
