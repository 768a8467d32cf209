"""The real thing: in the sandbox a submission gets exactly what it gets in process, in the same words."""

import dataclasses
import json
import random
import sys

import pytest

from grader import suite
from grader.cli import main
from grader.examiner import TORCH, grade
from grader.inprocess import from_file
from grader.sandbox.client import Outcome as Ending
from grader.sandbox.client import Raised, Reply, Sandbox
from grader.sandbox.reply import Frame
from grader.sandbox.rung import Rung
from grader.sandbox.rungs import SandboxUnavailable, choose
from grader.sandboxed import Sandboxed
from grader.steps import BY_NUMBER
from grader.verdicts import Outcome, SubmissionEnded, SubmissionError, judge
from grader.worker import ROOT, Worker, WorkerFault

CLASS = ROOT / "examples/class"


@pytest.fixture(scope="module")
def wall():
    try:
        return choose()
    except SandboxUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("student", ["dora"])
def test_the_sandbox_changes_no_verdict(wall, student):
    """A step that does not import (test_equality has right and wrong ones), under a seed that is new in every run."""
    folder, step, seed = CLASS / student / "exercises", BY_NUMBER[3], random.SystemRandom().randrange(1 << 31)
    within = suite.run(lambda _: from_file(folder / f"{step.module}.py"), steps=[3], seed=seed, diagnose=False)
    with Sandbox(folder, rung=wall, preload=TORCH) as box:
        behind = suite.run(lambda step: Sandboxed(box, step.module), steps=[3], seed=seed, diagnose=False)
    assert {n: v.outcome for n, v in behind.items()} == {n: v.outcome for n, v in within.items()}
    for name, verdict in behind.items():
        if verdict.outcome is Outcome.FAILED:
            assert verdict.message.replace("exercises/", "") == within[name].message.replace("exercises/", ""), (
                f"seed {seed}"
            )


def test_a_class_of_two_end_to_end(wall, tmp_path):
    for name in ("carla", "mallory"):
        (tmp_path / "class").mkdir(exist_ok=True)
        (tmp_path / "class" / name).symlink_to(CLASS / name)
    arguments = ["grade", str(tmp_path / "class"), "--out", str(tmp_path / "out"), "--steps", "1", "--jobs", "2"]
    assert main([*arguments, "--no-diagnosis"]) == 0
    results = {n: json.loads((tmp_path / f"out/results/{n}.json").read_text()) for n in ("carla", "mallory")}
    assert {n: r["points"] for n, r in results.items()} == {"carla": 0, "mallory": 0}
    assert {t["outcome"] for t in results["carla"]["tests"]} == {"not started"}
    assert sum(t["max_points"] for t in results["carla"]["tests"] if t["observed"]) == 5
    assert {t["outcome"] for t in results["mallory"]["tests"]} <= {"crashed", "error", "failed"}
    assert "conftest.py: not one of the course's files" in results["mallory"]["left_out"]
    assert (tmp_path / "out/report.html").exists()


def test_the_time_of_a_submission_is_one_for_all_its_tests():
    """Once it is used up no probe is sent any more, and no sandbox is started."""
    late = Sandboxed(None, "step3_train", deadline=0.0)  # type: ignore[arg-type]
    verdicts = suite.run(lambda _: late, steps=[3], seed=1)
    assert {verdict.outcome for verdict in verdicts.values()} == {Outcome.TIMED_OUT}
    assert {verdict.message for verdict in verdicts.values()} == {
        "The time for the whole submission was used up before this test."
    }


def graded(folder, rung):
    events = []
    grade(folder, [3], 7, rung, 300, True, events.append)
    verdicts = [event["verdict"] for event in events if "verdict" in event]
    return {verdict["test"]: (verdict["outcome"], verdict["message"], verdict["output"]) for verdict in verdicts}


def test_a_stub_as_it_was_handed_out_needs_no_sandbox(wall, tmp_path, monkeypatch):
    """It gets exactly what it gets behind the wall, where any other file goes."""
    stub = (ROOT / "exercises/step3_train.py").read_bytes()
    file = tmp_path / "step3_train.py"
    file.write_bytes(stub + b"# I looked at it\n")
    behind = graded(tmp_path, wall)
    started = []
    monkeypatch.setattr(Sandbox, "start", lambda box: started.append(box))
    for content in (stub, stub.replace(b"\n", b"\r\n")):
        file.write_bytes(content)
        assert graded(tmp_path, wall) == behind
    assert not started
    assert {outcome for outcome, _, _ in behind.values()} == {"not started"}


BROKEN = """
import grader.examiner as examiner
def broken(arguments, plugin):
    raise examiner.suite.SuiteFailed("1 error\\nE   SyntaxError: in a suite")
examiner.suite._pytest = broken
examiner.serve()
"""


def test_a_suite_that_is_broken_is_the_examiners_fault_and_says_why(tmp_path):
    """What the batch makes of that is in test_grade_command: ungradable, exit status 3."""
    worker = Worker(libraries=False, command=[sys.executable, "-P", "-c", BROKEN])
    rung = dataclasses.asdict(Rung("limits", "l"))
    job = {"folder": str(tmp_path), "steps": [3], "seed": 1, "seconds": 60, "rung": rung, "diagnose": False}
    try:
        for task in ({"collect": [3]}, {"grade": job}):  # the second: it goes on after a fault
            with pytest.raises(WorkerFault, match="SyntaxError: in a suite"):
                worker.do(task, lambda event: None, 60)
    finally:
        worker.end()


RAISED = Raised("ValueError", "no", (Frame("exercises/step1_model.py", 7, "forward", "raise ValueError('no')"),))
STUB = Raised("NotImplementedError", "step 1: write it", (Frame("f", 1, "g", "raise NotImplementedError('x')"),), True)


@pytest.mark.parametrize(
    ("reply", "outcome", "message"),
    [
        (
            Reply(Ending.RAISED, error=RAISED),
            Outcome.ERROR,
            "Your code raised ValueError: no\n  exercises/step1_model.py:7",
        ),
        (Reply(Ending.RAISED, error=STUB), Outcome.NOT_STARTED, "step 1: write it"),
        (Reply(Ending.CRASHED, reason="was ended by SIGSEGV"), Outcome.CRASHED, "Your code was ended by SIGSEGV."),
        (
            Reply(Ending.OUT_OF_MEMORY, reason="ran out of memory"),
            Outcome.OUT_OF_MEMORY,
            "Your code ran out of memory.",
        ),
        (Reply(Ending.TIMED_OUT, reason="ran longer than 3 s"), Outcome.TIMED_OUT, "Your code ran longer than 3 s."),
        (Reply(Ending.BAD_EVIDENCE, reason="a set"), Outcome.FAILED, "Your code returned something that is not plain"),
    ],
)
def test_every_ending_of_a_probe_has_its_verdict(reply, outcome, message):
    runner = Sandboxed(None, "step1_model")  # type: ignore[arg-type]
    with pytest.raises((SubmissionError, SubmissionEnded)) as caught:
        runner._value(reply)
    told = judge(caught.value, caught.value)
    assert told[0] is outcome
    assert told[1].startswith(message)


def test_an_import_that_fails_is_told_alike_by_every_test():
    """No input makes a difference to it; and a module that is not there may have been left out of the submission."""
    error = Raised("ModuleNotFoundError", "No module named 'helpers'", import_failed=True)
    told = Sandboxed(None, "step1_model")._error(error)  # type: ignore[arg-type]
    told.add_note("Falsifying example: test_a(\n    student=student,\n    size=3,\n)")
    outcome, message = judge(told, told)
    assert outcome is Outcome.IMPORT_ERROR
    assert "size=3" not in message
    assert message.splitlines()[-1].startswith("  A step stands alone")
