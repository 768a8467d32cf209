"""`report.html`: one file, no network, for a browser on a desk or a phone.

The style and the script stand in the page and are allowed by their hashes; the policy forbids everything else, so even
text that got past the escaping could load, run and style nothing.
"""

import base64
import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from grader.reports import overview
from grader.reports.tables import earned, graded_steps
from grader.reports.text import SHOWN, capped, cleaned, line, merged
from grader.results import Result, TestResult
from grader.scoreboard import number
from grader.steps import Step
from grader.verdicts import Outcome

HERE = Path(__file__).parent
MESSAGE = 4000  # characters of one message
PER_STUDENT = 60_000  # bytes of messages and output for one student, as they stand in the page
PER_PAGE = 9_000_000  # and for all of them together: 300 students stay under 15 MB, whatever they print
LEFT_OUT = 30  # lines

MARKS = {Outcome.PASSED: ("✓", "good"), Outcome.NOT_STARTED: ("·", "idle"), Outcome.UNGRADABLE: ("?", "ours")}
WRONG = ("✗", "bad")


@dataclass(frozen=True)
class Entry:
    """One line of a student's section: a test, or all those of a step that ended alike."""

    mark: str
    kind: str
    outcome: str
    titles: list[str]
    names: list[str]
    points: str
    seconds: str
    message: str
    hint: str
    output: str


@dataclass(frozen=True)
class Standing:
    """One step of one student."""

    step: Step
    earned: str
    possible: str
    entries: list[Entry]


@dataclass(frozen=True)
class Section:
    """One student, ready to print; `flags` are the words that the page's filter knows."""

    anchor: str
    name: str
    result: Result
    problem: str
    flags: list[str]
    state: str
    standings: list[Standing]
    left_out: list[str]

    def standing(self, step: Step) -> Standing | None:
        return next((standing for standing in self.standings if standing.step == step), None)


@dataclass
class Allowance:
    """What is left of a student's share of the page, in bytes."""

    left: int
    seen: set[str] = field(default_factory=set)

    def take(self, text: str, longest: int) -> str:
        """The text, cleaned and shortened; said instead of shown if it stood before or nothing is left for it."""
        text = cleaned(text).strip("\n")
        if not text or text in self.seen:
            return text and "[the same as above]"
        self.seen.add(text)
        shown = capped(text, longest)
        size = len(str(escape(shown)).encode())
        if size > self.left:
            return "[not shown, the page would grow too large: read this student's JSON result]"
        self.left -= size
        return shown


def page(results: list[Result], names: list[str], *, class_name: str, problems: list[str]) -> str:
    """The page, as HTML. `names` are safe, unique names for the results, used as anchors."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "moment": moment, "ticked": ticked}
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    sections = [_section(result, name, len(results)) for result, name in zip(results, names, strict=True)]
    return environment.get_template("page.html.j2").render(
        class_name=line(class_name),
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        finished=line(max((result.started for result in results), default="")),
        rungs=sandboxes(results),
        problems=[line(problem) for problem in problems],
        figures=overview.figures(results),
        bars=overview.histogram(results),
        rates=overview.pass_rates(results),
        failures=overview.commonest(results),
        mistakes=overview.named(results),
        steps=graded_steps(results),
        sections=sections,
        attention=[section for section in sections if "attention" in section.flags],
        duration=overview.duration,
    )


def moment(started: str) -> str:
    """An ISO time of the results, for people: 2026-01-31 14:05 UTC; anything else as it is."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d\+00:00", started)
    return f"{found[1]} {found[2]} UTC" if found else started


def ticked(title: str) -> Markup:
    """A title whose names stand in backticks, with these as code; everything in it is escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(title))))


def policy(style: str, script: str) -> str:
    """The content security policy: nothing but the very style and script of this page."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script))
    rules = [
        "default-src 'none'",
        "style-src 'sha256-{}'",
        "script-src 'sha256-{}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(rules).format(*hashes)


def sandboxes(results: list[Result]) -> list[tuple[str, str, int]]:
    """Every sandbox in force, what it does not protect, and for how many students."""
    counts = Counter((line(result.rung), line(result.warning)) for result in results)
    return [(rung, warning, count) for (rung, warning), count in counts.most_common()]


def _section(result: Result, name: str, students: int) -> Section:
    allowance = Allowance(min(PER_STUDENT, PER_PAGE // students))
    standings = [_standing(step, tests, allowance) for step, tests in result.by_step().items()]
    attention = bool(result.problem or result.ungradable)
    full = bool(result.tests) and result.points == result.max_points
    idle = not result.problem and all(test.outcome == Outcome.NOT_STARTED for test in result.tests)
    kinds = {"attention": attention, "full": full, "idle": idle, "partly": not (attention or full or idle)}
    left_out = [line(what) for what in result.left_out]
    if len(left_out) > LEFT_OUT:
        left_out[LEFT_OUT:] = [f"and {len(left_out) - LEFT_OUT:,} more"]
    return Section(
        anchor=f"student-{name}",
        name=line(result.student) or "(no name)",
        result=result,
        problem=line(result.problem),
        flags=[kind for kind, holds in kinds.items() if holds],
        state=_state(result, full, idle),
        standings=standings,
        left_out=[what[:300] for what in left_out],
    )


def _state(result: Result, full: bool, idle: bool) -> str:
    if result.problem:
        return "not graded"
    if result.ungradable:
        return f"{len(result.ungradable)} ungradable"
    return "full points" if full else "not started" if idle else "in progress"


def _standing(step: Step, tests: list[TestResult], allowance: Allowance) -> Standing:
    possible = number(sum(test.max_points for test in tests))
    return Standing(step, earned(tests), possible, [_entry(group, allowance) for group in merged(tests)])


def _entry(tests: list[TestResult], allowance: Allowance) -> Entry:
    first = tests[0]
    mark, kind = MARKS.get(Outcome(first.outcome), WRONG)
    stands = first.outcome in (Outcome.PASSED, Outcome.UNGRADABLE)
    return Entry(
        mark=mark,
        kind=kind,
        outcome=first.outcome,
        titles=[line(test.title) for test in tests],
        names=[line(test.test) for test in tests],
        points=f"{earned(tests)} / {number(sum(test.max_points for test in tests))}",
        seconds=f"{sum(test.seconds for test in tests):.2f} s",
        message="" if first.outcome == Outcome.PASSED else allowance.take(first.message, MESSAGE),
        hint="" if stands or len(tests) > 1 else line(first.hint),
        output=allowance.take(first.output, SHOWN),
    )
