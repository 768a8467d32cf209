"""A beam of tensors: finished hypotheses keep their place in it, and the best that was ever finished is remembered."""

import torch
from torch import Tensor


def _triangle(n: int, device) -> Tensor:
    return torch.triu(torch.ones((1, n, n), device=device), diagonal=1) == 0


@torch.inference_mode()
def greedy_decode(model, src, src_mask, *, max_len, bos, eos, pad=0):
    memory = model.encode(src, src_mask)
    ys = src.new_full((src.shape[0], 1), bos)
    while ys.shape[1] < max_len:
        over = (ys[:, 1:] == eos).any(dim=1)
        if over.all():
            break
        words = (ys != pad)[:, None, :] | torch.eye(ys.shape[1], dtype=torch.bool, device=src.device)
        probabilities = model.decode(memory, src_mask, ys, _triangle(ys.shape[1], src.device) & words)[:, -1]
        following = torch.where(over, pad, probabilities.topk(1).indices[:, 0])
        ys = torch.hstack([ys, following[:, None]])
    return ys


@torch.inference_mode()
def beam_search(model, src, src_mask, *, max_len, bos, eos, beam=4, length_penalty=0.0):
    memory = model.encode(src, src_mask)
    ys = src.new_full((1, 1), bos)
    totals = torch.zeros(1, device=src.device)
    best_value, best = -torch.inf, [bos]
    for length in range(1, max_len):
        n = len(ys)
        row = model.decode(
            memory.repeat(n, 1, 1), src_mask.repeat(n, 1, 1), ys, _triangle(length, src.device).repeat(n, 1, 1)
        )
        candidates = (totals[:, None] + row[:, -1]).reshape(-1)
        order = candidates.argsort(descending=True)[:beam]
        parents = torch.div(order, row.shape[-1], rounding_mode="floor")
        ys, totals = torch.cat([ys[parents], (order % row.shape[-1])[:, None]], dim=1), candidates[order]
        ended = (ys[:, -1] == eos) | (length == max_len - 1)
        for total, tokens in zip(totals[ended].tolist(), ys[ended].tolist(), strict=True):
            if total / length**length_penalty > best_value:
                best_value, best = total / length**length_penalty, tokens
        ys, totals = ys[~ended], totals[~ended]
        if len(ys) == 0:
            break
        reachable = max(totals.max().item() / k**length_penalty for k in range(length + 1, max_len))
        if reachable < best_value:
            break
    return best
