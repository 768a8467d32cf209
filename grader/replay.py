"""What a failed test asked of the student's code, kept so that it can be asked of other code: calls and examples."""

import copy
import functools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from grader.probe import Probe, Student

KEPT = 30  # examples of a test under Hypothesis
KEPT_BYTES = 256 << 20  # of evidence for one test: what a submission returns must not fill the examiner's memory
NOT_KEPT = object()  # in the place of evidence beyond that: equal to nothing


@dataclass(frozen=True)
class Call:
    """One call of a probe: with what, in which random state, and what came back."""

    act: Probe
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    state: torch.Tensor
    answer: Any  # evidence, or the error that was raised


def size(evidence: Any) -> int:
    """Bytes of the tensors and texts in it: what can be large."""
    if isinstance(evidence, torch.Tensor):
        return evidence.nbytes
    if isinstance(evidence, str | bytes):
        return len(evidence)
    if isinstance(evidence, dict):
        return sum(map(size, evidence.values()))
    return sum(map(size, evidence)) if isinstance(evidence, list) else 0


class Watched:
    """A runner of probes that keeps the calls of the present example."""

    def __init__(self, runner: Student):
        self.runner, self.calls = runner, list[Call]()

    @property
    def raised(self) -> BaseException | None:
        return getattr(self.runner, "raised", None)

    def run_probe(self, act: Probe, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        asked = act, copy.deepcopy(args), copy.deepcopy(kwargs), torch.get_rng_state()
        try:
            value = self.runner.run_probe(act, args, kwargs)
        except BaseException as error:
            self.calls.append(Call(*asked, error))
            raise
        fits = sum(size(call.answer) for call in self.calls) + size(value) <= KEPT_BYTES
        self.calls.append(Call(*asked, value if fits else NOT_KEPT))
        return value

    def __repr__(self) -> str:
        return "student"


# -- the example that a test was at: its arguments, its random numbers, what Hypothesis drew


class _OtherDraws(Exception):  # noqa: N818 - no error of anybody
    """In a rerun the test drew more than it had drawn."""


class _Tape:
    """Stands in for Hypothesis' `data` and keeps what it draws."""

    def __init__(self, data: Any):
        self.data, self.drawn = data, list[Any]()

    def draw(self, strategy: Any, label: Any = None) -> Any:
        self.drawn.append(self.data.draw(strategy, label))
        return copy.deepcopy(self.drawn[-1])


class _Player:
    """Stands in for `data` in a rerun: draws what was drawn."""

    def __init__(self, drawn: list[Any]):
        self.left = iter(copy.deepcopy(drawn))

    def draw(self, strategy: Any, label: Any = None) -> Any:
        try:
            return next(self.left)
        except StopIteration:
            raise _OtherDraws from None


@dataclass
class Example:
    """One call of a test: its arguments, the random state it began with, what probes returned, how it ended."""

    test: Callable[..., None]
    arguments: dict[str, Any]
    states: tuple[Any, ...]
    tape: _Tape | None
    calls: list[Call]
    error: BaseException | None = None
    raised: BaseException | None = None

    def again(self, student: Student) -> None:
        """The same call with other code under test."""
        random.setstate(self.states[0])
        np.random.set_state(self.states[1])
        torch.set_rng_state(self.states[2])
        drawn = {"data": _Player(self.tape.drawn)} if self.tape else {}
        self.test(student=student, **copy.deepcopy(self.arguments), **drawn)


EXAMPLES = pytest.StashKey[deque[Example]]()


def watch(item: pytest.Item) -> None:
    """Have the test keep the examples that it is called with. Under Hypothesis the last is the smallest failing one."""
    item.stash[EXAMPLES] = deque(maxlen=KEPT)
    test: Any = item.obj  # type: ignore[attr-defined]
    if handle := getattr(test, "hypothesis", None):
        plain = getattr(handle.inner_test, "plain", handle.inner_test)  # one function serves the items of all devices
        handle.inner_test = _kept(plain, item)
    else:
        item.obj = _kept(getattr(test, "plain", test), item)  # type: ignore[attr-defined]


def _kept(test: Callable[..., None], item: pytest.Item) -> Callable[..., None]:
    @functools.wraps(test)
    def run(**arguments: Any) -> None:
        __tracebackhide__ = True
        student: Watched = arguments["student"]
        tape = _Tape(arguments["data"]) if "data" in arguments else None
        plain = {name: value for name, value in arguments.items() if name not in ("student", "data")}
        states = random.getstate(), np.random.get_state(), torch.get_rng_state()
        student.calls = []
        example = Example(test, copy.deepcopy(plain), states, tape, student.calls)
        item.stash[EXAMPLES].append(example)
        try:
            test(**(arguments | ({"data": tape} if tape else {})))
        except BaseException as error:
            example.error, example.raised = error, student.raised
            raise
        finally:
            _forget_the_oldest(item.stash[EXAMPLES])

    run.plain = test  # type: ignore[attr-defined]
    return run


def _forget_the_oldest(examples: deque[Example]) -> None:
    """Keep the evidence of one test within KEPT_BYTES, and always the last example."""
    sizes = [sum(size(call.answer) for call in example.calls) for example in examples]
    while len(examples) > 1 and sum(sizes) > KEPT_BYTES:
        examples.popleft()
        del sizes[0]


def forget(item: pytest.Item) -> None:
    """The test has its verdict: what it kept is no longer needed."""
    if examples := item.stash.get(EXAMPLES, None):
        examples.clear()
