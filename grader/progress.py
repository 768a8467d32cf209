"""The live display of a batch: who is at which step with how many points, how many are done, and the time left."""

import threading
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from grader.results import Result
from grader.scoreboard import number


class Display:
    """A `grader.batch.Watcher`. On something that is not a terminal: one line per finished student."""

    def __init__(self, students: int, console: Console):
        self.console, self.results, self.kept = console, list[Result](), 0
        self._lock = threading.Lock()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console)
        self._class = self._bar.add_task("class", total=students)
        self._rows = {}  # type: ignore[var-annotated]

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begun(self, student: str) -> None:
        with self._lock:
            self._rows[student] = self._bar.add_task(f"  {escape(student)}: starting", total=None)

    def at(self, student: str, step: int, points: float) -> None:
        with self._lock:
            self._bar.update(
                self._rows[student], description=f"  {escape(student)}: step {step}, {number(points)} points"
            )

    def finished(self, result: Result, kept: bool) -> None:
        with self._lock:
            self.results.append(result)
            self.kept += kept
            if row := self._rows.pop(result.student, None):
                self._bar.remove_task(row)
            self._bar.advance(self._class)
            note = "unchanged" if kept else f"{result.seconds:.0f} s"
            line = f"{result.student}: {number(result.points)} of {number(result.max_points)} ({note})"
            self.console.print(line, markup=False, highlight=False)
