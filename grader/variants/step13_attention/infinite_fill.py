"""-inf in place of forbidden scores, nan_to_num on the weights, a fourth root each for q and k, one big permute."""

import torch


def attention(q, k, v, mask=None):
    root = q.shape[-1] ** 0.25
    scores = (q / root) @ (k / root).mT
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), float("-inf"))
    return torch.nn.functional.softmax(scores, dim=-1).nan_to_num(0.0) @ v


def split_heads(x, n_head):
    if x.shape[-1] % n_head != 0:
        raise ValueError(f"embedding of {x.shape[-1]} is not divisible by {n_head} heads")
    return x.reshape(x.shape[0], x.shape[1], n_head, -1).permute(0, 2, 1, 3).contiguous()


def merge_heads(x):
    return x.movedim(1, 2).reshape(x.shape[0], x.shape[2], x.shape[1] * x.shape[3])


def multi_head_attention(x, w_qkv, b_qkv, w_out, b_out, n_head, causal=True):
    B, T, C = x.shape
    if C % n_head != 0:
        raise ValueError(f"embedding of {C} is not divisible by {n_head} heads")
    q, k, v = (x @ w_qkv.T + b_qkv).view(B, T, 3, n_head, C // n_head).permute(2, 0, 3, 1, 4)
    mask = None
    if causal:
        mask = ~torch.triu(torch.ones(1, 1, T, T, dtype=torch.bool, device=x.device), diagonal=1)
    return torch.addmm(b_out, merge_heads(attention(q, k, v, mask)).reshape(B * T, C), w_out.T).view(B, T, C)
