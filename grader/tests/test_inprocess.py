"""Probes in a learner's own process: random state, plain evidence, imports."""

import random
import sys
import types

import numpy as np
import pytest
import torch

from grader.evidence import BadEvidence
from grader.inprocess import ImportFailed, InProcess, from_file
from grader.probe import probe


@probe
def answer(student, x):
    return student.answer(x)


@probe
def answer_twice(student, x):
    return [answer(student, x), answer(student, x)]


@probe
def draws(student):
    return [random.random(), float(np.random.rand()), torch.rand(2)]


def _student(**names) -> InProcess:
    return InProcess("exercises/step.py", lambda: types.SimpleNamespace(**names))


def test_evidence_is_what_a_sandbox_would_return():
    back = answer(_student(answer=lambda x: (x, torch.nn.Parameter(torch.ones(2)))), 3)
    assert type(back) is list
    assert type(back[1]) is torch.Tensor
    with pytest.raises(BadEvidence):
        answer(_student(answer=lambda x: object()), 3)


def test_a_probe_may_call_a_probe_and_pass_it_anything():
    model = torch.nn.Linear(1, 1)

    @probe
    def build(student):
        return model

    @probe
    def use(student):
        return build(student) is model

    assert use(_student()) is True
    assert answer_twice(_student(answer=lambda x: x), 3) == [3, 3]


def test_a_probe_does_not_disturb_the_tests_own_draws():
    def own_draws(probing: bool):
        torch.manual_seed(5)
        random.seed(5)
        np.random.seed(5)
        first = torch.randint(1 << 31, ()) if not probing else None
        if probing:
            answer(_student(answer=lambda x: (torch.manual_seed(0) and random.seed(0)) or np.random.seed(0)), 1)
        return first, random.random(), np.random.rand(), torch.rand(1).item()

    assert own_draws(False)[1:] == own_draws(True)[1:]


def test_a_probes_own_draws_follow_the_tests_seed():
    torch.manual_seed(5)
    first, again = draws(_student()), draws(_student())
    assert first[0] != again[0]
    torch.manual_seed(5)
    assert draws(_student())[:2] == first[:2]


def test_the_students_error_is_remembered_as_theirs():
    student = _student(answer=lambda x: 1 / x)
    with pytest.raises(ZeroDivisionError) as caught:
        answer(student, 0)
    assert student.raised is caught.value
    answer(student, 1)
    assert student.raised is None


def test_a_missing_name_says_to_keep_the_stubs_names():
    with pytest.raises(AttributeError, match=r"exercises/step\.py defines no 'answer'.*stub"):
        answer(_student(), 1)


def test_a_module_that_does_not_import_is_tried_once():
    tries = []

    def load():
        tries.append(1)
        raise SystemExit("bye")

    student = InProcess("exercises/step.py", load)
    for _ in range(3):
        with pytest.raises(ImportFailed, match=r"exercises/step\.py cannot be imported"):
            answer(student, 1)
    assert len(tries) == 1


def test_a_module_in_any_file(tmp_path):
    path = tmp_path / "step9_any.py"
    path.write_text(
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 1\ndef answer(x):\n    return A(x).x\n"
    )
    assert answer(from_file(path, "any_step"), 4) == 4
    assert sys.modules["any_step"].answer(2) == 2
