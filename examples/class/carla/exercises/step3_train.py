"""Step 3: the training loop. Ask the model, measure how wrong it was, find the slope, take a small step downhill.

What it does. The model of step 1 starts with random weights. Each round of the loop makes them a little better:

    input_ids (B, T)       one batch from the loader, moved to the model's device
      -> model             (logits (B, T, V), loss): labels are the inputs themselves, the model shifts them
      -> clear             every parameter's .grad: backward *adds* to what is there
      -> backward          d loss / d parameter into every .grad
      -> clip              all gradients scaled down together if their common length exceeds max_norm
      -> step              AdamW moves the weights

Nothing more happens when models with a thousand times the parameters are pretrained; what differs is the scale.

Why each part
- Clearing. Without it a step follows the sum of all gradients so far. The loss may still fall, only worse, so
  nothing tells you. What others left in .grad before your loop counts too.
- Clipping. Now and then one odd batch gives a gradient many times longer than usual, and one step along it ruins the
  work of hundreds. Clipping to a *global* norm shortens it and keeps its direction: put all the gradients end to end
  as one vector; if that is longer than max_norm, multiply all of them by max_norm / length. Clipping each number by
  itself (by value) would change the direction. It works on gradients, so it belongs after backward and before the
  step.
- AdamW. Adam divides each parameter's step by that parameter's usual gradient size, so quiet ones move as fast as
  loud ones. Weight decay pulls every weight towards 0, by lr * weight_decay of itself per step. In plain Adam decay
  is added to the gradient, where Adam's division mostly undoes it; AdamW keeps the two apart (Loshchilov & Hutter,
  2019). Here one group, decay on every parameter: simple. (Many recipes spare biases and norms; step 5 meets one
  that does.)
- Train mode. Dropout works only after model.train(). Whoever used the model before you may have left it in eval
  mode.
- .item(). `loss` is a tensor that holds on to the graph of its whole step. Keep tensors in a list and memory fills
  up; keep Python floats.

What is checked: that the weights after some steps, and the loss of every step, equal those of a right loop, to many
digits and on models made so that every one of the faults below leads elsewhere; the defaults; loaders without a
length; what is printed; the callback; the device; that a model learns a source of text down to its entropy, which is
known.

What usually goes wrong: gradients not cleared, cleared once per epoch, or cleared between backward and step;
clipping after the step; Adam in place of AdamW; weight_decay or lr taken but never passed on; a mean that goes on
over the epochs; `len(loader)` on a loader that has none; the optimizer made anew in every epoch (it forgets its
averages).

Hint: torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm). And write the comment why beside each line; a
line for which you have none is in the wrong place.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


def train(
    model: nn.Module,
    loader: Iterable[dict[str, Tensor]],
    *,
    epochs: int = 2,
    lr: float = 3e-4,
    weight_decay: float = 0.01,
    max_norm: float = 1.0,
    device: str | torch.device = "cpu",
    log_every: int = 50,
    on_step: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train `model` in place on every batch of `loader`, `epochs` times over; return the loss of every step.

    The loader yields {"input_ids": (B, T) int64} and need not have a length. model(input_ids, labels=input_ids) returns
    (logits, loss); it is moved to `device` and put in train mode. AdamW decays every parameter (Loshchilov & Hutter
    2019); gradients are clipped to a global norm of `max_norm`. Every `log_every` steps the epoch's running mean is
    printed (0: never); on_step(step, loss) is called after each update, counting from 1 across epochs.
    Raises ValueError if the loader yields nothing.
    """
    raise NotImplementedError("step 3: write train: forward, clear, backward, clip, step")
