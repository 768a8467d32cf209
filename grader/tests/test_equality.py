"""In the sandbox a submission gets exactly what it gets in process: every verdict, every message, on many seeds.

`KATA_SEEDS=20 pytest --solutions grader/tests/test_equality.py` asks for more seeds than the two of every run;
`KATA_STEPS=1,3` names the steps.
"""

import os
import random
import shutil

import pytest

from grader import suite
from grader.catalogue import mistakes, solution
from grader.examiner import LIBRARIES, NEED_LIBRARIES, TORCH
from grader.inprocess import from_file
from grader.sandbox.client import Sandbox
from grader.sandbox.rungs import SandboxUnavailable, choose
from grader.sandboxed import Sandboxed
from grader.steps import BY_NUMBER
from grader.verdicts import Outcome

SEEDS = int(os.environ.get("KATA_SEEDS", "2"))
STEPS = [int(word) for word in os.environ.get("KATA_STEPS", "3").split(",")]
WRONG = {1: "mask-missing", 3: "clear-missing"}  # elsewhere the first of the catalogue


@pytest.fixture(scope="module", params=STEPS)
def step(request):
    return BY_NUMBER[request.param]


@pytest.fixture(scope="module")
def boxes(step, tmp_path_factory):
    """{what it is: (its file, its sandbox)}: our solution, and a wrong module."""
    try:
        rung = choose()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    every = mistakes(step)
    wrong = next((one for one in every if one.id == WRONG.get(step.number)), every[0])
    made = {}
    for kind in ("solution", "wrong"):
        folder = tmp_path_factory.mktemp(kind) / "exercises"
        folder.mkdir()
        shutil.copy(solution(step), folder)
        file = folder / f"{step.module}.py"
        if kind == "wrong":
            file.write_text(wrong.apply(file.read_text(encoding="utf-8")), encoding="utf-8")
        preload = LIBRARIES if step.number in NEED_LIBRARIES else TORCH
        made[kind] = (file, Sandbox(folder, rung=rung, preload=preload))
    with made["solution"][1], made["wrong"][1]:
        yield made


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["solution", "wrong"])
@pytest.mark.parametrize("run", range(SEEDS))
def test_the_wall_changes_no_verdict_and_no_word(boxes, step, kind, run):
    file, box = boxes[kind]
    seed = random.SystemRandom().randrange(1 << 31)
    # without diagnosis, which has a time budget: on a busy machine it may say less
    within = suite.run(lambda _: from_file(file), steps=[step.number], seed=seed, diagnose=False)
    behind = suite.run(lambda _: Sandboxed(box, step.module), steps=[step.number], seed=seed, diagnose=False)
    told = {test: (verdict.outcome, named(verdict.message)) for test, verdict in within.items()}
    assert {test: (v.outcome, named(v.message)) for test, v in behind.items()} == told, f"--seed {seed}"
    failed = [test for test, verdict in within.items() if verdict.outcome is not Outcome.PASSED]
    assert bool(failed) == (kind == "wrong"), f"--seed {seed}: {failed}"


def named(message: str) -> str:
    """The file's name as a class is told it: in the sandbox it is always in `exercises`."""
    return message.replace("exercises/", "")
