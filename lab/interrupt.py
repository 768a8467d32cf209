"""Ctrl-C: the first asks for a clean stop, the second stops at once."""

import signal
from types import FrameType


class Interrupt:
    """`with Interrupt() as interrupt:` turns the first SIGINT into `interrupt.asked`; outside it is the usual one."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> "Interrupt":
        self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)  # not patient: a second one ends everything
