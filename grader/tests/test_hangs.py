"""A submission that hangs or leaves: told rightly, and at the cost of a few time limits, not of every test's."""

import time

import pytest

from grader.probe import probe
from grader.sandbox.client import Limits, Sandbox
from grader.sandbox.rungs import SandboxUnavailable, choose
from grader.sandboxed import Sandboxed
from grader.verdicts import Outcome, SubmissionEnded


@probe
def answer(student, what):
    return student.answer(what)


@pytest.fixture(scope="module")
def wall():
    try:
        return choose()
    except SandboxUnavailable as error:
        pytest.skip(str(error))


def ask(runner, what):
    with pytest.raises(SubmissionEnded) as caught:
        answer(runner, what)
    return caught.value


def test_an_import_that_does_not_end_is_tried_once(wall, tmp_path):
    (tmp_path / "step1_model.py").write_text("while True:\n    pass\n")
    with Sandbox(tmp_path, rung=wall, limits=Limits(wall_s=1)) as box:
        runner = Sandboxed(box, "step1_model")
        first = ask(runner, 0)
        started = time.monotonic()
        later = [ask(runner, n) for n in range(20)]
        assert time.monotonic() - started < 0.5
    assert {error.outcome for error in (first, *later)} == {Outcome.TIMED_OUT}
    assert str(first) == "exercises/step1_model.py did not finish importing: Your code ran longer than 1 s."
    assert str(later[0]) == f"{first} This was not tried again."


CODE = """\
import os, time

def answer(what):
    if what == "hang":
        time.sleep(60)
    while what == "loop":
        pass
    if what == "leave":
        os._exit(0)
    return what
"""


def test_a_call_that_hangs_costs_no_other_call_its_points(wall, tmp_path, monkeypatch):
    monkeypatch.setattr("grader.sandboxed.SHORT_S", 3)
    monkeypatch.setattr("grader.sandboxed.SHORT_CPU_S", 1)
    (tmp_path / "step1_model.py").write_text(CODE)
    with Sandbox(tmp_path, rung=wall, limits=Limits(wall_s=4)) as box:
        runner = Sandboxed(box, "step1_model")
        told = [str(ask(runner, what)) for what in ("loop", "hang", "loop")]
        assert answer(runner, "right") == "right"
    assert told[0] == "Your code ran longer than 4 s."
    why = " (After a test of this step that did not finish, one call gets 1 s of computing, 3 s in all.)"
    assert told[1] == f"Your code ran longer than 3 s.{why}"
    assert told[2] == f"Your code used more than 1 s of CPU time.{why}"


def test_leaving_with_status_0_is_a_crash_not_bad_evidence(wall, tmp_path):
    (tmp_path / "step1_model.py").write_text(CODE)
    with Sandbox(tmp_path, rung=wall) as box:
        left = ask(Sandboxed(box, "step1_model"), "leave")
    assert left.outcome is Outcome.CRASHED
    assert str(left) == "Your code ended the process itself, with status 0."
