"""Sinusoidal positions in a buffer that is not saved, and a SwiGLU of the same size as the plain MLP."""

import math
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


def sinusoids(length, channels):
    angle = torch.arange(length)[:, None] * torch.exp(torch.arange(0, channels, 2) * (-math.log(10_000.0) / channels))
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


class SwiGLU(nn.Module):
    def __init__(self, c):
        super().__init__()
        hidden = 8 * c // 3
        self.gate, self.up, self.down = nn.Linear(c, hidden), nn.Linear(c, hidden), nn.Linear(hidden, c)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.ln_1, self.ln_2 = nn.LayerNorm(config.n_embd), nn.LayerNorm(config.n_embd)
        self.qkv, self.proj = nn.Linear(config.n_embd, 3 * config.n_embd), nn.Linear(config.n_embd, config.n_embd)
        self.mlp, self.drop = SwiGLU(config.n_embd), nn.Dropout(config.dropout)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.ln_1(x)).chunk(3, dim=-1)
        split = (b, t, self.config.n_head, c // self.config.n_head)
        scores = torch.einsum("bthd,bshd->bhts", q.view(split), k.view(split)) * split[-1] ** -0.5
        future = torch.ones(t, t, device=x.device).triu(1) * -1e9
        y = torch.einsum("bhts,bshd->bthd", self.drop((scores + future).softmax(-1)), v.view(split))
        x = x + self.drop(self.proj(y.reshape(b, t, c)))
        return x + self.drop(self.mlp(self.ln_2(x)))


class TinyGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        if config.n_embd % config.n_head:
            raise ValueError(f"n_embd={config.n_embd}, n_head={config.n_head}")
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.register_buffer("places", sinusoids(config.block_size, config.n_embd), persistent=False)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        nn.init.normal_(self.wte.weight, std=0.02)

    def forward(self, input_ids, labels=None):
        t = input_ids.size(1)
        if t > self.config.block_size:
            raise ValueError(f"{t} > {self.config.block_size}")
        x = self.wte(input_ids) * math.sqrt(self.config.n_embd) + self.places[:t]
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        if labels is None:
            return logits, None
        log_probs = logits[:, :-1].log_softmax(-1)
        wanted = labels[:, 1:]
        scored = wanted != -100
        picked = log_probs.gather(-1, wanted.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        return logits, -picked[scored].mean()
