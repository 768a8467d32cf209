"""Step 9, solved: sentences of different lengths in one rectangle, and the masks that say what is real."""

import torch
from torch import Tensor


def subsequent_mask(size: int) -> Tensor:
    """Who may look at whom while writing: (1, size, size) bool, True at [0, i, j] where j <= i."""
    return torch.ones(1, size, size, dtype=torch.bool).tril()


class Batch:
    """A batch of sentence pairs as the translator wants it: src (B, S) and tgt (B, T), token ids, filled up with pad.

    src, src_mask (B, S), (B, 1, S): the source, and a bool mask that is True off padding.
    tgt, tgt_y (B, T-1), (B, T-1): what the decoder reads, and the token that it should say after each of them.
    tgt_mask (B, T-1, T-1): bool, True where attention is allowed: not later than oneself, and not padding.
    n_tokens: int, the targets in tgt_y that are not padding.
    Without tgt the three target attributes are None, and n_tokens is 0.
    """

    def __init__(self, src: Tensor, tgt: Tensor | None = None, pad: int = 0):
        self.src = src
        self.src_mask = (src != pad).unsqueeze(1)  # (B, 1, S): the same for every position that looks
        self.tgt: Tensor | None = None
        self.tgt_y: Tensor | None = None
        self.tgt_mask: Tensor | None = None
        self.n_tokens = 0
        if tgt is not None:
            self.tgt, self.tgt_y = tgt[:, :-1], tgt[:, 1:]  # at t it has read tgt[: t + 1] and should say tgt[t + 1]
            causal = subsequent_mask(self.tgt.size(1)).to(tgt.device)
            self.tgt_mask = (self.tgt != pad).unsqueeze(1) & causal  # (B, 1, T-1) & (1, T-1, T-1)
            self.n_tokens = int((self.tgt_y != pad).sum())
