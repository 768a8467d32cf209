"""One small module per head, put side by side with cat; a head with a bias; the checks in the configuration."""

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

    def __post_init__(self):
        if self.n_embd % self.n_head:
            raise ValueError(f"n_embd={self.n_embd} cannot be divided by n_head={self.n_head}")


class Head(nn.Module):
    def __init__(self, config, size):
        super().__init__()
        self.query = nn.Linear(config.n_embd, size, bias=False)
        self.key = nn.Linear(config.n_embd, size, bias=False)
        self.value = nn.Linear(config.n_embd, size, bias=False)
        self.register_buffer("tril", torch.tril(torch.ones(config.block_size, config.block_size)).bool())
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x):
        t = x.shape[1]
        q, k, v = self.query(x), self.key(x), self.value(x)
        wei = torch.bmm(q, k.transpose(1, 2)) * k.shape[-1] ** -0.5
        wei = torch.where(self.tril[:t, :t], wei, torch.finfo(wei.dtype).min)
        return self.dropout(wei.softmax(dim=-1)) @ v


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = config.n_embd // config.n_head
        self.heads = nn.ModuleList([Head(config, size) for _ in range(config.n_head)])
        self.proj = nn.Linear(config.n_embd, config.n_embd)
        self.ffwd = nn.Sequential(
            nn.Linear(config.n_embd, 4 * config.n_embd), nn.GELU(), nn.Linear(4 * config.n_embd, config.n_embd)
        )
        self.ln1, self.ln2 = nn.LayerNorm(config.n_embd), nn.LayerNorm(config.n_embd)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x):
        y = self.ln1(x)
        x = x + self.dropout(self.proj(torch.cat([head(y) for head in self.heads], dim=-1)))
        return x + self.dropout(self.ffwd(self.ln2(x)))


class TinyGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.n_embd)
        self.position_embedding = nn.Embedding(config.block_size, config.n_embd)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.n_layer)))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size)
        self.lm_head.weight = self.token_embedding.weight
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, input_ids, labels=None):
        _, t = input_ids.shape
        if t > self.config.block_size:
            raise ValueError(f"{t} tokens > block_size {self.config.block_size}")
        x = self.token_embedding(input_ids) + self.position_embedding(torch.arange(t, device=input_ids.device))
        logits = self.lm_head(self.ln_f(self.blocks(x)))
        if labels is None:
            return logits, None
        b, t, c = logits[:, :-1].shape
        return logits, F.cross_entropy(logits[:, :-1].reshape(b * t, c), labels[:, 1:].reshape(b * t))
