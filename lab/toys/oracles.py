"""Language models whose every answer is known beforehand, for the sampling suite.

Each is an nn.Module called as the real one is: model(input_ids (B, T)) -> (logits (B, T, V), None).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MODULUS = 10_007


def checksum(window: list[int], vocab_size: int, factor: int) -> int:
    """A number below `vocab_size` that depends on every token of the window, on their order and on their count."""
    total = 1
    for token in window:
        total = (total * factor + token + 1) % MODULUS
    return total % vocab_size


class ChecksumLM(nn.Module):
    """Likeliest next token: the checksum of exactly the tokens that it was shown. Refuses more than `limit`."""

    def __init__(self, vocab_size: int, factor: int, limit: int):
        super().__init__()
        self.vocab_size, self.factor, self.limit = vocab_size, factor, limit
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, None]:
        if input_ids.size(1) > self.limit:
            raise ValueError(f"a text of {input_ids.size(1)} tokens is longer than block_size ({self.limit})")
        total, best = torch.ones_like(input_ids[:, 0]), []
        for token in input_ids.unbind(1):
            total = (total * self.factor + token + 1) % MODULUS
            best.append(total % self.vocab_size)
        return self.scale * F.one_hot(torch.stack(best, 1), self.vocab_size), None


class BigramLM(nn.Module):
    """The logits at t are row input_ids[t] of a (V, V) table: what comes next depends on the last token alone."""

    def __init__(self, table: Tensor):
        super().__init__()
        self.table = nn.Parameter(table.clone())

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, None]:
        return self.table[input_ids], None


class FavouriteLM(nn.Module):
    """Always thinks the same token likeliest."""

    def __init__(self, vocab_size: int, token: int):
        super().__init__()
        self.logits = nn.Parameter(F.one_hot(torch.tensor(token), vocab_size).float())

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, None]:
        return self.logits.expand(*input_ids.shape, -1).clone(), None


class Observer(nn.Module):
    """Passes on to another model, and notes in `calls` what each call saw: {"length", "gradients", "dropout"}."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model, self.dropout = model, nn.Sequential(nn.Dropout(0.5))
        self.calls: list[dict[str, Any]] = []

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, None]:
        dropped = bool((self.dropout(torch.ones(64)) != 1).any())
        note = {"length": input_ids.size(1), "gradients": torch.is_grad_enabled(), "dropout": dropped}
        self.calls.append(note)
        return self.model(input_ids, labels)


class EncodeOnly:
    """A tokenizer with all its methods that cannot itself be called, as simple tokenizers cannot."""

    def __init__(self, tokenizer: Any):
        self._tokenizer = tokenizer

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("this tokenizer cannot be called: use tokenizer.encode(prompt)")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)
