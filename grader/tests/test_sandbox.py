"""The sandbox: what a probe gets, what comes back, what each rung promises, and whose fault is whose."""

import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from grader.sandbox import confine
from grader.sandbox.client import Limits, Outcome, Sandbox, SandboxFault
from grader.sandbox.rung import Rung
from grader.sandbox.rungs import SandboxUnavailable, choose

ROOT = Path(__file__).resolve().parents[2]
SUBMISSION = """\
import helper_of_theirs
import torch


def answer(x):
    print("thinking")
    return {"twice": x * 2, "kind": type(x).__name__, "name": __name__}


def divide(x):
    return x / 0


def draw():
    return torch.rand(3)


def todo():
    raise NotImplementedError("step 1: write it")


def grow(megabytes):
    return len(bytearray(megabytes << 20))
"""
PROBES = """\
import os
import random
import sys

import numpy
import torch

from lab.toys import calls

def answer(student, x, extra=1):
    return student.answer(x * extra)

def divide(student):
    return student.divide(1)

def draw(student):
    return [student.draw(), random.random(), float(numpy.random.rand())]

def todo(student):
    return student.todo()

def grow(student, megabytes):
    return student.grow(megabytes)

def gone(student):
    return student.nothing_like_it

def around(student):
    student.draw()
    import colorsys
    with calls.printed() as out:
        print("x")
    return {
        "environ": dict(os.environ), "fds": sorted(map(int, os.listdir("/proc/self/fd"))), "pid": os.getpid(),
        "uid": os.getuid(), "threads": torch.get_num_threads(), "modules": list(sys.modules), "path": sys.path,
        "shadowed": [torch.__file__, colorsys.__file__], "printed": out.getvalue(), "hostname": os.uname().nodename,
    }

def see(student, path):
    return os.path.exists(path)

def sleep(student):
    import time
    time.sleep(60)
"""


def rung_or_skip(name):
    try:
        return choose(name)
    except SandboxUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])


@pytest.fixture(scope="module")
def submission(tmp_path_factory):
    folder = tmp_path_factory.mktemp("submission")
    (folder / "step1_model.py").write_text(SUBMISSION)
    (folder / "helper_of_theirs.py").write_text("")
    for name in ("torch.py", "colorsys.py"):
        (folder / name).write_text("raise SystemExit('shadowed')")
    (folder / "step3_train.py").write_text("def broken(:\n")
    (folder / "step4_sample.py").write_text("import no_such_thing\n")
    return folder


@pytest.fixture(scope="module", params=["bwrap", "user", "limits"])
def box(request, submission):
    with Sandbox(submission, module="step1_model", rung=rung_or_skip(request.param)) as box:
        yield box


def call(box, name, *args, seed=7, **options):
    return box.call(PROBES, "tests/test_step1_model.py", name, args, seed=seed, **options)


# -- what comes back


def test_a_value_comes_back_as_plain_data_with_what_was_printed(box):
    reply = call(box, "answer", torch.arange(3), kwargs={"extra": 2})
    assert reply.outcome is Outcome.OK
    assert torch.equal(reply.value["twice"], torch.tensor([0, 4, 8]))
    assert reply.value["name"] == "exercises.step1_model"
    assert reply.output == "thinking\n"


def test_the_seed_fixes_every_generator(box):
    once, again, other = (call(box, "draw", seed=seed) for seed in (3, 3, 4))
    torch.manual_seed(3)
    assert torch.equal(once.value[0], torch.rand(3)), "as in process"
    assert once.value[1:] == again.value[1:] != other.value[1:]


def test_an_error_is_told_with_the_learners_own_line(box):
    reply = call(box, "divide")
    assert reply.outcome is Outcome.RAISED
    assert (reply.error.type, reply.error.message) == ("ZeroDivisionError", "division by zero")
    frame = reply.error.frames[-1]
    assert (frame.file, frame.line, frame.function) == ("exercises/step1_model.py", 11, "divide")
    assert frame.text == "return x / 0"


def test_a_stub_and_a_missing_name_are_told_apart(box):
    todo, gone = call(box, "todo"), call(box, "gone")
    assert todo.error.not_implemented
    assert not gone.error.not_implemented
    assert gone.error.message == "exercises/step1_model.py defines no 'nothing_like_it': keep the names of the stub"


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        ("step3_train", "SyntaxError", "invalid syntax"),
        ("step4_sample", "ModuleNotFoundError", "no_such_thing"),
        ("step9_absent", "FileNotFoundError", "step9_absent"),
    ],
)
def test_a_step_that_does_not_import_says_so(box, step, kind, words):
    reply = call(box, "answer", 1, module=step)
    assert reply.error.import_failed
    assert not reply.error.not_implemented
    assert reply.error.type == kind
    assert words in reply.error.message
    assert call(box, "answer", 1).outcome is Outcome.OK, "another step of the same submission still works"


def test_limits_are_told_by_name_and_the_next_probe_is_fine(box):
    late = call(box, "sleep", limits={"wall_s": 0.5})
    large = call(box, "grow", 900, limits={"memory_mb": 256})
    assert (late.outcome, late.reason) == (Outcome.TIMED_OUT, "ran longer than 0.5 s")
    assert large.outcome is Outcome.OUT_OF_MEMORY
    assert call(box, "grow", 100).value == 100 << 20


def test_a_probe_sees_nothing_of_the_grader(box, monkeypatch):
    monkeypatch.setenv("TOKEN", "secret")
    around = call(box, "around").value
    assert "TOKEN" not in around["environ"]
    assert len(around["fds"]) <= 5, "three standard streams, the evidence pipe, the listing itself"
    assert around["threads"] == 1
    assert not any(
        name.startswith(("pytest", "grader.plugin", "solutions", "hypothesis")) for name in around["modules"]
    )
    assert not any("submission" in file for file in around["shadowed"]), "its torch.py and colorsys.py shadow nothing"
    assert around["path"][-1].endswith("/submission")
    assert around["printed"] == "x\n"


def test_a_file_of_the_instructors_is_out_of_sight(box, tmp_path):
    (tmp_path / "secret").write_text("x")
    seen = call(box, "see", str(tmp_path / "secret")).value
    assert seen == (box.rung.name != "bwrap"), "names are hidden by the wall; contents by Landlock too"


def test_heavy_libraries_are_not_paid_for_unasked(box):
    modules = call(box, "around").value["modules"]
    assert not {"transformers", "datasets", "matplotlib", "pytest"} & set(modules)


def test_what_is_needed_later_is_imported_before_the_next_probe_and_only_then(submission):
    with Sandbox(submission, module="step1_model", rung=choose("limits")) as box:
        assert "mailbox" not in call(box, "around").value["modules"]
        box.need(("torch", "mailbox"))
        assert not box.ready
        assert "mailbox" in call(box, "around").value["modules"]
        assert box.starts == 1, "in the process that has torch already"
        box.stop()
        assert "mailbox" in call(box, "around").value["modules"], "a new one has it from the start"
        box.need(("no_such_library",))
        with pytest.raises(SandboxFault, match=r"could not import.*No module named 'no_such_library'"):
            call(box, "around")


def test_the_walls_process_has_its_own_world(submission):
    with Sandbox(submission, module="step1_model", rung=rung_or_skip("bwrap")) as box:
        around = call(box, "around").value
    assert (around["uid"], around["hostname"]) == (1000, "sandbox")
    assert around["pid"] < 50


# -- whose fault


def test_a_sandbox_that_does_not_come_up_is_a_fault_and_says_why(submission):
    with (
        Sandbox(submission, preload=("no_such_library",), rung=choose("limits")) as box,
        pytest.raises(SandboxFault, match=r"did not start.*No module named 'no_such_library'"),
    ):
        box.start()


def test_a_child_that_cannot_be_confined_is_a_fault_not_a_result(submission):
    with (
        Sandbox(submission, module="step1_model", rung=choose("limits")) as box,
        pytest.raises(SandboxFault, match="did not get as far as the submission"),
    ):
        call(box, "answer", 1, limits={"memory_mb": "many"})


def test_a_sandbox_that_was_interrupted_or_killed_comes_back_clean(submission):
    def interrupt(*_):
        raise KeyboardInterrupt

    with Sandbox(submission, module="step1_model", rung=choose("limits")) as box:
        box.start()
        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        try:
            with pytest.raises(KeyboardInterrupt):
                call(box, "sleep")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert call(box, "answer", 21).value["twice"] == 42, "not the answer to the call that was interrupted"
        box._process.kill()
        box._process.wait()
        assert call(box, "answer", 4).value["twice"] == 8
        assert box.starts == 3


@pytest.mark.parametrize("name", ["bwrap", "limits"])
def test_nothing_outlives_a_grader_that_is_killed(submission, name):
    rung = rung_or_skip(name)
    script = (
        "import sys, time; from grader.sandbox.client import Sandbox; from grader.sandbox.rungs import choose\n"
        f"box = Sandbox({str(submission)!r}, module='step1_model', rung=choose({rung.name!r})); box.start()\n"
        "print(box._process.pid, box._place.stage, flush=True)\n"
        f"box.call({PROBES!r}, 'x.py', 'sleep', seed=1)\n"
    )
    grader = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid, stage = grader.stdout.readline().split()
    time.sleep(0.5)
    grader.kill()
    grader.wait()
    deadline = time.monotonic() + 5
    while (Path(f"/proc/{pid}").exists() or Path(stage).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    assert not Path(stage).exists()


# -- where there is no fork


def test_without_fork_every_probe_has_an_interpreter_of_its_own(submission):
    rung = dataclasses.replace(choose("limits"), forks=False)
    with Sandbox(submission, module="step1_model", rung=rung) as box:
        reply, late = call(box, "answer", 4), call(box, "sleep", limits={"wall_s": 0.5})
        stage = box._place.stage
    assert reply.value["twice"] == 8
    assert reply.output == "thinking\n"
    assert late.outcome is Outcome.TIMED_OUT, "its own time, the imports apart"
    assert not Path(stage).exists()


# -- the parts


def test_landlock_alone_hides_what_root_could_read(submission, tmp_path):
    if not confine.landlock_version():
        pytest.skip("no Landlock")
    (tmp_path / "secret").write_text("x")
    source = "def look(student, path):\n    return open(path).read()\n"
    with Sandbox(submission, preload=(), rung=Rung("user", "Landlock", landlock=True)) as box:
        reply = box.call(source, "x.py", "look", [str(tmp_path / "secret")], seed=1)
    assert (reply.outcome, reply.error.type) == (Outcome.RAISED, "PermissionError")


def test_limits_that_do_not_exist_are_the_authors_error(submission):
    with Sandbox(submission, rung=choose("limits")) as box, pytest.raises(TypeError, match="wall"):
        call(box, "answer", 1, limits={"wall": 3})
    assert Limits().processes is False
