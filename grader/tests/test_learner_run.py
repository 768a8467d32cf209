"""`pytest` as a learner runs it: a copy of the repo, a process of its own, the words on the screen."""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grader.steps import STEPS
from grader.suite import ROOT


@pytest.fixture
def clone(tmp_path) -> Path:
    """The repo as a learner has it, with stubs only."""
    clone = tmp_path / "clone"
    for name in ("exercises", "solutions", "tests", "grader", "lab"):
        leave = shutil.ignore_patterns("__pycache__", "hostile", "variants", "mistakes")
        shutil.copytree(ROOT / name, clone / name, ignore=leave)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, clone)
    return clone


def run_pytest(clone: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"}
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=250, check=False)
    return done.returncode, done.stdout + done.stderr


def run_each(*runs: tuple[Path, *tuple[str, ...]]) -> list[tuple[int, str]]:
    """Runs that do not touch each other, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda run: run_pytest(*run), runs))


def copied(clone: Path, name: str) -> Path:
    return shutil.copytree(clone, clone.with_name(name))


@pytest.mark.timeout(280)
def test_a_fresh_clone_shows_no_points_no_traceback_and_where_to_start(clone):
    status, screen = run_pytest(clone)
    assert status == 1
    assert "Traceback" not in screen
    assert re.search(r"core +0 / 100", screen)
    for step in STEPS:
        assert re.search(rf"{step.number}  {step.title} +0 / {step.points:g} +not started", screen)
    assert "Next: exercises/step1_model.py" in screen
    assert "wrong" not in screen
    assert len(screen.splitlines()) < 60


@pytest.mark.timeout(280)
def test_one_step_solved_one_broken_one_unfinished(clone):
    shutil.copy(clone / "solutions" / "step3_train.py", clone / "exercises")
    (clone / "exercises" / "step1_model.py").write_text("def broken(:\n    pass\n")
    suites = ["tests/test_step1_model.py", "tests/test_step3_train.py"]

    ran = run_each((clone, suites[1]), (clone, *suites), (clone, "-v", suites[0]))
    status, screen = ran[0]
    assert status == 0, screen
    assert re.search(r"3  The training loop +25 / 25 +done", screen)
    assert "Full points for step 3" in screen

    status, screen = ran[1]
    assert status == 1
    assert "Traceback" not in screen
    assert screen.count("step1_model.py cannot be imported: SyntaxError") == 1
    assert "exercises/step1_model.py:1: def broken(:" in screen
    assert re.search(r"1  The model +0 / 30 +does not import", screen)
    assert re.search(r"core +25 / 55", screen)
    assert "Make it import first" in screen

    status, screen = ran[2]  # ordinary pytest output
    assert status == 1
    assert "short test summary info" in screen
    assert "FAILED" in screen


@pytest.mark.timeout(280)
def test_optional_steps_that_are_not_started_do_not_fail_a_plain_run(clone):
    for suite in (clone / "tests").glob("test_step*.py"):  # a test each: what counts here is the exit status
        number = int(re.search(r"\d+", suite.stem)[0])
        call = "student.cosine_lr(0, peak_lr=1.0, warmup_steps=0, total_steps=1)" if number == 6 else "None"
        call = "student.count_parameters(None)" if number == 7 else call
        suite.write_text(
            "from grader.probe import points, probe\n\n\n"
            f"@probe\ndef acted(student):\n    return {call}\n\n\n"
            f'@points(1, step={number}, hint=\'h\')\ndef test_a(student):\n    """Title."""\n'
            f"    assert acted(student) in (None, 1.0)\n"
        )
    wrong, solved, unread = (copied(clone, name) for name in ("wrong", "solved", "unread"))
    (wrong / "exercises/step6_schedule.py").write_text("def cosine_lr(*args, **options):\n    return 0.5\n")
    shutil.copy(clone / "solutions/step6_schedule.py", solved / "exercises")
    (unread / "tests/test_step5_trainer.py").write_text("raise RuntimeError\n")
    asked = (clone, "tests/test_step6_schedule.py")
    bare, by_name, begun, done, broken = run_each((clone,), asked, (wrong,), (solved,), (unread,))

    assert bare[0] == 0, bare[1]
    assert re.search(r"6  The schedule +0 / 1 +not started", bare[1])
    assert "All core points" in bare[1]
    assert "Next: exercises/step6_schedule.py" in bare[1]
    assert by_name[0] == 1, by_name[1]
    assert begun[0] == 1, begun[1]
    assert done[0] == 0, done[1]
    assert "Next: exercises/step7_scale.py" in done[1]
    assert broken[0] != 0


@pytest.mark.timeout(280)
def test_a_wrong_step_is_told_in_the_learners_words_and_a_seed_repeats_it(clone):
    solved = (clone / "solutions" / "step3_train.py").read_text()
    wrong = solved.replace("clip_grad_norm_(model.parameters(), max_norm)", "clip_grad_norm_(model.parameters(), 1e9)")
    assert wrong != solved
    (clone / "exercises" / "step3_train.py").write_text(wrong)
    (status, screen), (_, again) = run_each(*[(clone, "tests/test_step3_train.py", "--seed", "7")] * 2)
    assert status == 1
    assert "We did:" in screen
    assert "Look at:" in screen
    assert "Traceback" not in screen
    assert "--seed 7" in screen
    told = [line for line in screen.splitlines() if " in " not in line]  # all but the line with the duration
    assert told == [line for line in again.splitlines() if " in " not in line]


def test_a_skip_an_exit_or_a_lying_status_earns_nothing(clone):
    leaves = copied(clone, "leaves")
    (clone / "exercises/step3_train.py").write_text("import pytest\npytest.skip('no', allow_module_level=True)\n")
    (leaves / "exercises/step3_train.py").write_text("import sys\nsys.exit(0)\n")
    for status, screen in run_each(*((where, "tests/test_step3_train.py") for where in (clone, leaves))):
        assert status == 1, screen
        assert re.search(r"3  The training loop +0 / 25", screen)


def test_the_suites_points_are_what_the_table_of_steps_says():
    class Keep:
        def __init__(self):
            self.items = []

        def pytest_collection_modifyitems(self, items):
            self.items = list(items)

    from grader.plugin import suite_points

    keep = Keep()
    options = [
        "-c",
        str(ROOT / "pyproject.toml"),
        "--rootdir",
        str(ROOT),
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    assert pytest.main([*options, *(str(ROOT / step.suite) for step in STEPS)], plugins=[keep]) == 0
    assert suite_points(keep.items) == {step.number: step.points for step in STEPS}
