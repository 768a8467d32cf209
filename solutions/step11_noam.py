"""Step 11, solved: a learning rate that rises and falls, and a loss that never asks for certainty."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def noam_rate(step: int, *, d_model: int, factor: float = 1.0, warmup: int = 4000) -> float:
    """The learning rate of update `step` (Vaswani et al. 2017, equation 3); step 0 counts as 1.

    It rises in proportion to the step until `warmup`, then falls with the step's square root:
    factor * d_model^-0.5 * min(step^-0.5, step * warmup^-1.5).
    """
    step = max(step, 1)
    return factor * d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)


class LabelSmoothing(nn.Module):
    """The loss against targets that leave a little probability to every other word; raises ValueError if V < 3."""

    def __init__(self, vocab_size: int, pad: int = 0, smoothing: float = 0.1):
        super().__init__()
        if vocab_size < 3:
            raise ValueError(f"vocab_size ({vocab_size}) leaves no other token: it takes 3, with target and padding")
        self.vocab_size, self.pad, self.smoothing = vocab_size, pad, smoothing

    def forward(self, log_probs: Tensor, targets: Tensor) -> Tensor:
        """Log-probabilities (N, V) and targets (N,) -> a scalar in nats: KL(wanted, predicted) per scored target.

        Wanted is 1 - smoothing on the target and smoothing / (V - 2) on each other token but padding. A target that is
        padding is not scored; with no scored target the loss is 0.
        """
        others = self.smoothing / (self.vocab_size - 2)
        wanted = torch.full_like(log_probs, others).scatter(1, targets.unsqueeze(1), 1 - self.smoothing)  # (N, V)
        wanted[:, self.pad] = 0  # nobody should ever say padding
        scored = targets != self.pad
        wanted[~scored] = 0  # a row of zeros adds nothing
        return F.kl_div(log_probs, wanted, reduction="sum") / scored.sum().clamp(min=1)
