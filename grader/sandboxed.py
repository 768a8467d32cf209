"""Running probes in a sandbox: the same call as `grader.inprocess`, behind a wall."""

import contextlib
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from grader.probe import Probe
from grader.sandbox.client import Outcome as Ending
from grader.sandbox.client import Raised, Reply, Sandbox, SandboxFault
from grader.verdicts import Outcome, SubmissionEnded, SubmissionError, too_late

ENDINGS = {
    Ending.TIMED_OUT: Outcome.TIMED_OUT,
    Ending.OUT_OF_MEMORY: Outcome.OUT_OF_MEMORY,
    Ending.CRASHED: Outcome.CRASHED,
}
ALONE = "\n  A step stands alone: of other files only those of the steps are there, and only if they were handed in."
# After a test that hung, one call of the same step gets more than the longest call of a right step computes (0.6 s).
SHORT_S, SHORT_CPU_S = 20, 5


class Sandboxed:
    """One step of a submission, behind a sandbox. `deadline` (time.monotonic) is the whole submission's."""

    def __init__(self, box: Sandbox, module: str, deadline: float = float("inf")):
        self.box, self.module, self.deadline = box, module, deadline
        self.hung = ""  # the message of an import that did not end: no later test can do better
        self.timeouts = 0  # tests of this step that did not finish
        self.raised: BaseException | None = None  # the last error that left a probe: it is the student's, not ours

    def run_probe(self, act: Probe, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The probe's evidence. Raises SubmissionError or SubmissionEnded, with outcome and message."""
        __tracebackhide__ = True
        self.raised = None
        seed = int(torch.randint(1 << 31, ()))  # drawn exactly as in process
        try:
            if self.hung:
                raise SubmissionEnded(Outcome.TIMED_OUT, self.hung)
            return self._value(self._reply(act, args, kwargs, seed))
        except (SubmissionError, SubmissionEnded) as error:
            self.raised = error
            if error.outcome is Outcome.TIMED_OUT and not self.hung and time.monotonic() <= self.deadline:
                self._note_hang(error)
            raise

    def __repr__(self) -> str:
        return "student"

    def _note_hang(self, error: SubmissionError | SubmissionEnded) -> None:
        """Keep in mind what hangs, so that one endless loop does not cost every test's time limit."""
        self.timeouts += 1
        if self.box.importing:
            told = f"exercises/{self.module}.py did not finish importing: {error} This was not tried again."
            self.hung = told
            error.args = (told.removesuffix(" This was not tried again."),)
        elif self.timeouts > 1:
            short = f"{SHORT_CPU_S} s of computing, {SHORT_S} s in all"
            error.args = (f"{error} (After a test of this step that did not finish, one call gets {short}.)",)

    def _limits(self, act: Probe) -> dict[str, float]:
        if not self.timeouts:
            return act.limits
        short = {"wall_s": SHORT_S, "cpu_s": SHORT_CPU_S}
        return {**act.limits, **{name: min(most, act.limits.get(name, most)) for name, most in short.items()}}

    def _reply(self, act: Probe, args: tuple[Any, ...], kwargs: dict[str, Any], seed: int) -> Reply:
        if time.monotonic() > self.deadline:
            raise SubmissionEnded(Outcome.TIMED_OUT, "The time for the whole submission was used up before this test.")
        try:
            if not self.box.ready:
                with _clock_stopped():
                    self.box.get_ready()
            return self.box.call(
                act.source, act.file.name, act.function.__name__, args, kwargs,
                seed=seed, module=self.module, limits=self._limits(act),
            )  # fmt: skip
        except SandboxFault as error:
            raise SubmissionEnded(Outcome.UNGRADABLE, f"The sandbox failed, not your code: {error}") from None
        except pytest.fail.Exception as error:  # the test's own time is up
            raise SubmissionEnded(Outcome.TIMED_OUT, too_late(error)) from None

    def _value(self, reply: Reply) -> Any:
        if reply.output:
            print(reply.output, end="" if reply.output.endswith("\n") else "\n")  # pytest keeps it for the report
        if reply.outcome is Ending.OK:
            return reply.value
        if reply.outcome is Ending.BAD_EVIDENCE:
            raise SubmissionError(
                Outcome.FAILED, f"Your code returned something that is not plain data: {reply.reason}"
            )
        if reply.outcome in ENDINGS:
            raise SubmissionEnded(ENDINGS[reply.outcome], f"Your code {reply.reason}.{_where(reply.error)}")
        assert reply.error is not None
        raise self._error(reply.error)

    def _error(self, error: Raised) -> SubmissionError | SubmissionEnded:
        """The learner's message, in the words of `grader.verdicts.judge`."""
        text = " ".join(error.message.split())
        if error.not_implemented and error.frames and "NotImplementedError" in error.frames[-1].text:
            return SubmissionEnded(Outcome.NOT_STARTED, error.message or "not written yet")
        said = f"{error.type}: {text[:400]}" if text else error.type
        if error.import_failed:
            where = f"exercises/{self.module}.py cannot be imported"
            why = ALONE if error.type == "ModuleNotFoundError" else ""
            return SubmissionEnded(Outcome.IMPORT_ERROR, f"{where}: {said}{_where(error)}{why}")
        return SubmissionError(Outcome.ERROR, f"Your code raised {said}{_where(error)}")


class Missing:
    """A step whose file was not handed in."""

    raised: BaseException | None = None

    def __init__(self, module: str):
        self.module = module

    def run_probe(self, act: Probe, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        raise SubmissionEnded(Outcome.NOT_STARTED, f"{self.module}.py was not handed in")


def _where(error: Raised | None) -> str:
    """The learner's own line: the innermost one."""
    if error is None or not error.frames:
        return ""
    frame = error.frames[-1]
    within = f" in {frame.function}" if frame.function else ""
    return f"\n  {frame.file}:{frame.line}{within}: {frame.text}"


@contextlib.contextmanager
def _clock_stopped() -> Iterator[None]:
    """The test's time does not run while a sandbox starts: that is no fault of the student's."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)
