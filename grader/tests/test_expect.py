"""The four parts of a message, and that odd evidence is told, never crashed on."""

import pytest
import torch

from grader.expect import Mismatch, expect, expect_close, expect_equal, expect_raises, expect_tensor, number, show

TEXTS = {"did": "did it", "look": "there"}


def told(call) -> str:
    with pytest.raises(Mismatch) as caught:
        call()
    return str(caught.value)


def test_a_message_has_four_parts_in_order():
    text = told(lambda: expect(False, wanted="2", got="3", **TEXTS))
    assert text.splitlines() == ["We did:    did it", "Expected:  2", "Got:       3", "Look at:   there"]
    expect(True, wanted="2", got="3", **TEXTS)


def test_long_text_is_wrapped_and_tables_are_kept():
    table = "    x . .\n    x x ."
    text = told(lambda: expect(False, wanted="word " * 60, got="table:\n" + table, **TEXTS))
    assert max(map(len, text.splitlines())) <= 111
    assert "x . .\n" in text


@pytest.mark.parametrize("odd", [None, 3.0, "text", [1, 2], {"a": 1}, torch.zeros(3, 2), torch.zeros(2, 3, 1)])
def test_what_is_not_the_tensor_asked_for_is_told(odd):
    text = told(lambda: expect_tensor(odd, (2, None), **TEXTS))
    assert "a tensor of shape (2, any)" in text


def test_types_and_nan_of_tensors():
    assert "int64" in told(lambda: expect_tensor(torch.zeros(2), (2,), dtype=torch.int64, **TEXTS))
    assert "1 of 2 values are NaN" in told(lambda: expect_tensor(torch.tensor([1.0, float("nan")]), (2,), **TEXTS))
    assert expect_tensor(torch.zeros(2, 5), (2, None), **TEXTS).shape == (2, 5)


@pytest.mark.parametrize("odd", [None, "text", {"a": 1}, ["a"], [[1.0], [1.0, 2.0]], [None, 2.0]])
def test_what_is_no_number_at_all_is_told(odd):
    assert "Expected:  [1.0, 2.0]" in told(lambda: expect_close(odd, [1.0, 2.0], **TEXTS))


def test_close_means_within_both_tolerances_and_nan_never_is():
    expect_close([1.0, 100.0], [1.00001, 100.005], **TEXTS)
    expect_close(torch.tensor([float("inf")]), [float("inf")], **TEXTS)
    text = told(lambda: expect_close([1.0, float("nan"), 3.5], [1.0, 2.0, 3.0], **TEXTS))
    assert "2 of 3 values differ" in text
    assert "nan" in text
    assert "3.5" in text
    assert "shape (2,)" in told(lambda: expect_close([1.0, 2.0], [1.0, 2.0, 3.0], **TEXTS))
    assert "Got:       2" in told(lambda: expect_close(2.0, 1.0, **TEXTS))


def test_numbers_that_differ_late_are_shown_in_as_many_digits():
    right = torch.tensor([0.45250312, 0.5], dtype=torch.float64)
    text = told(lambda: expect_close(right - torch.tensor([1e-8, 0.0]), right, **TEXTS, rtol=0, atol=0))
    assert {"0.45250312", "0.45250311"} <= set(text.split())


def test_equal_minds_the_type():
    expect_equal([1, "a"], [1, "a"], **TEXTS)
    assert "Expected:  1" in told(lambda: expect_equal(True, 1, **TEXTS))
    assert "a tensor" in told(lambda: expect_equal(torch.ones(2), [1, 1], **TEXTS))


def test_an_error_must_be_a_value_error_that_names_the_numbers():
    right = {"type": "ValueError", "value_error": True, "message": "T=11 is longer than block_size=8."}
    expect_raises(right, mentions=[11, 8], **TEXTS)
    assert "names 12 and 8" in told(lambda: expect_raises(right, mentions=[12, 8], **TEXTS))
    assert "names 1" in told(lambda: expect_raises(right, mentions=[1], **TEXTS))
    other = {"type": "IndexError", "value_error": False, "message": "11 8"}
    assert "Got:       IndexError: 11 8" in told(lambda: expect_raises(other, mentions=[11, 8], **TEXTS))
    for nothing in (None, {"type": None}, 3):
        assert "no error at all" in told(lambda nothing=nothing: expect_raises(nothing, **TEXTS))


def test_values_are_shown_short():
    assert number(2.0) == "2"
    assert number(1 / 3) == "0.333333"
    assert show(torch.zeros(9)) == "a tensor of shape (9,), float32: [0, 0, 0, 0, 0, 0, ...]"
    assert len(show("x" * 999)) <= 300
    assert show([torch.ones(1, 2), 3]) == "[a tensor of shape (1, 2), float32: [1, 1], 3]"


@pytest.mark.parametrize(
    "ask",
    [
        lambda: expect_close([1.0, 10**400], [1.0, 2.0], did="", look=""),
        lambda: expect_equal([torch.zeros(2), 1], [1, 2], did="", look=""),
        lambda: expect_raises({"type": torch.zeros(2)}, did="", look=""),
        lambda: expect_raises({"type": "X", "value_error": torch.zeros(2)}, did="", look=""),
        lambda: expect_raises({"type": "X" * 100_000, "value_error": False}, did="", look=""),
    ],
)
def test_evidence_that_no_honest_probe_gives_is_a_mismatch_too(ask):
    """A forged frame may hold any plain data: it must not make the test ungradable, nor its message endless."""
    assert len(told(ask)) < 1000
