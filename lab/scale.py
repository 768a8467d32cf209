"""Loss against size: the same text and number of steps for models from a quarter to twice the chosen size."""

import argparse
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any

import torch
from rich.table import Table
from torch import nn

from lab import evaluate, plots
from lab.interrupt import Interrupt
from lab.lesson import Lesson, blocks, options_of, out_of, prepare
from lab.options import SIZES
from lab.problem import Problem
from lab.progress import Display, clock, display
from lab.training import SMOOTHING, Enough

TRIALS = 3  # steps that tell how long a step takes; the first one warms up and does not count
ROWS = 128  # blocks of the validation text that judge each model
RESERVE = 0.9  # of the time goes to training; the rest to building and judging
LEAST = 10  # steps; fewer show nothing
PASSES = 4  # through the text at most: read more often it is learnt by heart, by large models first (Muennighoff 2023)


class Stopped(BaseException):
    """Ctrl-C, through the learner's measure_scaling."""


@dataclass
class Series:
    """The trainings of one series: what they share, and what is known so far."""

    lesson: Lesson
    batches: Any  # step 2's loader over the training text
    validation: Any
    steps: int  # of each training
    costs: dict[Any, float]  # seconds a step, by config
    interrupt: Interrupt
    shown: Display
    found: list[tuple[int, float]] = field(default_factory=list)
    spent: float = 0.0

    def fit(self, model: nn.Module) -> float:
        """Train the model and return its loss on the validation text, in nats per token."""
        lesson, options = self.lesson, self.lesson.options
        seconds = self._train(model)
        loss, _ = evaluate.validation(lesson.steps, model, self.validation, options.device)
        count = lesson.steps[7].count_parameters(model)
        self.found.append((count, loss))
        self.shown.say(f"{count:,} parameters: {self.steps} steps in {clock(seconds)}, validation loss {loss:.3f}")
        return loss

    def _train(self, model: nn.Module) -> float:
        """`steps` steps at the constant rate; returns the seconds."""
        begun, mean = time.monotonic(), 0.0
        total = self.steps * sum(self.costs.values())

        def on_step(step: int, loss: float) -> None:
            nonlocal mean
            mean = loss if step == 1 else mean + SMOOTHING * (loss - mean)
            now = time.monotonic()
            self.spent += now - on_step.last  # type: ignore[attr-defined]
            on_step.last = now  # type: ignore[attr-defined]
            rate = step * self.batches.batch_size * self.block_size / (now - begun)
            self.shown.update(
                min(1.0, self.spent / total), step=step, loss=mean, rate=rate, left=max(0.0, total - self.spent)
            )
            if self.interrupt.asked:
                raise Stopped
            if step == self.steps:
                raise Enough

        on_step.last = begun  # type: ignore[attr-defined]
        train(self.lesson, model, self.batches, on_step)
        return time.monotonic() - begun

    @property
    def block_size(self) -> int:
        """Tokens in a text."""
        return len(self.batches.dataset[0]["input_ids"])


def start(arguments: argparse.Namespace) -> bool:
    """All trainings, the table, the law and the picture. Returns whether Ctrl-C ended it; raises Problem."""
    given = {name: value for name, value in vars(arguments).items() if name != "minutes"}
    lesson = prepare(options_of(given), out_of(arguments), "scale")
    with lesson.steps.unfinished_named():
        return _measure(lesson, arguments.minutes)


def _measure(lesson: Lesson, minutes: float) -> bool:
    options, steps = lesson.options, lesson.steps
    configs = sizes(lesson)
    data, held_out = (blocks(lesson, part, configs[0].block_size) for part in ("train", "validation"))
    loader = steps[2].make_loader(data, batch_size=options.batch_size, shuffle=True, seed=options.seed)
    validation = steps[2].make_loader(held_out.select(range(min(len(held_out), ROWS))), shuffle=False)
    steps[7].fit_power_law([1, 2], [2.0, 1.0])  # unfinished? better now than after all the trainings
    costs = {config: _seconds_a_step(lesson, config, loader) for config in configs}
    count, enough = int(RESERVE * 60 * minutes / sum(costs.values())), max(LEAST, PASSES * len(loader))
    if count < LEAST:
        needed = LEAST * sum(costs.values()) / RESERVE / 60
        raise Problem(f"{minutes:g} minutes are {count} steps of each size here, too few: give --minutes {needed:.1f}")
    shapes = ", ".join(f"{config.n_layer} x {config.n_embd}" for config in configs)
    lesson.say(
        f"{steps.package}/ on {lesson.corpus.name}: layers x width {shapes}; {min(count, enough):,} steps of each"
    )
    if count > enough:
        lesson.say(
            f"that is {PASSES} times through the text and takes less than {minutes:g} minutes: "
            "what is read more often is learnt by heart, and tells nothing of size"
        )
    count = min(count, enough)

    stopped = False
    with Interrupt() as interrupt, display(lesson.console) as shown:
        series = Series(lesson, loader, validation, count, costs, interrupt, shown)
        try:
            points = steps[7].measure_scaling(configs, lambda config: build(lesson, config), series.fit)
        except Stopped:
            points, stopped = sorted(series.found), True
    if len(points) < 2:
        lesson.say("stopped before two sizes were trained: there is no line through one point")
        return True
    _tell(lesson, points, count, minutes)
    return stopped


def sizes(lesson: Lesson) -> list[Any]:
    """The configs: a quarter, a half, all of the chosen size's layers and width, and step 7's double of it."""
    whole = lesson.steps[1].TinyGPTConfig(vocab_size=len(lesson.tokenizer), **SIZES[lesson.options.size].model)
    parts = [replace(whole, n_layer=max(1, whole.n_layer // n), n_embd=whole.n_embd // n) for n in (4, 2)]
    return [*parts, whole, lesson.steps[7].double(whole)]


def build(lesson: Lesson, config: Any) -> nn.Module:
    """The learner's model, from the run's seed, on its device."""
    torch.manual_seed(lesson.options.seed)
    return lesson.steps[1].TinyGPT(config).to(lesson.options.device)


def train(lesson: Lesson, model: nn.Module, loader: Any, on_step: Callable[[int, float], None]) -> None:
    """Step 3's training until on_step raises Enough, at a rate that suits the model's width."""
    with suppress(Enough):
        lesson.steps[3].train(
            model, loader, epochs=10**9, lr=rate(lesson, model.config), device=lesson.options.device,
            log_every=0, on_step=on_step,
        )  # fmt: skip


def rate(lesson: Lesson, config: Any) -> float:
    """The chosen learning rate is the chosen size's; twice as wide, a model takes half of it.

    A matrix's update adds up over its inputs, so it must shrink as their number grows (Yang et al. 2022, table 3).
    """
    chosen = lesson.steps[1].TinyGPTConfig(**SIZES[lesson.options.size].model)
    return lesson.options.lr * chosen.n_embd / config.n_embd


def _seconds_a_step(lesson: Lesson, config: Any, loader: Any) -> float:
    """Measured on a model that is thrown away."""
    times: list[float] = []

    def on_step(step: int, _: float) -> None:
        times.append(time.monotonic())
        if step > TRIALS:
            raise Enough

    train(lesson, build(lesson, config), [*islice(cycle(loader), TRIALS + 1)], on_step)
    return (times[-1] - times[0]) / TRIALS


def _tell(lesson: Lesson, points: list[tuple[int, float]], count: int, minutes: float) -> None:
    a, alpha = lesson.steps[7].fit_power_law([n for n, _ in points], [loss for _, loss in points])
    picture = lesson.run.path / "scale.png"
    title = f"{lesson.corpus.name}, {count:,} steps of each: loss = {a:.3g} · parameters^{-alpha:.3f}"
    plots.power_law(picture, points, (a, alpha), title=title)
    result = {"points": points, "a": a, "alpha": alpha, "steps": count, "minutes": minutes}
    lesson.run.write_json("scale.json", result)
    table = Table("parameters", "validation loss", "the line", "perplexity")
    for n, loss in points:
        table.add_row(f"{n:,}", f"{loss:.3f}", f"{a * n**-alpha:.3f}", f"{torch.tensor(loss).exp():.1f}")
    lesson.console.print(table)
    lesson.say(f"loss = {a:.3f} * parameters ** {-alpha:.4f}")
    if alpha <= 0:
        lesson.say("on the whole the larger models are no better here: give a longer text (--corpus), and more minutes")
    lesson.say(f"the picture is {picture}")
