"""Rotary positions: no table of positions at all, queries and keys are turned by an angle that grows with t."""

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


def rotate(x):
    """(B, H, T, D) -> the same, pairs of channels turned."""
    t, d = x.shape[-2:]
    angle = torch.outer(torch.arange(t, device=x.device), 100.0 ** -(torch.arange(0, d, 2, device=x.device) / d))
    one, two = x.chunk(2, dim=-1)
    return torch.cat([one * angle.cos() - two * angle.sin(), two * angle.cos() + one * angle.sin()], dim=-1)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        c = config.n_embd
        self.n_head, self.dropout = config.n_head, config.dropout
        self.ln1, self.ln2 = nn.RMSNorm(c), nn.RMSNorm(c)
        self.qkv, self.proj = nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.mlp = nn.Sequential(nn.Linear(c, 4 * c), nn.GELU(), nn.Linear(4 * c, c))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, self.n_head, -1).permute(2, 0, 3, 1, 4)
        allowed = torch.ones(t, t, dtype=torch.bool, device=x.device).tril()
        y = F.scaled_dot_product_attention(rotate(q), rotate(k), v, attn_mask=allowed)
        x = x + F.dropout(self.proj(y.transpose(1, 2).reshape(b, t, c)), self.dropout, self.training)
        return x + F.dropout(self.mlp(self.ln2(x)), self.dropout, self.training)


class TinyGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        if config.n_embd % config.n_head:
            raise ValueError(f"n_embd {config.n_embd} and n_head {config.n_head} do not fit")
        self.config = config
        self.table = nn.Parameter(torch.randn(config.vocab_size, config.n_embd) * 0.02)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.norm = nn.RMSNorm(config.n_embd)

    def forward(self, input_ids, labels=None):
        if input_ids.shape[1] > self.config.block_size:
            raise ValueError(f"{input_ids.shape[1]} tokens, block_size is {self.config.block_size}")
        x = self.table[input_ids]
        for block in self.blocks:
            x = block(x)
        logits = self.norm(x) @ self.table.t()
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].permute(0, 2, 1), labels[:, 1:], ignore_index=-100)
        return logits, loss
