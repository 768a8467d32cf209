"""The trusted side: one sandbox per submission, a reply per probe.

    with Sandbox(folder, module="step1_model", rung=choose()) as box:
        reply = box.call(probe.source, "test_step1_model.py", "logits_for", args, seed=7)
        if reply.outcome is Outcome.OK: ... reply.value

Whatever the submission does ends as a `Reply`. What is the grader's or the machine's fault raises SandboxFault, so that
it can never be told as 0 points. Call it from a thread that outlives the sandbox: on Linux it ends with that thread.
"""

import contextlib
import dataclasses
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from grader import evidence
from grader.sandbox import spawn, workplace
from grader.sandbox.child import CONFINED, LOADING
from grader.sandbox.reply import Ended, Frame, Limits, Outcome, Raised, Reply, judged
from grader.sandbox.rung import Rung
from grader.sandbox.spawn import START_S
from grader.sandbox.text import clean
from grader.sandbox.zygote import GO, IMPORT, KILL, LEFTOVERS, READY

__all__ = ["Frame", "Limits", "Outcome", "Raised", "Reply", "Sandbox", "SandboxFault"]

GRACE_S = 8.0  # after the order to end a probe, until the sandbox itself is given up
CHUNK = 1 << 20


class SandboxFault(Exception):  # noqa: N818 - the word of the reports
    """The sandbox itself failed: the test is ungradable, which says nothing about the submission."""


class Sandbox:
    """Runs probes beside one submission. Starts at the first call; `stop` ends it and leaves nothing behind.

    `preload`: modules that are imported once for all probes; `need` adds to them.
    """

    def __init__(
        self,
        submission: Path | str,
        *,
        module: str = "",
        preload: Sequence[str] = ("torch",),
        limits: Limits = Limits(),  # noqa: B008 - frozen
        rung: Rung,
        scratch_mb: int = 256,
    ):
        self.submission, self.module, self.preload = Path(submission).resolve(), module, tuple(preload)
        self.limits, self.rung, self.scratch_mb = limits, rung, scratch_mb
        self.starts = 0
        self.importing = False  # whether the last probe was still importing its step when last heard of
        self._imported: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._place: workplace.Workplace | None = None
        self._errors: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- starting and stopping

    def start(self) -> None:
        """Bring the sandbox up and import what probes need. Raises SandboxFault if it does not come up."""
        self.stop()
        self._place = workplace.prepare(self.submission, self.rung)
        self.starts += 1
        if not self.rung.forks:
            return
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        with theirs:
            boot = workplace.boot("zygote", theirs.fileno(), self._place.inside, self.preload)
            self._process = subprocess.Popen(
                workplace.command(self.rung, self._place, boot, self.scratch_mb),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                env=self._place.environment,
                cwd=self._place.stage or "/",
                start_new_session=True,
            )
        self._await_imports("the sandbox did not start")

    def need(self, modules: Sequence[str]) -> None:
        """Have these imported too before the next probe."""
        self.preload += tuple(name for name in modules if name not in self.preload)

    @property
    def ready(self) -> bool:
        """Whether the next call finds it started, with everything imported."""
        return self._running and (not self.rung.forks or self._imported == self.preload)

    def get_ready(self) -> None:
        """Start it or import what is missing. Raises SandboxFault if it does not come up."""
        if not self._running:
            self.start()
        elif not self.ready:
            assert self._control
            self._control.send(IMPORT + " ".join(self.preload[len(self._imported) :]).encode())
            self._await_imports("the sandbox could not import what probes need")

    @property
    def _running(self) -> bool:
        return self._place is not None and (self._process is None or self._process.poll() is None)

    def _await_imports(self, otherwise: str) -> None:
        assert self._control
        self._control.settimeout(START_S)
        if self._receive() != READY:
            raise self._fault(otherwise)
        self._control.settimeout(None)
        self._imported = self.preload

    def stop(self) -> None:
        """End every process of the sandbox and remove its files."""
        if self._control:
            self._control.close()  # the zygote ends what it started, then itself
        if self._process:
            self._wait_or_kill(self._process)
        if self._errors:
            self._errors.close()
        if self._place:
            self._place.remove()
        self._process = self._control = self._place = self._errors = None

    def _wait_or_kill(self, process: subprocess.Popen[bytes]) -> None:
        if self.rung.name != "bwrap":  # there the end of the first process ends all others
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=GRACE_S)
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _receive(self) -> bytes:
        assert self._control
        try:
            return self._control.recv(64)
        except (TimeoutError, ConnectionResetError):
            return b""

    def _fault(self, what: str) -> SandboxFault:
        """The error to raise, with the last line that the sandbox itself wrote. Ends the sandbox."""
        said = ""
        if self._errors:
            self._errors.seek(0)
            lines = self._errors.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
            said = f": {clean(lines[-1])}" if lines else ""
        self.stop()
        return SandboxFault(f"{what} ({self.rung.title}){said}")

    # -- one probe

    def call(
        self,
        source: str,
        file: str,
        name: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        seed: int,
        module: str | None = None,
        limits: Mapping[str, float] | None = None,
    ) -> Reply:
        """Run the probe `name` of `source` (as `grader.probe.redact` gives it; `file` is its name in tracebacks).

        `module` names another step of the same submission; `limits` changes some of the sandbox's Limits.
        Raises SandboxFault if the sandbox fails, ValueError if an argument cannot be sent.
        """
        bounds = dataclasses.replace(self.limits, **(limits or {}))  # type: ignore[arg-type]
        request = evidence.encode(
            {
                "source": source, "file": file, "name": name, "args": list(args), "kwargs": dict(kwargs or {}),
                "seed": seed, "module": module or self.module, "limits": dataclasses.asdict(bounds),
            }
        )  # fmt: skip
        started, self.importing = time.monotonic(), False
        try:
            ended = self._run(request, bounds)
        except BaseException:  # a timeout of the test, Ctrl-C, a fault: the probe must not go on, nor its answer linger
            self.stop()
            raise
        if not ended.frame.startswith(CONFINED):  # the submission's code had not been loaded yet
            said = clean(ended.output.decode("utf-8", "replace")).strip().rpartition("\n")[2]
            raise self._fault(f"the probe's process did not get as far as the submission: {said}")
        reply = judged(ended, bounds)
        return dataclasses.replace(reply, seconds=time.monotonic() - started)

    def _run(self, request: bytes, limits: Limits) -> Ended:
        self.get_ready()
        assert self._place
        if self.rung.forks:
            return self._forked(request, limits)
        ended = spawn.run(self._place, request, limits)
        self.importing = ended.frame == CONFINED + LOADING
        return ended

    def _forked(self, request: bytes, limits: Limits) -> Ended:
        assert self._control
        with contextlib.ExitStack() as stack:
            message = stack.enter_context(os.fdopen(os.memfd_create("request"), "wb"))
            message.write(request)
            message.flush()
            (evidence_r, evidence_w), (output_r, output_w) = os.pipe(), os.pipe()
            reading = [stack.enter_context(os.fdopen(fd, "rb", buffering=0)) for fd in (evidence_r, output_r)]
            writing = [os.fdopen(fd, "wb") for fd in (evidence_w, output_w)]
            try:
                socket.send_fds(self._control, [GO], [message.fileno(), evidence_w, output_w])
            except OSError as error:
                raise self._fault("the sandbox ended between two probes") from error
            finally:
                for file in writing:
                    file.close()
            return self._collect(reading[0], reading[1], limits)

    def _collect(self, frame_pipe: IO[bytes], output_pipe: IO[bytes], limits: Limits) -> Ended:
        """Read both pipes until the zygote reports the end, and order the end when a limit is passed."""
        assert self._control
        ended, printed = Ended(), 0
        frame, output = bytearray(), bytearray()
        deadline = time.monotonic() + START_S  # the probe's own clock starts with its first byte, when it is confined
        with selectors.DefaultSelector() as selector:
            for source in (frame_pipe, output_pipe, self._control):
                selector.register(source, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select(max(0.0, deadline - time.monotonic()))}
                for pipe in ready & {frame_pipe, output_pipe}:
                    if not (got := os.read(pipe.fileno(), CHUNK)):  # type: ignore[union-attr]
                        selector.unregister(pipe)
                    elif pipe is frame_pipe:
                        if not frame:
                            deadline = time.monotonic() + limits.wall_s
                        frame += got
                        self.importing = frame == CONFINED + LOADING
                    else:
                        printed += len(got)
                        output += got[: max(0, (limits.output_kb << 10) - len(output))]
                if self._control in ready and not ready & {frame_pipe, output_pipe}:  # the pipes first, to their end
                    ended.frame, ended.output = bytes(frame), bytes(output)
                    return self._reported(ended, self._receive())
                why = _overrun(len(frame), printed, deadline, limits)
                if why and ended.outcome is None:
                    ended.outcome, ended.reason = why
                    deadline = time.monotonic() + GRACE_S
                    with contextlib.suppress(OSError):  # it ended by itself meanwhile: the next turn sees it
                        self._control.send(KILL)
                elif why and time.monotonic() > deadline:
                    self.stop()
                    raise SandboxFault(f"the sandbox did not end a probe that {ended.reason} ({self.rung.title})")

    def _reported(self, ended: Ended, report: bytes) -> Ended:
        if not report:
            if self.rung.name == "limits":  # where a submission can end the process above it
                self.stop()
                return dataclasses.replace(ended, outcome=Outcome.CRASHED, reason="ended its own sandbox")
            raise self._fault("the sandbox ended during a probe")
        try:
            status, cpu_ms, ended_for = map(int, report.split())
        except ValueError:
            raise self._fault("the sandbox's report is garbled") from None
        if ended_for == LEFTOVERS:
            self.stop()
        return dataclasses.replace(ended, status=status, cpu_s=cpu_ms / 1000, ended_for=ended_for)


def _overrun(frame: int, printed: int, deadline: float, limits: Limits) -> tuple[Outcome, str] | None:
    """Which limit has been passed, and how it is told."""
    if frame > (limits.evidence_mb << 20) + CHUNK:
        return Outcome.BAD_EVIDENCE, f"returned more than {limits.evidence_mb} MB"
    if printed > limits.output_max_mb << 20:
        return Outcome.CRASHED, f"printed more than {limits.output_max_mb} MB"
    if time.monotonic() > deadline:
        return Outcome.TIMED_OUT, f"ran longer than {limits.wall_s:g} s"
    return None
