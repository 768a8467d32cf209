"""The library's own layers, with its inverted masks; learnt positions; padding found from the mask alone."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
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


class Translator(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = c = config
        self.src_words, self.tgt_words = nn.Embedding(c.src_vocab, c.d_model), nn.Embedding(c.tgt_vocab, c.d_model)
        self.src_places, self.tgt_places = nn.Embedding(c.max_len, c.d_model), nn.Embedding(c.max_len, c.d_model)
        options = {"dim_feedforward": c.d_ff, "dropout": c.dropout, "batch_first": True}
        self.dropout = nn.Dropout(c.dropout)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(c.d_model, c.n_head, **options), c.n_layer, enable_nested_tensor=False
        )
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(c.d_model, c.n_head, **options), c.n_layer)
        self.head = nn.Linear(c.d_model, c.tgt_vocab)

    def _embed(self, ids, words, places):
        if ids.shape[1] > self.config.max_len:
            raise ValueError(f"{ids.shape[1]} > {self.config.max_len}")
        return self.dropout(words(ids) + places.weight[: ids.shape[1]])

    def encode(self, src, src_mask):
        x = self._embed(src, self.src_words, self.src_places)
        return self.encoder(x, src_key_padding_mask=~src_mask[:, 0])

    def decode(self, memory, src_mask, tgt, tgt_mask):
        x = self._embed(tgt, self.tgt_words, self.tgt_places)
        forbidden = ~tgt_mask.expand(len(tgt), -1, -1).repeat_interleave(self.config.n_head, dim=0)
        x = self.decoder(x, memory, tgt_mask=forbidden, memory_key_padding_mask=~src_mask[:, 0])
        return F.log_softmax(self.head(x), -1)

    def forward(self, batch):
        c = self.config
        said = self.decode(self.encode(batch.src, batch.src_mask), batch.src_mask, batch.tgt, batch.tgt_mask)
        real = batch.tgt_y != c.pad
        said, wanted = said[real], batch.tgt_y[real]
        if not len(wanted):
            return said.sum()
        share = torch.full((len(wanted), c.tgt_vocab), c.smoothing / (c.tgt_vocab - 2), device=said.device)
        share[:, c.pad] = 0
        share[torch.arange(len(wanted)), wanted] = 1 - c.smoothing
        return F.kl_div(said, share, reduction="batchmean")
