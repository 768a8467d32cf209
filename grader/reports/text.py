"""What a submission wrote, made fit to print; and one student's result as plain text."""

from collections.abc import Iterator

from grader.results import Result, TestResult
from grader.sandbox.text import clean
from grader.scoreboard import board, number, scores
from grader.verdicts import Outcome, Verdict

SHOWN = 2000  # characters of what a student's code printed


def cleaned(text: str) -> str:
    """`text` without terminal sequences, control or direction-changing characters: valid in XML, HTML and JSON."""
    return clean(text)


def line(text: str) -> str:
    """`text` cleaned, on one line."""
    return " ".join(cleaned(text).split())


def capped(text: str, longest: int) -> str:
    """The beginning of `text`, and how much more there is."""
    return text if len(text) <= longest else f"{text[:longest]}\n[{len(text) - longest:,} characters more]"


def learner_text(result: Result) -> str:
    """What one student should read: a line per step, then every check that does not stand, with its message and hint.

    Plain text, cleaned of control characters, with a final newline.
    """
    head = f"{line(result.student)}: {number(result.points)} of {number(result.max_points)} points"
    parts = [head]
    if result.problem:
        parts.append(f"Your submission could not be graded: {line(result.problem)}")
    parts += [f"Left out of your submission: {line(what)}" for what in result.left_out]
    if result.tests:
        parts.append("\n".join(text for text, _ in board(scores(map(verdict_of, result.tests)))).strip("\n"))
    parts += ["\n".join(lines) for lines in map(_finding, merged(result.tests)) if lines]
    return "\n\n".join(parts) + "\n"


def verdict_of(test: TestResult) -> Verdict:
    """The verdict that the scoreboard of a learner's own run would show for this test."""
    return Verdict(
        test=test.test,
        step=test.step,
        points=test.max_points,
        title=line(test.title),
        hint=test.hint,
        outcome=Outcome(test.outcome),
        message=test.message,
        output=test.output,
        seconds=test.seconds,
    )


def merged(tests: list[TestResult]) -> list[list[TestResult]]:
    """Tests in their order, those of a step that failed for one and the same reason (no import, not begun) together."""
    groups: dict[tuple[object, ...], list[TestResult]] = {}
    for test in tests:
        same = test.outcome in (Outcome.IMPORT_ERROR, Outcome.NOT_STARTED)
        key = (test.step, test.outcome, test.message) if same else (test.step, test.test)
        groups.setdefault(key, []).append(test)
    return list(groups.values())


def _finding(tests: list[TestResult]) -> list[str]:
    first, points = tests[0], number(sum(test.max_points for test in tests))
    title = line(first.title) if len(tests) == 1 else f"{len(tests)} checks"
    head = f"Step {first.step}, {first.outcome}: {title} ({points} point{'' if points == '1' else 's'})"
    if first.outcome == Outcome.PASSED:
        return []
    if first.outcome == Outcome.NOT_STARTED:
        return [head]
    lines = [head, *_indented(cleaned(first.message), "  ")]
    if first.outcome == Outcome.UNGRADABLE:
        return [*lines, "  The fault is not yours: this check is graded again before it counts."]
    if len(tests) == 1:
        lines.append(f"  Hint: {line(first.hint)}")
    if first.output:
        lines += ["  Your code printed:", *_indented(capped(cleaned(first.output), SHOWN), "    | ")]
    return lines


def _indented(text: str, by: str) -> Iterator[str]:
    return (by + part for part in text.splitlines())
