"""Step 10, solved: one stack of layers reads the sentence, another writes its translation while looking at it."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class TranslatorConfig:
    """The sizes of a translator; `smoothing` and `pad` belong to its loss."""

    src_vocab: int
    tgt_vocab: int  # V
    n_layer: int = 2  # in the encoder, and again in the decoder
    n_head: int = 4
    d_model: int = 128  # C
    d_ff: int = 512  # the width inside a feed-forward part
    dropout: float = 0.1
    max_len: int = 64  # the longest sentence, on either side
    pad: int = 0
    smoothing: float = 0.1


class Attention(nn.Module):
    """Every position of x asks, every position of `memory` that the mask allows answers."""

    def __init__(self, config: TranslatorConfig):
        super().__init__()
        self.n_head = config.n_head
        self.query, self.key, self.value, self.out = (nn.Linear(config.d_model, config.d_model) for _ in range(4))

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """(B, T, C), (B, S, C) and a bool mask that broadcasts to (B, T, S) -> (B, T, C)."""
        q, k, v = (
            part.unflatten(-1, (self.n_head, -1)).transpose(1, 2)  # (B, n_head, T or S, C / n_head)
            for part in (self.query(x), self.key(memory), self.value(memory))
        )
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask.unsqueeze(1))  # the same mask for every head
        return self.out(y.transpose(1, 2).flatten(2))  # the heads side by side again


class EncoderLayer(nn.Module):
    """Look around, then think: each part reads the stream through a normalisation and adds to it (pre-norm)."""

    def __init__(self, config: TranslatorConfig):
        super().__init__()
        self.norm_attention, self.norm_ff = nn.LayerNorm(config.d_model), nn.LayerNorm(config.d_model)
        self.attention = Attention(config)
        self.ff = nn.Sequential(
            nn.Linear(config.d_model, config.d_ff), nn.ReLU(), nn.Linear(config.d_ff, config.d_model)
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        y = self.norm_attention(x)
        x = x + self.dropout(self.attention(y, y, mask))
        return x + self.dropout(self.ff(self.norm_ff(x)))


class DecoderLayer(EncoderLayer):
    """The same, and in between a look at what the encoder made of the source."""

    def __init__(self, config: TranslatorConfig):
        super().__init__(config)
        self.norm_cross = nn.LayerNorm(config.d_model)
        self.cross = Attention(config)

    def forward(self, x: Tensor, mask: Tensor, memory: Tensor, src_mask: Tensor) -> Tensor:  # type: ignore[override]
        """(B, T, C) and the memory (B, S, C) -> (B, T, C)."""
        y = self.norm_attention(x)
        x = x + self.dropout(self.attention(y, y, mask))
        x = x + self.dropout(self.cross(self.norm_cross(x), memory, src_mask))
        return x + self.dropout(self.ff(self.norm_ff(x)))


class Embedding(nn.Module):
    """Tokens and their places: rows of a table scaled by sqrt(C), plus waves (Vaswani et al. 2017, sections 3.4-5)."""

    waves: Tensor

    def __init__(self, vocab_size: int, config: TranslatorConfig):
        super().__init__()
        self.table = nn.Embedding(vocab_size, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.scale = math.sqrt(config.d_model)
        places = torch.arange(config.max_len).unsqueeze(1)
        angles = places * 10_000 ** (-torch.arange(0, config.d_model, 2) / config.d_model)  # (max_len, C / 2)
        waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, : config.d_model]
        self.register_buffer("waves", waves)  # (max_len, C): not trained, but it moves to the device

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, C); raises ValueError if T > max_len."""
        T, max_len = ids.size(1), self.waves.size(0)
        if max_len < T:
            raise ValueError(f"a sentence of {T} tokens is longer than max_len ({max_len})")
        return self.dropout(self.table(ids) * self.scale + self.waves[:T])


class Translator(nn.Module):
    """An encoder-decoder; raises ValueError unless the heads can share out `d_model` evenly."""

    def __init__(self, config: TranslatorConfig):
        super().__init__()
        if config.d_model % config.n_head != 0:
            raise ValueError(f"d_model ({config.d_model}) must be a multiple of n_head ({config.n_head})")
        self.config = config
        self.src_embed, self.tgt_embed = Embedding(config.src_vocab, config), Embedding(config.tgt_vocab, config)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_layer))
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.n_layer))
        self.norm_memory, self.norm_out = nn.LayerNorm(config.d_model), nn.LayerNorm(config.d_model)
        self.head = nn.Linear(config.d_model, config.tgt_vocab)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=config.d_model**-0.5)  # about 1 a channel once it is scaled

    def encode(self, src: Tensor, src_mask: Tensor) -> Tensor:
        """What the source says, word by word: (B, S) and a bool mask (B, 1, S) -> the memory (B, S, C)."""
        x = self.src_embed(src)
        for layer in self.encoder:
            x = layer(x, src_mask)
        return self.norm_memory(x)

    def decode(self, memory: Tensor, src_mask: Tensor, tgt: Tensor, tgt_mask: Tensor) -> Tensor:
        """What comes after each target token: (B, T), a mask (B or 1, T, T) -> log-probabilities (B, T, V)."""
        x = self.tgt_embed(tgt)
        for layer in self.decoder:
            x = layer(x, tgt_mask, memory, src_mask)
        return self.head(self.norm_out(x)).log_softmax(dim=-1)

    def forward(self, batch) -> Tensor:
        """The label-smoothed loss of a batch per target token, a scalar (step 11 explains the loss)."""
        memory = self.encode(batch.src, batch.src_mask)
        log_probs = self.decode(memory, batch.src_mask, batch.tgt, batch.tgt_mask).flatten(0, 1)  # (N, V)
        targets = batch.tgt_y.flatten()  # (N,)
        pad, smoothing, V = self.config.pad, self.config.smoothing, self.config.tgt_vocab
        wanted = torch.full_like(log_probs, smoothing / (V - 2)).scatter(1, targets.unsqueeze(1), 1 - smoothing)
        wanted[:, pad] = 0
        wanted[targets == pad] = 0
        return F.kl_div(log_probs, wanted, reduction="sum") / (targets != pad).sum().clamp(min=1)
