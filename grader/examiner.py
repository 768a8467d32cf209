"""One examiner grades one submission after another, each in a fork of its own.

The batch starts `python -P -m grader.examiner` once per job slot and talks to it in JSON lines: a task goes in on
standard input, events come out on standard output, the last of a task is {"done": exit status}. The libraries that the
suites need are imported once, before the forks; a fork that dies costs only its submission.

    {"collect": [1, 3]}                                      -> {"expected": [verdict, ...]}
    {"grade": {"folder", "steps", "seed", "rung", "seconds", "diagnose"}, "known": [...]}
                                                             -> {"step": 1}, {"verdict": {...}}, ..., {"found": "..."}

What the diagnosis of a submission found out comes as "found", and goes with a later task as "known" (`grader.recall`).

A submission's path never becomes a word of pytest's command line: suites run from here, probes in the sandbox.
"""

import contextlib
import ctypes
import dataclasses
import functools
import gc
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from grader import suite
from grader.inprocess import from_package
from grader.probe import Student
from grader.recall import ANSWERS
from grader.sandbox.client import Limits, Sandbox
from grader.sandbox.rung import Rung
from grader.sandboxed import Missing, Sandboxed
from grader.steps import BY_NUMBER, Step
from grader.stubs import untouched
from grader.verdicts import Verdict

Tell = Callable[[dict[str, Any]], None]
# What every fork would otherwise import again: the first optimizer imports torch._dynamo (1 s), probes our toys.
TORCH = ("torch", "torch._dynamo", "lab.toys.calls", "lab.toys.models", "lab.toys.oracles")
LIBRARIES = (*TORCH, "datasets", "transformers.trainer", "transformers.models.gpt2.modeling_gpt2", "lab.toys.words")
NEED_LIBRARIES = frozenset({2, 4, 5})
MESSAGE, OUTPUT = 20_000, 64 << 10  # characters of a verdict: what many calls printed adds up
LIMITS = Limits(wall_s=300, cpu_s=300)  # a test's own timeout is the one that ends a probe


def grade(
    folder: Path, steps: Sequence[int], seed: int, rung: Rung, seconds: float, diagnose: bool, tell: Tell
) -> None:
    """Run the suites of `steps` on the step files in `folder`, and tell of every step and verdict.

    Verdicts may come twice for a test of several devices: the later one counts. `seconds`: for the submission in all.
    """
    deadline = time.monotonic() + seconds

    def student_for(step: Step) -> Student:
        tell({"step": step.number})
        file = folder / f"{step.module}.py"
        if not file.is_file():
            return Missing(step.module)
        return from_package("exercises", step.module) if untouched(file) else Sandboxed(box, step.module, deadline)

    def told(verdict: Verdict) -> None:
        tell({"verdict": _plain(verdict)})

    with Sandbox(folder, preload=TORCH, limits=LIMITS, rung=rung) as box:
        for preload, together in _grouped(steps):
            box.need(preload)
            suite.run(student_for, steps=together, seed=seed, on_verdict=told, diagnose=diagnose)
    if found := ANSWERS.handed_on():
        tell({"found": found})


def _grouped(steps: Sequence[int]) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    """The steps by what their sandbox must have imported: those that need torch alone do not pay for the libraries."""
    for preload, wanted in ((TORCH, False), (LIBRARIES, True)):
        if together := [number for number in steps if (number in NEED_LIBRARIES) == wanted]:
            yield preload, together


def _plain(verdict: Verdict) -> dict[str, Any]:
    short = {"message": verdict.message[:MESSAGE], "output": verdict.output[:OUTPUT]}
    return {**dataclasses.asdict(verdict), **short, "test": verdict.test.partition("[")[0]}


def _collect(steps: Sequence[int], tell: Tell) -> None:
    tell({"expected": [_plain(verdict) for verdict in suite.expected(steps)]})


def _do(task: dict[str, Any], tell: Tell) -> None:
    if "collect" in task:
        return _collect(task["collect"], tell)
    job = task["grade"]
    rung = Rung(**job["rung"])
    for number in job["steps"]:
        assert number in BY_NUMBER
    return grade(Path(job["folder"]), job["steps"], job["seed"], rung, job["seconds"], job["diagnose"], tell)


def serve() -> None:
    """Do tasks until standard input ends."""
    _die_with_parent()
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not come between the events
    gc.disable()  # it would look through all that is imported, again and again
    for name in LIBRARIES if "--libraries" in sys.argv else TORCH:
        importlib.import_module(name)
    gc.enable()

    def tell(event: dict[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    while line := sys.stdin.readline():
        task = json.loads(line)
        _import_suites(tuple(task["collect"] if "collect" in task else task["grade"]["steps"]))
        for handed in task.get("known", []):
            ANSWERS.take(handed)
        if (pid := os.fork()) == 0:
            _in_fork(task, tell)
        tell({"done": os.waitpid(pid, 0)[1]})


@functools.cache
def _import_suites(steps: Sequence[int]) -> None:
    """Have pytest import the suites before the forks, each of which would take a second for it."""
    with contextlib.suppress(suite.SuiteFailed):  # the fork fails in the same way, and says why
        suite.expected(steps)


def _in_fork(task: dict[str, Any], tell: Tell) -> None:
    status = 1
    try:
        _die_with_parent()
        _do(task, tell)
        status = 0
    except suite.SuiteFailed as error:
        print(str(error)[-2000:], file=sys.stderr)
    finally:
        if left := sys.exc_info()[1]:
            print(f"{type(left).__name__}: {left}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(status)


def _die_with_parent() -> None:
    """A batch that is killed leaves no examiner behind (Linux; elsewhere the end of the pipe ends it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    serve()
