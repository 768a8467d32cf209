"""Step 8: perplexity. How well does the model predict text that it has not seen, in one honest number?

What it does. The mean loss per token, in nats, over a whole dataset; and its exponential, the perplexity: the model
is as unsure as if it had to choose among that many tokens, all equally likely. A model that knows nothing has a
perplexity of V, one that is always right and sure has 1.

The one difficulty is the word *mean*. model(input_ids, labels=labels) returns the mean over the tokens that this
batch scores. Batches differ: the last one is smaller, and where labels are -100 nothing is scored. The mean of means
gives a token in a small batch more weight than one in a large batch, and then the result depends on the batch size,
which has nothing to do with the model. So turn each mean back into a sum, add up sums and counts, divide once:

    batch  input_ids (B, T), perhaps "labels" (B, T), else input_ids are the labels
      -> model               loss: mean over the scored tokens of the batch
      -> loss * scored       the sum over them
      -> total / tokens      at the very end

How many tokens does a batch score? The logits at t are scored against the label at t + 1, so the first label of a
row is never scored: B * (T - 1) of them, less those that are -100. A batch that scores none has no mean (0 / 0 is
NaN, and NaN spoils every sum): leave it out.

Why each part
- eval mode. Dropout is for training; with it the model is worse and the number random. Put the model back into the
  mode that you found it in, whichever that was: a training loop may be going on around you.
- no gradients. Nobody will call backward here; without the graphs it is faster and takes far less memory.

What is checked: the numbers against an exact calculation, for even and ragged batches; the same result for any batch
size and any split of the texts; labels of the batch's own, with -100 in any place; batches with nothing to score;
the mode, dropout and gradients; exp; ValueError when there is nothing to score at all.

What usually goes wrong: the mean of the batches' means; weights by rows, or by B * T, or with -100 counted in; the
"labels" of the batch ignored; model.train() at the end in every case; exp of every batch, and then the mean of those.

Hint: (labels[:, 1:] != -100).sum().
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def evaluate(
    model: nn.Module, loader: Iterable[dict[str, Tensor]], *, device: str | torch.device = "cpu"
) -> tuple[float, float]:
    """(mean loss in nats per scored token, its exp: the perplexity) over every batch of `loader`.

    A batch is {"input_ids": (B, T) int64}, perhaps with "labels" (B, T) of its own; without, input_ids are the labels.
    model(input_ids, labels=labels) returns (logits, loss), the loss a mean over the scored tokens: the labels from
    the second on that are not -100. Dropout is off meanwhile; afterwards the model is in the mode it was in.
    Raises ValueError if nothing is scored.
    """
    raise NotImplementedError("step 8: write evaluate: sums and counts, divided once")
