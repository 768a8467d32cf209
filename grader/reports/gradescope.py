"""`gradescope/<student>.json`: what Gradescope reads as an autograder's results.json."""

import json
from typing import Any

from grader.reports.text import cleaned, line
from grader.results import Result, TestResult
from grader.scoreboard import number
from grader.verdicts import Outcome


def gradescope_json(result: Result) -> str:
    """One student's results. A test that could not be graded has no score and no status: it does not count yet."""
    data = {
        "score": result.points,
        "execution_time": round(result.seconds, 2),
        "visibility": "visible",
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "output": _summary(result),
        "tests": [_test(test) for test in result.tests],
        "extra_data": {"rung": result.rung, "seed": result.seed, "submission": result.submission_hash},
    }
    return json.dumps(data, indent=1) + "\n"


def _summary(result: Result) -> str:
    parts = [f"{number(result.points)} of {number(result.max_points)} points."]
    if result.problem:
        parts.append(f"This submission could not be graded: {line(result.problem)}")
    if result.ungradable:
        open_points = number(sum(test.max_points for test in result.ungradable))
        parts.append(
            f"{len(result.ungradable)} checks worth {open_points} points could not be graded. The fault is not yours: "
            "they are graded again before they count."
        )
    parts += [f"Left out of your submission: {line(what)}" for what in result.left_out]
    return "\n".join(parts)


def _test(test: TestResult) -> dict[str, Any]:
    said = {"What to know:": test.message, "Hint:": test.hint, "Your code printed:": test.output}
    if test.outcome == Outcome.PASSED:
        said = {"Your code printed:": test.output}
    entry: dict[str, Any] = {
        "name": f"Step {test.step}: {line(test.title)}",
        "max_score": test.max_points,
        "output": "\n\n".join(f"{label}\n{cleaned(text)}" for label, text in said.items() if text),
        "output_format": "text",
        "visibility": "visible",
        "tags": [test.test, test.outcome],
    }
    if test.outcome == Outcome.UNGRADABLE:
        return {**entry, "name": f"[could not be graded] {entry['name']}"}
    return {**entry, "score": test.points, "status": "passed" if test.outcome == Outcome.PASSED else "failed"}
