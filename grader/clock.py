"""A block that ends when its time is up, whatever runs in it."""

import contextlib
import signal
import time
from collections.abc import Iterator
from typing import Any

import torch

HANGING = 5  # times the budget: a trial that is not computing


class TimeIsUp(BaseException):
    """The trials have taken long enough."""


class Clock:
    """Ends trials where they ask for the next probe, or, if one hangs, by an alarm."""

    def __init__(self) -> None:
        self.until = float("inf")
        self._paid = set[bytes]()

    def check(self) -> None:
        if time.process_time() > self.until:
            raise TimeIsUp

    def pay(self, question: bytes, seconds: float) -> None:
        """Count the seconds that the answer to `question` took in another block, once in this one."""
        if question not in self._paid:
            self._paid.add(question)
            self.until -= seconds

    @contextlib.contextmanager
    def bounds(self, seconds: float) -> Iterator[None]:
        """The block ends when the time is up; a timer of pytest-timeout waits until then."""
        started, grad = time.monotonic(), torch.is_grad_enabled()
        self.until, self._paid = time.process_time() + seconds, set()
        theirs, left = _alarm(self._ring, HANGING * seconds)
        try:
            yield
        except TimeIsUp:
            pass
        finally:
            self.until = float("inf")
            _alarm(theirs, max(0.001, left - (time.monotonic() - started)) if left else 0)
            torch.set_grad_enabled(grad)  # the alarm may ring where a mistake's code has switched it off

    def _ring(self, *_: object) -> None:
        if self.until < float("inf"):
            raise TimeIsUp


def _alarm(handler: Any, seconds: float) -> tuple[Any, float]:
    """Set the alarm, and again a second later: Python drops what is raised in a destructor. What was set before."""
    if not hasattr(signal, "setitimer"):
        return None, 0
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    theirs = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0 if handler == clock._ring else 0)
    return theirs, left


clock = Clock()
