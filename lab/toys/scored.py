"""A language model whose loss on any text is known by arithmetic, for the perplexity suite."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class ScoredLM(nn.Module):
    """The logits at t are row input_ids[t] of a (V, V) table; with dropout: every call in train mode differs.

    model(input_ids, labels) returns (logits, mean cross-entropy over the labels from the second on that are not -100),
    as step 1's model does: NaN where there are none. `seen` has a note for every call.
    """

    def __init__(self, table: Tensor):
        super().__init__()
        self.table = nn.Parameter(table.clone())
        self.parts = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.1)))
        self.seen: list[dict[str, Any]] = []

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        self.seen.append(
            {
                "eval": not any(part.training for part in self.modules()),
                "gradients": torch.is_grad_enabled(),
                "labels": None if labels is None else labels.tolist(),
                "places": sorted({t.device.type for t in (input_ids, labels) if t is not None}),
            }
        )
        logits = self.parts(self.table)[input_ids]  # (B, T, V)
        if labels is None:
            return logits, None
        scores = logits[:, :-1].flatten(0, 1)
        return logits, F.cross_entropy(scores, labels[:, 1:].flatten(), ignore_index=-100)


NUMBERS = {torch.Tensor.item, torch.Tensor.__int__, torch.Tensor.__float__, torch.Tensor.__bool__}


class MetaCounts(TorchFunctionMode):
    """`with MetaCounts():` a number read from a meta tensor, which has none, is 3: code that counts tokens can go on.

    What else a meta tensor cannot do is a RuntimeError that names it, or, for a weight, says that the model was moved.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in NUMBERS and args[0].is_meta:
            return func(torch.tensor(3))
        try:
            return func(*args, **(kwargs or {}))
        except NotImplementedError as error:
            if isinstance(args[0], nn.Parameter):
                raise RuntimeError("the model was moved off its device") from error
            raise RuntimeError("a meta tensor holds no numbers") from error
