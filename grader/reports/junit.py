"""`junit.xml`: one test suite per student, for whatever shows JUnit results."""

from xml.etree import ElementTree

from grader.reports.text import cleaned, line
from grader.results import Result, TestResult
from grader.steps import BY_NUMBER
from grader.verdicts import Outcome


def junit_xml(results: list[Result]) -> str:
    """Failures are the student's; errors are ours (ungradable tests, a submission that could not be graded)."""
    root = ElementTree.Element("testsuites", _counts([test for r in results for test in r.tests], results))
    for result in results:
        suite = ElementTree.SubElement(root, "testsuite", name=line(result.student), timestamp=line(result.started))
        suite.attrib |= _counts(result.tests, [result])
        if result.problem:
            case = ElementTree.SubElement(suite, "testcase", classname="submission", name="can be graded")
            ElementTree.SubElement(case, "error", message=line(result.problem))
        for test in result.tests:
            _case(suite, test)
    ElementTree.indent(root, " ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _counts(tests: list[TestResult], results: list[Result]) -> dict[str, str]:
    problems = sum(bool(result.problem) for result in results)
    ungradable = sum(test.outcome == Outcome.UNGRADABLE for test in tests)
    failed = sum(test.outcome not in (Outcome.PASSED, Outcome.UNGRADABLE) for test in tests)
    seconds = sum(result.seconds for result in results)
    counts = {"tests": len(tests) + problems, "failures": failed, "errors": ungradable + problems}
    return {name: str(count) for name, count in counts.items()} | {"time": f"{seconds:.3f}"}


def _case(suite: ElementTree.Element, test: TestResult) -> None:
    place = f"tests.test_{BY_NUMBER[test.step].module}"
    case = ElementTree.SubElement(suite, "testcase", classname=place, name=test.test, time=f"{test.seconds:.3f}")
    if test.outcome != Outcome.PASSED:
        kind = "error" if test.outcome == Outcome.UNGRADABLE else "failure"
        finding = ElementTree.SubElement(case, kind, type=test.outcome, message=line(test.title))
        finding.text = cleaned(test.message)
    if test.output:
        ElementTree.SubElement(case, "system-out").text = cleaned(test.output)
