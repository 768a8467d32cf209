"""What a learner reads after `pytest`: what failed and why, a line per step, and the first thing to do next."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grader.steps import BY_NUMBER, CORE, STEPS, Step
from grader.verdicts import Outcome, Verdict

FULL_MESSAGES = 3  # per step; the rest get a line each
SHOWN_OUTPUT = 10  # lines of what the learner's code printed
Line = tuple[str, str]  # text, colour


@dataclass(frozen=True)
class StepScore:
    """A step's verdicts added up."""

    step: Step
    verdicts: list[Verdict]

    @property
    def earned(self) -> float:
        return sum(v.earned for v in self.verdicts)

    @property
    def possible(self) -> float:
        return sum(v.points for v in self.verdicts)

    @property
    def state(self) -> str:
        if any(v.outcome is Outcome.IMPORT_ERROR for v in self.verdicts):
            return "does not import"
        if all(v.outcome is Outcome.PASSED for v in self.verdicts):
            return "done"
        if all(v.outcome is Outcome.NOT_STARTED for v in self.verdicts):
            return "not started"
        return "in progress"

    @property
    def open(self) -> list[Verdict]:
        return [v for v in self.verdicts if v.outcome is not Outcome.PASSED]


def scores(verdicts: Iterable[Verdict]) -> list[StepScore]:
    """One score per step that was run, in the order of the course."""
    by_step: dict[int, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_step[verdict.step].append(verdict)
    return [StepScore(step, by_step[step.number]) for step in STEPS if by_step[step.number]]


def findings(results: list[StepScore]) -> Iterator[Line]:
    """The messages of failed tests; a step that does not import, or is not started, is no list of failures."""
    for score in results:
        wrong = [v for v in score.open if v.outcome is not Outcome.NOT_STARTED]
        if not wrong:
            continue
        if score.state == "does not import":
            broken = next(v for v in wrong if v.outcome is Outcome.IMPORT_ERROR)
            yield f"\nStep {score.step.number}: {broken.message}", "red"
            continue
        for verdict in wrong[:FULL_MESSAGES]:
            yield f"\n{_named(verdict)}", "red"
            yield _indent(f"{verdict.title}\n{verdict.message}"), ""
            yield from _output(verdict)
        if wrong[FULL_MESSAGES:]:
            yield f"\nand {len(wrong) - FULL_MESSAGES} more of step {score.step.number}:", ""
        for verdict in wrong[FULL_MESSAGES:]:
            yield f"{_named(verdict)}: {verdict.outcome}", "red"


def _output(verdict: Verdict) -> Iterator[Line]:
    lines = verdict.output.splitlines()
    if lines:
        yield "  Your code printed:", ""
        yield _indent("\n".join(lines[-SHOWN_OUTPUT:]), "    | "), ""


def board(results: list[StepScore]) -> Iterator[Line]:
    """A line per step, and the total of every track that was run."""
    colours = {"done": "green", "in progress": "yellow", "does not import": "red", "not started": ""}
    yield "", ""
    for score in results:
        standing = sum(v.outcome is Outcome.PASSED for v in score.verdicts)
        count = f"{standing} of {len(score.verdicts)} checks stand" if score.state == "in progress" else ""
        tally = f"{number(score.earned):>5} / {number(score.possible):<5}"
        yield (
            f" {score.step.number:>2}  {score.step.title:<26}{tally} {score.state:<16}{count}".rstrip(),
            colours[score.state],
        )
    for track in dict.fromkeys(score.step.track for score in results):
        mine = [score for score in results if score.step.track == track]
        total = f"{number(sum(s.earned for s in mine)):>5} / {number(sum(s.possible for s in mine)):<5}"
        yield f"     {track:<26}{total}", "bold"


def next_thing(results: list[StepScore], where: str) -> Iterator[Line]:
    """The first thing to do next, with its hint. `where` is the folder that is being graded."""
    first = min((score for score in results if score.open), key=_urgency, default=None)
    yield "", ""
    if first is None:
        yield from _all_done(results)
        return
    if first.step.track != CORE and any(score.step.track == CORE for score in results):
        yield (
            "All core points. Train what you wrote with `python -m lab`, or go on; every other track is optional.",
            "green",
        )
    step, verdict = BY_NUMBER[first.step.number], first.open[0]
    yield f"Next: {where}/{step.module}.py", "bold"
    if first.state == "not started":
        yield "  Read the lesson at its top, then replace the NotImplementedError.", ""
    elif first.state == "does not import":
        yield "  Make it import first: the line is above.", ""
        return
    else:
        yield f"  {verdict.title}", ""
    yield f"  Hint: {verdict.hint}", ""
    yield f"  Then: pytest {step.suite}", ""


def _urgency(score: StepScore) -> tuple[bool, bool]:
    """The core comes first; of what is optional, whatever has been begun."""
    optional = score.step.track != CORE
    return optional, optional and score.state == "not started"


def excused(results: list[StepScore]) -> set[int]:
    """The steps that need not be done for a run to succeed: optional ones that are not started, beside the whole core.

    A run that leaves out a core step was asked for by name: nothing that it names is excused.
    """
    run = {score.step.number for score in results}
    if not all(step.number in run for step in STEPS if step.track == CORE):
        return set()
    return {s.step.number for s in results if s.step.track != CORE and s.state == "not started"}


def _all_done(results: list[StepScore]) -> Iterator[Line]:
    rest = [step for step in STEPS if step.number not in {score.step.number for score in results}]
    if rest:
        done = ", ".join(str(score.step.number) for score in results)
        yield f"Full points for step {done}. Next: {rest[0].module}.py, or `pytest` for all steps.", "green"
    else:
        yield "Full points. Now train it on real text: python -m lab", "green"


def number(points: float) -> str:
    """Points without a trailing .0."""
    return f"{points:g}"


def _named(verdict: Verdict) -> str:
    return f"Step {verdict.step}, {verdict.test} ({number(verdict.points)} point{'s' * (verdict.points != 1)})"


def _indent(text: str, by: str = "  ") -> str:
    return "\n".join(by + line for line in text.splitlines())
