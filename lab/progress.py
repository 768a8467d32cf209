"""What the terminal shows while a model trains: a live bar, or a line now and then where there is no terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

LINES = 20  # how many lines a run writes into a file


class Display(Protocol):
    """Both displays are told the same after every step."""

    def update(self, done: float, *, step: int, loss: float, rate: float, left: float) -> None:
        """done: 0 to 1; loss: smoothed, in nats; rate: tokens a second; left: seconds."""

    def say(self, text: str) -> None:
        """A line that stays."""


@contextmanager
def display(console: Console) -> Iterator[Display]:
    """The display that suits the console, for the time of a training."""
    if not console.is_terminal:
        yield PlainLines(console)
        return
    columns = [BarColumn(), TaskProgressColumn(), TextColumn("{task.description}")]
    with Progress(*columns, console=console, transient=False) as bar:
        yield LiveBar(bar)


class LiveBar:
    """A bar on the last line of the terminal."""

    def __init__(self, bar: Progress):
        self._bar = bar
        self._task = bar.add_task("starting", total=1.0)

    def update(self, done: float, *, step: int, loss: float, rate: float, left: float) -> None:
        """See Display."""
        self._bar.update(self._task, completed=done, description=_line(step, loss, rate, left))

    def say(self, text: str) -> None:
        """See Display."""
        self._bar.console.print(text, highlight=False, markup=False)


class PlainLines:
    """A line every twentieth of the way, for logs and pipes."""

    def __init__(self, console: Console):
        self._console = console
        self._next = 0.0

    def update(self, done: float, *, step: int, loss: float, rate: float, left: float) -> None:
        """See Display."""
        if done >= self._next:
            self._next = (int(done * LINES) + 1) / LINES
            self.say(f"{done:4.0%}  {_line(step, loss, rate, left)}")

    def say(self, text: str) -> None:
        """See Display."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


def _line(step: int, loss: float, rate: float, left: float) -> str:
    return f"step {step}  loss {loss:.2f}  {rate:,.0f} tokens/s  {clock(left)} left"


def clock(seconds: float) -> str:
    """75 -> 1:15."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
