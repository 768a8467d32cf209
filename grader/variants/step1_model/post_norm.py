"""Post-norm, the original order: every block ends in its normalisation, so none follows the last one."""

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


class TinyGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        if config.n_embd % config.n_head:
            raise ValueError(f"n_embd {config.n_embd}, n_head {config.n_head}: not a multiple")
        self.config = config
        self.token = nn.Embedding(config.vocab_size, config.n_embd)
        self.position = nn.Embedding(config.block_size, config.n_embd)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.n_embd,
                config.n_head,
                4 * config.n_embd,
                config.dropout,
                activation=F.gelu,
                batch_first=True,
                norm_first=False,
            )
            for _ in range(config.n_layer)
        )
        nn.init.normal_(self.token.weight, std=0.02)
        nn.init.normal_(self.position.weight, std=0.02)

    def forward(self, input_ids, labels=None):
        t = input_ids.size(1)
        if t > self.config.block_size:
            raise ValueError(f"T={t} > block_size={self.config.block_size}")
        future = torch.ones(t, t, dtype=torch.bool, device=input_ids.device).triu(1)
        x = self.token(input_ids) + self.position.weight[:t]
        for layer in self.layers:
            x = layer(x, src_mask=future)
        logits = x @ self.token.weight.T
        if labels is None:
            return logits, None
        targets = torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], -100)], dim=1)
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)
