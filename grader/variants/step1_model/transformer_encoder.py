"""nn.TransformerEncoder, pre-norm, with a square float mask; its layers start as copies of one."""

from dataclasses import dataclass

import torch
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
        if config.n_embd % config.n_head != 0:
            raise ValueError(f"n_embd={config.n_embd} must be divisible by n_head={config.n_head}")
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.block_size, config.n_embd)
        layer = nn.TransformerEncoderLayer(
            config.n_embd,
            config.n_head,
            dim_feedforward=4 * config.n_embd,
            dropout=config.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(
            layer, config.n_layer, nn.LayerNorm(config.n_embd), enable_nested_tensor=False
        )
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        nn.init.normal_(self.wte.weight, std=0.02)
        self.lm_head.weight = self.wte.weight

    def forward(self, input_ids, labels=None):
        _, t = input_ids.shape
        if t > self.config.block_size:
            raise ValueError(f"sequence of {t} tokens, block_size {self.config.block_size}")
        mask = nn.Transformer.generate_square_subsequent_mask(t, device=input_ids.device)
        x = self.wte(input_ids) + self.wpe(torch.arange(t, device=input_ids.device))
        logits = self.lm_head(self.encoder(x, mask=mask, is_causal=True))
        loss = None
        if labels is not None:
            loss = nn.CrossEntropyLoss()(logits[:, :-1].reshape(-1, logits.size(-1)), labels[:, 1:].reshape(-1))
        return logits, loss
