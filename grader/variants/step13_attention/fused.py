"""PyTorch's own scaled_dot_product_attention, and rows that may attend nowhere set to zero afterwards."""

import torch.nn.functional as F


def attention(q, k, v, mask=None):
    if mask is None:
        return F.scaled_dot_product_attention(q, k, v)
    mask = mask.expand(*q.shape[:-1], k.shape[-2])
    nowhere = ~mask.any(-1, keepdim=True)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask | nowhere)
    return out.masked_fill(nowhere, 0.0)


def split_heads(x, n_head):
    if x.size(-1) % n_head:
        raise ValueError(f"cannot split {x.size(-1)} into {n_head}")
    return x.unflatten(-1, (n_head, -1)).transpose(1, 2)


def merge_heads(x):
    return x.transpose(1, 2).contiguous().view(x.size(0), x.size(2), -1)


def multi_head_attention(x, w_qkv, b_qkv, w_out, b_out, n_head, causal=True):
    q, k, v = (split_heads(F.linear(x, w, b), n_head) for w, b in zip(w_qkv.chunk(3), b_qkv.chunk(3), strict=True))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return F.linear(merge_heads(out), w_out, b_out)
