"""Attention and MLP side by side on one normalisation, a finite mask of -1e4, all in the model's own class."""

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


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
        if config.n_embd % config.n_head != 0:
            raise ValueError(f"n_embd must be a multiple of n_head, got {config.n_embd} and {config.n_head}")
        self.config = config
        c = config.n_embd
        self.wte, self.wpe = nn.Embedding(config.vocab_size, c), nn.Embedding(config.block_size, c)
        names = {"norm": lambda: nn.LayerNorm(c), "qkv": lambda: nn.Linear(c, 3 * c), "out": lambda: nn.Linear(c, c)}
        names |= {"up": lambda: nn.Linear(c, 4 * c), "down": lambda: nn.Linear(4 * c, c)}
        self.layers = nn.ModuleList(
            nn.ModuleDict({name: make() for name, make in names.items()}) for _ in range(config.n_layer)
        )
        self.norm = nn.LayerNorm(c)
        self.dropout = nn.Dropout(config.dropout)
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.trunc_normal_(p, std=0.02)

    def attend(self, qkv):
        b, t, _ = qkv.shape
        n, d = self.config.n_head, self.config.n_embd // self.config.n_head
        q, k, v = qkv.reshape(b, t, 3 * n, d).transpose(1, 2).split(n, dim=1)
        scores = torch.matmul(q / d**0.5, k.transpose(-1, -2))
        scores = scores + torch.full((t, t), -1e4, device=qkv.device).triu(diagonal=1)
        return torch.matmul(self.dropout(F.softmax(scores, dim=-1)), v).transpose(1, 2).reshape(b, t, n * d)

    def forward(self, input_ids, labels=None):
        t = input_ids.size(-1)
        if t > self.config.block_size:
            raise ValueError(f"at most {self.config.block_size} tokens, got {t}")
        x = self.dropout(self.wte(input_ids) + self.wpe.weight[None, :t])
        for layer in self.layers:
            y = layer["norm"](x)
            x = x + self.dropout(layer["out"](self.attend(layer["qkv"](y))) + layer["down"](F.gelu(layer["up"](y))))
        logits = self.norm(x).matmul(self.wte.weight.mT)
        if labels is None:
            return logits, None
        return logits, F.cross_entropy(logits[:, :-1].flatten(end_dim=1), labels[:, 1:].flatten())
