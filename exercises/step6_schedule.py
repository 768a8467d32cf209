"""Step 6: the schedule. Small steps at the start, large ones in the middle, smaller and smaller ones to the end.

What it does. Step 3 uses one learning rate from the first update to the last. Nearly every language model is trained
otherwise:

    rate
    peak_lr          . - .
                   /       `
                 /           `
               /               `
    final_lr  /                  ` . _______
              0   warmup_steps       total_steps      step: updates already made

Warm-up: a straight line. The first update, with 0 updates before it, has peak_lr * 1 / warmup_steps, the next one
peak_lr * 2 / warmup_steps, and so on. Nothing starts at 0, for an update with rate 0 is an update thrown away.
At warmup_steps the rate is peak_lr, and half a cosine leads from there down to final_lr at total_steps: flat at the
top, steep in the middle, flat at the bottom.

Why each part
- Warm-up. Adam divides by an average of past gradients. After one step that average is of one gradient; for the
  first updates it says little, and a full step in a poorly measured direction can throw a fresh model far off.
- The descent. Batches differ, so the gradient is noisy; a large rate keeps the weights jumping around the valley's
  floor. As the rate falls the noise averages out and the loss falls with it: much of what a run gains, it gains at
  the end. A run that is stopped half way has not had that, so decide total_steps first.
- Set before the update. The rate belongs into every one of optimizer.param_groups before optimizer.step(). Set
  after it, every update has the rate of the one before.

The arguments of cosine_lr are counts of *updates*, not of epochs; train_with_cosine knows how many there will be:
epochs * len(loader). One schedule covers all epochs. (PyTorch has schedulers for this. Use one if you like, if it
gives these rates exactly; the formula is four lines.)

What is checked: the rate at every step against the formula; the edges (no warm-up, nothing but warm-up, after the
end); impossible counts; that train_with_cosine ends at the weights of a right loop, to many digits, so that every
update must have had its own rate; that the rest is step 3 still: clearing, clipping, decay, epochs, on_step.

What usually goes wrong: step where step + 1 belongs, so that the first update does nothing; a cosine over
total_steps instead of over what is left after the warm-up; final_lr forgotten, or added without taking it off the
peak; a whole period of the cosine, which climbs up again; 0 / 0 where warmup_steps equals total_steps; a schedule
that starts anew in every epoch.

Hint: how far along the descent are you, from 0 to 1? Then (1 + cos(pi * that)) / 2 goes from 1 to 0.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.data import DataLoader


def cosine_lr(step: int, *, peak_lr: float, warmup_steps: int, total_steps: int, final_lr: float = 0.0) -> float:
    """The learning rate of the update that comes after `step` updates.

    peak_lr * (step + 1) / warmup_steps while step < warmup_steps; peak_lr at warmup_steps; from there half a cosine
    (Loshchilov & Hutter 2017, one period without restarts) to final_lr at total_steps, and final_lr ever after.
    Raises ValueError if a count is negative or warmup_steps > total_steps.
    """
    raise NotImplementedError("step 6: write cosine_lr: warm-up, half a cosine, the floor")


def train_with_cosine(
    model: nn.Module,
    loader: DataLoader,
    *,
    epochs: int = 2,
    peak_lr: float = 3e-4,
    warmup_steps: int = 0,
    final_lr: float = 0.0,
    weight_decay: float = 0.01,
    max_norm: float = 1.0,
    device: str | torch.device = "cpu",
    on_step: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Step 3's training with `cosine_lr` as its rate; returns the loss of every step.

    The loader yields {"input_ids": (B, T) int64} and has a length: the schedule ends after epochs * len(loader)
    updates. model(input_ids, labels=input_ids) returns (logits, loss); it is moved to `device` and put in train mode.
    AdamW decays every parameter; gradients are clipped to a global norm of `max_norm`; on_step(step, loss) is called
    after each update, counting from 1 across epochs. Raises ValueError if the loader is empty or the warm-up too long.
    """
    raise NotImplementedError("step 6: write train_with_cosine: step 3's loop, the rate set before every update")
