"""Which catalogued mistake gives the evidence that a failed test saw: no match, no guess.

A failed test is run again, on the same inputs, on every wrong solution of the catalogue (`grader.catalogue`). A mistake
is named if its code gives the same evidence. Where right models differ in the numbers that they draw (a test marked
`grader.probe.weights_are_free`), what the test says about the evidence is compared instead: its table of influence,
its counts, its order, with every real number left out.

Without `solutions/` or `grader/mistakes/` beside it, as an instructor may hand the repo out, nothing is named.
"""

import contextlib
import copy
import functools
import hashlib
import io
import pickle
import random
import re
import signal
import sys
import textwrap
import time
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from grader.catalogue import Mistake, mistakes, solution
from grader.inprocess import InProcess
from grader.probe import Probe, Student
from grader.steps import BY_NUMBER, Step
from grader.verdicts import Outcome, judge

BUDGET_S = 1.5  # of computing for one failed test
HANGING = 5  # times the budget: a trial that is not computing
KEPT = 30  # examples of a test under Hypothesis
KEPT_BYTES = 256 << 20  # of evidence for one test: what a submission returns must not fill the examiner's memory
NOT_KEPT = object()  # in the place of evidence beyond that: equal to nothing
CANDIDATES = 3  # a longer list of "either ... or" helps nobody
REAL = re.compile(r"-?\b\d+\.\d+(e[+-]?\d+)?\b|-?\b\d+e[+-]?\d+\b|\bnan\b|-?\binf\b")


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


# -- trying the catalogue


@dataclass
class Known:
    """What the tests of a step have shown so far in this run."""

    passed: set[str] = field(default_factory=set)
    suspects: set[str] = field(default_factory=set)  # ids of mistakes that gave the evidence of an earlier failure


KNOWN = pytest.StashKey[dict[int, Known]]()


def diagnose(item: pytest.Item, outcome: Outcome) -> list[Mistake]:
    """The mistakes that give what the student's code gave, up to CANDIDATES of them, or none. Takes BUDGET_S at most.

    The smallest failing example alone says little, so a mistake must agree on the examples before it as well.
    """
    mark = item.get_closest_marker("points")
    if mark is None:
        return []
    known = item.config.stash.setdefault(KNOWN, {}).setdefault(mark.kwargs["step"], Known())
    name = item.name.partition("[")[0]
    if outcome is Outcome.PASSED:
        known.passed.add(name)
    if outcome not in (Outcome.FAILED, Outcome.ERROR):
        return []
    found = [one for one in _giving_the_same(item, name) if one.caught_by not in known.passed]
    found = [one for one in found if one.id in known.suspects] or found  # one mistake explains more than two do
    known.suspects |= {one.id for one in found}
    if len(found) > CANDIDATES:  # the others would show in the tests that they name
        found = [one for one in found if one.caught_by == name]
    return found if len(found) <= CANDIDATES else []


def _giving_the_same(item: pytest.Item, name: str) -> list[Mistake]:
    examples = list(item.stash.get(EXAMPLES, []))[::-1]
    if not examples or not examples[0].calls:
        return []
    step = BY_NUMBER[item.get_closest_marker("points").kwargs["step"]]  # type: ignore[union-attr]
    ways = [_equal]
    if item.get_closest_marker("weights_are_free"):
        ways.append(_alike)
    likely = [one for one in _catalogue(step) if one.caught_by == name]
    rest = [one for one in _catalogue(step) if one.caught_by != name]  # tried as far as the time goes
    with _clock.bounds(BUDGET_S):
        for way in ways:
            if found := _giving(way, likely, rest, examples, step):
                return found
    return []


def _giving(
    way: Callable[[Example, Student], bool],
    likely: list[Mistake],
    rest: list[Mistake],
    examples: list[Example],
    step: Step,
) -> list[Mistake]:
    """The mistakes that agree on all examples, in this way. Raises _TimeIsUp unless all likely ones were tried."""
    found = [one for one in likely if all(way(example, _wrong(step, one)) for example in examples)]
    try:
        for one in rest:
            if all(way(example, _wrong(step, one)) for example in examples):
                found.append(one)
    except _TimeIsUp:
        if not found:
            raise
    return found


def _equal(example: Example, wrong: Student) -> bool:
    """The mistake's code gives the same answer to every call."""
    return all(same(_answer(call, wrong), call.answer) for call in example.calls)


def _answer(call: Call, wrong: Student) -> Any:
    torch.set_rng_state(call.state)
    try:
        with _silence():
            return wrong.run_probe(call.act, copy.deepcopy(call.args), copy.deepcopy(call.kwargs))
    except Exception as error:  # a mistake's code may raise anything
        return error


def _alike(example: Example, wrong: Student) -> bool:
    """The test says the same of the mistake's evidence."""
    trial, error = Watched(wrong), None
    try:
        with _silence():
            example.again(trial)
    except Exception as raised:  # a mistake's code may raise anything
        error = raised
    return signature(*judge(error, trial.raised)) == signature(*judge(example.error, example.raised))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Whatever a mistake's code prints or warns of is nobody's business."""
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def told(found: Sequence[Mistake]) -> str:
    """What the learner reads of it."""
    heads = ["Looks like: ", *["        or: "] * len(found)]
    says = [mistake.says for mistake in found]
    lines = [_folded(head, text) for head, text in zip(heads, says, strict=False)]
    return "".join(f"\n{line}" for line in lines)


def _folded(head: str, text: str) -> str:
    """A sentence in lines that fit a terminal, all of it to the right of its head."""
    return textwrap.fill(text, 114, initial_indent=head, subsequent_indent=" " * len(head))


def signature(outcome: Outcome, message: str) -> tuple[Outcome, str]:
    """What a finding says apart from its real numbers: tables of influence, counts and the order of things."""
    text = message.partition("\nSmallest failing case found:")[0]  # in a rerun there is none
    if outcome is Outcome.ERROR:
        text = text.splitlines()[0]  # what was raised; where is each learner's own
    return outcome, REAL.sub("#", " ".join(text.split()))


def same(left: Any, right: Any) -> bool:
    """Two pieces of evidence are equal, real numbers up to 1e-4 of the largest."""
    if isinstance(left, BaseException) and isinstance(right, BaseException):
        return _said(left) == _said(right)
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return left.shape == right.shape and left.dtype == right.dtype and _close(left, right)
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return _close(torch.tensor(left), torch.tensor(right))
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def _close(left: torch.Tensor, right: torch.Tensor) -> bool:
    if not left.is_floating_point():
        return torch.equal(left, right)
    finite = right[right.isfinite()]
    size = finite.abs().max().item() if finite.numel() else 0.0
    return torch.allclose(left, right, rtol=0, atol=1e-4 * size + 1e-12, equal_nan=True)


def _said(error: BaseException) -> str:
    """What was raised, in one line; a sandbox has put it in words already."""
    text = " ".join(str(error).split("\n")[0].split())
    return text.removeprefix("Your code raised ") if hasattr(error, "outcome") else f"{type(error).__name__}: {text}"


@functools.cache
def _catalogue(step: Step) -> list[Mistake]:
    return mistakes(step) if solution(step).exists() else []


class _Wrong(InProcess):
    """A solution with a mistake in it. Asked the same again, as for the next student, it need not run again."""

    def __init__(self, step: Step, mistake: Mistake):
        name = f"grader_mistake_{step.number}_{mistake.id.replace('-', '_')}"
        super().__init__(f"{step.module}.py", lambda: _module(name, mistake.apply(solution(step).read_text("utf-8"))))
        self._answers = dict[bytes, tuple[Any, Exception | None]]()

    def run_probe(self, act: Probe, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._probing:  # a probe that calls another
            return super().run_probe(act, args, kwargs)
        _clock.check()
        asked = pickle.dumps((act.function.__name__, torch.get_rng_state(), args, kwargs))
        key = hashlib.sha256(asked).digest()
        if key in self._answers:
            torch.randint(1 << 31, ())  # the probe's seed, which is drawn for every call
        else:
            self._answers[key] = self._answer(act, args, kwargs)
        value, self.raised = self._answers[key]
        if self.raised:
            raise self.raised
        return copy.deepcopy(value)

    def _answer(self, act: Probe, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Exception | None]:
        try:
            return super().run_probe(act, args, kwargs), None
        except Exception as error:  # a mistake's code may raise anything
            return None, error


def _module(name: str, source: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module  # dataclasses and pickles look it up
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


_wrong = functools.cache(_Wrong)


class _TimeIsUp(BaseException):
    """The trials have taken long enough."""


class _Clock:
    """Ends trials where they ask for the next probe, or, if one hangs, by an alarm."""

    until = float("inf")

    def check(self) -> None:
        if time.process_time() > self.until:
            raise _TimeIsUp

    @contextlib.contextmanager
    def bounds(self, seconds: float) -> Iterator[None]:
        """The block ends when the time is up; a timer of pytest-timeout waits until then."""
        started, grad = time.monotonic(), torch.is_grad_enabled()
        self.until = time.process_time() + seconds
        theirs, left = _alarm(self._ring, HANGING * seconds)
        try:
            yield
        except _TimeIsUp:
            pass
        finally:
            self.until = float("inf")
            _alarm(theirs, max(0.001, left - (time.monotonic() - started)) if left else 0)
            torch.set_grad_enabled(grad)  # the alarm may ring where a mistake's code has switched it off

    def _ring(self, *_: object) -> None:
        if self.until < float("inf"):
            raise _TimeIsUp


def _alarm(handler: Any, seconds: float) -> tuple[Any, float]:
    """Set the alarm, and again a second later: Python drops what is raised in a destructor. What was set before."""
    if not hasattr(signal, "setitimer"):
        return None, 0
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    theirs = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0 if handler == _clock._ring else 0)
    return theirs, left


_clock = _Clock()
