"""What becomes of a graded class: a table of grades, a file for Gradescope, one for CI, and a page to look at.

Everything that a submission may have written (its name, messages, printed output) is cleaned of control and
direction-changing characters before it goes into a file, and each format is escaped by its own writer.
"""

from pathlib import Path

from grader.reports.gradescope import gradescope_json
from grader.reports.junit import junit_xml
from grader.reports.names import file_names
from grader.reports.page import page
from grader.reports.tables import grades_csv
from grader.reports.text import learner_text
from grader.results import Result, write_atomically

__all__ = ["learner_text", "write_all"]


def write_all(results: list[Result], out: Path, *, class_name: str, problems: list[str]) -> dict[str, Path]:
    """Write every report into the folder `out`, and say where each is: "csv", "gradescope" (a folder), "junit", "html".

    problems: what went wrong with the class as a whole, a line each; the page shows them at its top.
    """
    results = sorted(results, key=lambda result: (result.student.casefold(), result.student))
    names = file_names([result.student for result in results])
    where = {
        "csv": out / "grades.csv",
        "gradescope": out / "gradescope",
        "junit": out / "junit.xml",
        "html": out / "report.html",
    }
    where["gradescope"].mkdir(parents=True, exist_ok=True)
    for name, result in zip(names, results, strict=True):
        write_atomically(where["gradescope"] / f"{name}.json", gradescope_json(result))
    write_atomically(where["csv"], grades_csv(results))
    write_atomically(where["junit"], junit_xml(results))
    write_atomically(where["html"], page(results, names, class_name=class_name, problems=problems))
    return where
