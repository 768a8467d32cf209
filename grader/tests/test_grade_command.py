"""`grade` from its first line to its last, with an examiner that grades in no time: who is in the reports, what an
instructor sees, how it stops and goes on, and that a fault of ours never becomes a zero."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from grader.cli import main
from grader.sandbox.rung import Rung
from grader.tests.made_up_class import made_up_class
from grader.worker import ROOT, WorkerFault

VERDICT = {"test": "test_a", "step": 1, "points": 30.0, "title": "t", "hint": "h", "outcome": "passed"}


class Fake:
    """Grades in no time. `broken`: it fails where it should grade."""

    broken = False
    graded = 0

    def __init__(self, libraries=True): ...

    def do(self, task, on_event, seconds):
        if "collect" in task:
            on_event({"expected": [{**VERDICT, "outcome": "ungradable"}]})
            return
        Fake.graded += 1
        Fake.asked = task["grade"], seconds
        if Fake.broken:
            raise WorkerFault("the examiner failed: ImportError: the suite is broken")
        on_event({"step": 1})
        on_event({"verdict": VERDICT})

    def end(self): ...


@pytest.fixture
def classroom(tmp_path, monkeypatch):
    monkeypatch.setattr("grader.worker.Worker", Fake)
    monkeypatch.setattr("grader.sandbox.rungs.choose", lambda forced: Rung("bwrap", "made-up sandbox"))
    monkeypatch.setattr(Fake, "broken", False)
    monkeypatch.setattr(Fake, "graded", 0)
    for name in ("ada", "ben", "cleo"):
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "step1_model.py").write_text(name)
    return tmp_path


def grade(classroom, *more):
    out = classroom / "out"
    return main(["grade", str(classroom / "class"), "--out", str(out), "--steps", "1", "--jobs", "1", *more])


def grades(classroom):
    with (classroom / "out/grades.csv").open(newline="") as file:
        return {row["student"]: row["total"] for row in csv.DictReader(file)}


# -- who is in the reports


def test_a_student_who_left_the_folder_leaves_the_reports_and_is_named(classroom, capsys):
    assert grade(classroom) == 0
    (classroom / "class/ben/step1_model.py").unlink()
    (classroom / "class/ben").rmdir()
    capsys.readouterr()
    assert grade(classroom) == 0
    assert set(grades(classroom)) == {"ada", "cleo"}
    assert (classroom / "out/results/ben.json").exists(), "results are never thrown away"
    assert {p.stem for p in (classroom / "out/gradescope").iterdir()} == {"ada", "cleo"}
    assert "ben" not in (classroom / "out/report.html").read_text()
    assert "ben" not in (classroom / "out/junit.xml").read_text()
    told = [line for line in capsys.readouterr().out.splitlines() if "ben" in line]
    assert told == ["Not in the folder any more: ben (results kept, left out of the reports)"]


def test_results_within_the_folder_of_the_submissions_are_no_submission(classroom):
    for _ in range(2):
        assert main(["grade", str(classroom / "class"), "--out", str(classroom / "class/out"), "--steps", "1"]) == 0
    assert {path.stem for path in (classroom / "class/out/results").iterdir()} == {"ada", "ben", "cleo"}


def test_only_grades_one_again_and_reports_the_whole_class(classroom):
    grade(classroom)
    before = {name: (classroom / f"out/results/{name}.json").read_bytes() for name in ("ada", "cleo")}
    assert grade(classroom, "--only", "ben") == 0
    assert Fake.graded == 4
    assert set(grades(classroom)) == {"ada", "ben", "cleo"}
    assert {name: (classroom / f"out/results/{name}.json").read_bytes() for name in before} == before


def test_only_before_the_others_were_graded_says_who_is_not_graded_yet(classroom, capsys):
    assert grade(classroom, "--only", "ben") == 0
    assert set(grades(classroom)) == {"ben"}
    assert "Not graded yet: ada, cleo" in capsys.readouterr().out


def test_options_reach_the_examiner(classroom):
    assert grade(classroom, "--time-limit", "5", "--seed", "11", "--no-diagnosis") == 0
    job, seconds = Fake.asked
    assert (job["seconds"], job["seed"], job["diagnose"], job["steps"]) == (5, 11, False, (1,))
    assert seconds > 5, "the batch's own clock ends an examiner that does not keep the time"
    assert grade(classroom) == 0
    assert Fake.asked[0]["diagnose"] is True


# -- whose fault


@pytest.mark.parametrize(
    ("field", "value"), [("points", "4"), ("step", 99), ("outcome", "great"), ("looks_like", [None]), ("message", None)]
)
def test_a_result_that_was_edited_by_hand_is_graded_again(classroom, field, value):
    grade(classroom)
    path = classroom / "out/results/ada.json"
    result = json.loads(path.read_text())
    result["tests"][0][field] = value
    path.write_text(json.dumps(result))
    assert grade(classroom, "--only", "ben") == 3, "the report tells of it"
    assert grade(classroom) == 0
    assert json.loads(path.read_text())["tests"][0][field] != value


def test_a_full_disk_is_told_in_one_line(classroom, capsys, monkeypatch):
    def full(path, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for where in ("grader.batch.write_atomically", "grader.reports.write_atomically"):
        with monkeypatch.context() as patch:
            patch.setattr(where, full)
            assert grade(classroom, "--again") == 2
        assert "No space left on device; finished results are kept" in capsys.readouterr().err


def test_a_broken_suite_makes_tests_ungradable_never_zero(classroom, capsys):
    Fake.broken = True
    assert grade(classroom) == 3
    said = capsys.readouterr().out
    assert "Ungradable: ada: 1 tests are ungradable" in said
    result = json.loads((classroom / "out/results/ada.json").read_text())
    assert result["tests"][0]["outcome"] == "ungradable"
    assert "the suite is broken" in result["tests"][0]["message"]
    test = json.loads((classroom / "out/gradescope/ada.json").read_text())["tests"][0]
    assert "score" not in test
    Fake.broken = False
    assert grade(classroom) == 0, "the next run grades them again"
    assert set(grades(classroom).values()) == {"30"}


def test_suites_that_cannot_be_read_stop_the_grading_before_anyone_is_graded(classroom, monkeypatch, capsys):
    def broken(self, task, on_event, seconds):
        raise WorkerFault("the examiner failed: SyntaxError in tests/test_step1_model.py")

    monkeypatch.setattr(Fake, "do", broken)
    assert grade(classroom) == 2
    assert "the suites cannot be run: the examiner failed: SyntaxError" in capsys.readouterr().err
    assert not list((classroom / "out/results").iterdir())


def test_an_unreadable_result_is_told_and_is_status_3(classroom, capsys):
    grade(classroom)
    (classroom / "out/results/ada.json").write_text("{")
    assert grade(classroom, "--only", "ben") == 3
    assert "ada.json is not a readable result: grade again" in capsys.readouterr().out
    assert grade(classroom) == 0


# -- one at a time, and Ctrl-C


def test_two_gradings_do_not_write_into_one_folder(classroom, capsys):
    import fcntl

    (classroom / "out").mkdir()
    with (classroom / "out/.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert grade(classroom) == 2
    assert "another grading is writing to" in capsys.readouterr().err


SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in what a shell started in the background
import grader.worker, grader.sandbox.rungs
from grader.tests.test_grade_command import Fake, Rung
do = Fake.do
def slowly(self, task, on_event, seconds):
    if "grade" in task: time.sleep(0.3)
    do(self, task, on_event, seconds)
Fake.do = slowly
grader.worker.Worker = Fake
grader.sandbox.rungs.choose = lambda forced: Rung("bwrap", "made-up sandbox")
from grader.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(classroom):
    results = classroom / "out/results"
    words = ["grade", str(classroom / "class"), "--out", str(classroom / "out"), "--steps", "1", "--jobs", "1"]
    command = [sys.executable, "-c", SLOW, *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(results.glob("[!.]*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "grader: stopped; finished results are kept, the same command goes on\n"
    before = {path.name: path.read_bytes() for path in results.glob("*.json")}
    assert 1 <= len(before) < 3
    assert not (classroom / "out/.work").exists()
    assert grade(classroom) == 0
    assert Fake.graded == 3 - len(before), "only what was missing"
    after = {path.name: path.read_bytes() for path in results.glob("*.json")}
    assert len(after) == 3
    assert after.items() >= before.items()


# -- what the instructor sees meanwhile


def shown(terminal):
    import io

    from rich.console import Console

    from grader.progress import Display

    ada, grace = made_up_class()[:2]
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, highlight=False, color_system=None)
    with Display(2, console) as display:
        display.begun(ada.student)
        display.at(ada.student, 3, 52.5)
        display._bar.refresh()
        display.finished(ada, kept=False)
        display.finished(grace, kept=True)
        assert display.kept == 1
        assert not display._rows
    return console.file.getvalue()


def test_a_terminal_shows_who_is_at_which_step_and_the_time_left():
    text = shown(terminal=True)
    assert "Ada Lovelace: step 3, 52.5 points" in text
    assert "2/2" in text
    assert "0:00:00" in text


def test_a_log_gets_a_line_per_finished_student_and_no_bar():
    lines = shown(terminal=False).splitlines()
    assert [line for line in lines if line.strip()][:2] == [
        f"Ada Lovelace: 100 of 100 ({made_up_class()[0].seconds:.0f} s)",
        "Grace Hopper: 100 of 100 (unchanged)",
    ]
    assert not any("step 3" in line or "\x1b" in line for line in lines)


def test_a_students_name_is_no_markup_in_the_display():
    from rich.console import Console

    from grader.progress import Display

    console = Console(record=True, force_terminal=True, width=100)
    with Display(1, console) as display:
        display.begun("[red]eve[/red]")
        assert r"\[red]eve" in display._bar.tasks[-1].description
