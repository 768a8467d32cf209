"""Masks by comparing places; everything worked out when it is asked for."""

import torch


def subsequent_mask(size):
    place = torch.arange(size)
    return (place[None, :] <= place[:, None])[None]


class Batch:
    def __init__(self, src, tgt=None, pad=0):
        self.src, self._tgt, self._pad = src, tgt, pad

    @property
    def src_mask(self):
        return self.src.ne(self._pad)[:, None, :]

    @property
    def tgt(self):
        return None if self._tgt is None else self._tgt[:, :-1]

    @property
    def tgt_y(self):
        return None if self._tgt is None else self._tgt[:, 1:]

    @property
    def tgt_mask(self):
        if self._tgt is None:
            return None
        words = self.tgt.ne(self._pad)
        place = torch.arange(words.size(1), device=words.device)
        return words[:, None, :] * (place <= place[:, None])

    @property
    def n_tokens(self):
        return 0 if self._tgt is None else self.tgt_y.ne(self._pad).sum().item()
