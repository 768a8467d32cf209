"""Translators whose every probability is known beforehand, for the decoding suite.

Each has `encode` and `decode` as step 10 defines them, and notes in `calls` what every call was given.
"""

from typing import Any

import torch
from torch import Tensor, nn

STATES = 509  # rows of a table: the state after some tokens is one of them


def state(tokens: list[int], factor: int, start: int = 1) -> int:
    """A number below STATES that depends on every token, on their order and on their count."""
    for token in tokens:
        start = (start * factor + token + 1) % STATES
    return start


class PrefixTranslator(nn.Module):
    """The log-probabilities of the next word are row `state([len(source)] + source + written)` of a (STATES, V) table.

    The source's state goes into the memory, (B, S, 1), where decode finds it under the last True of src_mask: a memory
    or a mask of another sentence gives other words. Padding of the source counts only if the mask says so.
    """

    def __init__(self, table: Tensor, factor: int):
        super().__init__()
        self.table, self.factor = nn.Parameter(table.clone()), factor
        self.calls: list[dict[str, Any]] = []

    def encode(self, src: Tensor, src_mask: Tensor) -> Tensor:
        self._note("encode")
        at, states = self.factor + src_mask.expand(len(src), -1, -1)[:, 0].sum(1) + 1, []  # how many words there are
        at = at % STATES
        for token, real in zip(src.unbind(1), src_mask.expand(len(src), -1, -1)[:, 0].unbind(1), strict=True):
            at = torch.where(real, (at * self.factor + token + 1) % STATES, at)
            states.append(torch.where(real, at, (at + 7) % STATES))  # what stands under padding is another state
        return torch.stack(states, 1).unsqueeze(-1) + 0 * self.table.sum()

    def decode(self, memory: Tensor, src_mask: Tensor, tgt: Tensor, tgt_mask: Tensor) -> Tensor:
        T = tgt.size(1)
        shape, bool_mask = list(tgt_mask.shape), tgt_mask.dtype == torch.bool
        fits = len(shape) == 3 and shape[1:] == [T, T] and shape[0] in (1, len(tgt)) and bool_mask
        triangle = torch.ones(T, T, dtype=torch.bool, device=tgt.device).tril()
        self._note(
            "decode",
            length=T,
            mask=f"shape {tuple(shape)}, {str(tgt_mask.dtype).removeprefix('torch.')}",
            fits=fits,
            sees_future=fits and bool((tgt_mask & ~triangle).any()),
            last_row=[[bool(seen) for seen in row] for row in tgt_mask.expand(len(tgt), T, T)[:, -1]] if fits else [],
            tokens=tgt.tolist(),
        )
        words = src_mask[:, 0].long()
        last = (words * torch.arange(1, words.size(1) + 1, device=words.device)).argmax(1)  # of each source
        sources = memory[:, :, 0].round().long().expand(max(len(memory), len(last)), -1)
        at = sources.gather(1, last.expand(len(sources)).unsqueeze(1))[:, 0].expand(len(tgt))
        states = []
        for token in tgt.unbind(1):
            at = (at * self.factor + token + 1) % STATES
            states.append(at)
        return self.table[torch.stack(states, 1)]

    def _note(self, part: str, **more: Any) -> None:
        self.calls.append({"part": part, "gradients": torch.is_grad_enabled(), "training": self.training} | more)


class LastWordTranslator(PrefixTranslator):
    """The log-probabilities of the next word are row `last word` of a (V, V) table; the source does not matter."""

    def __init__(self, table: Tensor):
        super().__init__(table, 1)

    def decode(self, memory: Tensor, src_mask: Tensor, tgt: Tensor, tgt_mask: Tensor) -> Tensor:
        self._note("decode", length=tgt.size(1))
        return self.table[tgt]
