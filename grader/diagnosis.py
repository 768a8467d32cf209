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
import io
import sys
import textwrap
import time
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from grader import evidence
from grader.catalogue import Mistake, mistakes, solution
from grader.clock import TimeIsUp, clock
from grader.inprocess import InProcess
from grader.likeness import same, signature
from grader.probe import Probe, Student
from grader.recall import ANSWERS, Answer, question
from grader.replay import EXAMPLES, Call, Example, Watched
from grader.steps import BY_NUMBER, Step
from grader.verdicts import Outcome, judge

BUDGET_S = 1.5  # of computing for one failed test
CANDIDATES = 3  # a longer list of "either ... or" helps nobody


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
    found = _giving_the_same(item, name, known)
    known.suspects |= {one.id for one in found}
    if len(found) > CANDIDATES:  # the others would show in the tests that they name
        found = [one for one in found if one.caught_by == name]
    return found if len(found) <= CANDIDATES else []


def _giving_the_same(item: pytest.Item, name: str, known: Known) -> list[Mistake]:
    examples = list(item.stash.get(EXAMPLES, []))[::-1]
    if not examples or not examples[0].calls:
        return []
    step = BY_NUMBER[item.get_closest_marker("points").kwargs["step"]]  # type: ignore[union-attr]
    ways = [_equal]
    if item.get_closest_marker("weights_are_free"):
        ways.append(_alike)
    possible = [one for one in _catalogue(step) if one.caught_by not in known.passed]
    suspects = [one for one in possible if one.id in known.suspects]  # one mistake explains more than two do
    likely = [one for one in possible if one.caught_by == name]
    rest = [one for one in possible if one.caught_by != name]  # tried as far as the time goes
    with clock.bounds(BUDGET_S):
        for way in ways:
            agrees = functools.partial(_agrees, way, examples, step)
            if found := list(filter(agrees, suspects)) or _agreeing(agrees, likely, rest):
                return found
    return []


def _agrees(way: Callable[[Example, Student], bool], examples: list[Example], step: Step, mistake: Mistake) -> bool:
    """Whether the mistake gives what the student's code gave, in this way, on all the examples."""
    return all(way(example, _wrong(step, mistake)) for example in examples)


def _agreeing(agrees: Callable[[Mistake], bool], likely: list[Mistake], rest: list[Mistake]) -> list[Mistake]:
    """Those that agree, as far as the time goes. Raises TimeIsUp unless all likely ones were tried."""
    found = list(filter(agrees, likely))
    try:
        for one in rest:
            if agrees(one):
                found.append(one)
    except TimeIsUp:
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


@functools.cache
def _catalogue(step: Step) -> list[Mistake]:
    return mistakes(step) if solution(step).exists() else []


class _Wrong(InProcess):
    """A solution with a mistake in it. Asked the same again, as for the next student, it need not run again."""

    def __init__(self, step: Step, mistake: Mistake):
        self._id = f"grader_mistake_{step.number}_{mistake.id.replace('-', '_')}"
        source = mistake.apply(solution(step).read_text("utf-8"))
        super().__init__(f"{step.module}.py", lambda: _module(self._id, source))

    def run_probe(self, act: Probe, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._probing:  # a probe that calls another
            return super().run_probe(act, args, kwargs)
        clock.check()
        asked = question(self._id, act, args, kwargs)
        if answer := ANSWERS.get(asked):
            torch.randint(1 << 31, ())  # the probe's seed, which is drawn for every call
            clock.pay(asked, answer.seconds)  # the last of a class is told what the first was
        else:
            answer = self._answer(act, args, kwargs)
            ANSWERS.keep(asked, answer)
            clock.pay(asked, 0.0)  # by the time that has passed
        self.raised = answer.error
        if answer.error:
            raise answer.error
        return answer.value

    def _answer(self, act: Probe, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Answer:
        started = time.process_time()
        try:
            frame, error = evidence.encode(super().run_probe(act, args, kwargs)), None
        except Exception as raised:  # a mistake's code may raise anything
            frame, error = b"", raised
        return Answer(time.process_time() - started, frame, error)


def _module(name: str, source: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module  # dataclasses and pickles look it up
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


_wrong = functools.cache(_Wrong)
