"""The result of grading one submission: what `results/<student>.json` holds, and how it is written.

The file is one JSON object, schema version 1: the fields of `Result`, with `tests` a list of objects with the fields
of `TestResult`; docs/results.md tells of each. A reader may rely on every field; a later version only adds fields, or
raises `schema`.
"""

import dataclasses
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin

from grader.steps import BY_NUMBER, Step
from grader.verdicts import Outcome

SCHEMA = 1


@dataclass(frozen=True)
class TestResult:
    """One graded test. `points` is what was earned, `outcome` a value of `grader.verdicts.Outcome`.

    looks_like: ids of the catalogued mistakes that give the same evidence, none or up to three (grader.diagnosis).
    observed: only the student's process saw what the test claims (see grader.probe.points).
    """

    __test__ = False  # not a test class, whatever pytest makes of the name

    test: str
    step: int
    points: float
    max_points: float
    title: str
    hint: str
    outcome: str
    message: str = ""
    output: str = ""
    seconds: float = 0.0
    looks_like: list[str] = field(default_factory=list)
    observed: bool = False


@dataclass(frozen=True)
class Result:
    """One submission, graded.

    student: the submission's name. rung: the sandbox in force; warning: what it does not protect, or "".
    submission_hash, suite_hash: what was graded with what (SHA-256). seed: repeats the run with `--seed`.
    problem: why the submission could not be graded as a whole (one line for the instructor), or "".
    left_out: what was not taken from the submission and why, a line each.
    diagnosed: whether failures were compared with the catalogue of mistakes (`--no-diagnosis`: not).
    """

    student: str
    rung: str
    seed: int
    started: str  # ISO 8601, UTC
    seconds: float
    submission_hash: str
    suite_hash: str
    tests: list[TestResult]
    warning: str = ""
    problem: str = ""
    left_out: list[str] = field(default_factory=list)
    diagnosed: bool = True
    schema: int = SCHEMA

    @property
    def points(self) -> float:
        return sum(test.points for test in self.tests)

    @property
    def max_points(self) -> float:
        return sum(test.max_points for test in self.tests)

    @property
    def ungradable(self) -> list[TestResult]:
        """Tests without a verdict through a fault that is not the student's: regrade before these points count."""
        return [test for test in self.tests if test.outcome == Outcome.UNGRADABLE]

    def by_step(self) -> dict[Step, list[TestResult]]:
        """The tests of every step that was graded, in the order of the course."""
        numbers = sorted({test.step for test in self.tests})
        return {BY_NUMBER[n]: [test for test in self.tests if test.step == n] for n in numbers}

    def to_json(self) -> str:
        derived = {"points": self.points, "max_points": self.max_points}
        text = json.dumps({**dataclasses.asdict(self), **derived}, indent=1, ensure_ascii=False) + "\n"
        return text.encode("utf-8", "replace").decode("utf-8")  # with a lone surrogate no file could be written

    @classmethod
    def from_json(cls, text: str) -> "Result":
        """Raises ValueError if the text is not a result of this schema."""
        data: dict[str, Any] = json.loads(text)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError(f"not a result of schema {SCHEMA}")
        names = {f.name for f in dataclasses.fields(cls)}
        try:
            fields = {name: value for name, value in data.items() if name in names}
            result = cls(**{**fields, "tests": [TestResult(**test) for test in data["tests"]]})
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a result: {error}") from None
        _check_types(result)
        for test in result.tests:
            _check_types(test)
        return result


def _check_types(part: Result | TestResult) -> None:
    """A file may have been edited by hand. Raises ValueError if a field is not what it should be."""
    for one in dataclasses.fields(part):
        value, kind = getattr(part, one.name), get_origin(one.type) or one.type
        sound = isinstance(value, int | float if kind is float else kind)  # type: ignore[arg-type]
        if not sound or (one.type == list[str] and not all(isinstance(item, str) for item in value)):
            raise ValueError(f"not a result: {one.name} is {type(value).__name__}")
    if isinstance(part, TestResult) and not (part.step in BY_NUMBER and part.outcome in set(Outcome)):
        raise ValueError(f"not a result: step {part.step}, {part.outcome}")


def write_atomically(path: Path, text: str) -> None:
    """Write the whole file or nothing, and survive a power cut: a reader never sees half a result."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
