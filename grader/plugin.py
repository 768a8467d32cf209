"""The pytest plugin: `student`, `device`, seeds, verdicts and the scoreboard. Loaded by conftest.py."""

import gc
import hashlib
import inspect
import os
import random
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, settings

from grader import diagnosis, hooks, replay, scoreboard
from grader.inprocess import from_package
from grader.probe import Student
from grader.steps import BY_NUMBER, STEPS, Step
from grader.verdicts import Outcome, Verdict, judge, title_of

VERDICTS = pytest.StashKey[dict[str, Verdict]]()
STUDENTS = pytest.StashKey[dict[int, replay.Watched]]()
SEED = pytest.StashKey[int]()
NOT_STARTED = pytest.StashKey[list[int]]()
OWN_TESTS = ("grader/tests", "lab/tests")

settings.register_profile(
    "graded",
    max_examples=25,
    deadline=None,  # pytest-timeout bounds the test as a whole
    database=None,
    print_blob=False,
    report_multiple_bugs=False,  # a learner mends one thing at a time
    phases=(Phase.explicit, Phase.generate, Phase.shrink),  # explaining traces every line: seconds per failure
    suppress_health_check=list(HealthCheck),
)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("kata")
    group.addoption(
        "--solutions", action="store_true", help="grade solutions/, and run the grader's and lab's own tests"
    )
    group.addoption("--seed", type=int, metavar="N", help="repeat a run: every test draws the inputs that it drew then")
    group.addoption("--no-diagnosis", action="store_true", help="do not look which known mistake a failure looks like")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "points(value, step, hint, observed): a graded test (written by grader.probe.points)"
    )
    config.addinivalue_line("markers", "weights_are_free: right models draw other weights (see grader.diagnosis)")
    seed = config.option.seed if config.option.seed is not None else random.SystemRandom().randrange(1 << 31)
    config.stash[NOT_STARTED] = []  # the step of every failed report that is one for want of code
    config.stash[SEED], config.stash[VERDICTS], config.stash[STUDENTS] = seed, {}, {}
    settings.load_profile("graded")
    torch.set_num_threads(1)  # toy tensors: threads cost more than they give, most of all where cores are shared
    config.option.hypothesis_seed = str(seed)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # no thread pool to warn about when a loader forks
    if config.option.solutions and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args.extend(OWN_TESTS)
    if _quiet(config):
        config.option.no_header = True
        config.option.disable_warnings = True


def _quiet(config: pytest.Config) -> bool:
    return config.option.verbose <= 0


# -- whose code, and with which random numbers


@pytest.hookimpl(trylast=True)
def pytest_grader_student(config: pytest.Config, step: Step) -> Student:
    return from_package("solutions" if config.option.solutions else "exercises", step.module)


@pytest.fixture
def student(request: pytest.FixtureRequest) -> replay.Watched:
    """The code under examination: one runner per step and run."""
    mark = request.node.get_closest_marker("points")
    students, step = request.config.stash[STUDENTS], BY_NUMBER[mark.kwargs["step"]]
    if step.number not in students:
        runner = request.config.hook.pytest_grader_student(config=request.config, step=step)
        students[step.number] = replay.Watched(runner)
    return students[step.number]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Each test draws its inputs from the run's seed and its own name, whatever ran before it."""
    digest = hashlib.sha256(f"{item.config.stash[SEED]} {item.name}".encode()).digest()
    seed = int.from_bytes(digest[:4], "big")
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)


# -- which tests there are


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("points")
        if mark is None:
            continue
        missing = [
            what
            for what, there in {
                "a hint": mark.kwargs["hint"].strip(),
                "a docstring": inspect.getdoc(item.function),  # type: ignore[attr-defined]
                "a known step": mark.kwargs["step"] in BY_NUMBER,
                "points": mark.kwargs["value"] > 0,
            }.items()
            if not there
        ]
        if missing:
            raise pytest.UsageError(f"{item.nodeid} lacks {', '.join(missing)}")
        replay.watch(item)
        if _quiet(config):  # pytest parses a whole suite for every traceback, and nobody sees it
            item.repr_failure = _in_one_line  # type: ignore[method-assign, assignment]


def _in_one_line(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    return excinfo.exconly()


def pytest_collection_finish() -> None:
    """What the libraries hold stays for good: the Trainer collects garbage in every run, 0.3 s with them in it."""
    gc.freeze()


# -- verdicts


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, None]:
    outcome = yield
    mark = item.get_closest_marker("points")
    report: pytest.TestReport = outcome.get_result()
    if mark is None or (call.when != "call" and call.excinfo is None):
        return
    error = call.excinfo.value if call.excinfo else None
    runner = item.config.stash[STUDENTS].get(mark.kwargs["step"])
    result, message = judge(error, getattr(runner, "raised", None))
    found = [] if item.config.option.no_diagnosis else diagnosis.diagnose(item, result)
    replay.forget(item)
    if report.skipped:  # a skip or xfail that the student's code raised earns nothing
        report.outcome = "failed"
    verdict = Verdict(
        test=item.name.removesuffix("[cpu]"),
        step=mark.kwargs["step"],
        points=mark.kwargs["value"],
        title=title_of(item.function),  # type: ignore[attr-defined]
        hint=mark.kwargs["hint"],
        outcome=result,
        message=message + diagnosis.told(found),
        looks_like=tuple(mistake.id for mistake in found),
        output=report.capstdout + report.capstderr,
        seconds=call.duration,
        line=item.location[1] or 0,
        observed=mark.kwargs["observed"],
    )
    _record(item, verdict)
    if result is Outcome.NOT_STARTED:
        item.config.stash[NOT_STARTED].append(verdict.step)
    report.graded = result  # type: ignore[attr-defined]


def _record(item: pytest.Item, verdict: Verdict) -> None:
    """A test that runs on several devices is one claim: it stands when it stands on all of them."""
    verdicts, key = item.config.stash[VERDICTS], item.nodeid.partition("[")[0]
    if key not in verdicts or verdicts[key].outcome is Outcome.PASSED:
        verdicts[key] = verdict
        item.config.hook.pytest_grader_verdict(verdict=verdict)


# -- what the learner sees


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """Quiet runs tell failures in the learner's words (see pytest_terminal_summary), not as pytest's tracebacks."""
    result = getattr(report, "graded", None)
    if result is None or result is Outcome.PASSED or not _quiet(config):
        return None
    if result is Outcome.NOT_STARTED:
        return "not started", "-", "NOT STARTED"
    return "wrong", "F", str(result).upper()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    verdicts = config.stash[VERDICTS]
    if not verdicts:
        return
    results = scoreboard.scores(
        sorted(verdicts.values(), key=lambda verdict: verdict.line)
    )  # whatever order they ran in
    if _quiet(config):
        _write(terminalreporter, scoreboard.findings(results))
    _write(terminalreporter, scoreboard.board(results))
    _write(terminalreporter, scoreboard.next_thing(results, "solutions" if config.option.solutions else "exercises"))
    if any(verdict.message and verdict.outcome is not Outcome.NOT_STARTED for verdict in verdicts.values()):
        terminalreporter.write_line(f"\nThe inputs were drawn with --seed {config.stash[SEED]}; -v shows tracebacks.")


def _write(reporter: pytest.TerminalReporter, lines: Any) -> None:
    for text, style in lines:
        reporter.write_line(text, **({style: True} if style else {}))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail closed: a graded test that was selected and has no passing verdict is a failure, whatever ended the run.

    Optional steps that are not started are no failure beside the whole core (see `scoreboard.excused`).
    """
    config, verdicts = session.config, session.config.stash[VERDICTS]
    graded = {item.nodeid.partition("[")[0] for item in session.items if item.get_closest_marker("points")}
    if not graded or config.option.collectonly:
        return
    excused = scoreboard.excused(scoreboard.scores(verdicts.values()))
    full = all(
        key in verdicts and (verdicts[key].outcome is Outcome.PASSED or verdicts[key].step in excused) for key in graded
    )
    forgiven = sum(step in excused for step in config.stash[NOT_STARTED])
    if exitstatus == pytest.ExitCode.OK and not full:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    elif exitstatus == pytest.ExitCode.TESTS_FAILED and full and session.testsfailed == forgiven:
        session.exitstatus = pytest.ExitCode.OK


def suite_points(items: list[pytest.Item]) -> dict[int, float]:
    """The points of the collected suites by step, each test counted once."""
    seen = {item.nodeid.partition("[")[0]: item.get_closest_marker("points") for item in items}
    totals = {step.number: 0.0 for step in STEPS}
    for mark in seen.values():
        if mark:
            totals[mark.kwargs["step"]] += mark.kwargs["value"]
    return totals
