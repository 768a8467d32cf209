"""The two places where a run is steered from outside: whose code is examined, and who hears of it."""

import pytest

from grader.probe import Student
from grader.steps import Step
from grader.verdicts import Verdict


@pytest.hookspec(firstresult=True)
def pytest_grader_student(config: pytest.Config, step: Step) -> Student | None:
    """The runner of this step's probes; the default runs `exercises/` (or `solutions/`) in this process."""


@pytest.hookspec
def pytest_grader_verdict(verdict: Verdict) -> None:
    """A graded test has ended. A test that runs on several devices is told again if a later device fails."""
