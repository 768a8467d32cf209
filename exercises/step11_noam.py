"""Step 11: Noam and label smoothing. A learning rate that rises and falls, and a loss that never asks for certainty.

What it does, first: the rate. A fresh transformer does not stand a large learning rate: its first gradients point
anywhere, and Adam, which has seen nothing yet, takes full steps along them. So the rate starts near 0, rises in
proportion to the step until `warmup`, and from there falls with one over the square root of the step:

    rate(step) = factor * d_model^-0.5 * min(step^-0.5, step * warmup^-1.5)

Both expressions meet at step = warmup, the peak. A wider model gets a smaller rate. Step 0 counts as 1 (0^-0.5 is a
division by zero). Named after Noam Shazeer, one of the paper's authors.

Second: the loss. Cross-entropy rewards a model for being ever surer: from 99 % to 99.9 %, to 99.99 %. But a sentence
has more than one good translation, and a model that is certain of everything is a bad judge of its own work. With
label smoothing the target is no longer a single 1 among zeros. For the word `target` of V words it is

    1 - smoothing           on the target
    0                       on padding: nobody should ever say it
    smoothing / (V - 2)     on each of the others: V, without the target and without padding

which sums to 1. The loss is the KL divergence from the model to this distribution, sum of wanted * (log wanted - log
predicted), summed over the rows and divided by the number of targets that are not padding. Rows whose target is
padding count for nothing, neither above nor below the line; if there is no other row, the loss is 0. It takes
log-probabilities (N, V), as step 10's decode gives them, and targets (N,).

KL is cross-entropy minus the entropy of the target, a constant: the gradients are the same, but KL is 0 for the best
that a model can do. With smoothing 0 it is plain cross-entropy.

What is checked: the rate against a table, where its peak is, its two slopes; the loss against its definition, term
by term, in value and in gradient; padding of any id; batches of nothing but padding; V too small.

What usually goes wrong: smoothing / V or / (V - 1) on the others; padding's share not taken away; a mean over all N
rows or over N * V numbers; 0 * log 0 (that is NaN, unless you let F.kl_div or torch.xlogy treat it); a division by
zero when all is padding; a negative loss, which is only the cross-entropy half with its sign lost.

Hint: start with torch.full_like(log_probs, smoothing / (V - 2)); then scatter the targets' own share into it, then
clear the column of padding and the rows of padding. F.kl_div(log_probs, wanted, reduction="sum").
"""

from torch import Tensor, nn


def noam_rate(step: int, *, d_model: int, factor: float = 1.0, warmup: int = 4000) -> float:
    """The learning rate of update `step` (Vaswani et al. 2017, equation 3); step 0 counts as 1.

    It rises in proportion to the step until `warmup`, then falls with the step's square root:
    factor * d_model^-0.5 * min(step^-0.5, step * warmup^-1.5).
    """
    raise NotImplementedError("step 11: write noam_rate: the smaller of two lines that meet at warmup")


class LabelSmoothing(nn.Module):
    """The loss against targets that leave a little probability to every other word; raises ValueError if V < 3."""

    def __init__(self, vocab_size: int, pad: int = 0, smoothing: float = 0.1):
        super().__init__()
        raise NotImplementedError("step 11: write LabelSmoothing: refuse V < 3, keep what forward needs")

    def forward(self, log_probs: Tensor, targets: Tensor) -> Tensor:
        """Log-probabilities (N, V) and targets (N,) -> a scalar in nats: KL(wanted, predicted) per scored target.

        Wanted is 1 - smoothing on the target and smoothing / (V - 2) on each other token but padding. A target that is
        padding is not scored; with no scored target the loss is 0.
        """
        raise NotImplementedError("step 11: write forward: build what is wanted, then the KL divergence")
