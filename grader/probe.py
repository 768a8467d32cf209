"""The words that a graded suite is written with: `@probe` for the Act, `@points` for the claim.

    @probe
    def logits_for(student, ids):            # the only part that meets the student's code; returns plain data
        return student.TinyGPT(student.TinyGPTConfig())(ids)[0]

    @points(4, step=1, hint="Which axis is time?")
    def test_shape(student):
        logits = logits_for(student, torch.zeros(2, 8, dtype=torch.long))
        ...                                  # Assert: in the examiner, out of the student's reach

In a learner's own run the probe is called in the same process. Under grading its source alone is sent to a sandbox
that holds the student's code, and only evidence comes back; the test does not know which of the two happens.
"""

import ast
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

weights_are_free = pytest.mark.weights_are_free  # a suite's pytestmark: no two right models draw the same weights


class ProbeError(Exception):
    """The author of a suite wrote a probe that cannot be sent to a sandbox."""


class Student(Protocol):
    """What runs probes: in this process (`grader.inprocess`) or in a sandbox."""

    def run_probe(self, act: "Probe", args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...


class Probe:
    """A function that exercises the student's code and returns evidence. Called, it goes to the student's runner."""

    def __init__(self, function: Callable[..., Any], limits: dict[str, float] | None = None):
        functools.update_wrapper(self, function)
        self.function, self.limits = function, limits or {}
        self.file = Path(inspect.getsourcefile(function) or "")

    def __call__(self, student: Student, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return student.run_probe(self, args, kwargs)

    @functools.cached_property
    def source(self) -> str:
        """The source that a sandbox is sent: see `redact`."""
        return redact(self.file.read_text(encoding="utf-8"), self.function.__name__)


def probe(function: Callable[..., Any] | None = None, **limits: float) -> Any:
    """Mark the Act of a graded test: `@probe`, or `@probe(wall_s=60)` to change a limit of the sandbox."""
    if function is None:
        return functools.partial(Probe, limits=limits)
    return Probe(function, limits)


def points(value: float, *, step: int, hint: str, timeout: float = 30, observed: bool = False) -> Callable[[Any], Any]:
    """Mark a graded test: what it is worth, its step's number, a hint (a question to the learner), seconds allowed.

    observed: the claim is one that only the student's process can see (an error that came, a mode, a .grad that is
    None), so that a sandboxed submission could say it without its being true. Every other test is recomputed: the
    examiner checks the evidence with its own computation on data that it drew (docs/sandbox.md).
    """

    def mark(test: Any) -> Any:
        graded = pytest.mark.points(value=value, step=step, hint=hint, observed=observed)
        return pytest.mark.timeout(timeout)(graded(test))

    return mark


def redact(source: str, name: str) -> str:
    """`source` with every line blanked but the probe `name`, the probes it calls and the imports they use.

    Lines keep their numbers, so that a traceback points at the real file. Raises ProbeError if the probe names
    anything else of its module: that would have to be sent along, and an expected value must never be.
    """
    tree = ast.parse(source)
    top = {bound: node for node in tree.body for bound in _binds(node)}
    kept: list[ast.stmt] = []
    todo = [name]
    while todo:
        node = top[todo.pop()]
        if node in kept:
            continue
        kept.append(node)
        if isinstance(node, ast.FunctionDef):
            for other in sorted(_loads(node) & set(top)):
                if not (_is_import(top[other]) or _is_probe(top[other])):
                    raise ProbeError(f"probe {name!r} uses {other!r}, which stays outside the sandbox: pass it in")
                todo.append(other)
    shown = {number for node in kept for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    lines = source.splitlines(keepends=True)  # a FunctionDef's lineno is its `def`: the decorator is left out
    return "".join(line if number in shown else "\n" for number, line in enumerate(lines, 1))


def _binds(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def _loads(node: ast.FunctionDef) -> set[str]:
    """Names that the function reads and does not bind itself (its body and defaults; decorators stay outside)."""
    parts = [*node.body, node.args]
    inside = [n for part in parts for n in ast.walk(part)]
    own = {n.arg for n in inside if isinstance(n, ast.arg)}
    own |= {n.id for n in inside if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    own |= {n.name for n in inside if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return {n.id for n in inside if isinstance(n, ast.Name)} - own


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _is_probe(node: ast.stmt) -> bool:
    decorators = getattr(node, "decorator_list", [])
    names = [d.func if isinstance(d, ast.Call) else d for d in decorators]
    return isinstance(node, ast.FunctionDef) and any(isinstance(d, ast.Name) and d.id == "probe" for d in names)
