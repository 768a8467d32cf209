"""Training with the learner's code, watched from outside: logged, capped, stopped cleanly, and gone on with exactly.

Step 3's `train` knows nothing of this. Its `on_step` tells when a step is over; PyTorch's hooks, called around every
optimizer's step, hand over the optimizer; and the loader that it is given is ours, around step 2's.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from lab.interrupt import Interrupt
from lab.options import Options
from lab.problem import Problem
from lab.progress import Display
from lab.rundir import RunFolder
from lab.steps import Steps

CHECKPOINT_EVERY = 30.0  # seconds: what a kill can cost at most
VALIDATIONS = 10  # along the way
WARM_UP = 20  # a schedule's warm-up is this part of the training
SMOOTHING = 0.05  # how much the newest loss moves the one that is shown


class Enough(BaseException):
    """Thrown out of `on_step` to end the learner's loop; no `except Exception` of theirs may swallow it."""


@dataclass(frozen=True)
class Plan:
    """How long to train, and what a step holds. `rows`: texts of `block_size` tokens in the training data."""

    rows: int
    batch_size: int
    block_size: int
    epochs: int
    steps: int | None
    minutes: float | None

    @property
    def steps_per_epoch(self) -> int:
        """The last, smaller batch included."""
        return -(-self.rows // self.batch_size)

    @property
    def total_steps(self) -> int:
        """Where the run ends, unless its minutes are over before."""
        all_epochs = self.epochs * self.steps_per_epoch
        return min(all_epochs, self.steps or all_epochs)

    def tokens(self, step: int) -> int:
        """How many tokens the first `step` steps have read."""
        epochs, batches = divmod(step, self.steps_per_epoch)
        return (epochs * self.rows + min(batches * self.batch_size, self.rows)) * self.block_size

    def done(self, step: int, seconds: float) -> float:
        """How much of the run is behind us, 0 to 1."""
        by_time = seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(step / self.total_steps, by_time))


class Recorder:
    """Told of every step's loss: logs it, shows it, validates now and then, and knows when it is enough.

    `seconds` counts training alone, not validating, saving or what came before.
    """

    def __init__(
        self, run: RunFolder, plan: Plan, display: Display, interrupt: Interrupt, validate: Callable[[], float]
    ):
        self.run, self.plan, self.display, self.interrupt, self.validate = run, plan, display, interrupt, validate
        self.step, self.seconds, self._mean = 0, 0.0, 0.0
        self._session_tokens, self._session_seconds = 0, 0.0
        self.start()

    def go_on_from(self, step: int, seconds: float, mean: float) -> None:
        """Count on from here. Raises Problem if nothing is left to do."""
        if self.plan.done(step, seconds) >= 1:
            raise Problem(f"{self.run.path} is trained to its end ({step} steps): raise --epochs, --steps or --minutes")
        self.step, self.seconds, self._mean = step, seconds, mean
        self.run.forget_after(step)

    def start(self) -> None:
        """Training runs from now until the next `record`."""
        self._since = time.monotonic()

    @property
    def enough(self) -> bool:
        """Whether to stop now: all done, a cap reached, or Ctrl-C."""
        return self.interrupt.asked or self.plan.done(self.step, self.seconds) >= 1

    def record(self, loss: float) -> None:
        """A step is over; loss: its mean in nats per token."""
        took = time.monotonic() - self._since
        before = self.plan.done(self.step, self.seconds)
        self.step, self.seconds = self.step + 1, self.seconds + took
        self._mean = loss if self.step == 1 else self._mean + SMOOTHING * (loss - self._mean)
        read = self.plan.tokens(self.step)
        self._session_tokens += read - self.plan.tokens(self.step - 1)
        self._session_seconds += took
        epoch = 1 + (self.step - 1) // self.plan.steps_per_epoch
        self.run.append(
            {"step": self.step, "epoch": epoch, "loss": loss, "tokens": read, "seconds": round(self.seconds, 3)}
        )
        self._show()
        after = self.plan.done(self.step, self.seconds)
        if int(after * VALIDATIONS) > int(before * VALIDATIONS) and after < 1:
            self.run.append({"step": self.step, "validation": self.validate()})

    def _show(self) -> None:
        done = self.plan.done(self.step, self.seconds)
        rate = self._session_tokens / max(self._session_seconds, 1e-9)
        left = self.seconds / done * (1 - done)
        self.display.update(done, step=self.step, loss=self._mean, rate=rate, left=left)

    @property
    def mean(self) -> float:
        """The smoothed loss."""
        return self._mean


class Unrolled:
    """All that is left of a training as one epoch with a length, so that step 6's schedule ends where the run does."""

    def __init__(self, batches: "Batches", length: int):
        self._batches, self._length = batches, length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        left = self._length
        while left:
            for batch in self._batches:
                yield batch
                left -= 1
                if not left:
                    return


class Batches:
    """Step 2's loader, as `train` sees it: on a resumed run it leaves out what the model has already read."""

    def __init__(self, loader: Any, done: int, state: dict[str, Any] | None):
        self._loader, self._state = loader, state
        self._epochs, self._skip = divmod(done, len(loader))
        self.epoch_rng = get_rng()

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        if self._state is None:
            self.epoch_rng = get_rng()  # a loader may draw its order from the global numbers, at the epoch's start
            yield from self._loader
            return
        state, self._state = self._state, None
        for _ in range(self._epochs):  # each epoch moves the loader's own random numbers on
            for _ in self._loader:
                pass
        self.epoch_rng = state["epoch_rng"] if self._skip else state["rng"]
        set_rng(self.epoch_rng)
        batches = iter(self._loader)
        for _ in range(self._skip):
            next(batches)
        if self._skip:
            set_rng(state["rng"])
        yield from batches


class Optimizer:
    """Gets hold of whichever optimizer steps, to save its state, or to give it the saved one before its first step.

    `rate`, if there is one, gives the learning rate of every step.
    """

    def __init__(self, saved: dict[str, Any] | None, rate: Callable[[], float] | None = None):
        self._saved, self._optimizer, self._rate = saved, None, rate

    def __enter__(self) -> "Optimizer":
        self._hooks = [
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def state(self) -> dict[str, Any]:
        """Its state_dict. Raises Problem if no torch optimizer has stepped."""
        if self._optimizer is None:
            raise Problem("train made a step without a torch optimizer: the run cannot be saved; see step 3's contract")
        return self._optimizer.state_dict()

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._saved is not None:
            optimizer.load_state_dict(self._saved)
            self._saved = None
        if self._rate:
            for group in optimizer.param_groups:
                group["lr"] = self._rate()

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._optimizer = optimizer


def fit(
    steps: Steps, model: nn.Module, loader: Any, options: Options, recorder: Recorder, state: dict[str, Any] | None
) -> None:
    """Train with step 3, or with a cosine with step 6, from the start or from a checkpoint's `state`, until the
    recorder has enough.
    """
    if state:
        model.load_state_dict(state["model"])
        recorder.go_on_from(state["step"], state["seconds"], state["mean"])
    batches = Batches(loader, recorder.step, state)
    untouched = options.epochs - recorder.step // len(batches)
    saved_at = 0.0  # long ago: the first step is saved at once

    cosine = options.schedule == "cosine"
    total = recorder.plan.total_steps
    schedule = {"peak_lr": options.lr, "warmup_steps": total // WARM_UP}

    def rate() -> float:
        return steps[6].cosine_lr(recorder.step, total_steps=total, **schedule)

    # step 6 cannot begin in the middle of a schedule: a resumed run sets the rate itself
    with Optimizer(state and state["optimizer"], rate if cosine and state else None) as optimizer:

        def save() -> None:
            recorder.run.write_checkpoint(
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state(),
                    "rng": get_rng(),
                    "epoch_rng": batches.epoch_rng,
                    "step": recorder.step,
                    "seconds": recorder.seconds,
                    "mean": recorder.mean,
                }
            )

        def on_step(_: int, loss: float) -> None:
            nonlocal saved_at
            recorder.record(loss)
            if recorder.enough or time.monotonic() - saved_at > CHECKPOINT_EVERY:
                save()
                saved_at = time.monotonic()
            if recorder.enough:
                raise Enough
            recorder.start()

        recorder.start()
        with suppress(Enough):
            if cosine:
                rest = Unrolled(batches, total - recorder.step)
                warm_up = {} if state else {"warmup_steps": total // WARM_UP}
                steps[6].train_with_cosine(
                    model, rest, epochs=1, peak_lr=options.lr, device=options.device, on_step=on_step, **warm_up
                )
                return
            steps[3].train(
                model, batches, epochs=untouched, lr=options.lr, device=options.device, log_every=0, on_step=on_step
            )


def rates_of(steps: Steps, options: Options, total: int) -> list[float]:
    """The learning rate of every step of a run of `total` steps."""
    if options.schedule == "constant":
        return [options.lr] * total
    schedule = {"peak_lr": options.lr, "warmup_steps": total // WARM_UP, "total_steps": total}
    return [steps[6].cosine_lr(step, **schedule) for step in range(total)]


def get_rng() -> dict[str, Tensor]:
    """PyTorch's random state, on every device that this process has used."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), **{f"cuda:{i}": state for i, state in enumerate(cuda)}}


def set_rng(state: dict[str, Tensor]) -> None:
    """Back to a state of `get_rng`."""
    torch.set_rng_state(state["cpu"])
    for name, value in state.items():
        if name != "cpu":
            torch.cuda.set_rng_state(value, name)
