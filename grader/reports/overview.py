"""The class as a whole, in numbers: what the first screen of the page shows."""

import statistics
from collections import defaultdict
from dataclasses import dataclass

from grader.catalogue import mistakes
from grader.reports.tables import graded_steps
from grader.reports.text import line, merged
from grader.results import Result, TestResult
from grader.scoreboard import number
from grader.steps import BY_NUMBER, Step
from grader.verdicts import Outcome

BINS = 10
COMMONEST = 10
UNTOLD = (Outcome.PASSED, Outcome.NOT_STARTED, Outcome.UNGRADABLE)  # outcomes that are no mistake of the student's


@dataclass(frozen=True)
class Rate:
    """One graded test over the class: how many students ended it in which way.

    observed: what it claims is seen by the student's process alone (see grader.probe.points).
    """

    test: str
    title: str
    passed: int
    failed: int
    not_started: int
    ungradable: int
    observed: bool

    @property
    def judged(self) -> int:
        return self.passed + self.failed + self.not_started

    @property
    def share(self) -> float:
        return self.passed / self.judged if self.judged else 0.0


@dataclass(frozen=True)
class StepRates:
    """A step over the class: the mean of its points, and its tests."""

    step: Step
    mean: float
    possible: float
    rates: list[Rate]

    @property
    def hardest(self) -> Rate | None:
        """The test that the fewest passed, if anyone missed one."""
        rate = min(self.rates, key=lambda rate: rate.share)
        return rate if rate.share < 1 else None


@dataclass(frozen=True)
class Failure:
    """A failure that several students share: `who` are places in the list of results."""

    step: Step
    outcome: str
    title: str
    hint: str
    who: list[int]


@dataclass(frozen=True)
class Named:
    """A catalogued mistake that failures look like; `who` are places in the list of results.

    source: the address of somebody else's, or "".
    """

    step: Step
    says: str
    source: str
    who: list[int]


@dataclass(frozen=True)
class Bar:
    """A column of the histogram: `count` students reached from `low` to `high` per cent."""

    low: int
    high: int
    count: int


def shares(results: list[Result]) -> list[float]:
    """Points over possible points, 0 to 1, of every student who was graded."""
    return [result.points / result.max_points for result in results if result.max_points]


def figures(results: list[Result]) -> list[tuple[str, str]]:
    """The summary: a label and a value each."""
    points = [result.points for result in results if result.tests]
    return [
        ("students", str(len(results))),
        ("mean points", number(round(statistics.mean(points), 1)) if points else "none"),
        ("median points", number(round(statistics.median(points), 1)) if points else "none"),
        ("with full points", str(sum(share == 1 for share in shares(results)))),
        ("ungradable checks", str(sum(len(result.ungradable) for result in results))),
        ("not graded", str(sum(bool(result.problem) for result in results))),
        ("grading time, summed", duration(sum(result.seconds for result in results))),
    ]


def histogram(results: list[Result]) -> list[Bar]:
    """Students by their share of the points, in tenths; full points are in the last."""
    counts = [0] * BINS
    for share in shares(results):
        counts[min(int(share * BINS), BINS - 1)] += 1
    width = 100 // BINS
    return [Bar(i * width, (i + 1) * width, count) for i, count in enumerate(counts)]


def pass_rates(results: list[Result]) -> list[StepRates]:
    """Every step that was graded, in the order of the course; its tests in the order of their suite."""
    found = []
    for step in graded_steps(results):
        graded = [result.by_step()[step] for result in results if step in result.by_step()]
        by_test: dict[str, list[TestResult]] = defaultdict(list)
        for test in (test for tests in graded for test in tests):
            by_test[test.test].append(test)
        mean = statistics.mean(sum(test.points for test in tests) for tests in graded)
        possible = max(sum(test.max_points for test in tests) for tests in graded)
        found.append(StepRates(step, round(mean, 1), possible, [_rate(tests) for tests in by_test.values()]))
    return found


def _rate(tests: list[TestResult]) -> Rate:
    ends = [test.outcome for test in tests]
    passed, idle, ours = (ends.count(o) for o in (Outcome.PASSED, Outcome.NOT_STARTED, Outcome.UNGRADABLE))
    failed = len(ends) - passed - idle - ours
    return Rate(tests[0].test, line(tests[0].title), passed, failed, idle, ours, tests[0].observed)


def commonest(results: list[Result]) -> list[Failure]:
    """The failures that most students share; a step that does not import is one failure, not one per test."""
    shared: dict[tuple[int, str, str], list[tuple[int, TestResult]]] = defaultdict(list)
    for place, result in enumerate(results):
        for tests in merged(result.tests):
            if (first := tests[0]).outcome not in UNTOLD:
                test = "" if first.outcome == Outcome.IMPORT_ERROR else first.test
                shared[first.step, first.outcome, test].append((place, first))
    failures = [_failure(found) for found in shared.values()]
    return sorted(failures, key=lambda failure: (-len(failure.who), failure.step.number))[:COMMONEST]


def _failure(found: list[tuple[int, TestResult]]) -> Failure:
    test = found[0][1]
    whole = test.outcome == Outcome.IMPORT_ERROR
    step = BY_NUMBER[test.step]
    title = f"{step.module}.py cannot be imported" if whole else line(test.title)
    return Failure(step, test.outcome, title, "" if whole else line(test.hint), sorted({place for place, _ in found}))


def named(results: list[Result]) -> list[Named]:
    """The catalogued mistakes that the failures of most students look like."""
    found: dict[tuple[int, str], set[int]] = defaultdict(set)
    for place, result in enumerate(results):
        for test in result.tests:
            for mistake in test.looks_like:
                found[test.step, mistake].add(place)
    known = {(number, one.id): one for number in {n for n, _ in found} for one in mistakes(BY_NUMBER[number])}
    told = {key: (known[key].says, known[key].source) for key in found if key in known}
    # one that has left the catalogue since is told by its id
    every = [Named(BY_NUMBER[key[0]], *told.get(key, (line(key[1]), "")), sorted(who)) for key, who in found.items()]
    return sorted(every, key=lambda one: (-len(one.who), one.step.number, one.says))[:COMMONEST]


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
