"""What came of a probe: from what was seen outside and what the child said, checked, to a Reply."""

import dataclasses
import enum
import os
import signal
from collections.abc import Mapping
from typing import Any

from grader import evidence
from grader.sandbox.child import CONFINED, LOADED, LOADING
from grader.sandbox.text import clean
from grader.sandbox.zygote import NOTHING, THREADS


class Outcome(enum.StrEnum):
    """How a probe ended. Only `ok` brings a value."""

    OK = "ok"
    RAISED = "raised"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    CRASHED = "crashed"
    BAD_EVIDENCE = "bad evidence"


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one probe may use. `processes` lets it fork, for data loader workers, behind bubblewrap only."""

    wall_s: float = 30
    cpu_s: int = 30
    memory_mb: int = 2048
    file_mb: int = 64
    evidence_mb: int = 64
    output_kb: int = 64  # kept
    output_max_mb: int = 16  # then the probe is ended
    processes: bool = False
    threads: int = 64


@dataclasses.dataclass(frozen=True)
class Frame:
    """A line of the submission that an error went through."""

    file: str
    line: int
    function: str
    text: str


@dataclasses.dataclass(frozen=True)
class Raised:
    """The error that left the probe; its texts are the submission's, made harmless. The innermost frame comes last."""

    type: str
    message: str
    frames: tuple[Frame, ...] = ()
    not_implemented: bool = False
    import_failed: bool = False


@dataclasses.dataclass(frozen=True)
class Reply:
    """What came of one probe. `reason`: in a few words, why it did not end well; `signal`: the crash's, or None."""

    outcome: Outcome
    value: Any = None
    error: Raised | None = None
    output: str = ""
    reason: str = ""
    signal: int | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclasses.dataclass
class Ended:
    """What the outside saw of one probe."""

    frame: bytes = b""
    output: bytes = b""
    status: int = 0
    cpu_s: float = 0.0
    ended_for: int = NOTHING
    outcome: Outcome | None = None  # when the client ended it: why
    reason: str = ""


def judged(ended: Ended, limits: Limits) -> Reply:
    """The reply; whatever the child's frame holds, it ends as one."""
    output = clean(ended.output.decode("utf-8", "replace"))
    seen = Reply(Outcome.CRASHED, output=output, cpu_seconds=ended.cpu_s, reason=ended.reason)
    if ended.outcome:
        return dataclasses.replace(seen, outcome=ended.outcome)
    if ended.ended_for == THREADS:
        return dataclasses.replace(seen, reason="started too many threads or processes")
    if ended.status:
        return _crash(ended, limits, seen)
    frame = ended.frame.removeprefix(CONFINED)
    while frame.startswith(LOADING + LOADED):  # once for every try to import the step
        frame = frame.removeprefix(LOADING + LOADED)
    if frame in (b"", LOADING):  # ended in good order, before there was any evidence
        return dataclasses.replace(seen, reason="ended the process itself, with status 0")
    try:
        answer = evidence.decode(frame, evidence.Limits(tensor_bytes=limits.evidence_mb << 20))
        if type(answer) is not dict or len(answer) != 1:
            raise evidence.BadEvidence("malformed evidence")
        if "error" in answer:
            return _raised(answer["error"], seen)
        return dataclasses.replace(seen, outcome=Outcome.OK, value=answer["value"])
    except (evidence.BadEvidence, KeyError, TypeError, ValueError) as error:
        return dataclasses.replace(seen, outcome=Outcome.BAD_EVIDENCE, reason=clean(str(error))[:300])


def _crash(ended: Ended, limits: Limits, seen: Reply) -> Reply:
    if os.name == "nt" or not os.WIFSIGNALED(ended.status):
        return dataclasses.replace(seen, reason=f"ended the process itself, with status {ended.status >> 8}")
    number = os.WTERMSIG(ended.status)
    if number == signal.SIGXCPU or (number == signal.SIGKILL and ended.cpu_s > limits.cpu_s - 1):
        return dataclasses.replace(
            seen, outcome=Outcome.TIMED_OUT, reason=f"used more than {limits.cpu_s} s of CPU time"
        )
    if b"bad_alloc" in ended.output:
        return dataclasses.replace(seen, outcome=Outcome.OUT_OF_MEMORY, reason=f"used more than {limits.memory_mb} MB")
    hint = {signal.SIGSEGV: ", for example by endless recursion"}.get(signal.Signals(number), "")
    return dataclasses.replace(seen, signal=number, reason=f"was ended by {signal.Signals(number).name}{hint}")


def _raised(told: Mapping[str, Any], seen: Reply) -> Reply:
    """The error as the child told it, every field checked. Raises KeyError, TypeError or ValueError if it is forged."""
    error = Raised(
        type=_text(told["type"], 80),
        message=_text(told["message"], 2000),
        frames=tuple(Frame(_text(f, 240), int(n), _text(w, 80), _text(t, 200)) for f, n, w, t in told["frames"][:8]),
        not_implemented=told.get("not_implemented") is True,
        import_failed=told.get("import_failed") is True,
    )
    if told.get("out_of_memory") is True:
        return dataclasses.replace(seen, outcome=Outcome.OUT_OF_MEMORY, error=error, reason="ran out of memory")
    if told.get("bad_evidence") is True:
        return dataclasses.replace(seen, outcome=Outcome.BAD_EVIDENCE, error=error, reason=error.message)
    return dataclasses.replace(seen, outcome=Outcome.RAISED, error=error, reason=f"{error.type}: {error.message}")


def _text(value: Any, longest: int) -> str:
    if type(value) is not str:
        raise TypeError("not a text")
    return clean(value[:longest])
