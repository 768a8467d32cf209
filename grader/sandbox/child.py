"""One probe, in its own process. From the first line of the submission on, nothing in here can be trusted.

A request is a frame of evidence (the grader's own, see `grader.evidence`): the probe's source, its arguments, the seed,
the limits. What goes back is one frame: {"value": ...} or {"error": ...}.
"""

import importlib
import importlib.util
import linecache
import os
import random
import sys
import traceback
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader import evidence
from grader.sandbox import confine

PACKAGE = "exercises"
CONFINED = b"!"  # goes before the frame: whatever went wrong until then is the grader's fault, not the submission's
LOADING, LOADED = b"<", b">"  # around the import of the step: an import that does not end is told from a slow test
FRAMES, LINE, MESSAGE = 6, 160, 2000  # of an error: how many frames, how long a line of source, how long a message
REQUEST_LIMITS = evidence.Limits(tree_bytes=64 << 20, tensor_bytes=1 << 30, items=1_000_000)


class ImportFailed(Exception):  # noqa: N818 - a state of the step
    """The step's module cannot be imported; the cause is the learner's own error."""


def run(place: Mapping[str, Any], request_fd: int, evidence_fd: int, output_fd: int) -> NoReturn:
    """Answer one request and end the process: no exit handlers, no waiting for the submission's threads."""
    with os.fdopen(request_fd, "rb") as file:
        file.seek(0)
        request = evidence.decode(file.read(), REQUEST_LIMITS)
    _redirect(output_fd)
    confine.confine(place, request["limits"])
    os.write(evidence_fd, CONFINED)
    frame = _answer(place, request, evidence_fd)
    with os.fdopen(evidence_fd, "wb") as file:
        file.write(frame)
    _flush()
    os._exit(0)


def warm_up() -> None:
    """Pay before the fork for what every probe would pay for at its first use: lazy imports, kernels looked up."""
    torch.set_num_threads(1)
    _seed(0)
    evidence.decode(evidence.encode({"value": torch.arange(2)}))
    layers = nn.Sequential(nn.Embedding(4, 4), nn.LayerNorm(4), nn.Linear(4, 4), nn.GELU(), nn.Dropout(0.1))
    x = layers(torch.zeros(1, 2, dtype=torch.long))
    y = F.scaled_dot_product_attention(x, x, x, is_causal=True)
    F.cross_entropy(y[0], torch.zeros(2, dtype=torch.long)).backward()  # starts no thread: no GPU is shown to a sandbox
    nn.utils.clip_grad_norm_(layers.parameters(), 1.0)


def _redirect(output_fd: int) -> None:
    """Whatever writes to standard output or error, Python or not, writes to the output pipe."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output_fd, 1), (output_fd, 2)):
        os.dup2(source, target)
    for fd in {nothing, output_fd} - {0, 1, 2}:
        os.close(fd)
    for name, fd in (("stdout", 1), ("stderr", 2)):
        setattr(sys, name, os.fdopen(fd, "w", encoding="utf-8", errors="replace", closefd=False))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the submission may have put anything in the stream's place
            continue


def _answer(place: Mapping[str, Any], request: Mapping[str, Any], evidence_fd: int) -> bytes:
    """The probe's evidence, or the error that it ended with, as a frame."""
    limits = evidence.Limits(tensor_bytes=request["limits"]["evidence_mb"] << 20)
    try:
        act = _load_probe(request)
        student = Student(place["submission"], request["module"], evidence_fd)
        _seed(request["seed"])
        value = act(student, *request["args"], **request["kwargs"])
        return evidence.encode({"value": value}, limits)
    except evidence.BadEvidence as error:
        return evidence.encode({"error": {**_described(error, place), "bad_evidence": True}})
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: how a submission's code ends is its result
        try:
            return evidence.encode({"error": _described(error, place)})
        except BaseException:  # an exception whose own text raises
            return evidence.encode({"error": {"type": "unprintable error", "message": "", "frames": []}})


def _load_probe(request: Mapping[str, Any]) -> Any:
    file, source = request["file"], request["source"]
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    module = ModuleType("probe")
    exec(compile(source, file, "exec"), module.__dict__)  # the grader's own source
    return module.__dict__[request["name"]]


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % (1 << 32))
    torch.default_generator.manual_seed(seed)  # the CPU's alone, as no other device is there: 1 ms less


class Student:
    """The step's module, imported at first use, so that an import error is told like any other."""

    def __init__(self, folder: str, step: str, evidence_fd: int):
        self.__dict__.update(_folder=folder, _step=step, _evidence_fd=evidence_fd, _module=None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._module is None:
            os.write(self._evidence_fd, LOADING)
            try:
                self.__dict__["_module"] = load_step(self._folder, self._step)
            finally:
                os.write(self._evidence_fd, LOADED)
        try:
            return getattr(self._module, name)
        except AttributeError:
            where = f"{PACKAGE}/{self._step}.py"
            raise AttributeError(f"{where} defines no {name!r}: keep the names of the stub") from None


def load_step(folder: str, step: str) -> ModuleType:
    """Import FOLDER/STEP.py as `exercises.STEP` and `STEP`. The folder comes last on the path: it shadows nothing."""
    if folder not in sys.path:
        sys.path.append(folder)
    package = ModuleType(PACKAGE)
    package.__path__ = [folder]
    sys.modules[PACKAGE] = package
    path = os.path.join(folder, f"{step}.py")  # noqa: PTH118 - plain strings outlive a patched pathlib
    spec = importlib.util.spec_from_file_location(f"{PACKAGE}.{step}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"{PACKAGE}.{step}"] = sys.modules[step] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ImportFailed(f"{PACKAGE}/{step}.py cannot be imported") from error
    return module


def _described(error: BaseException, place: Mapping[str, Any]) -> dict[str, Any]:
    """What the examiner is told of an error; the innermost of the submission's own lines comes last."""
    import_failed = isinstance(error, ImportFailed)
    if import_failed and error.__cause__:
        error = error.__cause__
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return {
        "type": type(error).__name__[:80],
        "message": message[:MESSAGE],
        "frames": _frames(error, place["submission"])[-FRAMES:],
        "not_implemented": isinstance(error, NotImplementedError) and not import_failed,
        "import_failed": import_failed,
        "out_of_memory": isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in message,
    }


def _frames(error: BaseException, folder: str) -> list[list[Any]]:
    frames: list[tuple[str, int, str, str]] = [
        (f.filename, f.lineno or 0, f.name, f.line or "")
        for f in traceback.extract_tb(error.__traceback__)
        if f.filename.startswith(folder)
    ]
    if isinstance(error, SyntaxError) and str(error.filename).startswith(folder):
        frames.append((str(error.filename), error.lineno or 0, "", error.text or ""))
    return [
        [PACKAGE + file.removeprefix(folder).replace(os.sep, "/")[:200], line, function[:80], text.strip()[:LINE]]
        for file, line, function, text in frames
    ]


def main(place: Mapping[str, Any]) -> NoReturn:
    """A probe in a fresh interpreter, where there is no fork: the request on fd 0, evidence to 1, output to 2."""
    torch.set_num_threads(1)
    run(place, os.dup(0), os.dup(1), os.dup(2))
