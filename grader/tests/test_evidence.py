"""Evidence survives the trip whole, and nothing but plain data can make it."""

import json
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader import evidence
from grader.evidence import HEAD, MAGIC, BadEvidence, Limits, decode, encode

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(value=PLAIN)
def test_plain_data_comes_back_equal_and_of_the_same_types(value):
    back = decode(encode(value))
    assert back == value
    assert repr(back) == repr(value)  # tells True from 1 and -0.0 from 0.0


@pytest.mark.parametrize("dtype", evidence.DTYPES)
def test_tensors_keep_shape_type_and_values(dtype):
    tensor = torch.arange(12).reshape(3, 4).to(dtype)
    for sent in (tensor, tensor.T, tensor[:, ::2], tensor[:0], tensor[0, 0]):
        back = decode(encode({"t": sent}))["t"]
        assert back.dtype == dtype
        assert torch.equal(back, sent)


def test_shared_storage_gradients_and_subclasses_become_plain_copies():
    weight = torch.nn.Parameter(torch.ones(2, 2))
    first, second = decode(encode([weight, weight[0]]))
    assert type(first) is torch.Tensor
    assert not first.requires_grad
    assert torch.equal(second, torch.ones(2))


def test_nan_and_infinity_survive():
    back = decode(encode([math.nan, math.inf, -math.inf]))
    assert math.isnan(back[0])
    assert back[1:] == [math.inf, -math.inf]


def test_a_lying_number_is_taken_for_what_it_is():
    class Liar(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    class LoudFloat(float):
        def __repr__(self):
            return "0.0"

    back = decode(encode([Liar(3), LoudFloat(2.5)]))
    assert [type(x) for x in back] == [int, float]
    assert back == [3, 2.5]


@pytest.mark.parametrize("value", [object(), {1: "a"}, {1, 2}, 1j, torch.nn.Linear(1, 1), torch.zeros(2).to_sparse()])
def test_other_values_are_refused_by_name(value):
    with pytest.raises(BadEvidence, match="evidence"):
        encode(value)


def _frame(tree: object, block: bytes = b"") -> bytes:
    text = json.dumps(tree).encode()
    return HEAD.pack(MAGIC, len(text), len(block)) + text + block


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"EVD1",
        b"XXXX" + _frame(1)[4:],
        _frame(1)[:-1],
        _frame(1) + b"x",
        HEAD.pack(MAGIC, 3, 0) + b"[[[",
        HEAD.pack(MAGIC, 2, 0) + b"\xff\xff",
        _frame([]),
        _frame(["x", 1]),
        _frame({"a": 1}),
        _frame(["t", 0]),
        _frame(["t", -1]),
        _frame(["f", "1; import os"]),
        _frame(["f", 1.5]),
        _frame(1.5),
        _frame(["d", [["a"]]]),
        _frame(["d", [[1, 2]]]),
        _frame(["d", 5]),
        _frame(1, b"\xff" * 16),
        _frame(1, pickle.dumps([1, 2, 3]) * 4),
        pickle.dumps({"value": 1}),
    ],
)
def test_malformed_frames_are_bad_evidence(frame):
    with pytest.raises(BadEvidence):
        decode(frame)


@given(noise=st.binary(max_size=200))
def test_noise_is_bad_evidence_or_plain_data(noise):
    frame = HEAD.pack(MAGIC, len(noise), 0) + noise
    try:
        decode(frame)
    except BadEvidence:
        return


@pytest.mark.parametrize(
    ("value", "limits"),
    [
        ("x" * 100, Limits(tree_bytes=50)),
        (torch.zeros(100), Limits(tensor_bytes=50)),
        ([1] * 100, Limits(items=50)),
        ([torch.zeros(1)] * 9, Limits(tensors=5)),
        (torch.zeros([1] * 9), Limits(dimensions=8)),
        ([[[[[[1]]]]]], Limits(depth=4)),
    ],
)
def test_every_limit_holds_on_arrival(value, limits):
    frame = encode(value, Limits(depth=99))
    decode(frame, Limits(depth=99, dimensions=99))
    with pytest.raises(BadEvidence):
        decode(frame, limits)


def test_bytes_must_be_a_row_of_uint8():
    block = encode(torch.zeros(2, 2))[HEAD.size + len('["t",0]') :]
    with pytest.raises(BadEvidence, match="bytes"):
        decode(_frame(["b", 0], block))
