"""The batch with a made-up examiner: what is graded, kept, gone on with, and told when the examiner fails."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import pytest

from grader.batch import Batch, Order, Submission, find, load, overlooked
from grader.sandbox.rung import Rung
from grader.verdicts import Outcome
from grader.worker import ROOT, Worker, WorkerFault

VERDICT = {"test": "test_a", "step": 1, "points": 4.0, "title": "t", "hint": "h", "outcome": "passed"}
OTHER = {**VERDICT, "step": 2}  # two suites may have a test of the same name


class Fake:
    """Grades in no time; counts how often. `fails`: dies after the first verdict."""

    def __init__(self, fails=False):
        self.graded, self.fails, self.known = 0, fails, []

    def do(self, task, on_event, seconds):
        if "collect" in task:
            on_event({"expected": [{**v, "outcome": "ungradable"} for v in (VERDICT, OTHER)]})
            return
        self.graded += 1
        on_event({"verdict": VERDICT})
        if self.fails:
            raise WorkerFault("the examiner ended too early: killed")
        self.task = task["grade"]
        self.known.append(task["known"])
        on_event({"found": f"found out in task {self.graded}"})
        on_event({"verdict": {**OTHER, "outcome": "failed", "message": "no", "looks_like": ["mask-missing"]}})

    def end(self):
        pass


class Quiet:
    def begun(self, student): ...
    def at(self, student, step, points): ...
    def finished(self, result, kept): ...


@pytest.fixture
def classroom(tmp_path):
    for name in ("ada", "ben"):
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "step1_model.py").write_text(name)
    return tmp_path


def run(classroom, fake, **changes):
    order = Order(classroom / "out", (1, 2), Rung("bwrap", "wall"), seed=1, suite_hash="s")
    Batch(dataclasses.replace(order, **changes), lambda: fake, Quiet()).run(find([classroom / "class"]))
    return {p.stem: load(p) for p in sorted((classroom / "out/results").glob("*.json"))}


def test_every_expected_test_has_a_verdict(classroom):
    results = run(classroom, Fake())
    assert {name: r.points for name, r in results.items()} == {"ada": 4, "ben": 4}
    assert [t.outcome for t in results["ada"].tests] == [Outcome.PASSED, Outcome.FAILED]


def test_what_is_unchanged_is_not_graded_twice(classroom):
    fake = Fake()
    run(classroom, fake)
    run(classroom, fake)
    assert fake.graded == 2
    (classroom / "class/ada/step1_model.py").write_text("new")
    run(classroom, fake)
    assert fake.graded == 3
    (classroom / "out/results/ben.json").write_text("{")
    run(classroom, fake)
    assert fake.graded == 4


@pytest.mark.parametrize(
    "changes", [{"again": True}, {"suite_hash": "t"}, {"seed": 2, "fixed_seed": True}, {"diagnose": False}]
)
def test_what_makes_everything_be_graded_again(classroom, changes):
    fake = Fake()
    run(classroom, fake)
    run(classroom, fake, **changes)
    assert fake.graded == 4


def test_an_examiner_that_dies_makes_the_rest_ungradable_and_only_there(classroom):
    results = run(classroom, Fake(fails=True))
    assert [t.outcome for t in results["ada"].tests] == [Outcome.PASSED, Outcome.UNGRADABLE]
    assert "killed" in results["ada"].tests[1].message
    fake = Fake()
    assert not run(classroom, fake)["ada"].ungradable
    assert fake.graded == 2


def test_an_unreadable_submission_is_a_result_with_a_problem(classroom):
    (classroom / "class/zoe.zip").write_bytes(b"rubbish")
    zoe = run(classroom, Fake())["zoe"]
    assert "zoe.zip cannot be read" in zoe.problem
    assert {t.outcome for t in zoe.tests} == {"not started"}
    assert zoe.points == 0


@pytest.mark.parametrize("diagnose", [True, False])
def test_the_examiner_is_told_whether_to_name_mistakes_and_the_result_keeps_them(classroom, diagnose):
    fake = Fake()
    ada = run(classroom, fake, diagnose=diagnose)["ada"]
    assert fake.task["diagnose"] is ada.diagnosed is diagnose
    assert [test.looks_like for test in ada.tests] == [[], ["mask-missing"]]


def test_names_that_collide_are_made_unique(tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada.zip").write_bytes(b"")
    names = [one.name for one in find([tmp_path])]
    assert len(set(names)) == 2
    assert all(isinstance(one, Submission) for one in find([tmp_path]))


def test_nothing_is_left_behind(classroom):
    run(classroom, Fake())
    assert sorted(p.name for p in (classroom / "out").iterdir()) == ["results"]


SLOW = """
import json, sys, time
print_ = lambda e: print(json.dumps(e), flush=True)
for line in sys.stdin:
    task = json.loads(line)
    v = {"test": "test_a", "step": 1, "points": 4.0, "title": "t", "hint": "h", "outcome": "passed"}
    if "collect" in task: print_({"expected": [v]})
    else: time.sleep(0.1); print_({"verdict": v})
    print_({"done": 0})
"""
KILLED = """
import sys; from pathlib import Path
sys.path.insert(0, {root!r})
from grader.tests.test_batch import *
command = [sys.executable, "-c", SLOW]
order = Order(Path({out!r}), (1,), Rung("bwrap", "wall"), suite_hash="s")
Batch(order, lambda: Worker(command=command), Quiet()).run(find([Path({folder!r})]))
"""


def test_a_kill_loses_and_repeats_no_finished_result(tmp_path):
    for n in range(12):
        (tmp_path / f"class/s{n}").mkdir(parents=True)
        (tmp_path / f"class/s{n}/step1_model.py").write_text(str(n))
    code = KILLED.format(root=str(ROOT), out=str(tmp_path / "out"), folder=str(tmp_path / "class"))
    process = subprocess.Popen([sys.executable, "-c", code])
    results = tmp_path / "out/results"
    deadline = time.monotonic() + 60
    while len(list(results.glob("s*.json"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = {p.name: p.read_bytes() for p in results.glob("s*.json")}
    assert 4 <= len(before) < 12
    command = [sys.executable, "-c", SLOW]
    order = Order(tmp_path / "out", (1,), Rung("bwrap", "wall"), suite_hash="s")
    Batch(order, lambda: Worker(command=command), Quiet()).run(find([tmp_path / "class"]))
    after = {p.name: p.read_bytes() for p in results.glob("s*.json")}
    assert len(after) == 12
    assert {name: after[name] for name in before} == before


def test_a_worker_that_hangs_is_ended():
    worker = Worker(command=[sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(WorkerFault, match="longer than 1 s"):
        worker.do({}, print, 1)
    assert worker._process.poll() is not None


def test_students_keep_their_names_and_two_are_told_apart(tmp_path):
    """Files have safe names; people read the name that was handed in."""
    for name in ("Zoë Müller", "王小明", "ada", "a\nb\x1b[2J"):
        (tmp_path / name).mkdir()
    (tmp_path / "ada.zip").touch()
    found = find([tmp_path])
    assert {one.student for one in found} == {"Zoë Müller", "王小明", "ada", "ada.zip", "a b"}
    assert all(one.name.isascii() and one.name.isprintable() for one in found)
    assert len({one.name for one in found}) == 5


def test_files_that_are_no_submissions_are_named(tmp_path):
    (tmp_path / "ada").mkdir()
    for name in ("ben.rar", "cleo.py", ".DS_Store", "dan.zip"):
        (tmp_path / name).touch()
    assert overlooked([tmp_path]) == ["ben.rar", "cleo.py"]


def test_what_one_examiner_finds_out_goes_with_the_next_task(classroom):
    fake = Fake()
    run(classroom, fake, jobs=1)
    assert fake.known == [[], ["found out in task 1"]]
