"""Probes where there is no safe fork (macOS, Windows): a fresh interpreter for each, which imports everything again.

Files take the place of pipes, so that one way of waiting works on every system.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from typing import IO

from grader.sandbox import workplace
from grader.sandbox.reply import Ended, Limits, Outcome

START_S = 120.0  # importing torch on a busy machine


def run(place: workplace.Workplace, request: bytes, limits: Limits) -> Ended:
    """Answer one request in a process of its own, and clear away what it leaves behind."""
    with contextlib.ExitStack() as stack:
        question, frame, output = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        question.write(request)
        question.seek(0)
        process = subprocess.Popen(
            workplace.boot("child", place.inside),
            stdin=question,
            stdout=frame,
            stderr=output,
            env=place.environment,
            cwd=place.stage,
            start_new_session=True,
        )
        ended = Ended()
        try:
            if not _ends_in_time(process, frame, limits):
                ended.outcome, ended.reason = Outcome.TIMED_OUT, f"ran longer than {limits.wall_s:g} s"
        finally:
            _end_group(process)
        frame.seek(0)
        output.seek(0)
        ended.frame = frame.read((limits.evidence_mb << 20) + (1 << 20))
        ended.output = output.read(limits.output_kb << 10)
        code = process.returncode
        ended.status = -code if code < 0 else code << 8  # as os.wait tells it
    place.empty_scratch()
    return ended


def _ends_in_time(process: subprocess.Popen[bytes], frame: IO[bytes], limits: Limits) -> bool:
    """Wait for the end. The probe's clock starts with the first byte that the child writes, when it is confined."""
    deadline, started = time.monotonic() + START_S, False
    while process.poll() is None:
        if not started and os.fstat(frame.fileno()).st_size:
            deadline, started = time.monotonic() + limits.wall_s, True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and, where there are process groups, what it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # the group is gone already
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
