"""The reports of a made-up class: every format whole, every text of a student harmless, every figure right."""

import csv
import dataclasses
import io
import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from grader.catalogue import mistakes
from grader.reports import learner_text, overview, write_all
from grader.reports.page import moment, ticked
from grader.results import Result, write_atomically
from grader.steps import BY_NUMBER
from grader.tests.made_up_class import HOSTILE, larger_class, made_up_class

EVIL = "=HYPERLINK"  # the student whose name, messages and output try everything


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("reports")
    where = write_all(made_up_class(), out, class_name="<b>Class</b>", problems=["one & two"])
    return {name: path if path.is_dir() else path.read_text(encoding="utf-8") for name, path in where.items()}


class Elements(HTMLParser):
    """Every element with its attributes, and the text outside scripts and styles."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def test_the_table_has_a_row_per_student_and_no_formula(written):
    rows = list(csv.DictReader(io.StringIO(written["csv"])))
    assert len(rows) == len(made_up_class())
    by_name = {row["student"]: row for row in rows}
    assert by_name["Ada Lovelace"]["total"] == by_name["Ada Lovelace"]["possible"] == "100"
    assert by_name["Alan Turing"]["step5_trainer"] == "0"
    assert by_name["Ken Thompson"]["ungradable"] == "1"
    assert by_name["broken-archive"]["total"] == ""  # no verdict is no zero
    assert "ask for it again" in by_name["broken-archive"]["problem"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_gradescope_gets_a_file_per_student(written):
    files = sorted(written["gradescope"].glob("*.json"))
    assert len(files) == len(made_up_class())
    everyone = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    for data in everyone:
        scores = [test["score"] for test in data["tests"] if "score" in test]
        assert data["score"] == sum(scores)
        assert all(test["status"] in ("passed", "failed") for test in data["tests"] if "score" in test)
    unclear = [test for data in everyone for test in data["tests"] if "score" not in test]
    assert len(unclear) == 1
    assert unclear[0]["name"].startswith("[could not be graded]")
    assert all(path.name.isascii() and "/" not in path.stem and "<" not in path.stem for path in files)


def test_junit_is_well_formed_whatever_students_print(written):
    root = ElementTree.fromstring(written["junit"])
    suites = list(root.iter("testsuite"))
    assert len(suites) == len(made_up_class())
    for result, suite in zip(sorted(made_up_class(), key=lambda r: r.student.casefold()), suites, strict=True):
        assert len(list(suite.iter("testcase"))) == max(len(result.tests), bool(result.problem))


def test_the_page_is_self_contained_and_lets_no_student_write_markup(written):
    page = Elements(written["html"])
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 1
    assert tags.count("style") == 1
    assert not {"iframe", "img", "link", "object", "embed", "base"} & set(tags)
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert all(str(attributes.get(name, "#")).startswith("#") for name in ("src", "action"))
        href = str(attributes.get("href", "#"))
        assert href.startswith("#") or href in {one.source for one in overview.named(made_up_class())}
    policy = next(a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<b>Class</b>" not in written["html"]
    for character in "\u202e\x1b\x00":
        assert character not in written["html"]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_names_what_needs_attention(written):
    text = " ".join("".join(Elements(written["html"]).text).split())
    assert "one & two" in text
    assert "Needs your attention" in text
    assert "Ken Thompson: 1 ungradable" in text
    assert "bwrap" in text
    assert EVIL in text


def test_the_page_tells_the_commonest_mistakes_in_the_catalogues_words(written):
    text = " ".join("".join(Elements(written["html"]).text).split())
    says = next(one.says for one in mistakes(BY_NUMBER[3]) if one.id == "clear-missing")
    assert "Commonest mistakes" in text
    assert f"{says} Step 3, seen elsewhere" in text
    source = next(one.source for one in mistakes(BY_NUMBER[3]) if one.id == "clear-missing")
    assert f'href="{source}"' in written["html"]
    named = {one.says: len(one.who) for one in overview.named(made_up_class())}
    assert named[says] == 3
    assert list(named.values()) == sorted(named.values(), reverse=True)


def renamed(result: Result, mistake: str | None) -> Result:
    """The same result, its failures looking like this mistake, or like none."""
    names = [mistake] if mistake else []
    return dataclasses.replace(result, tests=[dataclasses.replace(test, looks_like=names) for test in result.tests])


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("longer than `min_chars` <b>", "longer than <code>min_chars</code> &lt;b&gt;"),
        ("one ` alone", "one ` alone"),
        ("`<i>`", "<code>&lt;i&gt;</code>"),
    ],
)
def test_names_in_titles_are_code_and_nothing_is_markup(title, wanted):
    assert ticked(title) == wanted


def test_times_are_for_people():
    assert moment("2026-01-31T14:05:09+00:00") == "2026-01-31 14:05 UTC"
    assert moment("yesterday") == "yesterday"


def test_the_page_tells_what_was_observed_and_not_recomputed(tmp_path):
    ada = made_up_class()[0]
    seen = dataclasses.replace(ada.tests[0], observed=True)
    where = write_all([dataclasses.replace(ada, tests=[seen, *ada.tests[1:]])], tmp_path, class_name="c", problems=[])
    assert where["html"].read_text(encoding="utf-8").count("<em>observed</em></code>") == 1


def test_without_a_named_mistake_there_is_no_such_section(tmp_path):
    results = [renamed(result, None) for result in made_up_class()]
    where = write_all(results, tmp_path, class_name="c", problems=[])
    assert "Commonest mistakes" not in where["html"].read_text(encoding="utf-8")


def test_a_mistake_that_left_the_catalogue_is_told_by_its_id_and_is_no_markup(tmp_path):
    results = [renamed(result, f"<b>gone</b> {HOSTILE}") for result in made_up_class()[3:5]]
    html = write_all(results, tmp_path, class_name="c", problems=[])["html"].read_text(encoding="utf-8")
    assert "&lt;b&gt;gone&lt;/b&gt;" in html
    assert "<b>gone" not in html
    assert "\u202e" not in html


def test_a_result_file_from_before_mistakes_were_named_still_reads():
    result = made_up_class()[3]
    data = json.loads(result.to_json())
    assert Result.from_json(result.to_json()) == result
    del data["diagnosed"]
    for test in data["tests"]:
        del test["looks_like"]
    assert all(test.looks_like == [] for test in Result.from_json(json.dumps(data)).tests)


def test_a_class_of_three_hundred_stays_usable(tmp_path):
    where = write_all(larger_class(300), tmp_path, class_name="large", problems=[])
    assert where["html"].stat().st_size < 15 << 20
    assert len(list(where["gradescope"].iterdir())) == 300


def test_a_learners_text_tells_points_and_findings():
    emmy = next(result for result in made_up_class() if result.student == "Emmy Noether")
    text = learner_text(emmy)
    assert "75" in text
    assert "notes.ipynb" in text
    assert "We did:" in text


def test_a_lone_surrogate_does_not_keep_a_result_from_being_written(tmp_path):
    result = dataclasses.replace(made_up_class()[0], left_out=["bad\udcff.py: not one of the course's files"])
    write_atomically(tmp_path / "ada.json", result.to_json())
    assert Result.from_json((tmp_path / "ada.json").read_text(encoding="utf-8")).left_out == [
        "bad?.py: not one of the course's files"
    ]
