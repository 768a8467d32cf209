"""Running a suite from Python: verdicts, selection, seeds, order."""

import pytest

from grader.inprocess import from_package
from grader.scoreboard import number
from grader.steps import BY_NUMBER, STEPS
from grader.suite import ROOT, SuiteFailed, expected, run, run_suite
from grader.verdicts import Outcome

SOLVED = (ROOT / "solutions" / "step3_train.py").read_text(encoding="utf-8")


@pytest.fixture
def unclipped(tmp_path, monkeypatch):
    monkeypatch.setattr("grader.diagnosis._catalogue", lambda step: [])  # nobody asks here which mistake it is
    path = tmp_path / "step3_train.py"
    line = "            nn.utils.clip_grad_norm_(model.parameters(), max_norm)\n"
    assert SOLVED.count(line) == 1
    path.write_text(SOLVED.replace(line, ""))
    return path


def test_a_seed_repeats_the_inputs_and_another_draws_others(unclipped):
    first, again, other = (run_suite(3, unclipped, seed=seed) for seed in (5, 5, 6))
    failed = [name for name, verdict in first.items() if verdict.outcome is Outcome.FAILED]
    assert failed
    assert {n: v.message for n, v in first.items()} == {n: v.message for n, v in again.items()}
    assert any(first[name].message != other[name].message for name in failed)


def test_the_inputs_do_not_depend_on_which_tests_ran_before(unclipped):
    everything = run_suite(3, unclipped, seed=5)
    name = next(name for name, verdict in everything.items() if verdict.outcome is Outcome.FAILED)
    alone = run_suite(3, unclipped, tests=[name], seed=5)
    assert list(alone) == [name]
    assert alone[name].message == everything[name].message


def test_verdicts_are_told_as_they_come():
    heard = []
    verdicts = run(
        lambda step: from_package("exercises", step.module),
        steps=[3],
        on_verdict=heard.append,
    )
    assert heard == list(verdicts.values())
    assert {verdict.outcome for verdict in heard} == {Outcome.NOT_STARTED}
    assert all(verdict.title and verdict.hint for verdict in heard)
    standings = {verdict.test: verdict.observed for verdict in expected([3])}
    assert {verdict.test: verdict.observed for verdict in heard} == standings
    assert set(standings.values()) == {True, False}


def test_the_docs_tell_how_many_points_are_recomputed():
    every = expected([step.number for step in STEPS])
    docs = (ROOT / "docs/sandbox.md").read_text(encoding="utf-8")
    for track in {step.track for step in STEPS}:
        its = [verdict for verdict in every if BY_NUMBER[verdict.step].track == track]
        seen = sum(verdict.points for verdict in its if verdict.observed)
        whole = sum(verdict.points for verdict in its)
        assert f"| {track} | {number(whole - seen)} | {number(seen)} |" in docs


def test_a_suite_that_cannot_run_is_no_verdict(unclipped):
    with pytest.raises(SuiteFailed, match="no_such_test"):
        run_suite(3, unclipped, tests=["no_such_test"])
