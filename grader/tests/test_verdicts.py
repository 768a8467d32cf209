"""From the way a test ended to its outcome and the learner's message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure

from grader.evidence import BadEvidence
from grader.expect import Mismatch
from grader.inprocess import ImportFailed, from_file
from grader.probe import probe
from grader.verdicts import Outcome, Verdict, judge


@probe
def answer(student, x):
    return student.answer(x)


def raised_by(tmp_path, source: str) -> BaseException:
    path = tmp_path / "step1_model.py"
    path.write_text(source)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever the source raises
        answer(from_file(path), 3)
    return caught.value


def test_no_error_is_a_pass():
    assert judge(None, None) == (Outcome.PASSED, "")


def test_the_learners_own_line_is_told_and_no_library_frame(tmp_path):
    source = "import torch\ndef answer(x):\n    return torch.zeros(2) @ torch.zeros(3)  # here\n"
    error = raised_by(tmp_path, source)
    outcome, message = judge(error, error)
    assert outcome is Outcome.ERROR
    assert message.startswith("Your code raised RuntimeError: ")
    assert "step1_model.py:3 in answer: return torch.zeros(2) @ torch.zeros(3)  # here" in message
    assert "site-packages" not in message
    assert "inprocess" not in message


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("def answer(x:\n    pass\n", "step1_model.py:1: def answer(x:"),
        ("import no_such_library\n", "step1_model.py:1 in <module>: import no_such_library"),
        ("raise SystemExit('bye')\n", "SystemExit: bye"),
    ],
)
def test_an_import_error_names_the_line(tmp_path, source, line):
    error = raised_by(tmp_path, source)
    assert isinstance(error, ImportFailed)
    outcome, message = judge(error, error)
    assert outcome is Outcome.IMPORT_ERROR
    assert line in message


def test_a_stub_is_not_started(tmp_path):
    error = raised_by(tmp_path, "def answer(x):\n    raise NotImplementedError('step 1: write it')\n")
    assert judge(error, error) == (Outcome.NOT_STARTED, "step 1: write it")


def test_a_library_that_lacks_something_is_no_stub(tmp_path):
    error = raised_by(tmp_path, "import torch\ndef answer(x):\n    return torch.nn.Module()(x)\n")
    assert isinstance(error, NotImplementedError)
    outcome, message = judge(error, error)
    assert outcome is Outcome.ERROR
    assert "step1_model.py:3" in message


def test_a_mismatch_is_a_failure_with_the_smallest_case():
    error = Mismatch(did="a", wanted="b", got="c", look="d")
    error.add_note("Falsifying example: test_x(\n    student=student,\n    n=3,\n    data=data(...),\n)")
    error.add_note("Draw 1 (size): 5")
    error.add_note("Draw 2: 6")
    outcome, message = judge(error, None)
    assert outcome is Outcome.FAILED
    assert message.endswith("Smallest failing case found: n=3, size=5")


def test_an_answer_that_changes_is_the_students_failure():
    answers = iter([1, 2, 3, 4, 5] + [0] * 1000)

    @given(n=st.integers())
    def asked(student, n):
        if next(answers) > 3:
            raise Mismatch(did="a", wanted="b", got="c", look="d")

    with pytest.raises(FlakyFailure) as caught:
        asked(None)
    outcome, message = judge(caught.value, None)
    assert outcome is Outcome.FAILED
    assert message.startswith("We did:    a")
    assert "is it random?" in message


def test_a_timeout_says_how_long():
    with pytest.raises(pytest.fail.Exception) as caught:
        pytest.fail("Timeout (>3.0s) from pytest-timeout.")
    assert judge(caught.value, caught.value) == (Outcome.TIMED_OUT, "It did not finish within 3.0 seconds.")


def test_a_fault_of_the_suite_is_ungradable_and_blames_nobody():
    outcome, message = judge(TypeError("oops"), None)
    assert outcome is Outcome.UNGRADABLE
    assert "not your code" in message


def test_evidence_that_is_no_data_is_a_failure():
    error = BadEvidence("evidence cannot hold Foo")
    assert judge(error, error)[0] is Outcome.FAILED


def test_a_skip_raised_by_the_students_code_earns_nothing(tmp_path):
    error = raised_by(tmp_path, "import pytest\ndef answer(x):\n    pytest.skip('no')\n")
    outcome, _ = judge(error, error)
    assert outcome is Outcome.ERROR


def test_only_a_pass_earns_points():
    for outcome in Outcome:
        verdict = Verdict("t", 1, 4, "T.", "h?", outcome)
        assert verdict.earned == (4 if outcome is Outcome.PASSED else 0)
