"""After The Annotated Transformer: triu, inverted; padded queries may look at themselves, so that no row is empty."""

import torch


def subsequent_mask(size):
    attn_shape = (1, size, size)
    return torch.triu(torch.ones(attn_shape), diagonal=1).type(torch.uint8) == 0


class Batch:
    def __init__(self, src, tgt=None, pad=0):
        self.src = src.clone()
        self.src_mask = (src != pad).unsqueeze(-2)
        self.tgt = self.tgt_y = self.tgt_mask = None
        self.n_tokens = 0
        if tgt is not None:
            self.tgt = tgt[:, :-1].contiguous()
            self.tgt_y = tgt[:, 1:].contiguous()
            self.tgt_mask = self.make_std_mask(self.tgt, pad)
            self.n_tokens = (self.tgt_y != pad).long().sum().item()

    @staticmethod
    def make_std_mask(tgt, pad):
        words = tgt != pad
        mask = words.unsqueeze(-2) & subsequent_mask(tgt.size(-1)).to(tgt.device)
        itself = torch.eye(tgt.size(-1), dtype=torch.bool, device=tgt.device)
        return mask | (itself & ~words.unsqueeze(-1))
