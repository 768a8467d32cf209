"""As in The Annotated Transformer: post-norm sublayers, -1e9 for what is masked, Xavier everywhere, a loss module."""

import math
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class TranslatorConfig:
    src_vocab: int
    tgt_vocab: int
    n_layer: int = 2
    n_head: int = 4
    d_model: int = 128
    d_ff: int = 512
    dropout: float = 0.1
    max_len: int = 64
    pad: int = 0
    smoothing: float = 0.1


class MultiHeaded(nn.Module):
    def __init__(self, h, d_model, dropout):
        super().__init__()
        self.d_k, self.h = d_model // h, h
        self.linears = nn.ModuleList([nn.Linear(d_model, d_model) for _ in range(4)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, query, key, value, mask):
        batch = query.size(0)
        mask = mask.unsqueeze(1)
        query, key, value = (
            lin(x).view(batch, -1, self.h, self.d_k).transpose(1, 2)
            for lin, x in zip(self.linears, (query, key, value), strict=False)
        )
        scores = torch.matmul(query, key.transpose(-2, -1)) / math.sqrt(self.d_k)
        weights = self.dropout(scores.masked_fill(mask == 0, -1e9).softmax(dim=-1))
        x = torch.matmul(weights, value).transpose(1, 2).contiguous().view(batch, -1, self.h * self.d_k)
        return self.linears[-1](x)


class Sublayer(nn.Module):
    """Add, then normalise."""

    def __init__(self, size, dropout):
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(size), nn.Dropout(dropout)

    def forward(self, x, part):
        return self.norm(x + self.dropout(part(x)))


class Layer(nn.Module):
    def __init__(self, c, sublayers):
        super().__init__()
        self.self_attn = MultiHeaded(c.n_head, c.d_model, c.dropout)
        self.src_attn = MultiHeaded(c.n_head, c.d_model, c.dropout) if sublayers == 3 else None
        self.ff = nn.Sequential(
            nn.Linear(c.d_model, c.d_ff), nn.ReLU(), nn.Dropout(c.dropout), nn.Linear(c.d_ff, c.d_model)
        )
        self.sublayer = nn.ModuleList([Sublayer(c.d_model, c.dropout) for _ in range(sublayers)])

    def forward(self, x, mask, memory=None, src_mask=None):
        x = self.sublayer[0](x, lambda y: self.self_attn(y, y, y, mask))
        if self.src_attn is not None:
            x = self.sublayer[1](x, lambda y: self.src_attn(y, memory, memory, src_mask))
        return self.sublayer[-1](x, self.ff)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout, max_len):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        pe = torch.zeros(max_len, d_model + d_model % 2)
        position = torch.arange(0, max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * -(math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe[None, :, :d_model], persistent=False)

    def forward(self, x):
        if x.size(1) > self.pe.size(1):
            raise ValueError("too long")
        return self.dropout(x + self.pe[:, : x.size(1)])


class Translator(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.lut = nn.ModuleList([nn.Embedding(v, config.d_model) for v in (config.src_vocab, config.tgt_vocab)])
        self.position = PositionalEncoding(config.d_model, config.dropout, config.max_len)
        self.encoder = nn.ModuleList([Layer(config, 2) for _ in range(config.n_layer)])
        self.decoder = nn.ModuleList([Layer(config, 3) for _ in range(config.n_layer)])
        self.generator = nn.Linear(config.d_model, config.tgt_vocab)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def embed(self, which, ids):
        return self.position(self.lut[which](ids) * math.sqrt(self.config.d_model))

    def encode(self, src, src_mask):
        x = self.embed(0, src)
        for layer in self.encoder:
            x = layer(x, src_mask)
        return x

    def decode(self, memory, src_mask, tgt, tgt_mask):
        x = self.embed(1, tgt)
        for layer in self.decoder:
            x = layer(x, tgt_mask, memory, src_mask)
        return torch.log_softmax(self.generator(x), dim=-1)

    def forward(self, batch):
        c = self.config
        out = self.decode(self.encode(batch.src, batch.src_mask), batch.src_mask, batch.tgt, batch.tgt_mask)
        out, target = out.contiguous().view(-1, c.tgt_vocab), batch.tgt_y.contiguous().view(-1)
        true_dist = out.data.clone()
        true_dist.fill_(c.smoothing / (c.tgt_vocab - 2))
        true_dist.scatter_(1, target.unsqueeze(1), 1.0 - c.smoothing)
        true_dist[:, c.pad] = 0
        rows = torch.nonzero(target == c.pad)
        if rows.dim() > 0:
            true_dist.index_fill_(0, rows.squeeze(-1), 0.0)
        return nn.KLDivLoss(reduction="sum")(out, true_dist) / max(int(batch.n_tokens), 1)
