"""Hostile submissions, one file each in `hostile/`: none gains a value, none touches the next probe or this machine.

Each is asked for the running sum of numbers drawn here, and gives it only where its attack succeeded: a right answer
is an attack that worked. Those marked [wall] are held by bubblewrap alone, as the lower rung's warning says.
"""

import os
import re
import time
from pathlib import Path

import pytest
import torch

from grader.sandbox import workplace
from grader.sandbox.client import Limits, Outcome, Reply, Sandbox
from grader.sandbox.rungs import SandboxUnavailable, choose

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((Path(__file__).parent / "hostile").glob("*.py"))
TIGHT = {"wall_s": 8, "cpu_s": 4, "memory_mb": 384, "evidence_mb": 4, "output_max_mb": 4}
HASTY = TIGHT | {"wall_s": 1.0}
HONEST = "def answer(x):\n    return x.cumsum(0)\n"
PROBES = """\
import os

def ask(student, x):
    return student.answer(x)

def leftovers(student, folders):
    return [name for folder in folders for name in os.listdir(folder)]
"""


def rung_or_skip(name):
    try:
        return choose(name)
    except SandboxUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])


@pytest.fixture(scope="module", params=["bwrap", "user"])
def arena(request, tmp_path_factory):
    """One sandbox for all of them: what one leaves behind meets the next."""
    rung = rung_or_skip(request.param)
    folder, outside = tmp_path_factory.mktemp("submission"), tmp_path_factory.mktemp("outside")
    secret, mark = outside / "neighbour.py", outside / "mark"
    secret.write_text(HONEST)
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        for placeholder, path in (("@ROOT@", ROOT), ("@SECRET@", secret), ("@MARK@", mark)):
            text = text.replace(placeholder, str(path))
        (folder / file.name).write_text(text, encoding="utf-8")
    (folder / "honest.py").write_text(HONEST)
    os.environ["GRADER_SECRET"] = "token"
    before = set(os.listdir("/tmp"))
    with Sandbox(folder, rung=rung, limits=Limits(wall_s=30)) as box:
        box.mark = mark
        yield box
    del os.environ["GRADER_SECRET"]
    assert not {name for name in set(os.listdir("/tmp")) - before if name.startswith(workplace.PREFIX)}


def ask(box: Sandbox, module: str, limits=None) -> tuple[Reply, bool]:
    """The reply, and whether it holds the right answer to numbers that were drawn just now."""
    x = torch.rand(5) + 0.1
    reply = box.call(PROBES, "test_hostile.py", "ask", [x], seed=1, module=module, limits=limits)
    value = reply.value
    right = reply.outcome is Outcome.OK and type(value) is torch.Tensor and value.shape == x.shape
    return reply, right and torch.allclose(value, x.cumsum(0))


def test_there_are_enough_of_them_of_every_kind():
    kinds = {re.match(r'"""(\w+):', file.read_text(encoding="utf-8"))[1] for file in FILES}
    assert len(FILES) >= 50
    assert kinds >= {"leaving", "hanging", "exhausting", "patching", "lying", "walking", "reading", "forging"}
    assert kinds >= {"leftovers", "network", "signals", "kernel", "output", "detecting"}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_it_gains_nothing_and_leaves_nothing(arena, name):
    told = (Path(__file__).parent / "hostile" / f"{name}.py").read_text(encoding="utf-8")
    if "[wall]" in told and arena.rung.name != "bwrap":
        pytest.skip("only bubblewrap holds this one")
    found = re.search(r"^Ends: (.*)$", told, re.MULTILINE)
    ends = found[1].split(" | ") if found else list(Outcome)
    started = time.monotonic()
    reply, right = ask(arena, name, HASTY if found and "timed out" in ends else TIGHT)
    assert not right, f"the attack worked: {reply}"
    assert reply.outcome in ends, reply
    assert time.monotonic() - started < 30, "the time of a probe is bounded, a new sandbox included"
    assert_harmless(reply)
    assert left_behind(arena) == []
    assert not arena.mark.exists()
    reply, right = ask(arena, "honest")
    assert right, reply


def assert_harmless(reply: Reply) -> None:
    """No text that goes into a report can steer a terminal or turn the direction of writing."""
    texts = [reply.output, reply.reason, *([reply.error.type, reply.error.message] if reply.error else [])]
    assert all(c in "\n\t" or c.isprintable() for text in texts for c in text)
    assert len(reply.output) <= 64 << 10


def left_behind(box: Sandbox) -> list[str]:
    """Files in the scratch folders, seen from inside, and processes below the sandbox's own, seen from outside."""
    if box._place is None:
        box.start()
    folders = box._place.inside["emptied"]
    found = box.call(PROBES, "test_hostile.py", "leftovers", [folders], seed=1, module="honest")
    assert found.outcome is Outcome.OK, found
    own = 2 if box.rung.name == "bwrap" else 1  # bwrap outside, the zygote inside
    return [*found.value, *(f"process {pid}" for pid in descendants(box._process.pid)[own:])]


def descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [pid, *(found for child in children for found in descendants(int(child)))]
