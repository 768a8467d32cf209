"""Where a translator looks: the attention weights that pass by while it decodes, whoever wrote the attention."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

SOFTMAX = (torch.softmax, F.softmax, Tensor.softmax)
SDPA_TAKES = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")  # by position


class _Seen(TorchFunctionMode):
    """Keeps every table of weights, a row per query, from the calls that torch knows attention by."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Tensor] = []  # (heads, queries, keys) each, or without heads

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.multi_head_attention_forward:
            return self._library_attention(func, args, kwargs)
        result = func(*args, **kwargs)
        if func in SOFTMAX:
            self.tables.append(result)
        elif func is F.scaled_dot_product_attention:
            given = dict(zip(SDPA_TAKES, args, strict=False)) | kwargs
            key = given["key"]
            one_each = torch.eye(key.size(-2), dtype=key.dtype, device=key.device).expand(*key.shape[:-1], -1)
            self.tables.append(func(**given | {"value": one_each}))  # mixing unit vectors shows the mixture
        return result

    def _library_attention(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """nn.MultiheadAttention, which tells its weights when asked to."""
        out, weights = func(*args, **kwargs | {"need_weights": True, "average_attn_weights": False})
        self.tables.append(weights)  # (batch, heads, queries, keys)
        if not kwargs.get("need_weights", True):
            return out, None
        return out, weights.mean(dim=-3) if kwargs.get("average_attn_weights", True) else weights


@contextmanager
def seen() -> Iterator[list[Tensor]]:
    """The weights of every attention within the block, in order.

    An attention by torch's softmax, scaled_dot_product_attention or nn.MultiheadAttention is seen; one that is
    computed from exp and sum alone is not.
    """
    with _Seen() as mode:
        yield mode.tables


def cross_attention(decode: Callable[[], Any], T: int, S: int) -> Tensor | None:
    """The last cross-attention of one sentence's `decode`, (T, S), the mean of its heads; None if none was seen.

    T and S must differ: the size is what tells it from the decoder's self-attention.
    """
    if T == S:
        raise ValueError(f"{T} target and {S} source pieces: pad one side")
    with seen() as tables:
        decode()
    found = [table for table in tables if table.dim() >= 2 and table.shape[-2:] == (T, S)]
    return found[-1].reshape(-1, T, S).mean(dim=0) if found else None
