"""The batch's side of an examiner: a process that is started at need, given one task at a time, and ended."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
EXAMINER = (sys.executable, "-P", "-m", "grader.examiner")
TOLD = 2000  # bytes of what the examiner wrote to its standard error that are looked at


class WorkerFault(Exception):  # noqa: N818 - the word of the reports
    """The examiner itself failed or ran out of time: says nothing about the submission."""


class Worker:
    """One examiner. Not for several threads at once, but `end` may be called from any."""

    def __init__(self, libraries: bool = True, command: Sequence[str] = EXAMINER):
        self.command = [*command, *(["--libraries"] if libraries else [])]
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] | None = None

    def do(self, task: Mapping[str, Any], on_event: Callable[[dict[str, Any]], None], seconds: float) -> None:
        """Have a task done; every event but the last goes to `on_event`. Raises WorkerFault if it is not done."""
        process = self._started()
        late = threading.Event()
        clock = threading.Timer(seconds, self._end_late, [late])
        clock.start()
        try:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                event = json.loads(line)
                if "done" in event:
                    if event["done"]:
                        raise WorkerFault(f"the examiner failed: {self._said()}")
                    return
                on_event(event)
        except (BrokenPipeError, ValueError):  # it ended before it read the task, or in the middle of a line
            pass
        finally:
            clock.cancel()
        said = f"it took longer than {seconds:.0f} s" if late.is_set() else self._said()
        self.end()
        raise WorkerFault(f"the examiner ended too early: {said}")

    def _end_late(self, late: threading.Event) -> None:
        late.set()
        self.end()

    def end(self) -> None:
        """End the examiner, whatever it is doing; its sandboxes end with it."""
        process = self._process
        if process and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the examiner
            one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
            offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=ROOT,
                env={**os.environ, **one_thread, **offline, "PYTHONPATH": str(ROOT)},
                start_new_session=True,
                text=True,
            )
        return self._process

    def _said(self) -> str:
        assert self._errors
        self._errors.seek(0)
        lines = self._errors.read()[-TOLD:].decode("utf-8", "replace").strip().splitlines()
        return " ".join(lines[-1].split()) if lines else "it said nothing"
