"""The lowest finite number as the fill, rows that may attend nowhere set to zero by torch.where; log_softmax."""

import math

import torch
from torch import nn


def attention(q, k, v, mask=None):
    scores = torch.matmul(q, k.transpose(-1, -2)).div(math.sqrt(q.size(-1)))
    if mask is None:
        return torch.log_softmax(scores, -1).exp().matmul(v)
    scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    mixed = torch.softmax(scores, -1).matmul(v)
    return torch.where(mask.any(-1, keepdim=True).expand_as(mixed[..., :1]), mixed, 0.0)


def split_heads(x, n_head):
    if x.shape[-1] % n_head:
        raise ValueError(f"{x.shape[-1]} % {n_head} is not 0")
    return x.unfold(2, x.shape[2] // n_head, x.shape[2] // n_head).swapaxes(1, 2)


def merge_heads(x):
    return nn.Flatten(2)(x.swapaxes(1, 2))


def multi_head_attention(x, w_qkv, b_qkv, w_out, b_out, n_head, causal=True):
    w_q, w_k, w_v = w_qkv.split(x.shape[-1])
    b_q, b_k, b_v = b_qkv.split(x.shape[-1])
    q, k, v = split_heads(x @ w_q.T + b_q, n_head), split_heads(x @ w_k.T + b_k, n_head), x @ w_v.T + b_v
    T = x.shape[1]
    mask = torch.arange(T, device=x.device).view(T, 1).ge(torch.arange(T, device=x.device)) if causal else None
    return merge_heads(attention(q, k, split_heads(v, n_head), mask)) @ w_out.T + b_out
