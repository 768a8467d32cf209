"""Proof of the suites: right modules of other builds get full points, wrong ones fail where they should."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from grader.catalogue import CatalogueError, Mistake, mistakes, variants
from grader.steps import BY_NUMBER, STEPS, Step
from grader.suite import ROOT, run_suite
from grader.verdicts import Outcome, Verdict


def solution(step: Step) -> str:
    return (ROOT / "solutions" / f"{step.module}.py").read_text(encoding="utf-8")


def verdicts_of(step: Step, source: str, tests: list[str]) -> dict[str, Verdict]:
    """Run in a worker process."""
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / f"{step.module}.py"
        module.write_text(source, encoding="utf-8")
        return run_suite(step.number, module, tests)


@pytest.fixture(scope="session")
def verdicts(request) -> Iterator[dict[object, Future]]:
    """Every selected entry, run on all cores: {entry: its verdicts to come}."""
    found: dict[object, Future] = {}
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for item in request.session.items:
            if item.get_closest_marker("entry"):
                step, entry = item.callspec.params["step"], item.callspec.params["entry"]
                is_wrong = isinstance(entry, Mistake)
                source = entry.apply(solution(step)) if is_wrong else entry.read_text(encoding="utf-8")
                found[entry] = pool.submit(verdicts_of, step, source, [entry.caught_by] if is_wrong else [])
        yield found
        pool.shutdown(cancel_futures=True)


@pytest.mark.entry
@pytest.mark.timeout(600)  # the first to ask waits for the workers to import torch
@pytest.mark.parametrize(
    ("step", "entry"),
    [pytest.param(step, path, id=f"{step.number}-{path.stem}") for step in STEPS for path in variants(step)],
)
def test_a_right_module_of_another_build_gets_full_points(step, entry, verdicts):
    found = verdicts[entry].result()
    lost = {name: verdict.message for name, verdict in found.items() if verdict.outcome is not Outcome.PASSED}
    assert not lost
    assert sum(verdict.earned for verdict in found.values()) == step.points


@pytest.mark.entry
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("step", "entry"),
    [pytest.param(step, wrong, id=f"{step.number}-{wrong.id}") for step in STEPS for wrong in mistakes(step)],
)
def test_a_wrong_module_fails_the_test_that_must_catch_it(step, entry, verdicts):
    verdict = verdicts[entry].result()[entry.caught_by]
    assert verdict.outcome in (Outcome.FAILED, Outcome.ERROR)
    assert entry.message in " ".join(verdict.message.split())


def test_the_catalogue_is_as_large_as_it_says():
    core = ((1, 10, 30), (2, 2, 12), (3, 2, 25), (4, 2, 12), (5, 2, 12))
    translation = ((9, 2, 30), (10, 3, 65), (11, 2, 40), (12, 3, 55))
    for number, right, wrong in core + translation:
        assert len(variants(BY_NUMBER[number])) >= right
        assert len(mistakes(BY_NUMBER[number])) >= wrong


def test_an_edit_must_apply_exactly_once():
    mistake = Mistake("id", "says", "test", "message", old="a", new="b")
    assert mistake.apply("cat") == "cbt"
    for source in ("dog", "banana"):
        with pytest.raises(CatalogueError, match="not once"):
            mistake.apply(source)
