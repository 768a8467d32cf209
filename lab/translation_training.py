"""Training a translator: batches of like length, Noam's rate, the smoothed loss, and a log of every step."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from lab.interrupt import Interrupt
from lab.progress import Display
from lab.subwords import PAD_ID
from lab.translation import Task

VALIDATIONS = 10  # along the way, each on the first QUICK held-out pairs
QUICK = 256
POOL = 20  # batches among which rows are sorted by length, so that little is padding
SMOOTHING = 0.05  # how much the newest loss moves the one that is shown
SAVE_EVERY = 30.0  # seconds: what a kill can cost at most


def label_smoothing(task: Task) -> nn.Module:
    """Step 11's criterion for the target language."""
    return task.steps[11].LabelSmoothing(len(task.target), pad=PAD_ID).to(task.options.device)


def loss_of(task: Task, criterion: nn.Module, batch: Any) -> Tensor:
    """The label-smoothed loss per target token: step 10's log-probabilities, step 11's criterion."""
    memory = task.model.encode(batch.src, batch.src_mask)
    log_probs = task.model.decode(memory, batch.src_mask, batch.tgt, batch.tgt_mask)  # (B, T, V)
    return criterion(log_probs.flatten(0, 1), batch.tgt_y.flatten())


def train(task: Task, shown: Display, interrupt: Interrupt) -> None:
    """Adam with Noam's rate (Vaswani et al. 2017, section 5.3) until the steps or minutes are over, or Ctrl-C."""
    options, model = task.options, task.model
    criterion = label_smoothing(task)
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)
    watch = Watch(task, shown, lambda: _held_out_loss(task, criterion))
    rate = task.steps[11].noam_rate
    model.train()
    for step, batch in enumerate(_batches(task), start=1):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, d_model=task.config.d_model, factor=options.factor, warmup=options.warmup)
        loss = loss_of(task, criterion, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watch.record(loss.item(), batch.n_tokens, optimizer.param_groups[0]["lr"])
        if interrupt.asked or watch.done >= 1:
            break
    watch.save()
    model.eval()


def _batches(task: Task) -> Iterator[Any]:
    """Batches for ever, shuffled anew in every epoch; rows of about the same length come together."""
    rows, size = task.rows(task.pairs.train), task.options.batch_size
    order = random.Random(task.options.seed)
    while True:
        order.shuffle(rows)
        pools = (
            sorted(rows[i : i + POOL * size], key=lambda row: len(row[1])) for i in range(0, len(rows), POOL * size)
        )
        batches = [pool[i : i + size] for pool in pools for i in range(0, len(pool), size)]
        order.shuffle(batches)
        yield from map(task.batch, batches)


@torch.no_grad()
def _held_out_loss(task: Task, criterion: nn.Module) -> float:
    task.model.eval()
    loss = loss_of(task, criterion, task.batch(task.rows(task.pairs.held_out)[:QUICK])).item()
    task.model.train()
    return loss


class Watch:
    """Told of every step: logs it, shows it, validates now and then, saves, and knows when it is enough.

    `seconds` counts training alone.
    """

    def __init__(self, task: Task, shown: Display, validate: Callable[[], float]):
        self.task, self.shown, self.validate = task, shown, validate
        self.step, self.tokens, self.seconds, self.mean = 0, 0, 0.0, 0.0
        self._since = self._saved = time.monotonic()

    @property
    def done(self) -> float:
        """How much of the run is behind us, 0 to 1."""
        options = self.task.options
        by_steps = self.step / options.steps if options.steps else 0.0
        return min(1.0, max(by_steps, self.seconds / (60 * options.minutes)))

    def record(self, loss: float, tokens: int, rate: float) -> None:
        """A step is over; loss: per target token; rate: the learning rate that it used."""
        before = self.done
        self.seconds += time.monotonic() - self._since
        self.step, self.tokens = self.step + 1, self.tokens + int(tokens)
        self.mean = loss if self.step == 1 else self.mean + SMOOTHING * (loss - self.mean)
        run, seconds = self.task.run, round(self.seconds, 3)
        run.append({"step": self.step, "loss": loss, "rate": rate, "tokens": self.tokens, "seconds": seconds})
        left = self.seconds / self.done * (1 - self.done)
        self.shown.update(self.done, step=self.step, loss=self.mean, rate=self.tokens / self.seconds, left=left)
        if int(self.done * VALIDATIONS) > int(before * VALIDATIONS):
            run.append({"step": self.step, "validation": self.validate()})
        if time.monotonic() - self._saved > SAVE_EVERY:
            self.save()
        self._since = time.monotonic()

    def save(self) -> None:
        """The model's weights, into the run's folder."""
        self.task.run.write_checkpoint({"model": self.task.model.state_dict(), "step": self.step})
        self._saved = time.monotonic()
