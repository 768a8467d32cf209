"""When two pieces of evidence, or two findings, count as the same."""

import re
from typing import Any

import torch

from grader.verdicts import Outcome

REAL = re.compile(r"-?\b\d+\.\d+(e[+-]?\d+)?\b|-?\b\d+e[+-]?\d+\b|\bnan\b|-?\binf\b")


def signature(outcome: Outcome, message: str) -> tuple[Outcome, str]:
    """What a finding says apart from its real numbers: tables of influence, counts and the order of things."""
    text = message.partition("\nSmallest failing case found:")[0]  # in a rerun there is none
    if outcome is Outcome.ERROR:
        text = text.splitlines()[0]  # what was raised; where is each learner's own
    return outcome, REAL.sub("#", " ".join(text.split()))


def same(left: Any, right: Any) -> bool:
    """Two pieces of evidence are equal, real numbers up to 1e-4 of the largest."""
    if isinstance(left, BaseException) and isinstance(right, BaseException):
        return _said(left) == _said(right)
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return left.shape == right.shape and left.dtype == right.dtype and _close(left, right)
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return _close(torch.tensor(left), torch.tensor(right))
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def _close(left: torch.Tensor, right: torch.Tensor) -> bool:
    if not left.is_floating_point():
        return torch.equal(left, right)
    finite = right[right.isfinite()]
    size = finite.abs().max().item() if finite.numel() else 0.0
    return torch.allclose(left, right, rtol=0, atol=1e-4 * size + 1e-12, equal_nan=True)


def _said(error: BaseException) -> str:
    """What was raised, in one line; a sandbox has put it in words already."""
    text = " ".join(str(error).split("\n")[0].split())
    return text.removeprefix("Your code raised ") if hasattr(error, "outcome") else f"{type(error).__name__}: {text}"
