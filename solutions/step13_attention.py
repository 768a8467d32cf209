"""Step 13, solved: attention by hand. Compare, weigh, mix."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, equation 1): softmax(q k^T / sqrt(d)) v.

    q (..., T, d), k (..., S, d), v (..., S, d_v) -> (..., T, d_v), in their dtype. `mask` is bool and broadcasts to
    (..., T, S), True where row t may attend to s; None: everywhere. A row that may attend nowhere gives zeros.
    Scores may be large: nothing overflows.
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., T, S)
    if mask is None:
        return scores.softmax(-1) @ v
    lowest = torch.finfo(scores.dtype).min  # finite: a row of nothing but -inf would be 0 / 0
    weights = scores.masked_fill(~mask, lowest).softmax(-1)
    weights = weights * mask  # changes only the rows that may attend nowhere: their weights were even
    return weights @ v


def split_heads(x: Tensor, n_head: int) -> Tensor:
    """(B, T, C) -> (B, n_head, T, C / n_head): head h takes the h-th run of C / n_head channels.

    Raises ValueError, naming both, if C is not a multiple of n_head.
    """
    B, T, C = x.shape
    if C % n_head != 0:
        raise ValueError(f"C = {C} channels cannot be divided evenly among n_head = {n_head} heads")
    return x.reshape(B, T, n_head, C // n_head).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, n_head, T, d) -> (B, T, n_head * d): the inverse of split_heads."""
    return x.transpose(1, 2).flatten(2)


def multi_head_attention(
    x: Tensor, w_qkv: Tensor, b_qkv: Tensor, w_out: Tensor, b_out: Tensor, n_head: int, causal: bool = True
) -> Tensor:
    """Self-attention with n_head heads: project, split, attend, merge, project. (B, T, C) -> (B, T, C).

    w_qkv (3C, C) and b_qkv (3C,): the projections to q, k and v, stacked in this order; w_out (C, C) and b_out (C,).
    Weights are applied as nn.Linear does, x @ w.T + b. causal: position t attends to positions 0..t only.
    Raises ValueError, naming both, if C is not a multiple of n_head.
    """
    T = x.shape[1]
    q, k, v = (split_heads(part, n_head) for part in F.linear(x, w_qkv, b_qkv).chunk(3, dim=-1))  # (B, n_head, T, d)
    mask = torch.ones(T, T, dtype=torch.bool, device=x.device).tril() if causal else None
    return F.linear(merge_heads(attention(q, k, v, mask)), w_out, b_out)
