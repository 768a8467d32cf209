"""Small language models and loaders for the training suites, built so that every fault of a loop shows."""

import weakref
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def next_token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of the logits at t (B, T, V) against the label at t + 1."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


class _Token:
    """Lives as long as the graph of one forward pass."""


class _Attach(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, token: _Token) -> Tensor:
        ctx.token = token
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


class JoltLM(nn.Module):
    """A two-layer model in float64 whose loss is multiplied by loudness[first token of the batch].

    So the gradients of one batch may be a hundred times those of the next. Adam does not feel a factor that all steps
    share, but it feels this. `seen` has a note for every call; `graphs()` counts the passes still held in memory.
    """

    loudness: Tensor

    def __init__(self, vocab_size: int, width: int):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, width)
        self.hidden = nn.Linear(width, width)
        self.drop = nn.Dropout(0.0)  # a module below, which has to be put in train mode too
        self.head = nn.Linear(width, vocab_size)
        self.register_buffer("loudness", torch.ones(vocab_size))
        self.double()
        self.seen: list[dict[str, Any]] = []
        self._tokens: list[weakref.ref[_Token]] = []

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        same = labels is not None and torch.equal(labels, input_ids)
        self.seen.append({"train": all(part.training for part in self.modules()), "labels": same})
        logits = self.head(self.drop(torch.tanh(self.hidden(self.embed(input_ids)))))  # (B, T, V)
        if labels is None:
            return logits, None
        token = _Token()
        self._tokens.append(weakref.ref(token))
        loss = next_token_loss(logits, labels) * self.loudness[input_ids[0, 0]]
        return logits, _Attach.apply(loss, token)

    def graphs(self) -> int:
        return sum(ref() is not None for ref in self._tokens)


class TableLM(nn.Module):
    """The logits at t are row input_ids[t] of a (V, V) table of zeros: it can learn any first-order source exactly."""

    def __init__(self, vocab_size: int):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(vocab_size, vocab_size))

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        logits = self.table[input_ids]
        return logits, None if labels is None else next_token_loss(logits, labels)


class Arrived(Exception):  # noqa: N818 - not a fault: the first call has been seen
    """Raised by `Witness` to end a run at its first call."""


class Witness(nn.Module):
    """Notes in `places` the device of its parameters, inputs and labels at the first call, and stops there."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.places: dict[str, str] = {}

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        found = {"the model": self.weight, "input_ids": input_ids, "labels": labels}
        self.places = {name: t.device.type for name, t in found.items() if t is not None}
        raise Arrived("the first call was seen")


class Stream:
    """A loader with nothing but `__iter__`: the n-th complete pass over it gives the n-th list of batches."""

    def __init__(self, epochs: list[list[Tensor]]):
        self.epochs, self.done = epochs, 0

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        for ids in self.epochs[self.done % len(self.epochs)]:
            yield {"input_ids": ids.clone()}
        self.done += 1


class SizedStream(Stream):
    """A Stream that has a length too, as a DataLoader has: the batches of one pass."""

    def __len__(self) -> int:
        return len(self.epochs[0])
