"""`grades.csv`: a row per student, for a spreadsheet or a course system."""

import csv
import io

from grader.reports.text import line
from grader.results import Result, TestResult
from grader.scoreboard import number
from grader.steps import STEPS, Step

FORMULA = tuple("=+-@＝＋－＠")  # what a spreadsheet takes for the start of a formula, in full width too


def grades_csv(results: list[Result]) -> str:
    """Columns: student, total, possible, a column per track, one per step, ungradable (tests and points), problem.

    A cell without a verdict behind it is empty, not 0. Points of ungradable tests are in no total: grade those again.
    """
    steps = graded_steps(results)
    tracks = list(dict.fromkeys(step.track for step in steps))
    head = ["student", "total", "possible", *tracks, *(step.module for step in steps)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*head, "ungradable", "ungradable_points", "problem"])
    for result in results:
        by_track = [
            [test for step, tests in result.by_step().items() if step.track == t for test in tests] for t in tracks
        ]
        by_step = [result.by_step().get(step, []) for step in steps]
        writer.writerow(
            [
                cell(result.student),
                earned(result.tests),
                number(result.max_points) if result.tests else "",
                *map(earned, [*by_track, *by_step]),
                len(result.ungradable),
                number(sum(test.max_points for test in result.ungradable)),
                cell(result.problem),
            ]
        )
    return text.getvalue()


def graded_steps(results: list[Result]) -> list[Step]:
    """Every step that anyone was graded on, in the order of the course."""
    graded = {test.step for result in results for test in result.tests}
    return [step for step in STEPS if step.number in graded]


def earned(tests: list[TestResult]) -> str:
    return number(sum(test.points for test in tests)) if tests else ""


def cell(text: str) -> str:
    """Text that no spreadsheet runs: a leading apostrophe makes it text, as when typed by hand."""
    text = line(text)
    return f"'{text}" if text.startswith(FORMULA) else text
