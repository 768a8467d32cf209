"""A vocabulary padded to a multiple of 64, the logits cut back to V; projections that start at zero."""

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


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        c = config.n_embd
        self.n_head, self.dropout = config.n_head, config.dropout
        self.ln1, self.ln2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.qkv, self.proj = nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.fc, self.fc_proj = nn.Linear(c, 4 * c), nn.Linear(4 * c, c)
        nn.init.zeros_(self.proj.weight)
        nn.init.zeros_(self.fc_proj.weight)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (z.view(b, t, self.n_head, -1).transpose(1, 2) for z in self.qkv(self.ln1(x)).split(c, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + F.dropout(self.proj(y.transpose(1, 2).reshape(b, t, c)), self.dropout, self.training)
        return x + F.dropout(self.fc_proj(F.gelu(self.fc(self.ln2(x)))), self.dropout, self.training)


class TinyGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        if config.n_embd % config.n_head:
            raise ValueError(f"n_embd {config.n_embd} % n_head {config.n_head} != 0")
        self.config = config
        rows = (config.vocab_size + 63) // 64 * 64
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(rows, config.n_embd),
                "wpe": nn.Embedding(config.block_size, config.n_embd),
                "h": nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
                "ln_f": nn.LayerNorm(config.n_embd),
            }
        )
        self.lm_head = nn.Linear(config.n_embd, rows, bias=False)
        nn.init.normal_(self.lm_head.weight, std=0.02)
        nn.init.normal_(self.transformer["wpe"].weight, std=0.02)
        self.transformer["wte"].weight = self.lm_head.weight

    def forward(self, input_ids, labels=None):
        t = input_ids.size(1)
        if t > self.config.block_size:
            raise ValueError(f"cannot read {t} tokens, only {self.config.block_size}")
        x = self.transformer["wte"](input_ids) + self.transformer["wpe"](torch.arange(t, device=input_ids.device))
        for block in self.transformer["h"]:
            x = block(x)
        logits = self.lm_head(self.transformer["ln_f"](x))[..., : self.config.vocab_size]
        loss = None if labels is None else F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return logits, loss
