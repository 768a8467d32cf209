"""A verdict for every graded test, told from how the test ended."""

import enum
import inspect
import linecache
import re
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis.errors import FlakyFailure

from grader.evidence import BadEvidence
from grader.expect import Mismatch
from grader.inprocess import ImportFailed


class Outcome(enum.StrEnum):
    """How a graded test ended. Only `passed` earns points; `ungradable` is a fault of the suite, never 0 points."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_STARTED = "not started"
    ERROR = "error"
    IMPORT_ERROR = "does not import"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    CRASHED = "crashed"
    UNGRADABLE = "ungradable"


class SubmissionError(Exception):
    """What a sandboxed probe ended with, told to the learner: an error of their code, or evidence that is not plain."""

    def __init__(self, outcome: Outcome, message: str):
        super().__init__(message)
        self.outcome = outcome


class SubmissionEnded(BaseException):
    """A probe ended in a way that no other input would mend. Not an Exception, so that Hypothesis does not try one."""

    def __init__(self, outcome: Outcome, message: str):
        super().__init__(message)
        self.outcome = outcome


@dataclass(frozen=True)
class Verdict:
    """One graded test: `message` is for the learner, `output` is what their code printed.

    looks_like: the ids of catalogued mistakes that give the same evidence (grader.diagnosis).
    observed: only the student's process saw what the test claims (see grader.probe.points).
    """

    test: str
    step: int
    points: float
    title: str
    hint: str
    outcome: Outcome
    message: str = ""
    looks_like: tuple[str, ...] = ()
    output: str = ""
    seconds: float = 0.0
    line: int = 0  # where the test stands in its suite
    observed: bool = False

    @property
    def earned(self) -> float:
        return self.points if self.outcome is Outcome.PASSED else 0.0


def title_of(test: Callable[..., object]) -> str:
    """What a graded test requires: the first paragraph of its docstring, on one line."""
    return " ".join((inspect.getdoc(test) or "").split("\n\n")[0].split())


def judge(error: BaseException | None, raised: BaseException | None) -> tuple[Outcome, str]:
    """The outcome and the learner's message. `raised` is what last left a probe: that error is the student's."""
    if error is None:
        return Outcome.PASSED, ""
    if isinstance(error, SubmissionError | SubmissionEnded):
        whatever_the_case = error.outcome in (Outcome.IMPORT_ERROR, Outcome.NOT_STARTED)
        return error.outcome, str(error) + ("" if whatever_the_case else _example(error))
    if isinstance(error, pytest.fail.Exception) and "Timeout" in str(error):
        return Outcome.TIMED_OUT, too_late(error)
    if isinstance(error, Mismatch):
        return Outcome.FAILED, str(error) + _example(error)
    if isinstance(error, FlakyFailure):  # Hypothesis asked twice and got two answers
        outcome, message = judge(error.exceptions[0], error.exceptions[0])
        return outcome, f"{message}\nAsked again with the same input, your code did something else: is it random?"
    if error is not raised:
        return Outcome.UNGRADABLE, f"The suite itself failed, not your code: {_one_line(error)}"
    if isinstance(error, NotImplementedError) and is_stub(error):
        return Outcome.NOT_STARTED, str(error) or "not written yet"
    if isinstance(error, ImportFailed):
        cause = error.__cause__ or error
        return Outcome.IMPORT_ERROR, f"{error}: {_one_line(cause)}{_where(cause)}"
    if isinstance(error, BadEvidence):
        return Outcome.FAILED, f"Your code returned something that is not plain data: {error}"
    return Outcome.ERROR, f"Your code raised {_one_line(error)}{_where(error)}{_example(error)}"


def too_late(error: BaseException) -> str:
    """The learner's message for a timeout of pytest-timeout."""
    seconds = re.search(r"[\d.]+", str(error))
    return f"It did not finish within {seconds.group() if seconds else 'the allowed'} seconds."


def is_stub(error: NotImplementedError) -> bool:
    """Raised by a `raise NotImplementedError` of the learner's file, and not by a library that lacks something."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return _is_learners(last.filename) and "NotImplementedError" in (last.line or "")


def _one_line(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:400]}" if text else type(error).__name__


def _where(error: BaseException) -> str:
    """The learner's own line: the innermost one outside installed libraries and outside this package."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"\n  {_short(error.filename)}:{error.lineno}: {(error.text or '').strip()}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_learners(frame.filename):
            line = linecache.getline(frame.filename, frame.lineno or 0).strip()
            return f"\n  {_short(frame.filename)}:{frame.lineno} in {frame.name}: {line}"
    return ""


def _is_learners(filename: str) -> bool:
    path = Path(filename)
    ours = {"grader", "lab", "tests"} & {path.parent.name, path.parent.parent.name}
    return "site-packages" not in path.parts and path.suffix == ".py" and path.stem.startswith("step") and not ours


def _short(filename: str) -> str:
    return "/".join(Path(filename).parts[-2:])


def _example(error: BaseException) -> str:
    """Hypothesis' smallest failing case, as `name=value` pairs."""
    notes: list[str] = getattr(error, "__notes__", [])
    for note in notes:
        if found := re.match(r"[\w ]+: \w+\(\n(.*)\)$", note, re.DOTALL):
            arguments = [line.strip().rstrip(",") for line in found.group(1).splitlines()]
            drawn = [a for a in arguments if not a.startswith("student=") and not a.endswith("data(...)")]
            drawn += [re.sub(r"Draw \d+ \((.*?)\): ", r"\1=", n) for n in notes if re.match(r"Draw \d+ \(", n)]
            told = f"Smallest failing case found: {', '.join(drawn)}"
            lines = textwrap.wrap(told, 110, break_long_words=False, break_on_hyphens=False)
            return "\n" + "\n  ".join(lines) if drawn else ""
    return ""
