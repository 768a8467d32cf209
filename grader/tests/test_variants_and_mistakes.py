"""Proof of the suites: right modules of other builds get full points, wrong ones fail where they should."""

import pytest

from grader.catalogue import CatalogueError, Mistake, mistakes, variants
from grader.steps import BY_NUMBER, STEPS, Step
from grader.suite import ROOT, run_suite
from grader.verdicts import Outcome


def solution(step: Step) -> str:
    return (ROOT / "solutions" / f"{step.module}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("step", "variant"),
    [pytest.param(step, path, id=f"{step.number}-{path.stem}") for step in STEPS for path in variants(step)],
)
def test_a_right_module_of_another_build_gets_full_points(step, variant):
    verdicts = run_suite(step.number, variant)
    lost = {name: verdict.message for name, verdict in verdicts.items() if verdict.outcome is not Outcome.PASSED}
    assert not lost
    assert sum(verdict.earned for verdict in verdicts.values()) == step.points


@pytest.mark.parametrize(
    ("step", "mistake"),
    [pytest.param(step, wrong, id=f"{step.number}-{wrong.id}") for step in STEPS for wrong in mistakes(step)],
)
def test_a_wrong_module_fails_the_test_that_must_catch_it(step, mistake, tmp_path):
    module = tmp_path / f"{step.module}.py"
    module.write_text(mistake.apply(solution(step)), encoding="utf-8")
    verdict = run_suite(step.number, module, [mistake.caught_by])[mistake.caught_by]
    assert verdict.outcome in (Outcome.FAILED, Outcome.ERROR)
    assert mistake.message in " ".join(verdict.message.split())


def test_the_catalogue_is_as_large_as_it_says():
    for number, right, wrong in ((1, 10, 30), (2, 2, 12), (3, 2, 25), (4, 2, 12), (5, 2, 12)):
        assert len(variants(BY_NUMBER[number])) >= right
        assert len(mistakes(BY_NUMBER[number])) >= wrong


def test_an_edit_must_apply_exactly_once():
    mistake = Mistake("id", "says", "test", "message", old="a", new="b")
    assert mistake.apply("cat") == "cbt"
    for source in ("dog", "banana"):
        with pytest.raises(CatalogueError, match="not once"):
            mistake.apply(source)
