"""No table of positions: every head learns a bias for each distance (T5), handed to SDPA as a float mask."""

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


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, self.rate = config.n_head, config.dropout
        self.q, self.k, self.v, self.o = (nn.Linear(config.n_embd, config.n_embd) for _ in range(4))
        self.bias = nn.Parameter(0.5 * torch.randn(config.n_head, config.block_size))  # by distance

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (
            layer(x).reshape(b, t, self.heads, c // self.heads).transpose(1, 2) for layer in (self.q, self.k, self.v)
        )
        places = torch.arange(t, device=x.device)
        distance = places[:, None] - places[None, :]
        bias = self.bias[:, distance.clamp(min=0)].masked_fill(distance < 0, float("-inf"))
        rate = self.rate if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=rate)
        return self.o(y.transpose(1, 2).reshape(b, t, c))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(config.n_embd), nn.LayerNorm(config.n_embd)
        self.attention = Attention(config)
        self.up, self.down = nn.Linear(config.n_embd, 4 * config.n_embd), nn.Linear(4 * config.n_embd, config.n_embd)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x):
        x = x + self.drop(self.attention(self.ln1(x)))
        return x + self.drop(self.down(F.silu(self.up(self.ln2(x)))))


class TinyGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        if config.n_embd % config.n_head != 0:
            raise ValueError(f"n_head ({config.n_head}) must divide n_embd ({config.n_embd})")
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.norm = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.head.weight = self.embed.weight
        nn.init.normal_(self.embed.weight, std=0.02)

    def forward(self, input_ids, labels=None):
        if input_ids.size(1) > self.config.block_size:
            raise ValueError(f"{input_ids.size(1)} > block_size {self.config.block_size}")
        x = self.drop(self.embed(input_ids))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        loss = None
        if labels is not None:
            moved = torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], -100)], dim=1)
            loss = F.cross_entropy(logits.transpose(1, 2), moved, ignore_index=-100)
        return logits, loss
