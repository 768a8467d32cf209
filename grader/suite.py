"""Running graded suites from Python, on any code: the self-checks and the examiner stand on this."""

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from grader.inprocess import from_file
from grader.probe import Student
from grader.steps import BY_NUMBER, Step
from grader.verdicts import Outcome, Verdict, title_of

ROOT = Path(__file__).resolve().parents[1]


class SuiteFailed(Exception):  # noqa: N818 - the suites did not run; says nothing about the code under examination
    """Pytest itself could not run the suites; the text is what it printed."""


class _Run:
    """The plugin that steers one run: whose code, and where the verdicts go."""

    def __init__(self, student_for: Callable[[Step], Student], on_verdict: Callable[[Verdict], None]):
        self.student_for, self.on_verdict = student_for, on_verdict

    def pytest_grader_student(self, step: Step) -> Student:
        return self.student_for(step)

    def pytest_grader_verdict(self, verdict: Verdict) -> None:
        self.on_verdict(verdict)


def run(
    student_for: Callable[[Step], Student],
    *,
    steps: Sequence[int],
    tests: Sequence[str] = (),
    seed: int | None = None,
    on_verdict: Callable[[Verdict], None] = lambda verdict: None,
    diagnose: bool = True,
) -> dict[str, Verdict]:
    """Run the suites of `steps` (or only the named `tests` of them) and return {test name: verdict}.

    `student_for(step)` gives the runner that probes are handed to; `diagnose`: say which mistake a failure looks like.
    Raises SuiteFailed if pytest could not run.
    """
    verdicts: dict[str, Verdict] = {}

    def record(verdict: Verdict) -> None:
        verdicts[verdict.test.partition("[")[0]] = verdict
        on_verdict(verdict)

    suites = [str(ROOT / BY_NUMBER[number].suite) for number in steps]
    selected = [f"{suite}::{test}" for suite in suites for test in tests] or suites
    words = [*([f"--seed={seed}"] if seed is not None else []), *([] if diagnose else ["--no-diagnosis"])]
    _pytest([*words, *selected], _Run(student_for, record))
    return verdicts


def _pytest(arguments: Sequence[str], plugin: object) -> None:
    """Pytest with this repo's settings and nobody else's. Raises SuiteFailed with what it printed."""
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "--confcutdir", str(ROOT)]
    options += ["-p", "grader.plugin", "-p", "no:cacheprovider", "-p", "no:randomly", "-q"]
    options += ["-p", "no:unraisableexception"]  # it collects all garbage twice a run: half a second with torch
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status = pytest.main([*options, *arguments], plugins=[plugin])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SuiteFailed(printed.getvalue())


class _Collected:
    """The plugin that only looks which graded tests there are."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = session.items


def expected(steps: Sequence[int]) -> list[Verdict]:
    """Every graded test of `steps`, as the verdict that stands if nothing more is heard of it: ungradable."""
    collected = _Collected()
    _pytest(["--collect-only", *(str(ROOT / BY_NUMBER[number].suite) for number in steps)], collected)
    graded: dict[tuple[int, str], Verdict] = {}  # two suites may have a test of the same name
    for item in collected.items:
        if mark := item.get_closest_marker("points"):
            name = item.nodeid.rsplit("/", 1)[-1].partition("::")[2].partition("[")[0]
            title = title_of(item.function)  # type: ignore[attr-defined]
            graded[mark.kwargs["step"], name] = Verdict(
                test=name,
                step=mark.kwargs["step"],
                points=mark.kwargs["value"],
                title=title,
                hint=mark.kwargs["hint"],
                outcome=Outcome.UNGRADABLE,
                observed=mark.kwargs["observed"],
            )
    return list(graded.values())


def run_suite(step: int, module_path: Path, tests: Sequence[str] = (), seed: int | None = None) -> dict[str, Verdict]:
    """Run the suite of one step on a module in any file, in this process: {test name: verdict}."""
    student = from_file(module_path)
    return run(lambda _: student, steps=[step], tests=tests, seed=seed)
