"""No biases, RMSNorm, three separate projections, the head by F.linear on the embedding's weight."""

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


class RMSNorm(nn.Module):
    def __init__(self, size, eps=1e-6):
        super().__init__()
        self.gain, self.eps = nn.Parameter(torch.ones(size)), eps

    def forward(self, x):
        return self.gain * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        c = config.n_embd
        self.n_head, self.p = config.n_head, config.dropout
        self.norm_a, self.norm_m = RMSNorm(c), RMSNorm(c)
        self.q, self.k, self.v, self.o = (nn.Linear(c, c, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(c, 4 * c, bias=False), nn.Linear(4 * c, c, bias=False)

    def heads(self, x):
        return x.unflatten(-1, (self.n_head, -1)).transpose(1, 2)

    def forward(self, x):
        y = self.norm_a(x)
        y = F.scaled_dot_product_attention(
            self.heads(self.q(y)),
            self.heads(self.k(y)),
            self.heads(self.v(y)),
            is_causal=True,
            dropout_p=self.p if self.training else 0.0,
        )
        x = x + self.o(y.transpose(1, 2).flatten(2))
        y = self.down(F.gelu(self.up(self.norm_m(x))))
        return x + F.dropout(y, self.p, training=self.training)


class TinyGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        if config.n_embd % config.n_head != 0:
            raise ValueError(f"n_embd={config.n_embd} is not divisible by n_head={config.n_head}")
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.n_embd)
        self.place = nn.Parameter(torch.zeros(config.block_size, config.n_embd))
        self.layers = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.norm = RMSNorm(config.n_embd)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02)

    def forward(self, input_ids, labels=None):
        t = input_ids.shape[1]
        if t > self.config.block_size:
            raise ValueError(f"{t} tokens are more than block_size={self.config.block_size}")
        x = F.dropout(self.embed(input_ids) + self.place[:t], self.config.dropout, self.training)
        for layer in self.layers:
            x = layer(x)
        logits = F.linear(self.norm(x), self.embed.weight)
        if labels is None:
            return logits, None
        return logits, F.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:])
