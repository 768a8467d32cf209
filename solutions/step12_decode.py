"""Step 12, solved: from probabilities to a sentence, one word at a time or several ways at once."""

from typing import Any

import torch
from torch import Tensor


def _causal(size: int, device: torch.device) -> Tensor:
    """(1, size, size) bool, True where attention is allowed."""
    return torch.ones(1, size, size, dtype=torch.bool, device=device).tril()


@torch.no_grad()
def greedy_decode(
    model: Any, src: Tensor, src_mask: Tensor, *, max_len: int, bos: int, eos: int, pad: int = 0
) -> Tensor:
    """The likeliest word, again and again: (B, S) and (B, 1, S) -> (B, at most max_len) int64, from bos on.

    model.encode and model.decode are called as step 10 defines them, in the mode that the model is in. A row is
    finished with eos and filled with pad after it; when all are finished, or at max_len tokens (bos counts), it stops.
    """
    memory = model.encode(src, src_mask)
    output = torch.full((src.size(0), 1), bos, dtype=torch.long, device=src.device)
    finished = torch.zeros(src.size(0), dtype=torch.bool, device=src.device)
    while output.size(1) < max_len and not finished.all():
        log_probs = model.decode(memory, src_mask, output, _causal(output.size(1), src.device))
        words = log_probs[:, -1].argmax(dim=-1).masked_fill(finished, pad)  # (B, T, V) -> (B,)
        output = torch.cat([output, words.unsqueeze(1)], dim=1)
        finished |= words == eos
    return output


@torch.no_grad()
def beam_search(
    model: Any,
    src: Tensor,
    src_mask: Tensor,
    *,
    max_len: int,
    bos: int,
    eos: int,
    beam: int = 4,
    length_penalty: float = 0.0,
) -> list[int]:
    """The best of several sentences grown side by side, for one source: (1, S) and (1, 1, S) -> token ids from bos on.

    Each round keeps the `beam` likeliest ways to go on. One that ends in eos is finished; one of max_len tokens is cut.
    They compete on log-probability / length ** length_penalty, where bos does not count. The search stops when no open
    hypothesis can still win. Beam 1 is greedy decoding.
    """
    memory = model.encode(src, src_mask)

    def worth(score: float, length: int) -> float:
        return score / max(length, 1) ** length_penalty

    open_ones, best = [(0.0, [bos])], (-float("inf"), [bos])
    for length in range(1, max_len):  # of the hypotheses after this round, bos not counted
        output = torch.tensor([tokens for _, tokens in open_ones], device=src.device)  # (n, length)
        n = len(open_ones)
        log_probs = model.decode(
            memory.expand(n, -1, -1), src_mask.expand(n, -1, -1), output, _causal(length, src.device)
        )[:, -1].double()
        scores = log_probs + log_probs.new_tensor([score for score, _ in open_ones]).unsqueeze(1)  # (n, V)
        top, where = scores.flatten().topk(min(beam, scores.numel()))
        V, grown = scores.size(1), []
        for score, at in zip(top.tolist(), where.tolist(), strict=True):
            tokens = open_ones[at // V][1] + [at % V]
            if tokens[-1] == eos or length == max_len - 1:
                best = max(best, (worth(score, length), tokens))
            else:
                grown.append((score, tokens))
        open_ones = grown
        # A score only ever falls: at best nothing more is lost, and the length is the most favourable one.
        hopes = [max(worth(score, length + 1), worth(score, max_len - 1)) for score, _ in open_ones]
        if not hopes or max(hopes) <= best[0]:
            break
    return best[1]
