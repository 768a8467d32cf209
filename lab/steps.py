"""The learner's step modules, by name only; what is not written yet is named, with what to do."""

import importlib
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from lab.problem import Problem

ROOT = Path(__file__).resolve().parents[1]
STEPS = {
    1: "step1_model",
    2: "step2_data",
    3: "step3_train",
    4: "step4_sample",
    5: "step5_trainer",
    6: "step6_schedule",
    7: "step7_scale",
    8: "step8_perplexity",
    9: "step9_batch",
    10: "step10_translator",
    11: "step11_noam",
    12: "step12_decode",
}


class Steps:
    """steps[3] is the module of step 3, from exercises/ or solutions/, imported when first asked for."""

    def __init__(self, package: str):
        self.package = package

    def __getitem__(self, number: int) -> ModuleType:
        """Raises Problem, naming the file and its first fault, if the module does not import."""
        name = STEPS[number]
        if str(ROOT) not in sys.path:
            sys.path.insert(0, str(ROOT))
        try:
            return importlib.import_module(f"{self.package}.{name}")
        except NotImplementedError:
            raise
        except Exception as error:  # the learner's file may raise anything; all of it is the same news
            fault = traceback.format_exception_only(error)[-1].strip()
            raise Problem(f"{self.package}/{name}.py does not import ({fault}): {_what_to_do(name)}") from error

    @contextmanager
    def unfinished_named(self) -> Iterator[None]:
        """Turn the NotImplementedError of a stub into a Problem that names its file and its tests."""
        try:
            yield
        except NotImplementedError as error:
            name = self._raised_in(error)
            if name is None:
                raise
            raise Problem(
                f"{self.package}/{name}.py is not finished ({error or 'NotImplementedError'}): {_what_to_do(name)}"
            ) from error

    def _raised_in(self, error: NotImplementedError) -> str | None:
        """The step whose code stands deepest in the traceback: PyTorch's own frames may lie below it."""
        files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
        names = [file.stem for file in files if file.parent.name == self.package and file.stem in STEPS.values()]
        return names[-1] if names else None


def _what_to_do(name: str) -> str:
    return f"write it, then check it with `pytest tests/test_{name}.py`"
