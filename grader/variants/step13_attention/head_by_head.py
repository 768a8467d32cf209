"""Loops over heads and rows; only allowed places ever meet a softmax; weights cut into heads before projecting."""

import math

import torch


def attention(q, k, v, mask=None):
    lead, T = q.shape[:-2], q.shape[-2]
    allowed = None if mask is None else mask.expand(*lead, T, k.shape[-2])
    if lead:
        parts = [attention(q[i], k[i], v[i], None if allowed is None else allowed[i]) for i in range(lead[0])]
        return torch.stack(parts)
    rows = []
    for t in range(T):
        places = slice(None) if allowed is None else allowed[t]
        scores = k[places] @ q[t] / math.sqrt(q.shape[-1])
        rows.append(torch.softmax(scores, dim=0) @ v[places])  # of no places at all: the empty sum, zeros
    return torch.stack(rows)


def split_heads(x, n_head):
    d, rest = divmod(x.shape[2], n_head)
    if rest:
        raise ValueError(f"{x.shape[2]} channels, {n_head} heads: {rest} left over")
    return torch.stack([x[:, :, h * d : (h + 1) * d] for h in range(n_head)], 1)


def merge_heads(x):
    B, n_head, T, d = x.shape
    return x.permute(0, 2, 1, 3).reshape(B, T, n_head * d)


def multi_head_attention(x, w_qkv, b_qkv, w_out, b_out, n_head, causal=True):
    B, T, C = x.shape
    if C % n_head:
        raise ValueError(f"C={C} is no multiple of n_head={n_head}")
    d = C // n_head
    out = b_out.expand(B, T, C)
    mask = torch.tril(torch.ones((T, T), device=x.device)).bool() if causal else None
    for h in range(n_head):
        q, k, v = (
            x @ w_qkv[i * C + h * d : i * C + (h + 1) * d].T + b_qkv[i * C + h * d : i * C + (h + 1) * d]
            for i in range(3)
        )
        out = out + attention(q, k, v, mask) @ w_out[:, h * d : (h + 1) * d].T
    return out
