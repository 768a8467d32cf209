"""Hypotheses as objects; one that cannot win any more is dropped at once."""

from dataclasses import dataclass

import torch


@dataclass(order=True)
class Hypothesis:
    total: float
    tokens: list

    def rate(self, penalty):
        return self.total / (len(self.tokens) - 1) ** penalty if len(self.tokens) > 1 else self.total


class _Asked:
    """The model with its memory: log-probabilities of the next word for texts of one length."""

    def __init__(self, model, src, src_mask):
        self.model, self.src_mask, self.memory = model, src_mask, model.encode(src, src_mask)

    def __call__(self, texts):
        n, size = texts.shape
        seen = torch.ones(n, size, size, device=texts.device).tril().bool()
        rows = torch.zeros(n, dtype=torch.long) if len(self.memory) == 1 else torch.arange(n)
        return self.model.decode(self.memory[rows], self.src_mask[rows], texts, seen)[:, size - 1]


def greedy_decode(model, src, src_mask, *, max_len, bos, eos, pad=0):
    with torch.no_grad():
        ask, texts = _Asked(model, src, src_mask), torch.tensor([[bos]] * len(src), device=src.device)
        done = [False] * len(src)
        for _ in range(max_len - 1):
            words = ask(texts).argmax(-1).tolist()
            words = [pad if over else word for word, over in zip(words, done, strict=True)]
            done = [over or word == eos for word, over in zip(words, done, strict=True)]
            texts = torch.cat([texts, torch.tensor(words, device=src.device).view(-1, 1)], 1)
            if all(done):
                break
    return texts


def beam_search(model, src, src_mask, *, max_len, bos, eos, beam=4, length_penalty=0.0):
    with torch.no_grad():
        ask = _Asked(model, src, src_mask)
        going, over = [Hypothesis(0.0, [bos])], []
        while going and len(going[0].tokens) < max_len:
            rows = ask(torch.tensor([h.tokens for h in going], device=src.device)).tolist()
            grown = [
                Hypothesis(h.total + gain, [*h.tokens, word])
                for h, row in zip(going, rows, strict=True)
                for word, gain in enumerate(row)
            ]
            grown = sorted(grown, reverse=True)[:beam]
            over += [h for h in grown if h.tokens[-1] == eos]
            going = [h for h in grown if h.tokens[-1] != eos]
            if over:
                standing = max(h.rate(length_penalty) for h in over)
                lengths = (len(grown[0].tokens), max_len - 1)
                going = [h for h in going if max(h.total / n**length_penalty for n in lengths) > standing]
    return max(over + going, key=lambda h: h.rate(length_penalty)).tokens
