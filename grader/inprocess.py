"""Running probes in this process: a learner's own run, where `--pdb`, prints and tracebacks are the usual ones."""

import contextlib
import importlib
import importlib.util
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from grader import evidence
from grader.probe import Probe


class ImportFailed(Exception):  # noqa: N818 - a state of the step
    """The step's module cannot be imported; the cause is the learner's own error."""


class InProcess:
    """A step's module, loaded at first use. Probes see its names as attributes."""

    def __init__(self, name: str, load: Callable[[], ModuleType]):
        self._name, self._load = name, load
        self._module: ModuleType | None = None
        self._import_failed: ImportFailed | None = None
        self._probing = False
        self.raised: BaseException | None = None  # the last error that left a probe: it is the student's, not ours

    def run_probe(self, act: Probe, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the probe and return its evidence, made plain exactly as a sandbox would."""
        __tracebackhide__ = True
        if self._probing:  # a probe that calls another probe: an ordinary call
            return act.function(self, *args, **kwargs)
        self._probing, self.raised = True, None
        try:
            with _own_state(int(torch.randint(1 << 31, ()))):
                return evidence.decode(evidence.encode(act.function(self, *args, **kwargs)))
        except BaseException as error:
            self.raised = error
            raise
        finally:
            self._probing = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return getattr(self._imported(), name)
        except AttributeError:
            raise AttributeError(f"{self._name} defines no {name!r}: keep the names of the stub") from None

    def __repr__(self) -> str:
        return "student"

    def _imported(self) -> ModuleType:
        if self._import_failed:
            raise self._import_failed
        if self._module is None:
            try:
                self._module = self._load()
            except (Exception, SystemExit) as error:  # whatever a learner's module does when it is imported
                self._import_failed = ImportFailed(f"{self._name} cannot be imported")
                raise self._import_failed from error
        return self._module


def from_package(package: str, module: str) -> InProcess:
    """The step `module` of `exercises` or `solutions`."""
    return InProcess(f"{package}/{module}.py", lambda: importlib.import_module(f"{package}.{module}"))


def from_file(path: Path, name: str = "submitted_step") -> InProcess:
    """A step's module in any file."""

    def load() -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return InProcess(path.name, load)


@contextlib.contextmanager
def _own_state(seed: int) -> Iterator[None]:
    """Seed every generator for the block, then put the test's own state back: a probe must not fix later draws.

    Nor may it leave torch without gradients or with another default type, as student code does by mistake.
    """
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()
    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    random.seed(seed)
    np.random.seed(seed % (1 << 32))
    torch.default_generator.manual_seed(seed)  # torch.manual_seed formats a stack for devices that are not there
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        torch.set_rng_state(kept[2])
