"""nn.MultiheadAttention with time first, a bool mask, and dropout on the embeddings."""

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
    def __init__(self, n_embd, n_head, dropout):
        super().__init__()
        self.ln1 = nn.LayerNorm(n_embd)
        self.mha = nn.MultiheadAttention(n_embd, n_head, dropout=dropout)
        self.ln2 = nn.LayerNorm(n_embd)
        self.fc1 = nn.Linear(n_embd, 4 * n_embd)
        self.fc2 = nn.Linear(4 * n_embd, n_embd)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, hidden):
        h = self.ln1(x)
        h, _ = self.mha(h, h, h, attn_mask=hidden, need_weights=False)
        x = x + self.dropout(h)
        return x + self.dropout(self.fc2(F.gelu(self.fc1(self.ln2(x)))))


class TinyGPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        if config.n_embd % config.n_head:
            raise ValueError(f"{config.n_embd} channels, {config.n_head} heads")
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.n_embd)
        self.pos_emb = nn.Embedding(config.block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            [Block(config.n_embd, config.n_head, config.dropout) for _ in range(config.n_layer)]
        )
        self.ln = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.head.weight = self.tok_emb.weight
        for name, p in self.named_parameters():
            if p.ndim == 2:
                nn.init.normal_(p, 0.0, 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, input_ids, labels=None):
        t = input_ids.shape[1]
        if t > self.config.block_size:
            raise ValueError(f"got {t} tokens, at most {self.config.block_size}")
        rows = torch.arange(t, device=input_ids.device)
        x = self.drop(self.tok_emb(input_ids) + self.pos_emb(rows)).transpose(0, 1)  # (T, B, C)
        hidden = rows[None, :] > rows[:, None]
        for block in self.blocks:
            x = block(x, hidden)
        logits = self.head(self.ln(x)).transpose(0, 1)
        if labels is None:
            return logits, None
        losses = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="none")
        scored = (labels[:, 1:] != -100).flatten()
        return logits, (losses * scored).sum() / scored.sum()
